//! What every simulator does the same way: listening, stopping, starting again, and taking a request apart.

use std::future::IntoFuture as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::listener::{Busy, Connection, CutListener, Traffic};

/// A login has a few kilobytes.
const REQUEST_LIMIT: usize = 1024 * 1024;

/// A listener and what answers on it. Its connections end when it is dropped.
#[derive(Debug)]
pub(super) struct Service {
    address: SocketAddr,
    router: Router,
    traffic: Arc<Traffic>,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Service {
    pub(super) async fn start(address: SocketAddr, router: Router) -> io::Result<Self> {
        let mut service =
            Self { address, router, traffic: Arc::default(), stop: CancellationToken::new(), server: None };
        service.restart().await?;
        Ok(service)
    }

    /// Starts it again, on the same port.
    pub(super) async fn restart(&mut self) -> io::Result<()> {
        self.stop().await;
        self.stop = CancellationToken::new();
        let listener = CutListener::bind(self.address, self.stop.clone(), Arc::clone(&self.traffic)).await?;
        self.address = listener.address()?;
        let make = self.router.clone().into_make_service_with_connect_info::<Connection>();
        let (server, stop) = (axum::serve(listener, make).into_future(), self.stop.clone());
        self.server = Some(tokio::spawn(async move {
            tokio::select! {
                _ = server => {}
                () = stop.cancelled() => {}
            }
        }));
        Ok(())
    }

    /// Closes the listener and every connection.
    pub(super) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(server) = self.server.take() {
            // It ends by itself once it is told to; how it ended matters to nobody.
            let _ = server.await;
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A request, taken apart.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    connection: Connection,
    /// Until it is answered.
    _busy: Busy,
}

impl Asked {
    /// Reads a request; `None` for one that is too long or breaks off.
    pub(super) async fn read(request: Request, connection: Connection) -> Option<Self> {
        let busy = connection.begin();
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, REQUEST_LIMIT).await.ok()?;
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        Some(Self { method: parts.method, path, query, headers: parts.headers, body, connection, _busy: busy })
    }

    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// A value of the query; the first, if there are several.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// What stands in `Authorization: Bearer`.
    pub(super) fn bearer(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// Name and password of `Authorization: Basic`.
    pub(super) fn basic(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let encoded = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let both = STANDARD.decode(encoded).ok()?;
        let colon = both.iter().position(|byte| *byte == b':')?;
        Some((both[..colon].to_vec(), both[colon + 1..].to_vec()))
    }

    /// Everything that was sent, as a bad server would echo it.
    pub(super) fn echo(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let authorization = self.header("authorization").unwrap_or_default();
        format!("{}\n{authorization}\n{}", headers.join("\n"), String::from_utf8_lossy(&self.body))
    }

    /// Ends the connection without an answer.
    pub(super) async fn close(&self) -> Response {
        self.connection.cut.cancel();
        std::future::pending().await
    }
}
