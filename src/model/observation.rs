//! What one source told at one moment, or why it could not.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AppleToken, Few, Notices, PushCertificate, PushHealth, Reason, Topic};

/// What a source told. Every field is optional, for no source can tell all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The certificate this source speaks of; `None` if it says nothing about one.
    pub certificate: Option<Presence>,
    /// Further push certificates that the source holds besides (older generations in a folder of files).
    pub others: Vec<PushCertificate>,
    /// The Apple Account that the MDM shows for the certificate: text that an admin typed, proof of nothing.
    pub account: Option<Box<str>>,
    /// The notices that the MDM shows to this login, where it has any to show.
    pub notices: Option<Notices>,
    /// Every token that is in use; superseded ones left out.
    pub tokens: Option<Vec<AppleToken>>,
    /// What check-ins tell.
    pub push: Option<Box<PushHealth>>,
    /// The topics that devices were seen to listen on.
    pub devices: Option<Box<DeviceTopics>>,
    /// The end of the credential with which we log in, where it can be read.
    pub credential_not_after: Option<DateTime<Utc>>,
    /// Where it came from, for people: an address or a path. Never a secret.
    pub origin: Arc<str>,
    /// What a person should know about this answer and no series can carry, one sentence each.
    pub remarks: Vec<String>,
}

// Most sources of most tenants tell nothing of a certificate, and each of them has these.
const _: () = assert!(size_of::<Facts>() <= 176);

/// The topics that were read on enrolled devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceTopics {
    /// How many devices listen on each.
    pub counts: Few<Topic, u64>,
}

/// A certificate in the pool, which belongs to whichever tenant keeps its topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PooledCertificate {
    /// The file.
    pub path: PathBuf,
    /// The topic; missing where the subject has different ones.
    pub topic: Option<Topic>,
    /// Its end.
    pub not_after: DateTime<Utc>,
}

/// Whether there is a certificate. "There is none" is an answer, unlike a failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The source says that none is configured.
    Absent,
    /// This one. Shared with the list of those seen.
    Present(Arc<PushCertificate>),
}

/// Facts with the moment at which they were told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// When the answer was complete.
    pub at: DateTime<Utc>,
    /// What was told. Shared with the reports that show it.
    pub facts: Arc<Facts>,
}

/// Why a poll failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// The kind, a label value.
    pub reason: Reason,
    /// What a person should know: lower case, no full stop, never a body, never a secret.
    pub message: String,
    /// How long the other side asked to be left alone.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure without a wish for a pause.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), retry_after: None }
    }
}

/// How one poll ended. Facts *and* a failure are a partial answer: what was read counts as told, the source still
/// counts as failing (one unreadable file among several).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What was told.
    pub facts: Option<Facts>,
    /// What went wrong.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// A poll that went well.
    #[must_use]
    pub fn success(facts: Facts) -> Self {
        Self { facts: Some(facts), failure: None }
    }

    /// A poll that told nothing.
    #[must_use]
    pub fn failure(failure: Failure) -> Self {
        Self { facts: None, failure: Some(failure) }
    }
}

impl From<Result<Facts, Failure>> for Outcome {
    fn from(result: Result<Facts, Failure>) -> Self {
        match result {
            Ok(facts) => Self::success(facts),
            Err(failure) => Self::failure(failure),
        }
    }
}

impl From<PushCertificate> for Presence {
    fn from(certificate: PushCertificate) -> Self {
        Self::Present(Arc::new(certificate))
    }
}

impl Facts {
    /// Whether two tellings are the same to the letter, so that one can stand for the other.
    #[must_use]
    pub fn is_identical_to(&self, other: &Self) -> bool {
        fn topics(facts: &Facts) -> impl Iterator<Item = &str> {
            let devices = facts.devices.iter().flat_map(|devices| devices.counts.keys());
            let certificates = facts.present().into_iter().chain(&facts.others);
            certificates.filter_map(|certificate| certificate.topic.as_ref()).chain(devices).map(Topic::as_str)
        }
        self == other && topics(self).eq(topics(other))
    }

    /// The certificate, if the source says that there is one.
    #[must_use]
    pub fn present(&self) -> Option<&PushCertificate> {
        match &self.certificate {
            Some(Presence::Present(certificate)) => Some(certificate),
            Some(Presence::Absent) | None => None,
        }
    }
}
