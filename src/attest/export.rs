//! The topics that must stay, as they are listed, and written down for version control.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::Case;
use crate::config::Config;
use crate::model::{Memory, PinOrigin, TenantName, Topic};

/// A topic that must stay, to be listed or written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Whose it is.
    pub name: TenantName,
    /// The topic.
    pub topic: Topic,
    /// Why it is trusted now.
    pub origin: PinOrigin,
    /// Since when, if the store knows.
    pub since: Option<DateTime<Utc>>,
    /// Who set or confirmed it.
    pub by: Option<String>,
    /// Why nobody may copy it as it is.
    pub doubt: Option<Doubt>,
}

/// Why a topic must not get into a configuration by copying.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It was taken at first sight: it may be the wrong one.
    Unconfirmed,
    /// Another tenant keeps the same one: of one of them it is wrong.
    Shared(TenantName),
    /// No tenant of this name is configured.
    NotConfigured,
}

impl Doubt {
    /// A clause for a person, without a full stop.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Unconfirmed => {
                "taken at first sight, and nobody has compared it with a device: see pin confirm".to_owned()
            }
            Self::Shared(other) => format!("{other:?} keeps the same topic: for one of them it is wrong"),
            Self::NotConfigured => "no tenant of this name is configured".to_owned(),
        }
    }
}

/// Every topic that must stay, by tenant: what the configuration fixes, else the pin. `remembered` is what is remembered of each.
#[must_use]
pub fn exported(config: &Config, remembered: &BTreeMap<TenantName, Memory>, now: DateTime<Utc>) -> Vec<Exported> {
    let nothing = Memory::default();
    let mut names: Vec<&TenantName> = config.tenants.keys().chain(remembered.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let export = |name: &TenantName| {
        let memory = remembered.get(name).unwrap_or(&nothing);
        let case = Case { config, name, memory, by: "", now };
        let topic = case.must_stay()?;
        let pin = memory.pin.as_ref().filter(|pin| pin.topic == *topic);
        let origin = match (case.expected(), pin) {
            (Some(_), _) => PinOrigin::Config,
            // The line is gone from the configuration, and with it the reason to trust the topic.
            (None, Some(pin)) if pin.origin == PinOrigin::Config => PinOrigin::FirstSeen,
            (None, Some(pin)) => pin.origin,
            (None, None) => PinOrigin::FirstSeen,
        };
        let is_retired = case.tenant().is_some_and(|tenant| tenant.retired);
        let shared = case.owner(topic, |other| remembered.get(other)).filter(|_| !is_retired);
        let doubt = match shared {
            _ if case.tenant().is_none() => Some(Doubt::NotConfigured),
            _ if origin == PinOrigin::FirstSeen => Some(Doubt::Unconfirmed),
            Some(other) => Some(Doubt::Shared(other.clone())),
            None => None,
        };
        let by = pin.filter(|pin| pin.origin == origin).and_then(|pin| pin.by.clone());
        Some(Exported { name: name.clone(), topic: topic.clone(), origin, since: pin.map(|pin| pin.since), by, doubt })
    };
    names.into_iter().filter_map(export).collect()
}
