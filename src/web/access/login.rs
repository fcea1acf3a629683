//! Basic authentication against bcrypt hashes.
//!
//! A check takes tens of milliseconds on purpose. So one runs at a time, away from the threads that serve everybody, and
//! what was found good is remembered. Whoever names a user that does not exist waits as long as anybody else.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::secret::Secret;

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
    users: BTreeMap<String, Secret>,
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
    pub(super) fn new(users: BTreeMap<String, Secret>) -> Self {
        let inner = Inner { users, good: Mutex::default(), one: Semaphore::new(1), waiting: Semaphore::new(WAITING) };
        Self((!inner.users.is_empty()).then(|| Arc::new(inner)))
    }

    /// How many users there are.
    pub(super) fn count(&self) -> usize {
        self.0.as_ref().map_or(0, |inner| inner.users.len())
    }

    /// What a form must carry that this user sends, so that no other site can send one in their name. It changes with the
    /// password, and with nothing else: a form outlives a restart. `None` for somebody who cannot log in.
    pub(super) fn token(&self, user: &str) -> Option<Secret> {
        // The hash is a secret of this server that the user's browser has no part in.
        let hash = self.0.as_ref().and_then(|inner| inner.users.get(user))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, hash.expose());
        let token = hex::encode(hmac::sign(&key, format!("apnswatch form 1 {user}").as_bytes()));
        Some(Secret::from_file_bytes(token.into()))
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
        // For a name that nobody has, the hash of somebody else: it costs what theirs does, which a made-up one would not.
        let Some(hash) = known.or_else(|| self.users.values().next()).cloned() else { return false };
        let mut digest = Sha256::new();
        for part in [name.as_bytes(), hash.expose(), password.as_bytes()] {
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
        let check = tokio::task::spawn_blocking(move || {
            let hash = hash.expose_str().unwrap_or_default();
            bcrypt::verify(password.as_bytes(), hash).unwrap_or(false)
        });
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

    fn users(hash: String) -> BTreeMap<String, Secret> {
        BTreeMap::from([("kim".to_owned(), Secret::from_file_bytes(hash.into()))])
    }

    fn asking(text: &str) -> HeaderMap {
        let value = format!("Basic {}", STANDARD.encode(text));
        HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())])
    }

    #[tokio::test]
    async fn only_who_has_the_password_comes_in() {
        let hash = bcrypt::hash("s3cret: with a colon", 4).unwrap();
        let logins = Logins::new(users(hash));
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
    fn neither_a_hash_nor_a_token_is_shown() {
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        let logins = Logins::new(users(hash.clone()));
        let token = logins.token("kim").unwrap();
        let shown = format!("{logins:?} {token:?}");
        assert_eq!(token.expose().len(), 64);
        assert!(!shown.contains(&hash[4..]) && !shown.contains(token.expose_str().unwrap()), "{shown}");
        assert!(logins.token("sam").is_none() && Logins::default().token("kim").is_none());
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_costs_what_the_others_do() {
        // Far cheaper than usual, so that a check at the usual cost would stand out.
        let hash = bcrypt::hash("s3cret", 4).unwrap();
        let logins = Logins::new(users(hash));
        let mut took = [std::time::Duration::MAX; 2];
        for _ in 0..5 {
            for (name, took) in ["kim:wrong", "sam:s3cret"].into_iter().zip(&mut took) {
                let begun = std::time::Instant::now();
                assert!(logins.admit(&asking(name)).await.is_err());
                *took = begun.elapsed().min(*took);
            }
        }
        assert!(took[1] < took[0] * 8, "{took:?}");
    }
}
