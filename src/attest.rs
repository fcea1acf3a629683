//! What people say of a tenant or an account: whether it may be kept, what is kept then, and what they are told. Pure: the
//! command line and the page ask here and cannot disagree.

mod certificate;
mod duty;
mod export;
mod letter;
mod pin;
mod plan;
mod upload;

use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use self::certificate::{TOO_EARLY, found_in, of_kept};
pub use self::duty::duty_done;
pub use self::export::{Doubt, Exported, exported};
pub use self::letter::letter_read;
pub use self::pin::NewTopic;
pub use self::plan::{PlanWish, last_day};
use crate::config::{Config, Tenant};
use crate::model::{Attestation, Memory, PinChange, Statement, TenantName, Topic};

/// The most characters of a note.
pub const NOTE: usize = 1000;

/// The most characters of a name or of the number of a ticket.
pub const NAME: usize = 128;

/// Why nothing may be kept: a sentence for the person, no full stop needed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// A tenant of which somebody speaks.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The configuration in force. The tenant may have left it.
    pub config: &'a Config,
    /// The tenant.
    pub name: &'a TenantName,
    /// What is remembered of it.
    pub memory: &'a Memory,
    /// Who speaks.
    pub by: &'a str,
    /// When.
    pub now: DateTime<Utc>,
}

/// What may be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The statements; none if all of it is known already.
    pub statements: Vec<Statement>,
    /// What becomes of the pin.
    pub pin: PinChange,
    /// What the person is told afterwards: whole sentences.
    pub told: String,
}

impl Kept {
    fn of(statement: Statement, pin: PinChange, told: String) -> Self {
        Self { statements: vec![statement], pin, told }
    }
}

/// What a person adds to a statement in their own words. What is empty is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// Why, or anything else.
    pub note: Option<String>,
    /// The second admin, who looked on.
    pub witness: Option<String>,
    /// The number of the ticket.
    pub ticket: Option<String>,
}

impl Case<'_> {
    /// The attestations that make `kept` last.
    #[must_use]
    pub fn attestations(&self, kept: &Kept, remarks: &Remarks) -> Vec<Attestation> {
        let attestation = |statement: &Statement| Attestation {
            statement: statement.clone(),
            at: self.now,
            by: self.by.to_owned(),
            note: remarks.note.clone(),
            witness: remarks.witness.clone(),
            ticket: remarks.ticket.clone(),
        };
        kept.statements.iter().map(attestation).collect()
    }

    /// The other tenant that is watched and keeps this topic. `remembered` is what is remembered of each.
    fn owner<'m>(&self, topic: &Topic, remembered: impl Fn(&TenantName) -> Option<&'m Memory>) -> Option<&TenantName> {
        let nothing = Memory::default();
        let keeps = |(name, tenant): &(&TenantName, &Arc<Tenant>)| {
            let other = Case { name, memory: remembered(name).unwrap_or(&nothing), ..*self };
            *name != self.name && !tenant.retired && other.must_stay() == Some(topic)
        };
        self.config.tenants.iter().find(keeps).map(|(name, _)| name)
    }

    fn tenant(&self) -> Option<&Tenant> {
        self.config.tenants.get(self.name).map(AsRef::as_ref)
    }

    /// The topic that the configuration fixes.
    fn expected(&self) -> Option<&Topic> {
        self.tenant()?.certificate.expected_topic.as_ref()
    }

    /// The topic that must stay: what the configuration fixes, else the pin.
    fn must_stay(&self) -> Option<&Topic> {
        self.expected().or_else(|| self.memory.pin.as_ref().map(|pin| &pin.topic))
    }
}
