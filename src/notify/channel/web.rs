//! What the channels that take a POST share.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;

use super::Refusal;
use crate::config::Network;
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, Errand};
use crate::secret::{Secret, SecretFile};

/// What one message may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Reads an address from its file, each time, so that a new one is used at once.
pub(super) async fn address(file: &SecretFile, network: &Network) -> Result<Errand, Failure> {
    let secret = file.fetch().await?;
    let text = text_of(&secret, file)?;
    let wrong =
        |failure: Failure| Failure::new(failure.reason, format!("{} in {}", failure.message, file.path().display()));
    Errand::new(text, network, PATIENCE).map_err(wrong)
}

/// A secret as text.
pub(super) fn text_of<'s>(secret: &'s Secret, file: &SecretFile) -> Result<&'s str, Failure> {
    let wrong = || Failure::new(Reason::Malformed, format!("the secret file {} holds no text", file.path().display()));
    secret.expose_str().ok_or_else(wrong)
}

/// The header `Authorization` with what a file holds.
pub(super) async fn authorization(file: &SecretFile, scheme: &str) -> Result<HeaderValue, Failure> {
    let secret = file.fetch().await?;
    let text = text_of(&secret, file)?;
    let mut value = HeaderValue::from_str(&format!("{scheme}{text}")).map_err(|_| {
        Failure::new(Reason::Malformed, format!("the secret file {} holds no header", file.path().display()))
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Posts a document.
pub(super) async fn post_json(
    errand: &Errand,
    login: Option<HeaderValue>,
    document: &Value,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    post(errand, login, "application/json", document.to_string(), now).await
}

/// Posts a text of some type.
pub(super) async fn post(
    errand: &Errand,
    login: Option<HeaderValue>,
    content_type: &str,
    body: String,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let mut headers = HeaderMap::new();
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    if let Some(login) = login {
        headers.insert(AUTHORIZATION, login);
    }
    let answer = errand.post(headers, Bytes::from(body), now).await?;
    judge(&errand.host(), &answer)
}

/// Whether an answer acknowledges what was sent.
pub(super) fn judge(host: &str, answer: &Answer) -> Result<(), Refusal> {
    let status = answer.status;
    if (200..300).contains(&status) {
        return Ok(());
    }
    let (reason, meaning) = match status {
        400 | 413 | 422 => (Reason::Malformed, "refuses the message"),
        401 => (Reason::Auth, "refuses the login"),
        403 => (Reason::Forbidden, "does not let us write"),
        404 | 410 => (Reason::NotFound, "does not know the address"),
        429 => (Reason::RateLimited, "wants fewer messages"),
        500..=599 => (Reason::Http, "has a problem of its own"),
        _ => (Reason::Http, "gave an answer nobody asked for"),
    };
    let failure = Failure {
        reason,
        message: format!("{host} {meaning} (status {status})"),
        retry_after: answer.retry_after.filter(|_| matches!(status, 429 | 503)),
    };
    Err(Refusal { failure, is_about_message: reason == Reason::Malformed })
}

/// A text cut to so many bytes, between two characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    const MARK: &str = "\u{2026}";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{MARK}", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcdef", 5), "ab\u{2026}");
        assert_eq!(cut("\u{fc}\u{fc}\u{fc}", 5), "\u{fc}\u{2026}");
    }

    #[test]
    fn only_a_good_status_acknowledges() {
        let judged = |status| judge("hooks.example.com", &Answer { status, ..Answer::default() });
        for status in [200, 202, 204] {
            judged(status).unwrap();
        }
        for (status, reason, is_about_message) in [
            (400, Reason::Malformed, true),
            (401, Reason::Auth, false),
            (404, Reason::NotFound, false),
            (429, Reason::RateLimited, false),
            (503, Reason::Http, false),
            (304, Reason::Http, false),
        ] {
            let refusal = judged(status).unwrap_err();
            assert_eq!((refusal.failure.reason, refusal.is_about_message), (reason, is_about_message), "{status}");
        }
    }
}
