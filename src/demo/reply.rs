//! Answers that all simulators give, good and bad.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;

/// A document.
pub(super) fn json(status: u16, value: &Value) -> Response {
    respond(status, "application/json", value.to_string())
}

/// A web page.
pub(super) fn page(status: u16) -> Response {
    respond(status, "text/html", "<!DOCTYPE html>\n<html><body>Something else</body></html>")
}

/// Anything.
pub(super) fn respond(status: u16, kind: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

/// The same with one header more.
pub(super) fn with_header(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}

/// A body that comes in pieces.
pub(super) fn streamed(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Response {
    respond(200, "application/json", Body::from_stream(chunks))
}

/// The start of a body that was said to be longer; then the connection breaks.
pub(super) fn truncated(start: &'static [u8]) -> Response {
    let start = stream::once(async move { Ok(Bytes::from_static(start)) });
    // The pause lets the first part leave before the connection breaks.
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Err(io::ErrorKind::BrokenPipe.into())
    });
    with_header(streamed(start.chain(end)), header::CONTENT_LENGTH, "600")
}

/// A byte every so often, without end.
pub(super) fn trickle(interval: Duration) -> Response {
    streamed(stream::repeat(()).then(move |()| async move {
        tokio::time::sleep(interval).await;
        Ok(Bytes::from_static(b" "))
    }))
}
