//! Credentials and tokens.

use std::time::Duration;

use apnswatch::demo::intune::{Answer, Credential, LoginAnswer};
use apnswatch::model::{Reason, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::intune::Intune;
use serde_json::json;

use super::bench::{Bench, DIRECTORY, SECRET, SHORT, certificate, failure, good, now, poll, poll_source};

#[tokio::test]
async fn every_bad_login_has_one_reason() {
    let bench = Bench::new().await;
    for (login, reason, words) in [
        (LoginAnswer::Refuse(401, 7_000_222), Reason::Auth, "has expired"),
        (LoginAnswer::Refuse(400, 7_000_222), Reason::Auth, "has expired"),
        (LoginAnswer::Refuse(401, 7_000_215), Reason::Auth, "is wrong"),
        (LoginAnswer::Refuse(400, 700_016), Reason::Auth, "unknown in the directory"),
        (LoginAnswer::Refuse(400, 65_001), Reason::Auth, "never consented"),
        (LoginAnswer::Refuse(400, 90_002), Reason::Auth, "does not exist"),
        (LoginAnswer::Refuse(400, 53_003), Reason::Auth, "conditional access"),
        (LoginAnswer::Refuse(400, 90_033), Reason::Http, "for the moment"),
        (LoginAnswer::Refuse(400, 90_055), Reason::RateLimited, "fewer logins"),
        (LoginAnswer::Status(429, Some(9)), Reason::RateLimited, "fewer requests"),
        (LoginAnswer::Status(503, None), Reason::Http, "status 503"),
        (LoginAnswer::Status(200, None), Reason::Malformed, "web page"),
        (LoginAnswer::Status(404, None), Reason::NotFound, "login_url"),
        (LoginAnswer::Json(json!({ "token_type": "Bearer" })), Reason::Malformed, "without an access token"),
        (LoginAnswer::Json(json!(null)), Reason::Malformed, "without an access token"),
        (LoginAnswer::Redirect("https://new.example.com/x".to_owned()), Reason::Http, "https://new.example.com"),
        (LoginAnswer::Hang, Reason::Timeout, "within"),
        (LoginAnswer::CloseConnection, Reason::Connect, "before the answer"),
    ] {
        bench.microsoft.set_login(DIRECTORY, login.clone());
        let intune = if matches!(login, LoginAnswer::Hang) { bench.hasty() } else { bench.intune() };
        let failure = failure(&intune).await;
        assert_eq!(failure.reason, reason, "{login:?}: {failure}");
        assert!(failure.message.contains(words), "{login:?}: {failure}");
    }
    assert_eq!(bench.reads(), 0, "nobody is asked without a token");
    bench.assert_read_only();
}

#[tokio::test]
async fn an_unknown_directory_and_an_unknown_app_are_told_apart() {
    let bench = Bench::new().await;
    let secret = json!({ "client_secret_file": bench.folder.path().join("secret") });
    let mut settings = bench.settings(secret);
    settings.directory = "nobody.example.com".to_owned();
    let intune = Intune::new(&settings, &Default::default(), SHORT).unwrap();
    let message = failure(&intune).await.message;
    assert!(message.contains("nobody.example.com does not exist"), "{message}");
    settings.directory = DIRECTORY.to_owned();
    settings.client_id = "another".to_owned();
    let intune = Intune::new(&settings, &Default::default(), SHORT).unwrap();
    let message = failure(&intune).await.message;
    assert!(message.contains("the app another is unknown"), "{message}");
}

#[tokio::test]
async fn a_secret_arrives_exactly_whatever_is_in_it() {
    let bench = Bench::new().await;
    for (file, sent) in [
        ("%41:+\"\u{fc} &=#;\\'~", "%41:+\"\u{fc} &=#;\\'~"),
        ("line-feed\n", "line-feed"),
        ("carriage-return\r\n", "carriage-return"),
        ("\u{feff}byte-order-mark", "byte-order-mark"),
    ] {
        bench.expect(Credential::Secret(sent.to_owned()));
        bench.write("secret", file);
        good(&bench.intune()).await;
    }
    bench.write("secret", "byte-order-mark ");
    let blank = failure(&bench.intune()).await;
    assert!(blank.message.contains("white space") && !blank.message.contains("byte-order-mark"), "{blank}");
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_used_at_the_next_poll() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    good(&intune).await;

    bench.write("secret", "the-new-one");
    assert_eq!(failure(&intune).await.reason, Reason::Auth, "the old token is not used for another secret");
    bench.microsoft.change(DIRECTORY, |directory| directory.credential = Credential::Secret("the-new-one".to_owned()));
    good(&intune).await;
    good(&intune).await;
    assert_eq!(bench.microsoft.logins(DIRECTORY), 3);

    std::fs::remove_file(bench.folder.path().join("secret")).unwrap();
    assert_eq!(failure(&intune).await.reason, Reason::NotFound);
    assert_eq!(bench.microsoft.logins(DIRECTORY), 3);
}

#[tokio::test]
async fn rights_that_were_granted_later_are_seen_at_the_next_poll() {
    let bench = Bench::answering(Answer::Forbidden).await;
    let intune = bench.intune();
    let refused = failure(&intune).await;
    assert!(refused.message.contains("DeviceManagementServiceConfig.Read.All and admin consent"), "{refused}");
    bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
    good(&intune).await;
    assert_eq!(bench.microsoft.logins(DIRECTORY), 2, "rights are written into a token when it is made");
}

#[tokio::test]
async fn twenty_polls_at_once_log_in_once() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    futures::future::join_all((0..20).map(|_| good(&intune))).await;
    assert_eq!((bench.microsoft.logins(DIRECTORY), bench.reads()), (1, 20));
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_its_end() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    good(&intune).await;
    for (seconds, logins) in [(3200, 1), (200, 2), (3200, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(seconds)).await;
        tokio::time::resume();
        good(&intune).await;
        assert_eq!(bench.microsoft.logins(DIRECTORY), logins);
    }
}

#[tokio::test]
async fn a_refused_token_means_one_new_login_and_one_new_try() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    good(&intune).await;
    bench.microsoft.revoke_tokens();
    good(&intune).await;
    assert_eq!((bench.microsoft.logins(DIRECTORY), bench.reads()), (2, 3));

    bench.microsoft.revoke_tokens();
    futures::future::join_all((0..20).map(|_| good(&intune))).await;
    assert!(bench.microsoft.logins(DIRECTORY) <= 4, "twenty refusals are not twenty logins");

    let (logins, reads) = (bench.microsoft.logins(DIRECTORY), bench.reads());
    bench.microsoft.set_answer(DIRECTORY, Answer::Status(401, None));
    assert_eq!(failure(&intune).await.reason, Reason::Auth);
    assert_eq!((bench.microsoft.logins(DIRECTORY), bench.reads()), (logins + 1, reads + 2));
}

#[tokio::test]
async fn a_certificate_logs_in_with_an_assertion_that_is_verified() {
    let bench = Bench::new().await;
    let made = || {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(2027, 5, 6);
        let certificate = params.self_signed(&key).unwrap();
        (certificate, key)
    };
    let (certificate, key) = made();
    bench.expect(Credential::Certificate(certificate.der().to_vec()));
    let files = json!({
        "client_certificate_file": bench.write("app.crt", certificate.pem()),
        "client_key_file": bench.write("app.key", key.serialize_pem()),
    });
    let facts = poll(&bench.with(files.clone(), REQUEST_TIMEOUT)).await.facts.unwrap();
    assert_eq!(facts.credential_not_after, Some("2027-05-06T00:00:00Z".parse().unwrap()));
    // A second login has a number of its own; the simulator takes none twice.
    good(&bench.with(files.clone(), REQUEST_TIMEOUT)).await;

    bench.microsoft.set_clock(now() + chrono::TimeDelta::hours(1));
    let late = failure(&bench.with(files.clone(), REQUEST_TIMEOUT)).await;
    assert!(late.message.contains("clock of this machine"), "{late}");
    bench.microsoft.set_clock(now());

    let (other, other_key) = made();
    bench.write("app.crt", other.pem());
    let mismatch = failure(&bench.with(files.clone(), REQUEST_TIMEOUT)).await;
    assert_eq!(mismatch.reason, Reason::Malformed);
    assert!(mismatch.message.contains("app.key is not the key of the certificate in "), "{mismatch}");
    bench.write("app.key", other_key.serialize_pem());
    let unknown = failure(&bench.with(files, REQUEST_TIMEOUT)).await;
    assert!(unknown.message.contains("is not registered for the app"), "{unknown}");
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_each_login() {
    let bench = Bench::new().await;
    bench.expect(Credential::Federated("first.made.up".to_owned()));
    let file = bench.write("federated", "first.made.up\n");
    let intune = bench.with(json!({ "federated_token_file": file }), REQUEST_TIMEOUT);
    good(&intune).await;
    bench.expect(Credential::Federated("second.made.up".to_owned()));
    bench.write("federated", "second.made.up\n\n");
    good(&intune).await;
    bench.write("federated", "third.made.up");
    let mismatch = failure(&intune).await;
    assert!(mismatch.message.contains("no federated credential"), "{mismatch}");
    assert!(!mismatch.message.contains("made.up"), "{mismatch}");
}

#[tokio::test]
async fn neither_secret_nor_token_is_ever_shown() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let bench = Bench::new().await;
    let intune = bench.intune();
    let mut shown = String::new();
    for answer in [Answer::Echo401, Answer::Forbidden, Answer::Certificate(certificate())] {
        bench.microsoft.set_answer(DIRECTORY, answer.clone());
        bench.microsoft.change(DIRECTORY, |directory| {
            directory.server_tokens = answer.clone();
            directory.devices = answer;
        });
        shown += &format!("{:?}\n{intune:?}\n", poll(&intune).await);
        for source in [Source::Tokens, Source::Push] {
            shown += &format!("{:?}\n", poll_source(&intune, source).await);
        }
    }
    shown += &format!("{:?}\n", intune.access(now()).await);
    bench.microsoft.revoke_tokens();
    bench.microsoft.set_login(DIRECTORY, LoginAnswer::Echo401);
    let echoed = failure(&intune).await;
    assert_eq!(echoed.reason, Reason::Auth);
    shown += &format!("{echoed:?} {echoed}\n{intune:?}");
    shown += &log.text();
    for hidden in [SECRET, "s3cret", "simulated-"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
}

/// Where the log of a test goes.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
