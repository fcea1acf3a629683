//! Files put in their place: whole or not at all, and never over another one unless that is meant.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::config::{self, Config};

/// The user of the service, as the package makes it.
const SERVICE: &str = "apnswatch";

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Its owner alone: the service. 0600.
    Secret,
    /// Its owner writes and the service reads. 0640.
    Config,
}

/// A file that is whole on disk, and has not its name yet.
#[derive(Debug)]
pub(super) struct Ready {
    file: NamedTempFile,
    path: PathBuf,
}

impl Ready {
    /// Writes it beside its place. It is gone when this is dropped.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub(super) fn new(path: &Path, content: &[u8], rights: Rights) -> anyhow::Result<Self> {
        let failed = || format!("cannot write {}; nothing was written", path.display());
        let mut file = NamedTempFile::new_in(folder_of(path)).with_context(failed)?;
        file.write_all(content).with_context(failed)?;
        let handle = file.as_file();
        let mode = if rights == Rights::Secret { 0o600 } else { 0o640 };
        handle.set_permissions(fs::Permissions::from_mode(mode)).with_context(failed)?;
        if handle.metadata().with_context(failed)?.uid() == 0 {
            hand_over(handle, path, rights).with_context(failed)?;
        }
        handle.sync_all().with_context(failed)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Gives it its name.
    ///
    /// # Errors
    ///
    /// If there is a file of that name by now, unless it is to be replaced.
    pub(super) fn put(self, replace: bool) -> anyhow::Result<()> {
        let Self { file, path } = self;
        let done = if replace { file.persist(&path) } else { file.persist_noclobber(&path) };
        done.map(drop).map_err(|failure| failure.error).with_context(|| format!("cannot write {}", path.display()))
    }
}

/// What root writes must be read by the service: secrets are given to it, the rest to its group. Without such a user the
/// owner and the group of the folder say whom it is meant for.
fn hand_over(file: &File, path: &Path, rights: Rights) -> io::Result<()> {
    let folder = fs::metadata(folder_of(path))?;
    let (user, group) = service().unwrap_or_else(|| (folder.uid(), folder.gid()));
    match rights {
        Rights::Secret => fchown(file, Some(user), Some(group)),
        Rights::Config => fchown(file, None, Some(group)),
    }
}

/// The user and the group of the service, by passwd(5).
fn service() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == SERVICE).then_some(())?;
        Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

/// Writes one file at once or not at all.
///
/// # Errors
///
/// If it cannot be written, or is there and not to be replaced.
pub(super) fn put(path: &Path, content: &[u8], rights: Rights, replace: bool) -> anyhow::Result<()> {
    Ready::new(path, content, rights)?.put(replace)?;
    settle(folder_of(path))
}

/// The names in a folder are on disk when the folder is.
///
/// # Errors
///
/// If the disk says that they are not.
pub(super) fn settle(folder: &Path) -> anyhow::Result<()> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("{} may not be on disk", folder.display()))
}

/// The folder of a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// A name fit for a file, of one that people gave.
pub(super) fn file_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = name.chars().map(plain).take(100).collect();
    let name = name.trim_start_matches(['.', '-']);
    if name.is_empty() { "tenant".to_owned() } else { name.to_owned() }
}

/// The path of a tenant file of this name: the first that `tenant_files` reads.
pub(super) fn tenant_file(config: &Config, name: &str) -> Option<PathBuf> {
    let name = file_name(name);
    let candidates = config.tenant_file_patterns.iter().map(|pattern| {
        let text = pattern.to_string_lossy();
        // An escaped star is one in the name of a folder.
        let named = text.replace("[*]", "\0").replacen('*', &name, 1).replace('\0', "[*]");
        if named == text { pattern.clone() } else { config::literal(&named).unwrap_or_else(|| PathBuf::from(named)) }
    });
    candidates.into_iter().find(|path| config.reads(path))
}
