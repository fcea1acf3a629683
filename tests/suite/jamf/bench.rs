//! A simulated Jamf Pro with a tenant, for the tests beside it.

use std::path::PathBuf;
use std::time::Duration;

use apnswatch::demo::jamf::{Answer, Credential, Paging, Resource, Server, Simulator};
use apnswatch::model::{Facts, Failure, Outcome, Reason, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::jamf::{Jamf, Settings};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

pub(crate) const APP: &str = "00000000-0000-4000-8000-0000000000a9";
pub(crate) const SECRET: &str = "made-up~s3cret";
pub(crate) const USER: &str = "watcher";
/// Long enough for an honest answer on a busy machine.
pub(crate) const SHORT: Duration = Duration::from_millis(400);

pub(crate) fn now() -> DateTime<Utc> {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A simulated Jamf Pro below a base path, and a tenant's files.
pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) base: &'static str,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::below("").await
    }

    pub(crate) async fn below(base: &'static str) -> Self {
        let simulator = Simulator::start().await.unwrap();
        simulator.set_clock(now());
        let bench = Self { simulator, folder: tempfile::tempdir().unwrap(), base };
        bench.set(Server::new(Credential::Client(APP.to_owned(), SECRET.into())));
        bench.write("secret", SECRET);
        bench
    }

    pub(crate) async fn answering(resource: Resource, answer: Answer) -> Self {
        let bench = Self::new().await;
        bench.answer(resource, answer);
        bench
    }

    pub(crate) fn set(&self, server: Server) {
        self.simulator.set_server(self.base, server);
    }

    pub(crate) fn answer(&self, resource: Resource, answer: Answer) {
        self.simulator.set_answer(self.base, resource, answer);
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn with(&self, more: Value, timeout: Duration) -> Jamf {
        let mut settings = json!({ "url": self.simulator.url(self.base), "enrolment_profile": true });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let mut problems = Vec::new();
        settings.check("mdm", &mut problems);
        assert_eq!(problems, []);
        Jamf::new(&settings, &Default::default(), timeout).unwrap()
    }

    pub(crate) fn client(&self) -> Value {
        json!({ "client_id": APP, "client_secret_file": self.folder.path().join("secret") })
    }

    /// A tenant with an API client.
    pub(crate) fn jamf(&self) -> Jamf {
        self.with(self.client(), REQUEST_TIMEOUT)
    }

    /// The same without patience.
    pub(crate) fn hasty(&self) -> Jamf {
        self.with(self.client(), SHORT)
    }

    /// A tenant with a user, who the server knows from now on by this password.
    pub(crate) fn user(&self, password: &[u8]) -> Jamf {
        self.simulator.change(self.base, |server| {
            server.credential = Credential::User(USER.to_owned(), password.to_vec());
        });
        let file = self.write("password", password);
        self.with(json!({ "username": USER, "password_file": file }), REQUEST_TIMEOUT)
    }

    pub(crate) fn logins(&self) -> usize {
        self.simulator.requests().iter().filter(|seen| seen.method == "POST").count()
    }

    /// The paths that were read, in order, each with its query.
    pub(crate) fn reads(&self) -> Vec<String> {
        let requests = self.simulator.requests();
        let reads = requests.iter().filter(|seen| seen.method == "GET");
        reads.map(|seen| format!("{}?{}", seen.path, seen.query).trim_end_matches('?').to_owned()).collect()
    }

    /// Only documented reads and logins were ever asked for, all below the base path, and no cookie came back.
    pub(crate) fn assert_read_only(&self) {
        const READS: [&str; 6] = [
            "/api/v1/notifications",
            "/api/v1/device-enrollments",
            "/api/v1/volume-purchasing-locations",
            "/api/v1/apns-client-push-status",
            "/api/v2/mobile-devices/detail",
            "/JSSResource/mobiledeviceenrollmentprofiles",
        ];
        const LOGINS: [&str; 3] = ["/api/v1/oauth/token", "/api/oauth/token", "/api/v1/auth/token"];
        for seen in self.simulator.requests() {
            let is_download = seen.path.starts_with("/api/v1/mobile-device-enrollment-profile/")
                && seen.path.ends_with("/download-profile");
            let is_read = seen.method == "GET" && (READS.contains(&seen.path.as_str()) || is_download);
            let is_login = seen.method == "POST" && LOGINS.contains(&seen.path.as_str()) && seen.query.is_empty();
            assert!(is_read || is_login, "{seen:?}");
            assert_eq!((seen.base.as_str(), &seen.cookie), (self.base, &None), "{seen:?}");
            assert_eq!(seen.user_agent.as_deref(), Some(concat!("apnswatch/", env!("CARGO_PKG_VERSION"))));
        }
    }

    /// Every bad answer to a read ends in one reason, says nothing that it should not, and is over with the next good
    /// answer.
    pub(crate) async fn assert_bad_answers(&self, source: Source, resource: Resource, good: &Answer, own: &[Bad]) {
        let (patient, hasty) = (self.jamf(), self.hasty());
        for (answer, reason, retry_after) in common().into_iter().chain(own.iter().cloned()) {
            self.answer(resource, answer.clone());
            let jamf = if reason == Reason::Timeout { &hasty } else { &patient };
            let outcome = jamf.poll(source, now()).await;
            let failure = outcome.failure.unwrap_or_else(|| panic!("{source} {resource:?} {answer:?}"));
            let pause = retry_after.map(Duration::from_secs);
            assert_eq!((failure.reason, failure.retry_after), (reason, pause), "{source} {answer:?}: {failure}");
            assert!(failure.message.len() < 400, "{failure}");
            for hidden in ["simulated-", SECRET, "s3cret", "Something"] {
                assert!(!failure.message.contains(hidden), "{failure}");
            }
            // Only a missing privilege leaves the other half of a poll told.
            assert!(outcome.facts.is_none() || reason == Reason::Forbidden, "{source} {answer:?}");
            self.answer(resource, good.clone());
            facts(&patient, source).await;
        }
        self.assert_read_only();
    }
}

pub(crate) type Bad = (Answer, Reason, Option<u64>);

/// What can go wrong with any read.
fn common() -> Vec<Bad> {
    vec![
        (Answer::Html(200), Reason::Malformed, None),
        (Answer::Html(502), Reason::Http, None),
        (Answer::Html(503), Reason::Http, None),
        (Answer::Error(400, None), Reason::Http, None),
        (Answer::Error(401, None), Reason::Auth, None),
        (Answer::Error(403, None), Reason::Forbidden, None),
        (Answer::ErrorEmpty(401), Reason::Auth, None),
        (Answer::ErrorEmpty(403), Reason::Forbidden, None),
        (Answer::ErrorEmpty(200), Reason::Malformed, None),
        (Answer::Error(429, None), Reason::RateLimited, None),
        (Answer::Error(429, Some("17".to_owned())), Reason::RateLimited, Some(17)),
        (Answer::Html(429), Reason::RateLimited, None),
        (Answer::Error(500, None), Reason::Http, None),
        (Answer::Error(503, Some("30".to_owned())), Reason::Http, Some(30)),
        (Answer::Empty(200), Reason::Malformed, None),
        (Answer::Empty(204), Reason::Malformed, None),
        (Answer::Empty(500), Reason::Http, None),
        (Answer::Json(json!(null)), Reason::Malformed, None),
        (Answer::Json(json!({})), Reason::Malformed, None),
        (Answer::Json(json!("s3cret")), Reason::Malformed, None),
        (Answer::Json(json!([7])), Reason::Malformed, None),
        (Answer::Truncated, Reason::Connect, None),
        (Answer::Redirect("https://new.example.com/?s3cret".to_owned()), Reason::Http, None),
        (Answer::Redirect("/login.html".to_owned()), Reason::Http, None),
        (Answer::Hang, Reason::Timeout, None),
        (Answer::Trickle(Duration::from_millis(20)), Reason::Timeout, None),
        (Answer::CloseConnection, Reason::Connect, None),
        (Answer::Echo401, Reason::Auth, None),
    ]
}

/// What can go wrong with pages.
pub(crate) fn bad_pages(records: &[Value]) -> Vec<Bad> {
    let records = || records.to_vec();
    let fails = |answer| Answer::Paged(records(), Paging::Fails(1, Box::new(answer)));
    vec![
        (Answer::Error(404, None), Reason::NotFound, None),
        (Answer::Paged(records(), Paging::Repeats), Reason::Malformed, None),
        (Answer::Paged(records(), Paging::Grows), Reason::Malformed, None),
        (Answer::Paged(records(), Paging::Claims(100)), Reason::Malformed, None),
        (fails(Answer::Error(500, None)), Reason::Http, None),
        (fails(Answer::Html(200)), Reason::Malformed, None),
        (fails(Answer::Error(429, Some("9".to_owned()))), Reason::RateLimited, Some(9)),
        (Answer::Json(json!({ "results": [] })), Reason::Malformed, None),
        (Answer::Json(json!({ "totalCount": 1 })), Reason::Malformed, None),
        (Answer::Json(json!({ "totalCount": "1", "results": [] })), Reason::Malformed, None),
        (Answer::Json(json!({ "totalCount": 1, "results": [{ "name": "s3cret" }] })), Reason::Malformed, None),
    ]
}

pub(crate) async fn poll(jamf: &Jamf, source: Source) -> Outcome {
    jamf.poll(source, now()).await
}

pub(crate) async fn failure(jamf: &Jamf, source: Source) -> Failure {
    let outcome = poll(jamf, source).await;
    assert_eq!(outcome.facts, None);
    outcome.failure.unwrap()
}

pub(crate) async fn facts(jamf: &Jamf, source: Source) -> Facts {
    let outcome = poll(jamf, source).await;
    assert_eq!(outcome.failure, None);
    outcome.facts.unwrap()
}
