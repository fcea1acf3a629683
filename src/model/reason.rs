//! Why a poll failed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The closed list of reasons why a source failed: the error taxonomy and the label `reason` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The login was refused: a wrong or expired secret, a certificate nobody knows.
    Auth,
    /// The login is good but may not read this.
    Forbidden,
    /// Too many requests.
    RateLimited,
    /// No whole answer before the deadline.
    Timeout,
    /// The host name has no address.
    Dns,
    /// No TCP connection, or it broke.
    Connect,
    /// No TLS, or a certificate that is not trusted.
    Tls,
    /// A status that says the other side has a problem, or an answer nobody asked for.
    Http,
    /// An answer or a file that is not what it should be.
    Malformed,
    /// A file or an address that is not there.
    NotFound,
    /// A file that could not be read.
    Io,
    /// A defect of this program.
    Panic,
}

impl Reason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Auth,
        Self::Forbidden,
        Self::RateLimited,
        Self::Timeout,
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::Http,
        Self::Malformed,
        Self::NotFound,
        Self::Io,
        Self::Panic,
    ];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Malformed => "malformed",
            Self::NotFound => "not_found",
            Self::Io => "io",
            Self::Panic => "panic",
        }
    }

    /// Whether trying again soon can help. A refused login or a missing right needs a person first, and asking
    /// again at once only looks like an attack.
    #[must_use]
    pub fn may_pass_soon(self) -> bool {
        match self {
            Self::Auth | Self::Forbidden | Self::RateLimited => false,
            Self::Timeout
            | Self::Dns
            | Self::Connect
            | Self::Tls
            | Self::Http
            | Self::Malformed
            | Self::NotFound
            | Self::Io
            | Self::Panic => true,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
