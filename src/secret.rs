//! Secrets: read from files, kept out of everything that is ever shown.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::blocking::Guard;
use crate::model::{Failure, Reason};

/// More than this is not a secret but a mistake: the path of a log file, say.
const MAX_BYTES: u64 = 64 * 1024;

/// The bytes of a secret. Neither `Debug` nor an error shows them, and they are wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes of a secret file: a byte-order mark in front and one line end behind are cut, for editors and
    /// `kubectl create secret` put them there and no vendor accepts them.
    #[must_use]
    pub fn from_file_bytes(bytes: Vec<u8>) -> Self {
        let bytes = Zeroizing::new(bytes);
        let mut rest: &[u8] = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        rest = rest.strip_suffix(b"\n").unwrap_or(rest);
        rest = rest.strip_suffix(b"\r").unwrap_or(rest);
        Self(Zeroizing::new(rest.to_vec()))
    }

    /// The bytes, for the one place that sends them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, for the one place that sends it; `None` if it is not UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether it begins or ends with white space, which is nearly always a mistake of copying.
    #[must_use]
    pub fn has_outer_white_space(&self) -> bool {
        let is_space = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
        is_space(self.0.first()) || is_space(self.0.last())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// A file that holds a secret. Read whenever the secret is needed, so that a rotated one is used at the next poll.
#[derive(Clone, Debug)]
pub struct SecretFile {
    path: PathBuf,
    reading: Guard,
    may_be_empty: bool,
}

impl SecretFile {
    /// Names the file; does not touch it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), reading: Guard::default(), may_be_empty: false }
    }

    /// Names the file with the password of a container, which is empty now and then; does not touch it.
    pub fn of_container(path: impl Into<PathBuf>) -> Self {
        Self { may_be_empty: true, ..Self::new(path) }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the secret, away from the threads that serve everybody: a file may lie on a network that hangs.
    ///
    /// # Errors
    ///
    /// As [`Self::read`].
    pub async fn fetch(&self) -> Result<Secret, Failure> {
        let file = self.clone();
        self.reading.run("a secret file", move || file.read()).await?
    }

    /// Reads the secret.
    ///
    /// # Errors
    ///
    /// [`Reason::NotFound`] if the file is missing, [`Reason::Io`] if it cannot be read, is not a regular file, is
    /// empty and may not be, or holds more than 64 KiB. The message names the file, never what is in it.
    pub fn read(&self) -> Result<Secret, Failure> {
        let shown = self.path.display();
        let failure = |error: &std::io::Error| {
            let reason = match error.kind() {
                std::io::ErrorKind::NotFound => Reason::NotFound,
                _ => Reason::Io,
            };
            Failure::new(reason, format!("cannot read the secret file {shown}: {error}"))
        };
        // Asked before opening, because opening a named pipe would wait for its other end.
        let metadata = std::fs::metadata(&self.path).map_err(|error| failure(&error))?;
        if !metadata.is_file() {
            return Err(Failure::new(Reason::Io, format!("the secret file {shown} is not a regular file")));
        }
        if metadata.len() > MAX_BYTES {
            return Err(Failure::new(Reason::Io, format!("the secret file {shown} is larger than 64 KiB")));
        }
        // Reserved whole, so that growing leaves no unwiped copy behind; wiped, too, where reading ends in the middle.
        let expected = usize::try_from(metadata.len()).unwrap_or(0) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(expected));
        std::fs::File::open(&self.path)
            .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|error| failure(&error))?;
        let secret = Secret::from_file_bytes(std::mem::take(&mut *bytes));
        if secret.expose().is_empty() && !self.may_be_empty {
            return Err(Failure::new(Reason::Io, format!("the secret file {shown} is empty")));
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_and_a_byte_order_mark_are_cut() {
        for (file, secret) in [
            (&b"s3cret"[..], &b"s3cret"[..]),
            (b"s3cret\n", b"s3cret"),
            (b"s3cret\r\n", b"s3cret"),
            (b"s3cret\n\n", b"s3cret\n"),
            (b"\xef\xbb\xbfs3cret ", b"s3cret "),
        ] {
            assert_eq!(Secret::from_file_bytes(file.to_vec()).expose(), secret);
        }
        assert!(Secret::from_file_bytes(b"s3cret ".to_vec()).has_outer_white_space());
        assert!(!Secret::from_file_bytes(b"s3 cret".to_vec()).has_outer_white_space());
    }

    #[test]
    fn what_it_holds_is_never_shown() {
        assert_eq!(format!("{:?}", Secret::from_file_bytes(b"s3cret".to_vec())), "Secret(redacted)");
    }

    #[test]
    fn a_missing_an_empty_and_an_odd_file_have_reasons() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SecretFile::new(folder.path().join("missing")).read().unwrap_err();
        assert_eq!(missing.reason, Reason::NotFound);
        let directory = SecretFile::new(folder.path()).read().unwrap_err();
        assert_eq!(directory.reason, Reason::Io);
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let empty = SecretFile::new(folder.path().join("empty")).read().unwrap_err();
        assert_eq!(empty.reason, Reason::Io);
        let password = SecretFile::of_container(folder.path().join("empty")).read().unwrap();
        assert!(password.expose().is_empty());
    }
}
