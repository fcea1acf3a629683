//! Which part of its year a certificate is in.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The phase of a tenant's certificate; the value of the label `phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// More than `plan_days` left.
    Ok,
    /// `plan_days` or less left: find the account, plan the day.
    Plan,
    /// `renew_days` or less left: renew now.
    Renew,
    /// Nothing left: no device is reached.
    Expired,
    /// More than `grace_days` past the end. Promises nothing about a grace of Apple's before that.
    Lost,
    /// The MDM says that there is no certificate.
    None,
    /// Nobody can say.
    Unknown,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 7] =
        [Self::Ok, Self::Plan, Self::Renew, Self::Expired, Self::Lost, Self::None, Self::Unknown];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Plan => "plan",
            Self::Renew => "renew",
            Self::Expired => "expired",
            Self::Lost => "lost",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How well the end of the effective certificate is known; the value of the label `precision`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Read from the certificate or told by the MDM to the second.
    Exact,
    /// Typed into the configuration.
    Declared,
    /// Reckoned from a notice of the MDM that gives days.
    Estimate,
}

impl Precision {
    /// Every precision.
    pub const ALL: [Self; 3] = [Self::Exact, Self::Declared, Self::Estimate];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Declared => "declared",
            Self::Estimate => "estimate",
        }
    }
}

/// Where the phases begin. Also per tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Days left at which `plan` begins.
    pub plan_days: u32,
    /// Days left at which `renew` begins.
    pub renew_days: u32,
    /// Days after the end at which `lost` begins.
    pub grace_days: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { plan_days: 180, renew_days: 30, grace_days: 30 }
    }
}

impl Policy {
    /// The phase of a certificate that ends at `not_after`. Each edge belongs to the later phase, except that a
    /// certificate is `lost` only when more than the grace has gone: exact moments are compared, never whole days.
    #[must_use]
    pub fn phase(&self, not_after: DateTime<Utc>, now: DateTime<Utc>) -> Phase {
        let left = not_after - now;
        let days = |days: u32| TimeDelta::days(i64::from(days));
        if left > days(self.plan_days) {
            Phase::Ok
        } else if left > days(self.renew_days) {
            Phase::Plan
        } else if left > TimeDelta::zero() {
            Phase::Renew
        } else if -left <= days(self.grace_days) {
            Phase::Expired
        } else {
            Phase::Lost
        }
    }

    /// The first moments of `plan` and of `renew` for a certificate that ends at `not_after`; none that would be its
    /// end, or that no calendar holds.
    #[must_use]
    pub fn tiers(&self, not_after: DateTime<Utc>) -> Vec<(Phase, DateTime<Utc>)> {
        let tiers = [(Phase::Plan, self.plan_days), (Phase::Renew, self.renew_days)];
        let begins = |days: u32| not_after.checked_sub_signed(TimeDelta::days(i64::from(days)));
        tiers
            .into_iter()
            .filter(|(_, days)| *days > 0)
            .filter_map(|(phase, days)| Some((phase, begins(days)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_belongs_to_exactly_one_phase() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let day = 86_400;
        for (seconds, phase) in [
            (180 * day + 1, Phase::Ok),
            (180 * day, Phase::Plan),
            (180 * day - 1, Phase::Plan),
            (30 * day + 1, Phase::Plan),
            (30 * day, Phase::Renew),
            (12 * 3600, Phase::Renew),
            (1, Phase::Renew),
            (0, Phase::Expired),
            (-1, Phase::Expired),
            (-30 * day, Phase::Expired),
            (-30 * day - 1, Phase::Lost),
            (-400 * day, Phase::Lost),
        ] {
            let not_after = now + TimeDelta::seconds(seconds);
            assert_eq!(Policy::default().phase(not_after, now), phase, "{seconds} s left");
        }
    }

    #[test]
    fn the_numbers_are_policy() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let policy = Policy { plan_days: 90, renew_days: 14, grace_days: 0 };
        assert_eq!(policy.phase(now + TimeDelta::days(91), now), Phase::Ok);
        assert_eq!(policy.phase(now + TimeDelta::days(15), now), Phase::Plan);
        assert_eq!(policy.phase(now, now), Phase::Expired);
        assert_eq!(policy.phase(now - TimeDelta::seconds(1), now), Phase::Lost);
        for (phase, begins) in policy.tiers(now) {
            assert_eq!(policy.phase(now, begins), phase);
            assert_ne!(policy.phase(now, begins - TimeDelta::seconds(1)), phase);
        }
        assert_eq!(Policy { renew_days: 0, ..policy }.tiers(now).len(), 1);
    }
}
