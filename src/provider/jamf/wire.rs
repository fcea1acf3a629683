//! What all answers of Jamf Pro have in common: dates, error objects, and what a status means.

use chrono::{DateTime, Datelike as _, NaiveDate, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::endpoints::Endpoint;
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, status_failure};

/// An error object has a few hundred bytes.
const ERROR_LIMIT: usize = 256 * 1024;

/// The longest text that is taken over from a field, in characters.
pub(super) const TEXT_LIMIT: usize = 256;

/// An id, which is text in the newer API and a number in the Classic one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    /// As text.
    Text(String),
    /// As a number.
    Number(u64),
}

impl Id {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

/// Lets an answer with 200 through.
///
/// # Errors
///
/// One reason for each other status, with the privilege to add where one is missing. Error objects may be empty, HTML,
/// or absent, so that only the status counts.
pub(super) fn expect(host: &str, endpoint: &Endpoint, answer: &Answer) -> Result<(), Failure> {
    let failure = |reason, message| Err(Failure::new(reason, message));
    match answer.status {
        200 => Ok(()),
        201..=299 => failure(Reason::Malformed, format!("{host} answered {endpoint} without what was asked for")),
        401 => failure(Reason::Auth, format!("{host} refuses the token of a good login (status 401)")),
        403 if endpoint.privilege.is_empty() => {
            failure(Reason::Forbidden, format!("{host} does not let this login read {endpoint} (status 403)"))
        }
        403 => failure(
            Reason::Forbidden,
            format!(
                "{host} does not let this login read {endpoint}: it needs the privilege {} (status 403)",
                endpoint.privilege
            ),
        ),
        404 => failure(Reason::NotFound, format!("{host} does not know {endpoint} (status 404)")),
        status => Err(status_failure(host, status, answer.retry_after)),
    }
}

/// A failure of what came with 200.
pub(super) fn malformed(host: &str, endpoint: &Endpoint, what: &str) -> Failure {
    Failure::new(Reason::Malformed, format!("{host}, {endpoint}: {what}"))
}

/// Whether an error object holds a code, such as `USER_EXPIRED_PASSWORD`.
pub(super) fn has_code(answer: &Answer, code: &str) -> bool {
    let Ok(body) = answer.json(ERROR_LIMIT) else { return false };
    let errors = body.get("errors").and_then(Value::as_array);
    errors.into_iter().flatten().any(|error| error.get("code").and_then(Value::as_str) == Some(code))
}

/// A date of Jamf's, in whole seconds: with `Z`, `+00:00` or `+0000`, any number of digits of fraction; or a day alone,
/// which begins at midnight UTC, the earliest that it can mean. `None` for anything else, years out of reason included.
pub(super) fn parse_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let date = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .map(|date| date.to_utc())
        .ok()
        .or_else(|| Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?.and_utc()))?;
    let date = DateTime::from_timestamp(date.timestamp(), 0)?;
    (1971..9999).contains(&date.year()).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::jamf::endpoints::{LOCATIONS, NOTIFICATIONS};

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/jamf/", $name))
        };
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: bytes::Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() }
    }

    #[test]
    fn every_spelling_of_a_date_is_one_moment() {
        let expected = "2026-06-05T14:08:06Z".parse().ok();
        for text in [
            "2026-06-05T14:08:06Z",
            "2026-06-05T14:08:06.706Z",
            "2026-06-05T14:08:06.1234567Z",
            "2026-06-05T14:08:06.706+0000",
            "2026-06-05T14:08:06+00:00",
            "2026-06-05T22:08:06+08:00",
            " 2026-06-05T09:08:06-0500 ",
        ] {
            assert_eq!(parse_date(text), expected, "{text}");
        }
        assert_eq!(parse_date("2026-06-05"), "2026-06-05T00:00:00Z".parse().ok());
        for text in ["", "soon", "05.06.2026", "06/05/2026", "2026-13-01", "1970-01-01", "0001-01-01T00:00:00Z"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        assert_eq!(parse_date("9999-12-31T00:00:00Z"), None);
        assert_eq!(parse_date("2026-06-05T14:08:06"), None, "nobody says where");
    }

    #[test]
    fn only_the_status_counts_and_a_missing_privilege_is_named() {
        for body in [
            "",
            "s3cret",
            fixture!("page.html"),
            fixture!("error-empty.json"),
            fixture!("401.json"),
            fixture!("403.json"),
            fixture!("404.json"),
            fixture!("429.json"),
            fixture!("500.json"),
        ] {
            for (status, reason) in [
                (204, Reason::Malformed),
                (400, Reason::Http),
                (401, Reason::Auth),
                (403, Reason::Forbidden),
                (404, Reason::NotFound),
                (429, Reason::RateLimited),
                (500, Reason::Http),
            ] {
                let failure = expect("mdm.example.com", &LOCATIONS, &answer(status, body)).unwrap_err();
                assert_eq!(failure.reason, reason, "{status} {body}");
                assert!(!failure.message.contains("s3cret"), "{failure}");
            }
        }
        let denied = expect("mdm.example.com", &LOCATIONS, &answer(403, "")).unwrap_err().message;
        assert!(denied.contains("the privilege Read Volume Purchasing Locations"), "{denied}");
        let denied = expect("mdm.example.com", &NOTIFICATIONS, &answer(403, "")).unwrap_err().message;
        assert!(denied.ends_with("read GET /api/v1/notifications (status 403)"), "{denied}");
    }

    #[test]
    fn a_code_is_found_where_there_is_one() {
        let body = r#"{"httpStatus":401,"errors":[{"code":"INVALID_TOKEN"},{"code":"USER_EXPIRED_PASSWORD"}]}"#;
        assert!(has_code(&answer(401, body), "USER_EXPIRED_PASSWORD"));
        for body in ["", "<html>", "[]", r#"{"errors":[]}"#, r#"{"errors":null}"#, r#"{"errors":[7]}"#] {
            assert!(!has_code(&answer(401, body), "USER_EXPIRED_PASSWORD"), "{body}");
        }
    }
}
