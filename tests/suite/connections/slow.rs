//! Slow ones, against the server of the library with little patience.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use apnswatch::web::{Access, Limits, serve};
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{rest, status};
use crate::support::{SOON, request};

/// So little that a test sees it end, and so much that a busy machine does not end it.
const LIMITS: Limits = Limits {
    connections: 4,
    head: Duration::from_millis(800),
    answer: Duration::from_millis(800),
    work: Duration::from_millis(200),
};

/// For what must not have waited for any of the limits of a patient server.
const AT_ONCE: Duration = Duration::from_secs(10);

/// More than fits between two sides of a connection.
const BIG: usize = 32 * 1024 * 1024;

async fn server(limits: Limits) -> (SocketAddr, DropGuard) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .route("/big", get(|| async { vec![b'x'; BIG] }))
        .route("/taken", post(|body: Bytes| async move { format!("{}\n", body.len()) }));
    let (_, access) = watch::channel(Access::open());
    let stop = CancellationToken::new();
    tokio::spawn(serve(listener, router, access, limits, stop.clone()));
    (address, stop.drop_guard())
}

/// Limits that no test waits for, with few places.
fn patient() -> Limits {
    let long = Duration::from_secs(600);
    Limits { connections: 4, head: long, answer: long, work: LIMITS.work }
}

/// Opens a connection, says something, and then sends a byte now and then for as long as it may.
async fn drip(address: SocketAddr, begin: &'static str) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(begin.as_bytes()).await.unwrap();
    while stream.write_all(b"a").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks for much and takes a little now and then, for as long as it may; gives what it got.
async fn sip(address: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let (mut taken, mut buffer) = (0, vec![0; 4096]);
    while let Ok(number @ 1..) = stream.read(&mut buffer).await {
        taken += number;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    taken
}

const HALF_A_HEAD: &str = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
const HALF_A_BODY: &str = "POST /taken HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
const CHUNKS: &str = "POST /taken HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_end_is_not_waited_for() {
    let (address, _stop) = server(LIMITS).await;
    for begin in ["", "G", HALF_A_HEAD] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        let begun = Instant::now();
        let ended = tokio::time::timeout(SOON, rest(&mut stream)).await.expect("the connection is closed");
        assert!(begun.elapsed() > LIMITS.head / 2, "{begin:?} had its time: {ended}");
    }
    // Byte by byte it gets no more of it.
    tokio::time::timeout(SOON, drip(address, HALF_A_HEAD)).await.expect("the connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_asks_nothing_more_is_closed() {
    let (address, _stop) = server(LIMITS).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let answered = tokio::time::timeout(SOON, rest(&mut stream)).await.expect("the connection is closed");
    assert_eq!((status(&answered), answered.matches("healthy").count()), (200, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_sipped_ends() {
    // Long enough for whoever takes all of it on a busy machine.
    let limits = Limits { connections: 256, answer: Duration::from_secs(2), ..patient() };
    let (address, _stop) = server(limits).await;
    let taken = tokio::time::timeout(SOON, sip(address)).await.expect("the connection is closed");
    assert!(taken > 0 && taken < BIG, "{taken} bytes");
    // Who reads it takes all of it, on the same server, and once more on the same connection.
    let mut stream = TcpStream::connect(address).await.unwrap();
    let slow_enough = limits.answer * 3 / 5;
    for _ in 0..2 {
        stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        tokio::time::sleep(slow_enough).await;
    }
    stream.write_all(b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert_eq!(status(&rest(&mut stream).await), 200, "the time of an answer begins anew");
    assert_eq!(request(address, "GET", "/big", "localhost").await.body.len(), BIG);
}

/// The limits of time are far away here: it is the places that change hands.
#[tokio::test(flavor = "multi_thread")]
async fn the_slow_lose_their_places_to_whoever_comes() {
    for (what, begin) in
        [("silent", ""), ("half a head", HALF_A_HEAD), ("half a body", HALF_A_BODY), ("endless chunks", CHUNKS)]
    {
        let (address, _stop) = server(patient()).await;
        let mut slow = JoinSet::new();
        for _ in 0..40 {
            slow.spawn(drip(address, begin));
        }
        for _ in 0..5 {
            let begun = Instant::now();
            let answered = request(address, "GET", "/-/healthy", "localhost").await;
            assert_eq!((answered.status, answered.body.as_str()), (200, "healthy\n"), "{what}");
            // Bodies are waited for a moment, and all forty of them stand in the queue before us.
            assert!(begun.elapsed() < AT_ONCE, "{what}: {:?}", begun.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_readers_lose_their_places_too() {
    let (address, _stop) = server(patient()).await;
    let mut slow = JoinSet::new();
    for _ in 0..4 {
        slow.spawn(sip(address));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        let begun = Instant::now();
        assert_eq!(request(address, "GET", "/-/healthy", "localhost").await.status, 200);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    }
    slow.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_closed_connections_keep_no_place() {
    let (address, _stop) = server(patient()).await;
    for begin in ["", HALF_A_HEAD, HALF_A_BODY, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begin.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let ended = tokio::time::timeout(AT_ONCE, rest(&mut stream)).await;
        ended.unwrap_or_else(|_| panic!("{begin:?} is closed at once"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_the_silent() {
    let (address, stop) = server(patient()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    assert_eq!(request(address, "GET", "/-/healthy", "localhost").await.status, 200);
    drop(stop);
    assert_eq!(tokio::time::timeout(AT_ONCE, rest(&mut stream)).await, Ok(String::new()));
}
