//! A drill: an alert on purpose, to prove that the way from here to a person works before it is needed.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// One drill. It ends by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drill {
    /// How severe the alert is.
    pub severity: DrillSeverity,
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Who wanted it.
    pub by: String,
}

impl Drill {
    /// Whether it goes on at this moment.
    #[must_use]
    pub fn is_on(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && now < self.until
    }
}

/// The value of the label `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrillSeverity {
    /// As the plan tier.
    Info,
    /// As the renew tier.
    Warning,
    /// As an expired certificate.
    Critical,
}

impl DrillSeverity {
    /// Every severity.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for DrillSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
