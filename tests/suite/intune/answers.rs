//! What Graph answers, and what is made of it.

use std::time::Duration;

use apnswatch::demo::intune::{Answer, Certificate};
use apnswatch::model::{Presence, Reason, Source};
use apnswatch::provider::Provider as _;
use serde_json::json;

use super::bench::{Bench, DIRECTORY, TOPIC, certificate, failure, good, poll};

#[tokio::test]
async fn a_certificate_is_told_with_its_origin() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    let facts = poll(&intune).await.facts.unwrap();
    let certificate = facts.present().unwrap();
    assert_eq!(certificate.not_after, Some("2027-06-05T14:39:25Z".parse().unwrap()));
    assert_eq!(certificate.serial.as_ref().unwrap().to_string(), "0B70A1B2C3D4E5F6");
    assert_eq!(facts.account.as_deref(), Some("mdm@example.com"));
    assert_eq!(*facts.origin, *format!("{}, directory {DIRECTORY}", bench.microsoft.graph_url()));
    assert_eq!(intune.sources(), [Source::Api, Source::Tokens, Source::Push]);
    assert_eq!(facts.credential_not_after, None, "a secret does not tell its end");
    let (graph, login) = (bench.microsoft.graph_url(), bench.microsoft.login_url());
    assert_eq!(intune.identity(), format!("{graph} {login}/{DIRECTORY}"));
    assert_eq!(intune.host(), bench.microsoft.address().to_string());

    // A new `id` comes with each read and changes nothing.
    assert_eq!(poll(&intune).await.facts.unwrap(), facts);
    for (wrapped, fractions) in [(true, false), (false, true), (true, true)] {
        bench.microsoft.set_answer(
            DIRECTORY,
            Answer::Certificate(Certificate { wrapped, fractions, ..super::bench::certificate() }),
        );
        assert_eq!(poll(&intune).await.facts.unwrap(), facts);
    }
    assert_eq!(bench.microsoft.logins(DIRECTORY), 1);
    bench.assert_read_only();
}

/// R-A14: the field holds whatever an admin typed, and can be blank.
#[tokio::test]
async fn an_odd_account_costs_neither_the_date_nor_the_topic() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    for (typed, told) in [
        (None, None),
        (Some(json!(null)), None),
        (Some(json!("")), None),
        (Some(json!("a\nb@example.com")), Some("a\\nb@example.com".to_owned())),
        (Some(json!("x".repeat(300))), Some("x".repeat(256) + "\u{2026}")),
    ] {
        let mut answer = json!({ "topicIdentifier": TOPIC, "expirationDateTime": "2027-06-05T14:39:25Z" });
        if let Some(typed) = typed {
            answer["appleIdentifier"] = typed;
        }
        bench.microsoft.set_answer(DIRECTORY, Answer::Json(answer.clone()));
        let outcome = poll(&intune).await;
        assert_eq!(outcome.failure, None, "{answer}");
        let facts = outcome.facts.unwrap();
        let certificate = facts.present().unwrap();
        assert!(certificate.not_after.is_some() && certificate.topic.is_some(), "{answer}");
        assert_eq!(facts.account.as_deref(), told.as_deref(), "{answer}");
    }
}

#[tokio::test]
async fn no_certificate_is_an_answer() {
    let bench = Bench::answering(Answer::NotConfigured).await;
    let outcome = poll(&bench.intune()).await;
    assert_eq!(outcome.facts.unwrap().certificate, Some(Presence::Absent));
    assert_eq!(outcome.failure, None);
}

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    let bench = Bench::new().await;
    let (patient, hasty) = (bench.intune(), bench.hasty());
    let pause = |seconds| Some(Duration::from_secs(seconds));
    for (answer, reason, retry_after) in [
        (Answer::WrongRoute, Reason::NotFound, None),
        (Answer::Html(404), Reason::NotFound, None),
        (Answer::Html(200), Reason::Malformed, None),
        (Answer::Html(502), Reason::Http, None),
        (Answer::Status(500, None), Reason::Http, None),
        (Answer::Status(503, Some("30".to_owned())), Reason::Http, pause(30)),
        (Answer::Status(429, None), Reason::RateLimited, None),
        (Answer::Status(429, Some("17".to_owned())), Reason::RateLimited, pause(17)),
        (Answer::Status(429, Some("86400".to_owned())), Reason::RateLimited, pause(3600)),
        // By the simulator's clock, which is the machine's: far ahead of it, and past.
        (Answer::Status(429, Some("Tue, 01 Sep 2099 12:01:00 GMT".to_owned())), Reason::RateLimited, pause(3600)),
        (Answer::Status(429, Some("Thu, 01 Jan 2026 12:01:00 GMT".to_owned())), Reason::RateLimited, pause(0)),
        (Answer::Status(429, Some("soon".to_owned())), Reason::RateLimited, None),
        (Answer::Status(418, None), Reason::Http, None),
        (Answer::Status(401, None), Reason::Auth, None),
        (Answer::Forbidden, Reason::Forbidden, None),
        (Answer::ForbiddenWrapped, Reason::Forbidden, None),
        (Answer::NotLicensed, Reason::Http, None),
        (Answer::QueryBroker, Reason::RateLimited, None),
        (Answer::Truncated, Reason::Connect, None),
        (Answer::Empty(200), Reason::Malformed, None),
        (Answer::Empty(204), Reason::Malformed, None),
        (Answer::Empty(500), Reason::Http, None),
        (Answer::Json(json!(null)), Reason::Malformed, None),
        (Answer::Json(json!({})), Reason::Malformed, None),
        (Answer::Json(json!([{ "topicIdentifier": TOPIC }])), Reason::Malformed, None),
        (Answer::Redirect("https://new.example.com/".to_owned()), Reason::Http, None),
        (Answer::Redirect("/elsewhere".to_owned()), Reason::Http, None),
        (Answer::Hang, Reason::Timeout, None),
        (Answer::Trickle(Duration::from_millis(20)), Reason::Timeout, None),
        (Answer::CloseConnection, Reason::Connect, None),
    ] {
        bench.microsoft.set_answer(DIRECTORY, answer.clone());
        let intune = if reason == Reason::Timeout { &hasty } else { &patient };
        let failure = failure(intune).await;
        assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{answer:?}: {failure}");
        assert!(failure.message.len() < 400, "{failure}");
        assert!(!failure.message.contains("simulated-"), "{failure}");
        bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
        good(&patient).await;
    }
    bench.assert_read_only();
}
