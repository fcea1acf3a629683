//! ADE integrations: Apple's tokens, and whether they work.

use chrono::{DateTime, Utc};

use super::envelope::{Integration, Moment, Row};
use crate::model::{AppleToken, Facts, Failure, Reason, TokenKind};
use crate::provider::http::clean;

/// The longest text that is taken over from a field, in characters.
const TEXT_LIMIT: usize = 256;

/// The longest word on a status.
const WORD_LIMIT: usize = 64;

/// Turns all rows of a list into facts. `host` is who answered.
///
/// # Errors
///
/// `malformed` if a row is none of an ADE integration.
pub(super) fn facts(host: &str, rows: &[Row<Integration>]) -> Result<Facts, Failure> {
    let mut remarks = Vec::new();
    let mut tokens = Vec::new();
    for row in rows {
        let Some(token) = token(row, &mut remarks) else {
            return Err(Failure::new(Reason::Malformed, format!("{host}: a row is no ADE integration")));
        };
        tokens.push(token);
    }
    tokens.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Facts { tokens: Some(tokens), remarks, ..Facts::default() })
}

fn token(row: &Row<Integration>, remarks: &mut Vec<String>) -> Option<AppleToken> {
    let (id, name) = (row.text("id"), row.text("server_name"));
    if id.is_none() && name.is_none() && row.value("access_token_expiry").is_none() {
        return None;
    }
    let id = clean(id.unwrap_or_default(), TEXT_LIMIT);
    let name = name.map_or_else(|| id.clone(), |name| clean(name, TEXT_LIMIT));
    let not_after = not_after(row, &name, remarks);
    let (usable, trouble) = status(row, &name, remarks);
    Some(AppleToken { kind: TokenKind::Ade, id, name, not_after, usable, trouble })
}

fn not_after(row: &Row<Integration>, name: &str, remarks: &mut Vec<String>) -> Option<DateTime<Utc>> {
    match row.moment("access_token_expiry") {
        Moment::At(end) => Some(end),
        Moment::Missing | Moment::Empty => {
            remarks.push(format!("Kandji gave no end of the ADE token {name}."));
            None
        }
        Moment::Odd => {
            remarks.push(format!("Kandji gave an end of the ADE token {name} that cannot be read."));
            None
        }
    }
}

/// Whether it works. A token that was revoked, or whose terms nobody accepted, has days left and is `BROKEN`.
fn status(row: &Row<Integration>, name: &str, remarks: &mut Vec<String>) -> (Option<bool>, Option<String>) {
    let Some(status) = row.text("status") else {
        if row.value("status").is_some_and(|status| !status.is_string()) {
            remarks.push(format!("Kandji gave a status of the ADE token {name} that cannot be read."));
        }
        return (None, None);
    };
    if status.eq_ignore_ascii_case("SUCCESS") {
        return (Some(true), None);
    }
    if status.eq_ignore_ascii_case("BROKEN") {
        return (Some(false), Some(clean(row.text("status_reason").unwrap_or(status), WORD_LIMIT)));
    }
    let status = clean(status, WORD_LIMIT);
    remarks.push(format!(
        "Kandji gave the ADE token {name} the status {status}, of which nobody here knows what it means."
    ));
    (None, None)
}

#[cfg(test)]
mod tests {
    use super::super::envelope::{REST, tests::read};
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kandji/", $name))
        };
    }

    fn told(body: &str) -> Result<Facts, Failure> {
        let page = read(&REST, body).unwrap();
        facts("acme.api.kandji.io", &page.rows)
    }

    fn one(body: &str) -> (AppleToken, Vec<String>) {
        let facts = told(body).unwrap();
        let [token] = facts.tokens.unwrap().try_into().unwrap();
        (token, facts.remarks)
    }

    fn date(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn tokens_are_told_with_their_ends_and_no_people() {
        let facts = told(fixture!("ade.json")).unwrap();
        let tokens = facts.tokens.clone().unwrap();
        let told: Vec<_> = tokens.iter().map(|token| (token.name.as_str(), token.not_after, token.usable)).collect();
        assert_eq!(
            told,
            [
                ("Made-up Macs", date("2027-03-11T04:41:43Z"), Some(true)),
                ("Made-up TVs", date("2026-12-24T18:00:00Z"), Some(true)),
                ("Made-up iPads", date("2027-06-05T14:39:25Z"), Some(true)),
            ]
        );
        assert_eq!(tokens[0].id, "00000000-0000-4000-8000-0000000000e1");
        assert_eq!((facts.remarks.len(), facts.certificate.clone()), (0, None));
        let shown = format!("{facts:?}{}", serde_json::to_string(&facts).unwrap());
        for hidden in ["person@", "Made-up Street", "+49", "smime.p7m"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
    }

    #[test]
    fn no_integration_is_an_answer() {
        let facts = told(fixture!("ade-empty.json")).unwrap();
        assert_eq!((facts.tokens, facts.remarks), (Some(vec![]), vec![]));
    }

    #[test]
    fn an_expired_token_is_told_as_it_is() {
        let (token, remarks) = one(fixture!("ade-expired.json"));
        assert_eq!(token.not_after, date("2026-08-01T00:00:00Z"));
        assert_eq!((token.usable, remarks.len()), (Some(true), 0));
    }

    #[test]
    fn a_broken_token_with_days_left_does_not_work() {
        let (token, remarks) = one(fixture!("ade-broken.json"));
        assert_eq!(token.not_after, date("2027-03-20T00:00:00Z"));
        assert_eq!((token.usable, token.trouble.as_deref()), (Some(false), Some("FORBIDDEN")));
        assert_eq!(remarks.len(), 0);
        for (reason, trouble) in [
            ("null", "BROKEN"),
            (r#""""#, "BROKEN"),
            ("7", "BROKEN"),
            (r#""bad\u001b[31m\nnews""#, "bad\\u{1b}[31m\\nnews"),
        ] {
            let body = format!(r#"{{"results":[{{"id":"a","status":"BROKEN","status_reason":{reason}}}]}}"#);
            let (token, _) = one(&body);
            assert_eq!((token.usable, token.trouble.as_deref()), (Some(false), Some(trouble)), "{reason}");
        }
    }

    #[test]
    fn an_unknown_status_and_an_odd_date_are_unknown_with_a_remark() {
        let (token, remarks) = one(fixture!("ade-unknown-status.json"));
        assert_eq!((token.usable, token.trouble, remarks.len()), (None, None, 1));
        assert!(remarks[0].contains("the status PENDING,"), "{remarks:?}");
        let (token, remarks) = one(fixture!("ade-missing-fields.json"));
        assert_eq!((token.name.as_str(), token.not_after, token.usable), (token.id.as_str(), None, None));
        assert_eq!(remarks, ["Kandji gave no end of the ADE token 00000000-0000-4000-8000-0000000000e1."]);
        let (token, remarks) = one(fixture!("ade-odd-fields.json"));
        assert_eq!((token.not_after, token.usable, remarks.len()), (None, None, 2));
        let (token, remarks) = one(fixture!("ade-no-date.json"));
        assert_eq!((token.not_after, token.usable, remarks.len()), (None, Some(true), 1));
    }

    #[test]
    fn a_row_of_something_else_spoils_the_list() {
        for body in [r#"{"results":[{}]}"#, r#"{"results":[{"id":7,"status":"SUCCESS"}]}"#] {
            assert_eq!(told(body).unwrap_err().reason, Reason::Malformed, "{body}");
        }
        let nameless = told(r#"{"results":[{"server_name":"a"},{"server_name":"a"}]}"#).unwrap();
        assert_eq!(nameless.tokens.unwrap().len(), 2, "two without an id are two");
    }
}
