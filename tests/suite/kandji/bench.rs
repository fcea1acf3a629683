//! A simulated Kandji with a tenant, for the tests beside it.

use std::time::Duration;

use apnswatch::demo::kandji::{
    Answer, Blueprint, Device, Integration, Resource, Seen, Simulator, Tenant, enrolment_profile,
};
use apnswatch::model::{Facts, Failure, Outcome, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::kandji::{Kandji, Settings};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

pub(crate) const TOKEN: &str = "00000000-0000-4000-8000-made-up-s3cret";
pub(crate) const CODE: &str = "made-up-code";
pub(crate) const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000a1";
pub(crate) const FIRST: &str = "00000000-0000-4000-8000-0000000000b1";
pub(crate) const SECOND: &str = "00000000-0000-4000-8000-0000000000b2";
pub(crate) const SHORT: Duration = Duration::from_millis(400);

pub(crate) const SOURCES: [(Source, Resource); 3] = [
    (Source::Tokens, Resource::Integrations),
    (Source::Push, Resource::Devices),
    (Source::Profile, Resource::Blueprints),
];

pub(crate) fn now() -> DateTime<Utc> {
    "2026-09-01T12:40:00Z".parse().unwrap()
}

pub(crate) fn hours_ago(hours: i64) -> Option<DateTime<Utc>> {
    Some(now() - TimeDelta::hours(hours))
}

pub(crate) fn integration(number: u32) -> Integration {
    let end = "2027-03-11T04:41:43Z".parse().unwrap();
    Integration::new(format!("00000000-0000-4000-8000-0000000000e{number}"), format!("Server {number}"), end)
}

pub(crate) fn blueprint(id: &str, topic: Option<&str>) -> Blueprint {
    Blueprint { id: id.to_owned(), code: CODE.to_owned(), profile: enrolment_profile(topic) }
}

/// Two integrations, twenty Macs of which five are silent, an iPhone, two blueprints in the wrong order.
pub(crate) fn tenant() -> Tenant {
    let macs = (0..20).map(|mac| Device::new("Mac", hours_ago(1), hours_ago(if mac < 5 { 100 } else { 5 })));
    Tenant {
        integrations: vec![integration(1), integration(2).broken()],
        devices: macs.chain([Device::new("iPhone", hours_ago(300), hours_ago(300))]).collect(),
        blueprints: vec![blueprint(SECOND, Some("com.apple.mgmt.External.another")), blueprint(FIRST, Some(TOPIC))],
        ..Tenant::default()
    }
}

/// A simulated Kandji with one tenant, and that tenant's files.
pub(crate) struct Bench {
    pub(crate) vendor: Simulator,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let bench = Self { vendor: Simulator::start().await.unwrap(), folder: tempfile::tempdir().unwrap() };
        bench.vendor.set_tenant(TOKEN, tenant());
        bench.write_token(&format!("{TOKEN}\n"));
        bench
    }

    pub(crate) fn write_token(&self, text: &str) {
        std::fs::write(self.folder.path().join("token"), text).unwrap();
    }

    pub(crate) fn settings(&self, url: &str) -> Settings {
        let file = self.folder.path().join("token");
        let settings: Settings =
            serde_json::from_value(json!({ "url": url, "token_file": file, "enrolment_profile": true })).unwrap();
        let mut problems = Vec::new();
        settings.check("mdm", &mut problems);
        assert_eq!(problems, []);
        settings
    }

    pub(crate) fn with(&self, url: &str, timeout: Duration) -> Kandji {
        Kandji::new(&self.settings(url), &Default::default(), timeout).unwrap()
    }

    pub(crate) fn kandji(&self) -> Kandji {
        self.with(&self.vendor.url(), REQUEST_TIMEOUT)
    }

    pub(crate) fn hasty(&self) -> Kandji {
        self.with(&self.vendor.url(), SHORT)
    }

    pub(crate) fn answer(&self, resource: Resource, answer: Answer) {
        self.vendor.set_answer(TOKEN, resource, answer);
    }

    /// Everything that came in so far, and nothing but documented reads among it.
    pub(crate) fn reads(&self) -> Vec<Seen> {
        let seen = self.vendor.requests();
        for request in &seen {
            assert_eq!(request.method, "GET", "{request:?}");
            assert!(request.resource.is_some(), "{request:?}");
            assert_eq!(request.user_agent.as_deref(), Some(concat!("apnswatch/", env!("CARGO_PKG_VERSION"))));
        }
        seen
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.reads().into_iter().map(|seen| seen.target).collect()
    }
}

pub(crate) async fn poll(kandji: &Kandji, source: Source) -> Outcome {
    kandji.poll(source, now()).await
}

pub(crate) async fn good(kandji: &Kandji, source: Source) -> Facts {
    let outcome = poll(kandji, source).await;
    assert_eq!(outcome.failure, None);
    outcome.facts.unwrap()
}

pub(crate) async fn failure(kandji: &Kandji, source: Source) -> Failure {
    let outcome = poll(kandji, source).await;
    assert_eq!(outcome.facts, None);
    outcome.failure.unwrap()
}
