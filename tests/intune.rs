//! Intune through the public door, against a simulated Microsoft.

use std::path::PathBuf;
use std::time::Duration;

use apnswatch::config::Network;
use apnswatch::demo::intune::{Answer, Certificate, Credential, Directory, LoginAnswer, Simulator};
use apnswatch::model::{Failure, Outcome, Presence, Reason, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::intune::{Intune, Settings};
use chrono::{DateTime, Utc};
use serde_json::json;

const DIRECTORY: &str = "00000000-0000-4000-8000-0000000000d1";
const APP: &str = "00000000-0000-4000-8000-0000000000a9";
const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000a1";
const SECRET: &str = "made-up~s3cret";
const SHORT: Duration = Duration::from_millis(400);

fn now() -> DateTime<Utc> {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

fn certificate() -> Certificate {
    Certificate::new(TOPIC, "2027-06-05T14:39:25Z".parse().unwrap())
}

/// A simulated Microsoft with one directory, and a tenant's files.
struct Bench {
    microsoft: Simulator,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let bench = Self { microsoft: Simulator::start().await.unwrap(), folder: tempfile::tempdir().unwrap() };
        bench.microsoft.set_clock(now());
        bench.expect(Credential::Secret(SECRET.to_owned()));
        bench.write("secret", SECRET);
        bench
    }

    async fn answering(answer: Answer) -> Self {
        let bench = Self::new().await;
        bench.microsoft.set_answer(DIRECTORY, answer);
        bench
    }

    fn expect(&self, credential: Credential) {
        self.microsoft.set_directory(DIRECTORY, Directory::new(APP, credential, certificate()));
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn settings(&self, credential: serde_json::Value) -> Settings {
        let mut settings = json!({
            "directory": DIRECTORY,
            "client_id": APP,
            "login_url": self.microsoft.login_url(),
            "graph_url": self.microsoft.graph_url(),
        });
        settings.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let mut problems = Vec::new();
        settings.check("mdm", &mut problems);
        assert_eq!(problems, []);
        settings
    }

    fn with(&self, credential: serde_json::Value, timeout: Duration) -> Intune {
        Intune::new(&self.settings(credential), &Network::default(), timeout).unwrap()
    }

    fn intune(&self) -> Intune {
        self.with(json!({ "client_secret_file": self.folder.path().join("secret") }), REQUEST_TIMEOUT)
    }

    fn hasty(&self) -> Intune {
        self.with(json!({ "client_secret_file": self.folder.path().join("secret") }), SHORT)
    }

    /// Only the documented read and the login were ever asked for.
    fn assert_read_only(&self) {
        for seen in self.microsoft.requests() {
            let read = seen.method == "GET" && seen.path == "/v1.0/deviceManagement/applePushNotificationCertificate";
            let login = seen.method == "POST" && seen.path == format!("/{DIRECTORY}/oauth2/v2.0/token");
            assert!(read || login, "{seen:?}");
            assert_eq!(seen.user_agent.as_deref(), Some(concat!("apnswatch/", env!("CARGO_PKG_VERSION"))));
            assert_eq!(seen.client_request_id.is_some(), read, "{seen:?}");
        }
    }

    fn reads(&self) -> usize {
        self.microsoft.requests().iter().filter(|seen| seen.method == "GET").count()
    }
}

async fn poll(intune: &Intune) -> Outcome {
    intune.poll(Source::Api, now()).await
}

async fn failure(intune: &Intune) -> Failure {
    let outcome = poll(intune).await;
    assert_eq!(outcome.facts, None);
    outcome.failure.unwrap()
}

async fn good(intune: &Intune) {
    let outcome = poll(intune).await;
    assert_eq!(outcome.failure, None);
    let facts = outcome.facts.unwrap();
    assert_eq!(facts.present().unwrap().topic.as_ref().unwrap().as_str(), TOPIC);
}

#[tokio::test]
async fn a_certificate_is_told_with_its_origin() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    let facts = poll(&intune).await.facts.unwrap();
    let certificate = facts.present().unwrap();
    assert_eq!(certificate.not_after, Some("2027-06-05T14:39:25Z".parse().unwrap()));
    assert_eq!(certificate.serial.as_ref().unwrap().to_string(), "0B70A1B2C3D4E5F6");
    assert_eq!(facts.account.as_deref(), Some("mdm@example.com"));
    assert_eq!(facts.origin, format!("{}, directory {DIRECTORY}", bench.microsoft.graph_url()));
    assert_eq!(intune.sources(), [Source::Api]);
    assert_eq!(intune.identity(), format!("{}/{DIRECTORY}", bench.microsoft.login_url()));
    assert_eq!(intune.host(), bench.microsoft.address().to_string());

    // A new `id` comes with each read and changes nothing.
    assert_eq!(poll(&intune).await.facts.unwrap(), facts);
    for (wrapped, fractions) in [(true, false), (false, true), (true, true)] {
        bench
            .microsoft
            .set_answer(DIRECTORY, Answer::Certificate(Certificate { wrapped, fractions, ..self::certificate() }));
        assert_eq!(poll(&intune).await.facts.unwrap(), facts);
    }
    assert_eq!(bench.microsoft.logins(DIRECTORY), 1);
    bench.assert_read_only();
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
    let intune = bench.hasty();
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
        (Answer::Status(429, Some("Tue, 01 Sep 2026 12:01:00 GMT".to_owned())), Reason::RateLimited, pause(60)),
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
        let failure = failure(&intune).await;
        assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{answer:?}: {failure}");
        assert!(failure.message.len() < 400, "{failure}");
        assert!(!failure.message.contains("simulated-"), "{failure}");
        bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
        good(&intune).await;
    }
    bench.assert_read_only();
}

#[tokio::test]
async fn every_bad_login_has_one_reason() {
    let bench = Bench::new().await;
    for (login, reason, words) in [
        (LoginAnswer::Refuse(401, 7_000_222), Reason::Auth, "has expired"),
        (LoginAnswer::Refuse(400, 7_000_222), Reason::Auth, "has expired"),
        (LoginAnswer::Refuse(401, 7_000_215), Reason::Auth, "is wrong"),
        (LoginAnswer::Refuse(400, 700_016), Reason::Auth, "unknown in the directory"),
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
        let failure = failure(&bench.hasty()).await;
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
    let intune = Intune::new(&settings, &Network::default(), SHORT).unwrap();
    let message = failure(&intune).await.message;
    assert!(message.contains("nobody.example.com does not exist"), "{message}");
    settings.directory = DIRECTORY.to_owned();
    settings.client_id = "another".to_owned();
    let intune = Intune::new(&settings, &Network::default(), SHORT).unwrap();
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

    bench.microsoft.set_login(DIRECTORY, LoginAnswer::Refuse(401, 7_000_222));
    let intune = bench.intune();
    for failure in futures::future::join_all((0..20).map(|_| failure(&intune))).await {
        assert_eq!(failure.reason, Reason::Auth);
    }
    assert_eq!(bench.microsoft.logins(DIRECTORY), 2);
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
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        (certificate, key)
    };
    let (certificate, key) = made();
    bench.expect(Credential::Certificate(certificate.der().to_vec()));
    let files = json!({
        "client_certificate_file": bench.write("app.crt", certificate.pem()),
        "client_key_file": bench.write("app.key", key.serialize_pem()),
    });
    good(&bench.with(files.clone(), REQUEST_TIMEOUT)).await;
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
async fn a_redirect_takes_no_token_to_another_origin() {
    let bench = Bench::new().await;
    let other = Simulator::start().await.unwrap();
    let target = format!("{}/v1.0/deviceManagement/applePushNotificationCertificate?x=s3cret", other.graph_url());
    bench.microsoft.set_answer(DIRECTORY, Answer::Redirect(target.clone()));
    let intune = bench.intune();
    let read = failure(&intune).await;
    assert!(read.message.contains(&format!("has moved to {}", other.graph_url())), "{read}");
    assert!(!read.message.contains("s3cret"), "{read}");
    bench.microsoft.set_login(DIRECTORY, LoginAnswer::Redirect(target));
    assert_eq!(failure(&bench.intune()).await.reason, Reason::Http);
    assert_eq!((other.connections(), other.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_long_body_and_one_without_end_are_given_up_early() {
    for answer in [Answer::Huge(50_000_000), Answer::Endless] {
        let bench = Bench::answering(answer).await;
        let intune = bench.intune();
        let failure = failure(&intune).await;
        assert_eq!(failure.reason, Reason::Malformed, "{failure}");
        assert!(bench.microsoft.bytes_sent() < 16 * 1024 * 1024, "{}", bench.microsoft.bytes_sent());
        bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
        good(&intune).await;
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_under_a_request_costs_no_poll() {
    let bench = Bench::answering(Answer::sequence([Answer::CloseConnection, Answer::Certificate(certificate())])).await;
    good(&bench.intune()).await;
    assert_eq!(bench.reads(), 2);
    bench.microsoft.set_answer(DIRECTORY, Answer::CloseConnection);
    assert_eq!(failure(&bench.intune()).await.reason, Reason::Connect);
    assert_eq!(bench.reads(), 4, "one more try, and no third");

    // The server closes idle connections at about the rhythm of the polls.
    bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
    bench.microsoft.close_idle_after(Duration::from_millis(5));
    let intune = bench.intune();
    for round in 0..50 {
        tokio::time::sleep(Duration::from_micros(4_000 + 40 * round)).await;
        good(&intune).await;
    }
}

#[tokio::test]
async fn a_hang_costs_one_poll_and_leaves_no_connection_behind() {
    let bench = Bench::new().await;
    let intune =
        bench.with(json!({ "client_secret_file": bench.folder.path().join("secret") }), Duration::from_millis(50));
    for _ in 0..10 {
        bench.microsoft.set_answer(DIRECTORY, Answer::Hang);
        assert_eq!(failure(&intune).await.reason, Reason::Timeout);
        bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
        good(&intune).await;
    }
    assert!(bench.microsoft.open_connections() <= 3, "{}", bench.microsoft.open_connections());
}

#[tokio::test]
async fn connections_level_off_however_many_tenants_fail() {
    let bench = Bench::new().await;
    let tenants: Vec<Intune> = (0..50).map(|_| bench.hasty()).collect();
    bench.microsoft.set_answer(
        DIRECTORY,
        Answer::sequence(
            [Answer::Certificate(certificate()), Answer::CloseConnection, Answer::Truncated]
                .into_iter()
                .cycle()
                .take(900),
        ),
    );
    for _ in 0..10 {
        futures::future::join_all(tenants.iter().map(poll)).await;
        assert!(bench.microsoft.open_connections() <= 50, "{}", bench.microsoft.open_connections());
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(bench.microsoft.open_connections() <= 8, "{}", bench.microsoft.open_connections());
}

#[tokio::test]
async fn a_microsoft_that_went_away_is_a_failure_until_it_is_back() {
    let mut bench = Bench::new().await;
    let intune = bench.intune();
    good(&intune).await;
    bench.microsoft.stop().await;
    let gone = failure(&intune).await;
    assert_eq!(gone.reason, Reason::Connect);
    assert!(gone.message.ends_with("the connection was refused"), "{gone}");
    bench.microsoft.restart().await.unwrap();
    good(&intune).await;
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
        bench.microsoft.set_answer(DIRECTORY, answer);
        shown += &format!("{:?}\n{intune:?}\n", poll(&intune).await);
    }
    bench.microsoft.revoke_tokens();
    bench.microsoft.set_login(DIRECTORY, LoginAnswer::Echo401);
    let echoed = failure(&intune).await;
    assert_eq!(echoed.reason, Reason::Auth);
    shown += &format!("{echoed:?} {echoed}\n{intune:?}");
    shown += &log.text();
    for hidden in [SECRET, "s3cret", "simulated-"] {
        assert!(!shown.contains(hidden), "{shown}");
    }
    assert!(log.text().contains("client_request_id"));
}

#[tokio::test]
async fn only_the_configuration_names_a_proxy_and_loopback_never_uses_one() {
    // Variables cannot be set in a test without changing every other one, so the line itself is looked for.
    let source = include_str!("../src/provider/http/transport.rs");
    assert!(source.contains(".no_proxy()"));

    let bench = Bench::new().await;
    let proxy = Simulator::start().await.unwrap();
    let network = Network { proxy: Some(proxy.login_url().parse().unwrap()), ..Network::default() };
    let secret = json!({ "client_secret_file": bench.folder.path().join("secret") });
    let mut settings = bench.settings(secret);
    good(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(proxy.connections(), 0);

    settings.login_url = Some("https://login.example.com".to_owned());
    settings.graph_url = Some("https://graph.example.com".to_owned());
    let through = failure(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(through.reason, Reason::Connect, "{through}");
    let network = Network { proxy: Some("http://user:s3cret@127.0.0.1:1".parse().unwrap()), ..Network::default() };
    let intune = Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap();
    let refused = failure(&intune).await;
    assert!(!format!("{intune:?} {refused:?}").contains("s3cret"));
    assert!(through.message.contains("the proxy makes no connection"), "{through}");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_or_http_is_told_apart() {
    let bench = Bench::new().await;
    let settings = |url: String| {
        let mut settings = bench.settings(json!({ "client_secret_file": bench.folder.path().join("secret") }));
        settings.login_url = Some(url);
        Intune::new(&settings, &Network::default(), REQUEST_TIMEOUT).unwrap()
    };
    let plain = failure(&settings(bench.microsoft.login_url().replace("http:", "https:"))).await;
    assert_eq!(plain.reason, Reason::Tls, "{plain}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let odd = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"SSH-2.0-made-up\r\n\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let other = failure(&settings(format!("http://{address}"))).await;
    assert_eq!(other.reason, Reason::Malformed, "{other}");
    odd.abort();
}

#[tokio::test]
async fn a_private_issuer_is_trusted_when_its_file_is_named() {
    let bench = Bench::new().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let address = tls_server(certificate.der().to_vec(), key.serialize_der());
    let mut settings = bench.settings(json!({ "client_secret_file": bench.folder.path().join("secret") }));
    settings.login_url = Some(format!("https://localhost:{}", address.port()));

    let unknown = failure(&Intune::new(&settings, &Network::default(), REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(unknown.reason, Reason::Tls, "{unknown}");
    assert!(unknown.message.contains("network.ca_files"), "{unknown}");

    let network = Network { ca_files: vec![bench.write("ca.pem", certificate.pem())], ..Network::default() };
    let intune = Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap();
    // The second goes over the kept connection, which is closed under it.
    for _ in 0..2 {
        let trusted = failure(&intune).await;
        assert_eq!(trusted.reason, Reason::Http, "{trusted}");
        assert!(trusted.message.contains("status 503"), "{trusted}");
    }
    settings.login_url = Some(format!("https://127.0.0.1:{}", address.port()));
    let named = failure(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert!(named.message.contains("for another name"), "{named}");

    std::fs::remove_file(bench.folder.path().join("ca.pem")).unwrap();
    let missing = failure(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(missing.reason, Reason::NotFound, "{missing}");
}

/// A TLS server on loopback that answers 503 to the first request of a connection, and closes it without a word when
/// the second comes.
fn tls_server(certificate: Vec<u8>, key: Vec<u8>) -> std::net::SocketAddr {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;

    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.into()], key);
    let config = Arc::new(config.unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            std::thread::spawn(move || {
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream.write_all(b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n");
                    let _ = stream.read(&mut [0; 4096]);
                }
            });
        }
    });
    address
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
