//! The task that writes what changed, in batches, and reads what people wrote meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Damage, Dirty, Error, HumanWords, Request, Said, Shared, sqlite};
use crate::evaluate::learn;
use crate::evaluate::report::Snapshot;
use crate::model::{Pin, Source, SourceMemory, TenantName};

/// Between two tries of a write that failed.
const RETRY: Duration = Duration::from_secs(2);

/// The task that owns the database.
pub(super) struct Writer {
    pub(super) database: sqlite::Database,
    pub(super) shared: Arc<Shared>,
}

/// What woke the writer.
enum Wake {
    Changed,
    Asked(Option<Request>),
}

impl Writer {
    /// Writes and reads until nobody asks any more.
    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let shared = Arc::clone(&self.shared);
        loop {
            let is_behind = !shared.up.load(Ordering::Relaxed);
            let wake = tokio::select! {
                request = requests.recv() => Wake::Asked(request),
                () = shared.wake.notified() => Wake::Changed,
                () = tokio::time::sleep(RETRY), if is_behind => Wake::Changed,
            };
            // Whoever asked and has gone waits for nothing any more, and must not make the next one wait. Whoever said something
            // and has gone was not told that it was kept.
            let is_gone = match &wake {
                Wake::Asked(Some(Request::Refresh(done))) => done.is_closed(),
                Wake::Asked(Some(Request::Keep(_, done))) => done.is_closed(),
                Wake::Asked(Some(Request::Close(_)) | None) | Wake::Changed => false,
            };
            if is_gone {
                continue;
            }
            let is_written = self.write(&shared).await;
            match wake {
                Wake::Changed => {}
                Wake::Asked(Some(Request::Refresh(done))) => {
                    // What could not be written is missing there, and would be taken for deleted.
                    if is_written {
                        self.refresh(&shared).await;
                    }
                    let _ = done.send(());
                }
                Wake::Asked(Some(Request::Keep(said, done))) => {
                    // Other processes may have said something that contradicts it.
                    if is_written {
                        self.refresh(&shared).await;
                    }
                    if done.is_closed() {
                        continue;
                    }
                    let kept = self.keep(said, &shared).await;
                    let _ = done.send(kept);
                }
                Wake::Asked(Some(Request::Close(done))) => {
                    self.database.close().await;
                    let _ = done.send(());
                    return;
                }
                Wake::Asked(None) => return self.database.close().await,
            }
        }
    }

    /// Writes what is marked; says whether nothing is left. If it fails, the marks come back and the store counts as down until a write succeeds.
    async fn write(&mut self, shared: &Shared) -> bool {
        let dirty = std::mem::take(&mut *shared.dirty());
        if dirty.is_empty() {
            return true;
        }
        let snapshot = shared.snapshot.borrow().clone();
        shared.writes_since(Some(Instant::now()));
        let written = self.database.write(&changes(&dirty, &snapshot)).await;
        shared.writes_since(None);
        match written {
            Ok(()) => {
                if !shared.up.swap(true, Ordering::Relaxed) {
                    tracing::info!("the store can be written again");
                }
                true
            }
            Err(error) => {
                shared.dirty().merge(dirty);
                if shared.up.swap(false, Ordering::Relaxed) {
                    tracing::error!(%error, "the store cannot be written; what is learnt is kept in memory meanwhile");
                }
                false
            }
        }
    }

    /// Writes what a person said, and only then lets everybody know it.
    async fn keep(&mut self, said: Said, shared: &Shared) -> Result<(), Error> {
        if !said.is_news(&shared.snapshot.borrow())? {
            return Ok(());
        }
        shared.writes_since(Some(Instant::now()));
        let written = match &said {
            Said::OfTenant { name, words, pin, .. } => self.database.attest(name, words, pin).await,
            Said::OfDuty(account, done) => self.database.do_duty(account, done).await,
        };
        shared.writes_since(None);
        written?;
        shared.take_in(said);
        Ok(())
    }

    /// Takes in pins and attestations that another process wrote.
    async fn refresh(&mut self, shared: &Shared) {
        let words = match self.database.changed_by_others().await {
            Ok(None) => return,
            Ok(Some(version)) => self.database.load_human_words(Damage::Skip).await.map(|words| (version, words)),
            Err(error) => Err(error),
        };
        let (version, words) = match words {
            Ok(words) => words,
            Err(error) => {
                tracing::warn!(%error, "the store cannot be read again");
                return;
            }
        };
        let HumanWords { pins, attestations, duties, drills, damaged } = words;
        let (mut is_whole, mut has_words) = (true, false);
        shared.snapshot.send_modify(|snapshot| {
            snapshot.duties = duties;
            snapshot.drills = drills;
            for name in pins.keys().chain(attestations.keys()) {
                snapshot.tenants.entry(name.clone()).or_default();
            }
            let mut dirty = shared.dirty();
            for (name, memory) in &mut snapshot.tenants {
                if dirty.pins.contains_key(name) || damaged.contains(name) {
                    // Looked at again next time: a pin that is not written yet, or words of a later version.
                    is_whole &= !dirty.pins.contains_key(name);
                    continue;
                }
                let pin = pins.get(name);
                let words = attestations.get(name).map_or(&[][..], Vec::as_slice);
                if memory.pin.as_ref() == pin && memory.attestations == words {
                    continue;
                }
                has_words = true;
                let memory = Arc::make_mut(memory);
                memory.attestations = words.to_vec();
                if memory.pin.as_ref() != pin {
                    let at = pin.map_or(DateTime::UNIX_EPOCH, |pin| pin.since);
                    learn::set_pin(memory, pin.cloned(), at);
                    dirty.sources.extend(memory.sources.keys().map(|source| (name.clone(), *source)));
                }
            }
        });
        if is_whole {
            self.database.has_taken_in(version);
        }
        if has_words {
            shared.words.send_replace(());
        }
        shared.wake.notify_one();
    }
}

/// What is to be written, by value.
pub(super) struct Changes {
    pub(super) sources: Vec<(TenantName, Source, SourceMemory)>,
    /// With whether it replaces what is there.
    pub(super) pins: Vec<(TenantName, Pin, bool)>,
    pub(super) tenants: Option<BTreeMap<TenantName, Option<DateTime<Utc>>>>,
}

fn changes(dirty: &Dirty, snapshot: &Snapshot) -> Changes {
    let sources = dirty.sources.iter().filter_map(|(name, source)| {
        let memory = snapshot.tenants.get(name)?.sources.get(source)?;
        Some((name.clone(), *source, memory.clone()))
    });
    let pins = dirty.pins.iter().filter_map(|(name, replaces)| {
        let pin = snapshot.tenants.get(name)?.pin.clone()?;
        Some((name.clone(), pin, *replaces))
    });
    let tenants = dirty.tenants.then(|| {
        let configured = snapshot.configured.iter().map(|name| (name.clone(), None));
        let missing = snapshot.missing.iter().map(|(name, since)| (name.clone(), Some(*since)));
        configured.chain(missing).collect()
    });
    Changes { sources: sources.collect(), pins: pins.collect(), tenants }
}
