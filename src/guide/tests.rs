//! Nothing missing, nothing left open, nothing that leads astray.

use std::collections::BTreeSet;

use chrono::DateTime;

use super::*;
use crate::model::{PinOrigin, Precision, Serial, Topic};

const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ac";

/// Everything known.
fn full() -> Values {
    Values {
        tenant: Some("Acme \"North\"".to_owned()),
        console: Some("https://mdm.example.com".to_owned()),
        account: Some("apns@example.com".to_owned()),
        account_shown: Some("apns@example.com".to_owned()),
        owner: Some("it-operations".to_owned()),
        vault_item: Some("Vault > Apple".to_owned()),
        second_factor: vec!["desk phone".to_owned(), "second admin".to_owned()],
        sign_in_duty: Some("shared".to_owned()),
        topic: Topic::parse(TOPIC),
        topic_origin: Some(PinOrigin::Confirmed),
        wrong_topic: None,
        serial: Serial::parse_hex("0A01"),
        not_after: DateTime::from_timestamp(1_800_000_000, 0),
        precision: Some(Precision::Exact),
        watches_files: Some(true),
        today: chrono::NaiveDate::from_ymd_opt(2026, 12, 1),
        person: Some("admin".to_owned()),
        witness: Some("sam".to_owned()),
        ticket: Some("CHG-7".to_owned()),
    }
}

/// Everything known but what the bits of `without` name, and with what may stand there beside it.
fn subset(without: u32) -> Values {
    let mut values = full();
    let is_out = |bit: u32| without >> bit & 1 == 1;
    if is_out(0) {
        values.tenant = None;
    }
    if is_out(1) {
        values.console = None;
    }
    if is_out(2) {
        values.account = None;
    }
    if is_out(3) {
        values.account_shown = None;
    }
    if is_out(4) {
        values.owner = None;
    }
    if is_out(5) {
        values.vault_item = None;
    }
    if is_out(6) {
        values.second_factor.clear();
    }
    if is_out(7) {
        values.topic = None;
    }
    if is_out(8) {
        values.serial = None;
    }
    if is_out(9) {
        (values.not_after, values.precision) = (None, None);
    }
    if is_out(10) {
        values.watches_files = None;
    }
    if is_out(11) {
        (values.today, values.person, values.sign_in_duty) = (None, None, None);
    }
    values
}

fn lines_of(part: &Part) -> Vec<&str> {
    match part {
        Part::Text(text) | Part::Item(text) | Part::Command(text) => vec![text.as_str()],
        Part::Verbatim(lines) => lines.iter().map(String::as_str).collect(),
    }
}

fn lines(step: &Step) -> Vec<&str> {
    step.parts.iter().flat_map(lines_of).collect()
}

fn all(kind: MdmKind, values: &Values) -> String {
    steps(kind, values).iter().flat_map(lines).collect::<Vec<&str>>().join("\n")
}

#[test]
fn every_mdm_has_every_step_once_and_in_order() {
    let words: BTreeSet<&str> = StepId::ALL.iter().map(|id| id.as_str()).collect();
    assert_eq!(words.len(), StepId::ALL.len());
    for kind in MdmKind::ALL {
        let steps = steps(kind, &Values::default());
        assert_eq!(steps.iter().map(|step| step.id).collect::<Vec<_>>(), StepId::ALL, "{kind}");
        let titles: BTreeSet<&str> = steps.iter().map(|step| step.title.as_str()).collect();
        assert_eq!(titles.len(), steps.len(), "{kind}");
    }
    // What decides between a renewal and a disaster stands before what cannot be taken back.
    let place = |id: StepId| StepId::ALL.iter().position(|known| *known == id);
    assert!(place(StepId::Row) < place(StepId::Renew) && place(StepId::Preflight) < place(StepId::Upload));
}

#[test]
fn whatever_is_missing_leaves_no_hole() {
    for kind in MdmKind::ALL {
        for without in 0..1 << 12 {
            for step in steps(kind, &subset(without)) {
                assert!(!step.parts.is_empty(), "{kind} {without:b} {:?}", step.id);
                for (index, part) in step.parts.iter().enumerate() {
                    // Only a command may follow a colon; anywhere else a value would be missing after it.
                    let leads =
                        matches!(part, Part::Text(_)) && matches!(step.parts.get(index + 1), Some(Part::Command(_)));
                    let is_open = |line: &str| line.trim_end().ends_with(':') && !leads;
                    let is_whole =
                        |line: &&str| !line.trim().is_empty() && !line.ends_with([',', ' ']) && !is_open(line);
                    assert!(lines_of(part).iter().all(is_whole), "{kind} {without:b}: {part:?}");
                }
                for line in lines(&step) {
                    for hole in ["  ", "None", "Some(", " . ", " ,", ": .", "()", "\"\" ", "{", "}"] {
                        assert!(!line.contains(hole), "{kind} {without:b} {hole:?}: {line:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn create_and_revoke_are_named_only_to_be_forbidden() {
    for kind in MdmKind::ALL {
        for values in [Values::default(), full(), subset(0b1000_0100)] {
            for step in steps(kind, &values) {
                for line in lines(&step).into_iter().chain([step.title.as_str()]) {
                    let names = ["Create", "create", "Revoke", "revoke"].iter().any(|word| line.contains(word));
                    assert!(!names || line.to_lowercase().contains("never"), "{kind}: {line}");
                }
            }
        }
    }
}

#[test]
fn what_is_known_is_said() {
    for kind in MdmKind::ALL {
        let text = all(kind, &full());
        for value in [
            TOPIC,
            "0000 0000 - 0000 - 4000 - 8000 - 0000 0000 00ac",
            "0A01",
            "2027-01-15 08:00 UTC",
            "Sign in with apns@example.com, and with no other account",
            "Vault > Apple",
            "it-operations",
            "desk phone, second admin",
            "https://mdm.example.com",
            "apnswatch preflight NEW.pem --tenant 'Acme \"North\"'",
            "apnswatch verify --tenant 'Acme \"North\"'",
            "apnswatch duty done sign_in --account shared",
            "Renewed 2026-12-01 by admin",
            "For: Acme \"North\" (",
        ] {
            assert!(text.contains(value), "{kind}: {value} is not in\n{text}");
        }
        assert!(!text.contains("not known here,") && !text.contains("not noted"), "{kind}\n{text}");
        assert_eq!(text.contains("apnswatch confirm --tenant"), kind != MdmKind::Intune, "{kind}");
        assert!(!all(kind, &Values::default()).contains("example.com"));
    }
}

#[test]
fn what_is_doubtful_is_said_to_be() {
    let doubtful = Values {
        account_shown: Some("other@example.com".to_owned()),
        topic_origin: Some(PinOrigin::FirstSeen),
        wrong_topic: Topic::parse("com.apple.mgmt.External.other"),
        precision: Some(Precision::Estimate),
        ..full()
    };
    let text = all(MdmKind::Jamf, &doubtful);
    for word in ["STOP and read", "The MDM shows other@example.com instead", "Nobody has compared", "off by a day"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let shown = Values { account: None, ..full() };
    assert!(all(MdmKind::Intune, &shown).contains("proves nothing"));
}

#[test]
fn a_topic_is_cut_into_groups_whatever_it_looks_like() {
    for (topic, shown) in [
        (TOPIC, "0000 0000 - 0000 - 4000 - 8000 - 0000 0000 00ac"),
        ("com.apple.mgmt.XServer.abcdef", "abcd ef"),
        ("odd", "odd"),
    ] {
        assert_eq!(groups(&Topic::parse(topic).unwrap()), shown);
    }
}

#[test]
fn a_name_is_one_word_of_a_shell() {
    for (name, word) in [("acme", "acme"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$(x)", "'$(x)'")] {
        assert_eq!(values::quoted(name), word);
    }
    let dashed = Values { tenant: Some("-x".to_owned()), ..Values::default() };
    assert!(all(MdmKind::Intune, &dashed).contains("apnswatch verify --tenant=-x"));
}
