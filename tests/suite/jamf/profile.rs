//! The topic of enrolment profiles.

use apnswatch::demo::jamf::{Answer, Resource};
use apnswatch::model::{Reason, Source};
use serde_json::{Value, json};

use super::bench::{Bench, facts, failure, poll};

const PROFILE: &str = include_str!("../../fixtures/jamf/profile.mobileconfig");
const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000b2";

fn list(ids: &[u64]) -> Answer {
    let entry = |id: &u64| json!({ "id": id, "name": "Enrol", "invitation": "s3cret-invitation" });
    Answer::List(ids.iter().map(entry).collect::<Vec<Value>>())
}

fn profile(topic: &str) -> Answer {
    Answer::Bytes(PROFILE.replace(TOPIC, topic).into_bytes())
}

fn without_topic() -> Answer {
    Answer::Bytes(PROFILE.replace("com.apple.mdm", "com.apple.other").into_bytes())
}

#[tokio::test]
async fn only_the_topic_is_kept() {
    let bench = Bench::answering(Resource::Profiles, list(&[7])).await;
    bench.answer(Resource::Profile(7), profile(TOPIC));
    let told = facts(&bench.jamf(), Source::Profile).await;
    let certificate = told.present().unwrap();
    assert_eq!(certificate.topic.as_ref().unwrap().as_str(), TOPIC);
    assert_eq!((certificate.not_after, &certificate.serial), (None, &None));
    assert_eq!((told.others.len(), told.remarks.len()), (0, 0));
    assert_eq!(*told.origin, *format!("{}, enrolment profile 7", bench.simulator.url("")));
    assert!(!format!("{told:?}").contains("s3cret"));
    assert_eq!(
        bench.reads(),
        ["/JSSResource/mobiledeviceenrollmentprofiles", "/api/v1/mobile-device-enrollment-profile/7/download-profile"]
    );
    bench.assert_read_only();
}

#[tokio::test]
async fn what_holds_no_topic_tells_none_and_is_no_failure() {
    let bench = Bench::new().await;
    let jamf = bench.jamf();
    let told = facts(&jamf, Source::Profile).await;
    assert_eq!(told.certificate, None);
    assert!(told.remarks[0].contains("has no enrolment profile"), "{:?}", told.remarks);

    bench.answer(Resource::Profiles, list(&[1]));
    bench.answer(Resource::Profile(1), without_topic());
    let told = facts(&jamf, Source::Profile).await;
    assert_eq!(told.certificate, None);
    assert!(told.remarks[0].contains("no topic in the profile"), "{:?}", told.remarks);

    bench.answer(Resource::Profile(1), Answer::Html(404));
    let told = facts(&jamf, Source::Profile).await;
    assert_eq!(told.certificate, None);
    assert!(told.remarks[0].contains("does not give out"), "{:?}", told.remarks);
}

#[tokio::test]
async fn the_first_profile_with_a_topic_counts_and_others_disagree() {
    let bench = Bench::answering(Resource::Profiles, list(&[1, 2, 3, 4, 5])).await;
    let other = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ff";
    for (id, answer) in [
        (1, without_topic()),
        (2, profile(TOPIC)),
        (3, profile(&TOPIC.to_uppercase())),
        (4, profile(other)),
        (5, Answer::Html(404)),
    ] {
        bench.answer(Resource::Profile(id), answer);
    }
    let told = facts(&bench.jamf(), Source::Profile).await;
    assert_eq!(told.present().unwrap().topic.as_ref().unwrap().as_str(), TOPIC);
    assert_eq!(told.others.len(), 1);
    assert_eq!(told.others[0].topic.as_ref().unwrap().as_str(), other);
    assert_eq!(told.remarks, ["Of 5 enrolment profiles, 1 could not be found."]);
}

#[tokio::test]
async fn a_profile_that_was_not_read_is_not_one_that_agrees() {
    let bench = Bench::answering(Resource::Profiles, list(&[1, 2, 3])).await;
    let jamf = bench.jamf();
    bench.answer(Resource::Profile(1), profile(TOPIC));
    bench.answer(Resource::Profile(3), profile(TOPIC));
    let second = "<dict><key>PayloadType</key><string>com.apple.mdm</string>\
                  <key>Topic</key><string>com.apple.mgmt.External.a</string></dict></array>";
    let ambiguous = PROFILE.replace("</array>", second);
    for (answer, reason, words) in [
        (Answer::Html(200), Reason::Malformed, "cannot be read"),
        (Answer::Bytes(ambiguous.into_bytes()), Reason::Malformed, "2 different topics"),
        (Answer::Empty(204), Reason::Malformed, "without what was asked for"),
        (Answer::Error(403, None), Reason::Forbidden, "the privilege"),
        (Answer::Error(500, None), Reason::Http, "status 500"),
        (Answer::CloseConnection, Reason::Connect, ""),
    ] {
        bench.answer(Resource::Profile(2), answer.clone());
        let outcome = poll(&jamf, Source::Profile).await;
        let failure = outcome.failure.unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!(failure.reason, reason, "{answer:?}: {failure}");
        assert!(failure.message.contains(words), "{failure}");
        let told = outcome.facts.unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!(told.present().unwrap().topic.as_ref().unwrap().as_str(), TOPIC, "{answer:?}");
    }
    bench.answer(Resource::Profile(2), Answer::Html(404));
    let told = facts(&jamf, Source::Profile).await;
    assert_eq!(told.remarks, ["Of 3 enrolment profiles, 1 could not be found."]);
    bench.answer(Resource::Profile(2), profile(TOPIC));
    assert_eq!(facts(&jamf, Source::Profile).await.remarks.len(), 0);
}

#[tokio::test]
async fn more_profiles_than_are_read_are_a_failure() {
    let ids: Vec<u64> = (1..=21).collect();
    let bench = Bench::answering(Resource::Profiles, list(&ids)).await;
    for id in &ids {
        bench.answer(Resource::Profile(*id), profile(TOPIC));
    }
    let outcome = poll(&bench.jamf(), Source::Profile).await;
    assert!(outcome.facts.unwrap().present().is_some());
    let failure = outcome.failure.unwrap();
    assert_eq!(failure.reason, Reason::Malformed);
    assert!(failure.message.ends_with("21 enrolment profiles, and no more than 20 are read"), "{failure}");
    assert_eq!(bench.reads().len(), 21);
}

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    let bench = Bench::new().await;
    let own = [
        (Answer::Html(404), Reason::NotFound, None),
        (Answer::Json(json!({ "mobile_device_enrollment_profiles": [{ "name": "x" }] })), Reason::Malformed, None),
        (Answer::Json(json!({ "mobile_device_enrollment_profiles": [{ "id": "../1" }] })), Reason::Malformed, None),
    ];
    bench.assert_bad_answers(Source::Profile, Resource::Profiles, &list(&[]), &own).await;
    bench.answer(Resource::Profiles, list(&[1]));
    let own = [(Answer::Bytes(b"s3cret".to_vec()), Reason::Malformed, None)];
    bench.assert_bad_answers(Source::Profile, Resource::Profile(1), &profile(TOPIC), &own).await;
}

#[tokio::test]
async fn a_missing_privilege_is_named() {
    let bench = Bench::answering(Resource::Profiles, Answer::Error(403, None)).await;
    let jamf = bench.jamf();
    let denied = failure(&jamf, Source::Profile).await;
    assert!(denied.message.contains("the privilege Read Enrollment Profiles"), "{denied}");
    bench.answer(Resource::Profiles, list(&[1]));
    bench.answer(Resource::Profile(1), Answer::Error(403, None));
    assert_eq!(poll(&jamf, Source::Profile).await.failure.unwrap().reason, Reason::Forbidden);
}
