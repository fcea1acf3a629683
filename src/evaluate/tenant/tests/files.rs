//! What files say, and what they cannot say for the MDM.

use super::*;

#[test]
fn a_newer_file_is_not_the_mdms_word() {
    let mut world = World::new(&[Source::File]);
    let (old, new) = (certificate(T1, "0A01", 0, 365), certificate(T1, "0A02", 340, 365));
    world.learn(Source::File, told(old), at(300));
    assert_eq!(end(&world.report(at(300))), at(365), "the first file is effective at once");
    world.learn(Source::File, told(new.clone()), at(340));
    let report = world.report(at(366));
    assert_eq!((end(&report), report.phase), (at(365), Phase::Expired));
    assert_eq!(findings(&report), [Finding::RenewalUnconfirmed]);
    world.attest_upload(&new, at(341));
    let report = world.report(at(366));
    assert_eq!((end(&report), report.phase), (at(705), Phase::Ok));
    assert_eq!(findings(&report), []);
    assert_eq!(report.effective.as_ref().unwrap().renewed, Some(at(340)));
}

#[test]
fn an_older_file_is_believed_at_once_and_said_to_be_older() {
    let mut world = World::new(&[Source::File]);
    let (old, new) = (certificate(T1, "0A01", 0, 365), certificate(T1, "0A02", 340, 365));
    world.learn(Source::File, told(old.clone()), at(300));
    world.learn(Source::File, told(new.clone()), at(340));
    world.attest_upload(&new, at(341));
    world.learn(Source::File, told(old), at(350));
    let report = world.report(at(350));
    assert_eq!(end(&report), at(365));
    assert_eq!(findings(&report), [Finding::RolledBack]);
    world.learn(Source::File, told(new), at(351));
    assert_eq!(end(&world.report(at(351))), at(705), "it was confirmed once");
}

#[test]
fn a_file_of_another_topic_is_drift_and_nothing_to_confirm() {
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "0A01", 0, 365)), at(300));
    world.learn(Source::File, told(certificate(T2, "0B01", 340, 365)), at(340));
    let report = world.report(at(340));
    assert_eq!(end(&report), at(365));
    assert_eq!(findings(&report), []);
    assert!(matches!(report.drift[&Source::File], Verdict::Drifts(..)));
}

#[test]
fn a_renewed_file_that_was_never_uploaded_is_found() {
    let mut world = World::new(&[Source::Api, Source::File]);
    let (old, new) = (certificate(T1, "0A01", 0, 365), certificate(T1, "0A02", 340, 365));
    world.learn(Source::Api, told_by_intune(old.clone()), at(340));
    world.learn(Source::File, told(old), at(340));
    assert_eq!(findings(&world.report(at(340))), []);
    world.learn(Source::File, told(new.clone()), at(341));
    let report = world.report(at(341));
    assert_eq!((end(&report), report.phase), (at(365), Phase::Renew), "the MDM's word counts");
    assert_eq!(findings(&report), [Finding::RenewalNotUploaded]);
    let text = &report.findings[&Finding::RenewalNotUploaded];
    assert!(text.contains("0A01") && text.contains("0A02"), "{text}");
    world.learn(Source::Api, told_by_intune(new), at(342));
    assert_eq!(findings(&world.report(at(342))), []);
}

#[test]
fn files_that_disagree_pin_nothing() {
    let mut world = World::new(&[Source::File]);
    let mut outcome = told(certificate(T1, "0A01", 0, 365));
    outcome.facts.as_mut().unwrap().others.push(certificate(T2, "0B01", 0, 300));
    world.learn(Source::File, outcome, at(1));
    let report = world.report(at(1));
    assert_eq!(findings(&report), [Finding::FilesDisagree, Finding::PinAmbiguous]);
    assert_eq!((report.pin, report.level), (None, Level::Warning));
    assert!(report.blind_spots.contains(&Question::Lineage));
}

#[test]
fn a_wrong_first_file_never_stands_for_the_right_one() {
    let mut world = World::new(&[Source::File]);
    // expected_topic: T1. The wrong file (T2, 360 days left) lies there first; drift is told; the right one (10 days left) follows.
    let pin = Pin { topic: Topic::parse(T1).unwrap(), origin: PinOrigin::Config, since: at(0), by: None };
    set_pin(&mut world.memory, Some(pin), at(0));
    world.learn(Source::File, told(certificate(T2, "02", -5, 365)), at(0));
    assert_eq!(world.report(at(0)).level, Level::Critical);
    for minute in 1..4 {
        world.learn(Source::File, told(certificate(T1, "01", -355, 365)), at(0) + TimeDelta::minutes(minute));
    }
    let report = world.report(at(0) + TimeDelta::minutes(3));
    assert_eq!(report.effective.unwrap().certificate.topic, Topic::parse(T1));
    assert_eq!(report.phase, Phase::Renew);
}

#[test]
fn a_pin_set_on_purpose_makes_its_file_count() {
    let mut world = World::new(&[Source::File]);
    world.learn(Source::File, told(certificate(T1, "01", -5, 365)), at(0));
    // Re-enrolled: the new topic is in the file and was set on purpose; it ends sooner than the old one (e.g. older row).
    world.learn(Source::File, told(certificate(T2, "02", -300, 365)), at(1));
    let pin = Pin { topic: Topic::parse(T2).unwrap(), origin: PinOrigin::Confirmed, since: at(1), by: None };
    set_pin(&mut world.memory, Some(pin), at(1));
    world.learn(Source::File, told(certificate(T2, "02", -300, 365)), at(2));
    let report = world.report(at(2));
    assert!(report.effective.unwrap().certificate.topic == Topic::parse(T2) || !report.findings.is_empty());
}

#[test]
fn an_api_answer_without_a_date_does_not_bless_a_file_that_was_not_uploaded() {
    let mut world = World::new(&[Source::Api, Source::File]);
    let old = certificate(T1, "01", -360, 365);
    world.learn(Source::File, told(certificate(T1, "02", 0, 365)), at(0));
    world.learn(Source::Api, told_by_intune(old.clone()), at(0));
    let report = world.report(at(0));
    assert_eq!(report.phase, Phase::Renew);
    assert!(report.findings.contains_key(&Finding::RenewalNotUploaded));
    let mut dateless = old;
    dateless.not_after = None;
    world.learn(Source::Api, told_by_intune(dateless), at(0) + TimeDelta::minutes(15));
    let report = world.report(at(0) + TimeDelta::minutes(16));
    assert_ne!(report.phase, Phase::Ok);
}

#[test]
fn a_file_that_cannot_be_read_erases_no_known_date() {
    let mut world = World::new(&[Source::File]);
    let (old, new) = (certificate(T1, "01", -360, 365), certificate(T1, "02", 0, 365));
    world.learn(Source::File, told(old.clone()), at(0));
    world.learn(Source::File, told(new.clone()), at(0));
    world.attest_upload(&new, at(0));
    assert_eq!(world.report(at(0)).phase, Phase::Ok);
    // chmod 000 on the newer one: the older generation beside it is still readable.
    let facts = Facts { certificate: Some(Presence::from(old)), ..Facts::default() };
    let partial = Outcome { facts: Some(facts), failure: Some(Failure::new(Reason::Io, "new.pem cannot be read")) };
    world.learn(Source::File, partial, at(6));
    let report = world.report(at(6));
    assert_eq!(report.phase, Phase::Ok);
}

#[test]
fn none_beside_a_file_is_not_quiet() {
    let mut world = World::new(&[Source::Api, Source::File]);
    world.learn(Source::File, told(certificate(T1, "01", 0, 365)), at(0));
    world.learn(Source::Api, absent(), at(0));
    let report = world.report(at(0));
    assert_ne!(report.level, Level::Ok);
}

#[test]
fn what_was_taken_away_dates_nobody_while_files_cannot_be_read() {
    let mut world = World::new(&[Source::File]);
    let handed = certificate(T1, "0A", -300, 365);
    world.learn(Source::File, told(handed.clone()), at(0));
    world.learn(Source::File, failed(Reason::NotFound), at(1));
    assert_eq!(end(&world.report(at(2))), at(65), "a failure erases nothing");
    let statement = Statement::CertificateRemoved { sha256: handed.sha256.clone().unwrap() };
    world.say(statement, at(2));
    assert_eq!(world.report(at(3)).phase, Phase::Unknown);
    // There is a file with the same certificate, too.
    world.learn(Source::File, told(handed), at(4));
    assert_eq!(end(&world.report(at(5))), at(65));
}
