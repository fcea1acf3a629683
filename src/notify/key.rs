//! What makes a condition this one and no other.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::rules::{Rule, rule};
use crate::words;

/// How severe a condition is: the label of the alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Devices are not reached, or will be lost.
    Critical,
    /// Something has to be done in office hours.
    Warning,
    /// It belongs on a list.
    Info,
}

impl Severity {
    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How a condition is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// At once, by day and night.
    Critical,
    /// In office hours.
    Warning,
    /// On a list, once a week.
    Digest,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::Critical, Self::Warning, Self::Digest];

    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Digest => "digest",
        }
    }
}

/// What makes a condition this one and no other: the alert, its severity, and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The name of the alert.
    pub alert: String,
    /// Its severity.
    pub severity: Severity,
    /// The labels of the alert, without those that only route it.
    pub labels: BTreeMap<String, String>,
}

impl Key {
    /// A key with these labels.
    #[must_use]
    pub fn new(alert: &str, severity: Severity, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { alert: alert.to_owned(), severity, labels }
    }

    /// The value of a label.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// A drill: nothing is wrong, and whoever drills waits for it.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.alert == "ApnswatchDrill"
    }

    /// How it is told. What nobody knows is a list to work through, as what is to be planned is.
    #[must_use]
    pub fn tier(&self) -> Tier {
        match self.severity {
            Severity::Critical => Tier::Critical,
            Severity::Warning if self.alert == "ApnsCertificateUnknown" => Tier::Digest,
            Severity::Warning => Tier::Warning,
            Severity::Info => Tier::Digest,
        }
    }

    /// What often has one cause for many tenants is one message: what is asked of one kind of MDM, and what lies on the disk.
    #[must_use]
    pub fn group(&self) -> &str {
        match (self.alert.as_str(), self.label("source")) {
            ("ApnsSourceFailing" | "ApnsCredentialRejected", Some("file" | "device")) => "disk",
            ("ApnsSourceFailing" | "ApnsCredentialRejected", _) => self.label("mdm").unwrap_or_default(),
            _ => "",
        }
    }

    /// Its rule.
    #[must_use]
    pub fn rule(&self) -> Option<&'static Rule> {
        rule(&self.alert, self.severity.as_str())
    }

    /// Whom it is about: what a phone shows of a message.
    #[must_use]
    pub fn name(&self) -> String {
        let name = match (self.label("tenant").or_else(|| self.label("site")), self.label("account")) {
            (Some(name), _) => name.to_owned(),
            (None, Some(account)) => format!("account {account}"),
            (None, None) => self.label("channel").or_else(|| self.label("instance")).unwrap_or("apnswatch").to_owned(),
        };
        words::clean(&name, 128)
    }

    /// What else tells it from others about the same: a source, a finding, a token.
    #[must_use]
    pub fn detail(&self) -> String {
        let known = ["source", "finding", "notice", "kind", "token", "family", "duty", "role", "target"];
        let parts: Vec<&str> = known.iter().filter_map(|name| self.label(name)).collect();
        words::clean(&parts.join(" "), 128)
    }
}
