//! Logins and tokens.

use std::time::Duration;

use apnswatch::demo::jamf::{Answer, Credential, LoginAnswer, Resource, TokenPaths, enrollment};
use apnswatch::model::{Reason, Source};
use serde_json::json;

use super::bench::{APP, Bench, SECRET, USER, facts, failure, time};

#[tokio::test]
async fn every_bad_login_has_one_reason() {
    let bench = Bench::new().await;
    let good = |login: &LoginAnswer| bench.simulator.set_login("", login.clone());
    for (login, reason, words) in [
        (LoginAnswer::Json(400, json!({ "error": "invalid_client" })), Reason::Auth, "refuses the API client"),
        (LoginAnswer::Json(401, json!({ "error": "invalid_client" })), Reason::Auth, "refuses the API client"),
        (LoginAnswer::Json(401, json!({ "httpStatus": 401, "errors": [] })), Reason::Auth, "refuses the API client"),
        (LoginAnswer::Json(400, json!({ "error": "unauthorized_client" })), Reason::Auth, "(unauthorized_client)"),
        (LoginAnswer::Echo401, Reason::Auth, "refuses the API client"),
        (LoginAnswer::Status(400, None), Reason::Http, "status 400"),
        (LoginAnswer::Status(403, None), Reason::Forbidden, "status 403"),
        (LoginAnswer::Status(404, None), Reason::NotFound, "not that of Jamf Pro"),
        (LoginAnswer::Status(429, Some("7".to_owned())), Reason::RateLimited, "status 429"),
        (LoginAnswer::Status(500, None), Reason::Http, "status 500"),
        (LoginAnswer::Status(503, None), Reason::Http, "status 503"),
        (LoginAnswer::Status(200, None), Reason::Malformed, "web page"),
        (LoginAnswer::Json(200, json!(null)), Reason::Malformed, "without a token"),
        (LoginAnswer::Json(200, json!({ "token": "t", "expires": "x" })), Reason::Malformed, "without a token"),
        (LoginAnswer::Json(201, json!({})), Reason::Malformed, "without a token"),
        (LoginAnswer::Redirect("https://new.example.com/".to_owned()), Reason::Http, "has moved to"),
        (LoginAnswer::Hang, Reason::Timeout, "no whole answer"),
    ] {
        good(&login);
        let jamf = if reason == Reason::Timeout { bench.hasty() } else { bench.jamf() };
        let told = failure(&jamf, Source::Api).await;
        assert_eq!(told.reason, reason, "{login:?}: {told}");
        assert!(told.message.contains(words), "{login:?}: {told}");
        assert!(!told.message.contains(SECRET), "{told}");
        good(&LoginAnswer::Honest);
        facts(&jamf, Source::Api).await;
    }
    bench.assert_read_only();
}

#[tokio::test]
async fn a_user_logs_in_with_exactly_the_bytes_of_the_file() {
    let bench = Bench::new().await;
    for password in ["%41:+\"\u{fc} &=#;\\'~".as_bytes(), b"\xff\xfe not text", b"plain"] {
        facts(&bench.user(password), Source::Api).await;
    }
    let jamf = bench.user(b"right");
    bench.write("password", "wrong ");
    let told = failure(&jamf, Source::Api).await;
    assert_eq!(told.reason, Reason::Auth);
    assert!(told.message.contains(USER) && told.message.contains("white space"), "{told}");
    bench.write("password", "right");
    bench.simulator.set_login("", LoginAnswer::ExpiredPassword);
    let told = failure(&jamf, Source::Api).await;
    assert_eq!(told.reason, Reason::Auth);
    assert!(told.message.contains("the password of the user watcher is too old"), "{told}");
    bench.assert_read_only();
}

#[tokio::test]
async fn a_client_logs_in_with_exactly_the_bytes_of_the_file() {
    let bench = Bench::new().await;
    for secret in ["%41:+\"\u{fc} &=#;\\'~".as_bytes(), b"\xff\xfe not text"] {
        bench.simulator.change("", |server| server.credential = Credential::Client(APP.to_owned(), secret.to_vec()));
        bench.write("secret", secret);
        facts(&bench.jamf(), Source::Api).await;
    }
}

#[tokio::test]
async fn the_older_path_is_found_and_remembered() {
    let bench = Bench::new().await;
    let jamf = bench.jamf();
    let logins = || -> Vec<String> {
        let requests = bench.simulator.requests();
        requests.iter().filter(|seen| seen.method == "POST").map(|seen| seen.path.clone()).collect()
    };
    const NEWER: &str = "/api/v1/oauth/token";
    const OLDER: &str = "/api/oauth/token";
    for (paths, asked) in [
        (TokenPaths::Newer, vec![NEWER]),
        (TokenPaths::Older, vec![NEWER, OLDER]),
        (TokenPaths::Older, vec![OLDER]),
        (TokenPaths::Both, vec![OLDER]),
        (TokenPaths::Newer, vec![OLDER, NEWER]),
        (TokenPaths::Newer, vec![NEWER]),
    ] {
        let before = logins().len();
        bench.simulator.change("", |server| server.token_paths = paths);
        bench.simulator.revoke_tokens();
        facts(&jamf, Source::Api).await;
        assert_eq!(logins()[before..], asked, "{paths:?}");
    }
    bench.assert_read_only();
}

#[tokio::test]
async fn short_and_unknown_lives_cost_no_login_for_each_request() {
    for life in [Some(59), Some(299), None] {
        for is_user in [false, true] {
            let bench = Bench::new().await;
            bench.simulator.change("", |server| server.life = life);
            let jamf = if is_user { bench.user(b"word") } else { bench.jamf() };
            for source in [Source::Api, Source::Tokens, Source::Push] {
                facts(&jamf, source).await;
            }
            assert_eq!((bench.logins(), bench.reads().len()), (1, 5), "{life:?}");
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(life.unwrap_or(60) * 9 / 10 + 1)).await;
            tokio::time::resume();
            facts(&jamf, Source::Api).await;
            assert_eq!(bench.logins(), 2, "{life:?}: the margin is a part of the life");
            assert!(bench.simulator.requests().iter().all(|seen| seen.authorised), "no token was used beyond its life");
        }
    }
}

#[tokio::test]
async fn a_token_that_dies_under_a_poll_means_one_new_login_and_one_new_try() {
    let bench = Bench::new().await;
    let records = (1..=250).map(|id| enrollment(id, "Token", time("2027-05-06T00:00:00Z"))).collect();
    bench.answer(Resource::Enrollments, Answer::List(records));
    let jamf = bench.jamf();
    bench.simulator.change("", |server| (server.life, server.uses) = (Some(1800), Some(2)));
    assert_eq!(facts(&jamf, Source::Tokens).await.tokens.unwrap().len(), 250);
    assert_eq!((bench.logins(), bench.reads().len()), (2, 5), "three pages, one list, and one read twice");

    // One new login in a poll, and no more.
    bench.simulator.change("", |server| server.uses = Some(1));
    assert_eq!(failure(&jamf, Source::Tokens).await.reason, Reason::Auth);
    bench.simulator.change("", |server| server.uses = Some(0));
    let (logins, reads) = (bench.logins(), bench.reads().len());
    assert_eq!(failure(&bench.jamf(), Source::Api).await.reason, Reason::Auth);
    assert_eq!((bench.logins(), bench.reads().len()), (logins + 2, reads + 2));
}

#[tokio::test]
async fn a_secret_that_was_replaced_and_rights_that_were_granted_are_used_at_the_next_poll() {
    let bench = Bench::answering(Resource::Notifications, Answer::Error(403, None)).await;
    let jamf = bench.jamf();
    assert_eq!(failure(&jamf, Source::Api).await.reason, Reason::Forbidden);
    bench.answer(Resource::Notifications, Answer::List(vec![]));
    facts(&jamf, Source::Api).await;
    assert_eq!(bench.logins(), 2, "rights are written into a token when it is made");

    bench.write("secret", "the-new-one");
    assert_eq!(failure(&jamf, Source::Api).await.reason, Reason::Auth, "the old token is not used for another secret");
    let credential = Credential::Client(APP.to_owned(), b"the-new-one".to_vec());
    bench.simulator.change("", |server| server.credential = credential);
    facts(&jamf, Source::Api).await;
    std::fs::remove_file(bench.folder.path().join("secret")).unwrap();
    assert_eq!(failure(&jamf, Source::Api).await.reason, Reason::NotFound);
}

#[tokio::test]
async fn four_sources_at_once_log_in_once() {
    let bench = Bench::new().await;
    let jamf = bench.jamf();
    let sources = [Source::Api, Source::Tokens, Source::Push, Source::Profile];
    futures::future::join_all(sources.map(|source| facts(&jamf, source))).await;
    assert_eq!((bench.logins(), bench.reads().len()), (1, 6));
    assert!(bench.simulator.connections() <= 5, "{}", bench.simulator.connections());
}

#[tokio::test]
async fn neither_secret_nor_token_is_ever_shown() {
    let bench = Bench::new().await;
    let mut shown = String::new();
    for jamf in [bench.jamf(), bench.user(b"made-up~s3cret")] {
        for answer in [Answer::Echo401, Answer::Error(403, None), Answer::List(vec![])] {
            bench.answer(Resource::Notifications, answer);
            shown += &format!("{:?}\n{jamf:?}\n", super::bench::poll(&jamf, Source::Api).await);
        }
        bench.simulator.revoke_tokens();
        bench.simulator.set_login("", LoginAnswer::Echo401);
        let echoed = failure(&jamf, Source::Api).await;
        shown += &format!("{echoed:?} {echoed}\n{jamf:?}");
        bench.simulator.set_login("", LoginAnswer::Honest);
    }
    for hidden in [SECRET, "s3cret", "simulated-", "Basic "] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}
