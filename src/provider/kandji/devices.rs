//! The check-ins of devices, counted by family.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::envelope::{Device, Moment, Row};
use crate::model::{Family, FamilyHealth, Few};
use crate::words::counted;

/// What the rows read so far amount to.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    pub(super) families: Few<Family, FamilyHealth>,
    devices: u64,
    /// Devices of which no check-in is told at all: the older form of the list.
    untold: u64,
    /// Devices with a time that cannot be read.
    odd: u64,
}

impl Fleet {
    /// Counts a row, if it is a device of Apple's that the MDM manages.
    pub(super) fn count(&mut self, row: &Row<Device>, now: DateTime<Utc>) {
        let Some(family) = family(row.text("device__family")) else { return };
        if is_false(row.value("mdm_enabled")) {
            return;
        }
        let (agent, checkin) = (row.moment("last_checkin_agent"), row.moment("last_checkin_mdm"));
        self.devices += 1;
        self.untold += u64::from(checkin == Moment::Missing);
        self.odd += u64::from(checkin == Moment::Odd || (family == Family::Mac && agent == Moment::Odd));
        let at = |moment| match moment {
            Moment::At(at) => Some(at),
            Moment::Missing | Moment::Empty | Moment::Odd => None,
        };
        // Only a Mac has an agent with a way of its own; what other devices show there mirrors the MDM. And without a
        // check-in to hold against it, the agent would make a device look silent of which nothing is known.
        let checkin = at(checkin);
        let control = if family == Family::Mac && checkin.is_some() { at(agent) } else { None };
        self.families.get_or_insert(family, FamilyHealth::default()).count(control, checkin, now);
    }

    /// What a person should know.
    pub(super) fn remarks(&self) -> Vec<String> {
        let of = |some: u64| format!("{some} of {}", counted(self.devices, "device"));
        let mut remarks = Vec::new();
        if self.untold > 0 {
            remarks.push(format!("Kandji gave no check-in times of {}.", of(self.untold)));
        }
        if self.odd > 0 {
            remarks.push(format!("Kandji gave check-in times that cannot be read of {}.", of(self.odd)));
        }
        remarks
    }
}

/// The family by the name that Kandji gives it; `None` for devices that are not Apple's.
fn family(name: Option<&str>) -> Option<Family> {
    let name: String = name.unwrap_or_default().chars().filter(char::is_ascii_alphanumeric).collect();
    Some(match name.to_ascii_lowercase().as_str() {
        "mac" => Family::Mac,
        "iphone" | "ipod" | "ipodtouch" => Family::Iphone,
        "ipad" => Family::Ipad,
        "appletv" => Family::AppleTv,
        "vision" | "visionpro" | "applevision" | "applevisionpro" => Family::Vision,
        "watch" | "applewatch" => Family::Watch,
        "android" | "windows" => return None,
        _ => Family::Other,
    })
}

/// Kandji writes truth as a word or as text with that word.
fn is_false(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(value)) => !value,
        Some(Value::String(text)) => text.trim().eq_ignore_ascii_case("false"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::envelope::{PRISM, tests::read};
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kandji/", $name))
        };
    }

    fn fleet(body: &str) -> Fleet {
        let now = "2026-09-01T12:00:00Z".parse().unwrap();
        let mut fleet = Fleet::default();
        for row in &read(&PRISM, body).unwrap().rows {
            fleet.count(row, now);
        }
        fleet
    }

    fn date(text: &str) -> Option<DateTime<Utc>> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn only_macs_have_a_control() {
        let fleet = fleet(fixture!("prism.json"));
        let mac = &fleet.families[&Family::Mac];
        // One is alive and silent, one alive and well, one asleep, one without an agent; one is not managed.
        assert_eq!((mac.devices, mac.alive, mac.silent), (4, Some(2), Some(1)));
        assert_eq!(mac.last_checkin, date("2026-09-01T06:00:00Z"));
        for family in [Family::Iphone, Family::Ipad, Family::AppleTv] {
            let health = &fleet.families[&family];
            assert_eq!((health.devices, health.alive, health.silent), (1, None, None), "{family}");
            assert!(health.last_checkin.is_some(), "{family}");
        }
        assert_eq!(fleet.families.len(), 4, "Windows and Android need no push of Apple's");
        assert_eq!(fleet.remarks(), Vec::<String>::new());
    }

    #[test]
    fn no_device_is_an_answer() {
        let fleet = fleet(fixture!("prism-empty.json"));
        assert_eq!((fleet.families.len(), fleet.remarks().len()), (0, 0));
    }

    #[test]
    fn the_older_form_tells_how_many_there_are_and_no_more() {
        let fleet = fleet(fixture!("prism-old.json"));
        let mac = &fleet.families[&Family::Mac];
        assert_eq!((mac.devices, mac.alive, mac.silent, mac.last_checkin), (2, None, None, None));
        assert_eq!(fleet.remarks(), ["Kandji gave no check-in times of 2 of 2 devices."]);
    }

    #[test]
    fn an_agent_without_a_check_in_proves_nothing() {
        let agent = r#""device__family":"Mac","last_checkin_agent":"2026-09-01T11:59:00Z""#;
        for checkin in ["", r#","last_checkin_mdm":null"#, r#","last_checkin_mdm":"""#, r#","last_checkin_mdm":7"#] {
            let fleet = fleet(&format!(r#"{{"data":[{{{agent}{checkin}}}]}}"#));
            let mac = &fleet.families[&Family::Mac];
            assert_eq!((mac.devices, mac.alive, mac.silent), (1, None, None), "{checkin}");
        }
    }

    #[test]
    fn odd_rows_are_counted_and_remarked() {
        let fleet = fleet(fixture!("prism-odd.json"));
        assert_eq!(fleet.families[&Family::Other].devices, 2, "of a family that is new or not told");
        assert_eq!(fleet.families[&Family::Mac].devices, 1);
        assert_eq!(
            fleet.remarks(),
            [
                "Kandji gave no check-in times of 1 of 3 devices.",
                "Kandji gave check-in times that cannot be read of 2 of 3 devices.",
            ]
        );
    }
}
