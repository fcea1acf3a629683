//! Reading one file without being held up by what it turns out to be.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::Path;

use zeroize::Zeroizing;

use crate::model::{Failure, Reason};
use crate::words::clean;

/// How much of a file is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    /// The most bytes.
    pub(super) bytes: u64,
    /// The same, to follow "is larger than".
    pub(super) words: &'static str,
}

/// Reads a whole file, up to a limit. The bytes are wiped when dropped: there may be a private key
/// among them. Blocks, so it is called from a thread that may wait.
///
/// A file that changes while it is read is read once more, for somebody is writing it at this moment.
///
/// # Errors
///
/// [`Reason::NotFound`] if nothing is there, [`Reason::Io`] if it cannot be read, is not a regular file or is too
/// large. The message names the file, never what is in it.
pub(super) fn read(path: &Path, limit: Limit) -> Result<Zeroizing<Vec<u8>>, Failure> {
    settled(|| attempt(path, limit))
}

/// The name of a file, fit to be shown.
#[must_use]
pub fn shown(path: &Path) -> String {
    clean(&path.to_string_lossy(), 4096)
}

/// Why a file could not be reached or read.
pub(super) fn failure(path: &Path, error: &std::io::Error) -> Failure {
    let name = shown(path);
    match error.kind() {
        ErrorKind::NotFound if std::fs::symlink_metadata(path).is_ok() => {
            Failure::new(Reason::NotFound, format!("{name} is a symbolic link to something that does not exist"))
        }
        ErrorKind::NotFound => Failure::new(Reason::NotFound, format!("{name} does not exist")),
        // Said by the system with a number behind it, and met often enough to be said in words.
        ErrorKind::PermissionDenied => {
            Failure::new(Reason::Io, format!("{name} cannot be read: this user may not read it"))
        }
        _ => Failure::new(Reason::Io, format!("{name} cannot be read: {error}")),
    }
}

/// Takes the second reading when the first says of itself that it is not steady.
fn settled<T>(mut attempt: impl FnMut() -> Result<(T, bool), Failure>) -> Result<T, Failure> {
    match attempt()? {
        (read, true) => Ok(read),
        (_, false) => Ok(attempt()?.0),
    }
}

/// The content, and whether the file stood still meanwhile.
fn attempt(path: &Path, limit: Limit) -> Result<(Zeroizing<Vec<u8>>, bool), Failure> {
    // Asked before opening, because opening a named pipe would wait for its other end.
    let before = std::fs::metadata(path).map_err(|error| failure(path, &error))?;
    check(path, &before, limit)?;
    let file = File::open(path).map_err(|error| failure(path, &error))?;
    // Asked again of what was opened, for another file may have taken the name meanwhile.
    let opened = file.metadata().map_err(|error| failure(path, &error))?;
    check(path, &opened, limit)?;
    // One byte more than there should be, so that nothing has to grow and leave a copy behind unwiped.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(opened.len()).unwrap_or(0) + 1));
    let count = file.take(limit.bytes + 1).read_to_end(&mut bytes).map_err(|error| failure(path, &error))?;
    if count as u64 > limit.bytes {
        return Err(too_large(path, limit));
    }
    let after = std::fs::metadata(path).ok();
    let is_steady = after.as_ref().map(stamp) == Some(stamp(&opened)) && stamp(&before) == stamp(&opened);
    Ok((bytes, is_steady))
}

fn check(path: &Path, metadata: &Metadata, limit: Limit) -> Result<(), Failure> {
    if metadata.is_dir() {
        return Err(Failure::new(Reason::Io, format!("{} is a directory, not a file", shown(path))));
    }
    if !metadata.is_file() {
        return Err(Failure::new(Reason::Io, format!("{} is not a regular file", shown(path))));
    }
    if metadata.len() > limit.bytes {
        return Err(too_large(path, limit));
    }
    Ok(())
}

fn too_large(path: &Path, limit: Limit) -> Failure {
    Failure::new(Reason::Io, format!("{} is larger than {}", shown(path), limit.words))
}

/// What differs when another content is there: which file it is, how long, and when it was last written.
fn stamp(metadata: &Metadata) -> (u64, u64, u64, i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit { bytes: 1000, words: "1 KB" };

    fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
        super::read(path, LIMIT)
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_once_more() {
        for (answers, taken, count) in [
            (vec![("whole", true)], "whole", 1),
            (vec![("half", false), ("whole", true)], "whole", 2),
            (vec![("half", false), ("still half", false)], "still half", 2),
        ] {
            let mut answers = answers.into_iter();
            let mut asked = 0;
            let read = settled(|| {
                asked += 1;
                Ok(answers.next().unwrap())
            });
            assert_eq!((read.unwrap(), asked), (taken, count));
        }
    }

    #[test]
    fn odd_files_are_named_with_their_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert_eq!(read(&path).unwrap_err().reason, Reason::NotFound);
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert!(read(&path).unwrap_err().message.contains("symbolic link"));
        std::fs::remove_file(&path).unwrap();
        let at_limit = vec![b' '; LIMIT.bytes as usize];
        std::fs::write(&path, &at_limit).unwrap();
        assert_eq!(read(&path).unwrap().len(), at_limit.len());
        File::options().write(true).open(&path).unwrap().set_len(LIMIT.bytes + 1).unwrap();
        assert_eq!(read(&path).unwrap_err().reason, Reason::Io);
        assert!(read(folder.path()).unwrap_err().message.contains("is a directory"));
        assert!(read(Path::new("/dev/zero")).unwrap_err().message.contains("not a regular file"));
    }

    #[test]
    fn what_the_system_refuses_is_io() {
        let folder = tempfile::tempdir().unwrap();
        let refused = failure(folder.path(), &ErrorKind::PermissionDenied.into());
        assert_eq!(refused.reason, Reason::Io);
        assert!(refused.message.ends_with("this user may not read it"), "{refused}");
        // A regular file by its looks, of which the first byte cannot be read by anybody.
        let memory = read(Path::new("/proc/self/mem")).unwrap_err();
        assert_eq!(memory.reason, Reason::Io);
        assert!(memory.message.starts_with("/proc/self/mem cannot be read"), "{memory}");
    }
}
