//! Kandji, now Iru Endpoint.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;

use super::Provider;
use super::access::Access;
use super::settings::yes;
use crate::config::Network;
use crate::model::{Failure, MdmKind, Outcome, Problem, Reason, Source};

/// `mdm` of a tenant with `kind: kandji`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address of the API as the console shows it (Access, API tokens); never built from a region.
    pub url: String,
    /// File with the API token.
    pub token_file: PathBuf,
    /// Whether the enrolment profile is fetched for its topic, once a day.
    #[serde(default)]
    pub enrolment_profile: bool,
    /// When the credential ends, as far as a person knows.
    #[serde(default)]
    pub credential_expires: Option<NaiveDate>,
    /// Whether ADE integrations are asked for.
    #[serde(default = "yes")]
    pub tokens: bool,
    /// Whether the check-ins of devices are asked for.
    #[serde(default = "yes")]
    pub push: bool,
}

impl Settings {
    /// Checks what the shape alone cannot say; `path` is where these settings stand.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) {
        let _ = (path, problems);
    }

    /// The sources that are asked.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let asked =
            [(Source::Tokens, self.tokens), (Source::Push, self.push), (Source::Profile, self.enrolment_profile)];
        asked.into_iter().filter_map(|(source, is_asked)| is_asked.then_some(source)).collect()
    }
}

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Kandji {
    settings: Settings,
}

impl Kandji {
    /// Takes checked settings. `timeout` is what one request may take. Reads no file and connects nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, _network: &Network, _timeout: Duration) -> Result<Self, Failure> {
        Ok(Self { settings: settings.clone() })
    }
}

impl Provider for Kandji {
    fn kind(&self) -> MdmKind {
        MdmKind::Kandji
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
