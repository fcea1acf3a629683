//! Notices, and where the server is.

use apnswatch::demo::jamf::{Answer, Credential, Resource, Server, Simulator};
use apnswatch::model::{MdmKind, Notice, Notices, Reason, Source};
use apnswatch::provider::Provider as _;
use serde_json::json;

use super::bench::{APP, Bench, SECRET, facts, failure};

#[tokio::test]
async fn notices_are_told_and_no_certificate() {
    let bench = Bench::answering(Resource::Notifications, Answer::notice("PUSH_CERT_WILL_EXPIRE", Some(29))).await;
    let jamf = bench.jamf();
    let told = facts(&jamf, Source::Api).await;
    assert_eq!(told.notices, Some(Notices::from([(Notice::WillExpire, Some(29))])));
    assert_eq!((told.certificate, told.tokens, told.push), (None, None, None));
    assert_eq!(*told.origin, *bench.simulator.url(""));
    assert_eq!(jamf.kind(), MdmKind::Jamf);
    assert_eq!(jamf.sources(), [Source::Api, Source::Tokens, Source::Push, Source::Profile]);
    assert_eq!(jamf.identity(), bench.simulator.url(""));
    assert_eq!(jamf.host(), bench.simulator.address().to_string());

    bench.answer(
        Resource::Notifications,
        Answer::List(vec![
            json!({ "type": "PUSH_CERT_WILL_EXPIRE", "id": "1", "params": { "days": "12" } }),
            json!({ "type": "NOBODY_KNOWS_THIS", "id": "2", "params": null }),
            json!({ "type": "APNS_CONNECTION_FAILURE", "id": "3" }),
        ]),
    );
    let told = facts(&jamf, Source::Api).await;
    assert_eq!(
        told.notices,
        Some(Notices::from([(Notice::WillExpire, Some(12)), (Notice::ApnsUnreachable, None)])),
        "a string is a number, and an unknown type is nothing"
    );

    bench.answer(Resource::Notifications, Answer::List(vec![]));
    let told = facts(&jamf, Source::Api).await;
    assert_eq!((told.notices, told.certificate), (Some(Notices::new()), None));
    assert!(told.remarks[0].contains("proves nothing"), "{:?}", told.remarks);
    assert_eq!((bench.logins(), bench.reads().len()), (1, 3));
    bench.assert_read_only();
}

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    let bench = Bench::new().await;
    let good = Answer::notice("PUSH_CERT_EXPIRED", None);
    let own = [
        (Answer::Html(404), Reason::NotFound, None),
        (Answer::Error(404, None), Reason::NotFound, None),
        (Answer::Json(json!({ "totalCount": 0, "results": [] })), Reason::Malformed, None),
        (Answer::Json(json!([{ "type": 5 }])), Reason::Malformed, None),
        (Answer::Json(json!([{ "id": "1" }])), Reason::Malformed, None),
    ];
    bench.assert_bad_answers(Source::Api, Resource::Notifications, &good, &own).await;
}

#[tokio::test]
async fn a_base_path_is_kept_however_it_is_typed() {
    let bench = Bench::below("/instance/one").await;
    for end in ["", "/", "//", " "] {
        let mut settings = bench.client();
        settings["url"] = format!("{}{end}", bench.simulator.url(bench.base)).into();
        let jamf = bench.with(settings, super::bench::SHORT * 10);
        assert_eq!(jamf.identity(), bench.simulator.url(bench.base));
        for source in [Source::Api, Source::Tokens, Source::Push, Source::Profile] {
            facts(&jamf, source).await;
        }
    }
    bench.assert_read_only();

    // Two tenants on one host have nothing in common, tokens included.
    bench.simulator.set_server("", Server::new(Credential::Client(APP.to_owned(), SECRET.into())));
    facts(&bench.with(json!({ "url": bench.simulator.url(""), "client_id": APP, "client_secret_file": bench.folder.path().join("secret") }), super::bench::SHORT * 10), Source::Api).await;
    assert!(bench.simulator.requests().iter().all(|seen| seen.authorised && seen.cookie.is_none()));
}

#[tokio::test]
async fn a_redirect_takes_no_token_to_another_origin() {
    let other = Simulator::start().await.unwrap();
    let target = format!("{}/api/v1/notifications?x=s3cret", other.url(""));
    let bench = Bench::answering(Resource::Notifications, Answer::Redirect(target.clone())).await;
    let told = failure(&bench.jamf(), Source::Api).await;
    assert!(told.message.contains(&format!("has moved to {}", other.url(""))), "{told}");
    assert!(!told.message.contains("s3cret"), "{told}");
    bench.simulator.set_login("", apnswatch::demo::jamf::LoginAnswer::Redirect(target));
    assert_eq!(failure(&bench.jamf(), Source::Api).await.reason, Reason::Http);
    assert_eq!((other.connections(), other.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_server_that_went_away_is_a_failure_until_it_is_back() {
    let mut bench = Bench::new().await;
    let jamf = bench.jamf();
    facts(&jamf, Source::Api).await;
    bench.simulator.stop().await;
    assert_eq!(failure(&jamf, Source::Api).await.reason, Reason::Connect);
    bench.simulator.restart().await.unwrap();
    facts(&jamf, Source::Api).await;
}
