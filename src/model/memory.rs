//! What is remembered of a tenant between polls and over restarts.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{AppleToken, Failure, Observation, Plan, PushCertificate, Serial, Source, Topic};

mod shared;

/// Everything that is remembered of one tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// By source. Shared, for the writer and the reports read what polls go on changing.
    pub sources: BTreeMap<Source, Arc<SourceMemory>>,
    /// The topic that must stay.
    pub pin: Option<Pin>,
    /// What people attested, the oldest first.
    pub attestations: Vec<Attestation>,
}

/// What is remembered of one source of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceMemory {
    /// Who was asked; see `Poll::identity`.
    pub identity: Arc<str>,
    /// What it told last. A failure never erases it.
    pub last_good: Option<Observation>,
    /// When it last answered without any failure.
    pub last_success: Option<DateTime<Utc>>,
    /// How the last try ended. `None`: never tried.
    pub last_attempt: Option<Attempt>,
    /// The end of the certificate as reckoned from its notices. A notice that is gone is no renewal, so it stays.
    pub estimate: Option<Box<Estimate>>,
    /// When it last said that the certificate was revoked. A notice that is gone may have been dismissed, and nobody
    /// takes a revocation back, so this stays.
    pub revoked: Option<DateTime<Utc>>,
    /// The wrong topic it told, until it told the pinned one in two polls running.
    pub drift: Option<Box<Drift>>,
    /// The certificates it told of, in the order in which they were first seen.
    pub seen: Vec<Seen>,
}

/// The end of one poll.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Why it failed; `None` if it went well.
    pub failure: Option<Box<Failure>>,
    /// When the present run of failures began; `None` if it went well.
    pub failing_since: Option<DateTime<Utc>>,
}

/// An end that was reckoned from "so many days left".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The end, to the day.
    pub not_after: DateTime<Utc>,
    /// When a notice last said so.
    pub told: DateTime<Utc>,
}

/// A source that told another topic than the pinned one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The topic it told last that was not the pin.
    pub topic: Topic,
    /// When it first did.
    pub since: DateTime<Utc>,
    /// How many polls running have told the pinned topic since.
    pub agreeing: u8,
}

/// A certificate that a source told of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// As it was told last.
    pub certificate: Arc<PushCertificate>,
    /// When it was first told.
    pub first_seen: DateTime<Utc>,
    /// When it was last told.
    pub last_seen: DateTime<Utc>,
}

/// The topic a tenant must keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The topic.
    pub topic: Topic,
    /// Why it is trusted.
    pub origin: PinOrigin,
    /// When it was set.
    pub since: DateTime<Utc>,
    /// Who set or confirmed it, if a person did.
    pub by: Option<String>,
}

/// Why a pin is trusted; the value of the label `origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PinOrigin {
    /// `expected_topic` in the configuration says so.
    Config,
    /// A person compared it on an enrolled device.
    Confirmed,
    /// It was the first topic told. Nobody has compared it with a device.
    FirstSeen,
}

impl PinOrigin {
    /// Every origin.
    pub const ALL: [Self; 3] = [Self::Config, Self::Confirmed, Self::FirstSeen];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Confirmed => "confirmed",
            Self::FirstSeen => "first_seen",
        }
    }
}

impl fmt::Display for PinOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a person attested. Never changed, never deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attestation {
    /// What.
    pub statement: Statement,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: the user of the operating system, or what `--by` said.
    pub by: String,
    /// Why, in that person's words.
    pub note: Option<String>,
    /// The second admin, who looked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// The number of the ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
}

/// What a statement does to the pin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinChange {
    /// Nothing.
    Keep,
    /// This is the pin from now on.
    Set(Pin),
    /// There is none any more.
    Forget,
}

/// A person's word that a duty was done. Never changed, never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DutyDone {
    /// The name of the duty.
    pub duty: String,
    /// When it was done.
    pub at: DateTime<Utc>,
    /// Who says so.
    pub by: String,
    /// In that person's words.
    pub note: Option<String>,
}

/// The statements a person can make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Statement {
    /// "This certificate was uploaded to the MDM."
    Uploaded {
        /// The serial number of the certificate.
        serial: Option<Serial>,
        /// SHA-256 of the certificate.
        sha256: Option<String>,
    },
    /// "An enrolled device listens on this topic."
    PinConfirmed {
        /// The topic.
        topic: Topic,
    },
    /// "From now on this is the topic."
    PinSet {
        /// The topic.
        topic: Topic,
        /// The one before.
        before: Option<Topic>,
    },
    /// "Forget the topic."
    PinForgotten {
        /// The topic that was forgotten.
        topic: Topic,
    },
    /// "Keep this certificate as if it were a file of the tenant."
    CertificateAdded {
        /// Its DER bytes, in base64. A certificate is public.
        der: String,
        /// SHA-256 of it.
        sha256: String,
    },
    /// "After the renewal I saw this."
    Verified {
        /// What was seen.
        step: HumanStep,
    },
    /// "That certificate was none of the tenant's."
    CertificateRemoved {
        /// SHA-256 of it.
        sha256: String,
    },
    /// "Somebody will renew it on that day."
    RenewalPlanned(Plan),
    /// "Nobody will renew it on the day that was said."
    RenewalUnplanned,
}

/// What no machine sees after a renewal, and a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HumanStep {
    /// The MDM's console shows the new end.
    Console,
    /// One iPhone or iPad answered a harmless command.
    Mobile,
    /// One Mac answered a harmless command.
    Mac,
}

impl HumanStep {
    /// Every step, in the order in which they are taken.
    pub const ALL: [Self; 3] = [Self::Console, Self::Mobile, Self::Mac];

    /// The value in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Mobile => "mobile",
            Self::Mac => "mac",
        }
    }

    /// What a person says by it.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Console => "the MDM's console shows the new end",
            Self::Mobile => "one iPhone or iPad answered a harmless command, such as an update of its inventory",
            Self::Mac => "one Mac answered a harmless command, such as an update of its inventory",
        }
    }
}

/// A certificate that a person added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCertificate {
    /// Its DER bytes, in base64.
    pub der: String,
    /// SHA-256 of it.
    pub sha256: String,
    /// Who added it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

impl Memory {
    /// The certificates that people added and did not take away again, in the order in which they were added.
    #[must_use]
    pub fn kept(&self) -> Vec<KeptCertificate> {
        let mut kept: Vec<KeptCertificate> = Vec::new();
        for Attestation { statement, at, by, .. } in &self.attestations {
            match statement {
                Statement::CertificateAdded { der, sha256 } if kept.iter().all(|known| known.sha256 != *sha256) => {
                    kept.push(KeptCertificate { der: der.clone(), sha256: sha256.clone(), by: by.clone(), at: *at })
                }
                Statement::CertificateRemoved { sha256 } => kept.retain(|known| known.sha256 != *sha256),
                _ => {}
            }
        }
        kept
    }
}

impl Statement {
    /// Whether this says that `certificate` was uploaded.
    #[must_use]
    pub fn is_upload_of(&self, certificate: &PushCertificate) -> bool {
        let Self::Uploaded { serial, sha256 } = self else { return false };
        match (sha256, &certificate.sha256) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (None, _) | (_, None) => serial.is_some() && *serial == certificate.serial,
        }
    }
}

impl SourceMemory {
    /// The certificate it told last, if it said that there is one.
    #[must_use]
    pub fn present(&self) -> Option<&PushCertificate> {
        self.last_good.as_ref().and_then(|observation| observation.facts.present())
    }

    /// The tokens it told of last.
    #[must_use]
    pub fn tokens(&self) -> Option<&[AppleToken]> {
        self.last_good.as_ref()?.facts.tokens.as_deref()
    }

    /// Why the last try failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.last_attempt.as_ref().and_then(|attempt| attempt.failure.as_deref())
    }
}
