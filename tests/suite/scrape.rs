//! Scrapes of a few hundred tenants: what they cost is measured by `scripts/bench scrape`.

#[path = "../../benches/scrape/direct.rs"]
mod direct;
#[path = "../../benches/page/fleet.rs"]
pub(crate) mod fleet;

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::SOON;
use direct::Samples;
use fleet::Fleet;

const TENANTS: usize = 300;

/// Asks, and gives the head in lower case and the body as it came.
async fn ask(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        bytes
    };
    let bytes = tokio::time::timeout(SOON, exchange).await.expect("an answer in time");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase(), bytes[end + 4..].to_vec())
}

async fn scrape(address: SocketAddr, accept: &str) -> (String, Vec<u8>) {
    ask(address, &format!("GET /metrics HTTP/1.0\r\nHost: localhost\r\n{accept}\r\n")).await
}

fn unpacked(body: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(body).read_to_string(&mut text).unwrap();
    text
}

/// The series without their values, for those of this moment differ.
fn series(text: &str) -> BTreeSet<String> {
    let names = text.lines().filter(|line| !line.starts_with('#'));
    names.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_is_whole_plain_or_packed_and_beside_others() {
    let fleet = Fleet::serve(TENANTS).await.unwrap();
    let (head, body) = scrape(fleet.address, "").await;
    assert!(head.starts_with("http/1.0 200") && !head.contains("content-encoding"), "{head}");
    assert!(head.contains("vary: accept-encoding"), "{head}");
    let text = String::from_utf8(body).unwrap();
    // Taken apart and written by somebody else it is the same text: nothing is escaped amiss, no value is odd.
    let samples = Samples::parse(&text).unwrap();
    assert_eq!(samples.write(), text);
    let all = series(&text);
    assert_eq!(all.len(), samples.count(), "no series is told twice");
    let phases = all.iter().filter(|name| name.starts_with("apns_certificate_phase{")).count();
    assert_eq!(phases, TENANTS);

    let lanes = (0..8).map(|lane| async move {
        let accept = if lane % 2 == 0 { "Accept-Encoding: deflate, gzip;q=0.5\r\n" } else { "Accept-Encoding: br\r\n" };
        scrape(fleet.address, accept).await
    });
    for (lane, (head, body)) in futures::future::join_all(lanes).await.into_iter().enumerate() {
        assert_eq!(head.contains("content-encoding: gzip"), lane % 2 == 0, "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        let told = if lane % 2 == 0 {
            assert!(body.len() * 8 < text.len(), "{} of {} bytes", body.len(), text.len());
            unpacked(&body)
        } else {
            String::from_utf8(body).unwrap()
        };
        assert_eq!(series(&told), all);
    }

    for (accept, is_packed) in [("", false), ("Accept-Encoding: gzip\r\n", true)] {
        let (head, body) =
            ask(fleet.address, &format!("HEAD /metrics HTTP/1.0\r\nHost: localhost\r\n{accept}\r\n")).await;
        assert!(head.starts_with("http/1.0 200") && body.is_empty(), "{head}");
        assert_eq!(head.contains("content-encoding: gzip"), is_packed, "{head}");
        assert!(head.contains("content-length: ") && !head.contains("content-length: 0"), "{head}");
    }
    drop(fleet.stop().await);
}

/// A page may carry what only its reader may know, beside text that somebody else chose; its length must not tell of it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_scrape_is_packed() {
    let fleet = Fleet::serve(4).await.unwrap();
    for path in ["/", "/tenants/School%20of%20Example%2000001/renewal", "/tenants.csv", "/api/v1/status"] {
        let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n");
        let (head, _) = ask(fleet.address, &request).await;
        assert!(head.starts_with("http/1.0 200") && !head.contains("content-encoding"), "{path}: {head}");
    }
    drop(fleet.stop().await);
}
