//! `GET /api/v1/notifications`: the only thing by which Jamf Pro speaks of its push certificate.
//!
//! <https://developer.jamf.com/jamf-pro/reference/get_v1-notifications>. A bare list, not paged. The types are many and
//! grow with each release; the parameters have no dependable type.

use serde::Deserialize;
use serde_json::Value;

use super::endpoints::NOTIFICATIONS;
use super::session::Session;
use super::wire::{self, malformed};
use crate::model::{Facts, Failure, Notice, Notices};
use crate::provider::http::{Answer, BODY_LIMIT};

/// More days than this, before or after, are none: they would only overflow a date.
const MOST_DAYS: i64 = 3660;

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    params: Value,
}

/// Asks for the notices.
///
/// # Errors
///
/// As [`wire::expect`], and `malformed` for what is not a list of notices.
pub(super) async fn poll(session: &mut Session<'_>) -> Result<Facts, Failure> {
    let answer = session.get(&NOTIFICATIONS, &[]).await?;
    parse(&session.host(), &answer)
}

fn parse(host: &str, answer: &Answer) -> Result<Facts, Failure> {
    wire::expect(host, &NOTIFICATIONS, answer)?;
    let entries: Vec<Entry> =
        answer.parse(BODY_LIMIT).map_err(|failure| malformed(host, &NOTIFICATIONS, &failure.message))?;
    let is_empty = entries.is_empty();
    let mut remarks = Vec::new();
    let mut notices = Notices::new();
    for entry in entries {
        // Exactly these: PUSH_PROXY_CERT_EXPIRED is about another certificate.
        let notice = match entry.kind.as_str() {
            "PUSH_CERT_WILL_EXPIRE" => Notice::WillExpire,
            "PUSH_CERT_EXPIRED" => Notice::Expired,
            "APNS_CERT_REVOKED" => Notice::Revoked,
            "APNS_CONNECTION_FAILURE" => Notice::ApnsUnreachable,
            _ => continue,
        };
        let days = if notice == Notice::WillExpire { days(&entry.params, &mut remarks) } else { None };
        let told = notices.get_or_insert(notice, days);
        // Two of one kind: the one that is more urgent, and a number rather than none.
        *told = match (*told, days) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
    if is_empty {
        remarks.push(
            "Jamf shows no notice at all to this login, which proves nothing: the push certificate is mentioned only \
             some 30 days before its end, and perhaps not to a login with few rights."
                .to_owned(),
        );
    } else if notices.is_empty() {
        remarks.push(
            "Jamf shows no notice on the push certificate, which proves nothing: it is mentioned only some 30 days \
             before its end."
                .to_owned(),
        );
    }
    // The certificate itself is told nowhere.
    Ok(Facts { certificate: None, notices: Some(notices), remarks, ..Facts::default() })
}

/// `params.days`, a number or a number as text. The schema says that it is an object, which it cannot be.
fn days(params: &Value, remarks: &mut Vec<String>) -> Option<i64> {
    let value = params.get("days")?;
    let days = match value {
        Value::Null => return None,
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let days = days.filter(|days| (-MOST_DAYS..=MOST_DAYS).contains(days));
    if days.is_none() {
        remarks.push("Jamf gave a number of days that cannot be read.".to_owned());
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Reason;

    fn read(body: &str) -> Result<Facts, Failure> {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        parse("mdm.example.com", &Answer { status: 200, retry_after: None, body, ..Answer::default() })
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/jamf/", $name))
        };
    }

    #[test]
    fn notices_are_told_and_the_rest_is_left_out() {
        let facts = read(fixture!("notices-good.json")).unwrap();
        assert_eq!(facts.notices, Some(Notices::from([(Notice::WillExpire, Some(29))])));
        assert_eq!((facts.certificate, facts.remarks), (None, vec![]));
        let facts = read(fixture!("notices-expired.json")).unwrap();
        let all = [(Notice::Expired, None), (Notice::Revoked, None), (Notice::ApnsUnreachable, None)];
        assert_eq!(facts.notices, Some(Notices::from(all)));
    }

    #[test]
    fn no_notice_is_told_and_said_to_prove_nothing() {
        for body in [fixture!("notices-empty.json"), fixture!("notices-others.json")] {
            let facts = read(body).unwrap();
            assert_eq!(facts.notices, Some(Notices::new()));
            assert_eq!(facts.remarks.len(), 1);
            assert!(facts.remarks[0].contains("proves nothing"), "{:?}", facts.remarks);
        }
    }

    #[test]
    fn days_are_read_in_every_shape() {
        for (params, days, remarks) in [
            (r#"{"days":12}"#, Some(12), 0),
            (r#"{"days":"12"}"#, Some(12), 0),
            (r#"{"days":" 0 "}"#, Some(0), 0),
            (r#"{"days":-1}"#, Some(-1), 0),
            (r#"{"days":null}"#, None, 0),
            ("{}", None, 0),
            ("null", None, 0),
            ("[]", None, 0),
            ("7", None, 0),
            (r#"{"days":{}}"#, None, 1),
            (r#"{"days":true}"#, None, 1),
            (r#"{"days":"soon"}"#, None, 1),
            (r#"{"days":1e300}"#, None, 1),
            (r#"{"days":99999999999999999999}"#, None, 1),
            (r#"{"days":9223372036854775807}"#, None, 1),
        ] {
            let facts = read(&format!(r#"[{{"type":"PUSH_CERT_WILL_EXPIRE","params":{params}}}]"#)).unwrap();
            assert_eq!(facts.notices, Some(Notices::from([(Notice::WillExpire, days)])), "{params}");
            assert_eq!(facts.remarks.len(), remarks, "{params}: {:?}", facts.remarks);
        }
        let twice = read(
            r#"[{"type":"PUSH_CERT_WILL_EXPIRE"},{"type":"PUSH_CERT_WILL_EXPIRE","params":{"days":9}},
                {"type":"PUSH_CERT_WILL_EXPIRE","params":{"days":"8"}}]"#,
        );
        assert_eq!(twice.unwrap().notices, Some(Notices::from([(Notice::WillExpire, Some(8))])));
    }

    #[test]
    fn what_is_not_a_list_of_notices_is_malformed() {
        for body in [
            "",
            "null",
            "{}",
            r#"{"totalCount":0,"results":[]}"#,
            fixture!("401.json"),
            fixture!("error-empty.json"),
            fixture!("page.html"),
            fixture!("notices-truncated.json"),
            fixture!("notices-wrong-types.json"),
            fixture!("notices-missing-field.json"),
            "[null]",
            r#"["PUSH_CERT_EXPIRED"]"#,
        ] {
            let failure = read(body).unwrap_err();
            assert_eq!(failure.reason, Reason::Malformed, "{body}");
            assert!(!failure.message.contains("s3cret"), "{failure}");
        }
    }
}
