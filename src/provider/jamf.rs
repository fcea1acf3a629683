//! Jamf Pro.
//!
//! It tells neither the end nor the topic of its push certificate, only notices: some 30 days before the end, after it,
//! when Apple has revoked it, and when Apple cannot be reached. A notice that is not there proves nothing. Beside them it
//! tells the ends of its other Apple tokens, for how many clients push is off, when mobile devices were last in contact,
//! and (if that is wanted) the topic in its enrolment profiles.
//!
//! Only reads: nothing is ever dismissed, enabled or sent. The requests of a poll go one after the other, for Jamf asks
//! for at most five connections
//! (<https://developer.jamf.com/jamf-pro/docs/jamf-pro-api-scalability-best-practices>), and cookies are not kept, so
//! that a poll sees whichever node of a cluster answers
//! (<https://developer.jamf.com/jamf-pro/docs/sticky-sessions-for-jamf-cloud>).

mod endpoints;
mod login;
mod notices;
mod pages;
mod profile;
mod push;
mod session;
mod settings;
mod tokens;
mod wire;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::endpoints::Endpoint;
use self::login::Login;
use self::session::Session;
use super::Provider;
use super::access::{Access, Right, Verdict};
use super::http::{BODY_LIMIT, Client, Origin, TokenCache};
use super::settings::yes;
use crate::config::Network;
use crate::model::{Facts, Failure, MdmKind, Outcome, Reason, Source};

/// The rights that the login needs. The notices take none.
pub(super) fn rights() -> Vec<Right> {
    let all = [
        &endpoints::ENROLLMENTS,
        &endpoints::LOCATIONS,
        &endpoints::PUSH_STATUS,
        &endpoints::DEVICES,
        &endpoints::PROFILES,
    ];
    let right = |endpoint: &Endpoint| Right {
        privilege: endpoint.privilege,
        lost: endpoint.lost,
        is_extra: endpoint.source == Source::Profile,
    };
    all.into_iter().map(right).collect()
}

/// `mdm` of a tenant with `kind: jamf`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The address of the server; a base path is kept.
    pub url: String,
    /// The id of an API client, together with `client_secret_file`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// File with its secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// A user, together with `password_file` and instead of an API client.
    #[serde(default)]
    pub username: Option<String>,
    /// File with that user's password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Whether the enrolment profile is fetched for its topic, once a day.
    #[serde(default)]
    pub enrolment_profile: bool,
    /// When the credential ends, as far as a person knows.
    #[serde(default)]
    pub credential_expires: Option<NaiveDate>,
    /// Whether ADE and volume purchasing tokens are asked for.
    #[serde(default = "yes")]
    pub tokens: bool,
    /// Whether clients with push off and contact times are asked for.
    #[serde(default = "yes")]
    pub push: bool,
}

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Jamf {
    client: Client,
    login: Login,
    tokens: TokenCache,
    sources: Vec<Source>,
}

impl Jamf {
    /// Takes checked settings. `timeout` is what one request may take. Reads no file and connects nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, network: &Arc<Network>, timeout: Duration) -> Result<Self, Failure> {
        let wrong = |problem: crate::model::Problem| Failure::new(Reason::Malformed, problem.to_string());
        let origin = settings.origin().map_err(wrong)?;
        let login = settings.login().map_err(wrong)?;
        let client = Client::new(origin, network, timeout);
        Ok(Self { client, login, tokens: TokenCache::default(), sources: settings.sources() })
    }

    async fn ask(&self, source: Source, now: DateTime<Utc>) -> Outcome {
        let mut session = match Session::start(self, now).await {
            Ok(session) => session,
            Err(failure) => return Outcome::failure(failure),
        };
        let mut outcome = match source {
            Source::Tokens => tokens::poll(&mut session).await,
            Source::Push => push::poll(&mut session).await,
            Source::Profile => profile::poll(&mut session).await,
            Source::Api | Source::File | Source::Device | Source::Declared => notices::poll(&mut session).await.into(),
        };
        session.finish().await;
        if let Some(facts) = &mut outcome.facts {
            let url = self.client.origin();
            facts.origin = match &*facts.origin {
                "" => url.to_string(),
                more => format!("{url}, {more}"),
            }
            .into();
        }
        outcome
    }

    async fn try_all(&self, now: DateTime<Utc>) -> Vec<Access> {
        let mut endpoints = vec![&endpoints::NOTIFICATIONS];
        for (source, more) in [
            (Source::Tokens, [&endpoints::ENROLLMENTS, &endpoints::LOCATIONS]),
            (Source::Push, [&endpoints::PUSH_STATUS, &endpoints::DEVICES]),
            (Source::Profile, [&endpoints::PROFILES, &endpoints::DOWNLOAD]),
        ] {
            endpoints.extend(more.into_iter().filter(|_| self.sources.contains(&source)));
        }
        let row = |endpoint: &Endpoint, failure: Option<Failure>| Access {
            source: endpoint.source,
            endpoint: endpoint.to_string(),
            verdict: Verdict::from_failure(failure, endpoint.is_optional),
            privilege: endpoint.privilege,
            lost: endpoint.lost,
        };
        // The login is tried once: many refusals in a row would lock an account.
        let start = async {
            let session = Session::start(self, now).await?;
            session.token().await?;
            Ok::<_, Failure>(session)
        };
        let mut session = match start.await {
            Ok(session) => session,
            Err(failure) => return endpoints.iter().map(|endpoint| row(endpoint, Some(failure.clone()))).collect(),
        };
        let mut rows = Vec::new();
        for endpoint in endpoints {
            match try_one(&mut session, endpoint).await {
                Ok(true) => rows.push(row(endpoint, None)),
                // There is nothing to try it with, and its right is that of the list.
                Ok(false) => {}
                Err(failure) => rows.push(row(endpoint, Some(failure))),
            }
        }
        session.finish().await;
        rows
    }
}

/// Reads as little as the endpoint has; `false` if there is nothing to be read.
async fn try_one(session: &mut Session<'_>, endpoint: &Endpoint) -> Result<bool, Failure> {
    let host = session.host();
    if endpoint.path == endpoints::DOWNLOAD.path {
        let Some(id) = profile::list(session).await.unwrap_or_default().into_iter().next() else { return Ok(false) };
        let path: Vec<&str> =
            endpoint.path.iter().map(|part| if *part == "{id}" { id.as_str() } else { *part }).collect();
        let answer = session.ask(&path, &[], "*/*").await?;
        let result = wire::expect(&host, endpoint, &answer);
        answer.wipe();
        return result.map(|()| true);
    }
    let is_paged = !matches!(endpoint.source, Source::Api | Source::Profile);
    let query: &[(&str, &str)] = if is_paged { &[("page", "0"), ("page-size", "1")] } else { &[] };
    let answer = session.get(endpoint, query).await?;
    let result = wire::expect(&host, endpoint, &answer).and_then(|()| {
        let read = answer.parse::<IgnoredAny>(BODY_LIMIT);
        read.map_err(|failure| wire::malformed(&host, endpoint, &failure.message))
    });
    answer.wipe();
    result.map(|_| true)
}

/// What two reads gave of which one may lack a privilege.
enum Parts<A, B> {
    Both(A, B),
    First(A),
    Second(B),
}

fn is_forbidden(failure: &Failure) -> bool {
    failure.reason == Reason::Forbidden
}

/// Puts two reads together. A missing privilege leaves the other one told, because it will stay missing until somebody
/// acts; whatever else goes wrong may pass, and fails the poll as a whole.
fn merge<A, B>(
    first: Result<A, Failure>,
    second: Result<B, Failure>,
    facts: impl FnOnce(Parts<A, B>) -> Facts,
) -> Outcome {
    match (first, second) {
        (Ok(first), Ok(second)) => Outcome::success(facts(Parts::Both(first, second))),
        (Ok(first), Err(failure)) if is_forbidden(&failure) => {
            Outcome { facts: Some(facts(Parts::First(first))), failure: Some(failure) }
        }
        (Err(failure), Ok(second)) if is_forbidden(&failure) => {
            Outcome { facts: Some(facts(Parts::Second(second))), failure: Some(failure) }
        }
        (Err(one), Err(other)) if is_forbidden(&one) && is_forbidden(&other) => {
            Outcome::failure(Failure::new(Reason::Forbidden, format!("{one}; {other}")))
        }
        (Err(one), Err(other)) if is_forbidden(&one) => Outcome::failure(other),
        (Err(failure), _) | (_, Err(failure)) => Outcome::failure(failure),
    }
}

impl Provider for Jamf {
    fn kind(&self) -> MdmKind {
        MdmKind::Jamf
    }

    fn sources(&self) -> Vec<Source> {
        self.sources.clone()
    }

    fn identity(&self) -> String {
        self.client.origin().to_string()
    }

    fn host(&self) -> String {
        self.client.origin().host()
    }

    fn poll(&self, source: Source, now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(self.ask(source, now))
    }

    fn access(&self, now: DateTime<Utc>) -> BoxFuture<'_, Vec<Access>> {
        Box::pin(self.try_all(now))
    }
}
