//! A simulated Mosyle with an account, for the tests beside it.

use std::path::PathBuf;
use std::time::Duration;

use apnswatch::demo::mosyle::{Account, Answer, Fleet, Simulator, device};
use apnswatch::model::{Facts, Failure, Outcome, PushHealth, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::mosyle::{Mosyle, Product, Settings};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

pub(crate) const ACCESS_TOKEN: &str = "made-up-access~s3cret";
pub(crate) const EMAIL: &str = "apnswatch@example.com";
pub(crate) const PASSWORD: &str = "made-up-password~s3cret";
pub(crate) const SHORT: Duration = Duration::from_millis(400);
pub(crate) const PRODUCTS: [Product; 2] = [Product::Business, Product::Manager];

pub(crate) fn now() -> DateTime<Utc> {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn ago(hours: i64) -> Option<DateTime<Utc>> {
    Some(now() - TimeDelta::hours(hours))
}

/// So many Macs that are alive and answer.
pub(crate) fn macs(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|index| device(&format!("mac-{index}"), "Mac14,2", ago(1), ago(20)))
}

/// A simulated Mosyle with one account, and a tenant's files.
pub(crate) struct Bench {
    pub(crate) mosyle: Simulator,
    pub(crate) product: Product,
    pub(crate) folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new(product: Product) -> Self {
        let bench = Self { mosyle: Simulator::start().await.unwrap(), product, folder: tempfile::tempdir().unwrap() };
        bench.mosyle.set_account(ACCESS_TOKEN, Account::new(product, EMAIL, PASSWORD));
        bench.set("mac", Answer::Fleet(Fleet::of(macs(12))));
        bench.write("access", ACCESS_TOKEN);
        bench.write("password", PASSWORD);
        bench
    }

    pub(crate) fn set(&self, system: &str, answer: Answer) {
        self.mosyle.change(ACCESS_TOKEN, |account| {
            account.lists.insert(system.to_owned(), answer);
        });
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn settings(&self) -> Settings {
        let product = match self.product {
            Product::Business => "business",
            Product::Manager => "manager",
        };
        let settings: Settings = serde_json::from_value(json!({
            "product": product,
            "url": self.mosyle.url(self.product),
            "access_token_file": self.folder.path().join("access"),
            "email": EMAIL,
            "password_file": self.folder.path().join("password"),
            "push": true,
        }))
        .unwrap();
        let mut problems = Vec::new();
        settings.check("mdm", &mut problems);
        assert_eq!(problems, []);
        settings
    }

    pub(crate) fn tenant(&self) -> Mosyle {
        Mosyle::new(&self.settings(), &Default::default(), REQUEST_TIMEOUT).unwrap()
    }

    pub(crate) fn hasty(&self) -> Mosyle {
        Mosyle::new(&self.settings(), &Default::default(), SHORT).unwrap()
    }

    /// How many lists were asked for.
    pub(crate) fn lists(&self) -> usize {
        self.mosyle.requests().iter().filter(|seen| !seen.path.ends_with("/login")).count()
    }

    /// Only logins and lists were ever asked for, and of devices nothing but what is counted.
    pub(crate) fn assert_read_only(&self) {
        for seen in self.mosyle.requests() {
            assert_eq!(seen.method, "POST", "{seen:?}");
            assert_eq!(seen.user_agent.as_deref(), Some(concat!("apnswatch/", env!("CARGO_PKG_VERSION"))));
            match (seen.path.as_str(), seen.operation.as_deref()) {
                ("/v1/login" | "/v2/login", None) => assert!(seen.system.is_none(), "{seen:?}"),
                ("/v1/devices", Some("list")) | ("/v2/listdevices", None) => {
                    let columns: &[&str] = match seen.system.as_deref() {
                        Some("mac") => &["deviceudid", "date_info", "date_last_beat"],
                        Some("ios") => &["deviceudid", "date_info", "device_model", "device_model_name"],
                        Some("tvos" | "visionos") => &["deviceudid", "date_info"],
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(seen.columns, columns);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(crate) async fn poll(tenant: &Mosyle) -> Outcome {
    tenant.poll(Source::Push, now()).await
}

pub(crate) async fn failure(tenant: &Mosyle) -> Failure {
    let outcome = poll(tenant).await;
    assert_eq!(outcome.facts, None);
    outcome.failure.unwrap()
}

pub(crate) async fn facts(tenant: &Mosyle) -> Facts {
    let outcome = poll(tenant).await;
    assert_eq!(outcome.failure, None);
    outcome.facts.unwrap()
}

pub(crate) async fn good(tenant: &Mosyle) -> PushHealth {
    *facts(tenant).await.push.unwrap()
}
