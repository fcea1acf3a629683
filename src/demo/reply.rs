//! Answers that every simulator gives, the bad ones above all.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use serde_json::Value;

/// One piece of a long body.
const CHUNK: Bytes = Bytes::from_static(&[b' '; 64 * 1024]);

/// A JSON document.
#[must_use]
pub fn json(status: u16, value: &Value) -> Response {
    respond(status, "application/json", value.to_string())
}

/// A web page that nobody asked for.
#[must_use]
pub fn page(status: u16) -> Response {
    respond(status, "text/html", "<!DOCTYPE html>\n<html><body>Something else</body></html>")
}

/// Any body.
#[must_use]
pub fn respond(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// The same answer with a header more.
#[must_use]
pub fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}

/// A redirect.
#[must_use]
pub fn redirect(status: u16, to: &str) -> Response {
    with_header(page(status), header::LOCATION, to)
}

/// Half a body, given out as a whole one; then the connection breaks.
#[must_use]
pub fn truncated(start: &'static str) -> Response {
    let start = stream::once(async move { Ok(Bytes::from_static(start.as_bytes())) });
    // The pause lets the first part leave before the connection breaks.
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::ErrorKind::BrokenPipe.into())
    });
    with_header(streamed(start.chain(end)), header::CONTENT_LENGTH, "600")
}

/// At least so many bytes of nothing, their number not told beforehand.
#[must_use]
pub fn huge(bytes: u64) -> Response {
    let chunks = usize::try_from(bytes.div_ceil(CHUNK.len() as u64)).unwrap_or(usize::MAX);
    streamed(stream::repeat_with(|| Ok(CHUNK)).take(chunks))
}

/// A byte every so often, without end.
#[must_use]
pub fn trickle(interval: Duration) -> Response {
    streamed(stream::repeat(()).then(move |()| async move {
        tokio::time::sleep(interval).await;
        Ok(Bytes::from_static(b" "))
    }))
}

fn streamed(chunks: impl futures::Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    respond(200, "application/json", Body::from_stream(chunks))
}
