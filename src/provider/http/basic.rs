//! Logins by HTTP Basic (RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::{Answer, Client};
use crate::model::{Failure, Reason};

impl Client {
    /// POST without a body, with a name and a password in the header. Meant for logins: it is sent twice when a
    /// connection was closed under it, so it must change nothing. The bytes arrive exactly as they are given; a name
    /// cannot hold a colon.
    ///
    /// # Errors
    ///
    /// As [`Client::get`].
    pub async fn post_basic(
        &self,
        path: &[&str],
        headers: HeaderMap,
        name: &str,
        password: &[u8],
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        let mut headers = headers;
        headers.insert(AUTHORIZATION, authorization(name, password)?);
        self.send(reqwest::Method::POST, self.origin().url(path), headers, None, Some(Vec::new().into()), now).await
    }
}

/// `Basic ...`, marked so that no library logs it.
fn authorization(name: &str, password: &[u8]) -> Result<HeaderValue, Failure> {
    let both = Zeroizing::new([name.as_bytes(), b":", password].concat());
    let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*both))));
    let mut header =
        HeaderValue::from_str(&text).map_err(|_| Failure::new(Reason::Malformed, "the login fits in no header"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_and_never_shown() {
        let header = authorization("mdm", "%:+\" \u{fc}".as_bytes()).unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic bWRtOiU6KyIgw7w=");
        assert!(!format!("{header:?}").contains("bWRt"));
        assert_eq!(authorization("mdm", b"\xff").unwrap().to_str().unwrap(), "Basic bWRtOv8=");
    }
}
