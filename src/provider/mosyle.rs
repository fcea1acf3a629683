//! Mosyle Business and Mosyle Manager.
//!
//! Mosyle's API tells nothing about the push certificate and nothing about tokens: its index of operations has neither
//! (SchoolOfTheOsage/mosyle, `docs/official`, a copy of the vendor's documentation, which is shown to customers only).
//! What is left are two times of each device, and they are asked for only where `push` is switched on:
//!
//! - `date_last_beat`, the heartbeat. On a Mac it comes from Mosyle's own agent, which needs no push: the control.
//! - `date_info`, when the device last answered a question of the MDM about itself. That takes a push.
//!
//! A Mac with a fresh heartbeat and an old answer is silent. The signal is weak: that the heartbeat comes from the agent
//! and the answer takes a push is how integrators read the two, and nothing that the vendor promises. Other devices have
//! no agent, so there is no control for them.
//!
//! Every request is a POST, which is how this API reads; what is sent is the login and the list of devices, and nothing
//! else. The columns are limited to those two times, the identifier and the model. A login takes the access token of
//! the integration *and* the address and password of an administrator: use one with the right to view devices only.

mod devices;
mod login;
mod reader;
mod settings;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;

use self::login::Login;
use self::reader::Reader;
use super::Provider;
use super::access::{Access, Right, Verdict};
use super::http::{Client, TokenCache};
use crate::config::Network;
use crate::model::{Facts, Failure, MdmKind, Outcome, Reason, Source};

/// The right of the administrator that is needed, as the console calls it (tuxudo/mosyle, README).
const RIGHT: &str = "Device View";

/// What nobody knows without the right.
const LOST: &str = "whether devices that are alive still answer, which is a weak sign";

/// The rights that the administrator needs.
pub(super) fn rights() -> Vec<Right> {
    vec![Right { privilege: RIGHT, lost: LOST, is_extra: false }]
}

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

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Mosyle {
    client: Client,
    product: Product,
    login: Login,
    tokens: TokenCache,
    sources: Vec<Source>,
}

impl Mosyle {
    /// Takes checked settings. `timeout` is what one request may take ([`super::http::REQUEST_TIMEOUT`] is a good
    /// one); a poll makes at most one login, and two or three requests and one for each hundred devices for every
    /// system. Reads no file and connects nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, network: &Arc<Network>, timeout: Duration) -> Result<Self, Failure> {
        let origin = settings.origin().map_err(|problem| Failure::new(Reason::Malformed, problem.to_string()))?;
        Ok(Self {
            client: Client::new(origin, network, timeout),
            product: settings.product,
            login: Login::new(settings),
            tokens: TokenCache::default(),
            sources: settings.sources(),
        })
    }

    async fn heartbeats(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let mut reader = Reader::open(self, now).await?;
        let mut remarks = vec![devices::WEAK.to_owned()];
        let push = devices::count(&mut reader, self.product, &mut remarks, now).await?;
        let origin = self.identity().into();
        Ok(Facts { push: Some(push.into()), origin, remarks, ..Facts::default() })
    }

    async fn may_list(&self, now: DateTime<Utc>) -> Result<(), Failure> {
        let mut reader = Reader::open(self, now).await?;
        reader.page(devices::System::Mac, 0).await.map(|_| ())
    }
}

impl Provider for Mosyle {
    fn kind(&self) -> MdmKind {
        MdmKind::Mosyle
    }

    fn sources(&self) -> Vec<Source> {
        self.sources.clone()
    }

    fn identity(&self) -> String {
        format!("{}, {}", self.client.origin(), self.product.name())
    }

    fn host(&self) -> String {
        self.client.origin().host()
    }

    fn poll(&self, source: Source, now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            match source {
                Source::Push => self.heartbeats(now).await.into(),
                Source::Api | Source::Tokens | Source::Profile | Source::File | Source::Device | Source::Declared => {
                    Outcome::failure(Failure::new(Reason::NotFound, format!("mosyle has no source {source}")))
                }
            }
        })
    }

    fn access(&self, now: DateTime<Utc>) -> BoxFuture<'_, Vec<Access>> {
        Box::pin(async move {
            if self.sources.is_empty() {
                return Vec::new();
            }
            vec![Access {
                source: Source::Push,
                endpoint: format!("POST /{} (list)", self.product.list_path()),
                verdict: Verdict::from_failure(self.may_list(now).await.err(), false),
                privilege: RIGHT,
                lost: LOST,
            }]
        })
    }
}
