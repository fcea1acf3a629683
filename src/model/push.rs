//! Whether pushes arrive, as far as the check-ins of devices tell.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::Few;

/// A family of devices; the value of the label `family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// iPhones and iPods.
    Iphone,
    /// iPads.
    Ipad,
    /// Macs.
    Mac,
    /// Apple TVs.
    AppleTv,
    /// Apple Vision.
    Vision,
    /// Apple Watches.
    Watch,
    /// Something else of Apple's, or an iOS device whose model is not told.
    Other,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 7] =
        [Self::Iphone, Self::Ipad, Self::Mac, Self::AppleTv, Self::Vision, Self::Watch, Self::Other];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Iphone => "iphone",
            Self::Ipad => "ipad",
            Self::Mac => "mac",
            Self::AppleTv => "appletv",
            Self::Vision => "vision",
            Self::Watch => "watch",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What check-ins tell of a fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushHealth {
    /// By family.
    pub families: Few<Family, FamilyHealth>,
    /// Devices for which the MDM has switched push off, where it says so.
    pub disabled: Option<u64>,
}

/// What check-ins tell of one family of devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FamilyHealth {
    /// Managed devices.
    pub devices: u64,
    /// Of these, the ones that were seen lately by a channel that needs no push (an agent): the control. Without one
    /// there is no telling a silent device from one that is switched off.
    pub alive: Option<u64>,
    /// Of those alive, the ones that did not check in with the MDM for [`SILENT_AFTER_HOURS`].
    pub silent: Option<u64>,
    /// The newest check-in with the MDM.
    pub last_checkin: Option<DateTime<Utc>>,
}

/// A device that its agent saw within so many hours is alive.
pub const ALIVE_WITHIN_HOURS: i64 = 2;

/// A living device that did not check in for so many hours is silent. MDM check-ins are daily; a weekend has 60 hours.
pub const SILENT_AFTER_HOURS: i64 = 72;

/// Fewer living devices than this say nothing about a family.
pub const FEWEST_ALIVE: u64 = 10;

/// When more than this share of the living devices is silent, pushes do not arrive. The alert has the same number.
pub const SILENT_RATIO: f64 = 0.5;

impl FamilyHealth {
    /// The share of living devices that are silent; `None` if too few are alive, or nobody can say which are.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 devices")]
    pub fn silent_ratio(&self) -> Option<f64> {
        let (alive, silent) = (self.alive?, self.silent?);
        (alive >= FEWEST_ALIVE).then(|| silent as f64 / alive as f64)
    }

    /// Counts one managed device: when its agent was last seen, if it has one, and when it last checked in.
    pub fn count(&mut self, agent: Option<DateTime<Utc>>, checkin: Option<DateTime<Utc>>, now: DateTime<Utc>) {
        self.devices += 1;
        self.last_checkin = self.last_checkin.max(checkin);
        let Some(agent) = agent else { return };
        let is_alive = now - agent <= chrono::TimeDelta::hours(ALIVE_WITHIN_HOURS);
        let is_silent = checkin.is_none_or(|checkin| now - checkin > chrono::TimeDelta::hours(SILENT_AFTER_HOURS));
        *self.alive.get_or_insert(0) += u64::from(is_alive);
        *self.silent.get_or_insert(0) += u64::from(is_alive && is_silent);
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_ratio_needs_a_control() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let ago = |hours| Some(now - TimeDelta::hours(hours));
        let mut health = FamilyHealth::default();
        for _ in 0..20 {
            health.count(None, ago(500), now);
        }
        assert_eq!((health.devices, health.silent_ratio()), (20, None), "nobody knows whether they are switched on");
        assert_eq!(health.last_checkin, ago(500));
        for device in 0..12 {
            health.count(ago(1), if device < 3 { ago(73) } else { ago(60) }, now);
        }
        health.count(ago(3), None, now);
        assert_eq!(
            health.silent_ratio(),
            Some(0.25),
            "a weekend is no silence, and a device that sleeps does not count"
        );
        let mut few = FamilyHealth::default();
        for _ in 0..9 {
            few.count(ago(1), None, now);
        }
        assert_eq!(few.silent_ratio(), None);
    }
}
