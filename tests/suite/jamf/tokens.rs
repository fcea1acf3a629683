//! ADE and content tokens.

use apnswatch::demo::jamf::{Answer, Paging, Resource, enrollment, location};
use apnswatch::model::{Reason, Source, TokenKind};
use serde_json::{Value, json};

use super::bench::{Bench, bad_pages, facts, failure, poll, time};

fn many(count: u64) -> Vec<Value> {
    (1..=count).map(|id| enrollment(id, &format!("Token {id}"), time("2027-05-06T00:00:00Z"))).collect()
}

#[tokio::test]
async fn both_kinds_are_told() {
    let bench = Bench::new().await;
    bench.answer(Resource::Enrollments, Answer::List(many(1)));
    let ends = time("2027-04-25T21:09:31Z");
    bench.answer(
        Resource::Locations,
        Answer::List(vec![location(1, "Main", ends, false), location(2, "Taken", ends, true)]),
    );
    let told = facts(&bench.jamf(), Source::Tokens).await;
    let tokens = told.tokens.unwrap();
    assert_eq!(
        tokens.iter().map(|token| token.kind).collect::<Vec<_>>(),
        [TokenKind::Ade, TokenKind::Vpp, TokenKind::Vpp]
    );
    assert_eq!(tokens[0].not_after, Some(time("2027-05-06T00:00:00Z")));
    assert_eq!((tokens[1].not_after, tokens[1].usable), (Some(ends), None));
    assert_eq!((tokens[2].name.as_str(), tokens[2].usable), ("Taken", Some(false)));
    assert_eq!((told.notices, told.push, told.remarks), (None, None, vec![]));
    assert_eq!(
        bench.reads(),
        [
            "/api/v1/device-enrollments?page=0&page-size=100&sort=id%3Aasc",
            "/api/v1/volume-purchasing-locations?page=0&page-size=100&sort=id%3Aasc"
        ]
    );
    bench.assert_read_only();
}

#[tokio::test]
async fn none_is_an_answer() {
    let bench = Bench::new().await;
    assert_eq!(facts(&bench.jamf(), Source::Tokens).await.tokens, Some(vec![]));
}

#[tokio::test]
async fn pages_are_read_to_the_total() {
    let bench = Bench::answering(Resource::Enrollments, Answer::List(many(250))).await;
    let jamf = bench.jamf();
    assert_eq!(facts(&jamf, Source::Tokens).await.tokens.unwrap().len(), 250);
    assert_eq!(bench.reads().len(), 3 + 1);
    bench.answer(Resource::Enrollments, Answer::Paged(many(120), Paging::Clamped(50)));
    let mut ids: Vec<String> =
        facts(&jamf, Source::Tokens).await.tokens.unwrap().into_iter().map(|token| token.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 120, "a short page is not the end");
    bench.assert_read_only();
}

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    let bench = Bench::new().await;
    for resource in [Resource::Enrollments, Resource::Locations] {
        bench.assert_bad_answers(Source::Tokens, resource, &Answer::List(many(3)), &bad_pages(&many(250))).await;
    }
}

#[tokio::test]
async fn paging_that_never_ends_is_given_up() {
    for paging in [Paging::Repeats, Paging::Grows] {
        let bench = Bench::answering(Resource::Enrollments, Answer::Paged(many(100), paging)).await;
        assert_eq!(failure(&bench.jamf(), Source::Tokens).await.reason, Reason::Malformed);
        assert!(bench.reads().len() < 10, "{}", bench.reads().len());
    }
}

#[tokio::test]
async fn a_missing_privilege_is_named_and_leaves_the_other_told() {
    let bench = Bench::new().await;
    let ends = time("2027-04-25T21:09:31Z");
    bench.answer(Resource::Enrollments, Answer::Error(403, None));
    bench.answer(Resource::Locations, Answer::List(vec![location(1, "Main", ends, false)]));
    let jamf = bench.jamf();
    let outcome = poll(&jamf, Source::Tokens).await;
    let failure_ = outcome.failure.unwrap();
    assert_eq!(failure_.reason, Reason::Forbidden);
    assert!(failure_.message.contains("the privilege Read Device Enrollment Program Instances"), "{failure_}");
    assert_eq!(outcome.facts.unwrap().tokens.unwrap()[0].name, "Main");

    bench.answer(Resource::Locations, Answer::ErrorEmpty(403));
    let both = failure(&jamf, Source::Tokens).await;
    assert!(both.message.contains("Program Instances"), "{both}");
    assert!(both.message.contains("Read Volume Purchasing Locations"), "{both}");

    // What may pass fails the poll as a whole, whichever of the two it is.
    bench.answer(Resource::Locations, Answer::Error(500, None));
    assert_eq!(failure(&jamf, Source::Tokens).await.reason, Reason::Http);
    bench.answer(Resource::Enrollments, Answer::List(many(1)));
    assert_eq!(failure(&jamf, Source::Tokens).await.reason, Reason::Http);

    // The certificate's source does not notice.
    facts(&jamf, Source::Api).await;
}

#[tokio::test]
async fn an_odd_field_costs_one_date() {
    let records = vec![
        json!({ "id": "1", "name": "No date" }),
        json!({ "id": "2", "name": "Odd date", "tokenExpirationDate": 7 }),
        enrollment(3, "Good", time("2027-05-06T00:00:00Z")),
    ];
    let bench = Bench::answering(Resource::Enrollments, Answer::List(records)).await;
    let told = facts(&bench.jamf(), Source::Tokens).await;
    let dates: Vec<bool> = told.tokens.unwrap().iter().map(|token| token.not_after.is_some()).collect();
    assert_eq!(dates, [false, false, true]);
    assert_eq!(told.remarks.len(), 2, "{:?}", told.remarks);
}
