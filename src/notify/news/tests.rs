use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::evaluate::network::{PathReport, PortReport, TargetReport};
use crate::evaluate::tokens::TokenReport;
use crate::evaluate::{LetterReport, Level, Planned};
use crate::model::{
    AppleToken, Drill, DrillSeverity, Family, FamilyHealth, IpVersion, Pin, PinOrigin, Plan, ProbeFailure, ProbeReason,
    PushHealth, Step, TokenKind, Topic,
};
use crate::notify::rules::Rule;
use crate::notify::rules::{ONLY_BY_PROMETHEUS, RULES};
use crate::notify::sample::{World, at, hurt, tokens};
use crate::notify::template;
use crate::notify::template::{Sample, Source as Asked};

fn topic(digit: char) -> Topic {
    Topic::parse(&format!("com.apple.mgmt.External.{digit}")).unwrap()
}

fn network() -> NetworkReport {
    let path = |role| PathReport {
        role,
        up: Some(false),
        degraded: Some(true),
        last_round: None,
        proven: false,
        is_doubtful: false,
        sentence: String::new(),
    };
    let port = PortReport {
        port: 5223,
        ip_version: IpVersion::V4,
        up: Some(false),
        steps: BTreeMap::new(),
        failure: Some((Step::Tcp, ProbeFailure { reason: ProbeReason::Refused, message: String::new() })),
        issuer: None,
        host: String::new(),
        address: None,
    };
    let target = TargetReport {
        role: Role::Device,
        target: "courier".to_owned(),
        ports: vec![port],
        intercepted: Some(true),
        outside_apple: Some(true),
    };
    NetworkReport {
        site: "hq".to_owned(),
        site_runs_mdm: true,
        interval: Duration::from_secs(60),
        paths: vec![path(Role::Device), path(Role::Server)],
        targets: vec![target],
        control_open: Some(true),
        ask: Vec::new(),
        level: Level::Critical,
    }
}

/// A world in which everything is wrong that can be.
fn ruin() -> World {
    let mut world = World::new(4);
    world.is_probing = true;
    let now = world.report.now;
    world.phase(0, Phase::Expired);
    world.phase(1, Phase::Renew);
    world.phase(2, Phase::Plan);
    world.phase(3, Phase::Unknown);
    let token = |name: &str, kind, days: i64, usable| TokenReport {
        label: name.to_owned(),
        token: AppleToken {
            kind,
            id: String::new(),
            name: name.to_owned(),
            not_after: Some(now + TimeDelta::days(days)),
            usable,
            trouble: None,
        },
        is_declared: false,
    };
    let tenant = &mut world.report.tenants[0];
    tenant.pin = Some(Pin { topic: topic('a'), origin: PinOrigin::FirstSeen, since: now, by: None });
    for source in [Source::Api, Source::Profile, Source::Device, Source::File] {
        tenant.drift.insert(source, Verdict::Drifts(topic('b'), now, None));
    }
    tenant.revoked = true;
    tenant.findings = Finding::ALL.into_iter().map(|finding| (finding, String::new())).collect();
    tenant.notices = Some(Notice::ALL.into_iter().map(|notice| (notice, None)).collect());
    tenant.account_mismatch = Some(true);
    tenant.devices_off_topic = Some(7);
    let health = FamilyHealth { devices: 40, alive: Some(30), silent: Some(20), last_checkin: Some(now) };
    tenant.push = Some(PushHealth { families: [(Family::Mac, health)].into(), ..PushHealth::default() });
    tenant.credential_not_after = Some(now + TimeDelta::days(3));
    tenant.tokens = vec![token("one", TokenKind::Ade, -1, Some(false)), token("two", TokenKind::Vpp, 10, None)];
    hurt(tokens(tenant), Reason::Auth);
    hurt(tokens(&mut world.report.tenants[1]), Reason::Timeout);
    for state in world.report.whole.accounts.iter_mut().flat_map(|account| account.duties.values_mut()) {
        state.due = now;
    }
    world.report.whole.network = Some(network());
    world.report.whole.is_outdated = true;
    world.report.whole.config_errors = 2;
    world.report.whole.missing = 1;
    world.report.whole.store_up = false;
    world.report.whole.letter = Some(LetterReport {
        to: Vec::new(),
        every: TimeDelta::days(30),
        letters: Vec::new(),
        confirmed: None,
        unconfirmed: Some(true),
        next_number: 1,
    });
    world.failing.insert("slack".to_owned());
    world.report.whole.drills = DrillSeverity::ALL
        .into_iter()
        .map(|severity| Drill { severity, from: now, until: now, by: "kim".to_owned() })
        .collect();
    world
}

/// The alerts that a report makes.
fn alerts(world: &World) -> BTreeSet<(String, String)> {
    world.news(|news| news.standing.keys().map(|key| (key.alert.clone(), key.severity.as_str().to_owned())).collect())
}

#[test]
fn every_alert_of_the_rules_is_a_condition_or_named_as_none() {
    let mut world = ruin();
    let mut found = alerts(&world);
    world.report.whole.network.as_mut().unwrap().site_runs_mdm = false;
    found.extend(alerts(&world));
    world.report.whole.clock_plausible = false;
    world.report.tenants.clear();
    world.is_probing = false;
    found.extend(alerts(&world));
    let only: BTreeSet<&str> = ONLY_BY_PROMETHEUS.iter().map(|(alert, _)| *alert).collect();
    let is_there = |rule: &Rule| {
        found
            .iter()
            .any(|(alert, severity)| alert == rule.alert && (severity == rule.severity || rule.severity.is_empty()))
    };
    for rule in RULES {
        assert_ne!(is_there(rule), only.contains(rule.alert), "{} {}", rule.alert, rule.severity);
    }
    for (alert, severity) in &found {
        assert!(super::super::rules::rule(alert, severity).is_some(), "{alert} {severity} has no rule");
    }
}

#[test]
fn every_text_is_filled_in_whatever_is_known() {
    struct Nothing;
    impl Asked for Nothing {
        fn query(&self, _: &str) -> Vec<Sample> {
            Vec::new()
        }
    }
    let world = ruin();
    world.news(|news| {
        for key in news.standing.keys() {
            let rule = key.rule().unwrap();
            for source in [&news.facts as &dyn Asked, &Nothing] {
                let text = template::fill(rule.description, &key.labels, 1.0, source).unwrap();
                assert!(text.contains("Who can act: ") && !text.contains("{{"), "{text}");
                if rule.alert != "ApnsTopicDrift" {
                    assert!(text.contains("Next step: "), "{text}");
                }
            }
        }
    });
}

#[test]
fn the_words_are_those_of_the_alerts() {
    let world = ruin();
    let text = |alert: &str, label: (&str, &str)| {
        world.news(|news| {
            let mut keys = news.standing.keys();
            let key = keys.find(|key| key.alert == alert && key.label(label.0) == Some(label.1));
            news.told(key.unwrap_or_else(|| panic!("{alert}"))).paragraphs
        })
    };
    assert_eq!(
        text("ApnsCertificateExpiry", ("tenant", "t0000")),
        [
            "t0000 (kandji): the push certificate is past its end. End: 2027-09-01 00:00:00 UTC, time left 356d 14h 0m 0s; \
             known from source \"declared\" (declared).",
            "Who can act: the people behind account \"shared\" of the configuration.",
            "Next step: renew it all the same, at once: take a request from the MDM, press Renew (not Create) on the row of the \
             same topic at identity.apple.com/pushcert, upload the result. Do not create a new certificate and do not enrol \
             devices again: if Apple still renews the same row, the devices come back by themselves; no grace is promised.",
        ]
    );
    for (alert, label, part) in [
        ("ApnsTopicDrift", ("source", "api"), "tells the topic com.apple.mgmt.External.b."),
        ("ApnsTopicDrift", ("source", "api"), "com.apple.mgmt.External.a (taken at first sight, never confirmed)"),
        ("ApnsCredentialRejected", ("tenant", "t0000"), "Reason: auth."),
        ("ApnsSourceFailing", ("tenant", "t0001"), "Reason: timeout. It has never given a good answer."),
        ("ApnsFinding", ("finding", "devices_off_topic"), "7 device(s) listen on another topic"),
        ("ApnsPushSilent", ("family", "mac"), "66.67% of the devices of the family \"mac\""),
        ("ApnsPushSilent", ("family", "mac"), "the family has 40 device(s), its newest check-in was at 2026-09-09"),
        ("ApnsCredentialExpiry", ("tenant", "t0000"), "ends soon; without it"),
        ("AppleTokenExpiry", ("token", "one"), "End: 2026-09-08 10:00:00 UTC, time left -1d 0h 0m 0s"),
        ("AppleTokenExpiry", ("token", "two"), "ends soon; after that the MDM can assign no more apps"),
        ("ApnsDutyDue", ("duty", "sign_in"), "4 tenant(s) renew with this account"),
        ("ApnsDevicePathDown", ("site", "hq"), "Most frequent reason lately: refused."),
        ("ApnswatchConfigErrors", ("instance", "host"), "found 2 error(s)"),
        ("ApnswatchReloadFailed", ("instance", "host"), "loaded at 2026-09-09 10:00:00 UTC"),
        ("ApnswatchNotifyFailing", ("channel", "slack"), "by the channel \"slack\""),
    ] {
        let text = text(alert, label).join(" ");
        assert!(text.contains(part), "{alert}: {text}");
    }
}

#[test]
fn a_renewal_of_today_is_told_beside_a_dead_path() {
    let mut world = ruin();
    let renewed = world.report.now - TimeDelta::hours(3);
    world.report.tenants[1].effective.as_mut().unwrap().renewed = Some(renewed);
    world.news(|news| {
        let key = news.standing.keys().find(|key| key.alert == "ApnsDevicePathDown").unwrap();
        let text = news.told(key).paragraphs.join(" ");
        assert!(text.contains("Renewed within the last 24 hours: t0001. Check the firewall"), "{text}");
    });
}

#[test]
fn a_plan_a_mute_and_a_better_word_hush() {
    let mut world = ruin();
    let now = world.report.now;
    let plan = Plan {
        on: now.date_naive(),
        who: "kim".to_owned(),
        tier: crate::model::Tier::Warning,
        not_after: world.report.tenants[1].effective.as_ref().unwrap().not_after,
    };
    world.report.tenants[1].planned = Some(Planned { plan, by: "kim".to_owned(), at: now });
    world.report.tenants[2].muted = Some(at("2026-10-01T00:00:00Z").date_naive());
    let hush = |world: &World, alert: &str, labels: &[(&str, &str)]| {
        world.news(|news| {
            let is_meant =
                |key: &&Key| key.alert == alert && labels.iter().all(|(name, value)| key.label(name) == Some(value));
            let key = news.standing.keys().find(is_meant).unwrap_or_else(|| panic!("{alert} {labels:?}"));
            news.standing[key].hush
        })
    };
    let expiry = "ApnsCertificateExpiry";
    assert_eq!(hush(&world, expiry, &[("tenant", "t0000")]), None);
    assert_eq!(hush(&world, expiry, &[("tenant", "t0001")]), Some(Hush::Planned));
    assert_eq!(hush(&world, expiry, &[("tenant", "t0002")]), Some(Hush::Muted));
    assert_eq!(hush(&world, "ApnsMdmNotice", &[("notice", "expired")]), Some(Hush::Explained));
    assert_eq!(hush(&world, "ApnsMdmNotice", &[("notice", "apns_unreachable")]), None);
    assert_eq!(hush(&world, "ApnsSourceFailing", &[("tenant", "t0000")]), Some(Hush::Explained));
    assert_eq!(hush(&world, "ApnsSourceFailing", &[("tenant", "t0001")]), None);
    // The plan was for another tier: what comes after it is loud.
    world.phase(1, Phase::Expired);
    assert_eq!(hush(&world, expiry, &[("tenant", "t0001")]), None);
}

#[test]
fn what_no_round_tells_is_not_over() {
    let mut world = ruin();
    let keys: Vec<Key> =
        world.news(|news| news.standing.keys().filter(|key| key.label("site").is_some()).cloned().collect());
    assert!(keys.len() >= 8, "{keys:?}");
    let fates = |world: &World| -> BTreeSet<(String, String)> {
        world.news(|news| keys.iter().map(|key| (key.alert.clone(), format!("{:?}", news.fate(key)))).collect())
    };
    world.report.whole.network = None;
    assert!(fates(&world).iter().all(|(_, fate)| fate == "Unjudged"));
    world.is_probing = false;
    assert!(fates(&world).iter().all(|(_, fate)| fate == "Over"));
}

#[test]
fn by_a_clock_that_cannot_be_right_no_token_and_no_login_ends() {
    let mut world = ruin();
    let ends = |world: &World| {
        let is_end = |key: &&Key| ["AppleTokenExpiry", "ApnsCredentialExpiry"].contains(&key.alert.as_str());
        world.news(|news| news.standing.keys().filter(is_end).cloned().collect::<Vec<_>>())
    };
    let told = ends(&world);
    assert_eq!(told.len(), 3, "{told:?}");
    world.report.whole.now = at("2056-01-01T00:00:00Z");
    world.report.whole.clock_plausible = false;
    assert_eq!(ends(&world), []);
    assert!(world.news(|news| told.iter().all(|key| news.fate(key) == Fate::Unjudged)), "nor is it over");
}

#[test]
fn what_its_source_cannot_say_any_more_is_not_over() {
    let mut world = World::new(1);
    let of = |alert: &str, labels: &[(&str, &str)]| {
        let labels = [&[("tenant", "t0000"), ("mdm", "kandji")], labels].concat();
        Key::new(alert, Severity::Warning, &labels)
    };
    let told = [
        of("ApnsTopicDrift", &[("source", "tokens")]),
        of("AppleTokenUnusable", &[("kind", "vpp"), ("token", "gone")]),
    ];
    let failing = of("ApnsSourceFailing", &[("source", "tokens")]);
    let fates = |world: &World| {
        let all = told.iter().chain([&failing]);
        world.news(|news| all.map(|key| news.fate(key)).collect::<Vec<_>>())
    };
    // It answers somebody else's question, or has not been asked since the login is another one.
    assert_eq!(fates(&world), [Fate::Unjudged, Fate::Unjudged, Fate::Over]);
    tokens(&mut world.report.tenants[0]).told = Some(at("2026-09-09T09:00:00Z"));
    assert_eq!(fates(&world), [Fate::Over, Fate::Over, Fate::Over]);
    // It left the configuration.
    world.report.tenants[0].sources.retain(|source| source.source != Source::Tokens);
    assert_eq!(fates(&world), [Fate::Unwatched, Fate::Unwatched, Fate::Unwatched]);
    // The MDM that told it is another one now.
    for alert in ["ApnsMdmNotice", "ApnsAccountMismatch", "ApnsCertificateRevoked", "ApnsPushSilent"] {
        assert_eq!(world.news(|news| news.fate(&of(alert, &[]))), Fate::Unwatched, "{alert}");
    }
}

#[test]
fn what_another_replica_said_of_itself_is_not_over_because_we_send_now() {
    let mut world = ruin();
    let own = |instance: &str| Key::new("ApnswatchStoreDown", Severity::Warning, &[("instance", instance)]);
    world.report.whole.store_up = true;
    let fates = world.news(|news| [news.fate(&own("host")), news.fate(&own("another"))]);
    assert_eq!(fates, [Fate::Over, Fate::Unwatched]);
}

#[test]
fn a_name_from_outside_moves_nothing() {
    let key = Key::new("ApnsTopicDrift", Severity::Critical, &[("tenant", "a\u{202e}b"), ("source", "api")]);
    assert_eq!((key.name(), key.detail()), ("a\\u{202e}b".to_owned(), "api".to_owned()));
}
