//! Every bad answer ends in one reason of the closed list, for each source.

use std::time::Duration;

use apnswatch::demo::kandji::{Answer, Rate, Resource, Shape, Simulator};
use apnswatch::model::{Reason, Source};
use apnswatch::provider::Provider as _;
use serde_json::json;

use super::bench::{Bench, SOURCES, TOKEN, failure, good, now, poll};

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    let bench = Bench::new().await;
    let (patient, hasty) = (bench.kandji(), bench.hasty());
    let pause = |seconds| Some(Duration::from_secs(seconds));
    let status = |status, shape| Answer::Status(status, None, shape);
    let limited = |text: &str| Answer::Status(429, Some(text.to_owned()), Shape::Gateway);
    for (answer, reason, retry_after) in [
        (status(400, Shape::Detail), Reason::Http, None),
        (status(404, Shape::Html), Reason::NotFound, None),
        (status(404, Shape::Gateway), Reason::NotFound, None),
        (status(415, Shape::Text), Reason::Http, None),
        (status(200, Shape::Html), Reason::Malformed, None),
        (status(200, Shape::Text), Reason::Malformed, None),
        (status(200, Shape::List), Reason::Malformed, None),
        (status(200, Shape::Error), Reason::Malformed, None),
        (status(200, Shape::Empty), Reason::Malformed, None),
        (status(204, Shape::Empty), Reason::Malformed, None),
        (status(500, Shape::Empty), Reason::Http, None),
        (status(502, Shape::Html), Reason::Http, None),
        (Answer::Status(503, Some("30".to_owned()), Shape::Html), Reason::Http, pause(30)),
        (status(429, Shape::Gateway), Reason::RateLimited, None),
        (limited("17"), Reason::RateLimited, pause(17)),
        (limited("86400"), Reason::RateLimited, pause(3600)),
        (limited("Tue, 01 Sep 2099 12:01:00 GMT"), Reason::RateLimited, pause(3600)),
        (limited("Thu, 01 Jan 2026 12:01:00 GMT"), Reason::RateLimited, pause(0)),
        (limited("soon"), Reason::RateLimited, None),
        (Answer::Json(json!(null)), Reason::Malformed, None),
        (Answer::Json(json!({})), Reason::Malformed, None),
        (Answer::Json(json!([])), Reason::Malformed, None),
        (Answer::Json(json!({ "results": {}, "data": {} })), Reason::Malformed, None),
        (Answer::Json(json!({ "results": [7], "data": [7] })), Reason::Malformed, None),
        (Answer::Json(json!({ "results": [], "data": [{}], "next": 7, "cursor": 7 })), Reason::Malformed, None),
        (Answer::Bytes(b"{\"results\":[{\"id\"".to_vec()), Reason::Malformed, None),
        (Answer::Truncated, Reason::Connect, None),
        (Answer::Huge(50_000_000), Reason::Malformed, None),
        (Answer::Redirect("https://acme.api.iru.com/".to_owned()), Reason::Http, None),
        (Answer::Redirect("/elsewhere".to_owned()), Reason::Http, None),
        (Answer::CloseConnection, Reason::Connect, None),
        (Answer::Hang, Reason::Timeout, None),
        (Answer::Trickle(Duration::from_millis(20)), Reason::Timeout, None),
    ] {
        for (source, resource) in SOURCES {
            bench.answer(resource, answer.clone());
            let kandji = if reason == Reason::Timeout { &hasty } else { &patient };
            let failure = failure(kandji, source).await;
            assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{source} {answer:?}: {failure}");
            assert!(failure.message.len() < 400 && !failure.message.contains("Not Found"), "{failure}");
            bench.answer(resource, Answer::Honest);
            good(&patient, source).await;
        }
    }
    bench.reads();
}

#[tokio::test]
async fn the_shape_of_an_error_changes_nothing() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    for (status, reason) in [
        (401, Reason::Auth),
        (403, Reason::Forbidden),
        (404, Reason::NotFound),
        (429, Reason::RateLimited),
        (500, Reason::Http),
    ] {
        for shape in Shape::ALL {
            bench.answer(Resource::Integrations, Answer::Status(status, None, shape));
            assert_eq!(failure(&kandji, Source::Tokens).await.reason, reason, "{status} {shape:?}");
        }
    }
}

#[tokio::test]
async fn a_server_that_moved_is_named_and_given_no_token() {
    let bench = Bench::new().await;
    let other = Simulator::start().await.unwrap();
    let kandji = bench.kandji();
    for (source, resource) in SOURCES {
        bench.answer(resource, Answer::Redirect(format!("{}/api/v1/blueprints?x=s3cret", other.url())));
        let moved = failure(&kandji, source).await;
        assert!(moved.message.contains(&format!("has moved to {}", other.url())), "{moved}");
        assert!(!moved.message.contains("s3cret"), "{moved}");
    }
    assert_eq!((other.connections(), other.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_429_without_a_wish_lasts_until_the_hour_is_over_if_the_hour_is_used_up() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    bench.answer(Resource::Integrations, Answer::Status(429, None, Shape::Gateway));
    // The per-second headers are at zero all the time, and mean nothing here.
    assert_eq!(failure(&kandji, Source::Tokens).await.retry_after, None);
    bench.vendor.change(TOKEN, |tenant| tenant.rate = Rate { limit: 10_000, remaining: 1 });
    let rest = Some(Duration::from_secs(20 * 60));
    assert_eq!(failure(&kandji, Source::Tokens).await.retry_after, rest);
    assert_eq!(failure(&kandji, Source::Tokens).await.retry_after, rest);
}

#[tokio::test]
async fn a_kandji_that_went_away_is_a_failure_until_it_is_back() {
    let mut bench = Bench::new().await;
    let kandji = bench.kandji();
    good(&kandji, Source::Push).await;
    bench.vendor.stop().await;
    for (source, _) in SOURCES {
        assert_eq!(failure(&kandji, source).await.reason, Reason::Connect);
    }
    bench.vendor.restart().await.unwrap();
    good(&kandji, Source::Push).await;
}

#[tokio::test]
async fn kandji_tells_nothing_of_the_certificate() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    for source in [Source::Api, Source::File, Source::Device, Source::Declared] {
        assert!(!kandji.sources().contains(&source));
        let failure = poll(&kandji, source).await.failure.unwrap();
        assert_eq!(failure.message, format!("kandji has no source {source}"));
    }
    assert_eq!(bench.vendor.requests(), []);
    assert_eq!(kandji.poll(Source::Tokens, now()).await.facts.unwrap().certificate, None);
}
