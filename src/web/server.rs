//! The connections: how many, and for how long one may keep us waiting.
//!
//! Whoever opens connections and sends half a request on each must not shut out the scrape, nor take the file
//! descriptors that polls and the store need.

mod pace;
mod places;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use self::pace::Paced;
use self::places::{Places, Seat};
use super::access::Access;

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// The most bytes of the head of a request, or twice that where the last piece of it came at once. A login, a long address and
/// what proxies add have a few thousand.
const HEAD_BYTES: usize = 64 * 1024;

/// The most headers of a request.
const HEADERS: usize = 100;

/// What one connection may have of this process. The default is what the daemon uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. When all are taken, a new one takes the place of the one that has kept us waiting for longest.
    pub connections: usize,
    /// How long TLS and the head of a request may each take, of the first request on a connection or of a later one.
    pub head: Duration,
    /// How long taking an answer may last, from its first byte to its last, however steadily it is read.
    pub answer: Duration,
    /// How long a request may be worked on, its body included, and then its answer be taken, before it can lose its place to
    /// somebody else.
    pub work: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            head: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            work: Duration::from_secs(2),
        }
    }
}

/// Connections that cannot be accepted are told of once in so long: what they lack may be room for the log.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Serves until `stop`, then lets requests under way end. Whoever calls this bounds how long that takes. A connection speaks
/// TLS if `access` says so when it begins.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    access: watch::Receiver<Access>,
    limits: Limits,
    stop: CancellationToken,
) {
    let places = Arc::new(Places::new(limits.connections, limits.work));
    let graceful = GracefulShutdown::new();
    let mut told: Option<Instant> = None;
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Too many open files, most likely: trying again at once would only burn a core.
                    if told.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
                        tracing::warn!(%error, "a connection could not be accepted; tried again until it can");
                        told = Some(Instant::now());
                    }
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
        };
        // While it waits for one, all others wait in the kernel's queue and cost nothing here.
        let place = tokio::select! {
            () = stop.cancelled() => break,
            place = Arc::clone(&places).enter() => place,
        };
        let (router, watcher) = (router.clone(), graceful.watcher());
        let tls = access.borrow().tls.clone();
        tokio::spawn(async move {
            let seat = Arc::clone(place.seat());
            let conversation = async {
                match tls {
                    None => converse(stream, router, watcher, &seat, limits).await,
                    Some(config) => {
                        let handshake = TlsAcceptor::from(config).accept(stream);
                        // Who does not come to the point, or speaks something else, is not worth a line in the log.
                        if let Ok(Ok(stream)) = tokio::time::timeout(limits.head, handshake).await {
                            converse(stream, router, watcher, &seat, limits).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = seat.lost() => {}
                () = conversation => {}
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    watcher: Watcher,
    seat: &Arc<Seat>,
    limits: Limits,
) {
    let stream = Paced::new(stream, limits.answer, Arc::clone(seat));
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (router, seat) = (router.clone(), Arc::clone(seat));
        async move {
            let _work = seat.work();
            router.oneshot(request).await
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    // How a connection ends matters to its other side only.
    let _ = watcher.watch(connection).await;
}
