//! Which series there have to be: reckoned from the configuration and from what the simulators tell.

use std::collections::{BTreeMap, BTreeSet};

use super::faults::name;
use crate::fleet::KINDS;
use crate::support::Scrape;

/// The families of a tenant of each kind, with how many series of each.
type Families = &'static [(&'static str, usize)];

/// What every tenant has. Nothing in the configuration answers two of the five questions for any of them: no probe is
/// there, and no account.
const COMMON: Families = &[
    ("apns_certificate_phase", 1),
    ("apns_tenant_info", 1),
    // Its devices are of one family, and have checked in.
    ("apns_push_devices", 1),
    ("apns_push_last_checkin_timestamp_seconds", 1),
];

/// An end that counts.
const ENDS: Families = &[
    ("apns_certificate_not_after_timestamp_seconds", 1),
    ("apns_certificate_expiry_days", 1),
    ("apns_certificate_info", 1),
];

/// A topic, which was pinned when it was first told.
const TOPIC: Families = &[("apns_topic_drift", 1), ("apns_topic_pin_info", 1)];

/// The certificate, an enrolment token and a content token of which it is told whether it works. Whether pushes arrive is a
/// third blind spot.
const INTUNE: Families = &[
    ("apns_blind_spot", 3),
    ("apns_source_not_after_timestamp_seconds", 1),
    ("apple_token_not_after_timestamp_seconds", 2),
    ("apple_token_expiry_days", 2),
    ("apple_token_usable", 1),
];

/// Four notices of which one stands and gives an end, two tokens, and how many devices have push off. The topic is in the
/// enrolment profile. Whether pushes arrive is a third blind spot.
const JAMF: Families = &[
    ("apns_blind_spot", 3),
    ("apns_mdm_notice", 4),
    ("apns_push_disabled_devices", 1),
    ("apple_token_not_after_timestamp_seconds", 2),
    ("apple_token_expiry_days", 2),
];

/// One token, and Macs that are alive. The topic is in the enrolment profile. The end is a third blind spot.
const KANDJI: Families = &[
    ("apns_blind_spot", 3),
    ("apns_push_silent_ratio", 1),
    ("apple_token_not_after_timestamp_seconds", 1),
    ("apple_token_expiry_days", 1),
    ("apple_token_usable", 1),
];

/// Macs that are alive. The end and the topic are two more blind spots.
const MOSYLE: Families = &[("apns_blind_spot", 4), ("apns_push_silent_ratio", 1)];

/// By kind, in the order of [`KINDS`]: the number of its sources, and what they tell.
const OF_KIND: [(usize, &[Families]); 4] =
    [(3, &[ENDS, TOPIC, INTUNE]), (4, &[ENDS, TOPIC, JAMF]), (3, &[TOPIC, KANDJI]), (1, &[MOSYLE])];

/// What a fleet has to show.
pub(crate) struct Wanted {
    tenants: usize,
    by_name: BTreeMap<String, usize>,
    of_kind: [BTreeMap<&'static str, usize>; 4],
}

impl Wanted {
    /// Of so many tenants.
    pub(crate) fn of(tenants: usize) -> Self {
        let of_kind = OF_KIND.map(|(sources, families)| {
            let polled = [
                ("apns_source_up", sources),
                ("apns_source_last_success_timestamp_seconds", sources),
                ("apns_source_poll_interval_seconds", sources),
            ];
            COMMON.iter().chain(families.iter().copied().flatten()).copied().chain(polled).collect()
        });
        Self { tenants, by_name: (0..tenants).map(|index| (name(index), index)).collect(), of_kind }
    }

    /// How many sources are polled.
    pub(crate) fn sources(&self) -> usize {
        (0..self.tenants).map(|index| OF_KIND[index % KINDS.len()].0).sum()
    }

    /// Holds a scrape against it; gives the number of sources that fail. A source that fails has one series more, and is
    /// down; both only where `excuses` knows of trouble.
    ///
    /// # Panics
    ///
    /// If there is anything more or less.
    pub(crate) fn compare(&self, scrape: &Scrape, excuses: impl Fn(usize) -> bool) -> usize {
        let mut found: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new(); self.tenants];
        let (mut failing, mut down) = (0, 0);
        for sample in &scrape.samples {
            let Some(tenant) = sample.labels.get("tenant") else { continue };
            let index =
                *self.by_name.get(tenant).unwrap_or_else(|| panic!("a tenant that nobody configured: {tenant}"));
            if sample.name == "apns_source_failing" {
                assert!(excuses(index), "nothing is wrong with {tenant}, and it fails: {:?}", sample.labels);
                failing += 1;
            } else {
                *found[index].entry(&sample.name).or_default() += 1;
                down += usize::from(sample.name == "apns_source_up" && sample.value == 0.0);
            }
        }
        assert_eq!(failing, down, "whatever is down says why, and nothing else does");
        let wanted = |index: usize| &self.of_kind[index % KINDS.len()];
        let differing = found.iter().enumerate().filter(|(index, found)| *found != wanted(*index));
        let faults: Vec<String> = differing
            .take(8)
            .map(|(index, found)| format!("{}: {}", name(index), difference(found, wanted(index))))
            .collect();
        assert!(faults.is_empty(), "{}", faults.join("\n"));
        failing
    }
}

fn difference(found: &BTreeMap<&str, usize>, wanted: &BTreeMap<&'static str, usize>) -> String {
    let names: BTreeSet<&str> = found.keys().copied().chain(wanted.keys().copied()).collect();
    let count = |all: &BTreeMap<&str, usize>, name: &str| all.get(name).copied().unwrap_or_default();
    let differing = names.into_iter().filter(|name| count(found, name) != count(wanted, name));
    let sentences = differing.map(|name| format!("{name}: {} and not {}", count(found, name), count(wanted, name)));
    sentences.collect::<Vec<_>>().join(", ")
}

/// The series of the process, which are the same as long as it runs.
pub(crate) fn without_tenant(scrape: &Scrape) -> BTreeSet<String> {
    let own = scrape.samples.iter().filter(|sample| !sample.labels.contains_key("tenant"));
    own.map(|sample| format!("{} {:?}", sample.name, sample.labels)).collect()
}
