//! What all sources on disk share: paths and patterns turned into files, and reading that can hang without taking
//! anything else along.
//!
//! A path that exists is taken literally, whatever characters are in it. Otherwise `*`, `?`, `[...]` and `**` make it
//! a pattern; hidden files and folders match only a pattern that names the dot.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::read::{self, shown};
use crate::blocking::Guard;
use crate::model::{Failure, Reason};

/// More files than this are no folder of certificates but a mistake, such as `/**`.
const MAX_FILES: usize = 1000;

/// The paths and patterns of one source of one tenant.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    paths: Arc<[PathBuf]>,
    /// What they are, for messages: "certificate files".
    what: &'static str,
    reading: Guard,
}

impl Paths {
    /// Takes paths and patterns, absolute ones. Touches nothing.
    pub(super) fn new(paths: Arc<[PathBuf]>, what: &'static str) -> Self {
        Self { paths, what, reading: Guard::default() }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Lets `read` have the paths in a thread that may wait.
    ///
    /// # Errors
    ///
    /// `panic` if `read` panicked.
    pub(super) async fn visit<T: Send + 'static>(
        &self,
        read: impl FnOnce(&[PathBuf]) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let paths = Arc::clone(&self.paths);
        self.reading.run(&format!("the {}", self.what), move || read(&paths)).await
    }
}

/// How a file came into the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// Its path stands in the configuration.
    ByPath,
    /// A pattern matched it.
    ByPattern,
}

/// All files that the paths and patterns stand for, in their order, each once however it is reached.
pub(super) fn files(paths: &[PathBuf], failures: &mut Vec<Failure>) -> Vec<(PathBuf, Named)> {
    let mut seen = HashSet::new();
    let mut files: Vec<_> = paths.iter().flat_map(|path| expand(path, failures)).collect();
    // What cannot be asked for its identity gets its error when it is read.
    files.retain(|(path, _)| identity(path).is_none_or(|identity| seen.insert(identity)));
    files
}

/// The first problem stands for all, so that one message stays one sentence.
pub(super) fn sum_up(failures: Vec<Failure>) -> Option<Failure> {
    let more = failures.len().saturating_sub(1);
    let mut first = failures.into_iter().next()?;
    if more > 0 {
        first.message.push_str(&format!(", and {more} more problem{}", if more == 1 { "" } else { "s" }));
    }
    Some(first)
}

/// The files that a path or a pattern stands for, in the order of their names.
fn expand(path: &Path, failures: &mut Vec<Failure>) -> Vec<(PathBuf, Named)> {
    let Err(error) = std::fs::symlink_metadata(path) else {
        return vec![(path.to_owned(), Named::ByPath)];
    };
    let name = shown(path);
    let text = path.to_str().filter(|text| text.contains(['*', '?', '[']));
    let Some(pattern) = text else {
        failures.push(read::failure(path, &error));
        return vec![];
    };
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let matches = match glob::glob_with(pattern, options) {
        Ok(matches) => matches,
        Err(error) => {
            let why = format!("{name} does not exist, and as a pattern it is not valid: {error}");
            failures.push(Failure::new(Reason::NotFound, why));
            return vec![];
        }
    };
    let mut found = Vec::new();
    let mut failed = false;
    for entry in matches {
        match entry {
            // A folder beside the files is no mistake of whoever wrote the pattern.
            Ok(path) if path.is_dir() => {}
            Ok(path) if found.len() < MAX_FILES => found.push((path, Named::ByPattern)),
            Ok(_) => {
                failures.push(Failure::new(Reason::Io, format!("{name} matches more than {MAX_FILES} files")));
                failed = true;
                break;
            }
            Err(error) => {
                failures.push(read::failure(error.path(), error.error()));
                failed = true;
            }
        }
    }
    if found.is_empty() && !failed {
        failures.push(Failure::new(Reason::NotFound, format!("no file matches {name}")));
    }
    found
}

/// What tells whether two paths lead to the same file: links, hard or symbolic, have the same.
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}
