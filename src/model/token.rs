//! Apple's other yearly credentials: server tokens of Automated Device Enrolment, content tokens of Apps and Books.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// What a token is for; the value of the label `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Automated Device Enrolment (once DEP).
    Ade,
    /// Apps and Books (once VPP).
    Vpp,
}

impl TokenKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Ade, Self::Vpp];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ade => "ade",
            Self::Vpp => "vpp",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One token, as an MDM tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppleToken {
    /// What it is for.
    pub kind: TokenKind,
    /// The vendor's id, to tell two of one name apart.
    pub id: String,
    /// The name that an admin gave it.
    pub name: String,
    /// Its end, if it is known.
    pub not_after: Option<DateTime<Utc>>,
    /// Whether it works, if the vendor says so. One that is revoked has days left and is useless.
    pub usable: Option<bool>,
    /// Why it does not work, in our words or a closed word of the vendor's.
    pub trouble: Option<String>,
}
