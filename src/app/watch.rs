//! Notices that a configuration file changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::blocking::Guard;
use crate::config::Config;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long one look may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What tells a changed file: by path, so that a link that points elsewhere and a file that was renamed over count.
pub(super) type Signature = BTreeMap<PathBuf, Option<(SystemTime, u64, u64)>>;

/// The files of a configuration, as they were when it was read.
pub(super) struct Changes {
    files: Vec<PathBuf>,
    seen: Signature,
    guard: Guard,
}

impl Changes {
    /// Looks at the files of `config` now.
    pub(super) async fn new(config: &Config) -> Self {
        let mut files = config.files.clone();
        // The folders too: a new file that a pattern matches is in none of the paths.
        files.extend(config.files.iter().filter_map(|file| file.parent()).map(ToOwned::to_owned));
        files.sort();
        files.dedup();
        let mut changes = Self { files, seen: Signature::new(), guard: Guard::default() };
        // What cannot be looked at now is a change once it can be.
        changes.seen = changes.look().await.unwrap_or_default();
        changes
    }

    /// As [`Self::new`], after a reading that began when the files looked like `seen`: what was saved while they were
    /// read is a change still to come.
    pub(super) async fn since(seen: Signature, config: &Config) -> Self {
        let mut changes = Self::new(config).await;
        for (path, before) in seen {
            changes.seen.entry(path).and_modify(|now| *now = before);
        }
        changes
    }

    /// What the files look like now; `None` if a file system keeps us waiting.
    pub(super) async fn look(&self) -> Option<Signature> {
        let files = self.files.clone();
        let look = self.guard.run("the configuration", move || signature(&files));
        tokio::time::timeout(PATIENCE, look).await.ok()?.ok()
    }

    /// Waits until one of them is another one. A file that is being written may be read half: it changes again when
    /// it is whole, and is read again then.
    pub(super) async fn next(&mut self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            if let Some(now) = self.look().await
                && now != self.seen
            {
                self.seen = now;
                return;
            }
        }
    }
}

fn signature(files: &[PathBuf]) -> Signature {
    use std::os::unix::fs::MetadataExt;
    let look = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
    };
    files.iter().map(|path| (path.clone(), look(path))).collect()
}
