//! A simulated Microsoft with a tenant, for the tests beside it.

use std::path::PathBuf;
use std::time::Duration;

use apnswatch::demo::intune::{Answer, Certificate, Credential, Directory, Simulator};
use apnswatch::model::{Failure, Outcome, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::intune::{Intune, Settings};
use chrono::{DateTime, Utc};
use serde_json::json;

pub(crate) const DIRECTORY: &str = "00000000-0000-4000-8000-0000000000d1";
pub(crate) const APP: &str = "00000000-0000-4000-8000-0000000000a9";
pub(crate) const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000a1";
pub(crate) const SECRET: &str = "made-up~s3cret";
pub(crate) const SHORT: Duration = Duration::from_millis(400);

pub(crate) fn now() -> DateTime<Utc> {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn certificate() -> Certificate {
    Certificate::new(TOPIC, "2027-06-05T14:39:25Z".parse().unwrap())
}

/// A simulated Microsoft with one directory, and a tenant's files.
pub(crate) struct Bench {
    pub(crate) microsoft: Simulator,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let bench = Self { microsoft: Simulator::start().await.unwrap(), folder: tempfile::tempdir().unwrap() };
        bench.microsoft.set_clock(now());
        bench.expect(Credential::Secret(SECRET.to_owned()));
        bench.write("secret", SECRET);
        bench
    }

    pub(crate) async fn answering(answer: Answer) -> Self {
        let bench = Self::new().await;
        bench.microsoft.set_answer(DIRECTORY, answer);
        bench
    }

    pub(crate) fn expect(&self, credential: Credential) {
        self.microsoft.set_directory(DIRECTORY, Directory::new(APP, credential, certificate()));
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn settings(&self, credential: serde_json::Value) -> Settings {
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

    pub(crate) fn with(&self, credential: serde_json::Value, timeout: Duration) -> Intune {
        Intune::new(&self.settings(credential), &Default::default(), timeout).unwrap()
    }

    pub(crate) fn intune(&self) -> Intune {
        self.with(json!({ "client_secret_file": self.folder.path().join("secret") }), REQUEST_TIMEOUT)
    }

    pub(crate) fn hasty(&self) -> Intune {
        self.with(json!({ "client_secret_file": self.folder.path().join("secret") }), SHORT)
    }

    /// Only the documented reads and the login were ever asked for.
    pub(crate) fn assert_read_only(&self) {
        for seen in self.microsoft.requests() {
            let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
            let read = seen.method == "GET"
                && match path {
                    "/v1.0/deviceManagement/applePushNotificationCertificate" => query.is_empty(),
                    "/beta/deviceManagement/depOnboardingSettings" | "/v1.0/deviceAppManagement/vppTokens" => {
                        query.is_empty() || query.starts_with("%24skiptoken=%7B")
                    }
                    "/v1.0/deviceManagement/managedDevices" => {
                        query.starts_with("%24select=operatingSystem%2C") || query.starts_with("%24skiptoken=%7B")
                    }
                    _ => false,
                };
            let login = seen.method == "POST" && seen.path == format!("/{DIRECTORY}/oauth2/v2.0/token");
            assert!(read || login, "{seen:?}");
            assert_eq!(seen.user_agent.as_deref(), Some(concat!("apnswatch/", env!("CARGO_PKG_VERSION"))));
            assert_eq!(seen.client_request_id.is_some(), read, "{seen:?}");
        }
    }

    /// Waits until no more than so many connections are open.
    pub(crate) async fn settle(&self, most: u64) {
        for _ in 0..200 {
            if self.microsoft.open_connections() <= most {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} connections stay open", self.microsoft.open_connections());
    }

    pub(crate) fn reads(&self) -> usize {
        self.microsoft.requests().iter().filter(|seen| seen.method == "GET").count()
    }
}

pub(crate) async fn poll_source(intune: &Intune, source: Source) -> Outcome {
    intune.poll(source, now()).await
}

pub(crate) async fn poll(intune: &Intune) -> Outcome {
    intune.poll(Source::Api, now()).await
}

pub(crate) async fn failure(intune: &Intune) -> Failure {
    let outcome = poll(intune).await;
    assert_eq!(outcome.facts, None);
    outcome.failure.unwrap()
}

pub(crate) async fn good(intune: &Intune) {
    let outcome = poll(intune).await;
    assert_eq!(outcome.failure, None);
    let facts = outcome.facts.unwrap();
    assert_eq!(facts.present().unwrap().topic.as_ref().unwrap().as_str(), TOPIC);
}
