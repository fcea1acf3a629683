//! The answer to a scrape.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::Context;
use crate::evaluate::Judge;
use crate::metrics::{self, Encoding, ProcessState};

/// What the classic text format is called; Prometheus 3 refuses a scrape without it.
const TEXT_FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What scrapes need. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Scrapes {
    context: Context,
    /// One is made at a time: judging a large fleet takes every core anyway, and its report a good deal of memory.
    turn: Arc<Semaphore>,
}

impl Scrapes {
    pub(super) fn new(context: Context) -> Self {
        Self { context, turn: Arc::new(Semaphore::new(1)) }
    }
}

/// Answers with every series, compressed for who takes that. There is no secret among them that lengths could give away.
pub(super) async fn serve(State(scrapes): State<Scrapes>, headers: HeaderMap) -> Response {
    let Scrapes { context, turn } = scrapes;
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    if agent.is_some_and(|agent| agent.starts_with("Prometheus/")) {
        context.counters.count_scrape(context.clock.now());
    }
    let encoding = if takes_gzip(&headers) { Encoding::Gzip } else { Encoding::Plain };
    let Ok(turn) = turn.acquire_owned().await else { return StatusCode::SERVICE_UNAVAILABLE.into_response() };
    context.store.refresh().await;
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    // Apart from the threads that serve everybody else. If who asked goes away meanwhile, the turn ends with the work.
    let written = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let running = context.running.borrow().clone();
        let snapshot = context.store.snapshot();
        let judge = Judge::new(&snapshot, &running.config, context.clock.moment());
        let process = ProcessState { reload_successful: running.is_current, reload_success: running.since, tasks };
        metrics::render(&judge, &running.config, process, &context.counters, encoding)
    });
    let answer = match written.await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            tracing::error!(%error, "the metrics cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        Err(error) => {
            tracing::error!(%error, "writing the metrics ended in a defect");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let varies = (header::VARY, HeaderValue::from_static("accept-encoding"));
    let length = (header::CONTENT_LENGTH, HeaderValue::from(answer.left()));
    // Each piece is written when it is sent, and gone from memory then.
    let body = Body::from_stream(futures::stream::iter(answer.map(Ok::<_, Infallible>)));
    let mut response = ([(header::CONTENT_TYPE, TEXT_FORMAT), varies, length], body).into_response();
    if encoding == Encoding::Gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether gzip was asked for. Who says nothing gets plain text.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut said_of_any = false;
    for choice in values.flat_map(|value| value.split(',')) {
        let mut parts = choice.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // What is no number is no refusal either, yet nobody can say what it is.
        let is_wanted = weight.is_none_or(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0));
        if ["gzip", "x-gzip"].iter().any(|known| name.eq_ignore_ascii_case(known)) {
            return is_wanted;
        }
        said_of_any |= name == "*" && is_wanted;
    }
    said_of_any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_who_asks() {
        let takes = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_str(value).unwrap());
            }
            takes_gzip(&headers)
        };
        for values in [&["gzip"][..], &["deflate, GZIP;q=0.5"], &["br", "x-gzip"], &["*"], &["*;q=0, gzip;q=1.0"]] {
            assert!(takes(values), "{values:?}");
        }
        for values in [
            &[][..],
            &[""],
            &["identity"],
            &["gzip;q=0"],
            &["*, gzip;q=0.000"],
            &["gzip;q=x"],
            &["*;q=0"],
            &["gzipped"],
        ] {
            assert!(!takes(values), "{values:?}");
        }
    }
}
