//! A clock that cannot be right: in this process, for nobody turns the machine's clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use apnswatch::app::{self, Daemon, Options};
use apnswatch::clock::Clock;
use chrono::DateTime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::support::{SOON, Scrape, Site, answer, eventually, now, request};

/// A daemon in this process, with a clock whose hands are turned.
struct Wound {
    address: SocketAddr,
    hands: Arc<AtomicI64>,
    stop: oneshot::Sender<()>,
    _hang_up: mpsc::Sender<()>,
    running: JoinHandle<Result<(), app::Error>>,
}

impl Wound {
    async fn start(config: PathBuf, moment: i64) -> Self {
        let hands = Arc::new(AtomicI64::new(moment));
        let clock = Arc::clone(&hands);
        let clock = Clock::from_fn(move || DateTime::from_timestamp(clock.load(Ordering::Relaxed), 0).unwrap());
        let listen = Some("127.0.0.1:0".parse().unwrap());
        let options = Options { config, environment: BTreeMap::new(), listen, spread: false, clock };
        let daemon = Daemon::bind(options).await.unwrap();
        let address = daemon.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (hang_up, hang_ups) = mpsc::channel(1);
        let running = tokio::spawn(daemon.run(async { _ = stopped.await }, hang_ups));
        Self { address, hands, stop, _hang_up: hang_up, running }
    }

    fn turn(&self, moment: i64) {
        self.hands.store(moment, Ordering::Relaxed);
    }

    async fn scrape(&self) -> Scrape {
        Scrape::parse(&request(self.address, "GET", "/metrics", "localhost").await.body)
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_left_before_a_start_with_a_wrong_clock_is_missed_once_it_is_right() {
    let site = Site::new().await;
    let tenants = [site.intune("acme", answer("acme", 20), ""), site.intune("gone", answer("gone", 20), "")];
    let before = Wound::start(site.configure("", &tenants), now().timestamp()).await;
    before.stop().await;
    let after = Wound::start(site.configure("", &tenants[..1]), 0).await;
    let missing = |scrape: &Scrape| scrape.value("apnswatch_tenants", &[("state", "missing")]);
    assert_eq!(missing(&after.scrape().await), Some(0.0), "such a clock dates nothing");
    after.turn(now().timestamp());
    eventually("it is missed", SOON, || async { (missing(&after.scrape().await) == Some(1.0)).then_some(()) }).await;
    after.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_cannot_be_right_makes_nothing_expire() {
    let site = Site::new().await;
    let daemon = Wound::start(site.configure("", &[site.intune("acme", answer("acme", 20), "")]), 0).await;
    let scrape = || daemon.scrape();
    eventually("a date", SOON, || async {
        scrape().await.value("apns_certificate_not_after_timestamp_seconds", &[]).map(|_| ())
    })
    .await;

    let year = 365 * 86_400;
    for (moment, phase) in [(0, "unknown"), (100 * year, "unknown"), (now().timestamp(), "renew")] {
        daemon.turn(moment);
        let told = scrape().await;
        let is_right = phase != "unknown";
        assert_eq!(told.one("apnswatch_clock_plausible", &[]), f64::from(u8::from(is_right)), "{moment}");
        assert_eq!(told.value("apns_certificate_phase", &[("phase", phase)]), Some(1.0), "{moment}");
        assert_eq!(told.all("apns_certificate_phase", &[]).len(), 1);
        assert_eq!(told.value("apns_certificate_expiry_days", &[]).is_some(), is_right);
        assert_eq!(told.all("apns_certificate_not_after_timestamp_seconds", &[]).len(), 1, "the date stays");
        assert_eq!(told.all("apns_finding", &[]).len(), 0);
        let page = request(daemon.address, "GET", "/", "localhost").await.body;
        assert_eq!(page.contains("The clock of this machine cannot be right"), !is_right);
    }
    daemon.stop().await;
}
