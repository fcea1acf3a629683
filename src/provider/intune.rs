//! Microsoft Intune, by Microsoft Graph.
//!
//! Only reads, with an app-only token of the client credentials grant
//! (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>). The app registration needs
//! the application permissions named here and admin consent in every directory:
//!
//! | source | reads | permission |
//! | --- | --- | --- |
//! | `api` | `GET /v1.0/deviceManagement/applePushNotificationCertificate` (<https://learn.microsoft.com/graph/api/intune-devices-applepushnotificationcertificate-get>) | `DeviceManagementServiceConfig.Read.All` |
//! | `tokens` | `GET /beta/deviceManagement/depOnboardingSettings`, `GET /v1.0/deviceAppManagement/vppTokens` | the same |
//! | `push` | `GET /v1.0/deviceManagement/managedDevices` | `DeviceManagementManagedDevices.Read.All` |
//!
//! Intune tells the end, the serial, the topic and the typed Apple Account, and neither the certificate itself nor its
//! start or issuer. The `id` and `lastModifiedDateTime` of the certificate change from one read to the next and so mean
//! nothing.
//!
//! Of tokens it lists replaced ones too, which count down to an end that does not matter. A server token to which no
//! device is assigned is left out when another one of the same name ends later; content tokens tell no such number, and
//! all of them are told. Whether a server token works is never told, since Apple's error codes in it are documented
//! nowhere: they are remarks. A content token works if its state is `valid`.
//!
//! Of check-ins it tells when each device last had one. Nothing tells which devices are switched on, so the newest
//! check-in of a family may stand still for a good reason: it never says alone that pushes do not arrive.

mod assertion;
mod denial;
mod devices;
mod login;
mod reader;
mod refusal;
mod settings;
mod tokens;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;

use self::denial::Wanted;
use self::devices::DEVICES;
use self::login::Login;
use self::reader::{Entity, Extent, Reader};
use self::tokens::{ADE, VPP};
use self::wire::CERTIFICATE;
use super::Provider;
use super::access::{Access, Right, Verdict};
use super::http::{Client, Origin, TokenCache};
use super::settings::yes;
use crate::config::Network;
use crate::model::{AppleToken, Facts, Failure, MdmKind, Outcome, PushHealth, Reason, Source};

/// What is read: for which source, whether a server may lack it, and what nobody knows without it. A beta read may be missing
/// in a national cloud.
const READS: [(Source, &Wanted, bool, &str); 4] = [
    (Source::Api, &CERTIFICATE, false, "the end and the topic of the push certificate"),
    (Source::Tokens, &ADE, true, "the end of the tokens for automated enrolment"),
    (Source::Tokens, &VPP, false, "the end and the state of the tokens for apps and books"),
    (Source::Push, &DEVICES, false, "when devices last checked in"),
];

/// The rights that the app needs: application permissions.
pub(super) fn rights() -> Vec<Right> {
    READS.iter().map(|(_, wanted, _, lost)| Right { privilege: wanted.permission, lost, is_extra: false }).collect()
}

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
    /// Whether ADE and VPP tokens are asked for.
    #[serde(default = "yes")]
    pub tokens: bool,
    /// Whether check-ins of devices are asked for.
    #[serde(default = "yes")]
    pub push: bool,
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

impl Cloud {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Usgov => "usgov",
            Self::UsgovDod => "usgov_dod",
            Self::China => "china",
        }
    }
}

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Intune {
    login: Login,
    graph: Client,
    tokens: TokenCache,
    sources: Vec<Source>,
}

impl Intune {
    /// Takes checked settings. `timeout` is what one request may take ([`super::http::REQUEST_TIMEOUT`] is a good
    /// one); a poll makes one to four, and one more for each further page of a list. Reads no file and connects
    /// nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, network: &Arc<Network>, timeout: Duration) -> Result<Self, Failure> {
        let (login_origin, graph_origin) =
            settings.origins().map_err(|problem| Failure::new(Reason::Malformed, problem.to_string()))?;
        let credential =
            settings.credential().map_err(|problem| Failure::new(Reason::Malformed, problem.to_string()))?;
        let graph = Client::new(graph_origin, network, timeout);
        let login =
            Login::new(Client::new(login_origin, network, timeout), settings, graph.origin().clone(), credential);
        Ok(Self { login, graph, tokens: TokenCache::default(), sources: settings.sources() })
    }

    async fn certificate(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let mut reader = Reader::open(self, now).await?;
        let answer = reader.get(&CERTIFICATE).await?;
        let mut facts = wire::parse(&self.graph.origin().host(), reader.token(), &answer)?;
        facts.credential_not_after = reader.credential().not_after();
        facts.origin = self.place().into();
        Ok(facts)
    }

    /// Both lists. Where one is refused or unusable, the other is told all the same.
    async fn apple_tokens(&self, now: DateTime<Utc>) -> Outcome {
        let mut reader = match Reader::open(self, now).await {
            Ok(reader) => reader,
            Err(failure) => return Outcome::failure(failure),
        };
        let mut remarks = Vec::new();
        let ade = self.server_tokens(&mut reader, &mut remarks, now).await;
        let vpp = match &ade {
            // Nobody is asked twice who does not answer, refuses the login, or wants to be left alone.
            Err(failure) if !is_of_one_list(failure) => return Outcome::failure(failure.clone()),
            _ => self.content_tokens(&mut reader, &mut remarks).await,
        };
        let (tokens, failure) = match (ade, vpp) {
            (Ok(ade), Ok(vpp)) => ([ade, vpp].concat(), None),
            (Ok(tokens), Err(failure)) | (Err(failure), Ok(tokens)) => (tokens, Some(failure)),
            (Err(failure), Err(_)) => return Outcome::failure(failure),
        };
        let facts = Facts { tokens: Some(tokens), origin: self.place().into(), remarks, ..Facts::default() };
        Outcome { facts: Some(facts), failure }
    }

    async fn server_tokens(
        &self,
        reader: &mut Reader<'_>,
        remarks: &mut Vec<String>,
        now: DateTime<Utc>,
    ) -> Result<Vec<AppleToken>, Failure> {
        let mut all = Vec::new();
        let take = |entity: &Entity| {
            all.extend(tokens::ade(entity, now)?);
            Ok(())
        };
        reader.list(&ADE, Extent::Whole(tokens::MOST_PAGES), take).await?;
        Ok(tokens::in_use(all, remarks))
    }

    async fn content_tokens(
        &self,
        reader: &mut Reader<'_>,
        remarks: &mut Vec<String>,
    ) -> Result<Vec<AppleToken>, Failure> {
        let (mut all, mut said) = (Vec::new(), Vec::new());
        let take = |entity: &Entity| {
            all.extend(tokens::vpp(entity, &mut said)?);
            Ok(())
        };
        reader.list(&VPP, Extent::Whole(tokens::MOST_PAGES), take).await?;
        remarks.append(&mut said);
        Ok(all)
    }

    async fn check_ins(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let mut reader = Reader::open(self, now).await?;
        let mut health = PushHealth::default();
        let take = |entity: &Entity| devices::count(&mut health, entity, now);
        reader.list(&DEVICES, Extent::Whole(devices::MOST_PAGES), take).await?;
        Ok(Facts { push: Some(health.into()), origin: self.place().into(), ..Facts::default() })
    }

    /// Whether a list may be read: its first page tells.
    async fn may_list(&self, wanted: &Wanted, now: DateTime<Utc>) -> Result<(), Failure> {
        Reader::open(self, now).await?.list(wanted, Extent::FirstPage, |_| Ok(())).await
    }

    /// Who is asked, for people.
    fn place(&self) -> String {
        format!("{}, directory {}", self.graph.origin(), self.login.directory())
    }
}

/// Whether a failure is one of the list alone, so that another one is worth a try.
fn is_of_one_list(failure: &Failure) -> bool {
    matches!(failure.reason, Reason::Forbidden | Reason::NotFound | Reason::Malformed | Reason::Http)
        && failure.retry_after.is_none()
}

impl Provider for Intune {
    fn kind(&self) -> MdmKind {
        MdmKind::Intune
    }

    fn sources(&self) -> Vec<Source> {
        self.sources.clone()
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
                Source::Tokens => self.apple_tokens(now).await,
                Source::Push => self.check_ins(now).await.into(),
                Source::Profile | Source::File | Source::Device | Source::Declared => {
                    Outcome::failure(Failure::new(Reason::NotFound, format!("intune has no source {source}")))
                }
            }
        })
    }

    fn access(&self, now: DateTime<Utc>) -> BoxFuture<'_, Vec<Access>> {
        Box::pin(async move {
            let mut told = Vec::new();
            for (source, wanted, is_optional, lost) in READS {
                if !self.sources.contains(&source) {
                    continue;
                }
                let result = match source {
                    Source::Api => self.certificate(now).await.map(|_| ()),
                    _ => self.may_list(wanted, now).await,
                };
                told.push(Access {
                    source,
                    endpoint: wanted.endpoint(),
                    verdict: Verdict::from_failure(result.err(), is_optional),
                    privilege: wanted.permission,
                    lost,
                });
            }
            told
        })
    }
}
