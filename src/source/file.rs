//! Certificate files on disk: the paths and patterns of a tenant's `certificate.files`.
//!
//! **Which certificate counts.** Among all MDM push certificates in all files, told apart by SHA-256, the one that
//! ends last is *the* certificate; of two that end together the one that begins later, then the one with the greater
//! fingerprint. The others are told besides. So a folder may keep its old generations, a second download with "(1)"
//! in its name changes nothing, and the same file reached by two patterns or by a link counts once.
//!
//! A path that exists is taken literally, whatever characters are in it. Otherwise `*`, `?`, `[...]` and `**` make it
//! a pattern; hidden files and folders match only a pattern that names the dot.

mod read;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

pub use self::read::{MAX_BYTES, read, shown};
use crate::certificate::{self, Certificate, Contents, Kind};
use crate::model::{Facts, Failure, Outcome, Presence, PushCertificate, Reason, Source};
use crate::source::Poll;

/// How many tenants' files are read at once in the whole process. A thread that waits for a network file system that
/// is gone cannot be stopped, so there must be an end to how many do; tokio would lend out 512.
static READERS: Semaphore = Semaphore::const_new(16);

/// More files than this are no folder of certificates but a mistake, such as `/**`.
const MAX_FILES: usize = 1000;

/// Polls the certificate files of one tenant.
#[derive(Debug)]
pub struct Files {
    paths: Arc<[PathBuf]>,
    /// One permit: a read that hangs is waited for and not joined by another, so that a tenant on a dead file system
    /// holds one of [`READERS`] and not all of them.
    reading: Arc<Semaphore>,
}

impl Files {
    /// Takes paths and patterns, absolute ones. Touches nothing.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths: paths.into(), reading: Arc::new(Semaphore::new(1)) }
    }

    async fn ask(&self) -> Outcome {
        let Ok(mine) = Arc::clone(&self.reading).try_acquire_owned() else {
            return Outcome::failure(Failure::new(
                Reason::Timeout,
                "an earlier reading of the certificate files still hangs, the file system does not answer",
            ));
        };
        // Neither semaphore is ever closed; if it were, reading without a permit is the lesser evil.
        let shared = READERS.acquire().await.ok();
        let paths = Arc::clone(&self.paths);
        // The permits go with the work and not with this future, which the poller drops at its deadline.
        let work = tokio::task::spawn_blocking(move || {
            let outcome = gather(&paths);
            drop((mine, shared));
            outcome
        });
        work.await.unwrap_or_else(|_| {
            Outcome::failure(Failure::new(Reason::Panic, "reading the certificate files ended in a defect"))
        })
    }
}

impl Poll for Files {
    fn source(&self) -> Source {
        Source::File
    }

    /// Always the same: whatever file it is, it speaks of the same tenant.
    fn identity(&self) -> String {
        "file".to_owned()
    }

    fn host(&self) -> Option<String> {
        None
    }

    fn poll(&self, _now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(self.ask())
    }
}

/// Reads all files and makes one answer of them. Blocks.
fn gather(paths: &[PathBuf]) -> Outcome {
    let mut failures = Vec::new();
    let mut seen = HashSet::new();
    let mut held: Vec<Held> = Vec::new();
    let mut remarks = Vec::new();
    let mut bystanders = Vec::new();
    for (path, named) in paths.iter().flat_map(|path| expand(path, &mut failures)).collect::<Vec<_>>() {
        // What cannot be asked for its identity gets its error from `read`.
        if identity(&path).is_some_and(|identity| !seen.insert(identity)) {
            continue;
        }
        let contents = match read(&path) {
            Ok(bytes) => certificate::read(&bytes),
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        let before = held.len();
        held.extend(contents.push_certificates().map(|found| Held { path: path.clone(), found: found.clone() }));
        if held.len() == before {
            let failure = no_certificate(&path, &contents);
            if named == Named::ByPattern && is_bystander(&contents) { &mut bystanders } else { &mut failures }
                .push(failure);
        } else {
            remark(&path, &contents, &mut remarks);
        }
    }
    if held.is_empty() {
        failures.extend(bystanders);
    } else {
        remarks.extend(bystanders.into_iter().map(|bystander| bystander.message));
    }
    Outcome { facts: facts(held, remarks), failure: sum_up(failures) }
}

/// How a file came into the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// Its path stands in the configuration.
    ByPath,
    /// A pattern matched it.
    ByPattern,
}

/// Whether a file without a push certificate is one that people keep beside it. A `*.pem` should not fail for ever
/// because the key lies in the same folder; garbage and look-alikes there are still failures.
fn is_bystander(contents: &Contents) -> bool {
    let is_whole = contents.flaws.is_empty();
    is_whole && matches!(contents.kind(), Kind::PrivateKey | Kind::CaCertificate | Kind::Csr | Kind::Profile)
}

/// A push certificate and the file that holds it.
struct Held {
    path: PathBuf,
    found: Certificate,
}

fn facts(mut held: Vec<Held>, mut remarks: Vec<String>) -> Option<Facts> {
    let mut known = HashSet::new();
    held.retain(|held| known.insert(held.found.sha256.clone()));
    held.sort_by(|a, b| {
        let key = |held: &Held| (held.found.not_after, held.found.not_before, held.found.sha256.clone());
        key(b).cmp(&key(a))
    });
    let mut held = held.into_iter();
    let chosen = held.next()?;
    let others: Vec<PushCertificate> = held.map(|held| held.found.to_push_certificate()).collect();
    let name = shown(&chosen.path);
    remarks.extend(chosen.found.findings.iter().map(|finding| format!("{name}: {finding}")));
    if !others.is_empty() {
        let count = others.len() + 1;
        remarks.push(format!("{count} push certificates found; the one that ends last counts, from {name}"));
    }
    Some(Facts {
        certificate: Some(Presence::Present(chosen.found.to_push_certificate())),
        others,
        origin: name,
        remarks,
        ..Facts::default()
    })
}

/// What should be known of a file that holds a push certificate.
fn remark(path: &Path, contents: &Contents, remarks: &mut Vec<String>) {
    let name = shown(path);
    remarks.extend(contents.notes.iter().map(|note| format!("{name} is {note}")));
    let flaws = contents.flaws.iter().take(3);
    remarks
        .extend(flaws.map(|flaw| format!("{name} holds a push certificate, and more that could not be read: {flaw}")));
    if contents.private_key.is_some() {
        remarks.push(format!("{name} holds a private key; only the certificate is needed here"));
    }
}

fn no_certificate(path: &Path, contents: &Contents) -> Failure {
    let name = shown(path);
    // "is" or "holds", as the description goes on; the finding says why a look-alike is none.
    let why = contents.main().and_then(|main| match &main.what {
        certificate::What::Certificate(found) => found.findings.first(),
        certificate::What::Request(_) | certificate::What::Profile(_) => None,
    });
    let why = why.map(|finding| format!("; {finding}")).unwrap_or_default();
    let what = contents.description();
    Failure::new(Reason::Malformed, format!("{name} holds no MDM push certificate: it {what}{why}"))
}

/// The first problem stands for all, so that one message stays one sentence.
fn sum_up(failures: Vec<Failure>) -> Option<Failure> {
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

#[cfg(test)]
mod tests;
