//! A renewal that somebody has taken on for a day.

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

use super::Phase;

/// A person's word that a certificate will be renewed on a day. It keeps quiet what that person has heard already, and
/// nothing that comes after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The day, in UTC.
    pub on: NaiveDate,
    /// Who will renew it.
    pub who: String,
    /// What was told when the plan was made, and is told no more until the day is over.
    pub tier: Tier,
    /// The end of the certificate that the plan is about. Of another certificate it says nothing.
    pub not_after: DateTime<Utc>,
}

impl Plan {
    /// When it is over: the midnight that ends the day.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        let next = self.on.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
        next.and_time(NaiveTime::MIN).and_utc()
    }
}

/// What a person is told of a certificate that ends; the value of the label `tier`. An end that is reached is no tier: no
/// plan keeps that quiet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Phase `plan`.
    Info,
    /// Phase `renew`.
    Warning,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 2] = [Self::Info, Self::Warning];

    /// What is told in a phase, if a plan can keep it quiet.
    #[must_use]
    pub fn of(phase: Phase) -> Option<Self> {
        match phase {
            Phase::Plan => Some(Self::Info),
            Phase::Renew => Some(Self::Warning),
            Phase::Ok | Phase::Expired | Phase::Lost | Phase::None | Phase::Unknown => None,
        }
    }

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
