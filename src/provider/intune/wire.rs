//! What Graph answers, and what it means.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};

use crate::model::{Facts, Failure, Presence, PushCertificate, Reason, Serial, Topic};
use crate::provider::http::{Answer, clean, status_failure};

/// The entity has less than a kilobyte, an error envelope a few.
const ANSWER_LIMIT: usize = 256 * 1024;

/// The longest text that is taken over from a field, in characters.
const TEXT_LIMIT: usize = 256;

/// One of these makes an object the entity that was asked for.
const KEYS: [&str; 4] = ["topicIdentifier", "expirationDateTime", "certificateSerialNumber", "appleIdentifier"];

/// The right that the app needs. Microsoft's page on this read lists others; the service itself asks for this one
/// (microsoftgraph/microsoft-graph-docs-contrib issue 8841).
const PERMISSION: &str = "DeviceManagementServiceConfig.Read.All";

/// Turns an answer on the push certificate into facts. `host` is who answered, for messages.
///
/// # Errors
///
/// One reason for each status, with two exceptions that Intune has no status for: a 404 in Intune's own envelope says
/// that no certificate is configured and is an answer, and a 500 that speaks of too many requests is `rate_limited`.
pub(super) fn parse(host: &str, answer: &Answer) -> Result<Facts, Failure> {
    match answer.status {
        200 => certificate(host, answer),
        404 => absent(host, answer),
        201..=299 => Err(Failure::new(Reason::Malformed, format!("{host} answered without the push certificate"))),
        _ => Err(failed(host, answer)),
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
    if let Some(reason) = text(entity, "certificateUploadFailureReason") {
        remarks.push(format!("Intune says that an upload failed: {}", clean(reason, TEXT_LIMIT)));
    }
    Ok(Facts {
        certificate: Some(Presence::Present(certificate)),
        account: text(entity, "appleIdentifier").map(|account| clean(account, TEXT_LIMIT)),
        remarks,
        ..Facts::default()
    })
}

/// A field with something in it.
fn text<'a>(entity: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    entity.get(key).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// Whether a field holds something that is not text.
fn is_odd(entity: &Map<String, Value>, key: &str) -> bool {
    entity.get(key).is_some_and(|value| !value.is_null() && !value.is_string())
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

/// The end of the certificate in whole seconds. Year 1 and year 9999 are how Intune writes "none" elsewhere; neither
/// is ever a date.
fn not_after(entity: &Map<String, Value>, remarks: &mut Vec<String>) -> Option<DateTime<Utc>> {
    const KEY: &str = "expirationDateTime";
    let Some(text) = text(entity, KEY) else {
        remarks.push(if is_odd(entity, KEY) {
            "Intune gave an end of the certificate that cannot be read.".to_owned()
        } else {
            "Intune gave no end of the certificate.".to_owned()
        });
        return None;
    };
    let Ok(date) = DateTime::parse_from_rfc3339(text) else {
        remarks.push("Intune gave an end of the certificate that cannot be read.".to_owned());
        return None;
    };
    let date = date.to_utc();
    if date.year() <= 1970 || date.year() >= 9999 {
        remarks.push(format!("Intune gave the year {} as the end of the certificate, which means none.", date.year()));
        return None;
    }
    DateTime::from_timestamp(date.timestamp(), 0)
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

fn failed(host: &str, answer: &Answer) -> Failure {
    let by_status = || status_failure(host, answer.status, answer.retry_after);
    let error = GraphError::of(answer);
    let says = |words: &str| error.as_ref().is_some_and(|error| error.text.contains(words));
    match answer.status {
        400 if says("not applicable to target tenant") => Failure::new(
            Reason::Http,
            format!(
                "{host} says that Intune is not in use in this directory: no licence, or the MDM authority was never \
                 set (status 400)"
            ),
        ),
        401 => Failure::new(Reason::Auth, format!("{host} refuses the token of a good login (status 401)")),
        403 => {
            let accepted = error.map(|error| error.permissions()).unwrap_or_default();
            let accepted =
                if accepted.is_empty() { String::new() } else { format!("; it would accept {}", accepted.join(", ")) };
            Failure::new(
                Reason::Forbidden,
                format!(
                    "{host} does not let the app read the push certificate: it needs the application permission \
                     {PERMISSION} and admin consent (status 403){accepted}"
                ),
            )
        }
        // Intune throttles with this status too (rknightion/graph2otel, docs/graph-api-gotchas.md).
        500 if says("query broker") || says("too many requests") => Failure {
            reason: Reason::RateLimited,
            message: format!("{host} wants fewer requests (status 500)"),
            retry_after: answer.retry_after,
        },
        _ => by_status(),
    }
}

/// Graph's error envelope, with what Intune nests in its message.
///
/// <https://learn.microsoft.com/graph/errors>. Intune writes a JSON document into `message`, at times a second one into
/// that one.
#[derive(Default)]
struct GraphError {
    /// Every code on the way down, in lower case.
    codes: Vec<String>,
    /// The innermost message.
    message: String,
    /// The same in lower case, to be searched.
    text: String,
    /// Intune's own envelope was in it.
    enveloped: bool,
}

impl GraphError {
    fn of(answer: &Answer) -> Option<Self> {
        let body = answer.json(ANSWER_LIMIT).ok()?;
        let error = body.get("error")?.as_object()?;
        let mut found = Self::default();
        found.codes.extend(error.get("code").and_then(Value::as_str).map(str::to_ascii_lowercase));
        found.message = error.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        for _ in 0..2 {
            let Ok(Value::Object(inner)) = serde_json::from_str(&found.message) else { break };
            let field = |names: [&str; 2]| names.iter().find_map(|name| inner.get(*name)?.as_str());
            found.enveloped |= inner.contains_key("_version");
            found.codes.extend(field(["ErrorCode", "code"]).map(str::to_ascii_lowercase));
            let Some(message) = field(["Message", "message"]) else { break };
            found.message = message.to_owned();
        }
        found.text = found.message.to_ascii_lowercase();
        Some(found)
    }

    fn is(&self, code: &str) -> bool {
        self.codes.iter().any(|found| found == code)
    }

    /// The permissions that a message names, and nothing else of it: names of Microsoft's, a few, of letters only.
    fn permissions(&self) -> Vec<String> {
        let is_part = |c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '(' | ')');
        let mut names: Vec<String> = Vec::new();
        for word in self.message.split(|c: char| !is_part(c)) {
            let name = word.trim_end_matches('.');
            let known = name.starts_with("DeviceManagement") && name.len() <= 80 && name.contains(".Read");
            if known && names.len() < 6 && !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

#[cfg(test)]
mod tests;
