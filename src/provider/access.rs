//! What a login may read.

use crate::model::{Failure, Source};

/// One thing that a login should be able to read, and whether it can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The source that needs it.
    pub source: Source,
    /// What was asked, such as `GET /v1.0/deviceManagement/applePushNotificationCertificate`. Never with a secret.
    pub endpoint: String,
    /// What came of it.
    pub verdict: Verdict,
    /// The privilege to add, by the vendor's exact name; empty where only the login counts.
    pub privilege: &'static str,
    /// What nobody knows without it, to follow "without it".
    pub lost: &'static str,
}

/// A right that a login needs, to be granted before anything is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// What to grant, by the vendor's exact name.
    pub privilege: &'static str,
    /// What nobody knows without it, to follow "without it nobody knows".
    pub lost: &'static str,
    /// Whether it is needed only with `enrolment_profile: true`.
    pub is_extra: bool,
}

/// Whether something can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Allowed,
    /// No: the login is good and lacks a right.
    Denied(Failure),
    /// No: the login itself was refused.
    LoginRefused(Failure),
    /// This server does not have it: an older version.
    Unsupported,
    /// Nobody can say: no answer, or a useless one.
    NotReached(Failure),
}

impl Verdict {
    /// From how a read ended. `is_optional`: a 404 means an older server, not a wrong address.
    #[must_use]
    pub fn from_failure(failure: Option<Failure>, is_optional: bool) -> Self {
        use crate::model::Reason;
        let Some(failure) = failure else { return Self::Allowed };
        match failure.reason {
            Reason::Forbidden => Self::Denied(failure),
            Reason::Auth => Self::LoginRefused(failure),
            Reason::NotFound if is_optional => Self::Unsupported,
            Reason::NotFound
            | Reason::RateLimited
            | Reason::Timeout
            | Reason::Dns
            | Reason::Connect
            | Reason::Tls
            | Reason::Http
            | Reason::Malformed
            | Reason::Io
            | Reason::Panic => Self::NotReached(failure),
        }
    }
}
