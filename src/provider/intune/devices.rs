//! When Apple devices last checked in with Intune.

use chrono::{DateTime, Utc};

use super::denial::Wanted;
use super::reader::Entity;
use super::wire::{date, is_odd, text};
use crate::model::{Family, FamilyHealth, PushHealth};

/// Only what is counted; no name, no user, no serial number. No filter either: on this list some of them answer with
/// the opposite or with 500 (microsoftgraph/microsoft-graph-docs issue 15693).
/// <https://learn.microsoft.com/graph/api/intune-devices-manageddevice-list>
pub(super) const DEVICES: Wanted = Wanted {
    path: &["v1.0", "deviceManagement", "managedDevices"],
    query: &[("$select", "operatingSystem,model,lastSyncDateTime,managementState,managementAgent")],
    what: "the managed devices",
    permission: "DeviceManagementManagedDevices.Read.All",
};

/// Pages of a thousand devices.
pub(super) const MOST_PAGES: usize = 500;

/// The agents that Intune reaches with its push certificate. Others, such as `jamf`, are reached by somebody else's;
/// the list is closed, for a device that is counted wrongly would hide a silence.
const PUSHED: [&str; 4] = ["mdm", "easMdm", "configurationManagerClientMdm", "configurationManagerClientMdmEas"];

/// Counts one device, if it is one of Apple's that Intune pushes to. There is no second channel to compare with, so
/// nobody can say whether it is silent or switched off.
pub(super) fn count(health: &mut PushHealth, entity: &Entity, now: DateTime<Utc>) -> Result<(), &'static str> {
    const SELECTED: [&str; 4] = ["operatingSystem", "lastSyncDateTime", "managementState", "managementAgent"];
    if SELECTED.iter().any(|key| !entity.contains_key(*key)) {
        return Err("a device that lacks a field which was asked for");
    }
    if SELECTED.iter().any(|key| is_odd(entity, key)) {
        return Err("a field that is not text");
    }
    let is = |key, word: &str| text(entity, key).is_some_and(|text| text.eq_ignore_ascii_case(word));
    if !is("managementState", "managed") || !PUSHED.iter().any(|agent| is("managementAgent", agent)) {
        return Ok(());
    }
    let Some(family) = text(entity, "operatingSystem").and_then(|system| family(system, text(entity, "model"))) else {
        return Ok(());
    };
    // Year 1 is how Intune writes "never".
    health.families.get_or_insert(family, FamilyHealth::default()).count(
        None,
        date(entity, "lastSyncDateTime").ok(),
        now,
    );
    Ok(())
}

/// The family of an Apple device; `None` for others. Intune calls iPads `iOS` too.
fn family(system: &str, model: Option<&str>) -> Option<Family> {
    let model = model.unwrap_or_default().to_ascii_lowercase();
    match system.to_ascii_lowercase().as_str() {
        "ipados" => Some(Family::Ipad),
        "ios" if model.contains("ipad") => Some(Family::Ipad),
        "ios" if model.contains("iphone") || model.contains("ipod") => Some(Family::Iphone),
        "ios" => Some(Family::Other),
        "macos" | "mac os x" | "macmdm" => Some(Family::Mac),
        "tvos" => Some(Family::AppleTv),
        "visionos" => Some(Family::Vision),
        "watchos" => Some(Family::Watch),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn counted(devices: &Value) -> Result<PushHealth, &'static str> {
        let mut health = PushHealth::default();
        for device in devices.as_array().unwrap() {
            count(&mut health, device.as_object().unwrap(), "2026-09-01T12:00:00Z".parse().unwrap())?;
        }
        Ok(health)
    }

    fn fixture(name: &str) -> Value {
        let path = format!("{}/tests/fixtures/intune/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()["value"].take()
    }

    #[test]
    fn apple_devices_that_intune_pushes_to_are_counted_by_family() {
        let health = counted(&fixture("devices.json")).unwrap();
        let told: Vec<_> = health
            .families
            .iter()
            .map(|(family, health)| (family.as_str(), health.devices, health.last_checkin.map(|at| at.to_rfc3339())))
            .collect();
        let at = |text: &str| Some(format!("2026-{text}+00:00"));
        assert_eq!(
            told,
            [
                ("iphone", 2, at("08-31T20:15:00")),
                ("ipad", 2, at("08-30T06:00:00")),
                ("mac", 2, at("09-01T11:58:07")),
                ("appletv", 1, None),
                ("vision", 1, at("08-01T00:00:00")),
                ("other", 1, at("08-02T00:00:00")),
            ]
        );
        for family in health.families.values() {
            assert_eq!((family.alive, family.silent, family.silent_ratio()), (None, None, None), "there is no control");
        }
        assert_eq!(health.disabled, None);
    }

    #[test]
    fn a_device_without_the_fields_that_were_asked_for_is_malformed() {
        let good = json!({
            "operatingSystem": "iOS", "model": null, "lastSyncDateTime": null, "managementState": "managed",
            "managementAgent": "mdm",
        });
        counted(&json!([good])).unwrap();
        for key in ["operatingSystem", "lastSyncDateTime", "managementState", "managementAgent"] {
            let mut odd = good.clone();
            odd[key] = json!(7);
            assert_eq!(counted(&json!([odd])).unwrap_err(), "a field that is not text", "{key}");
            odd.as_object_mut().unwrap().remove(key);
            assert_eq!(counted(&json!([odd])).unwrap_err(), "a device that lacks a field which was asked for", "{key}");
        }
        assert_eq!(counted(&json!([])).unwrap(), PushHealth::default());
    }
}
