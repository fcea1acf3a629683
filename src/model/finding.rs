//! Things a person should know, and things nobody can say.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something a person should know: the value of the label `finding`. A closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A newer file is there, the MDM cannot report a date, and nobody said that it was uploaded.
    RenewalUnconfirmed,
    /// A newer file is there, and the MDM still tells the old end.
    RenewalNotUploaded,
    /// The certificate that replaced another lives less than 350 days.
    RenewalTooShort,
    /// The files of a tenant carry different topics.
    FilesDisagree,
    /// A subject carries two different UIDs.
    TopicAmbiguous,
    /// No topic could be pinned, for the sources tell different ones.
    PinAmbiguous,
    /// The MDM had a certificate and now says that there is none.
    Removed,
    /// An older certificate of the same topic came back.
    RolledBack,
    /// The effective certificate begins in the future.
    NotYetValid,
}

impl Finding {
    /// Every finding that is built.
    pub const ALL: [Self; 9] = [
        Self::RenewalUnconfirmed,
        Self::RenewalNotUploaded,
        Self::RenewalTooShort,
        Self::FilesDisagree,
        Self::TopicAmbiguous,
        Self::PinAmbiguous,
        Self::Removed,
        Self::RolledBack,
        Self::NotYetValid,
    ];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RenewalUnconfirmed => "renewal_unconfirmed",
            Self::RenewalNotUploaded => "renewal_not_uploaded",
            Self::RenewalTooShort => "renewal_too_short",
            Self::FilesDisagree => "files_disagree",
            Self::TopicAmbiguous => "topic_ambiguous",
            Self::PinAmbiguous => "pin_ambiguous",
            Self::Removed => "removed",
            Self::RolledBack => "rolled_back",
            Self::NotYetValid => "not_yet_valid",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The five questions that every tenant should have answered; the value of the label `question` of a blind spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// When does the push certificate run out?
    Expiry,
    /// Is it still the same topic?
    Lineage,
    /// Can pushes get out?
    WayOut,
    /// Do pushes arrive?
    Arrival,
    /// Could it be renewed today?
    Renewable,
}

impl Question {
    /// All five, in the order in which they are asked.
    pub const ALL: [Self; 5] = [Self::Expiry, Self::Lineage, Self::WayOut, Self::Arrival, Self::Renewable];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::Lineage => "lineage",
            Self::WayOut => "way_out",
            Self::Arrival => "arrival",
            Self::Renewable => "renewable",
        }
    }

    /// What it means when nothing answers it, to follow "nobody watches".
    #[must_use]
    pub fn unwatched(self) -> &'static str {
        match self {
            Self::Expiry => "when it ends",
            Self::Lineage => "the topic",
            Self::WayOut => "the way to Apple",
            Self::Arrival => "whether pushes arrive",
            Self::Renewable => "whether it could be renewed",
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
