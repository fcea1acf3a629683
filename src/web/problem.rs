//! Errors of the API as documents (RFC 9457).

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

const KIND: HeaderValue = HeaderValue::from_static("application/problem+json");

/// More of a refusal is never read again: those made here have a line.
const LONGEST: usize = 4096;

/// Makes every refusal below `/api` a problem document, whoever refused: the door, the check of the host, or the router,
/// which knows no such path or method. Programs that ask there read one kind of error. Its headers stay.
pub(super) async fn document(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_of_api = path == "/api" || path.starts_with("/api/");
    let response = next.run(request).await;
    let status = response.status();
    let is_refusal = status.is_client_error() || status.is_server_error();
    if !is_of_api || !is_refusal || response.headers().get(header::CONTENT_TYPE) == Some(&KIND) {
        return response;
    }
    let (head, body) = response.into_parts();
    let text = to_bytes(body, LONGEST).await.unwrap_or_default();
    let said = String::from_utf8_lossy(&text);
    let detail = match (said.trim(), status) {
        ("", StatusCode::NOT_FOUND) => "there is nothing under this path: see /api/v1/openapi.json",
        ("", StatusCode::METHOD_NOT_ALLOWED) => "this path does not know this method: see /api/v1/openapi.json",
        ("", _) => "nothing more is known",
        (said, _) => said,
    };
    let mut problem = Problem::new(status, detail).into_response();
    for (name, value) in &head.headers {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            problem.headers_mut().append(name, value.clone());
        }
    }
    problem
}

/// Why a request was not answered.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
}

impl Problem {
    /// With a sentence for the person who asked: no full stop needed.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl Problem {
    /// The status of the answer.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether nobody knows how it ended.
    pub(super) fn is_open(&self) -> bool {
        self.status == StatusCode::GATEWAY_TIMEOUT
    }

    /// Why.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, detail } = self;
        let title = status.canonical_reason().unwrap_or("error");
        let document = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
        (status, [(header::CONTENT_TYPE, KIND)], document.to_string()).into_response()
    }
}
