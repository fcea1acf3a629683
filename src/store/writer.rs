//! The task that writes what changed, in batches, and reads what people wrote meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::database::{Database, Look};
use super::renames::{AT_ONCE, leave_out_former, was_taken_away};
use super::{Dirty, Error, HumanWords, Request, Said, Shared};
use crate::evaluate::learn;
use crate::evaluate::report::Snapshot;
use crate::model::{Pin, Source, SourceMemory, TenantName};

/// Between two tries of a write that failed.
const RETRY: Duration = Duration::from_secs(2);

/// The task that owns the database.
pub(super) struct Writer {
    database: Database,
    shared: Arc<Shared>,
    /// The last reading failed. Only of a database that may be away for a while.
    cannot_read: bool,
    /// The last writing failed.
    cannot_write: bool,
}

/// What woke the writer.
enum Wake {
    Changed,
    Asked(Option<Request>),
}

impl Writer {
    pub(super) fn new(database: Database, shared: Arc<Shared>) -> Self {
        let cannot_read = shared.is_blind.load(Ordering::Relaxed);
        Self { database, shared, cannot_read, cannot_write: false }
    }

    /// Tells every face whether what is learnt is being kept.
    fn tell(&self) {
        self.shared.up.store(!self.cannot_read && !self.cannot_write, Ordering::Relaxed);
    }

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
                Wake::Asked(Some(Request::Close(_) | Request::Notices(_) | Request::Letter(..)) | None)
                | Wake::Changed => false,
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
                    // Other processes may have said something that contradicts it: where that cannot be known, nothing is kept.
                    let is_known = is_written && self.refresh(&shared).await;
                    if done.is_closed() {
                        continue;
                    }
                    let kept = if is_known { self.keep(said, &shared).await } else { Err(Error::Closed) };
                    let _ = done.send(kept);
                }
                Wake::Asked(Some(Request::Notices(asked))) => asked.serve(&mut self.database).await,
                Wake::Asked(Some(Request::Letter(event, done))) => {
                    let kept = self.database.keep_letter(&event).await;
                    if matches!(kept, Ok(true)) {
                        shared.snapshot.send_modify(|snapshot| snapshot.letters.push(event));
                    }
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
        if !self.catch_up(shared).await {
            return false;
        }
        let (dirty, changes) = {
            // Held for both: what is marked must still be there by that name.
            let snapshot = shared.snapshot.borrow();
            let dirty = std::mem::take(&mut *shared.dirty());
            let changes = changes(&dirty, &snapshot);
            (dirty, changes)
        };
        if dirty.is_empty() {
            return true;
        }
        shared.writes_since(Some(Instant::now()));
        let written = match self.rename(&dirty, shared).await {
            Ok(()) => self.database.write(&changes).await,
            Err(error) => Err(error),
        };
        shared.writes_since(None);
        match written {
            Ok(foreign) => {
                take_sources(foreign, shared);
                if std::mem::take(&mut self.cannot_write) {
                    tracing::info!("the store can be written again");
                }
                self.tell();
                true
            }
            Err(error) => {
                shared.mark_again(dirty);
                if !std::mem::replace(&mut self.cannot_write, true) {
                    tracing::error!(%error, "the store cannot be written; what is learnt is kept in memory meanwhile");
                }
                self.tell();
                false
            }
        }
    }

    /// Moves the rows of tenants that have another name now. What was moved already is not there any more, and is no error.
    async fn rename(&mut self, dirty: &Dirty, shared: &Shared) -> Result<(), Error> {
        let renames = shared.names().dated(&dirty.renames);
        for renames in renames.chunks(AT_ONCE) {
            self.database.rename(renames).await?;
        }
        Ok(())
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
            Said::Letter(event) => self.database.tell_letter(event).await,
        };
        shared.writes_since(None);
        written?;
        shared.take_in(said);
        Ok(())
    }

    /// Makes up for a database that was away: reads it, if it never could be read, and sees that it answers. False while it
    /// does not.
    async fn catch_up(&mut self, shared: &Shared) -> bool {
        if !self.cannot_read {
            return true;
        }
        if !shared.is_blind.load(Ordering::Relaxed) {
            return self.refresh(shared).await;
        }
        let Ok(contents) = self.database.load().await else { return false };
        let mut known = contents.into_snapshot(true);
        shared.snapshot.send_modify(|snapshot| {
            let names = shared.names();
            let mut dirty = shared.dirty();
            names.apply(&mut known, &mut dirty);
            for (name, memory) in &known.tenants {
                let mine = snapshot.tenants.insert(name.clone(), Arc::clone(memory));
                // What the configuration fixes was known before.
                let pin = mine.and_then(|mine| mine.pin.clone()).filter(|_| dirty.pins.get(name) == Some(&true));
                if let Some(pin) = pin {
                    let at = pin.since;
                    learn::set_pin(Arc::make_mut(snapshot.tenants.entry(name.clone()).or_default()), Some(pin), at);
                }
            }
            snapshot.duties = known.duties;
            snapshot.drills = known.drills;
            snapshot.letters = known.letters;
            // Whoever configured this process says it once more when told so, and then what left is seen to have left.
            snapshot.configured = known.configured;
            snapshot.missing = known.missing;
            dirty.tenants = false;
        });
        shared.is_blind.store(false, Ordering::Relaxed);
        self.cannot_read = false;
        self.tell();
        tracing::info!("the store answers: what it holds is known now");
        shared.opened.send_replace(());
        true
    }

    /// Takes in what others wrote; false if it cannot be read.
    async fn refresh(&mut self, shared: &Shared) -> bool {
        let look = match self.database.look().await {
            Ok(Some(look)) => look,
            Ok(None) => return true,
            Err(error) => {
                if !self.database.is_remote() {
                    tracing::warn!(%error, "the store cannot be read again");
                } else if !std::mem::replace(&mut self.cannot_read, true) {
                    tracing::error!(%error, "the store does not answer; what is known is served meanwhile");
                }
                self.tell();
                return false;
            }
        };
        if std::mem::take(&mut self.cannot_read) {
            tracing::info!("the store answers again");
        }
        self.tell();
        let Look { sources, words, seen } = look;
        let has_all = take_sources(sources, shared);
        if words.is_none_or(|words| take_words(words, shared)) && has_all {
            self.database.has_taken_in(seen);
        }
        shared.wake.notify_one();
        true
    }
}

/// Takes in what other replicas wrote of their sources; false if it must be looked at again.
fn take_sources(sources: Vec<(TenantName, Source, SourceMemory)>, shared: &Shared) -> bool {
    if sources.is_empty() {
        return true;
    }
    let mut is_whole = true;
    shared.snapshot.send_modify(|snapshot| {
        let names = shared.names();
        let mut dirty = shared.dirty();
        for (name, source, memory) in sources {
            if names.mark_former(&name, &mut dirty) || dirty.is_to_be_moved(&name) {
                is_whole = false;
                continue;
            }
            let key = (name, source);
            if dirty.sources.contains(&key) {
                continue;
            }
            let known = snapshot.tenants.entry(key.0).or_default();
            if known.sources.get(&source).map(AsRef::as_ref) != Some(&memory) {
                Arc::make_mut(known).load_source(source, memory);
            }
        }
    });
    is_whole
}

/// Takes in pins and what people said; false if it must be looked at again.
pub(super) fn take_words(mut words: HumanWords, shared: &Shared) -> bool {
    {
        let (mut is_whole, mut has_words) = (true, false);
        shared.snapshot.send_modify(|snapshot| {
            is_whole = leave_out_former(&mut words, &shared.names(), &mut shared.dirty());
            let HumanWords { pins, attestations, duties, drills, letters, damaged } = words;
            snapshot.duties = duties;
            snapshot.drills = drills;
            snapshot.letters = letters;
            for name in pins.keys().chain(attestations.keys()) {
                snapshot.tenants.entry(name.clone()).or_default();
            }
            let mut dirty = shared.dirty();
            for (name, memory) in &mut snapshot.tenants {
                let is_ahead = dirty.pins.contains_key(name) || dirty.is_to_be_moved(name);
                if is_ahead || damaged.contains(name) {
                    // Looked at again next time: what is not written yet, or words of a later version.
                    is_whole &= !is_ahead;
                    continue;
                }
                let pin = pins.get(name);
                let words = attestations.get(name).map_or(&[][..], Vec::as_slice);
                if memory.pin.as_ref() == pin && memory.attestations == words || was_taken_away(memory, pin, words) {
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
        if has_words {
            shared.words.send_replace(());
        }
        is_whole
    }
}

/// What is to be written, by value.
pub(super) struct Changes {
    pub(super) sources: Vec<(TenantName, Source, Arc<SourceMemory>)>,
    /// With whether it replaces what is there.
    pub(super) pins: Vec<(TenantName, Pin, bool)>,
    pub(super) tenants: Option<BTreeMap<TenantName, Option<DateTime<Utc>>>>,
}

fn changes(dirty: &Dirty, snapshot: &Snapshot) -> Changes {
    let sources = dirty.sources.iter().filter_map(|(name, source)| {
        let memory = snapshot.tenants.get(name)?.sources.get(source)?;
        Some((name.clone(), *source, Arc::clone(memory)))
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
