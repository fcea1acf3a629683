//! Reads that are no plain GET of a path: links that an answer held, and POSTs of JSON at vendors who read that way.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::{Answer, Client, Token};
use crate::model::{Failure, Reason};
use crate::secret::Secret;

impl Client {
    /// GET of a link that an answer held, exactly as it stands there: the next page of a list.
    ///
    /// # Errors
    ///
    /// `malformed` if it does not lead to this very origin, for no token goes to anybody who was not configured; else
    /// as [`Client::get`].
    pub async fn get_link(
        &self,
        link: &str,
        headers: HeaderMap,
        bearer: Option<&Token>,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        self.send(reqwest::Method::GET, self.origin().own_link(link)?, headers, bearer, None, now).await
    }

    /// POST of a JSON document to an API whose reads and logins are POSTs. Only for operations that change nothing:
    /// like any read it is sent twice when a connection was closed under it.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn post_json_read(
        &self,
        path: &[&str],
        mut headers: HeaderMap,
        bearer: Option<&Token>,
        document: &Value,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (url, body) = (self.origin().url(path), Bytes::from(document.to_string()));
        self.send(reqwest::Method::POST, url, headers, bearer, Some(body), now).await
    }
}

/// A header whose value is a secret: exactly its bytes, marked so that no library logs them.
///
/// # Errors
///
/// `malformed` if the secret cannot stand in a header, such as one with a line end in it.
pub fn secret_header(name: &'static str, secret: &Secret) -> Result<(HeaderName, HeaderValue), Failure> {
    let mut value = HeaderValue::from_bytes(secret.expose())
        .map_err(|_| Failure::new(Reason::Malformed, format!("the secret for the header {name} is not printable")))?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_header_is_not_shown() {
        let secret = |text: &str| Secret::from_file_bytes(text.into());
        let (name, value) = secret_header("accesstoken", &secret("s3cret %:+\u{fc}")).unwrap();
        assert_eq!((name.as_str(), value.as_bytes()), ("accesstoken", "s3cret %:+\u{fc}".as_bytes()));
        assert!(!format!("{value:?}").contains("s3cret"));
        let failure = secret_header("accesstoken", &secret("s3c\nret")).unwrap_err();
        assert_eq!(failure.reason, Reason::Malformed);
        assert!(!failure.message.contains("s3c"), "{failure}");
    }
}
