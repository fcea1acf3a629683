//! What an MDM, devices and people tell besides the certificate.

use super::*;

fn notices(list: &[(Notice, Option<i64>)]) -> Outcome {
    Outcome::success(Facts { notices: Some(list.iter().copied().collect()), ..Facts::default() })
}

#[test]
fn a_notice_of_days_is_an_estimate_that_does_not_jump() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, notices(&[]), at(0));
    let report = world.report(at(0));
    assert_eq!((report.phase, report.level), (Phase::Unknown, Level::Unknown), "no notice is no proof");
    world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(29))]), at(1) + TimeDelta::hours(9));
    let report = world.report(at(1));
    let known = report.effective.clone().unwrap();
    let midnight = at(1).date_naive().and_time(NaiveTime::MIN).and_utc();
    assert_eq!((known.precision, known.not_after), (Precision::Estimate, midnight + TimeDelta::days(29)));
    assert_eq!((report.phase, report.level), (Phase::Renew, Level::Warning));
    for (days, hours) in [(28, 4), (29, 8), (28, 20)] {
        world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(days))]), at(2) + TimeDelta::hours(hours));
        assert_eq!(end(&world.report(at(2))), known.not_after, "{days}");
    }
    world.learn(Source::Api, notices(&[]), at(3));
    assert_eq!(end(&world.report(at(3))), known.not_after, "a notice that is gone is no renewal");
    assert_eq!(world.report(at(40)).phase, Phase::Expired);
    world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(10))]), at(3));
    assert!(end(&world.report(at(3))) < known.not_after, "it moves when it differs by more than a day");
}

#[test]
fn an_expired_notice_without_a_date_ends_it_today() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, notices(&[(Notice::Expired, None)]), at(5) + TimeDelta::hours(9));
    let first = end(&world.report(at(6)));
    assert!(first <= at(5) + TimeDelta::hours(9));
    assert_eq!(world.report(at(6)).phase, Phase::Expired);
    world.learn(Source::Api, notices(&[(Notice::Expired, None)]), at(9));
    assert_eq!(end(&world.report(at(9))), first, "and not again every day");
}

#[test]
fn an_expired_notice_is_believed_before_any_estimate() {
    let mut world = World::new(&[Source::Api]);
    // Told early on a day and once only: the end that is reckoned from it is some hours late.
    world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(31))]), at(0));
    let midnight = at(0).date_naive().and_time(NaiveTime::MIN).and_utc();
    let hour = midnight + TimeDelta::days(30) + TimeDelta::hours(10);
    assert_eq!(world.report(hour).phase, Phase::Renew);
    world.learn(Source::Api, notices(&[(Notice::Expired, None)]), hour);
    let report = world.report(hour);
    assert_eq!((report.phase, report.level), (Phase::Expired, Level::Critical));
    let first = end(&report);
    world.learn(Source::Api, notices(&[(Notice::Expired, None)]), hour + TimeDelta::days(2));
    assert_eq!(end(&world.report(hour + TimeDelta::days(2))), first, "and it ended once");
    // A year later, where nobody saw that it will end: it is another certificate that ended.
    let next = hour + TimeDelta::days(365);
    world.learn(Source::Api, notices(&[(Notice::Expired, None)]), next);
    let report = world.report(next);
    assert!(report.phase == Phase::Expired && end(&report) > next - TimeDelta::days(1), "{:?}", report.phase);
}

#[test]
fn a_notice_beside_a_file_that_says_otherwise_is_a_finding_and_both_are_told() {
    let mut world = World::new(&[Source::Api, Source::File]);
    world.learn(Source::File, told(certificate(T1, "0A01", -165, 365)), at(0));
    world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(12))]), at(0));
    let report = world.report(at(0));
    assert_eq!((end(&report), report.phase), (at(200), Phase::Ok));
    assert_eq!(findings(&report), [Finding::NoticeDisagrees]);
    assert_eq!(report.level, Level::Warning);
    world.learn(Source::Api, notices(&[(Notice::Expired, None)]), at(1));
    assert_eq!(findings(&world.report(at(1))), [Finding::NoticeDisagrees]);
    world.learn(Source::Api, notices(&[]), at(2));
    assert_eq!(findings(&world.report(at(2))), []);
}

#[test]
fn a_revocation_stays_until_another_upload_is_attested() {
    let mut world = World::new(&[Source::Api, Source::File]);
    let (old, new) = (certificate(T1, "0A01", -165, 365), certificate(T1, "0A02", 1, 365));
    world.learn(Source::File, told(old), at(0));
    world.learn(Source::Api, notices(&[(Notice::Revoked, None)]), at(1));
    assert_eq!(world.report(at(1)).level, Level::Critical);
    world.learn(Source::Api, notices(&[]), at(2));
    world.attest_upload(&certificate(T1, "0A01", -165, 365), at(2));
    let report = world.report(at(2));
    assert!(report.revoked, "the notice may have been dismissed, and the old one is no replacement");
    assert!(report.sentence().contains("revoked"), "{}", report.sentence());
    world.learn(Source::File, told(new.clone()), at(2));
    world.attest_upload(&new, at(3));
    assert!(!world.report(at(3)).revoked);
    world.learn(Source::Api, notices(&[(Notice::Revoked, None)]), at(4));
    assert!(world.report(at(4)).revoked);
}

#[test]
fn a_profile_of_another_topic_is_drift_and_said_to_differ() {
    let mut world = World::new(&[Source::Profile, Source::File]);
    let given = PushCertificate { topic: Topic::parse(T2), ..PushCertificate::default() };
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(0));
    world.learn(Source::Profile, told(given), at(0));
    let report = world.report(at(0));
    assert_eq!(findings(&report), [Finding::ProfileDisagrees, Finding::PinAmbiguous]);
    set_pin(
        &mut world.memory,
        Some(Pin { topic: Topic::parse(T1).unwrap(), origin: PinOrigin::Config, since: at(0), by: None }),
        at(0),
    );
    let report = world.report(at(0));
    assert_eq!(report.level, Level::Critical);
    assert!(report.sentence().contains("which is the topic of tenant other"), "{}", report.sentence());
}

#[test]
fn topics_of_devices_confirm_a_pin_and_count_who_is_off() {
    let mut world = World::new(&[Source::File, Source::Device]);
    world.learn(Source::Device, Outcome::failure(Failure::new(Reason::NotFound, "no drop yet")), at(0));
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(0));
    assert_eq!(world.report(at(0)).pin.unwrap().origin, PinOrigin::FirstSeen);
    let counts = [(Topic::parse(T1).unwrap(), 40), (Topic::parse(T2).unwrap(), 2)].into();
    let facts = Facts {
        certificate: Some(Presence::from(PushCertificate { topic: Topic::parse(T1), ..PushCertificate::default() })),
        devices: Some(crate::model::DeviceTopics { counts }.into()),
        ..Facts::default()
    };
    world.learn(Source::Device, Outcome::success(facts), at(0));
    let report = world.report(at(0));
    assert_eq!(report.pin.unwrap().origin, PinOrigin::Confirmed);
    assert_eq!(report.devices_off_topic, Some(2));
    assert_eq!(report.findings.keys().copied().collect::<Vec<_>>(), [Finding::DevicesOffTopic]);
}

#[test]
fn only_a_fresh_control_says_that_pushes_arrive() {
    let mut world = World::new(&[Source::Push]);
    let push = |alive: Option<u64>, silent: Option<u64>| {
        let health = FamilyHealth { devices: 30, alive, silent, last_checkin: Some(at(0)) };
        let push = PushHealth { families: [(Family::Mac, health)].into(), disabled: None };
        Outcome::success(Facts { push: Some(push.into()), ..Facts::default() })
    };
    let is_blind = |report: &TenantReport| report.blind_spots.contains(&Question::Arrival);
    world.learn(Source::Push, push(None, None), at(0));
    assert!(is_blind(&world.report(at(0))), "check-ins alone answer nothing");
    world.learn(Source::Push, push(Some(9), Some(0)), at(0));
    assert!(is_blind(&world.report(at(0))), "too few");
    world.learn(Source::Push, push(Some(20), Some(1)), at(0));
    assert!(!is_blind(&world.report(at(0))));
    assert!(is_blind(&world.report(at(1))), "and not for ever");
    world.learn(Source::Push, push(Some(20), Some(15)), at(1));
    assert!(world.report(at(1)).sentence().contains("pushes may not arrive"));
}

#[test]
fn an_address_is_judged_by_the_teams_own_rules() {
    let mut world = World::new(&[Source::Api]);
    world.tenant.account_policy =
        AccountPolicy { domains: vec!["example.com".to_owned()], personal_patterns: vec!["*.*@*".to_owned()] }.into();
    let mut outcome = told_by_intune(certificate(T1, "0A01", 0, 365));
    outcome.facts.as_mut().unwrap().account = Some("kim.lee@elsewhere.example".into());
    world.learn(Source::Api, outcome, at(1));
    assert_eq!(findings(&world.report(at(1))), [Finding::AccountDomain, Finding::PersonalAccount]);
}

#[test]
fn a_token_that_ends_soon_is_something_to_do() {
    use crate::config::DeclaredToken;
    use crate::model::TokenKind;
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(0));
    world.tenant.tokens = vec![DeclaredToken { kind: TokenKind::Vpp, name: "main".to_owned(), not_after: at(40) }];
    assert_eq!(world.report(at(0)).level, Level::Ok);
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(10));
    let report = world.report(at(10));
    assert_eq!(report.level, Level::Warning);
    assert!(report.sentence().contains("vpp token main expires in 30 days"), "{}", report.sentence());
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(41));
    assert!(world.report(at(41)).sentence().contains("vpp token main expired 24 hours ago"));
}

#[test]
fn one_profile_of_another_topic_among_several_is_drift() {
    let mut world = World::new(&[Source::Profile]);
    let given = |topic: &str| PushCertificate { topic: Topic::parse(topic), ..PushCertificate::default() };
    world.learn(Source::Profile, told(given(T1)), at(0));
    let both = Facts { certificate: Some(Presence::from(given(T1))), others: vec![given(T2)], ..Facts::default() };
    world.learn(Source::Profile, Outcome::success(both), at(0));
    let report = world.report(at(0));
    assert_eq!(report.drift[&Source::Profile], other_ones(at(0)));
    assert_eq!(findings(&report), [Finding::ProfileDisagrees]);
}

#[test]
fn a_partial_answer_takes_nothing_away() {
    let mut world = World::new(&[Source::Device, Source::Push]);
    let pin = Pin { topic: Topic::parse(T1).unwrap(), origin: PinOrigin::Config, since: at(0), by: None };
    set_pin(&mut world.memory, Some(pin), at(0));
    let devices = |counts: &[(&str, u64)]| {
        let counts = counts.iter().map(|(topic, count)| (Topic::parse(topic).unwrap(), *count)).collect();
        Facts {
            certificate: Some(Presence::from(PushCertificate {
                topic: Topic::parse(T1),
                ..PushCertificate::default()
            })),
            devices: Some(crate::model::DeviceTopics { counts }.into()),
            ..Facts::default()
        }
    };
    let failure = || Some(Failure::new(Reason::Io, "one of two cannot be read"));
    world.learn(Source::Push, failed(Reason::Timeout), at(0));
    world.learn(Source::Device, Outcome::success(devices(&[(T1, 900), (T2, 500)])), at(0));
    world.learn(Source::Device, Outcome { facts: Some(devices(&[(T1, 900)])), failure: failure() }, at(0));
    assert_eq!(world.report(at(0)).devices_off_topic, Some(500));
    world.learn(Source::Device, Outcome::success(devices(&[(T1, 900)])), at(0));
    assert_eq!(world.report(at(0)).devices_off_topic, Some(0));
    assert_eq!(world.report(at(9)).devices_off_topic, None, "nobody has looked for days");
    let push = |push: PushHealth| Some(Facts { push: Some(push.into()), ..Facts::default() });
    let mac = FamilyHealth { devices: 30, alive: Some(20), silent: Some(15), last_checkin: None };
    let families = [(Family::Mac, mac)].into();
    world.learn(Source::Push, Outcome { facts: push(PushHealth { families, disabled: None }), failure: None }, at(0));
    let nothing = PushHealth { families: [].into(), disabled: Some(3) };
    world.learn(Source::Push, Outcome { facts: push(nothing), failure: failure() }, at(0));
    let known = world.report(at(0)).push.unwrap();
    assert_eq!((known.families[&Family::Mac].silent, known.disabled), (Some(15), Some(3)));
}

#[test]
fn an_account_that_the_mdm_does_not_show_cannot_be_renewed_with() {
    let mut world = World::new(&[Source::Api]);
    let mut outcome = told_by_intune(certificate(T1, "0A01", 0, 365));
    outcome.facts.as_mut().unwrap().account = Some("leaver@example.com".into());
    world.learn(Source::Api, outcome, at(1));
    world.account = Some(Account {
        address: "apns@example.com".to_owned(),
        owner: None,
        vault_item: None,
        second_factor: vec![],
        duties: BTreeMap::new(),
    });
    let report = world.report(at(1));
    assert_eq!(report.not_renewable, Some("the MDM shows another account than the configured one"));
    assert!(report.sentence().contains("another Apple Account"), "{}", report.sentence());
}

#[test]
fn what_was_reckoned_ends_with_an_upload_that_was_attested() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(10))]), at(0));
    world.attest_upload(&certificate(T1, "0A02", 1, 365), at(5));
    assert_eq!(
        world.report(at(20)).phase,
        Phase::Unknown,
        "the old end is none of the new one's, and no date is known"
    );
    world.learn(Source::Api, notices(&[(Notice::WillExpire, Some(4))]), at(6));
    assert_eq!(world.report(at(6)).phase, Phase::Renew, "the MDM warns again");
}
