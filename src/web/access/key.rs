//! The key of the calendar: programs that subscribe ask from somebody else's servers and cannot log in, so it stands in
//! their address. It opens the calendar and nothing else, and only to be read.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::Request;
use axum::http::Method;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::config::Web;
use crate::model::Problem;
use crate::secret::{Secret, SecretFile};

/// The one path that it opens.
pub(in crate::web) const PATH: &str = "/calendar.ics";

/// Shorter ones could be guessed.
const SHORTEST: usize = 20;

/// How long reading the file may take.
const READING: Duration = Duration::from_secs(2);

/// Checks the file of the key, if one is configured. Blocks.
///
/// # Errors
///
/// Why it cannot be used. The key is never shown.
pub fn check(web: &Web) -> Result<(), Vec<Problem>> {
    let Some(path) = &web.calendar_key_file else { return Ok(()) };
    let read = SecretFile::new(path).read().map_err(|failure| failure.message);
    let checked = read.and_then(|secret| fit(&secret).map_err(|why| format!("{}: the key {why}", path.display())));
    checked.map_err(|message| vec![Problem::new("web.calendar_key_file", message)])
}

fn fit(secret: &Secret) -> Result<(), String> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let key = secret.expose();
    if key.len() < SHORTEST {
        return Err(format!(
            "must have {SHORTEST} characters or more, or it could be guessed: openssl rand -hex 24 makes one"
        ));
    }
    if !key.iter().all(is_plain) {
        return Err(
            "stands in an address, so it must be of letters, digits and -._~ only: openssl rand -hex 24 makes one"
                .to_owned(),
        );
    }
    Ok(())
}

/// Lets in whoever has the key. Clones share what they know of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct CalendarKey(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    file: Mutex<Option<SecretFile>>,
    /// Why it could not be used last, so that this is logged when it changes and not at every request.
    told: Mutex<Option<String>>,
}

impl CalendarKey {
    /// Whether what was [`given`] is the key that is in the file now: a new key counts at once, and one that was taken
    /// away too.
    pub(super) async fn lets_in(&self, path: Option<PathBuf>, given: Option<Zeroizing<String>>) -> bool {
        let (Some(path), Some(given)) = (path, given) else { return false };
        let read = tokio::time::timeout(READING, self.file(&path).fetch()).await;
        let read = read.map_err(|_| format!("{} could not be read in time", path.display()));
        let key = read.and_then(|read| read.map_err(|failure| failure.message));
        let key = key.and_then(|key| fit(&key).map(|()| key).map_err(|why| format!("{}: it {why}", path.display())));
        let why = key.as_ref().err().cloned();
        let mut told = self.0.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = why.as_ref().filter(|why| Some(*why) != told.as_ref()) {
            tracing::error!("the key of the calendar cannot be used and lets nobody in: {why}");
        }
        *told = why;
        // Of the same length, whatever was given.
        let digest = |bytes: &[u8]| <[u8; 32]>::from(Sha256::digest(bytes));
        key.is_ok_and(|key| verify_slices_are_equal(&digest(key.expose()), &digest(given.as_bytes())).is_ok())
    }

    /// The file, the same one for every request: it is read by one of them at a time.
    fn file(&self, path: &Path) -> SecretFile {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        match &*file {
            Some(known) if known.path() == path => known.clone(),
            Some(_) | None => file.insert(SecretFile::new(path)).clone(),
        }
    }
}

/// The key that a request brings, where a key counts. Two of them are none: nobody could say which one is meant.
pub(super) fn given(request: &Request) -> Option<Zeroizing<String>> {
    if request.uri().path() != PATH || !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let query = request.uri().query()?.as_bytes();
    let mut keys =
        url::form_urlencoded::parse(query).filter(|(name, _)| name == "key").map(|(_, key)| key.into_owned());
    let key = Zeroizing::new(keys.next()?);
    keys.next().is_none().then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef-._~";

    fn asking(method: &str, uri: &str) -> Request {
        Request::builder().method(method).uri(uri).body(axum::body::Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn only_the_key_opens_and_only_the_calendar() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{KEY}\n")).unwrap();
        let key = CalendarKey::default();
        let right = format!("/calendar.ics?key={KEY}");
        for (method, uri, is_let_in) in [
            ("GET", right.clone(), true),
            ("HEAD", right.clone(), true),
            ("GET", format!("/calendar.ics?tenant=a&key={KEY}"), true),
            ("POST", right.clone(), false),
            ("GET", "/calendar.ics".to_owned(), false),
            ("GET", "/calendar.ics?key=".to_owned(), false),
            ("GET", format!("/calendar.ics?key={KEY}x"), false),
            ("GET", format!("/calendar.ics?key={}", &KEY[1..]), false),
            ("GET", format!("/calendar.ics?key={KEY}&key=x"), false),
            ("GET", format!("/calendar.ics?Key={KEY}"), false),
            ("GET", format!("/?key={KEY}"), false),
            ("GET", format!("/metrics?key={KEY}"), false),
            ("GET", format!("/calendar.ics/?key={KEY}"), false),
            ("GET", format!("/calendar%2eics?key={KEY}"), false),
        ] {
            assert_eq!(
                key.lets_in(Some(path.clone()), given(&asking(method, &uri))).await,
                is_let_in,
                "{method} {uri}"
            );
            assert!(!key.lets_in(None, given(&asking(method, &uri))).await, "no key is configured");
        }
        for unfit in ["short\n", "", "0123456789abcdef-._~ \n", "0123456789abcdef-._~+"] {
            std::fs::write(&path, unfit).unwrap();
            assert!(!key.lets_in(Some(path.clone()), given(&asking("GET", &right))).await, "{unfit:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(!key.lets_in(Some(path), given(&asking("GET", &right))).await);
    }
}
