//! The loop that probes one target: what is due, a round, record, wait.
//!
//! A connection is cheap and is tried every round. A handshake is not, and Apple takes rapid ones for an attack: it is
//! made every ten minutes, the question to the API every hour, and everything at once when something changed.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{FirstRound, jittered};
use crate::clock::Clock;
use crate::evaluate::network::{PortMemory, TargetMemory};
use crate::metrics::Counters;
use crate::model::{IpVersion, ProbeReason, Role, Step};
use crate::probe::{Host, Prober, Settings, Target, is_exhausted};
use crate::store::{Rounds, Store};

/// How often TLS is looked at while nothing changes.
const TLS_EVERY: Duration = Duration::from_secs(600);

/// How often the API is asked while nothing changes.
const HTTP2_EVERY: Duration = Duration::from_secs(3600);

/// A closed way is confirmed within minutes, however seldom it is probed: until then there is no verdict.
const SOONEST: Duration = Duration::from_secs(60);

/// Whether a round was made.
enum Round {
    Made,
    /// Nothing could be opened here, so nothing was learnt of the network.
    Unmade,
}

/// Everything that probes need. Clones share it.
#[derive(Clone, Debug)]
pub struct Probing {
    /// What is probed, and how.
    pub settings: Arc<Settings>,
    /// The one that does it.
    pub prober: Arc<Prober>,
    /// Where this process stands.
    pub site: Arc<str>,
    /// Where rounds go.
    pub store: Store,
    /// The wall clock.
    pub clock: Clock,
    /// The counters.
    pub counters: Counters,
    /// Whose rounds these are, so that a late one of other settings is not taken for one of these.
    generation: u64,
}

impl Probing {
    /// Everything that the probes of `settings` need.
    #[must_use]
    pub fn new(settings: &Settings, site: &str, store: Store, clock: Clock, counters: Counters) -> Self {
        Self {
            prober: Arc::new(Prober::new(settings, clock.clone())),
            settings: Arc::new(settings.clone()),
            generation: store.generation(),
            site: site.into(),
            store,
            clock,
            counters,
        }
    }

    /// One round of a target, recorded.
    async fn round(&self, target: &Target, until: Step) -> Round {
        let attempts = self.prober.round(target, until).await;
        if attempts.iter().any(|attempt| attempt.closed().is_some()) && is_exhausted() {
            return Round::Unmade;
        }
        let rounds = Rounds { generation: self.generation, confirmations: self.settings.confirmations };
        if self.store.record_round(target, rounds, &attempts, until, self.clock.now()) {
            self.counters.count_round(&self.site, target, &attempts);
        }
        Round::Made
    }

    /// So many rounds of everything as a verdict needs, back to back and down to the deepest step.
    pub async fn all_at_once(&self) {
        let rounds = self.settings.targets.iter().map(|target| async move {
            for _ in 0..self.settings.confirmations {
                // A machine that can open nothing gives no verdict, which is one too: nobody can say.
                let _ = self.round(target, target.depth).await;
                let memory = self.memory(target.role, &target.host);
                if memory.is_some_and(|memory| memory.closed_rounds == 0) {
                    break;
                }
            }
        });
        tokio::join!(futures::future::join_all(rounds), self.control());
    }

    async fn control(&self) {
        if let Some(open) = self.prober.control().await {
            self.store.record_control(self.generation, open, self.clock.now());
        }
    }

    fn memory(&self, role: Role, host: &Host) -> Option<TargetMemory> {
        self.store.network().targets.get(&(role, host.clone())).cloned()
    }
}

/// Probes a target again and again until it is stopped.
pub async fn run(target: Target, probing: Probing, round: Arc<FirstRound>, stop: CancellationToken) {
    let mut cadence = Cadence::default();
    let mut first = Some(round);
    let mut voice = Voice::default();
    loop {
        let begun = Instant::now();
        let until = cadence.until(begun, target.depth);
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            ended = AssertUnwindSafe(probing.round(&target, until)).catch_unwind() => ended,
        };
        let mut pause = probing.settings.interval;
        match ended {
            // Nothing was recorded and nothing counts as looked at: what was good is withdrawn in a while, and the alert
            // on stalled probes tells.
            Err(_) => tracing::error!(target = %target.host, "a round of probes ended in a defect of this program"),
            Ok(Round::Unmade) => tracing::error!(
                target = %target.host,
                "this machine has no descriptor left for a probe, which says nothing of the network"
            ),
            Ok(Round::Made) => {
                if let Some(memory) = probing.memory(target.role, &target.host) {
                    cadence.learn(begun, until, &memory);
                    voice.tell(&target, &memory);
                    let is_open_question = (1..probing.settings.confirmations).contains(&memory.closed_rounds);
                    if is_open_question {
                        pause = pause.min(SOONEST);
                    }
                }
            }
        }
        if let Some(round) = first.take() {
            round.tried();
        }
        let next = begun + jittered(pause);
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(next) => {}
        }
    }
    if let Some(round) = first {
        round.tried();
    }
}

/// Tries the control again and again until it is stopped.
pub async fn run_control(probing: Probing, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = probing.control() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(jittered(probing.settings.interval)) => {}
        }
    }
}

/// What a round found, as far as a change of it makes everything due.
type Picture = BTreeMap<(u16, IpVersion), Option<(Step, ProbeReason)>>;

/// When which steps are due.
#[derive(Debug, Default)]
struct Cadence {
    tls: Option<Instant>,
    http2: Option<Instant>,
    picture: Option<Picture>,
    /// The last round found something else than the one before.
    has_changed: bool,
    /// A port opens and TLS is not answered: it counts as closed, and its recovery is to be seen at once. What else TLS
    /// says is wrong waits for its turn: if Apple changed its certificates, everybody would ask it each minute.
    is_cut: bool,
    /// Nothing answered. The first answer is looked at whole, for a portal opens too; until then there is nothing to look
    /// at, so it costs nobody anything.
    is_shut: bool,
    /// The answer to the last request was not Apple's.
    is_refused: bool,
}

impl Cadence {
    /// The deepest step of the next round.
    fn until(&self, now: Instant, depth: Step) -> Step {
        let is_due =
            |last: Option<Instant>, every| last.is_none_or(|last| now.saturating_duration_since(last) >= every);
        let is_whole = self.has_changed || self.is_shut;
        let tls = is_whole || self.is_cut || is_due(self.tls, TLS_EVERY);
        let every = if self.is_refused { TLS_EVERY } else { HTTP2_EVERY };
        let http2 = depth == Step::Http2 && (is_whole || is_due(self.http2, every));
        match (tls || http2, http2) {
            (false, _) => Step::Tcp,
            (true, false) => Step::Chain.min(depth),
            (true, true) => depth,
        }
    }

    fn learn(&mut self, begun: Instant, until: Step, memory: &TargetMemory) {
        let picture: Picture = memory
            .ports
            .iter()
            .map(|(key, port)| (*key, port.failure.as_ref().map(|(step, failure)| (*step, failure.reason))))
            .collect();
        if until > Step::Tcp {
            self.tls = Some(begun);
        }
        let up = || memory.ports.values().filter(|port| port.up);
        // An address that was dead leaves the question for the next round.
        // Nobody is asked over a way that is not Apple's.
        let is_apple =
            |port: &PortMemory| [Step::Alpn, Step::Chain].iter().all(|step| port.steps.get(step) == Some(&true));
        if until == Step::Http2 && up().all(|port| port.asked || !is_apple(port)) {
            self.http2 = Some(begun);
        }
        let is_cut = |port: &PortMemory| !port.up && matches!(port.failure, Some((Step::Tls, _)));
        self.is_cut = memory.ports.values().any(is_cut);
        self.is_shut = up().next().is_none();
        self.is_refused = picture.values().flatten().any(|(step, _)| *step == Step::Http2);
        // The first picture is no change: that round was a whole one.
        self.has_changed = self.picture.as_ref().is_some_and(|before| *before != picture);
        self.picture = Some(picture);
    }
}

/// Tells the log when a port opens or closes.
#[derive(Debug, Default)]
struct Voice {
    told: BTreeMap<(u16, IpVersion), Option<ProbeReason>>,
}

impl Voice {
    fn tell(&mut self, target: &Target, memory: &TargetMemory) {
        for (key, port) in &memory.ports {
            let reason = port.failure.as_ref().map(|(_, failure)| failure.reason);
            let before = self.told.insert(*key, reason);
            if before == Some(reason) || (before.is_none() && reason.is_none()) {
                continue;
            }
            let (number, ip_version) = (key.0, key.1.as_str());
            match &port.failure {
                Some((step, failure)) => tracing::warn!(
                    role = %target.role, target = %target.host, port = number, ip_version, %step, reason = %failure.reason,
                    "{} port {number} over IPv{ip_version}: {}", target.host, failure.message
                ),
                None => tracing::info!(
                    role = %target.role, target = %target.host, port = number, ip_version,
                    "{} port {number} over IPv{ip_version} is fine again", target.host
                ),
            }
        }
        self.told.retain(|key, _| memory.ports.contains_key(key));
    }
}

#[cfg(test)]
mod tests;
