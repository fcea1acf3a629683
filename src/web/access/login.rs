//! Basic authentication against bcrypt hashes.
//!
//! A check takes tens of milliseconds on purpose. So one runs at a time, away from the threads that serve everybody, and
//! what was found good is remembered. Whoever names a user that does not exist waits as long as anybody else.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// The hash of a password that nobody has, of the usual cost.
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuKDvbDvbJAnCkYCPGjLDGNEnIDjpFLRu";

/// More good logins than this are not remembered.
const REMEMBERED: usize = 1024;

/// Checks that wait at once; whoever comes then is turned away.
const WAITING: usize = 64;

/// Somebody who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User(pub String);

/// The users, and who of them was found good.
#[derive(Clone, Default)]
pub(super) struct Logins(Option<Arc<Inner>>);

struct Inner {
    users: BTreeMap<String, String>,
    good: Mutex<HashSet<[u8; 32]>>,
    one: Semaphore,
    waiting: Semaphore,
}

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Logins({})", self.count())
    }
}

impl Logins {
    pub(super) fn new(users: BTreeMap<String, String>) -> Self {
        let inner = Inner { users, good: Mutex::default(), one: Semaphore::new(1), waiting: Semaphore::new(WAITING) };
        Self((!inner.users.is_empty()).then(|| Arc::new(inner)))
    }

    /// How many users there are.
    pub(super) fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.users.len())
    }

    /// Who asks; `None` where nobody has to say. The error is the answer.
    pub(super) async fn admit(&self, headers: &HeaderMap) -> Result<Option<User>, Response> {
        let Some(inner) = &self.0 else { return Ok(None) };
        let Some((name, password)) = headers.get(header::AUTHORIZATION).and_then(credentials) else {
            return Err(refusal());
        };
        if inner.clone().is_good(&name, password).await { Ok(Some(User(name))) } else { Err(refusal()) }
    }
}

impl Inner {
    async fn is_good(self: Arc<Self>, name: &str, password: Zeroizing<String>) -> bool {
        let known = self.users.get(name);
        let hash = known.map_or(NOBODY, String::as_str).to_owned();
        let mut digest = Sha256::new();
        for part in [name, hash.as_str(), password.as_str()] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let fingerprint: [u8; 32] = digest.finalize().into();
        let good = || self.good.lock().unwrap_or_else(PoisonError::into_inner);
        if good().contains(&fingerprint) {
            return true;
        }
        let Ok(_place) = self.waiting.try_acquire() else { return false };
        let Ok(_turn) = self.one.acquire().await else { return false };
        let check = tokio::task::spawn_blocking(move || bcrypt::verify(password.as_bytes(), &hash).unwrap_or(false));
        let is_good = check.await.unwrap_or(false) && known.is_some();
        if is_good {
            let mut good = good();
            if good.len() >= REMEMBERED {
                good.clear();
            }
            good.insert(fingerprint);
        }
        is_good
    }
}

/// Name and password of a header (RFC 7617).
fn credentials(value: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Zeroizing::new(String::from_utf8(STANDARD.decode(token.trim()).ok()?).ok()?);
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

fn refusal() -> Response {
    let ask = HeaderValue::from_static("Basic realm=\"apnswatch\", charset=\"UTF-8\"");
    (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, ask)], "log in\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(text: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(text));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn only_who_has_the_password_comes_in() {
        let hash = bcrypt::hash("s3cret: with a colon", 4).unwrap();
        let logins = Logins::new(BTreeMap::from([("kim".to_owned(), hash)]));
        for _ in 0..2 {
            let user = logins.admit(&asking("kim:s3cret: with a colon")).await.unwrap();
            assert_eq!(user, Some(User("kim".to_owned())));
        }
        for other in ["kim:wrong", "sam:s3cret: with a colon", "kim", "", ":"] {
            let answer = logins.admit(&asking(other)).await.unwrap_err();
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{other}");
            assert!(answer.headers().contains_key(header::WWW_AUTHENTICATE));
        }
        assert!(logins.admit(&HeaderMap::new()).await.is_err());
        assert_eq!(Logins::default().admit(&HeaderMap::new()).await.unwrap(), None);
    }

    #[test]
    fn the_hash_of_nobody_is_one() {
        assert_eq!(NOBODY.len(), 60);
        assert!(!bcrypt::verify("anything", NOBODY).unwrap());
    }
}
