mod changed;
mod files;
mod mdm;
mod planned;
mod verified;

use std::collections::HashMap;
use std::time::Duration;

use super::*;
use crate::config::{AccountPolicy, Certificate, Declared, Mdm, Muted, PollTimes};
use crate::evaluate::learn::{Expectations, learn, set_pin};
use crate::model::{Attestation, Facts, Family, FamilyHealth, Outcome, Policy, Precision, Reason, Serial, Statement};
use crate::provider::intune;

const T1: &str = "com.apple.mgmt.External.11111111-0000-4000-8000-000000000001";
const T2: &str = "com.apple.mgmt.External.22222222-0000-4000-8000-000000000002";
const INTERVAL: Duration = Duration::from_secs(900);
const DAY: i64 = 86_400;

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + DAY * day, 0).unwrap()
}

/// A certificate of a topic with a serial that begins on a day and lives for so many.
fn certificate(topic: &str, serial: &str, begins: i64, lives: i64) -> PushCertificate {
    PushCertificate {
        topic: Topic::parse(topic),
        serial: Serial::parse_hex(serial),
        not_before: Some(at(begins)),
        not_after: Some(at(begins + lives)),
        sha256: Some(format!("{serial}{serial}")),
        ..PushCertificate::default()
    }
}

fn told(certificate: PushCertificate) -> Outcome {
    Outcome::success(Facts { certificate: Some(certificate.into()), ..Facts::default() })
}

/// As Intune tells it: no start, no fingerprint.
fn told_by_intune(mut certificate: PushCertificate) -> Outcome {
    certificate.not_before = None;
    certificate.sha256 = None;
    told(certificate)
}

fn absent() -> Outcome {
    Outcome::success(Facts { certificate: Some(Presence::Absent), ..Facts::default() })
}

fn failed(reason: Reason) -> Outcome {
    Outcome::failure(Failure::new(reason, "it does not work"))
}

struct World {
    tenant: Tenant,
    account: Option<Account>,
    memory: Memory,
    polled: Vec<(Source, Duration)>,
    store_up: bool,
}

impl World {
    fn new(sources: &[Source]) -> Self {
        let is_intune = sources.contains(&Source::Api);
        let settings = intune::Settings {
            directory: "11111111-1111-4111-8111-111111111111".to_owned(),
            cloud: None,
            login_url: None,
            graph_url: None,
            client_id: "22222222-2222-4222-8222-222222222222".to_owned(),
            client_secret_file: Some("/run/secrets/intune".into()),
            client_certificate_file: None,
            client_key_file: None,
            federated_token_file: None,
            credential_expires: None,
            tokens: true,
            push: true,
        };
        let tenant = Tenant {
            name: TenantName::parse("acme").unwrap(),
            labels: Labels::default(),
            account: None,
            mdm: if is_intune { Mdm::Intune(Box::new(settings)) } else { Mdm::None },
            certificate: Certificate::default(),
            network: Arc::default(),
            poll: PollTimes { interval: INTERVAL, timeout: Duration::from_secs(20) },
            policy: Policy::default(),
            account_policy: Arc::default(),
            tokens: Vec::new(),
            muted: None,
            retired: false,
            formerly: Vec::new(),
        };
        let polled = sources.iter().map(|source| (*source, INTERVAL)).collect();
        Self { tenant, account: None, memory: Memory::default(), polled, store_up: true }
    }

    fn learn(&mut self, source: Source, outcome: Outcome, at: DateTime<Utc>) {
        let sources = self.polled.iter().map(|(source, _)| *source).collect();
        let expectations = Expectations { sources, may_pin: true };
        learn(&mut self.memory, &expectations, source, "here", outcome, at);
    }

    fn say(&mut self, statement: Statement, at: DateTime<Utc>) {
        let by = "kim".to_owned();
        self.memory.attestations.push(Attestation { statement, at, by, note: None, witness: None, ticket: None });
    }

    fn attest_upload(&mut self, certificate: &PushCertificate, at: DateTime<Utc>) {
        let (serial, sha256) = (certificate.serial.clone(), certificate.sha256.clone());
        self.say(Statement::Uploaded { serial, sha256 }, at);
    }

    fn report(&self, now: DateTime<Utc>) -> TenantReport {
        let (topic, other) = (Topic::parse(T2).unwrap(), TenantName::parse("other").unwrap());
        let owners = HashMap::from([(&topic, &other)]);
        let case = Case {
            tenant: &self.tenant,
            account: self.account.as_ref(),
            memory: &self.memory,
            polled: &self.polled,
            account_report: None,
            owners: &owners,
            network: None,
            store_up: self.store_up,
        };
        case.report(Moment { now, built: at(-100) })
    }
}

fn findings(report: &TenantReport) -> Vec<Finding> {
    report.findings.keys().copied().collect()
}

fn end(report: &TenantReport) -> DateTime<Utc> {
    report.effective.as_ref().unwrap().not_after
}

#[test]
fn nothing_known_is_unknown_and_never_fine() {
    for world in [World::new(&[Source::Api]), World::new(&[Source::File]), World::new(&[])] {
        let report = world.report(at(0));
        assert_eq!((report.phase, report.level), (Phase::Unknown, Level::Unknown));
        assert_eq!(report.effective, None);
        assert_eq!(report.drift, BTreeMap::new());
        assert_eq!(report.blind_spots, Question::ALL);
        assert!(report.sources.iter().all(|source| !source.up));
        let (end, others) =
            ("nobody can say when it ends", "nobody watches the topic, the way to Apple, whether pushes arrive");
        assert!(report.sentence().starts_with(&format!("unknown: {end}; ")), "{}", report.sentence());
        assert!(report.sentence().contains(&format!("; {others}")), "{}", report.sentence());
        assert!(!report.sentence().contains("watches when it ends"), "said already: {}", report.sentence());
    }
}

#[test]
fn a_watched_tenant_is_never_plainly_ok() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(1));
    let report = world.report(at(1));
    assert_eq!((report.phase, report.level), (Phase::Ok, Level::Ok));
    assert_eq!(report.drift[&Source::Api], Verdict::Agrees);
    assert_eq!(report.blind_spots, [Question::WayOut, Question::Arrival, Question::Renewable]);
    assert_eq!(
        report.sentence(),
        "ok; the topic is unconfirmed, but nobody watches the way to Apple, whether pushes arrive, whether it could be \
         renewed"
    );
}

#[test]
fn a_failing_mdm_keeps_its_date_and_loses_its_good_word() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(1));
    world.learn(Source::Api, failed(Reason::Timeout), at(1) + TimeDelta::minutes(15));
    let soon = world.report(at(1) + TimeDelta::minutes(40));
    assert_eq!(soon.drift[&Source::Api], Verdict::Agrees);
    assert_eq!((soon.phase, soon.level), (Phase::Ok, Level::Warning));
    let later = world.report(at(1) + TimeDelta::minutes(46));
    assert_eq!(later.drift, BTreeMap::new(), "three intervals without a success");
    assert!(later.blind_spots.contains(&Question::Lineage));
    assert!(later.sentence().contains("nobody watches the topic"), "{}", later.sentence());
    let expired = world.report(at(365));
    assert_eq!((expired.phase, end(&expired)), (Phase::Expired, at(365)));
    assert_eq!(expired.level, Level::Critical);
}

/// The topic of the tenant "other" was told, from then on.
fn other_ones(since: DateTime<Utc>) -> Verdict {
    Verdict::Drifts(Topic::parse(T2).unwrap(), since, TenantName::parse("other").ok())
}

#[test]
fn a_drift_outlives_its_source() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(1));
    world.learn(Source::Api, told_by_intune(certificate(T2, "0A02", 1, 365)), at(2));
    world.learn(Source::Api, failed(Reason::Connect), at(3));
    let report = world.report(at(90));
    assert_eq!(report.drift[&Source::Api], other_ones(at(2)));
    assert_eq!((report.phase, report.level), (Phase::Ok, Level::Critical));
    assert!(report.sentence().starts_with("topic drift: source api tells com.apple.mgmt.External.2222"));
    assert!(!report.blind_spots.contains(&Question::Lineage));
    assert_eq!(report.effective.as_ref().unwrap().renewed, None, "another topic is no renewal");
}

#[test]
fn a_success_of_the_future_is_no_success() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(50));
    assert_eq!(world.report(at(1)).drift, BTreeMap::new());
}

#[test]
fn a_proper_renewal_moves_the_end_and_says_when() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(300));
    assert_eq!(world.report(at(300)).effective.as_ref().unwrap().renewed, None);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A02", 301, 365)), at(301));
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A02", 301, 365)), at(302));
    let report = world.report(at(302));
    assert_eq!(end(&report), at(666));
    assert_eq!(report.effective.as_ref().unwrap().renewed, Some(at(301)));
    assert_eq!(report.drift[&Source::Api], Verdict::Agrees);
    assert_eq!(findings(&report), []);
}

#[test]
fn answers_by_turns_are_a_remark_and_no_second_renewal() {
    let mut world = World::new(&[Source::Api]);
    let (old, new) = (certificate(T1, "0A01", 0, 365), certificate(T1, "0A02", 301, 365));
    world.learn(Source::Api, told_by_intune(old.clone()), at(300));
    for turn in 0..4 {
        world.learn(Source::Api, told_by_intune(new.clone()), at(301 + 2 * turn));
        assert_eq!(world.report(at(301)).effective.as_ref().unwrap().renewed, Some(at(301)));
        world.learn(Source::Api, told_by_intune(old.clone()), at(302 + 2 * turn));
    }
    let report = world.report(at(308));
    assert_eq!(findings(&report), [Finding::RolledBack]);
    assert_eq!(end(&report), at(365), "the end that is told now");
}

#[test]
fn a_renewal_that_is_uploaded_again_after_a_step_back_lives_no_shorter() {
    let mut world = World::new(&[Source::Api]);
    let (old, new) = (certificate(T1, "0A01", 0, 365), certificate(T1, "0A02", 301, 365));
    world.learn(Source::Api, told_by_intune(old.clone()), at(300));
    world.learn(Source::Api, told_by_intune(new.clone()), at(301));
    for day in 302..330 {
        world.learn(Source::Api, told_by_intune(old.clone()), at(day));
    }
    assert_eq!(findings(&world.report(at(329))), [Finding::RolledBack]);
    world.learn(Source::Api, told_by_intune(new), at(330));
    assert_eq!(findings(&world.report(at(330))), []);
}

#[test]
fn a_renewal_that_lives_too_short_is_found_with_and_without_a_start() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(300));
    assert_eq!(findings(&world.report(at(300))), [], "one that was there before says nothing");
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A02", 301, 100)), at(301));
    assert_eq!(findings(&world.report(at(301))), [Finding::RenewalTooShort]);
    // The change happened some time during a long outage, so nobody can say how long the new one lives.
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(100));
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A02", 110, 365)), at(300));
    assert_eq!(findings(&world.report(at(300))), []);
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 100)), at(1));
    assert_eq!(findings(&world.report(at(1))), [Finding::RenewalTooShort]);
}

#[test]
fn no_certificate_is_quiet_until_one_was_seen() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, absent(), at(1));
    let report = world.report(at(1));
    assert_eq!((report.phase, report.level), (Phase::None, Level::Ok));
    assert_eq!(findings(&report), []);
    assert_eq!(report.blind_spots, [Question::WayOut, Question::Arrival, Question::Renewable]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A01", 0, 365)), at(2));
    world.learn(Source::Api, absent(), at(3));
    world.learn(Source::Api, failed(Reason::Http), at(4));
    let report = world.report(at(4));
    assert_eq!((report.phase, report.level), (Phase::None, Level::Critical));
    assert_eq!(findings(&report), [Finding::Removed]);
}

#[test]
fn what_was_declared_is_an_answer_and_no_watch() {
    let mut world = World::new(&[]);
    world.tenant.certificate.declared = Some(Box::new(Declared { not_after: Some(at(365)), topic: Topic::parse(T2) }));
    let report = world.report(at(1));
    let known = report.effective.as_ref().unwrap();
    assert_eq!((known.source, known.precision, report.phase), (Source::Declared, Precision::Declared, Phase::Ok));
    assert!(report.blind_spots.contains(&Question::Lineage));
    set_pin(
        &mut world.memory,
        Some(Pin { topic: Topic::parse(T1).unwrap(), origin: PinOrigin::Config, since: at(0), by: None }),
        at(0),
    );
    let report = world.report(at(1));
    assert!(matches!(report.drift[&Source::Declared], Verdict::Drifts(..)));
    assert_eq!(report.level, Level::Critical);
}

#[test]
fn two_uids_are_no_topic() {
    let mut world = World::new(&[Source::File]);
    let mut ambiguous = certificate("", "0A01", 0, 365);
    ambiguous.topic_ambiguous = true;
    world.learn(Source::File, told(ambiguous), at(1));
    let report = world.report(at(1));
    assert_eq!(findings(&report), [Finding::TopicAmbiguous]);
    assert_eq!((report.drift.len(), report.pin), (0, None));
}

#[test]
fn a_start_in_the_future_is_not_expiry() {
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "0A01", 2, 365)), at(0));
    let report = world.report(at(0));
    assert_eq!((report.phase, findings(&report)), (Phase::Ok, vec![Finding::NotYetValid]));
    assert_eq!(findings(&world.report(at(2) - TimeDelta::seconds(30))), [], "clocks differ a little");
}

#[test]
fn a_clock_that_cannot_be_right_says_unknown() {
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(1));
    for now in [DateTime::UNIX_EPOCH, at(-101), at(21 * 366)] {
        let report = world.report(now);
        assert_eq!(report.phase, Phase::Unknown, "{now}");
        assert_eq!(end(&report), at(365), "the date stays known");
        assert!(report.sentence().contains("clock"), "{}", report.sentence());
    }
    assert_eq!(world.report(at(1)).phase, Phase::Ok);
}

#[test]
fn an_account_is_compared_where_both_are_known() {
    let mut world = World::new(&[Source::Api]);
    let mut outcome = told_by_intune(certificate(T1, "0A01", 0, 365));
    outcome.facts.as_mut().unwrap().account = Some("Push@Example.com ".into());
    world.learn(Source::Api, outcome, at(1));
    assert_eq!(world.report(at(1)).account_mismatch, None);
    let account = |address: &str| {
        Some(Account {
            address: address.to_owned(),
            owner: None,
            vault_item: None,
            second_factor: vec![],
            duties: BTreeMap::new(),
        })
    };
    world.account = account("push@example.com");
    assert_eq!(world.report(at(1)).account_mismatch, Some(false));
    world.account = account("other@example.com");
    assert_eq!(world.report(at(1)).account_mismatch, Some(true));
}

#[test]
fn a_mute_ends_by_itself() {
    let mut world = World::new(&[Source::File]);
    let until = at(10).date_naive();
    world.tenant.muted = Some(Box::new(Muted { until, reason: "moving".to_owned() }));
    assert_eq!(world.report(at(9)).muted, Some(until));
    assert_eq!(world.report(at(10)).muted, None);
}

#[test]
fn a_partial_failure_does_not_end_a_drift() {
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "01", -300, 365)), at(0));
    world.learn(Source::File, told(certificate(T2, "02", 0, 365)), at(0));
    assert_eq!(world.report(at(0)).level, Level::Critical);
    let facts = Facts { certificate: Some(certificate(T1, "01", -300, 365).into()), ..Facts::default() };
    let partial = Outcome { facts: Some(facts), failure: Some(Failure::new(Reason::Io, "t2.pem cannot be read")) };
    world.learn(Source::File, partial.clone(), at(1));
    world.learn(Source::File, partial, at(1));
    let report = world.report(at(1));
    assert_eq!(report.level, Level::Critical);
}

#[test]
fn a_source_nobody_asked_for_a_month_is_not_fine() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "01", 0, 365)), at(0));
    let report = world.report(at(60));
    assert_ne!(report.level, Level::Ok);
}

#[test]
fn an_api_that_stops_telling_the_topic_is_not_plainly_fine() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "01", 0, 365)), at(0));
    let mut mute = certificate(T1, "01", 0, 365);
    mute.topic = None;
    world.learn(Source::Api, told_by_intune(mute), at(1));
    let report = world.report(at(1));
    assert_ne!(report.level, Level::Ok);
}

#[test]
fn another_directory_without_a_certificate_lacks_the_pinned_one() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "01", 0, 365)), at(0));
    let expectations = Expectations { sources: vec![Source::Api], may_pin: true };
    learn(&mut world.memory, &expectations, Source::Api, "another directory", absent(), at(1));
    let report = world.report(at(1));
    let text = &report.findings[&Finding::Removed];
    assert!(
        text.contains(T1) && !text.contains("serial"),
        "what another directory had says nothing of this one: {text}"
    );
}

#[test]
fn the_five_answers_are_good_only_while_somebody_says_so() {
    use crate::evaluate::answers::{Standing, answers};
    let answer = |report: &TenantReport, question: Question| {
        let answer = answers(report).into_iter().find(|answer| answer.question == question).unwrap();
        (answer.standing, answer.words)
    };
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told(certificate(T1, "0A", 0, 365)), at(0));
    assert_eq!(answer(&world.report(at(0)), Question::Expiry), (Standing::Good, "far away"));
    // Nobody has heard of it for two days, so that it may be revoked or gone.
    assert_eq!(answer(&world.report(at(2)), Question::Expiry), (Standing::Attention, "not heard lately"));
    world.learn(Source::Api, told(certificate(T1, "0B", 12, 365)), at(10));
    assert_eq!(answer(&world.report(at(10)), Question::Expiry), (Standing::Attention, "not valid yet"));

    let health = FamilyHealth { devices: 20, alive: Some(20), silent: Some(20), last_checkin: None };
    let push = PushHealth { families: [(Family::Mac, health)].into(), disabled: None };
    let mut world = World::new(&[Source::Push]);
    world.learn(Source::Push, Outcome::success(Facts { push: Some(push.into()), ..Facts::default() }), at(0));
    for day in [0, 5] {
        let report = world.report(at(day));
        assert_eq!(answer(&report, Question::Arrival), (Standing::Attention, "devices silent"), "{day}");
    }

    let mut world = World::new(&[Source::Api]);
    let notices = Notices::from([(Notice::ApnsUnreachable, None)]);
    let facts = Facts { notices: Some(notices), ..Facts::default() };
    world.learn(Source::Api, Outcome::success(facts), at(0));
    let mut report = world.report(at(0));
    for seen in [None, Some(true)] {
        report.way_out = seen;
        assert_eq!(answer(&report, Question::WayOut), (Standing::Attention, "not for the MDM"));
    }
}
