//! `/calendar.ics`: the calendar, whole or cut to a tenant or a team.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Context;
use super::problem::Problem;
use crate::calendar::{Filter, calendar};

/// What the address may say besides the key, which is the door's business. An empty value is none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    tenant: String,
    team: String,
}

/// Answers with the calendar, or that it has not changed. No answer repeats what was asked: a key may stand in it.
pub(super) async fn serve(
    State(context): State<Context>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(Asked { tenant, team })) = asked else {
        let detail = "tenant and team may stand in the address once each, and nothing else but the key";
        return Problem::new(StatusCode::BAD_REQUEST, detail).into_response();
    };
    let wanted = |text: String| (!text.is_empty()).then_some(text);
    let filter = Filter { tenant: wanted(tenant), team: wanted(team) };
    let (running, report) = context.report().await;
    // Ten thousand tenants are many megabytes, which must not keep the scrape waiting.
    let write = tokio::task::spawn_blocking(move || {
        let text = calendar(&report, &filter, running.config.web.external_url.as_ref())?;
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(&text)[..16]));
        Some((text, tag))
    });
    let (text, tag) = match write.await {
        Ok(Some(written)) => written,
        Ok(None) => {
            let detail = "no tenant of this name or team is watched";
            return Problem::new(StatusCode::NOT_FOUND, detail).into_response();
        }
        Err(error) => {
            tracing::error!(%error, "the calendar cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let is_known = is_known(&headers, &tag);
    let Ok(tag) = HeaderValue::from_str(&tag) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    // Kept by whoever asked and by nobody between, and compared each time.
    let cache = HeaderValue::from_static("private, no-cache");
    let about = [(header::ETAG, tag), (header::CACHE_CONTROL, cache)];
    if is_known {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let kind = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/calendar; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"apnswatch.ics\"")),
    ];
    (about, kind, text).into_response()
}

/// Whether the one who asks has this version (RFC 9110, 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    tags.any(|known| known == tag || known == "*")
}
