//! The login: an API client by OAuth client credentials, or a user by HTTP Basic. Both give a bearer token.
//!
//! <https://developer.jamf.com/jamf-pro/docs/client-credentials>,
//! <https://developer.jamf.com/jamf-pro/docs/classic-api-authentication-changes>

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::HeaderMap;
use serde_json::Value;

use super::wire::{self, parse_date};
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, Client, Fingerprint, Granted, Token, header, status_failure};
use crate::secret::{Secret, SecretFile};

/// An answer of a token endpoint has a few kilobytes.
const ANSWER_LIMIT: usize = 256 * 1024;

/// Where API clients log in; older servers know only the second.
const CLIENT_PATHS: [&[&str]; 2] = [&["api", "v1", "oauth", "token"], &["api", "oauth", "token"]];

const USER_PATH: &[&str] = &["api", "v1", "auth", "token"];

/// What a token is taken to live for when its answer does not say: the shortest life that is common. An end that is
/// not told must not cost a login for each request.
const ASSUMED_LIFE: Duration = Duration::from_secs(60);

/// How one tenant logs in.
#[derive(Debug)]
pub(super) struct Login {
    who: Who,
    file: SecretFile,
    /// The server answered the first of [`CLIENT_PATHS`] with 404 and the second with something else.
    is_older: AtomicBool,
}

#[derive(Debug)]
enum Who {
    /// The API client with this id.
    Client(String),
    /// The user with this name.
    User(String),
}

impl Login {
    /// An API client, by its id and the file with its secret.
    pub(super) fn client(id: &str, file: SecretFile) -> Self {
        Self { who: Who::Client(id.to_owned()), file, is_older: AtomicBool::new(false) }
    }

    /// A user, by the name and the file with the password.
    pub(super) fn user(name: &str, file: SecretFile) -> Self {
        Self { who: Who::User(name.to_owned()), file, is_older: AtomicBool::new(false) }
    }

    /// Reads the secret.
    pub(super) async fn read_secret(&self) -> Result<Secret, Failure> {
        self.file.fetch().await
    }

    /// Changes whenever the file does.
    pub(super) fn fingerprint(&self, secret: &Secret) -> Fingerprint {
        Fingerprint::of(&[secret.expose()])
    }

    /// One login.
    ///
    /// # Errors
    ///
    /// `auth` when it was refused, with what a person can do; `not_found` when the address is not that of Jamf Pro;
    /// `malformed` for answers that are none; what [`Client`] fails with.
    pub(super) async fn log_in(
        &self,
        client: &Client,
        secret: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Granted, Failure> {
        let answer = match &self.who {
            Who::Client(id) => self.ask_as_client(client, id, secret, now).await?,
            Who::User(name) => {
                let accept = HeaderMap::from_iter([header("accept", "application/json")?]);
                client.post_basic(USER_PATH, accept, name, secret.expose(), now).await?
            }
        };
        match answer.status {
            200 => self.granted(answer, now),
            201..=299 => Err(Failure::new(Reason::Malformed, "the login answered without a token")),
            _ => Err(self.refused(&client.origin().host(), secret, &answer)),
        }
    }

    async fn ask_as_client(
        &self,
        client: &Client,
        id: &str,
        secret: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let form: [(&str, &[u8]); 3] =
            [("grant_type", b"client_credentials"), ("client_id", id.as_bytes()), ("client_secret", secret.expose())];
        let is_older = self.is_older.load(Ordering::Relaxed);
        let answer = client.post_form(CLIENT_PATHS[usize::from(is_older)], &form, now).await?;
        if answer.status != 404 {
            return Ok(answer);
        }
        // Also the other way round: an upgrade may take the older path away.
        let answer = client.post_form(CLIENT_PATHS[usize::from(!is_older)], &form, now).await?;
        if answer.status != 404 {
            self.is_older.store(!is_older, Ordering::Relaxed);
        }
        Ok(answer)
    }

    fn granted(&self, answer: Answer, now: DateTime<Utc>) -> Result<Granted, Failure> {
        let wrong = |what: &str| Failure::new(Reason::Malformed, format!("the login answered, but {what}"));
        let mut body = answer.json(ANSWER_LIMIT).map_err(|failure| wrong(&failure.message))?;
        answer.wipe();
        let (key, life) = match &self.who {
            Who::Client(_) => ("access_token", seconds(body.get("expires_in"))),
            Who::User(_) => ("token", remaining(body.get("expires"), now)),
        };
        let Some(Value::String(token)) = body.get_mut(key).map(Value::take) else {
            return Err(wrong("without a token"));
        };
        Ok(Granted { token: Token::new(token)?, life: life.unwrap_or(ASSUMED_LIFE) })
    }

    fn refused(&self, host: &str, secret: &Secret, answer: &Answer) -> Failure {
        let file = self.file.path().display();
        let blank = if secret.has_outer_white_space() { "; what is in it begins or ends with white space" } else { "" };
        let auth = |message: String| Failure::new(Reason::Auth, message);
        let word = answer.json(ANSWER_LIMIT).ok().and_then(|body| {
            let word = body.get("error").and_then(Value::as_str)?;
            is_error_word(word).then(|| word.to_owned())
        });
        match (&self.who, answer.status, word.as_deref()) {
            (Who::Client(id), 400 | 401, Some("invalid_client")) | (Who::Client(id), 401, _) => auth(format!(
                "{host} refuses the API client {id}: its id or the secret in {file} is wrong, or it is \
                 disabled{blank} (status {})",
                answer.status
            )),
            (Who::Client(id), 400, Some(word)) => auth(format!("{host} refuses the API client {id} ({word})")),
            (Who::User(name), 401, _) if wire::has_code(answer, "USER_EXPIRED_PASSWORD") => auth(format!(
                "the password of the user {name} is too old for {host}: set a new one in Jamf Pro and put it into \
                 {file}"
            )),
            (Who::User(name), 401, _) => auth(format!(
                "{host} refuses the user {name}: the password in {file} is wrong, or the account is locked, disabled \
                 or may sign in by SSO only{blank} (status 401)"
            )),
            (_, 404, _) => Failure::new(
                Reason::NotFound,
                format!("{host} has no login for its API: the url is not that of Jamf Pro (status 404)"),
            ),
            _ => status_failure(host, answer.status, answer.retry_after),
        }
    }
}

fn seconds(value: Option<&Value>) -> Option<Duration> {
    let seconds = match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// The life of a user's token. By our clock, and so not believed when it is over before it began.
fn remaining(value: Option<&Value>, now: DateTime<Utc>) -> Option<Duration> {
    let end = parse_date(value?.as_str()?)?;
    (end - now).to_std().ok().filter(|life| !life.is_zero())
}

/// The error words of OAuth are lower-case letters and underscores (RFC 6749, 5.2).
fn is_error_word(error: &str) -> bool {
    (1..=40).contains(&error.len()) && error.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, retry_after: None, body: bytes::Bytes::copy_from_slice(body.as_bytes()), ..Answer::default() }
    }

    fn now() -> DateTime<Utc> {
        "2026-09-01T12:00:00Z".parse().unwrap()
    }

    fn logins() -> [Login; 2] {
        [Login::client("app", SecretFile::new("/s")), Login::user("mdm", SecretFile::new("/p"))]
    }

    #[test]
    fn both_answers_are_understood_and_a_life_that_is_not_told_is_short() {
        let [client, user] = logins();
        for (login, body, life) in [
            (&client, r#"{"access_token":"t","token_type":"Bearer","scope":"api-role:1","expires_in":59}"#, 59),
            (&client, r#"{"access_token":"t","expires_in":"299"}"#, 299),
            (&client, r#"{"access_token":"t"}"#, 60),
            (&client, r#"{"access_token":"t","expires_in":0}"#, 60),
            (&client, r#"{"access_token":"t","expires_in":-1}"#, 60),
            (&user, r#"{"token":"t","expires":"2026-09-01T12:30:00.5Z"}"#, 1800),
            (&user, r#"{"token":"t","expires":"2026-09-01T12:30:00.500+0000"}"#, 1800),
            (&user, r#"{"token":"t","expires":"2026-09-01T11:00:00Z"}"#, 60),
            (&user, r#"{"token":"t","expires":7}"#, 60),
            (&user, r#"{"token":"t"}"#, 60),
        ] {
            assert_eq!(login.granted(answer(200, body), now()).unwrap().life.as_secs(), life, "{body}");
        }
        for (login, body) in [
            (&client, ""),
            (&client, "null"),
            (&client, "[]"),
            (&client, "<html>"),
            (&client, r#"{"token":"t","expires":"2026-09-01T12:30:00Z"}"#),
            (&client, r#"{"access_token":7}"#),
            (&client, r#"{"access_token":"a\nb"}"#),
            (&user, r#"{"access_token":"t","expires_in":60}"#),
        ] {
            let failure = login.granted(answer(200, body), now()).unwrap_err();
            assert_eq!(failure.reason, Reason::Malformed, "{body}");
        }
    }

    #[test]
    fn every_refusal_has_one_reason_and_no_echo() {
        let [client, user] = logins();
        let secret = Secret::from_file_bytes(b"s3cret ".to_vec());
        let expired = r#"{"httpStatus":401,"errors":[{"code":"USER_EXPIRED_PASSWORD","description":"s3cret"}]}"#;
        for (login, status, body, reason, words) in [
            (&client, 400, r#"{"error":"invalid_client","error_description":"s3cret"}"#, Reason::Auth, "/s is wrong"),
            (&client, 401, r#"{"error":"invalid_client"}"#, Reason::Auth, "white space"),
            (&client, 401, "<html>s3cret", Reason::Auth, "API client app"),
            (&client, 400, r#"{"error":"unsupported_grant_type"}"#, Reason::Auth, "(unsupported_grant_type)"),
            (&client, 400, r#"{"error":"s3cret in capitals NO"}"#, Reason::Http, "status 400"),
            (&client, 400, "<html>", Reason::Http, "status 400"),
            (&client, 404, "<html>", Reason::NotFound, "is not that of Jamf Pro"),
            (&client, 403, "", Reason::Forbidden, "status 403"),
            (&client, 429, "", Reason::RateLimited, "status 429"),
            (&client, 503, "<html>", Reason::Http, "status 503"),
            (&user, 401, expired, Reason::Auth, "the password of the user mdm is too old"),
            (&user, 401, r#"{"httpStatus":401,"errors":[]}"#, Reason::Auth, "the password in /p is wrong"),
            (&user, 401, "", Reason::Auth, "SSO"),
            (&user, 404, "", Reason::NotFound, "is not that of Jamf Pro"),
            (&user, 500, "", Reason::Http, "status 500"),
        ] {
            let failure = login.refused("mdm.example.com", &secret, &answer(status, body));
            assert_eq!(failure.reason, reason, "{status} {body}: {failure}");
            assert!(failure.message.contains(words), "{status} {body}: {failure}");
            assert!(!failure.message.contains("s3cret"), "{failure}");
        }
    }
}
