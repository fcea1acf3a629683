//! Why Kandji did not answer, by the status alone: its error bodies have six shapes and their texts say nothing that
//! could be relied upon.

use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Resource;
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, status_failure};

/// Requests that a tenant has in an hour, all its tokens together, where no header says otherwise
/// (<https://api-docs.kandji.io>, rate limits).
const HOURLY: u64 = 10_000;

/// We stop when less than one part in so many of the hour's requests is left.
const RESERVE_PART: u64 = 20;

/// The failure that an answer other than 200 stands for.
pub(super) fn failure(
    host: &str,
    resource: Resource<'_>,
    token_file: &Path,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Failure {
    let status = answer.status;
    match status {
        // Kandji's own tools read these two the one way and the other (kandji-inc/irupkg, kandji-inc/support), so
        // neither text says which it is.
        401 | 403 => Failure::new(
            if status == 401 { Reason::Auth } else { Reason::Forbidden },
            format!(
                "{host} refuses {resource}: the API token in {} is not good, or it has no right to {} (status {status})",
                token_file.display(),
                resource.permission(),
            ),
        ),
        201..=299 => Failure::new(Reason::Malformed, format!("{host} answered without {resource} (status {status})")),
        429 => {
            let rest = || Budget::of(answer).is_used_up().then(|| rest_of_hour(now));
            status_failure(host, status, answer.retry_after.or_else(rest))
        }
        _ => status_failure(host, status, answer.retry_after),
    }
}

/// What is left of the tenant's requests in this hour, as the `X-Ratelimit-*-Hour` headers tell. Those without the `X`
/// are of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Budget {
    limit: u64,
    remaining: Option<u64>,
}

impl Budget {
    /// Reads the headers of an answer.
    pub(super) fn of(answer: &Answer) -> Self {
        let number = |name| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
        Self {
            limit: number("x-ratelimit-limit-hour").unwrap_or(HOURLY),
            remaining: number("x-ratelimit-remaining-hour"),
        }
    }

    fn is_used_up(self) -> bool {
        self.remaining == Some(0)
    }

    /// Whether there is enough for one more page.
    ///
    /// # Errors
    ///
    /// `rate_limited` with a pause until the hour is over.
    pub(super) fn check(self, host: &str, now: DateTime<Utc>) -> Result<(), Failure> {
        let Some(remaining) = self.remaining.filter(|left| left.saturating_mul(RESERVE_PART) < self.limit) else {
            return Ok(());
        };
        let limit = self.limit;
        let message = format!(
            "{host} has {remaining} of {limit} requests left in this hour, and the rest is left to others who use its API"
        );
        Err(Failure { reason: Reason::RateLimited, message, retry_after: Some(rest_of_hour(now)) })
    }
}

/// The windows of their gateway (Kong) begin with the hour of the clock.
fn rest_of_hour(now: DateTime<Utc>) -> Duration {
    let into = u64::try_from(now.timestamp().rem_euclid(3600)).unwrap_or(0);
    Duration::from_secs(3600 - into)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kandji/", $name))
        };
    }

    fn now() -> DateTime<Utc> {
        "2026-09-01T12:40:00Z".parse().unwrap()
    }

    fn answer(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Answer {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        let retry_after = crate::provider::http::retry_after(&headers, now());
        Answer { status, retry_after, headers, body: bytes::Bytes::copy_from_slice(body.as_bytes()) }
    }

    fn failed(answer: &Answer) -> Failure {
        failure("acme.api.kandji.io", Resource::Integrations, Path::new("/run/token"), answer, now())
    }

    #[test]
    fn the_status_decides_whatever_shape_the_body_has() {
        let bodies = [
            fixture!("error.json"),
            fixture!("detail.json"),
            fixture!("string.json"),
            fixture!("strings.json"),
            fixture!("page.html"),
            fixture!("gateway.json"),
            "",
        ];
        for body in bodies {
            for (status, reason) in [
                (201, Reason::Malformed),
                (204, Reason::Malformed),
                (400, Reason::Http),
                (401, Reason::Auth),
                (403, Reason::Forbidden),
                (404, Reason::NotFound),
                (415, Reason::Http),
                (429, Reason::RateLimited),
                (500, Reason::Http),
                (503, Reason::Http),
            ] {
                let failure = failed(&answer(status, body, &[]));
                assert_eq!((failure.reason, failure.retry_after), (reason, None), "{status} {body}");
                assert!(!failure.message.contains("made up"), "{failure}");
            }
        }
    }

    #[test]
    fn a_refusal_blames_neither_token_nor_right_alone() {
        for status in [401, 403] {
            let message = failed(&answer(status, "", &[])).message;
            for part in ["/run/token", "not good", "no right to GET /api/v1/integrations/apple/ade"] {
                assert!(message.contains(part), "{message}");
            }
            assert!(!message.contains("expired"), "{message}");
        }
    }

    #[test]
    fn a_429_is_left_alone_for_as_long_as_it_asks_or_until_the_hour_is_over() {
        for (headers, seconds) in [
            (&[][..], None),
            (&[("retry-after", "17")][..], Some(17)),
            (&[("retry-after", "17"), ("x-ratelimit-remaining-hour", "0")][..], Some(17)),
            (&[("x-ratelimit-remaining-hour", "0")][..], Some(1200)),
            (&[("x-ratelimit-remaining-hour", "12")][..], None),
            (&[("ratelimit-remaining", "0"), ("x-ratelimit-remaining-second", "0")][..], None),
        ] {
            let pause = failed(&answer(429, "", headers)).retry_after;
            assert_eq!(pause, seconds.map(Duration::from_secs), "{headers:?}");
        }
        assert_eq!(rest_of_hour("2026-09-01T12:00:00Z".parse().unwrap()), Duration::from_secs(3600));
        assert_eq!(rest_of_hour("1969-12-31T23:59:59Z".parse().unwrap()), Duration::from_secs(1));
    }

    #[test]
    fn the_last_of_the_hour_is_left_to_others() {
        for (limit, remaining, enough) in [
            ("10000", "500", true),
            ("10000", "499", false),
            ("10000", "0", false),
            ("100", "5", true),
            ("100", "4", false),
            ("0", "0", true),
            ("many", "499", false),
            ("10000", "few", true),
            ("10000", "-1", true),
        ] {
            let headers = [("x-ratelimit-limit-hour", limit), ("x-ratelimit-remaining-hour", remaining)];
            let result = Budget::of(&answer(200, "", &headers)).check("acme.api.kandji.io", now());
            assert_eq!(result.is_ok(), enough, "{headers:?}");
            if let Err(failure) = result {
                assert_eq!(failure.reason, Reason::RateLimited);
                assert_eq!(failure.retry_after, Some(Duration::from_secs(1200)));
            }
        }
        assert_eq!(Budget::of(&answer(200, "", &[("ratelimit-remaining", "0")])).remaining, None);
    }
}
