//! What is known of a push certificate, whoever told it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Serial, Topic};

/// An APNs MDM push certificate as one source tells of it. Every field may be missing: Intune gives no start and no
/// issuer, a declaration nothing but the end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushCertificate {
    /// The subject UID. Missing also when the subject has two different ones, see `topic_ambiguous`.
    pub topic: Option<Topic>,
    /// The subject carries two different UIDs, so nobody can say which topic devices listen on.
    pub topic_ambiguous: bool,
    /// The serial number.
    pub serial: Option<Serial>,
    /// The first second in which it is valid.
    pub not_before: Option<DateTime<Utc>>,
    /// The last second in which it is valid.
    pub not_after: Option<DateTime<Utc>>,
    /// Who issued it.
    pub issuer: Option<Issuer>,
    /// SHA-256 of the DER bytes, upper-case hexadecimal without separators.
    pub sha256: Option<String>,
}

/// Who issued a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// How far it can be believed to be Apple.
    pub level: IssuerLevel,
    /// The issuer's name for people to read; never parsed again.
    pub name: String,
}

/// How far a certificate can be believed to come from Apple, without checking a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerLevel {
    /// The issuer's organisation is Apple Inc. and the certificate is not self-signed.
    Apple,
    /// Somebody else, or a successor nobody here knows: Apple's present issuer ends on 24 May 2028.
    Unknown,
    /// Signed by itself. Never from Apple, never to be uploaded.
    SelfSigned,
}

impl IssuerLevel {
    /// The value in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apple => "apple",
            Self::Unknown => "unknown",
            Self::SelfSigned => "self_signed",
        }
    }
}

impl PushCertificate {
    /// Whether two tellings are the same to the letter, so that one can stand for the other.
    #[must_use]
    pub fn is_identical_to(&self, other: &Self) -> bool {
        let is_spelt_alike = match (&self.topic, &other.topic) {
            (Some(mine), Some(theirs)) => mine.is_spelt_as(theirs),
            (None, _) | (_, None) => true,
        };
        is_spelt_alike && self == other
    }

    /// Whether two tellings are of the same certificate: the fingerprint decides where both have one, else the
    /// serial. Without either, the same end and the same topic are as near as one can come.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        if let (Some(mine), Some(theirs)) = (&self.sha256, &other.sha256) {
            return mine == theirs;
        }
        match (&self.serial, &other.serial) {
            (Some(mine), Some(theirs)) => mine == theirs,
            (None, _) | (_, None) => {
                self.not_after.is_some() && self.not_after == other.not_after && self.topic == other.topic
            }
        }
    }
}
