//! Server tokens of Automated Device Enrolment, and content tokens of Apps and Books.
//!
//! <https://developer.jamf.com/jamf-pro/reference/get_v1-device-enrollments>,
//! <https://developer.jamf.com/jamf-pro/reference/get_v1-volume-purchasing-locations>. Neither answers with a token;
//! the Classic API does and is never asked.

use serde::Deserialize;
use serde_json::Value;

use super::endpoints::{ENROLLMENTS, Endpoint, LOCATIONS};
use super::pages::{self, Query, Record};
use super::session::Session;
use super::wire::{Id, TEXT_LIMIT, parse_date};
use super::{Parts, merge};
use crate::model::{AppleToken, Facts, Failure, Outcome, TokenKind};
use crate::provider::http::clean;

/// The sort keeps pages apart while a list changes.
const QUERY: Query<'static> = Query { size: 100, more: &[("sort", "id:asc")], is_lenient: false };

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enrollment {
    id: Id,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    token_expiration_date: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    id: Id,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    token_expiration: Value,
    #[serde(default)]
    client_context_mismatch: Option<bool>,
}

impl Record for Enrollment {
    fn id(&self) -> String {
        self.id.clone().into_text()
    }
}

impl Record for Location {
    fn id(&self) -> String {
        self.id.clone().into_text()
    }
}

/// Asks for both. A missing privilege for one of them leaves the other told.
pub(super) async fn poll(session: &mut Session<'_>) -> Outcome {
    let mut remarks = Vec::new();
    let enrollments = read(session, &ENROLLMENTS, |record: Enrollment| enrollment(record, &mut remarks)).await;
    let mut more = Vec::new();
    let locations = match &enrollments {
        Err(failure) if !super::is_forbidden(failure) => return Outcome::failure(failure.clone()),
        _ => read(session, &LOCATIONS, |record: Location| location(record, &mut more)).await,
    };
    remarks.append(&mut more);
    merge(enrollments, locations, |parts| {
        let tokens = match parts {
            Parts::Both(mut one, mut other) => {
                one.append(&mut other);
                one
            }
            Parts::First(tokens) | Parts::Second(tokens) => tokens,
        };
        Facts { tokens: Some(tokens), remarks, ..Facts::default() }
    })
}

async fn read<T: Record>(
    session: &mut Session<'_>,
    endpoint: &Endpoint,
    mut token: impl FnMut(T) -> AppleToken,
) -> Result<Vec<AppleToken>, Failure> {
    let mut tokens = Vec::new();
    pages::read(session, endpoint, &QUERY, |record| tokens.push(token(record))).await?;
    Ok(tokens)
}

fn enrollment(record: Enrollment, remarks: &mut Vec<String>) -> AppleToken {
    token(TokenKind::Ade, record.id, record.name, &record.token_expiration_date, remarks)
}

fn location(record: Location, remarks: &mut Vec<String>) -> AppleToken {
    let mut token = token(TokenKind::Vpp, record.id, record.name, &record.token_expiration, remarks);
    // That nobody else claimed it does not say that it works, so the opposite is not `true`.
    if record.client_context_mismatch == Some(true) {
        token.usable = Some(false);
        token.trouble = Some("another MDM has claimed it".to_owned());
    }
    token
}

fn token(kind: TokenKind, id: Id, name: Option<String>, end: &Value, remarks: &mut Vec<String>) -> AppleToken {
    let id = clean(&id.into_text(), TEXT_LIMIT);
    let name = name.map(|name| clean(&name, TEXT_LIMIT)).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| format!("#{id}"));
    let not_after = end.as_str().and_then(parse_date);
    if not_after.is_none() {
        let what = match end {
            Value::Null => "no end",
            Value::String(text) if text.trim().is_empty() => "no end",
            _ => "an end that cannot be read",
        };
        remarks.push(format!("Jamf gave {what} of the {kind} token {name}."));
    }
    AppleToken { kind, id, name, not_after, usable: None, trouble: None }
}

#[cfg(test)]
mod tests {
    use super::super::pages::Page;
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/jamf/", $name))
        };
    }

    fn enrollments(body: &str) -> (Vec<AppleToken>, Vec<String>) {
        let mut remarks = Vec::new();
        let page: Page<Enrollment> = serde_json::from_str(body).unwrap();
        (page.results.into_iter().map(|record| enrollment(record, &mut remarks)).collect(), remarks)
    }

    fn locations(body: &str) -> (Vec<AppleToken>, Vec<String>) {
        let mut remarks = Vec::new();
        let page: Page<Location> = serde_json::from_str(body).unwrap();
        (page.results.into_iter().map(|record| location(record, &mut remarks)).collect(), remarks)
    }

    #[test]
    fn a_day_begins_at_midnight_and_a_moment_is_a_moment() {
        let (tokens, remarks) = enrollments(fixture!("enrollments-good.json"));
        assert_eq!(remarks, Vec::<String>::new());
        assert_eq!(tokens.len(), 1);
        assert_eq!(
            (tokens[0].kind, tokens[0].id.as_str(), tokens[0].name.as_str()),
            (TokenKind::Ade, "1", "Example ADE")
        );
        assert_eq!(tokens[0].not_after, "2027-05-06T00:00:00Z".parse().ok());

        let (tokens, remarks) = locations(fixture!("locations-good.json"));
        assert_eq!(remarks, Vec::<String>::new());
        assert_eq!(tokens[0].not_after, "2027-04-25T21:09:31Z".parse().ok());
        assert_eq!((tokens[0].usable, &tokens[0].trouble), (None, &None));
        assert_eq!(tokens[1].not_after, "2027-04-25T21:09:31Z".parse().ok());
        assert_eq!(tokens[1].usable, Some(false));
        assert_eq!(tokens[1].trouble.as_deref(), Some("another MDM has claimed it"));
    }

    #[test]
    fn a_field_that_is_missing_or_odd_costs_one_date_and_no_token() {
        let (tokens, remarks) = enrollments(fixture!("enrollments-missing-field.json"));
        assert_eq!(tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>(), ["#1", "Two", "Three", "#4"]);
        assert!(tokens.iter().all(|token| token.not_after.is_none()));
        assert_eq!(remarks.len(), 4, "{remarks:?}");
        assert_eq!(remarks[1], "Jamf gave an end that cannot be read of the ade token Two.");
        let (tokens, _) = locations(r#"{"totalCount":1,"results":[{"id":7,"name":"a\u0007b"}]}"#);
        assert_eq!((tokens[0].id.as_str(), tokens[0].name.as_str()), ("7", "a\\u{7}b"));
    }

    #[test]
    fn what_is_no_page_is_none() {
        for body in [
            "null",
            "[]",
            "{}",
            r#"{"results":[]}"#,
            r#"{"totalCount":1}"#,
            r#"{"totalCount":-1,"results":[]}"#,
            r#"{"totalCount":"1","results":[]}"#,
            r#"{"totalCount":1,"results":[{}]}"#,
            r#"{"totalCount":1,"results":[7]}"#,
            fixture!("enrollments-wrong-types.json"),
            fixture!("401.json"),
        ] {
            assert!(serde_json::from_str::<Page<Enrollment>>(body).is_err(), "{body}");
        }
    }
}
