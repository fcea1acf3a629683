//! What every provider needs from HTTP, and none should write again.
//!
//! A [`Client`] asks one [`Origin`] and nobody else: redirects are not followed, proxy variables of the environment
//! are not obeyed, cookies are not kept, answers are not decompressed and are read up to a limit. It tries a request
//! a second time only when the connection was closed under it before any byte of an answer came; every other pause
//! and repetition belongs to the poller. No message of a [`Failure`] made here holds a body, a header, a query or a
//! secret.

mod basic;
mod errand;
mod failure;
mod origin;
mod reads;
mod token;
mod transport;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use zeroize::Zeroize as _;

use crate::blocking::Guard;
use crate::config::Network;
use crate::model::{Failure, Reason};

pub use errand::Errand;
pub(crate) use failure::tls_trouble;
pub use failure::{clean, retry_after, status_failure};
pub use origin::Origin;
pub use reads::secret_header;
pub use token::{Fingerprint, Granted, Token, TokenCache};

use transport::Transport;

/// What an answer may hold, in bytes; more is `malformed`. The largest honest answer of an MDM is a page of devices.
pub const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// What one request may take, connection and body included, unless the provider is told otherwise.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// An HTTP client for one origin.
///
/// Connections are shared by all clients with the same [`Network`]; nothing else is.
pub struct Client {
    origin: Origin,
    network: Arc<Network>,
    timeout: Duration,
    body_limit: usize,
    /// Forgotten when TLS fails, so that a CA file that was changed is read again.
    transport: Mutex<Option<Arc<Transport>>>,
    reading: Guard,
}

/// An answer that came whole, whatever its status.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code. Never a redirect: those are failures.
    pub status: u16,
    /// `Retry-After`, at most an hour.
    pub retry_after: Option<Duration>,
    /// The headers. Never to be shown or logged: some vendors put tokens there.
    pub headers: HeaderMap,
    /// The body. Never to be shown or logged.
    pub body: Bytes,
}

impl Client {
    /// A client for an origin. Touches neither the network nor the CA files; those are read at the first request, so
    /// that a file which is not there yet costs a poll and not the tenant, and again after TLS failed.
    #[must_use]
    pub fn new(origin: Origin, network: &Arc<Network>, timeout: Duration) -> Self {
        Self {
            origin,
            network: Arc::clone(network),
            timeout,
            body_limit: BODY_LIMIT,
            transport: Mutex::default(),
            reading: Guard::default(),
        }
    }

    /// The same with another limit of the body, in bytes.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Who is asked.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// GET of a path, given in segments below the origin's own path.
    ///
    /// # Errors
    ///
    /// `dns`, `connect`, `tls` when the way there fails, and `connect` also when the connection breaks in the middle
    /// of a body; `timeout` after the time given to [`Self::new`]; `http` for a redirect, whose message says where the
    /// server moved to; `malformed` for what is not HTTP or has more bytes than the limit; `io` or `not_found` for a
    /// CA file. Any other status is an answer.
    pub async fn get(
        &self,
        path: &[&str],
        headers: HeaderMap,
        bearer: Option<&Token>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        self.get_query(path, &[], headers, bearer, now).await
    }

    /// GET of a path with a query, whose values are encoded as far as they need. It stands in no message.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn get_query(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        headers: HeaderMap,
        bearer: Option<&Token>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let mut url = self.origin.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.send(reqwest::Method::GET, url, headers, bearer, None, now).await
    }

    /// POST of a form. Meant for logins: it is sent twice when a connection was closed under it, so it must change
    /// nothing. Values are bytes, since a secret need not be text.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub async fn post_form(
        &self,
        path: &[&str],
        form: &[(&str, &[u8])],
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let pairs: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let url = self.origin.url(path);
        self.send(reqwest::Method::POST, url, headers, None, Some(pairs.join("&").into()), now).await
    }

    async fn send(
        &self,
        method: reqwest::Method,
        url: Url,
        mut headers: HeaderMap,
        bearer: Option<&Token>,
        body: Option<Bytes>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let transport = self.transport().await?;
        if let Some(token) = bearer {
            headers.insert(AUTHORIZATION, token.header()?);
        }
        let request = |client: &reqwest::Client| {
            let mut request = client.request(method.clone(), url.clone()).headers(headers.clone());
            if let Some(body) = &body {
                request = request.body(body.clone());
            }
            request.send()
        };
        let exchange = async {
            let response = match request(&transport.pooled).await {
                // A server may close an idle connection at the very moment at which it is used again (RFC 9112, 9.3.1).
                // The second try gets a connection of its own, for its siblings in the pool are likely closed too.
                Err(error) if failure::closed_before_answer(&error) => request(&transport.fresh).await,
                other => other,
            };
            self.read(response.map_err(|error| self.failed(&error))?, now).await
        };
        let result = tokio::time::timeout(self.timeout, exchange).await.unwrap_or_else(|_| {
            let host = self.origin.host();
            Err(Failure::new(Reason::Timeout, format!("{host} gave no whole answer within {:?}", self.timeout)))
        });
        if result.as_ref().is_err_and(|failure| failure.reason == Reason::Tls) {
            self.held().take();
        }
        result
    }

    /// What an answer tells before its body.
    fn head(&self, response: &reqwest::Response, now: DateTime<Utc>) -> Result<Answer, Failure> {
        let (status, headers) = (response.status(), response.headers());
        if status.is_redirection() {
            return Err(failure::moved(&self.origin, status.as_u16(), headers.get(LOCATION)));
        }
        let (status, retry_after) = (status.as_u16(), retry_after(headers, now));
        Ok(Answer { status, retry_after, headers: headers.clone(), ..Answer::default() })
    }

    async fn read(&self, mut response: reqwest::Response, now: DateTime<Utc>) -> Result<Answer, Failure> {
        let head = self.head(&response, now)?;
        let too_long = || {
            let (host, limit) = (self.origin.host(), self.body_limit);
            Failure::new(Reason::Malformed, format!("the answer of {host} is longer than {limit} bytes"))
        };
        if response.content_length().is_some_and(|length| length > self.body_limit as u64) {
            return Err(too_long());
        }
        // Reserved at once where the length is told: a buffer that grows leaves copies of its start behind.
        let expected = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or_default();
        let mut body = Vec::with_capacity(expected);
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(&error))? {
            if body.len() + chunk.len() > self.body_limit {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { body: body.into(), ..head })
    }

    fn failed(&self, error: &reqwest::Error) -> Failure {
        failure::classify(&self.origin.host(), error)
    }

    async fn transport(&self) -> Result<Arc<Transport>, Failure> {
        if let Some(transport) = self.held().clone() {
            return Ok(transport);
        }
        let (origin, network) = (self.origin.clone(), Arc::clone(&self.network));
        let made = self.reading.run("the CA files", move || Transport::shared(&origin, &network)).await??;
        Ok(Arc::clone(self.held().insert(made)))
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<Transport>>> {
        self.transport.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    /// The body as JSON of at most `limit` bytes. Nesting ends at 128 levels, where `serde_json` stops.
    ///
    /// # Errors
    ///
    /// `malformed`, with a message that says what is wrong and holds nothing of the body.
    pub fn json(&self, limit: usize) -> Result<Value, Failure> {
        self.parse(limit)
    }

    /// The body as JSON of at most `limit` bytes and of one shape, so that what is not asked for is never copied.
    ///
    /// # Errors
    ///
    /// As [`Self::json`], and `malformed` for JSON of another shape.
    pub fn parse<T: DeserializeOwned>(&self, limit: usize) -> Result<T, Failure> {
        let malformed = |what: &str| Failure::new(Reason::Malformed, format!("the answer {what}"));
        if self.body.len() > limit {
            return Err(malformed(&format!("is longer than {limit} bytes")));
        }
        match self.body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => return Err(malformed("is empty")),
            Some(b'<') => return Err(malformed("is a web page and not JSON")),
            Some(_) => {}
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            malformed(match error.classify() {
                serde_json::error::Category::Eof => "ends in the middle of its JSON",
                serde_json::error::Category::Data => "is JSON of another shape",
                _ => "is not JSON",
            })
        })
    }

    /// A header, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Overwrites the body, for answers that hold secrets. What the network layers below copied is theirs.
    pub fn wipe(self) {
        self.wiped();
    }

    /// The overwritten body; `None` if somebody else still holds it.
    fn wiped(self) -> Option<BytesMut> {
        let mut body = self.body.try_into_mut().ok()?;
        body.zeroize();
        Some(body)
    }
}

/// The address of a proxy may hold a password, and so the network is not shown.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("origin", &self.origin).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// A header whose value is not a secret; the names and values are ours.
///
/// # Errors
///
/// `malformed` if the value cannot stand in a header.
pub fn header(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| Failure::new(Reason::Malformed, format!("the value of the header {name} is not printable")))?;
    Ok((HeaderName::from_static(name), value))
}

fn percent_encoded(value: &[u8]) -> String {
    url::form_urlencoded::byte_serialize(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer { status: 200, body: Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() }
    }

    #[test]
    fn json_is_bounded_in_size_and_depth_and_its_failures_quote_nothing() {
        assert_eq!(answer(r#"{"a":1}"#).json(100).unwrap()["a"], 1);
        let deep = "[".repeat(100_000);
        for (body, limit, text) in [
            ("", 10, "the answer is empty"),
            (" \n", 10, "the answer is empty"),
            ("<html>s3cret", 100, "the answer is a web page and not JSON"),
            (r#"{"a":"s3cret"#, 100, "the answer ends in the middle of its JSON"),
            ("s3cret", 100, "the answer is not JSON"),
            (r#"{"a":1}"#, 3, "the answer is longer than 3 bytes"),
            (deep.as_str(), 1_000_000, "the answer is not JSON"),
        ] {
            let failure = answer(body).json(limit).unwrap_err();
            assert_eq!((failure.reason, failure.message.as_str()), (Reason::Malformed, text));
        }
        let mut headers = answer("s3cret");
        headers.headers.insert(AUTHORIZATION, HeaderValue::from_static("s3cret"));
        assert_eq!(headers.header("Authorization"), Some("s3cret"));
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[test]
    fn a_body_that_was_read_can_be_overwritten() {
        for spare in [0, 100] {
            let mut body = Vec::with_capacity(6 + spare);
            body.extend_from_slice(b"s3cret");
            let answer = Answer { status: 200, retry_after: None, body: body.into(), ..Answer::default() };
            assert_eq!(answer.wiped().unwrap(), [0; 6].as_slice());
        }
    }

    #[test]
    fn form_values_are_bytes() {
        assert_eq!(percent_encoded("%:+\" \u{fc}".as_bytes()), "%25%3A%2B%22+%C3%BC");
        assert_eq!(percent_encoded(b"\xff"), "%FF");
    }
}
