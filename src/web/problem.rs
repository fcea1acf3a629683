//! Errors of the API as documents (RFC 9457).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

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
        (status, [(header::CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
    }
}
