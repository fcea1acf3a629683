//! The connections: how many, and for how long one may keep us waiting.
//!
//! Whoever opens connections and sends half a request on each must not shut out the scrape, nor take the file
//! descriptors that polls and the store need.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::access::Access;

/// Connections at once.
const CONNECTIONS: usize = 256;

/// How long the head of a request may take, the first on a connection or a later one.
const HEAD: Duration = Duration::from_secs(10);

/// How long an answer may wait for the other side to read on. Who asks and never reads must not keep a place for ever.
const WRITE: Duration = Duration::from_secs(30);

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(100);

/// Connections that cannot be accepted are told of once in so long: what they lack may be room for the log.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// Serves until `stop`, then lets requests under way end. Whoever calls this bounds how long that takes. A connection speaks
/// TLS if `access` says so when it begins.
pub async fn serve(listener: TcpListener, router: Router, access: watch::Receiver<Access>, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut told: Option<Instant> = None;
    loop {
        // A place first: who waits for one waits in the kernel's queue and costs nothing here.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
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
        let (router, watcher) = (router.clone(), graceful.watcher());
        let tls = access.borrow().tls.clone();
        tokio::spawn(async move {
            match tls {
                None => converse(stream, router, watcher).await,
                Some(config) => {
                    let handshake = TlsAcceptor::from(config).accept(stream);
                    // Who does not come to the point, or speaks something else, is not worth a line in the log.
                    if let Ok(Ok(stream)) = tokio::time::timeout(HEAD, handshake).await {
                        converse(stream, router, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, watcher: Watcher) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router));
    // How a connection ends matters to its other side only.
    let _ = watcher.watch(connection).await;
}
