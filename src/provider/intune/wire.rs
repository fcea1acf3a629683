//! What Graph answers, and what it means.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};

use super::denial::{ANSWER_LIMIT, GraphError, Wanted, failed};
use crate::model::{Facts, Failure, Presence, PushCertificate, Reason, Serial, Topic};
use crate::provider::http::{Answer, Token, clean};

/// The longest text that is taken over from a field, in characters.
pub(super) const TEXT_LIMIT: usize = 256;

/// One of these makes an object the entity that was asked for.
const KEYS: [&str; 4] = ["topicIdentifier", "expirationDateTime", "certificateSerialNumber", "appleIdentifier"];

/// The read. Microsoft's page on it lists other permissions; the service itself asks for this one
/// (microsoftgraph/microsoft-graph-docs-contrib issue 8841).
pub(super) const CERTIFICATE: Wanted = Wanted {
    path: &["v1.0", "deviceManagement", "applePushNotificationCertificate"],
    // Without `$select`: the answer is small, and what is missing shows.
    query: &[],
    what: "the push certificate",
    permission: "DeviceManagementServiceConfig.Read.All",
};

/// Turns an answer on the push certificate into facts. `host` is who answered, for messages; `token` is what it was
/// asked with.
///
/// # Errors
///
/// One reason for each status, with two exceptions that Intune has no status for: a 404 in Intune's own envelope says
/// that no certificate is configured and is an answer, and a 500 that speaks of too many requests is `rate_limited`.
pub(super) fn parse(host: &str, token: &Token, answer: &Answer) -> Result<Facts, Failure> {
    match answer.status {
        200 => certificate(host, answer),
        404 => absent(host, answer),
        201..=299 => Err(Failure::new(Reason::Malformed, format!("{host} answered without the push certificate"))),
        _ => Err(failed(host, &CERTIFICATE, token, answer)),
    }
}

fn certificate(host: &str, answer: &Answer) -> Result<Facts, Failure> {
    let malformed = |what: &str| Failure::new(Reason::Malformed, format!("{host}: {what}"));
    let body = answer.json(ANSWER_LIMIT).map_err(|failure| malformed(&failure.message))?;
    // The documentation wraps the entity in `value`, the service does not.
    let entity = match body.get("value") {
        Some(wrapped) if KEYS.iter().all(|key| body.get(key).is_none()) => wrapped,
        _ => &body,
    };
    let Some(entity) = entity.as_object().filter(|object| KEYS.iter().any(|key| object.contains_key(*key))) else {
        return Err(malformed("the answer is JSON, but not a push certificate"));
    };

    let mut remarks = Vec::new();
    let certificate = PushCertificate {
        topic: topic(entity, &mut remarks),
        serial: serial(entity, &mut remarks),
        not_after: not_after(entity, &mut remarks),
        ..PushCertificate::default()
    };
    // Said of a certificate that nobody could read anything of, "up" would be good news that nobody told.
    if certificate == PushCertificate::default() && has_unreadable(entity) {
        return Err(malformed("nothing of the push certificate can be read: its fields are not what they should be"));
    }
    if let Some(reason) = text(entity, "certificateUploadFailureReason") {
        remarks.push(format!("Intune says that an upload failed: {}", clean(reason, TEXT_LIMIT)));
    }
    Ok(Facts {
        certificate: Some(certificate.into()),
        account: text(entity, "appleIdentifier").map(|account| clean(account, TEXT_LIMIT).into()),
        remarks,
        ..Facts::default()
    })
}

/// A field with something in it.
pub(super) fn text<'a>(entity: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    entity.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a field holds something that is not text.
pub(super) fn is_odd(entity: &Map<String, Value>, key: &str) -> bool {
    entity.get(key).is_some_and(|value| !value.is_null() && !value.is_string())
}

/// Whether topic, serial or end hold something, none of which could be read.
fn has_unreadable(entity: &Map<String, Value>) -> bool {
    let is_there = |key| text(entity, key).is_some() || is_odd(entity, key);
    is_there("topicIdentifier")
        || is_there("certificateSerialNumber")
        || date(entity, "expirationDateTime") == Err(NoDate::Odd)
}

fn topic(entity: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<Topic> {
    const KEY: &str = "topicIdentifier";
    let found = text(entity, KEY);
    let usable = found.filter(|text| text.chars().count() <= TEXT_LIMIT && !text.chars().any(char::is_control));
    if usable.is_none() && (found.is_some() || is_odd(entity, KEY)) {
        remarks.push("Intune gave a topic that cannot be read.".to_owned());
    }
    let topic = usable.and_then(Topic::parse);
    if topic.as_ref().is_some_and(|topic| !topic.is_mdm()) {
        remarks.push("Intune gave a topic that is not one of device management.".to_owned());
    }
    topic
}

fn serial(entity: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<Serial> {
    const KEY: &str = "certificateSerialNumber";
    // Twenty bytes are the most that RFC 5280 (4.1.2.2) allows; with separators and some slack.
    let found = text(entity, KEY);
    let serial = found.filter(|text| text.len() <= 128).and_then(Serial::parse_hex);
    if serial.is_none() && (found.is_some() || is_odd(entity, KEY)) {
        remarks.push("Intune gave a serial number that cannot be read.".to_owned());
    }
    serial
}

/// The end of the certificate in whole seconds.
fn not_after(entity: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<DateTime<Utc>> {
    match date(entity, "expirationDateTime") {
        Ok(date) => return Some(date),
        Err(NoDate::Missing) => remarks.push("Intune gave no end of the certificate.".to_owned()),
        Err(NoDate::Odd) => remarks.push("Intune gave an end of the certificate that cannot be read.".to_owned()),
        Err(NoDate::Never(year)) => {
            remarks.push(format!("Intune gave the year {year} as the end of the certificate, which means none."));
        }
    }
    None
}

/// Why a field holds no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoDate {
    /// It is missing, null or empty.
    Missing,
    /// It holds something else.
    Odd,
    /// Year 1 and year 9999 are how Intune writes "none"; neither is ever a date.
    Never(i32),
}

/// A moment in whole seconds, whatever the number of digits and the zone it is written with.
pub(super) fn date(entity: &Map<String, Value>, key: &str) -> Result<DateTime<Utc>, NoDate> {
    let Some(text) = text(entity, key) else {
        return Err(if is_odd(entity, key) { NoDate::Odd } else { NoDate::Missing });
    };
    let date = DateTime::parse_from_rfc3339(text).map_err(|_| NoDate::Odd)?.to_utc();
    if date.year() <= 1970 || date.year() >= 9999 {
        return Err(NoDate::Never(date.year()));
    }
    DateTime::from_timestamp(date.timestamp(), 0).ok_or(NoDate::Odd)
}

/// 404: Intune says in an envelope of its own that there is no certificate; Graph says in plain words that it does not
/// know the address; anybody else answers with a page.
fn absent(host: &str, answer: &Answer) -> Result<Facts, Failure> {
    let wrong_address = || {
        Failure::new(
            Reason::NotFound,
            format!("{host} does not know the address of the push certificate (status 404): it is not Microsoft Graph"),
        )
    };
    let error = GraphError::of(answer).ok_or_else(wrong_address)?;
    let about_certificate = error.text.contains("/applepushnotificationcertificate");
    let no_route = ["not found for segment", "no odata route"].iter().any(|words| error.text.contains(words));
    if error.is("resourcenotfound") && error.enveloped && about_certificate && !no_route {
        return Ok(Facts { certificate: Some(Presence::Absent), ..Facts::default() });
    }
    Err(wrong_address())
}

#[cfg(test)]
mod tests;
