//! Why Graph does not let the app read something.

use serde_json::Value;

use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, Token, status_failure};

/// A single entity has less than a kilobyte, an error envelope a few.
pub(super) const ANSWER_LIMIT: usize = 256 * 1024;

/// Something that is read.
#[derive(Debug)]
pub(super) struct Wanted {
    /// The path below the Graph address.
    pub(super) path: &'static [&'static str],
    /// The query.
    pub(super) query: &'static [(&'static str, &'static str)],
    /// What it is, with its article, to follow "read".
    pub(super) what: &'static str,
    /// The application permission that the app needs.
    pub(super) permission: &'static str,
}

impl Wanted {
    /// The request, for people.
    pub(super) fn endpoint(&self) -> String {
        format!("GET /{}", self.path.join("/"))
    }
}

/// The failure of an answer other than 200. `host` is who answered, `token` what it was asked with.
pub(super) fn failed(host: &str, wanted: &Wanted, token: &Token, answer: &Answer) -> Failure {
    let Wanted { what, permission, .. } = wanted;
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
        403 if carries_no_role(token) => Failure::new(
            Reason::Forbidden,
            format!(
                "{host} does not let the app read {what}: its login carries no application permission at all, so admin \
                 consent was never given in this directory or was taken back; it needs {permission} (status 403)"
            ),
        ),
        403 => {
            let accepted = error.map(|error| error.permissions()).unwrap_or_default();
            let accepted =
                if accepted.is_empty() { String::new() } else { format!("; it would accept {}", accepted.join(", ")) };
            Failure::new(
                Reason::Forbidden,
                format!(
                    "{host} does not let the app read {what}: it needs the application permission {permission} and \
                     admin consent (status 403){accepted}"
                ),
            )
        }
        404 => Failure::new(
            Reason::NotFound,
            format!("{host} does not know the address of {what} (status 404): it is not Microsoft Graph, or not here"),
        ),
        // Intune throttles with this status too (rknightion/graph2otel, docs/graph-api-gotchas.md).
        500 if says("query broker") || says("too many requests") => Failure {
            reason: Reason::RateLimited,
            message: format!("{host} wants fewer requests (status 500)"),
            retry_after: answer.retry_after,
        },
        _ => by_status(),
    }
}

/// Entra gives a token for any app that can log in; the permissions that an admin consented to stand in it as `roles`.
/// Microsoft promises nothing about the inside of a token, so this decides nothing but a text.
fn carries_no_role(token: &Token) -> bool {
    token.claims().is_some_and(|claims| match claims.get("roles") {
        None | Some(Value::Null) => true,
        Some(Value::Array(roles)) => roles.is_empty(),
        Some(_) => false,
    })
}

/// Graph's error envelope, with what Intune nests in its message.
///
/// <https://learn.microsoft.com/graph/errors>. Intune writes a JSON document into `message`, at times a second one into
/// that one.
#[derive(Default)]
pub(super) struct GraphError {
    /// Every code on the way down, in lower case.
    codes: Vec<String>,
    /// The innermost message.
    message: String,
    /// The same in lower case, to be searched.
    pub(super) text: String,
    /// Intune's own envelope was in it.
    pub(super) enveloped: bool,
}

impl GraphError {
    pub(super) fn of(answer: &Answer) -> Option<Self> {
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

    pub(super) fn is(&self, code: &str) -> bool {
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
