//! The things that are polled for a tenant.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing polled for a tenant, with its own interval, back-off and series; the value of the label `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The MDM's own answer on the certificate.
    Api,
    /// Certificate files on disk.
    File,
    /// What was typed into the configuration.
    Declared,
}

impl Source {
    /// Every source that is built, the most truthful first.
    pub const ALL: [Self; 3] = [Self::Api, Self::File, Self::Declared];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
            Self::Declared => "declared",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
