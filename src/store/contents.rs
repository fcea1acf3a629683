//! What the database holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::evaluate::report::Snapshot;
use crate::model::{AccountId, Attestation, Drill, DutyDone, LetterEvent, Memory, Pin, TenantName};

/// What the database holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// By tenant.
    pub tenants: BTreeMap<TenantName, Memory>,
    /// What people did with the Apple Accounts.
    pub duties: BTreeMap<AccountId, Vec<DutyDone>>,
    /// The drills, past ones too.
    pub drills: Vec<Drill>,
    /// What happened with the letters, the oldest first.
    pub letters: Vec<LetterEvent>,
    /// The tenants that were configured, and since when one of them is missing.
    pub configured: BTreeMap<TenantName, Option<DateTime<Utc>>>,
}

/// What people wrote.
#[derive(Debug, Default)]
pub(super) struct HumanWords {
    pub(super) pins: BTreeMap<TenantName, Pin>,
    pub(super) attestations: BTreeMap<TenantName, Vec<Attestation>>,
    pub(super) duties: BTreeMap<AccountId, Vec<DutyDone>>,
    pub(super) drills: Vec<Drill>,
    pub(super) letters: Vec<LetterEvent>,
    /// Tenants with a word that cannot be read. What is known of them stays as it is.
    pub(super) damaged: BTreeSet<TenantName>,
}

/// What to do about a document that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Give up: at the start nothing may be lost, and nothing overwritten.
    Fail,
    /// Leave its tenant out.
    Skip,
}

impl Contents {
    /// As everybody reads it.
    pub(super) fn into_snapshot(self, up: bool) -> Snapshot {
        Snapshot {
            missing: self
                .configured
                .iter()
                .filter_map(|(name, since)| since.map(|since| (name.clone(), since)))
                .collect(),
            configured: self.configured.into_keys().collect(),
            duties: self.duties,
            drills: self.drills,
            letters: self.letters,
            pool: Vec::new(),
            tenants: self.tenants.into_iter().map(|(name, memory)| (name, Arc::new(memory))).collect(),
            store_up: up,
            network: Arc::default(),
        }
    }
}
