//! Odd and greedy ones, against the daemon as it is.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{raw, status};
use crate::support::{Daemon, Site, answer};

async fn daemon() -> (Site, Daemon) {
    let site = Site::new().await;
    site.configure("web: { reload: true }", &[site.intune("acme", answer("acme", 290), "")]);
    let daemon = site.serve().await;
    daemon.ready().await;
    (site, daemon)
}

/// Others are answered, and soon.
async fn others_are_served(daemon: &Daemon, beside: &str) {
    for path in ["/metrics", "/-/healthy"] {
        let begun = Instant::now();
        assert_eq!(daemon.get(path).await.status, 200, "{path} beside {beside}");
        assert!(begun.elapsed() < Duration::from_secs(8), "{path} beside {beside}: {:?}", begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_places_shut_nobody_out() {
    let (_site, daemon) = daemon().await;
    for begin in ["", "GET / HTTP/1.1\r\nHost: localhost\r\n", "POST /api/v1/preflight HTTP/1.1\r\nHost: localhost\r\n"]
    {
        let mut held = Vec::new();
        for _ in 0..400 {
            let mut stream = TcpStream::connect(daemon.address).await.unwrap();
            let _ = stream.write_all(begin.as_bytes()).await;
            held.push(stream);
        }
        others_are_served(&daemon, &format!("400 times {begin:?}")).await;
        // One more than there are places while it is decided whose is lost, and what the daemon itself needs.
        let open = daemon.descriptors();
        assert!(open < 256 + 40, "{open} descriptors");
    }
    let told = daemon.log().matches("more connections than places").count();
    assert_eq!(told, 1, "it is told, and not once for each");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_its_measure() {
    let (_site, daemon) = daemon().await;
    let long = "a".repeat(300_000);
    let many = (0..101).fold(String::new(), |mut head, number| {
        let _ = write!(head, "X-{number}: 1\r\n");
        head
    });
    for (head, expected) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[414, 431][..]),
        (format!("GET /calendar.ics?key={long} HTTP/1.1\r\nHost: localhost\r\n\r\n"), &[414, 431]),
        (format!("GET / HTTP/1.1\r\nHost: {long}\r\n\r\n"), &[431]),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n"), &[431]),
        (format!("GET / HTTP/1.1\r\nHost: localhost\r\n{many}\r\n"), &[431]),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".to_owned(), &[400]),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_owned(), &[400]),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n X-Folded: 1\r\n\r\n".to_owned(), &[400]),
        ("GET / HTTP/1.1\r\nHost : localhost\r\n\r\n".to_owned(), &[400]),
        ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n".to_owned(), &[400]),
        ("GET\0/ HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(), &[400]),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned(), &[400]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[0, 400, 505]),
    ] {
        let answered = raw(daemon.address, head.as_bytes()).await;
        let shown: String = head.chars().take(60).collect();
        assert!(expected.contains(&status(&answered)), "{shown:?}: {answered}");
        assert!(!answered.contains("aaaaaaaa"), "{shown:?} is not repeated");
        others_are_served(&daemon, &shown).await;
    }
    let peak = daemon.memory("VmHWM:");
    assert!(peak < 100 * 1024, "{peak} kB");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_in_a_row_are_answered_in_a_row() {
    let (_site, daemon) = daemon().await;
    let mut asked = String::new();
    for _ in 0..50 {
        asked.push_str(
            "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n",
        );
    }
    asked.push_str("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answered = raw(daemon.address, asked.as_bytes()).await;
    let statuses: Vec<u16> = answered.split("HTTP/1.1").skip(1).map(|one| status(&format!("HTTP/1.1{one}"))).collect();
    let expected: Vec<u16> = (0..101).map(|number| if number % 2 == 0 { 200 } else { 404 }).collect();
    assert_eq!(statuses, expected);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_behind_a_request_is_not_waited_for() {
    let (_site, daemon) = daemon().await;
    // A body for whoever wants none, without end, and two lengths, of which a proxy might have believed the other.
    for (method, path, expected) in
        [("GET", "/metrics", &[200][..]), ("GET", "/", &[200]), ("POST", "/-/reload", &[200]), ("POST", "/", &[405])]
    {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
        let answered = raw(daemon.address, head.as_bytes()).await;
        assert!(expected.contains(&status(&answered)), "{method} {path}: {answered}");
    }
    let both = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
                0\r\n\r\nGET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answered = raw(daemon.address, both.as_bytes()).await;
    assert!([200, 400].contains(&status(&answered)), "{answered}");
    // A form larger than any certificate is refused before it is all there.
    let form = format!(
        "POST /api/v1/preflight HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n\
         Content-Length: 99999999999\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{}",
        "a".repeat(1_200_000)
    );
    assert_eq!(status(&raw(daemon.address, form.as_bytes()).await), 413);
    others_are_served(&daemon, "bodies").await;
    daemon.stop().await;
}
