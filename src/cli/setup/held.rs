//! Credentials before they have a place: where nobody else finds them, whatever ends this process.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use zeroize::Zeroizing;

use super::answers::Named;
use crate::cli::place::folder_of;

/// Where a credential is.
pub(super) enum Held {
    /// In a file of the operator's, which is named as it stands.
    There(PathBuf),
    /// Typed or piped in: in a file that has no name, read by its number for as long as this process lives. Even a kill
    /// leaves nothing of it behind.
    Here {
        /// What it is.
        secret: Zeroizing<String>,
        /// The file without a name.
        file: File,
    },
}

impl Held {
    /// Puts a secret into a file without a name, on the disk where it will lie.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub(super) fn here(secret: Zeroizing<String>, config: &Path) -> anyhow::Result<Self> {
        let folder = folder_of(config);
        let failed = || format!("cannot write to {}", folder.display());
        let mut file = tempfile::tempfile_in(folder).with_context(failed)?;
        file.write_all(secret.as_bytes()).with_context(failed)?;
        Ok(Self::Here { secret, file })
    }

    /// A path by which it can be read now (proc(5)).
    pub(super) fn path(&self) -> PathBuf {
        match self {
            Self::There(path) => path.clone(),
            Self::Here { file, .. } => PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())),
        }
    }
}

/// The credentials of a login, by their keys in the configuration.
pub(super) type Credentials = Named<Held>;

/// Text without the numbers of files that nobody can open: what was typed is in no place yet.
pub(super) fn unplaced(text: &str, credentials: &Credentials) -> String {
    let here = credentials.0.iter().map(|(_, held)| held).filter(|held| matches!(held, Held::Here { .. }));
    here.fold(text.to_owned(), |text, held| {
        let path = held.path().display().to_string();
        text.replace(&format!(" in {path}"), "").replace(&path, "what was typed")
    })
}

/// A line as a secret: without what copying puts around it.
///
/// # Errors
///
/// Says why it is none.
pub(super) fn secret_of(line: &str) -> Result<Zeroizing<String>, &'static str> {
    let secret = line.trim();
    if secret.is_empty() {
        return Err("it is empty");
    }
    if secret.contains(char::is_control) {
        return Err("there is a control character in it");
    }
    Ok(Zeroizing::new(secret.to_owned()))
}

/// The lines that are piped in, one secret each.
///
/// # Errors
///
/// If there are fewer than are wanted, or one is no secret.
pub(super) fn piped(wanted: &[&'static str]) -> anyhow::Result<Vec<Zeroizing<String>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    std::io::stdin().lock().take(64 * 1024).read_to_end(&mut bytes).context("standard input cannot be read")?;
    let text = std::str::from_utf8(&bytes).context("what is piped in is not UTF-8 text")?;
    let mut lines = text.lines();
    let secret = |what: &&'static str| {
        secret_of(lines.next().unwrap_or_default())
            .map_err(|why| anyhow::anyhow!("the {what} on standard input: {why}"))
    };
    wanted.iter().map(secret).collect()
}

/// A path for a new file: of this name, or of the first with a number behind it that is free.
pub(super) fn free(folder: &Path, name: &str, end: &str) -> PathBuf {
    let paths = (1_u32..).map(|number| match number {
        1 => folder.join(format!("{name}{end}")),
        _ => folder.join(format!("{name}-{number}{end}")),
    });
    let is_free = |path: &PathBuf| fs::symlink_metadata(path).is_err();
    paths.into_iter().find(is_free).unwrap_or_else(|| folder.join(format!("{name}{end}")))
}
