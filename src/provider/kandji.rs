//! Kandji, now Iru Endpoint, by its Endpoint Management API.
//!
//! Of its documented operations (<https://api-docs.kandji.io>) none tells of the push certificate. What can be asked:
//!
//! - `GET /api/v1/integrations/apple/ade`: the ADE tokens, with their ends and whether they work.
//! - `GET /api/v1/prism/device_information`: when each device was last seen, by the agent and over MDM. The Mac agent
//!   comes every 15 minutes by itself, an MDM check-in once a day and only after a push.
//! - `GET /api/v1/blueprints` and `GET /api/v1/blueprints/{id}/ota-enrollment-profile`, opt-in: what new devices are
//!   given, with the topic if it is in there. Kandji may note an enrolment that was begun each time, so it is fetched
//!   once a day and for one blueprint only.
//!
//! The token is sent as it stands in its file, at every poll anew. A token's rights are a grid of single endpoints.

mod devices;
mod envelope;
mod integrations;
mod paging;
mod refusal;
mod settings;

use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::BoxFuture;
use reqwest::header::HeaderMap;
use serde::Deserialize;

use self::envelope::{Fields, Listing, PRISM, REST};
use self::paging::Trail;
use self::refusal::Budget;
use super::Provider;
use super::access::{Access, Right, Verdict};
use super::http::{self, Answer, Client, Token};
use super::settings::yes;
use crate::certificate::profile;
use crate::config::Network;
use crate::model::{Facts, Failure, MdmKind, Outcome, PushCertificate, PushHealth, Reason, Source, Topic};
use crate::secret::SecretFile;

/// The most rows that Prism gives at once.
const PRISM_LIMIT: &str = "300";

/// An enrolment profile has some kilobytes; with a signature and its chain a few more.
const PROFILE_LIMIT: usize = 1024 * 1024;

/// How long a failed read of a profile is left alone: each may leave a trace at Kandji.
const PROFILE_PAUSE: Duration = Duration::from_secs(3600);

/// The rights that the token needs.
pub(super) fn rights() -> Vec<Right> {
    let right = |resource: &Resource<'_>| Right {
        privilege: resource.permission(),
        lost: resource.lost(),
        is_extra: resource.source() == Source::Profile,
    };
    EVERYTHING.iter().map(right).collect()
}

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

/// The MDM of one tenant.
#[derive(Debug)]
pub struct Kandji {
    client: Client,
    token: SecretFile,
    sources: Vec<Source>,
}

/// What is read. Nothing else is ever asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource<'a> {
    Integrations,
    Devices,
    Blueprints,
    /// Of the blueprint with this id.
    Profile(&'a str),
}

/// Every resource, in the order in which they are tried.
const EVERYTHING: [Resource<'static>; 4] =
    [Resource::Integrations, Resource::Devices, Resource::Blueprints, Resource::Profile("")];

impl Resource<'_> {
    fn path(&self) -> Vec<&str> {
        let below: &[&str] = match self {
            Self::Integrations => &["integrations", "apple", "ade"],
            Self::Devices => &["prism", "device_information"],
            Self::Blueprints => &["blueprints"],
            Self::Profile(id) => &["blueprints", id, "ota-enrollment-profile"],
        };
        ["api", "v1"].iter().chain(below).copied().collect()
    }

    /// As the grid of a token's permissions names it.
    fn permission(&self) -> &'static str {
        match self {
            Self::Integrations => "GET /api/v1/integrations/apple/ade",
            Self::Devices => "GET /api/v1/prism/device_information",
            Self::Blueprints => "GET /api/v1/blueprints",
            Self::Profile(_) => "GET /api/v1/blueprints/{blueprint_id}/ota-enrollment-profile",
        }
    }

    fn source(&self) -> Source {
        match self {
            Self::Integrations => Source::Tokens,
            Self::Devices => Source::Push,
            Self::Blueprints | Self::Profile(_) => Source::Profile,
        }
    }

    fn lost(&self) -> &'static str {
        match self {
            Self::Integrations => "the ends of the ADE tokens, and whether they work",
            Self::Devices => "whether pushes arrive",
            Self::Blueprints | Self::Profile(_) => "the topic that new devices are given",
        }
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integrations => "the ADE integrations",
            Self::Devices => "the device information",
            Self::Blueprints => "the blueprints",
            Self::Profile(_) => "the enrolment profile",
        })
    }
}

impl Kandji {
    /// Takes checked settings. `timeout` is what one request may take; a poll makes one for each page, one after the
    /// other. Reads no file and connects nowhere.
    ///
    /// # Errors
    ///
    /// `malformed`, if the settings would not pass [`Settings::check`].
    pub fn new(settings: &Settings, network: &Arc<Network>, timeout: Duration) -> Result<Self, Failure> {
        let origin = settings.origin().map_err(|message| Failure::new(Reason::Malformed, format!("url: {message}")))?;
        Ok(Self {
            client: Client::new(origin, network, timeout),
            token: SecretFile::new(&settings.token_file),
            sources: settings.sources(),
        })
    }

    fn host(&self) -> String {
        self.client.origin().host()
    }

    /// Read at every poll, so that a token that was replaced is used at once.
    async fn read_token(&self) -> Result<Token, Failure> {
        let secret = self.token.fetch().await?;
        let unusable = || {
            let what = if secret.has_outer_white_space() {
                "begins or ends with white space"
            } else {
                "holds characters that no token has"
            };
            let file = self.token.path().display();
            Failure::new(Reason::Malformed, format!("the API token in {file} {what}"))
        };
        secret.expose_str().and_then(|text| Token::new(text.to_owned()).ok()).ok_or_else(unusable)
    }

    /// One read that was answered with 200.
    async fn ask(
        &self,
        resource: Resource<'_>,
        query: &[(&str, &str)],
        token: &Token,
        now: DateTime<Utc>,
    ) -> Result<Answer, Failure> {
        // A cache stands in front of the API, and stale answers were seen (kandji-inc/irupkg).
        let headers = HeaderMap::from_iter([http::header("cache-control", "no-cache")?]);
        let answer = self.client.get_query(&resource.path(), query, headers, Some(token), now).await?;
        match answer.status {
            200 => Ok(answer),
            _ => Err(refusal::failure(&self.host(), resource, self.token.path(), &answer, now)),
        }
    }

    /// What a 200 holds, if it is a page of a list. Also a web page comes with 200.
    fn page<F: Fields>(&self, listing: &Listing, answer: Answer) -> Result<envelope::Page<F>, Failure> {
        let page = listing.page::<F>(answer);
        page.map_err(|failure| Failure::new(failure.reason, format!("{}: {}", self.host(), failure.message)))
    }

    /// Every row of a list, page by page. `each` gets the rows, each once however often it comes, and never those of a
    /// list that breaks off or ends before its own total: what it gathered is then dropped with the failure.
    async fn rows<F: Fields>(
        &self,
        listing: &Listing,
        resource: Resource<'_>,
        token: &Token,
        now: DateTime<Utc>,
        mut each: impl FnMut(envelope::Row<F>),
    ) -> Result<(), Failure> {
        let host = self.host();
        let mut trail = Trail::new(listing.most_pages);
        // Rows without an id cannot be told from each other, and are as many as there are.
        let (mut seen, mut distinct, mut total) = (HashSet::new(), 0, None);
        loop {
            let answer = {
                let query: Vec<(&str, &str)> = trail.query().collect();
                self.ask(resource, &[listing.first, &query].concat(), token, now).await?
            };
            let budget = Budget::of(&answer);
            let page = self.page::<F>(listing, answer)?;
            // The latest counts, for a list may shrink while it is read.
            total = page.count.or(total);
            let is_empty = page.rows.is_empty();
            for row in page.rows {
                if row.text(F::ID).is_none_or(|id| seen.insert(id.to_owned())) {
                    distinct += 1;
                    each(row);
                }
            }
            let wrong = |what| Failure::new(Reason::Malformed, format!("{host}: the list of {resource} {what}"));
            let is_short = total.is_some_and(|total| distinct < total);
            let next = page.next.filter(|_| is_short || !is_empty || !listing.ends_empty());
            let Some(next) = next else {
                return if is_short { Err(wrong("ends before its own total")) } else { Ok(()) };
            };
            trail.follow(next).map_err(wrong)?;
            // The budget is the tenant's and everybody's who uses its API; the last of it is not ours to take.
            budget.check(&host, now)?;
        }
    }

    async fn tokens(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let token = self.read_token().await?;
        let mut rows = Vec::new();
        self.rows(&REST, Resource::Integrations, &token, now, |row| rows.push(row)).await?;
        integrations::facts(&self.host(), &rows)
    }

    async fn push(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let token = self.read_token().await?;
        let mut fleet = devices::Fleet::default();
        self.rows(&PRISM, Resource::Devices, &token, now, |row| fleet.count(&row, now)).await?;
        let remarks = fleet.remarks();
        let push = PushHealth { families: fleet.families, disabled: None };
        Ok(Facts { push: Some(push.into()), remarks, ..Facts::default() })
    }

    async fn profile(&self, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let token = self.read_token().await?;
        let Some(blueprint) = self.blueprint(&token, now).await? else {
            let remarks = vec!["Kandji has no blueprint, and so no enrolment profile.".to_owned()];
            return Ok(Facts { remarks, ..Facts::default() });
        };
        self.profile_of(&blueprint, &token, now).await.map_err(|mut failure| {
            failure.retry_after.get_or_insert(PROFILE_PAUSE);
            failure
        })
    }

    /// The id of the blueprint that is asked for its profile: always the same while it exists.
    async fn blueprint(&self, token: &Token, now: DateTime<Utc>) -> Result<Option<String>, Failure> {
        let mut ids = Vec::new();
        let each = |row: envelope::Row<envelope::Blueprint>| ids.push(row.text("id").map(str::to_owned));
        self.rows(&REST, Resource::Blueprints, token, now, each).await?;
        let ids: Option<Vec<String>> = ids.into_iter().map(|id| id.filter(|id| is_id(id))).collect();
        let Some(ids) = ids else {
            return Err(Failure::new(Reason::Malformed, format!("{}: a blueprint has no usable id", self.host())));
        };
        Ok(ids.into_iter().min())
    }

    async fn profile_of(&self, blueprint: &str, token: &Token, now: DateTime<Utc>) -> Result<Facts, Failure> {
        let answer = self.ask(Resource::Profile(blueprint), &[], token, now).await?;
        // Whoever has a profile can enrol devices: it is wiped, and nothing but the topic is taken from it.
        let topic = self.topic(&answer.body);
        answer.wipe();
        let Some(topic) = topic? else {
            let remarks = vec!["No topic in the enrolment profile: it only says where the next one is.".to_owned()];
            return Ok(Facts { remarks, ..Facts::default() });
        };
        let certificate = PushCertificate { topic: Some(topic), ..PushCertificate::default() };
        Ok(Facts { certificate: Some(certificate.into()), ..Facts::default() })
    }

    fn topic(&self, body: &[u8]) -> Result<Option<Topic>, Failure> {
        let malformed = |what: &str| Failure::new(Reason::Malformed, format!("{}: {what}", self.host()));
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Err(malformed("the answer is empty")),
            // What they give for the asking of a sign-in.
            Some(b'{' | b'[' | b'"') => Err(malformed("the answer is JSON and not an enrolment profile")),
            Some(_) if body.len() > PROFILE_LIMIT => Err(malformed("the enrolment profile is too long")),
            Some(_) => profile::topic(body).map_err(|error| malformed(&format!("the enrolment profile: {error}"))),
        }
    }

    /// What this login may read, one after the other.
    async fn attempts(&self, now: DateTime<Utc>) -> Vec<Access> {
        let token = match self.read_token().await {
            Ok(token) => token,
            Err(failure) => return self.wanted().map(|resource| access(resource, Err(failure.clone()))).collect(),
        };
        let mut found = Vec::new();
        for resource in self.wanted() {
            let mut is_untried = false;
            let result = match resource {
                Resource::Profile(_) => match self.blueprint(&token, now).await {
                    Ok(Some(id)) => self.profile_of(&id, &token, now).await.map(|_| ()),
                    Ok(None) => Err(Failure::new(Reason::NotFound, "there is no blueprint to try it with")),
                    // Whatever keeps the list from being read keeps this one too: Kandji was reached all the same.
                    Err(failure) => {
                        is_untried = true;
                        let message = format!("{}; without a blueprint it cannot be tried", failure.message);
                        Err(Failure { message, ..failure })
                    }
                },
                Resource::Devices => {
                    let answer = self.ask(resource, &[("limit", "1")], &token, now).await;
                    answer.and_then(|answer| self.page::<envelope::Device>(&PRISM, answer).map(|_| ()))
                }
                Resource::Integrations => {
                    let answer = self.ask(resource, &[], &token, now).await;
                    answer.and_then(|answer| self.page::<envelope::Integration>(&REST, answer).map(|_| ()))
                }
                Resource::Blueprints => {
                    let answer = self.ask(resource, &[], &token, now).await;
                    answer.and_then(|answer| self.page::<envelope::Blueprint>(&REST, answer).map(|_| ()))
                }
            };
            found.push(Access {
                // Perhaps the token has this one.
                privilege: if is_untried { "" } else { resource.permission() },
                ..access(resource, result)
            });
        }
        // Kandji may say 401 for a right that is missing; a token that reads one thing is not refused as a login.
        if found.iter().any(|access| access.verdict == Verdict::Allowed) {
            for access in &mut found {
                if let Verdict::LoginRefused(failure) = &access.verdict {
                    access.verdict = Verdict::Denied(failure.clone());
                }
            }
        }
        found
    }

    /// Everything that the sources of this tenant need.
    fn wanted(&self) -> impl Iterator<Item = Resource<'static>> {
        EVERYTHING.into_iter().filter(|resource| self.sources.contains(&resource.source()))
    }
}

fn access(resource: Resource<'_>, result: Result<(), Failure>) -> Access {
    Access {
        source: resource.source(),
        endpoint: resource.permission().to_owned(),
        verdict: Verdict::from_failure(result.err(), false),
        privilege: resource.permission(),
        lost: resource.lost(),
    }
}

/// Kandji's ids are UUIDs. What else may stand in an address is none of our business.
fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

impl Provider for Kandji {
    fn kind(&self) -> MdmKind {
        MdmKind::Kandji
    }

    fn sources(&self) -> Vec<Source> {
        self.sources.clone()
    }

    fn identity(&self) -> String {
        self.client.origin().to_string()
    }

    fn host(&self) -> String {
        Self::host(self)
    }

    fn poll(&self, source: Source, now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(async move {
            let told = match source {
                Source::Tokens => self.tokens(now).await,
                Source::Push => self.push(now).await,
                Source::Profile => self.profile(now).await,
                Source::Api | Source::File | Source::Device | Source::Declared => {
                    Err(Failure::new(Reason::NotFound, format!("kandji has no source {source}")))
                }
            };
            told.map(|facts| Facts { origin: self.client.origin().to_string().into(), ..facts }).into()
        })
    }

    fn access(&self, now: DateTime<Utc>) -> BoxFuture<'_, Vec<Access>> {
        Box::pin(self.attempts(now))
    }
}
