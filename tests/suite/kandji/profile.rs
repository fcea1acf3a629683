//! The enrolment profile: its topic, and nothing else of it.

use std::time::Duration;

use apnswatch::demo::kandji::{Answer, Resource, Shape};
use apnswatch::model::{PushCertificate, Reason, Source, Topic};
use serde_json::json;

use super::bench::{Bench, CODE, FIRST, TOKEN, TOPIC, blueprint, failure, good};

#[tokio::test]
async fn the_topic_of_the_first_blueprint_is_told() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    bench.vendor.change(TOKEN, |tenant| tenant.page_size = 1);
    let facts = good(&kandji, Source::Profile).await;
    let expected = PushCertificate { topic: Topic::parse(TOPIC), ..PushCertificate::default() };
    assert_eq!(facts.present(), Some(&expected));
    assert_eq!((facts.remarks.len(), facts.origin.to_string()), (0, bench.vendor.url()));
    let profile = format!("/api/v1/blueprints/{FIRST}/ota-enrollment-profile");
    assert_eq!(bench.targets(), ["/api/v1/blueprints", "/api/v1/blueprints?limit=1&offset=1", &profile]);
    let shown = format!("{facts:?}{}", serde_json::to_string(&facts).unwrap());
    for hidden in [CODE, "made-up-challenge", "mdm/commands"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

#[tokio::test]
async fn a_profile_without_a_topic_is_neither_error_nor_drift() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    bench.vendor.change(TOKEN, |tenant| tenant.blueprints = vec![blueprint(FIRST, None)]);
    let facts = good(&kandji, Source::Profile).await;
    assert_eq!((&facts.certificate, facts.remarks.len()), (&None, 1));
    assert!(facts.remarks[0].starts_with("No topic in the enrolment profile"), "{facts:?}");

    bench.vendor.change(TOKEN, |tenant| tenant.blueprints.clear());
    let facts = good(&kandji, Source::Profile).await;
    assert_eq!(facts.certificate, None);
    assert_eq!(facts.remarks, ["Kandji has no blueprint, and so no enrolment profile."]);
}

#[tokio::test]
async fn what_is_no_profile_is_malformed_and_left_alone_for_an_hour() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    for (answer, reason) in [
        (Answer::Bytes(Vec::new()), Reason::Malformed),
        (Answer::Bytes(b"made-up-challenge".to_vec()), Reason::Malformed),
        (Answer::Bytes(vec![b' '; 2 * 1024 * 1024]), Reason::Malformed),
        (Answer::Bytes([b"<".as_slice(), &[b'x'; 2 * 1024 * 1024]].concat()), Reason::Malformed),
        (Answer::Json(json!({ "url": "https://acme.kandji.io/?metadata=made-up-challenge" })), Reason::Malformed),
        (Answer::Status(200, None, Shape::Html), Reason::Malformed),
        (Answer::Status(404, None, Shape::Html), Reason::NotFound),
        (Answer::Status(500, None, Shape::Empty), Reason::Http),
        (Answer::Truncated, Reason::Connect),
        (Answer::Redirect("https://acme.api.iru.com/x?made-up-challenge".to_owned()), Reason::Http),
    ] {
        bench.answer(Resource::Profile, answer.clone());
        let failure = failure(&kandji, Source::Profile).await;
        assert_eq!(failure.reason, reason, "{failure}");
        assert_eq!(failure.retry_after, Some(Duration::from_secs(3600)), "each read may leave a trace at Kandji");
        assert!(!failure.message.contains("made-up-challenge"), "{failure}");
    }
    bench.reads();
}

#[tokio::test]
async fn an_id_leads_nowhere_else() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    for id in ["", "..", "a/b", "a?b", "\u{fc}", &"x".repeat(65)] {
        bench.vendor.change(TOKEN, |tenant| tenant.blueprints = vec![blueprint(FIRST, None), blueprint(id, None)]);
        assert_eq!(failure(&kandji, Source::Profile).await.reason, Reason::Malformed, "{id}");
    }
    assert!(bench.reads().iter().all(|seen| seen.resource == Some(Resource::Blueprints)));
}
