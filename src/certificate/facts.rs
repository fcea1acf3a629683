//! What is known of one certificate, one request, one key.

use chrono::{DateTime, Utc};

use super::Kind;
use crate::model::{Issuer, PushCertificate, Serial, Topic};

/// What protects a private key that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyProtection {
    /// A password.
    Encrypted,
    /// It cannot be told without reading the key.
    Unknown,
    /// Nothing: whoever has the file has the key.
    Plain,
}

/// A public key. Two are equal if they are the same key, however it was written down.
#[derive(Clone, Debug, Eq)]
pub struct PublicKey {
    /// Its kind and size, such as "RSA 2048" or "EC P-256".
    pub name: String,
    /// SHA-256 of its `SubjectPublicKeyInfo` (RFC 5280, 4.1.2.7), upper-case hexadecimal without separators: what
    /// `openssl pkey -pubout -outform DER | openssl dgst -sha256` prints.
    pub sha256: String,
    /// SHA-256 of the key alone. The parameters around it may be left out or not, and the key stays the same.
    pub(super) alone: [u8; 32],
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.alone == other.alone
    }
}

/// The facts of one certificate. Texts are fit to be shown: valid UTF-8, control characters escaped, bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// What it is.
    pub kind: Kind,
    /// The different UIDs (0.9.2342.19200300.100.1.1) of the subject as found, case not counted as a difference.
    pub uids: Vec<Topic>,
    /// How many further UIDs can be no topic: not readable, longer than 256 characters, or with blanks around.
    pub odd_uids: usize,
    /// The serial number; missing only if its INTEGER has no content.
    pub serial: Option<Serial>,
    /// The content bytes of its INTEGER, sign byte and all.
    pub serial_der: Vec<u8>,
    /// The first second in which it is valid.
    pub not_before: DateTime<Utc>,
    /// The last second in which it is valid.
    pub not_after: DateTime<Utc>,
    /// Who issued it, by name: no signature was checked.
    pub issuer: Issuer,
    /// The subject for people.
    pub subject: String,
    /// The first common name.
    pub common_name: Option<String>,
    /// The country. Not always that of anybody: it comes from the request.
    pub country: Option<String>,
    /// The first organisation of the subject.
    pub organisation: Option<String>,
    /// The public key.
    pub key: PublicKey,
    /// The DER bytes: a certificate is public.
    pub der: Vec<u8>,
    /// SHA-256 of the DER bytes, upper-case hexadecimal without separators.
    pub sha256: String,
    /// Whether extension 1.2.840.113635.100.6.3.2 is there. Pass certificates have it too.
    pub apns_marker: bool,
    /// Whether the GUID of the UID is that of a common name `APSP:<guid>`; `None` if the common name is another.
    pub guid_matches: Option<bool>,
    /// Whether it may issue others.
    pub is_ca: bool,
    /// Whether its extended key usage allows client authentication.
    pub client_auth: bool,
    /// Its extended key usages for people.
    pub extended_key_usages: Vec<String>,
    /// What a person should know, the gravest first: lower case, no full stop.
    pub findings: Vec<String>,
}

/// A certificate request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The subject for people.
    pub subject: String,
    /// The public key.
    pub key: PublicKey,
}

impl Certificate {
    /// The topic, if the subject has one UID and it can be that of an MDM push certificate. Whether it is one is
    /// for [`Self::kind`] to say.
    #[must_use]
    pub fn topic(&self) -> Option<&Topic> {
        self.uids.first().filter(|uid| uid.is_mdm() && !self.topic_ambiguous())
    }

    /// Whether the subject has different UIDs, one of them an MDM topic.
    #[must_use]
    pub fn topic_ambiguous(&self) -> bool {
        self.uids.len() + self.odd_uids > 1 && self.uids.iter().any(Topic::is_mdm)
    }

    /// The part that every source can tell, in the words of the model.
    #[must_use]
    pub fn to_push_certificate(&self) -> PushCertificate {
        PushCertificate {
            topic: self.topic().cloned(),
            topic_ambiguous: self.topic_ambiguous(),
            serial: self.serial.clone(),
            not_before: Some(self.not_before),
            not_after: Some(self.not_after),
            issuer: Some(self.issuer.clone()),
            sha256: Some(self.sha256.clone()),
        }
    }
}
