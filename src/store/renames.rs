//! Tenants that have another name now: what is known of them follows.
//!
//! The memory follows at once, so that no poll under the new name finds it without its pin. The database follows as soon as it can be
//! written, before anything else is. What another process still writes under a former name, for it has not read the new configuration
//! yet, is moved when it is seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Contents, Dirty, Error, HumanWords};
use crate::evaluate::renamed::{BY, Renamed};
use crate::evaluate::report::Snapshot;
use crate::model::{Attestation, Memory, Pin, TenantName};

/// So many tenants are renamed in one transaction. Each takes a dozen questions and more, and a database that is far away has a few
/// seconds to answer them all.
pub(super) const AT_ONCE: usize = 8;

/// A tenant whose rows are to be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rename {
    pub(super) former: TenantName,
    pub(super) present: TenantName,
    /// When the configuration that says so was taken in.
    pub(super) at: DateTime<Utc>,
}

impl Rename {
    /// What was read under the two names; nothing, and it stays where it is, if a document of it is of a later version or damaged.
    /// That is the trouble of this tenant, and must keep nobody else from being written.
    pub(super) fn readable<T>(&self, read: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
        match read {
            Err(Error::Document(error)) => {
                let Self { former, present, .. } = self;
                tracing::warn!(
                    tenant = %present, %former, %error,
                    "what the store has of tenant {former} cannot all be read, and is not moved to {present}"
                );
                Ok(None)
            }
            read => read,
        }
    }

    /// The same, as the one who decides takes it.
    pub(super) fn renamed(&self) -> Renamed<'_> {
        Renamed { former: &self.former, present: &self.present, at: self.at }
    }
}

/// The former names of the configuration in force.
#[derive(Debug, Default)]
pub(super) struct Names {
    present: BTreeMap<TenantName, TenantName>,
    at: DateTime<Utc>,
}

impl Names {
    pub(super) fn new(present: BTreeMap<TenantName, TenantName>, at: DateTime<Utc>) -> Self {
        Self { present, at }
    }

    /// The name that a tenant has now.
    pub(super) fn current<'n>(&'n self, name: &'n TenantName) -> &'n TenantName {
        self.present.get(name).unwrap_or(name)
    }

    /// If no tenant has this name any more, marks its rows, which somebody wrote, to be moved, and says so.
    pub(super) fn mark_former(&self, name: &TenantName, dirty: &mut Dirty) -> bool {
        let present = self.present.get(name);
        if let Some(present) = present {
            dirty.renames.insert(name.clone(), present.clone());
        }
        present.is_some()
    }

    /// What is to be moved, by value.
    pub(super) fn dated(&self, renames: &BTreeMap<TenantName, TenantName>) -> Vec<Rename> {
        let dated = |(former, present): (&TenantName, &TenantName)| Rename {
            former: former.clone(),
            present: present.clone(),
            at: self.at,
        };
        renames.iter().map(dated).collect()
    }

    /// Whatever is to be written of a tenant is to be written under the name that it has now.
    pub(super) fn mark_present(&self, dirty: &mut Dirty) {
        // What could not be moved yet may have another aim now.
        for present in dirty.renames.values_mut() {
            *present = self.current(present).clone();
        }
        let sources = std::mem::take(&mut dirty.sources);
        dirty.sources.extend(sources.into_iter().map(|(name, source)| (self.current(&name).clone(), source)));
        for (name, replaces) in std::mem::take(&mut dirty.pins) {
            *dirty.pins.entry(self.current(&name).clone()).or_default() |= replaces;
        }
    }

    /// Moves what is in memory, and marks what is to be moved in the database.
    pub(super) fn apply(&self, snapshot: &mut Snapshot, dirty: &mut Dirty) {
        self.mark_present(dirty);
        for (former, present) in &self.present {
            // It has not left.
            snapshot.missing.remove(former);
            if snapshot.configured.remove(former) {
                snapshot.configured.insert(present.clone());
            }
            let Some(memory) = snapshot.tenants.remove(former) else { continue };
            let known = snapshot.tenants.entry(present.clone()).or_default();
            let renamed = Renamed { former, present, at: self.at };
            let (memory, note) = renamed.follow(Arc::unwrap_or_clone(memory), Memory::clone(known));
            *known = Arc::new(memory);
            dirty.renames.insert(former.clone(), present.clone());
            tracing::info!(tenant = %present, %former, "what is known of tenant {former} is known of {present} from now on");
            if let Some(note) = note.and_then(|note| note.note) {
                tracing::warn!(tenant = %present, %former, "{note}");
            }
        }
    }
}

impl Contents {
    /// As a daemon with this configuration would know it: for a store that none has opened yet, or one with an older configuration.
    #[must_use]
    pub fn renamed(mut self, renames: &BTreeMap<TenantName, TenantName>, at: DateTime<Utc>) -> Self {
        for (former, present) in renames {
            if let Some(since) = self.configured.remove(former) {
                self.configured.entry(present.clone()).or_insert(since);
            }
            let Some(memory) = self.tenants.remove(former) else { continue };
            let known = self.tenants.entry(present.clone()).or_default();
            *known = Renamed { former, present, at }.follow(memory, std::mem::take(known)).0;
        }
        self
    }
}

/// Whether the rows of a tenant were taken away, rather than changed: another process has a newer configuration, where the tenant has
/// another name. Words are never taken back, and a pin is deleted with a word.
pub(super) fn was_taken_away(memory: &Memory, pin: Option<&Pin>, words: &[Attestation]) -> bool {
    let count = |words: &[Attestation]| words.iter().filter(|word| word.by != BY).count();
    let is_empty = pin.is_none() && words.is_empty();
    is_empty && (memory.pin.is_some() || !memory.attestations.is_empty()) || count(words) < count(&memory.attestations)
}

/// Leaves out what stands under former names, and marks it to be moved; says whether there was none.
pub(super) fn leave_out_former(words: &mut HumanWords, names: &Names, dirty: &mut Dirty) -> bool {
    let HumanWords { pins, attestations, damaged, .. } = words;
    let mut has_none = true;
    let mut stays = |name: &TenantName| {
        // What this version cannot read stays where it is.
        if names.current(name) != name && !damaged.contains(name) && !damaged.contains(names.current(name)) {
            has_none = false;
            return !names.mark_former(name, dirty);
        }
        names.current(name) == name
    };
    pins.retain(|name, _| stays(name));
    attestations.retain(|name, _| stays(name));
    has_none
}
