//! Microsoft Intune, by Microsoft Graph.
//!
//! One read, `GET /v1.0/deviceManagement/applePushNotificationCertificate`
//! (<https://learn.microsoft.com/graph/api/intune-devices-applepushnotificationcertificate-get>), with an app-only
//! token of the client credentials grant
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>). The app registration
//! needs the application permission `DeviceManagementServiceConfig.Read.All` and admin consent in every directory.
//!
//! Intune tells the end, the serial, the topic and the typed Apple Account, and neither the certificate itself nor its
//! start or issuer. Its `id` and `lastModifiedDateTime` change from one read to the next and so mean nothing.

mod assertion;
mod login;
mod refusal;
mod settings;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use self::login::Login;
use super::Provider;
use super::http::{self, Answer, Client, Origin, Token, TokenCache};
use crate::config::Network;
use crate::model::{Facts, Failure, MdmKind, Outcome, Reason, Source};

/// What is asked, below the Graph address. Without `$select`: the answer is small, and what is missing shows.
const CERTIFICATE: [&str; 3] = ["v1.0", "deviceManagement", "applePushNotificationCertificate"];

/// `mdm` of a tenant with `kind: intune`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The Entra directory (tenant) that is asked: its GUID or a verified domain.
    pub directory: String,
    /// Which of Microsoft's clouds. `global` if neither this nor the two addresses are given.
    #[serde(default)]
    pub cloud: Option<Cloud>,
    /// The login address, together with `graph_url` and instead of `cloud`.
    #[serde(default)]
    pub login_url: Option<String>,
    /// The Graph address, together with `login_url` and instead of `cloud`.
    #[serde(default)]
    pub graph_url: Option<String>,
    /// The application (client) id.
    pub client_id: String,
    /// File with the client secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// File with the certificate of a certificate assertion.
    #[serde(default)]
    pub client_certificate_file: Option<PathBuf>,
    /// File with its RSA key.
    #[serde(default)]
    pub client_key_file: Option<PathBuf>,
    /// File with the token of another identity provider (workload identity federation). It rotates.
    #[serde(default)]
    pub federated_token_file: Option<PathBuf>,
    /// When the credential ends, as far as a person knows.
    #[serde(default)]
    pub credential_expires: Option<NaiveDate>,
    /// Whether ADE and VPP tokens are asked for, once that is built.
    #[serde(default = "yes")]
    pub tokens: bool,
    /// Whether check-ins of devices are asked for, once that is built.
    #[serde(default = "yes")]
    pub push: bool,
}

fn yes() -> bool {
    true
}

/// Microsoft's clouds. Login host, Graph host and scope of a cloud belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cloud {
    /// The worldwide cloud, GCC included.
    Global,
    /// US Government L4 (GCC High).
    Usgov,
    /// US Government L5 (Department of Defense).
    UsgovDod,
    /// China, run by 21Vianet.
    China,
}

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Intune {
    login: Login,
    graph: Client,
    tokens: TokenCache,
}

impl Intune {
    /// Takes checked settings. `timeout` is what one request may take ([`http::REQUEST_TIMEOUT`] is a good one); a
    /// poll makes one to four. Reads no file and connects nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, network: &Network, timeout: Duration) -> Result<Self, Failure> {
        let (login_origin, graph_origin) =
            settings.origins().map_err(|problem| Failure::new(Reason::Malformed, problem.to_string()))?;
        let credential =
            settings.credential().map_err(|problem| Failure::new(Reason::Malformed, problem.to_string()))?;
        let scope = format!("{}/.default", graph_origin.root());
        let login = Login::new(Client::new(login_origin, network, timeout), settings, scope, credential);
        Ok(Self { login, graph: Client::new(graph_origin, network, timeout), tokens: TokenCache::default() })
    }

    async fn certificate(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        // Read at every poll: a secret that was replaced is used at once, and one that is gone is told while the
        // token made with it still lives.
        let credential = self.login.read_credential().await?;
        let token = || self.tokens.token(credential.fingerprint(), || self.login.log_in(&credential, now));

        let first = token().await?;
        let mut used = first.clone();
        let mut answer = self.ask(&first, now).await?;
        if answer.status == 401 {
            // The token may have been revoked: one new login, one new try, and no more.
            self.tokens.reject(&first).await;
            used = token().await?;
            answer = self.ask(&used, now).await?;
        }
        if matches!(answer.status, 401 | 403) {
            // Rights are written into a token when it is made, so the next poll must not reuse this one.
            self.tokens.reject(&used).await;
        }
        let mut facts = wire::parse(&self.graph.origin().host(), &answer)?;
        facts.origin = format!("{}, directory {}", self.graph.origin(), self.login.directory());
        Ok(facts)
    }

    async fn ask(&self, token: &Token, now: DateTime<Utc>) -> Result<Answer, Failure> {
        // Microsoft asks for this number in support cases.
        let id = uuid::Uuid::new_v4().to_string();
        let headers = HeaderMap::from_iter([http::header("client-request-id", &id)?]);
        let answer = self.graph.get(&CERTIFICATE, headers, Some(token), now).await;
        match &answer {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => {
                tracing::debug!(client_request_id = id, status = answer.status, "graph did not answer with 200")
            }
            Err(failure) => tracing::debug!(client_request_id = id, reason = %failure.reason, "graph gave no answer"),
        }
        answer
    }
}

impl Provider for Intune {
    fn kind(&self) -> MdmKind {
        MdmKind::Intune
    }

    fn sources(&self) -> &'static [Source] {
        &[Source::Api]
    }

    fn identity(&self) -> String {
        format!("{} {}/{}", self.graph.origin(), self.login.origin(), self.login.directory())
    }

    fn host(&self) -> String {
        self.graph.origin().host()
    }

    fn poll(&self, source: Source, now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            match source {
                Source::Api => self.certificate(now).await.into(),
                Source::File | Source::Declared => {
                    Outcome::failure(Failure::new(Reason::NotFound, format!("intune has no source {source}")))
                }
            }
        })
    }
}
