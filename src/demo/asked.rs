//! A request, as a simulator sees it.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::listener::{Busy, Connection};

/// No login or read of ours has more.
const REQUEST_LIMIT: usize = 1024 * 1024;

/// A request, taken apart.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The query, without the question mark.
    pub query: Option<String>,
    /// `Host`.
    pub host: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Over which connection it came.
    pub connection: Connection,
    /// The how many-th it is of its connection.
    pub number: u64,
    /// Until it is answered.
    pub busy: Busy,
}

impl Asked {
    /// Reads a request to its end; `None` if that end is too far away.
    pub async fn read(connection: Connection, request: Request) -> Option<Self> {
        let busy = connection.begin();
        let number = connection.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, REQUEST_LIMIT).await.ok()?;
        Some(Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            host: parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            connection,
            number,
            busy,
        })
    }

    /// Scheme, host and port as whoever asks knows them: behind a proxy that speaks TLS the scheme is in
    /// `X-Forwarded-Proto`.
    #[must_use]
    pub fn root(&self) -> String {
        let scheme = self.header("x-forwarded-proto").filter(|scheme| scheme == "https");
        format!("{}://{}", scheme.as_deref().unwrap_or("http"), self.host)
    }

    /// Path and query.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// A header that is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// The token of `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// A value of the query; the first, if there are several.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Name and password of `Authorization: Basic`.
    #[must_use]
    pub fn basic(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let encoded = self.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let both = STANDARD.decode(encoded).ok()?;
        let colon = both.iter().position(|byte| *byte == b':')?;
        Some((both[..colon].to_vec(), both[colon + 1..].to_vec()))
    }

    /// Everything that was sent, as a bad server would echo it.
    #[must_use]
    pub fn echo(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let authorization = self.header("authorization").unwrap_or_default();
        format!("{}\n{authorization}\n{}", headers.join("\n"), String::from_utf8_lossy(&self.body))
    }

    /// Ends the connection without an answer.
    pub async fn close(&self) -> Response {
        self.connection.cut.cancel();
        std::future::pending().await
    }
}
