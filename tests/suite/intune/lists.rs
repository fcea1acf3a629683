//! Tokens and check-ins: lists, their pages, and the rights they take.

use std::time::Duration;

use apnswatch::demo::intune::{
    Answer, Directory, List, Paging, Simulator, content_token, managed_device, server_token,
};
use apnswatch::model::{Failure, Family, Reason, Source, TokenKind};
use apnswatch::provider::Provider as _;
use apnswatch::provider::access::{Access, Verdict};
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::intune::Intune;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::bench::{Bench, DIRECTORY, good, now, poll_source};

fn end() -> DateTime<Utc> {
    "2027-03-01T10:00:00Z".parse().unwrap()
}

fn devices(count: i64) -> impl Iterator<Item = Value> {
    (0..count).map(|index| managed_device("iOS", "iPhone 15", now() - chrono::TimeDelta::minutes(10 + index)))
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.microsoft.change(DIRECTORY, |directory| {
        directory.server_tokens = Answer::List(List::of([server_token("a1", "enrolment", end())]));
        directory.content_tokens = Answer::List(List::of([content_token("v1", "Example", end(), "valid")]));
        directory.devices = Answer::List(List::paged(devices(25), 10));
    });
    bench
}

fn set_devices(bench: &Bench, answer: Answer) {
    bench.microsoft.change(DIRECTORY, |directory| directory.devices = answer);
}

async fn failure_of(intune: &Intune, source: Source) -> Failure {
    let outcome = poll_source(intune, source).await;
    assert_eq!(outcome.facts, None, "half a list is none");
    outcome.failure.unwrap()
}

#[tokio::test]
async fn tokens_and_check_ins_are_told_with_one_login() {
    let bench = bench().await;
    let intune = bench.intune();
    good(&intune).await;

    let tokens = poll_source(&intune, Source::Tokens).await;
    assert_eq!(tokens.failure, None);
    let facts = tokens.facts.unwrap();
    let told: Vec<_> =
        facts.tokens.iter().flatten().map(|t| (t.kind, t.name.as_str(), t.not_after, t.usable)).collect();
    assert_eq!(
        told,
        [(TokenKind::Ade, "enrolment", Some(end()), None), (TokenKind::Vpp, "Example", Some(end()), Some(true)),]
    );
    assert_eq!((facts.certificate, facts.push, facts.remarks.len()), (None, None, 0));
    assert!(facts.origin.ends_with(&format!("directory {DIRECTORY}")), "{}", facts.origin);

    let push = poll_source(&intune, Source::Push).await;
    assert_eq!(push.failure, None);
    let health = push.facts.unwrap().push.unwrap();
    assert_eq!(health.families.keys().copied().collect::<Vec<_>>(), [Family::Iphone]);
    let phones = &health.families[&Family::Iphone];
    assert_eq!((phones.devices, phones.alive, phones.silent), (25, None, None));
    assert_eq!(phones.last_checkin, Some(now() - chrono::TimeDelta::minutes(10)));

    assert_eq!((bench.microsoft.logins(DIRECTORY), bench.reads()), (1, 6));
    bench.assert_read_only();
}

#[tokio::test]
async fn empty_lists_are_answers_and_a_source_that_is_off_is_not_asked() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    assert_eq!(poll_source(&intune, Source::Tokens).await.facts.unwrap().tokens, Some(vec![]));
    assert_eq!(poll_source(&intune, Source::Push).await.facts.unwrap().push, Some(Default::default()));
    assert_eq!(poll_source(&intune, Source::File).await.failure.unwrap().reason, Reason::NotFound);
    let off = json!({ "client_secret_file": bench.folder.path().join("secret"), "tokens": false, "push": false });
    let off = bench.with(off, REQUEST_TIMEOUT);
    assert_eq!(off.sources(), [Source::Api]);
    assert_eq!(off.access(now()).await.len(), 1);
}

#[tokio::test]
async fn every_bad_list_has_one_reason() {
    let bench = bench().await;
    let secret = || json!({ "client_secret_file": bench.folder.path().join("secret") });
    let (patient, hasty) = (bench.intune(), bench.with(secret(), Duration::from_millis(400)));
    let pause = |seconds| Some(Duration::from_secs(seconds));
    let list = |elements: Value| Answer::Json(json!({ "value": elements }));
    for (answer, reason, retry_after) in [
        (Answer::Status(401, None), Reason::Auth, None),
        (Answer::Forbidden, Reason::Forbidden, None),
        (Answer::ForbiddenWrapped, Reason::Forbidden, None),
        (Answer::WrongRoute, Reason::NotFound, None),
        (Answer::NotConfigured, Reason::NotFound, None),
        (Answer::Html(404), Reason::NotFound, None),
        (Answer::Status(429, None), Reason::RateLimited, None),
        (Answer::Status(429, Some("17".to_owned())), Reason::RateLimited, pause(17)),
        (Answer::QueryBroker, Reason::RateLimited, None),
        (Answer::NotLicensed, Reason::Http, None),
        (Answer::Status(500, None), Reason::Http, None),
        (Answer::Status(503, Some("30".to_owned())), Reason::Http, pause(30)),
        (Answer::Empty(500), Reason::Http, None),
        (Answer::Html(200), Reason::Malformed, None),
        (Answer::Empty(200), Reason::Malformed, None),
        (Answer::Empty(204), Reason::Malformed, None),
        (Answer::Json(json!(null)), Reason::Malformed, None),
        (Answer::Json(json!({})), Reason::Malformed, None),
        (Answer::Json(json!([])), Reason::Malformed, None),
        (list(json!(null)), Reason::Malformed, None),
        (list(json!({})), Reason::Malformed, None),
        (list(json!([7])), Reason::Malformed, None),
        (list(json!([{}])), Reason::Malformed, None),
        (Answer::Json(json!({ "value": [], "@odata.nextLink": 7 })), Reason::Malformed, None),
        (Answer::Json(json!({ "value": [], "@odata.nextLink": "/next" })), Reason::Malformed, None),
        (Answer::Huge(50_000_000), Reason::Malformed, None),
        (Answer::Truncated, Reason::Connect, None),
        (Answer::CloseConnection, Reason::Connect, None),
        (Answer::Redirect("https://new.example.com/".to_owned()), Reason::Http, None),
        (Answer::Hang, Reason::Timeout, None),
        (Answer::Trickle(Duration::from_millis(20)), Reason::Timeout, None),
    ] {
        let intune = if reason == Reason::Timeout { &hasty } else { &patient };
        // The first page, and a later one.
        let later = List::paged(devices(25), 10).with_paging(Paging::Fails(Box::new(answer.clone())));
        for answer in [answer.clone(), Answer::List(later)] {
            set_devices(&bench, answer.clone());
            let failure = failure_of(intune, Source::Push).await;
            assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{answer:?}: {failure}");
            assert!(!failure.message.contains("simulated-") && failure.message.len() < 400, "{failure}");
        }
        bench.microsoft.change(DIRECTORY, |directory| {
            directory.server_tokens = answer.clone();
            directory.content_tokens = answer.clone();
        });
        let failure = failure_of(intune, Source::Tokens).await;
        assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{answer:?}: {failure}");
        good(&patient).await;
    }
    bench.assert_read_only();
}

#[tokio::test]
async fn paging_that_never_ends_is_given_up_and_a_link_elsewhere_gets_no_token() {
    let bench = bench().await;
    let other = Simulator::start().await.unwrap();
    let intune = bench.intune();
    let page = List::of(devices(2));

    set_devices(&bench, Answer::List(page.clone().with_paging(Paging::SameLink)));
    let circle = failure_of(&intune, Source::Push).await;
    assert_eq!(circle.reason, Reason::Malformed);
    assert!(circle.message.ends_with("go on in a circle"), "{circle}");
    assert_eq!(bench.reads(), 2);

    set_devices(&bench, Answer::List(page.clone().with_paging(Paging::Endless)));
    let endless = failure_of(&intune, Source::Push).await;
    assert_eq!(endless.reason, Reason::Malformed);
    assert!(endless.message.ends_with("do not end after 500 pages"), "{endless}");
    assert_eq!(bench.reads(), 502);

    let token = List::of([server_token("a1", "enrolment", end())]);
    bench.microsoft.change(DIRECTORY, |directory| {
        directory.server_tokens = Answer::List(token.with_paging(Paging::Endless));
    });
    let outcome = poll_source(&intune, Source::Tokens).await;
    assert!(outcome.failure.unwrap().message.ends_with("do not end after 20 pages"));

    set_devices(&bench, Answer::List(page.with_paging(Paging::Away(other.graph_url()))));
    let away = failure_of(&intune, Source::Push).await;
    assert_eq!(away.reason, Reason::Malformed);
    assert!(away.message.contains(&other.graph_url()), "{away}");
    assert_eq!(other.connections(), 0);
    bench.assert_read_only();
}

#[tokio::test]
async fn one_refused_list_does_not_hide_the_other() {
    let bench = bench().await;
    let intune = bench.intune();
    type Slot = fn(&mut Directory) -> &mut Answer;
    let lists: [(Slot, TokenKind); 2] =
        [(|of| &mut of.server_tokens, TokenKind::Vpp), (|of| &mut of.content_tokens, TokenKind::Ade)];
    for (refused, told) in lists {
        let mut good_answer = None;
        bench.microsoft.change(DIRECTORY, |of| good_answer = Some(std::mem::replace(refused(of), Answer::Forbidden)));
        let outcome = poll_source(&intune, Source::Tokens).await;
        let failure = outcome.failure.unwrap();
        assert_eq!(failure.reason, Reason::Forbidden);
        assert!(failure.message.contains("DeviceManagementServiceConfig.Read.All"), "{failure}");
        let kinds: Vec<_> = outcome.facts.unwrap().tokens.unwrap().iter().map(|token| token.kind).collect();
        assert_eq!(kinds, [told]);
        // The certificate is another source.
        good(&intune).await;
        bench.microsoft.change(DIRECTORY, |of| *refused(of) = good_answer.take().unwrap());
    }
    // Nobody who wants to be left alone is asked for the next list.
    bench.microsoft.change(DIRECTORY, |of| of.server_tokens = Answer::Status(429, Some("60".to_owned())));
    let reads = bench.reads();
    assert_eq!(failure_of(&intune, Source::Tokens).await.reason, Reason::RateLimited);
    assert_eq!(bench.reads(), reads + 1);
}

#[tokio::test]
async fn a_token_that_dies_between_two_pages_costs_one_login() {
    let bench = bench().await;
    let intune = bench.intune();
    good(&intune).await;
    bench.microsoft.revoke_tokens();
    assert_eq!(poll_source(&intune, Source::Push).await.failure, None);
    assert_eq!(bench.microsoft.logins(DIRECTORY), 2);
    let later = List::paged(devices(25), 10).with_paging(Paging::Fails(Box::new(Answer::Status(401, None))));
    set_devices(&bench, Answer::List(later));
    assert_eq!(failure_of(&intune, Source::Push).await.reason, Reason::Auth);
    assert_eq!(bench.microsoft.logins(DIRECTORY), 3, "one new login, and no more");
}

#[tokio::test]
async fn access_names_the_permission_and_what_is_lost_without_it() {
    let bench = bench().await;
    let intune = bench.intune();
    let told = intune.access(now()).await;
    let endpoints: Vec<_> = told.iter().map(|access| (access.endpoint.as_str(), &access.verdict)).collect();
    assert_eq!(
        endpoints,
        [
            ("GET /v1.0/deviceManagement/applePushNotificationCertificate", &Verdict::Allowed),
            ("GET /beta/deviceManagement/depOnboardingSettings", &Verdict::Allowed),
            ("GET /v1.0/deviceAppManagement/vppTokens", &Verdict::Allowed),
            ("GET /v1.0/deviceManagement/managedDevices", &Verdict::Allowed),
        ]
    );
    assert_eq!(bench.reads(), 4, "the first page of a list tells");

    let denied = |access: &Access| match &access.verdict {
        Verdict::Denied(failure) => failure.message.clone(),
        other => panic!("{other:?}"),
    };
    bench.microsoft.revoke_tokens();
    bench.microsoft.change(DIRECTORY, |directory| {
        directory.roles = vec!["DeviceManagementServiceConfig.Read.All".to_owned()];
        directory.server_tokens = Answer::WrongRoute;
        directory.content_tokens = Answer::Status(500, None);
    });
    let told = intune.access(now()).await;
    assert_eq!((&told[0].verdict, &told[1].verdict), (&Verdict::Allowed, &Verdict::Unsupported));
    assert!(matches!(&told[2].verdict, Verdict::NotReached(failure) if failure.reason == Reason::Http));
    assert_eq!(told[3].privilege, "DeviceManagementManagedDevices.Read.All");
    assert!(denied(&told[3]).contains("DeviceManagementManagedDevices.Read.All and admin consent"));

    // Entra gives a token to any app; whoever never consented is told so.
    bench.microsoft.revoke_tokens();
    bench.microsoft.change(DIRECTORY, |directory| directory.roles.clear());
    let told = intune.access(now()).await;
    assert!(denied(&told[0]).contains("admin consent was never given in this directory or was taken back"));

    bench.write("secret", "wrong");
    for access in intune.access(now()).await {
        assert!(matches!(access.verdict, Verdict::LoginRefused(_)), "{access:?}");
        assert!(!access.lost.is_empty());
    }
    bench.assert_read_only();
}
