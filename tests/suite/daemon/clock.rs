//! A clock that cannot be right: in this process, for nobody turns the machine's clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use apnswatch::app::{Daemon, Options};
use apnswatch::clock::Clock;
use chrono::DateTime;
use tokio::sync::{mpsc, oneshot};

use crate::support::{SOON, Scrape, Site, answer, eventually, now, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_cannot_be_right_makes_nothing_expire() {
    let site = Site::new().await;
    let config = site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    let hands = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&hands);
    let clock = Clock::from_fn(move || DateTime::from_timestamp(clock.load(Ordering::Relaxed), 0).unwrap());
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { config, environment: BTreeMap::new(), listen, spread: false, clock };
    let daemon = Daemon::bind(options).await.unwrap();
    let address = daemon.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (_hang_up, hang_ups) = mpsc::channel(1);
    let running = tokio::spawn(daemon.run(async { _ = stopped.await }, hang_ups));
    let scrape = || async { Scrape::parse(&request(address, "GET", "/metrics", "localhost").await.body) };
    eventually("a date", SOON, || async {
        scrape().await.value("apns_certificate_not_after_timestamp_seconds", &[]).map(|_| ())
    })
    .await;

    let year = 365 * 86_400;
    for (moment, phase) in [(0, "unknown"), (100 * year, "unknown"), (now().timestamp(), "renew")] {
        hands.store(moment, Ordering::Relaxed);
        let told = scrape().await;
        let is_right = phase != "unknown";
        assert_eq!(told.one("apnswatch_clock_plausible", &[]), f64::from(u8::from(is_right)), "{moment}");
        assert_eq!(told.value("apns_certificate_phase", &[("phase", phase)]), Some(1.0), "{moment}");
        assert_eq!(told.all("apns_certificate_phase", &[]).len(), 1);
        assert_eq!(told.value("apns_certificate_expiry_days", &[]).is_some(), is_right);
        assert_eq!(told.all("apns_certificate_not_after_timestamp_seconds", &[]).len(), 1, "the date stays");
        assert_eq!(told.all("apns_finding", &[]).len(), 0);
        let page = request(address, "GET", "/", "localhost").await.body;
        assert_eq!(page.contains("The clock of this machine cannot be right"), !is_right);
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
