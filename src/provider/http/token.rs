//! Access tokens, kept in memory for as long as they live and nowhere else.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::model::{Failure, Reason};

/// A token is not used in the last tenth of its life, and not in its last five minutes: it must live until the request
/// is answered, by the clock of a machine that may differ from ours. The fraction keeps short lives usable.
const MARGIN_PART: u32 = 10;
const LONGEST_MARGIN: Duration = Duration::from_secs(300);

/// No vendor gives out access tokens for longer; a larger number is a mistake and must not overflow a clock.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// An access token. `Debug` does not show it, and it is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Takes a token as a login gave it.
    ///
    /// # Errors
    ///
    /// `malformed` if it is empty or cannot stand in a header.
    pub fn new(text: String) -> Result<Self, Failure> {
        let text = Zeroizing::new(text);
        let token = Self(text);
        token.header()?;
        Ok(token)
    }

    /// The token of `Authorization: Bearer ...` in an answer, if there is a usable one.
    #[must_use]
    pub fn from_bearer_header(headers: &HeaderMap) -> Option<Self> {
        let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Self::new(token.trim().to_owned()).ok()
    }

    /// What a token says of itself, if it has the shape of a JWT. Nobody verified it, and most vendors promise nothing
    /// about the inside of a token: good for the wording of a message, never for a decision, and never to be shown.
    #[must_use]
    pub fn claims(&self) -> Option<serde_json::Map<String, Value>> {
        let mut parts = self.0.split('.');
        let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
        let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
        serde_json::from_slice(&payload).ok()
    }

    /// `Bearer ...`, marked so that no library logs it.
    pub(super) fn header(&self) -> Result<HeaderValue, Failure> {
        let wrong = || Failure::new(Reason::Malformed, "the login gave a token that no header can hold");
        if self.0.is_empty() || self.0.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(wrong());
        }
        let text = Zeroizing::new(format!("Bearer {}", self.0.as_str()));
        let mut header = HeaderValue::from_str(&text).map_err(|_| wrong())?;
        header.set_sensitive(true);
        Ok(header)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// A hash of everything a login is made with. When it changes, so did the credential on disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of these parts, in this order.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

/// The hash of a weak secret can be guessed back, so it is not shown either.
impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(redacted)")
    }
}

/// What a login gave.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The token.
    pub token: Token,
    /// How long it lives, counted from the moment at which it was asked for.
    pub life: Duration,
}

/// The token of one login, fetched once however many ask for it at the same time.
#[derive(Debug, Default)]
pub struct TokenCache {
    state: Mutex<State>,
    /// How many logins came to an end. Read without the lock, so that whoever waited for one knows it.
    logins: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    /// Boxed: most logins are never refused.
    refused: Option<Box<(Fingerprint, Failure)>>,
}

#[derive(Debug)]
struct Held {
    token: Token,
    fingerprint: Fingerprint,
    good_until: Instant,
}

impl TokenCache {
    /// The token for a credential: the kept one while it is good and was given for this very credential, else a new
    /// one by `log_in`. Those who wait while somebody else logs in get what that login got, its failure included.
    ///
    /// # Errors
    ///
    /// What `log_in` failed with. A failure is not kept: whoever asks afterwards starts a new login.
    pub async fn token<F, Fut>(&self, fingerprint: Fingerprint, log_in: F) -> Result<Token, Failure>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Granted, Failure>>,
    {
        let seen = self.logins.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(held) = &state.held
            && held.fingerprint == fingerprint
            && Instant::now() < held.good_until
        {
            return Ok(held.token.clone());
        }
        if self.logins.load(Ordering::Acquire) != seen
            && let Some((refused, failure)) = state.refused.as_deref()
            && *refused == fingerprint
        {
            return Err(failure.clone());
        }
        let asked = Instant::now();
        let result = log_in().await;
        self.logins.fetch_add(1, Ordering::Release);
        match result {
            Ok(Granted { token, life }) => {
                let life = life.min(LONGEST_LIFE);
                let margin = (life / MARGIN_PART).min(LONGEST_MARGIN);
                state.held = Some(Held { token: token.clone(), fingerprint, good_until: asked + (life - margin) });
                state.refused = None;
                Ok(token)
            }
            Err(failure) => {
                *state = State { held: None, refused: Some(Box::new((fingerprint, failure.clone()))) };
                Err(failure)
            }
        }
    }

    /// Forgets a token that the API refused, unless a newer one has taken its place already.
    pub async fn reject(&self, token: &Token) {
        let mut state = self.state.lock().await;
        if state.held.as_ref().is_some_and(|held| held.token == *token) {
            state.held = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    struct Logins(AtomicUsize, Duration);

    impl Logins {
        fn living(life: Duration) -> Self {
            Self(AtomicUsize::new(0), life)
        }

        async fn log_in(&self) -> Result<Granted, Failure> {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Granted { token: Token::new(format!("token-{number}"))?, life: self.1 })
        }

        fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_kept_to_its_life_less_a_margin_that_is_shorter() {
        for (life, good) in [(3600, 3299), (60, 53), (5, 4)] {
            let logins = Logins::living(Duration::from_secs(life));
            let cache = TokenCache::default();
            let fingerprint = Fingerprint::of(&[b"a"]);
            let first = cache.token(fingerprint, || logins.log_in()).await.unwrap();
            tokio::time::advance(Duration::from_secs(good)).await;
            assert_eq!(cache.token(fingerprint, || logins.log_in()).await.unwrap(), first);
            assert_eq!(logins.count(), 1, "{life}");
            tokio::time::advance(Duration::from_secs(life / 10 + 1)).await;
            assert_ne!(cache.token(fingerprint, || logins.log_in()).await.unwrap(), first);
            assert_eq!(logins.count(), 2, "{life}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_cause_one_login_good_or_bad() {
        let logins = Logins::living(Duration::from_secs(3600));
        let cache = TokenCache::default();
        let ask = || cache.token(Fingerprint::of(&[b"a"]), || logins.log_in());
        for result in futures::future::join_all((0..20).map(|_| ask())).await {
            result.unwrap();
        }
        assert_eq!(logins.count(), 1);

        let cache = TokenCache::default();
        let tries = AtomicUsize::new(0);
        let refuse = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            Err(Failure::new(Reason::Auth, "refused"))
        };
        let ask = || cache.token(Fingerprint::of(&[b"a"]), refuse);
        for result in futures::future::join_all((0..20).map(|_| ask())).await {
            result.unwrap_err();
        }
        assert_eq!(tries.load(Ordering::Relaxed), 1);
        ask().await.unwrap_err();
        assert_eq!(tries.load(Ordering::Relaxed), 2, "a failure is not kept");
    }

    #[tokio::test(start_paused = true)]
    async fn another_credential_or_a_rejection_ends_a_token() {
        let logins = Logins::living(Duration::from_secs(3600));
        let cache = TokenCache::default();
        let (old, new) = (Fingerprint::of(&[b"a", b"b"]), Fingerprint::of(&[b"ab"]));
        let first = cache.token(old, || logins.log_in()).await.unwrap();
        let second = cache.token(new, || logins.log_in()).await.unwrap();
        assert_ne!(first, second);
        cache.reject(&first).await;
        assert_eq!(
            cache.token(new, || logins.log_in()).await.unwrap(),
            second,
            "an old token says nothing on a new one"
        );
        cache.reject(&second).await;
        assert_ne!(cache.token(new, || logins.log_in()).await.unwrap(), second);
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_was_given_up_does_not_block_the_next() {
        let cache = TokenCache::default();
        let hang = cache.token(Fingerprint::of(&[b"a"]), std::future::pending);
        tokio::time::timeout(Duration::from_secs(1), hang).await.unwrap_err();
        let logins = Logins::living(Duration::from_secs(u64::MAX));
        cache.token(Fingerprint::of(&[b"a"]), || logins.log_in()).await.unwrap();
    }

    #[test]
    fn the_claims_of_a_token_are_read_where_it_has_any() {
        let claims = |text: &str| Token::new(text.to_owned()).unwrap().claims();
        let payload = URL_SAFE_NO_PAD.encode(r#"{"roles":["a"]}"#);
        assert_eq!(claims(&format!("h.{payload}.s")).unwrap()["roles"][0], "a");
        for text in ["opaque", "a.b.c", "a..b", &format!("h.{payload}")] {
            assert_eq!(claims(text), None, "{text}");
        }
    }

    #[test]
    fn a_token_may_come_in_a_header() {
        let token = |value: &str| {
            let value = HeaderValue::from_str(value).unwrap();
            Token::from_bearer_header(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
        };
        for value in ["Bearer a.b-c_d", "bearer  a.b-c_d ", "BEARER a.b-c_d"] {
            assert_eq!(token(value), Token::new("a.b-c_d".to_owned()).ok(), "{value}");
        }
        for value in ["", "Bearer", "Bearer ", "Basic abc", "a.b-c_d", "Bearer a b"] {
            assert_eq!(token(value), None, "{value}");
        }
        assert_eq!(Token::from_bearer_header(&HeaderMap::new()), None);
    }

    #[test]
    fn neither_token_nor_fingerprint_is_shown_and_a_broken_token_is_refused() {
        let token = Token::new("s3cret".to_owned()).unwrap();
        assert!(!format!("{token:?} {:?}", token.header().unwrap()).contains("s3cret"));
        for text in ["", "a\nb", "a b", "\u{fc}"] {
            assert_eq!(Token::new(text.to_owned()).unwrap_err().reason, Reason::Malformed);
        }
    }
}
