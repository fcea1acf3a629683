//! People and vendors, all at once: commands, forms on the page, renewals at the MDM.

use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use apnswatch::demo::intune::{Answer, Certificate};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::ledger::{Fate, Ledger, Shown};
use crate::support::{Scrape, Site, pem, told, topic, try_send};

/// Whose certificate is renewed at the MDM again and again.
pub(crate) const RENEWED: [&str; 3] = ["north", "south", "west"];
/// Whose MDM tells another topic sooner or later.
pub(crate) const STRAYING: [&str; 6] = ["stray-0", "stray-1", "stray-2", "stray-3", "stray-4", "stray-5"];
/// Whose pin is confirmed again and again.
pub(crate) const CONFIRMED: &str = "keeper";
/// Whose pin is set to one of two topics.
pub(crate) const TURNED: &str = "turner";
/// Who has no file.
pub(crate) const BLIND: &str = "blind";
/// For whom certificates are handed over and taken away.
pub(crate) const HANDED: &str = "shelf";

/// A scrape waits so long for the disk and not longer: one that took less did not give up.
const REFRESH: Duration = Duration::from_millis(250);

/// What is shared by everybody who writes.
pub(crate) struct Scene {
    pub(crate) site: Site,
    pub(crate) ledger: Ledger,
    /// Where the daemon listens while it does.
    pub(crate) address: watch::Sender<Option<SocketAddr>>,
    pub(crate) done: watch::Sender<bool>,
    pub(crate) commands_killed: AtomicUsize,
    pub(crate) on_page: AtomicUsize,
    serial: AtomicUsize,
}

impl Scene {
    pub(crate) fn new(site: Site) -> Self {
        Self {
            site,
            ledger: Ledger::default(),
            address: watch::Sender::new(None),
            done: watch::Sender::new(false),
            commands_killed: AtomicUsize::new(0),
            on_page: AtomicUsize::new(0),
            serial: AtomicUsize::new(0),
        }
    }

    fn next_serial(&self) -> String {
        format!("0A{:06X}", self.serial.fetch_add(1, Ordering::Relaxed))
    }

    fn is_done(&self) -> bool {
        *self.done.borrow()
    }

    fn place(&self) -> Option<SocketAddr> {
        *self.address.borrow()
    }

    /// Says things by command, one after the other; some commands are killed on their way.
    pub(crate) async fn commands(&self, mut rng: StdRng) {
        let (mut turn, mut handed) = (0_u64, None::<String>);
        while !self.is_done() {
            let id = self.ledger.issue();
            let (topic, serial) = (topic(CONFIRMED), self.next_serial());
            let turned = crate::support::topic(if turn.is_multiple_of(2) { TURNED } else { "turned" });
            let mut adds = None;
            let file;
            let arguments: Vec<&str> = match rng.random_range(0..6) {
                0 => vec!["pin", "confirm", "--tenant", CONFIRMED, "--topic", &topic, "--by", &id],
                1 => vec!["pin", "set", "--tenant", TURNED, "--topic", &turned, "--reason", "moved", "--by", &id],
                2 => vec!["confirm", "--tenant", BLIND, "--serial", &serial, "--by", &id],
                3 if handed.is_some() => {
                    adds = Some(None);
                    vec![
                        "certificate",
                        "remove",
                        "--tenant",
                        HANDED,
                        "--serial",
                        handed.as_deref().unwrap(),
                        "--by",
                        &id,
                    ]
                }
                3 => {
                    adds = Some(Some(serial.clone()));
                    let pem = pem(&crate::support::topic(HANDED), &serial, 300);
                    file = self.site.write(&format!("handed-{id}.pem"), pem).display().to_string();
                    vec!["certificate", "add", "--tenant", HANDED, &file, "--by", &id]
                }
                _ => vec!["duty", "done", "--account", "shared", "sign_in", "--by", &id],
            };
            let patience = rng.random_bool(0.2).then(|| Duration::from_micros(rng.random_range(0..60_000)));
            let fate = self.run(&arguments, patience).await;
            self.ledger.settle(&id, fate);
            match (fate, adds) {
                (Fate::Acknowledged, Some(now)) => handed = now,
                // Whether it is kept is not known: another one is handed over next.
                (Fate::Open, Some(_)) => handed = None,
                _ => {}
            }
            turn += 1;
            sleep(Duration::from_millis(rng.random_range(0..40))).await;
        }
    }

    /// Runs a command, and kills it when it takes longer than somebody has patience.
    async fn run(&self, arguments: &[&str], patience: Option<Duration>) -> Fate {
        let mut command = self.site.command();
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let waited = timeout(patience.unwrap_or(crate::support::SOON), child.wait()).await;
        let Ok(status) = waited else {
            assert!(patience.is_some(), "{arguments:?} does not end");
            child.kill().await.unwrap();
            self.commands_killed.fetch_add(1, Ordering::Relaxed);
            return Fate::Open;
        };
        if status.unwrap().success() {
            return Fate::Acknowledged;
        }
        let told = child.wait_with_output().await.unwrap().stderr;
        println!("{arguments:?} was refused: {}", String::from_utf8_lossy(&told).trim());
        Fate::Refused
    }

    /// Says things on the page, whenever the daemon listens.
    pub(crate) async fn forms(&self, mut rng: StdRng) {
        let login = format!("Authorization: Basic {}", STANDARD.encode("kim:s3cret"));
        let mut token = None;
        while !self.is_done() {
            sleep(Duration::from_millis(rng.random_range(0..30))).await;
            let Some(address) = self.place() else { continue };
            let own = format!("Host: localhost\r\n{login}");
            let Some(known) = token.clone() else {
                // It holds over restarts.
                let page = try_send(address, "GET", &format!("/tenants/{BLIND}"), &own, b"").await;
                token = page.and_then(|page| {
                    Some(page.body.split_once("name=\"token\" value=\"")?.1.split('"').next()?.to_owned())
                });
                continue;
            };
            let id = self.ledger.issue();
            let said = self.next_serial();
            let pin = topic(CONFIRMED);
            let (path, part) = match rng.random_range(0..4) {
                0 => (format!("/tenants/{BLIND}/said/verified"), Some(("step", "mac"))),
                1 => (format!("/tenants/{BLIND}/said/uploaded"), Some(("serial", said.as_str()))),
                2 => (format!("/tenants/{CONFIRMED}/said/pin"), Some(("topic", pin.as_str()))),
                _ => ("/accounts/shared/duties/sign_in".to_owned(), None),
            };
            let parts = [Some(("token", known.as_str())), Some(("note", id.as_str())), part];
            let (kind, body) = form(parts.into_iter().flatten());
            let answered = try_send(address, "POST", &path, &format!("{own}\r\nContent-Type: {kind}"), &body).await;
            let fate = match answered.map(|answered| (answered.status, answered.body)) {
                None => Fate::Open,
                Some((303, _)) => Fate::Acknowledged,
                Some((status, body)) => {
                    // The page around the sentence says nothing more.
                    let alarm = body.split_once("</strong>").and_then(|(_, rest)| rest.split_once("</p>"));
                    println!("{path} was refused with {status}: {}", alarm.map_or(&*body, |(alarm, _)| alarm));
                    Fate::Refused
                }
            };
            self.on_page.fetch_add(usize::from(fate == Fate::Acknowledged), Ordering::Relaxed);
            self.ledger.settle(&id, fate);
        }
    }

    /// Renews certificates at the MDM, and lets tenants stray.
    pub(crate) async fn vendor(&self, mut rng: StdRng) {
        while !self.is_done() {
            sleep(Duration::from_millis(rng.random_range(50..400))).await;
            let name = RENEWED[rng.random_range(0..RENEWED.len())];
            let renewed = Certificate { serial: self.next_serial(), ..told(name, 300) };
            self.site.set(name, Answer::Certificate(renewed));
            if rng.random_bool(0.02) {
                let name = STRAYING[rng.random_range(0..STRAYING.len())];
                self.site.set(name, crate::support::answer("elsewhere", 300));
            }
        }
    }

    /// Scrapes all the time. What a scrape shows is acknowledged when a later one was answered: before each the writer
    /// writes what there is, unless the scrape gives up waiting for it.
    pub(crate) async fn scrapes(&self) {
        let headers = format!("Host: localhost\r\nAuthorization: Basic {}", STANDARD.encode("kim:s3cret"));
        let mut before: Option<(SocketAddr, Shown)> = None;
        while !self.is_done() {
            sleep(Duration::from_millis(10)).await;
            let Some(address) = self.place() else { continue };
            let begun = Instant::now();
            let Some(answered) = try_send(address, "GET", "/metrics", &headers, b"").await else { continue };
            let took = begun.elapsed();
            let scrape = Scrape::parse(&answered.body);
            if let Some((_, shown)) = before.take_if(|(place, _)| *place == address)
                && took < REFRESH
                && scrape.one("apnswatch_store_up", &[]) == 1.0
            {
                self.ledger.acknowledge(shown);
            }
            before = Some((address, shown(&scrape)));
        }
    }
}

/// What a scrape shows of what was learnt.
pub(crate) fn shown(scrape: &Scrape) -> Shown {
    let label = |family: &str, label: &str| {
        let samples = scrape.all(family, &[]).into_iter();
        samples.map(|sample| (sample.labels["tenant"].clone(), sample.labels[label].clone())).collect()
    };
    // A pin that was set on purpose ends a drift.
    let is_drift = |sample: &&crate::support::Sample| sample.value == 1.0 && sample.labels["tenant"] != TURNED;
    let drifts = scrape.all("apns_topic_drift", &[]).into_iter().filter(is_drift);
    let is_renewed = |(tenant, _): &(String, String)| RENEWED.contains(&tenant.as_str());
    let serials: std::collections::BTreeMap<_, _> = label("apns_certificate_info", "serial");
    Shown {
        pins: label("apns_topic_pin_info", "topic"),
        serials: serials.into_iter().filter(is_renewed).collect(),
        drifts: drifts.map(|sample| sample.labels["tenant"].clone()).collect(),
    }
}

/// A form as a browser sends it: its type and its body.
fn form<'a>(parts: impl Iterator<Item = (&'a str, &'a str)>) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "made-up-boundary";
    let field = |(name, value): (&str, &str)| {
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body: String = parts.map(field).collect();
    (format!("multipart/form-data; boundary={BOUNDARY}"), format!("{body}--{BOUNDARY}--\r\n").into_bytes())
}
