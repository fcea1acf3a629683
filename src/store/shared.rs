//! What the clones of a store and its writer share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::DateTime;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::renames::Names;
use super::said::Said;
use crate::evaluate::learn;
use crate::evaluate::report::Snapshot;
use crate::model::{PinChange, PooledCertificate, Source, TenantName};

/// A write that takes longer than this hangs.
const OVERDUE: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) snapshot: watch::Sender<Snapshot>,
    /// What is not written yet. Keys, not values: what is written is what is true when the writer gets to it, so a
    /// slow disk costs no memory.
    pub(super) dirty: Mutex<Dirty>,
    /// Which tenants had another name before. Locked after the snapshot and before `dirty`.
    names: Mutex<Names>,
    pub(super) wake: Notify,
    pub(super) up: AtomicBool,
    /// There is a database, and it could not be read yet: nobody knows the pins in it.
    pub(super) is_blind: AtomicBool,
    /// Since when a write has been under way.
    writing: Mutex<Option<Instant>>,
    /// Told when another process attested something.
    pub(super) words: watch::Sender<()>,
    /// Told when a database that was away at the start could be read.
    pub(super) opened: watch::Sender<()>,
    /// Who knows what the certificate pool holds.
    pub(super) pool: Mutex<Option<PoolView>>,
}

/// Tells what the certificate pool holds. Shown as nothing but its name.
pub(super) struct PoolView(pub(super) Box<dyn Fn() -> Vec<PooledCertificate> + Send + Sync>);

impl std::fmt::Debug for PoolView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PoolView")
    }
}

#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) sources: BTreeSet<(TenantName, Source)>,
    /// `true`: on purpose, it replaces what is there; `false`: at first sight, it does not.
    pub(super) pins: BTreeMap<TenantName, bool>,
    pub(super) tenants: bool,
    /// From former names to present ones, as far as rows are still to be moved.
    pub(super) renames: BTreeMap<TenantName, TenantName>,
}

impl Dirty {
    pub(super) fn is_empty(&self) -> bool {
        self.sources.is_empty() && self.pins.is_empty() && !self.tenants && self.renames.is_empty()
    }

    /// Whether rows of the tenant are still under a name that it had before.
    pub(super) fn is_to_be_moved(&self, name: &TenantName) -> bool {
        self.renames.values().any(|present| present == name)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.sources.extend(other.sources);
        for (tenant, replaces) in other.pins {
            *self.pins.entry(tenant).or_default() |= replaces;
        }
        self.tenants |= other.tenants;
        for (former, present) in other.renames {
            self.renames.entry(former).or_insert(present);
        }
    }
}

impl Shared {
    /// What a store begins with; `up`: whether its database could be read, if it has one.
    pub(super) fn new(snapshot: Snapshot, up: bool) -> Self {
        Self {
            snapshot: watch::Sender::new(snapshot),
            dirty: Mutex::default(),
            names: Mutex::default(),
            wake: Notify::new(),
            up: AtomicBool::new(up),
            is_blind: AtomicBool::new(!up),
            writing: Mutex::default(),
            words: watch::Sender::new(()),
            opened: watch::Sender::new(()),
            pool: Mutex::default(),
        }
    }

    /// Whether a write has been under way for so long that its disk hangs.
    pub(super) fn is_write_overdue(&self) -> bool {
        let since = *self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > OVERDUE)
    }

    /// Since when a write has been under way.
    pub(super) fn writes_since(&self, since: Option<Instant>) {
        *self.writing.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    /// What a person said is known from now on.
    pub(super) fn take_in(&self, said: Said) {
        self.snapshot.send_modify(|snapshot| match said {
            Said::OfTenant { name, words, pin: change, .. } => {
                let name = self.current(&name);
                let at = words.last().map_or(DateTime::UNIX_EPOCH, |word| word.at);
                let memory = Arc::make_mut(snapshot.tenants.entry(name.clone()).or_default());
                memory.attestations.extend(words);
                let pin = match change {
                    PinChange::Keep => return,
                    PinChange::Set(pin) => Some(pin),
                    PinChange::Forget => None,
                };
                learn::set_pin(memory, pin, at);
                // The drift of every source was judged anew.
                self.dirty().sources.extend(memory.sources.keys().map(|source| (name.clone(), *source)));
            }
            Said::OfDuty(account, done) => snapshot.duties.entry(account).or_default().push(done),
            Said::Letter(event) => snapshot.letters.push(event),
        });
        self.words.send_replace(());
        self.wake.notify_one();
    }

    /// The former names of the configuration in force.
    pub(super) fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name that a tenant has now.
    pub(super) fn current(&self, name: &TenantName) -> TenantName {
        self.names().current(name).clone()
    }

    /// Marks again what could not be written. A tenant may have got another name while that was tried.
    pub(super) fn mark_again(&self, mut dirty: Dirty) {
        // While it is held, no configuration is taken in.
        let _snapshot = self.snapshot.borrow();
        self.names().mark_present(&mut dirty);
        self.dirty().merge(dirty);
    }

    pub(super) fn dirty(&self) -> MutexGuard<'_, Dirty> {
        // A panic while marking leaves a set of keys, which is as good as any.
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
