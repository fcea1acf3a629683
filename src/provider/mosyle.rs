//! Mosyle Business and Mosyle Manager.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;

use super::Provider;
use super::access::Access;
use crate::config::Network;
use crate::model::{Failure, MdmKind, Outcome, Problem, Reason, Source};

/// `mdm` of a tenant with `kind: mosyle`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which of the two products; their requests differ.
    pub product: Product,
    /// The address of the API, if it is not the product's usual one.
    #[serde(default)]
    pub url: Option<String>,
    /// File with the access token of the integration.
    pub access_token_file: PathBuf,
    /// The address of an administrator with few rights.
    pub email: String,
    /// File with that administrator's password.
    pub password_file: PathBuf,
    /// When the credential ends, as far as a person knows.
    #[serde(default)]
    pub credential_expires: Option<NaiveDate>,
    /// Accepted for all kinds; Mosyle has no answer on tokens, so nothing is asked.
    #[serde(default)]
    pub tokens: bool,
    /// Whether heartbeats and inventory answers are compared. Weak, so it is off unless it is switched on.
    #[serde(default)]
    pub push: bool,
}

/// Mosyle's products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// Mosyle Business and Fuse.
    Business,
    /// Mosyle Manager and `OneK12`.
    Manager,
}

impl Settings {
    /// Checks what the shape alone cannot say; `path` is where these settings stand.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let _ = (path, problems);
    }

    /// The sources that are asked.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        if self.push { vec![Source::Push] } else { Vec::new() }
    }
}

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Mosyle {
    settings: Settings,
}

impl Mosyle {
    /// Takes checked settings. `timeout` is what one request may take. Reads no file and connects nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, _network: &Network, _timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { settings: settings.clone() })
    }
}

impl Provider for Mosyle {
    fn kind(&self) -> MdmKind {
        MdmKind::Mosyle
    }

    fn sources(&self) -> Vec<Source> {
        self.settings.sources()
    }

    fn identity(&self) -> String {
        String::new()
    }

    fn host(&self) -> String {
        String::new()
    }

    fn poll(&self, _source: Source, _now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(async { Outcome::failure(Failure::new(Reason::NotFound, "under construction")) })
    }

    fn access(&self, _now: DateTime<Utc>) -> BoxFuture<'_, Vec<Access>> {
        Box::pin(async { Vec::new() })
    }
}
