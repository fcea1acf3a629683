//! Random faults at the simulated vendors, each for a while and then mended.

use std::collections::BTreeMap;
use std::time::Duration;

use apnswatch::demo::intune;
use apnswatch::demo::jamf;
use apnswatch::demo::kandji;
use apnswatch::demo::{mosyle, world};
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::fleet::{Fleet, KINDS};

/// The faults that stand, and those that are over.
pub(crate) struct Faults {
    rng: StdRng,
    tenants: usize,
    /// The longest.
    longest: Duration,
    /// By tenant, until when.
    standing: BTreeMap<usize, Instant>,
    /// Tenants that were in trouble, with the moment since when they are not.
    mended: BTreeMap<usize, Instant>,
    /// A whole vendor that is gone, by its place among the kinds.
    gone: Option<(usize, Instant)>,
    pub(crate) begun: usize,
    pub(crate) outages: usize,
}

impl Faults {
    /// None yet. No fault is to last for longer than `longest`.
    pub(crate) fn new(rng: StdRng, tenants: usize, longest: Duration) -> Self {
        let (standing, mended) = (BTreeMap::new(), BTreeMap::new());
        Self { rng, tenants, longest, standing, mended, gone: None, begun: 0, outages: 0 }
    }

    /// Begins some faults and ends those whose time has come.
    pub(crate) async fn turn(&mut self, fleet: &mut Fleet) {
        let now = Instant::now();
        let due: Vec<usize> = self.standing.iter().filter(|(_, end)| **end <= now).map(|(index, _)| *index).collect();
        for index in due {
            self.standing.remove(&index);
            self.mended.insert(index, now);
            set(fleet, index, None);
        }
        if self.gone.is_some_and(|(_, end)| end <= now)
            && let Some((kind, _)) = self.gone.take()
        {
            self.restart(fleet, kind, now).await;
        }
        for _ in 0..=self.tenants / 500 {
            let index = self.rng.random_range(0..self.tenants);
            if !self.standing.contains_key(&index) {
                let longest = self.longest.as_millis().try_into().unwrap_or(u64::MAX);
                let length = Duration::from_millis(self.rng.random_range(longest / 4..longest));
                set(fleet, index, Some(self.rng.random_range(0..10)));
                self.standing.insert(index, now + length);
                self.begun += 1;
            }
        }
        if self.gone.is_none() && self.rng.random_bool(0.02) {
            let kind = self.rng.random_range(0..KINDS.len());
            match kind {
                0 => fleet.intune.stop().await,
                1 => fleet.jamf.stop().await,
                2 => fleet.kandji.stop().await,
                _ => fleet.mosyle.stop().await,
            }
            self.gone = Some((kind, now + self.longest / 3));
            self.outages += 1;
        }
    }

    /// Ends them all.
    pub(crate) async fn end(&mut self, fleet: &mut Fleet) {
        let now = Instant::now();
        for index in std::mem::take(&mut self.standing).into_keys() {
            self.mended.insert(index, now);
            set(fleet, index, None);
        }
        if let Some((kind, _)) = self.gone.take() {
            self.restart(fleet, kind, now).await;
        }
    }

    async fn restart(&mut self, fleet: &mut Fleet, kind: usize, now: Instant) {
        let restarted = match kind {
            0 => fleet.intune.restart().await,
            1 => fleet.jamf.restart().await,
            2 => fleet.kandji.restart().await,
            _ => fleet.mosyle.restart().await,
        };
        restarted.expect("the port is free");
        for index in (kind..self.tenants).step_by(KINDS.len()) {
            self.mended.insert(index, now);
        }
    }

    /// Whether a tenant may be told to fail: a fault stands, or is not over for longer than `grace`.
    pub(crate) fn excuses(&self, index: usize, grace: Duration) -> bool {
        self.standing.contains_key(&index)
            || self.gone.is_some_and(|(kind, _)| kind == index % KINDS.len())
            || self.mended.get(&index).is_some_and(|since| since.elapsed() < grace)
    }
}

/// What a tenant is called.
pub(crate) fn name(index: usize) -> String {
    format!("{}-{index}", KINDS[index % KINDS.len()])
}

/// Puts a fault on a tenant, or takes it away.
fn set(fleet: &Fleet, index: usize, fault: Option<u8>) {
    let name = name(index);
    let wait = || Some("1".to_owned());
    match index % KINDS.len() {
        0 => {
            let honest = || intune::Answer::Certificate(intune::Certificate::new(world::topic(&name), fleet.end()));
            let answer = fault.map_or_else(honest, |fault| match fault {
                0..4 => intune::Answer::Status(500, None),
                4..6 => intune::Answer::Status(429, wait()),
                6 => intune::Answer::Truncated,
                7 => intune::Answer::CloseConnection,
                8 => intune::Answer::Html(503),
                _ => intune::Answer::Hang,
            });
            fleet.intune.set_answer(&world::directory(&name), answer);
        }
        1 => {
            let honest = || jamf::Answer::notice("PUSH_CERT_WILL_EXPIRE", Some(12));
            let answer = fault.map_or_else(honest, |fault| match fault {
                0..4 => jamf::Answer::Error(500, None),
                4..6 => jamf::Answer::Error(429, wait()),
                6 => jamf::Answer::Truncated,
                7 => jamf::Answer::CloseConnection,
                8 => jamf::Answer::Html(503),
                _ => jamf::Answer::Hang,
            });
            fleet.jamf.set_answer(&format!("/{name}"), jamf::Resource::Notifications, answer);
        }
        2 => {
            let answer = fault.map_or(kandji::Answer::Honest, |fault| match fault {
                0..4 => kandji::Answer::Status(500, None, kandji::Shape::Error),
                4..6 => kandji::Answer::Status(429, wait(), kandji::Shape::Detail),
                6 => kandji::Answer::Truncated,
                7 => kandji::Answer::CloseConnection,
                8 => kandji::Answer::Bytes(b"<html>Sorry</html>".to_vec()),
                _ => kandji::Answer::Hang,
            });
            fleet.kandji.set_answer(&format!("token-of-{name}"), kandji::Resource::Integrations, answer);
        }
        // A token that is bad for a while: the list itself is left alone, for it has no honest answer to go back to.
        _ => fleet.mosyle.change(&format!("token-of-{name}"), |account| {
            account.login = match fault {
                None => mosyle::LoginAnswer::Honest,
                Some(_) => mosyle::LoginAnswer::WithoutToken,
            };
        }),
    }
}
