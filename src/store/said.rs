//! What people say of a tenant or an account: whether it is news.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::Error;
use crate::evaluate::report::Snapshot;
use crate::model::{AccountId, Attestation, DutyDone, LetterEvent, Memory, PinChange, TenantName};

/// Who says the same again within this time says it once.
const REPEAT: TimeDelta = TimeDelta::seconds(60);

/// What a person said.
#[derive(Clone, Debug)]
pub(super) enum Said {
    /// Of a tenant, with what it does to the pin.
    OfTenant {
        name: TenantName,
        words: Vec<Attestation>,
        pin: PinChange,
        /// What people had said of it when it was judged that this may be kept.
        judged: Arc<Memory>,
    },
    /// Of a duty of an account.
    OfDuty(AccountId, DutyDone),
    /// Of a letter: that it was read, or taken.
    Letter(LetterEvent),
}

impl Said {
    /// Whether the same person said the same just now, and nobody anything else since: a double click, or a form that was
    /// sent again because no answer came.
    fn is_repeat(&self, snapshot: &Snapshot) -> bool {
        match self {
            Self::OfTenant { name, words, .. } => {
                let known = snapshot.tenants.get(name).map_or(&[][..], |memory| memory.attestations.as_slice());
                let last = &known[known.len().saturating_sub(words.len())..];
                let is_same = |(one, other): (&Attestation, &Attestation)| {
                    is_just(one.at, other.at) && Attestation { at: one.at, ..other.clone() } == *one
                };
                last.len() == words.len() && last.iter().zip(words).all(is_same)
            }
            Self::OfDuty(account, done) => {
                let last = snapshot.duties.get(account).and_then(|known| known.last());
                last.is_some_and(|last| is_just(last.at, done.at) && DutyDone { at: last.at, ..done.clone() } == *last)
            }
            // Once is enough, whoever it was: the first one stands.
            Self::Letter(LetterEvent::Confirmed { number, .. }) => {
                let is_it =
                    |known: &LetterEvent| matches!(known, LetterEvent::Confirmed { number: one, .. } if one == number);
                snapshot.letters.iter().any(is_it)
            }
            Self::Letter(event) => snapshot.letters.contains(event),
        }
    }

    /// Whether people said something of the tenant since this was judged.
    fn is_overtaken(&self, snapshot: &Snapshot) -> bool {
        let Self::OfTenant { name, judged, .. } = self else { return false };
        let nothing = Memory::default();
        let known = snapshot.tenants.get(name).map_or(&nothing, AsRef::as_ref);
        known.pin != judged.pin || known.attestations != judged.attestations
    }

    /// Whether it is to be kept: not if it is known already.
    pub(super) fn is_news(&self, snapshot: &Snapshot) -> Result<bool, Error> {
        if self.is_repeat(snapshot) {
            return Ok(false);
        }
        if self.is_overtaken(snapshot) { Err(Error::Overtaken) } else { Ok(true) }
    }
}

fn is_just(one: DateTime<Utc>, other: DateTime<Utc>) -> bool {
    (one - other).abs() < REPEAT
}
