//! How the process ends.

use std::time::Duration;

use apnswatch::demo::intune::Answer;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::support::{Daemon, SOON, Site, answer};

async fn hanging(site: &Site) -> Daemon {
    site.configure(
        "poll: { interval: 1h, timeout: 30m }",
        &[site.intune("mist", Answer::Hang, ""), site.intune("acme", answer("acme", 290), "")],
    );
    let daemon = site.serve().await;
    site.reads_reach("mist", 1).await;
    daemon.until("the other answers", |scrape| scrape.up("acme") == Some(1.0)).await;
    daemon
}

/// A request that never becomes whole.
async fn half_a_request(daemon: &Daemon) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    // The answer to a whole one shows that the half one was accepted before it.
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_hangs_does_not_hold_up_the_end() {
    for name in ["TERM", "INT"] {
        let site = Site::new().await;
        let mut daemon = hanging(&site).await;
        let begun = Instant::now();
        daemon.signal(name).await;
        assert_eq!(daemon.wait(SOON).await, Some(0), "{}", daemon.log());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert!(TcpStream::connect(daemon.address).await.is_err(), "nobody listens any more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_request_is_cut_off_when_the_grace_is_over() {
    let site = Site::new().await;
    let mut daemon = hanging(&site).await;
    let _stream = half_a_request(&daemon).await;
    let begun = Instant::now();
    daemon.signal("TERM").await;
    assert_eq!(daemon.wait(SOON).await, Some(0), "{}", daemon.log());
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let site = Site::new().await;
    let mut daemon = hanging(&site).await;
    let _stream = half_a_request(&daemon).await;
    daemon.signal("TERM").await;
    crate::support::eventually("it is stopping", SOON, || async { daemon.log().contains("stopping").then_some(()) })
        .await;
    let begun = Instant::now();
    daemon.signal("TERM").await;
    assert_eq!(daemon.wait(SOON).await, Some(1), "{}", daemon.log());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}
