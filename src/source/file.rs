//! Certificate files on disk: the paths and patterns of a tenant's `certificate.files`.
//!
//! **Which certificate counts.** Among all MDM push certificates in all files, told apart by SHA-256, the one that
//! ends last is *the* certificate; of two that end together the one that begins later, then the one with the greater
//! fingerprint. The others are told besides. So a folder may keep its old generations, a second download with "(1)"
//! in its name changes nothing, and the same file reached by two patterns or by a link counts once.
//!
//! **The pool.** A tenant may also be given the certificates of a [`Pool`] that carry its topic. Where only the pool
//! is looked into and nothing in it is the tenant's, that is an answer which says nothing, not a failure: most tenants
//! beside a pool have no file there. It becomes a failure once the pool had a certificate of this tenant and has it no
//! more, for what vanishes must not pass for what never was. One bad file in the pool is a remark, until the certificate
//! that was told is missing: it may be in there. A pool of which nothing can be read is a failure of every tenant that
//! looks into it, beside what its own files tell.
//!
//! How paths and patterns are read stands in the module of the paths.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use super::paths::{self, Named, Paths, sum_up};
use super::pool::{Pool, Trouble};
pub use super::read::shown;
use super::read::{self, Limit};
use crate::blocking::Guard;
use crate::certificate::{self, Certificate, Contents, Kind};
use crate::model::{Facts, Failure, Outcome, PushCertificate, Reason, Source, Topic};
use crate::secret::SecretFile;
use crate::source::Poll;

/// A certificate has 2 KiB; a bundle of all the CAs of a machine has a quarter of this.
const LIMIT: Limit = Limit { bytes: 1024 * 1024, words: "1 MiB, so it is no certificate" };

/// Reads a whole file that may hold certificates, at most 1 MiB of it. Wiped when dropped. Blocks.
///
/// # Errors
///
/// [`Reason::NotFound`] if nothing is there, [`Reason::Io`] if it cannot be read, is not a regular file or is too
/// large. The message names the file, never what is in it.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    read::read(path, LIMIT)
}

/// Polls the certificate files of one tenant.
#[derive(Debug)]
pub struct Files {
    own: Paths,
    pool: Option<(Arc<Pool>, Claim)>,
    protected: Vec<Protected>,
    added: Vec<Added>,
}

/// A container that a password opens.
#[derive(Debug)]
pub struct Protected {
    path: PathBuf,
    password: SecretFile,
    reading: Guard,
}

impl Protected {
    /// Names the container and the file with its password; touches neither.
    #[must_use]
    pub fn new(path: &Path, password_file: &Path) -> Self {
        Self { path: path.to_owned(), password: SecretFile::of_container(password_file), reading: Guard::default() }
    }

    async fn open(&self) -> Result<Contents, Failure> {
        let password = self.password.fetch().await?;
        let path = self.path.clone();
        let open = move || read(&path).map(|bytes| certificate::read_with(&bytes, password.expose_str()));
        self.reading.run("a certificate file", open).await?
    }
}

/// A certificate that a person handed over instead of putting it into a file.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its DER bytes.
    pub der: Vec<u8>,
    /// Who did, and when: what stands where else the path of a file does.
    pub origin: String,
}

/// What a tenant can claim of the pool, asked for at every poll.
#[derive(Clone)]
pub struct Claim(Arc<dyn Fn() -> Claimed + Send + Sync>);

/// What a tenant can claim of the pool at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The topic that the tenant must keep, if one is known by now.
    pub topic: Option<Topic>,
    /// The certificate of that topic that the pool told last.
    pub told: Option<PushCertificate>,
}

impl Claim {
    /// A claim that is looked up each time, for a pin can be set while the poller runs.
    pub fn new(claimed: impl Fn() -> Claimed + Send + Sync + 'static) -> Self {
        Self(Arc::new(claimed))
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim")
    }
}

impl Files {
    /// Takes paths and patterns, absolute ones. Touches nothing.
    #[must_use]
    pub fn new(paths: Arc<[PathBuf]>) -> Self {
        Self { own: Paths::new(paths, "certificate files"), pool: None, protected: Vec::new(), added: Vec::new() }
    }

    /// Adds what a tenant can claim of the pool.
    #[must_use]
    pub fn with_pool(self, pool: Arc<Pool>, claim: Claim) -> Self {
        Self { pool: Some((pool, claim)), ..self }
    }

    /// Adds containers that a password opens.
    #[must_use]
    pub fn with_protected(self, protected: Vec<Protected>) -> Self {
        Self { protected, ..self }
    }

    /// Adds certificates that people handed over. They count as files do.
    #[must_use]
    pub fn with_added(self, added: Vec<Added>) -> Self {
        Self { added, ..self }
    }

    /// What the origin of facts begins with when the pool told them.
    pub const POOL_ORIGIN: &str = "certificate pool";

    async fn ask(&self) -> Outcome {
        let mut found = Gathered::default();
        if !self.own.is_empty() {
            match self.own.visit(gather).await {
                Ok(gathered) => found = gathered,
                Err(failure) => found.failures.push(failure),
            }
        }
        for file in &self.protected {
            match file.open().await {
                Ok(contents) => {
                    let failure = found.take(&file.path, &contents);
                    found.failures.extend(failure);
                }
                Err(failure) => found.failures.push(failure),
            }
        }
        for Added { der, origin } in &self.added {
            let contents = certificate::read(der);
            let held = contents.push_certificates().map(|found| Held {
                path: PathBuf::from(origin),
                found: found.clone(),
                is_pooled: false,
            });
            found.held.extend(held);
        }
        let mut says_nothing = false;
        if let Some((pool, claim)) = &self.pool {
            says_nothing = self.claim(pool, &(claim.0)(), &mut found).await;
        }
        let Gathered { held, remarks, failures } = found;
        let facts = if says_nothing {
            Some(Facts { origin: Self::POOL_ORIGIN.into(), remarks, ..Facts::default() })
        } else {
            facts(held, remarks)
        };
        Outcome { facts, failure: sum_up(failures) }
    }

    /// Adds what the pool holds for this tenant. True if there is nothing there, nothing else to tell, and nothing
    /// wrong with that.
    async fn claim(&self, pool: &Pool, claimed: &Claimed, found: &mut Gathered) -> bool {
        let only_pool = self.own.is_empty() && self.protected.is_empty() && self.added.is_empty();
        let Some(topic) = &claimed.topic else {
            if only_pool {
                let why =
                    "no topic is expected or pinned, so nothing in the certificate pool is known to be this tenant's";
                found.remarks.push(why.to_owned());
            }
            return only_pool;
        };
        let (contents, trouble) = pool.contents().await;
        let before = found.held.len();
        let theirs = contents.held.iter().filter(|held| held.found.topic() == Some(topic));
        found.held.extend(theirs.map(|held| Held { is_pooled: true, ..held.clone() }));
        let has_some = found.held.len() > before;
        let is_missing = claimed
            .told
            .as_ref()
            .is_some_and(|told| !found.held.iter().any(|held| held.found.to_push_certificate().is_same_as(told)));
        let named = |failure: Failure| Failure::new(failure.reason, format!("certificate pool: {}", failure.message));
        let is_gone = !has_some && only_pool && claimed.told.is_some();
        match trouble {
            Some(Trouble::Whole(failure)) => found.failures.push(named(failure)),
            Some(Trouble::Parts(failure)) if is_missing => found.failures.push(named(failure)),
            // One bad file in the pool is not the failure of a thousand tenants.
            Some(Trouble::Parts(failure)) => found.remarks.push(named(failure).message),
            None if is_gone => {
                let why = format!("the certificate pool holds no certificate of the topic {topic} any more");
                found.failures.push(Failure::new(Reason::NotFound, why));
            }
            None => {}
        }
        if is_gone {
            return false;
        }
        if !has_some && only_pool {
            found.remarks.push(format!("the certificate pool holds no certificate of the topic {topic}"));
        }
        !has_some && only_pool
    }
}

impl Poll for Files {
    fn source(&self) -> Source {
        Source::File
    }

    /// Always the same: whatever file it is, in the pool or not, it speaks of the same tenant. Were it another one with
    /// the first file of its own, all that is known of the tenant's certificates would be forgotten, and the next one
    /// would pass for the first.
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

/// What files hold.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Every push certificate.
    pub(super) held: Vec<Held>,
    /// What should be known and is no problem.
    pub(super) remarks: Vec<String>,
    /// What is wrong, in the order of the paths.
    pub(super) failures: Vec<Failure>,
}

impl Gathered {
    /// Takes the push certificates of a file; says why there are none.
    fn take(&mut self, path: &Path, contents: &Contents) -> Option<Failure> {
        let before = self.held.len();
        let held = contents.push_certificates();
        self.held.extend(held.map(|found| Held { path: path.to_owned(), found: found.clone(), is_pooled: false }));
        if self.held.len() == before {
            return Some(no_certificate(path, contents));
        }
        remark(path, contents, &mut self.remarks);
        None
    }
}

/// Reads all files. Blocks.
pub(super) fn gather(paths: &[PathBuf]) -> Gathered {
    let mut out = Gathered::default();
    let mut bystanders = Vec::new();
    for (path, named) in paths::files(paths, &mut out.failures) {
        let contents = match read(&path) {
            Ok(bytes) => certificate::read(&bytes),
            Err(failure) => {
                out.failures.push(failure);
                continue;
            }
        };
        if let Some(failure) = out.take(&path, &contents) {
            if named == Named::ByPattern && is_bystander(&contents) { &mut bystanders } else { &mut out.failures }
                .push(failure);
        }
    }
    if out.held.is_empty() {
        out.failures.extend(bystanders);
    } else {
        out.remarks.extend(bystanders.into_iter().map(|bystander| bystander.message));
    }
    out
}

/// Whether a file without a push certificate is one that people keep beside it. A `*.pem` should not fail for ever
/// because the key lies in the same folder; garbage and look-alikes there are still failures.
fn is_bystander(contents: &Contents) -> bool {
    let is_whole = contents.flaws.is_empty();
    is_whole && matches!(contents.kind(), Kind::PrivateKey | Kind::CaCertificate | Kind::Csr | Kind::Profile)
}

/// A push certificate and the file that holds it.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// The file, or where else it came from.
    pub(super) path: PathBuf,
    /// The certificate.
    pub(super) found: Certificate,
    /// Whether a tenant has it from the pool.
    is_pooled: bool,
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
        certificate: Some(chosen.found.to_push_certificate().into()),
        others,
        origin: if chosen.is_pooled { format!("{}, {name}", Files::POOL_ORIGIN).into() } else { name.into() },
        remarks,
        ..Facts::default()
    })
}

/// What should be known of a file that holds a push certificate.
fn remark(path: &Path, contents: &Contents, remarks: &mut Vec<String>) {
    let name = shown(path);
    let joint = if contents.is_container { ": " } else { " is " };
    remarks.extend(contents.notes.iter().map(|note| format!("{name}{joint}{note}")));
    let flaws = contents.flaws.iter().take(3);
    remarks
        .extend(flaws.map(|flaw| format!("{name} holds a push certificate, and more that could not be read: {flaw}")));
    if contents.private_key.is_some() && !contents.is_container {
        remarks.push(format!("{name} holds a private key; only the certificate is needed here"));
    }
}

fn no_certificate(path: &Path, contents: &Contents) -> Failure {
    let name = shown(path);
    // "is" or "holds", as the description goes on; the finding says why a look-alike is none.
    let why = contents.main().and_then(|main| match &main.what {
        certificate::What::Certificate(found) => found.findings.first(),
        _ => None,
    });
    let why = why.map(|finding| format!("; {finding}")).unwrap_or_default();
    let what = contents.description();
    Failure::new(Reason::Malformed, format!("{name} holds no MDM push certificate: it {what}{why}"))
}

#[cfg(test)]
mod tests;
