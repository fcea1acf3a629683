//! The demo shows everything: whoever never saw a finding before should be able to see it there.

use std::collections::BTreeSet;

use apnswatch::demo::world::SCENES;
use apnswatch::model::{Family, Finding, MdmKind, Notice, Phase, Question, Source};
use serde_json::Value;

use crate::support::{Daemon, Scrape, ended, program};

type Words = BTreeSet<String>;

fn words<const N: usize>(words: [&str; N]) -> Words {
    words.into_iter().map(ToOwned::to_owned).collect()
}

/// The values of a label, on the samples of a series that are not 0.
fn shown(scrape: &Scrape, series: &str, label: &str) -> Words {
    let samples = scrape.all(series, &[]).into_iter().filter(|sample| sample.value != 0.0);
    samples.map(|sample| sample.labels[label].clone()).collect()
}

fn list() -> Vec<(&'static str, &'static str)> {
    SCENES.iter().map(|scene| (scene.name, scene.explanation)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_true_of_a_tenant_is_shown() {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = program();
    command.args(["demo", "--listen", "127.0.0.1:0"]).env("TMPDIR", temporary.path());
    let demo = Daemon::start(command).await;
    let findings = words(Finding::ALL.map(Finding::as_str));
    // The last ones come with the third answer and with a renewal that nobody confirms.
    let scrape = demo
        .until("every finding", |scrape| {
            shown(scrape, "apns_finding", "finding") == findings && scrape.reason("valley").is_some()
        })
        .await;
    let shown = |series, label| shown(&scrape, series, label);
    assert_eq!(shown("apns_mdm_notice", "notice"), words(Notice::ALL.map(Notice::as_str)));
    assert_eq!(shown("apns_certificate_phase", "phase"), words(Phase::ALL.map(Phase::as_str)));
    assert_eq!(shown("apns_tenant_info", "mdm"), words(MdmKind::ALL.map(MdmKind::as_str)));
    // One process stands at one place, and the demo's knows the way from there.
    let blind = Question::ALL.into_iter().filter(|question| *question != Question::WayOut);
    assert_eq!(shown("apns_blind_spot", "question"), blind.map(|question| question.as_str().to_owned()).collect());
    assert_eq!(shown("apns_certificate_info", "precision"), words(["exact", "declared", "estimate"]));
    assert_eq!(shown("apns_topic_pin_info", "origin"), words(["config", "confirmed", "first_seen"]));
    assert_eq!(shown("apple_token_not_after_timestamp_seconds", "kind"), words(["ade", "vpp"]));
    assert_eq!(shown("apns_topic_drift", "source"), words(["api", "file", "profile"]));
    let polled = Source::ALL.map(Source::as_str).into_iter().filter(|source| *source != "declared");
    assert_eq!(shown("apns_source_up", "source"), polled.map(ToOwned::to_owned).collect());
    let families = [Family::Iphone, Family::Ipad, Family::Mac].map(Family::as_str);
    assert_eq!(shown("apns_push_devices", "family"), words(families));

    // The way to Apple: devices are fine, and somebody listens in on one port of the API.
    let path = |name, role| scrape.value(name, &[("site", "demo"), ("role", role)]);
    assert_eq!((path("apns_path_up", "device"), path("apns_path_degraded", "device")), (Some(1.0), Some(0.0)));
    assert_eq!((path("apns_path_up", "server"), path("apns_path_degraded", "server")), (Some(1.0), Some(1.0)));
    assert_eq!(path("apns_tls_intercepted", "server"), Some(1.0));
    assert_eq!(scrape.value("apns_control_open", &[]), Some(0.0));

    // What the list says of these is true.
    let is_blind = |tenant: &str, question: &str| {
        scrape.value("apns_blind_spot", &[("tenant", tenant), ("question", question)]).is_some()
    };
    for tenant in ["orchard", "quarry", "garden"] {
        assert!(!is_blind(tenant, "arrival"), "{tenant}");
    }
    assert!(!is_blind("castle", "renewable") && is_blind("ferry", "renewable"));
    assert_eq!(scrape.one("apple_token_usable", &[("tenant", "orchard")]), 0.0);
    assert_eq!(scrape.one("apns_push_silent_ratio", &[("tenant", "quarry")]), 1.0);
    assert_eq!(scrape.one("apns_devices_off_topic", &[("tenant", "camp")]), 3.0);
    assert_eq!(scrape.one("apns_certificate_revoked", &[("tenant", "cliff")]), 1.0);
    assert_eq!(scrape.one("apns_tenant_muted", &[("tenant", "cove")]), 1.0);
    assert_eq!((scrape.state("retired"), scrape.state("missing")), (1.0, 0.0));
    for series in ["apns_account_mismatch", "apnswatch_credential_not_after_timestamp_seconds"] {
        assert!(!shown(series, "tenant").is_empty(), "{series}");
    }
    let status: Value = serde_json::from_str(&demo.get("/api/v1/status").await.body).unwrap();
    let tenants = status["tenants"].as_array().unwrap();
    let sentence = |name: &str| {
        let tenant = tenants.iter().find(|tenant| tenant["name"] == name).unwrap();
        tenant["sentence"].as_str().unwrap().to_owned()
    };
    assert!(sentence("bank").contains("which is the topic of tenant shore"), "{}", sentence("bank"));
    assert!(sentence("shore").contains("which is the topic of tenant bank"), "{}", sentence("shore"));

    // Everybody who is explained is there, and nobody else.
    let names = list().into_iter().map(|(name, _)| name.to_owned()).filter(|name| name != "ruin");
    assert_eq!(shown("apns_tenant_info", "tenant"), names.collect());
    demo.stop().await;
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0, "it leaves nothing behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_explains_each_tenant_in_one_plain_line() {
    let mut command = program();
    command.args(["demo", "--list"]);
    let ended = ended(command).await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    let printed: Vec<(&str, &str)> = ended
        .stdout
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .map(|(name, rest)| (name, rest.trim()))
        .collect();
    assert_eq!(printed, list());
    let names: BTreeSet<&str> = printed.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), printed.len(), "a name comes twice");
    for (name, explanation) in printed {
        assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        assert!((10..=100).contains(&explanation.len()), "{name}: {explanation}");
    }
}
