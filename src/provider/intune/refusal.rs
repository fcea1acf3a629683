//! Why Microsoft Entra refused a login, told so that somebody can act.
//!
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use std::path::Path;

use serde_json::Value;

use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, status_failure};
use crate::secret::Secret;

/// An answer of the token endpoint has a few kilobytes.
const ANSWER_LIMIT: usize = 256 * 1024;

/// What the look of a secret says about why it may be refused. Never the secret.
#[derive(Clone, Copy)]
pub(super) enum Hint {
    /// Nothing.
    None,
    /// It has the shape of a GUID, and so of a secret's ID.
    LooksLikeId,
    /// It begins or ends with white space.
    OuterWhiteSpace,
}

impl Hint {
    /// Looks at a secret.
    pub(super) fn of_secret(secret: &Secret) -> Self {
        if secret.has_outer_white_space() {
            return Self::OuterWhiteSpace;
        }
        match secret.expose_str() {
            Some(text) if text.len() == 36 && uuid::Uuid::parse_str(text).is_ok() => Self::LooksLikeId,
            _ => Self::None,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::None => "what is needed is the secret's value, and its ID is often pasted instead",
            Self::LooksLikeId => "it looks like the secret's ID, and what is needed is the secret's value",
            Self::OuterWhiteSpace => "it begins or ends with white space",
        }
    }
}

/// What a refusal is told with.
pub(super) struct Refusal<'a> {
    pub(super) host: &'a str,
    pub(super) directory: &'a str,
    pub(super) client_id: &'a str,
    pub(super) scope: &'a str,
    pub(super) file: &'a Path,
    pub(super) hint: Hint,
}

impl Refusal<'_> {
    /// The failure of an answer other than 200. Microsoft asks to branch on `error` and `error_codes`, never on the
    /// description; nothing of the description is repeated.
    pub(super) fn failure(&self, answer: &Answer) -> Failure {
        let by_status = || status_failure(self.host, answer.status, answer.retry_after);
        if answer.status == 429 {
            return by_status();
        }
        let body = answer.json(ANSWER_LIMIT).unwrap_or_default();
        let codes: Vec<u64> = match body.get("error_codes") {
            Some(Value::Array(codes)) => codes.iter().filter_map(Value::as_u64).take(8).collect(),
            _ => Vec::new(),
        };
        if let Some((reason, message)) = codes.iter().find_map(|code| self.known(*code)) {
            let retry_after = answer.retry_after.filter(|_| matches!(reason, Reason::RateLimited | Reason::Http));
            return Failure { reason, message, retry_after };
        }
        let error = body.get("error").and_then(Value::as_str).filter(|error| is_error_word(error));
        match (answer.status, error) {
            (_, Some("temporarily_unavailable" | "server_error")) => self.passing(answer),
            (400 | 401, Some(error)) => {
                let codes: Vec<String> = codes.iter().map(|code| format!(", AADSTS{code}")).collect();
                let host = self.host;
                Failure::new(Reason::Auth, format!("{host} refuses the login ({error}{})", codes.concat()))
            }
            (404, _) => {
                let host = self.host;
                Failure::new(Reason::NotFound, format!("{host} has no token endpoint: login_url is not that of Entra"))
            }
            _ => by_status(),
        }
    }

    fn passing(&self, answer: &Answer) -> Failure {
        let message = format!("{} cannot serve logins for the moment", self.host);
        Failure { reason: Reason::Http, message, retry_after: answer.retry_after }
    }

    fn known(&self, code: u64) -> Option<(Reason, String)> {
        let Self { host, directory, client_id, scope, hint, .. } = self;
        let file = self.file.display();
        let text = match code {
            7_000_222 => format!(
                "the client secret of our own app {client_id} has expired: make a new one and put its value into {file}"
            ),
            7_000_215 => format!("the client secret in {file} is wrong: {}", hint.text()),
            700_016 => format!(
                "the app {client_id} is unknown in the directory {directory}: the ids do not belong together, or an \
                 admin there never consented"
            ),
            65_001 => format!(
                "an admin of the directory {directory} never consented to the app {client_id}, or the consent was taken \
                 back"
            ),
            7_000_112 => format!("the app {client_id} is disabled in the directory {directory}"),
            7_000_218 => "the login arrived without a credential".to_owned(),
            90_002 => format!("the directory {directory} does not exist at {host}: mistyped, or in another cloud"),
            90_038 | 900_382 | 900_432 => {
                format!("the directory {directory} is in another cloud than {host}: see the setting cloud")
            }
            500_011 | 70_011 => {
                format!("{scope} is no resource at {host}: login and graph address are of different clouds")
            }
            700_027 => format!(
                "the certificate in {file} is not registered for the app {client_id}, has expired, or did not sign"
            ),
            50_012 | 50_013 => format!(
                "the assertion made with {file} was refused: register that certificate for the app {client_id}, and \
                 check the clock of this machine"
            ),
            700_024 | 500_133 => {
                "the assertion is outside the time in which it is valid: check the clock of this machine".to_owned()
            }
            70_021 | 700_213 => format!(
                "no federated credential of the app {client_id} fits the token in {file}: compare issuer, subject and \
                 audience (a new one takes some minutes)"
            ),
            70_025 => format!("the app {client_id} has no federated credential"),
            53_003 | 530_032 => format!(
                "a conditional access or security policy of the directory {directory} blocks the app {client_id}"
            ),
            90_033 | 90_024 | 90_006 | 90_012 => {
                return Some((Reason::Http, format!("{host} cannot serve logins for the moment (AADSTS{code})")));
            }
            90_055 => return Some((Reason::RateLimited, format!("{host} wants fewer logins (AADSTS{code})"))),
            _ => return None,
        };
        Some((Reason::Auth, format!("{text} (AADSTS{code})")))
    }
}

/// The error words of OAuth are lower-case letters and underscores (RFC 6749, 5.2).
fn is_error_word(error: &str) -> bool {
    (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        Refusal {
            host: "login.example.com",
            directory: "example.com",
            client_id: "app",
            scope: "https://graph.example.com/.default",
            file: Path::new("/run/secret"),
            hint: Hint::of_secret(&Secret::from_file_bytes(b"00000000-0000-4000-8000-000000000001".to_vec())),
        }
        .failure(&Answer { status, body: bytes::Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() })
    }

    #[test]
    fn every_known_code_has_its_own_text_whatever_the_status() {
        let mut seen = std::collections::BTreeSet::new();
        for code in [
            7_000_222_u64,
            7_000_215,
            700_016,
            65_001,
            7_000_112,
            90_002,
            90_038,
            700_027,
            500_133,
            70_021,
            70_025,
            53_003,
        ] {
            for status in [400, 401] {
                let body =
                    format!(r#"{{"error":"invalid_client","error_description":"s3cret","error_codes":[{code}]}}"#);
                let failure = failure(status, &body);
                assert_eq!(failure.reason, Reason::Auth);
                assert!(!failure.message.contains("s3cret"));
                seen.insert(failure.message);
            }
        }
        assert_eq!(seen.len(), 12);
        let wrong = failure(401, r#"{"error":"invalid_client","error_codes":[7000215]}"#);
        assert!(wrong.message.contains("looks like the secret's ID"), "{wrong}");
    }

    #[test]
    fn the_rest_goes_by_word_and_status() {
        for (status, body, reason) in [
            (400, r#"{"error":"invalid_grant","error_codes":[1234567]}"#, Reason::Auth),
            (401, "s3cret echoed", Reason::Auth),
            (400, "<html>", Reason::Http),
            (400, r#"{"error":"temporarily_unavailable"}"#, Reason::Http),
            (400, r#"{"error":"x","error_codes":[90033]}"#, Reason::Http),
            (400, r#"{"error":"x","error_codes":[90055]}"#, Reason::RateLimited),
            (429, "", Reason::RateLimited),
            (503, "", Reason::Http),
            (404, "<html>", Reason::NotFound),
        ] {
            let failure = failure(status, body);
            assert_eq!(failure.reason, reason, "{status} {body}: {failure}");
            assert!(!failure.message.contains("s3cret"));
        }
        assert_eq!(
            failure(400, r#"{"error":"invalid_grant","error_codes":[1234567]}"#).message,
            "login.example.com refuses the login (invalid_grant, AADSTS1234567)"
        );
    }
}
