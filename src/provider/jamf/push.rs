//! Clients with push off, and when mobile devices were last in contact.
//!
//! <https://developer.jamf.com/jamf-pro/reference/get_v2-mobile-devices-detail>. An iPhone or iPad has no agent: what
//! it tells, it tells over MDM. Macs are left out, for their times are those of Jamf's agent, which needs no push. No
//! device has a second channel, so none of this is a control, and it never says alone whether pushes arrive.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::endpoints::{DEVICES, PUSH_STATUS};
use super::pages::{self, Page, Query, Record};
use super::session::Session;
use super::wire::{self, Id, malformed, parse_date};
use super::{Parts, merge};
use crate::model::{Facts, Failure, Family, FamilyHealth, Few, Outcome, PushHealth};
use crate::provider::http::BODY_LIMIT;

/// One bad record must not cost the list, which is what STRICT does; servers before 11.29 do not know the word. The
/// hardware is asked for because nothing else tells an iPhone from an iPad.
const QUERY: Query<'static> = Query {
    size: 200,
    more: &[("section", "GENERAL"), ("section", "HARDWARE"), ("exception-handling", "LENIENT")],
    is_lenient: true,
};

/// A contact that lies further ahead of us is a mistake, and would be the newest for ever.
const CLOCK_SKEW: TimeDelta = TimeDelta::hours(24);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    mobile_device_id: Id,
    #[serde(default)]
    device_type: Value,
    #[serde(default)]
    general: Option<General>,
    #[serde(default)]
    hardware: Option<Hardware>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct General {
    #[serde(default)]
    managed: Option<bool>,
    /// By MDM or declarative management; since 11.30.
    #[serde(default)]
    last_contact_date: Value,
    /// An inventory comes over MDM as well.
    #[serde(default)]
    last_inventory_update_date: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hardware {
    #[serde(default)]
    model_identifier: Value,
    #[serde(default)]
    model: Value,
}

impl Record for Device {
    fn id(&self) -> String {
        self.mobile_device_id.clone().into_text()
    }
}

/// Asks for both. A missing privilege for one of them leaves the other told; an older server that cannot serve the
/// first is no failure.
pub(super) async fn poll(session: &mut Session<'_>) -> Outcome {
    let disabled = disabled(session).await;
    let fleet = match &disabled {
        Err(failure) if !super::is_forbidden(failure) => return Outcome::failure(failure.clone()),
        _ => fleet(session).await,
    };
    merge(disabled, fleet, |parts| {
        let (disabled, fleet) = match parts {
            Parts::Both(disabled, fleet) => (Some(disabled), Some(fleet)),
            Parts::First(disabled) => (Some(disabled), None),
            Parts::Second(fleet) => (None, Some(fleet)),
        };
        let mut remarks = Vec::new();
        if disabled == Some(None) {
            remarks
                .push("This Jamf Pro cannot say for how many devices push is off: it is older than 11.25.".to_owned());
        }
        let fleet = fleet.unwrap_or_default();
        if fleet.missing > 0 {
            remarks.push(format!("Jamf left out {} records of mobile devices that it cannot read.", fleet.missing));
        }
        if fleet.by_inventory {
            remarks.push(
                "This Jamf Pro tells no contact times, being older than 11.30: the newest inventory stands in for \
                 them."
                    .to_owned(),
            );
        }
        let push = PushHealth { families: fleet.families, disabled: disabled.flatten() };
        Facts { push: Some(push.into()), remarks, ..Facts::default() }
    })
}

/// How many clients have push off; `None` from a server that does not know.
async fn disabled(session: &mut Session<'_>) -> Result<Option<u64>, Failure> {
    // The total is in every page, so that the smallest one does.
    let answer = session.get(&PUSH_STATUS, &[("page", "0"), ("page-size", "1")]).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let host = session.host();
    wire::expect(&host, &PUSH_STATUS, &answer)?;
    let page: Page<IgnoredAny> =
        answer.parse(BODY_LIMIT).map_err(|failure| malformed(&host, &PUSH_STATUS, &failure.message))?;
    Ok(Some(page.total_count))
}

/// What the devices tell together.
#[derive(Debug, Default)]
struct Fleet {
    families: Few<Family, FamilyHealth>,
    /// Records that the server left out.
    missing: u64,
    /// Times are there, and all of them are those of inventories.
    by_inventory: bool,
}

async fn fleet(session: &mut Session<'_>) -> Result<Fleet, Failure> {
    let now = session.now();
    let mut fleet = Fleet::default();
    let (mut contacts, mut inventories) = (false, false);
    let missing = pages::read(session, &DEVICES, &QUERY, |device: Device| {
        let Some(seen) = Seen::of(&device) else { return };
        contacts |= seen.contact.is_some();
        inventories |= seen.inventory.is_some();
        let newest =
            [seen.contact, seen.inventory].into_iter().flatten().filter(|time| *time <= now + CLOCK_SKEW).max();
        fleet.families.get_or_insert(seen.family, FamilyHealth::default()).count(None, newest, now);
    })
    .await?;
    Ok(Fleet { missing, by_inventory: inventories && !contacts, ..fleet })
}

/// What counts of a managed device.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    family: Family,
    contact: Option<DateTime<Utc>>,
    inventory: Option<DateTime<Utc>>,
}

impl Seen {
    /// `None` for a device that is not managed any more.
    fn of(device: &Device) -> Option<Self> {
        let general = device.general.as_ref();
        if general.and_then(|general| general.managed) == Some(false) {
            return None;
        }
        let time = |value: &Value| value.as_str().and_then(parse_date);
        Some(Self {
            family: family(device),
            contact: general.and_then(|general| time(&general.last_contact_date)),
            inventory: general.and_then(|general| time(&general.last_inventory_update_date)),
        })
    }
}

fn family(device: &Device) -> Family {
    let hardware = device.hardware.as_ref();
    let names = [
        hardware.and_then(|hardware| hardware.model_identifier.as_str()),
        hardware.and_then(|hardware| hardware.model.as_str()),
        device.device_type.as_str(),
    ];
    for name in names.into_iter().flatten() {
        let name = name.to_ascii_lowercase().replace([' ', '_'], "");
        for (start, family) in [
            ("iphone", Family::Iphone),
            ("ipod", Family::Iphone),
            ("ipad", Family::Ipad),
            ("appletv", Family::AppleTv),
            ("tvos", Family::AppleTv),
            ("watch", Family::Watch),
            ("applewatch", Family::Watch),
            ("reality", Family::Vision),
            ("vision", Family::Vision),
            ("applevision", Family::Vision),
        ] {
            if name.starts_with(start) {
                return family;
            }
        }
    }
    Family::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../tests/fixtures/jamf/", $name))
        };
    }

    fn devices(body: &str) -> Vec<Option<Seen>> {
        let page: Page<Device> = serde_json::from_str(body).unwrap();
        page.results.iter().map(Seen::of).collect()
    }

    #[test]
    fn a_device_has_a_family_and_times_in_every_spelling() {
        let time = |text: &str| Some(text.parse().unwrap());
        let seen = |family, contact, inventory| Some(Seen { family, contact, inventory });
        let (contact, inventory) = (time("2026-09-01T11:00:00Z"), time("2026-08-31T06:30:00Z"));
        assert_eq!(
            devices(fixture!("devices-good.json")),
            [
                seen(Family::Ipad, contact, inventory),
                seen(Family::Iphone, contact, None),
                seen(Family::AppleTv, contact, None),
                seen(Family::Watch, None, inventory),
                seen(Family::Vision, None, None),
                None,
                seen(Family::Other, None, None),
            ]
        );
    }

    #[test]
    fn odd_fields_cost_what_they_say_and_no_more() {
        let seen = devices(fixture!("devices-missing-field.json"));
        assert!(seen.iter().all(|seen| *seen == Some(Seen { family: Family::Other, contact: None, inventory: None })));
        assert_eq!(seen.len(), 4);
        for body in [fixture!("devices-wrong-types.json"), fixture!("401.json"), "[]", "null"] {
            assert!(serde_json::from_str::<Page<Device>>(body).is_err(), "{body}");
        }
    }

    #[test]
    fn only_the_total_of_clients_with_push_off_counts() {
        let page: Page<IgnoredAny> = serde_json::from_str(fixture!("push-status-good.json")).unwrap();
        assert_eq!(page.total_count, 42);
    }
}
