//! A simulated Jamf Pro: its two logins and the reads that are made of it, on loopback.
//!
//! One simulator holds any number of servers, each below a base path of its own. Logins are really verified; what a
//! server answers can be changed at any moment, and everything that was asked is recorded. It writes cookies into every
//! answer, as the load balancer of Jamf Cloud does, and has no endpoint that changes anything.

mod login;
mod resources;
mod server;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::listener::Traffic;
use super::server::Server as Service;
use server::World;

/// A running simulator. It ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    service: Service,
    world: Arc<World>,
}

/// One Jamf Pro.
#[derive(Clone, Debug)]
pub struct Server {
    /// Who may log in.
    pub credential: Credential,
    /// How logins are answered.
    pub login: LoginAnswer,
    /// Which paths of the login of API clients it has.
    pub token_paths: TokenPaths,
    /// The life of its tokens in seconds, after which they are refused. `None` does not tell it, and lets them live for
    /// an hour.
    pub life: Option<u64>,
    /// For how many reads a token is good, whatever its life.
    pub uses: Option<u64>,
    /// How reads are answered; one that is not here with the 404 of a server that does not know it.
    pub answers: HashMap<Resource, Answer>,
}

/// Who may log in.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API client, by id and secret.
    Client(String, Vec<u8>),
    /// A user, by name and password.
    User(String, Vec<u8>),
}

/// Which paths of the login of API clients a server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenPaths {
    /// Both.
    Both,
    /// `/api/v1/oauth/token` alone.
    Newer,
    /// `/api/oauth/token` alone.
    Older,
}

/// How a login is answered.
#[derive(Clone, Debug)]
pub enum LoginAnswer {
    /// As Jamf would: a token, or the refusal that fits.
    Honest,
    /// With the 401 of a password that is too old.
    ExpiredPassword,
    /// With a status, perhaps `Retry-After` (as it stands), and a page.
    Status(u16, Option<String>),
    /// With a status and this document.
    Json(u16, Value),
    /// With 401 and everything that was sent, headers and body.
    Echo401,
    /// With a redirect to this address.
    Redirect(String),
    /// Never.
    Hang,
}

/// What can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// `GET /api/v1/notifications`
    Notifications,
    /// `GET /api/v1/device-enrollments`
    Enrollments,
    /// `GET /api/v1/volume-purchasing-locations`
    Locations,
    /// `GET /api/v1/apns-client-push-status`
    PushStatus,
    /// `GET /api/v2/mobile-devices/detail`
    Devices,
    /// `GET /JSSResource/mobiledeviceenrollmentprofiles`
    Profiles,
    /// `GET /api/v1/mobile-device-enrollment-profile/{id}/download-profile`
    Profile(u64),
}

/// How a read is answered. Whatever it is, it takes a good token to see it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With these records, in the shape that the resource has: a bare list, pages, or the list of the Classic API.
    List(Vec<Value>),
    /// With these records in pages, and something wrong with the pages.
    Paged(Vec<Value>, Paging),
    /// With these bytes, as a profile.
    Bytes(Vec<u8>),
    /// With a status and a page.
    Html(u16),
    /// With a status, perhaps `Retry-After` (as it stands), and an error object.
    Error(u16, Option<String>),
    /// With a status and an error object that lists no error.
    ErrorEmpty(u16),
    /// With a status and no body.
    Empty(u16),
    /// With 200 and this document.
    Json(Value),
    /// With half a body; then the connection breaks.
    Truncated,
    /// With 200 and a byte every so often, without end.
    Trickle(Duration),
    /// With a redirect to this address.
    Redirect(String),
    /// Never.
    Hang,
    /// Not at all: the connection is closed.
    CloseConnection,
    /// With 401 and everything that was sent, headers included.
    Echo401,
    /// With each of these once, in turn, and then with the last for ever.
    Sequence(VecDeque<Self>),
}

/// What is wrong with the pages of a list.
#[derive(Clone, Debug)]
pub enum Paging {
    /// No page has more records than this, whatever is asked for.
    Clamped(usize),
    /// The first page comes again and again.
    Repeats,
    /// There is always one page more, with new records and a larger total.
    Grows,
    /// The total is larger than the list by so many.
    Claims(u64),
    /// This page (the first is 0) and all behind it are answered so.
    Fails(usize, Box<Answer>),
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The base path of the server.
    pub base: String,
    /// The path below it.
    pub path: String,
    /// The query.
    pub query: String,
    /// Whether the login was granted or the token good.
    pub authorised: bool,
    /// `Cookie`.
    pub cookie: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

impl Server {
    /// A server without notices, tokens, devices or profiles, whose tokens live for 20 minutes.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        let empty = |resource| (resource, Answer::List(Vec::new()));
        let resources = [
            Resource::Notifications,
            Resource::Enrollments,
            Resource::Locations,
            Resource::PushStatus,
            Resource::Devices,
            Resource::Profiles,
        ];
        Self {
            credential,
            login: LoginAnswer::Honest,
            token_paths: TokenPaths::Both,
            life: Some(1200),
            uses: None,
            answers: resources.into_iter().map(empty).collect(),
        }
    }

    /// The same with this answer to a read.
    #[must_use]
    pub fn with(mut self, resource: Resource, answer: Answer) -> Self {
        self.answers.insert(resource, answer);
        self
    }
}

impl Answer {
    /// Each of these once, in turn, and then the last for ever.
    #[must_use]
    pub fn sequence(answers: impl IntoIterator<Item = Self>) -> Self {
        Self::Sequence(answers.into_iter().collect())
    }

    /// One notice; with days as a number, if there are any.
    #[must_use]
    pub fn notice(kind: &str, days: Option<i64>) -> Self {
        let params = days.map_or_else(|| json!({}), |days| json!({ "days": days }));
        Self::List(vec![json!({ "type": kind, "id": "1", "params": params })])
    }
}

/// A server token of Automated Device Enrolment, as a record of [`Resource::Enrollments`]. Its end is a day.
#[must_use]
pub fn enrollment(id: u64, name: &str, not_after: DateTime<Utc>) -> Value {
    json!({
        "id": id.to_string(), "name": name, "supervisionIdentityId": "1", "siteId": "-1", "serverName": "mdm",
        "serverUuid": "00000000000040008000000000000001", "adminId": "admin@example.com", "orgName": "Example",
        "orgEmail": "it@example.com", "orgPhone": "", "orgAddress": "",
        "tokenExpirationDate": not_after.format("%Y-%m-%d").to_string(),
    })
}

/// A content token, as a record of [`Resource::Locations`].
#[must_use]
pub fn location(id: u64, name: &str, not_after: DateTime<Utc>, is_claimed: bool) -> Value {
    json!({
        "id": id.to_string(), "name": name, "appleId": "vpp@example.com", "organizationName": "Example",
        "tokenExpiration": not_after.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(), "countryCode": "US",
        "locationName": name, "clientContextMismatch": is_claimed, "siteId": "-1", "siteName": "None",
        "totalPurchasedLicenses": 10, "totalUsedLicenses": 3,
    })
}

/// A managed device, as a record of [`Resource::Devices`]; its model is an identifier such as `iPad12,1`.
#[must_use]
pub fn device(id: u64, model: &str, last_contact: DateTime<Utc>) -> Value {
    json!({
        "mobileDeviceId": id.to_string(),
        "deviceType": "ios",
        "general": {
            "displayName": format!("Device {id}"), "managed": true, "supervised": true,
            "lastContactDate": last_contact.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        },
        "hardware": { "modelIdentifier": model, "serialNumber": format!("SIMULATED{id}") },
    })
}

impl Simulator {
    /// Starts one on a free port of loopback, without servers.
    ///
    /// # Errors
    ///
    /// If no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into()).await
    }

    /// Starts one on this address.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub async fn start_on(address: SocketAddr) -> io::Result<Self> {
        let world = Arc::new(World::default());
        Ok(Self { service: Service::start(address, server::router(Arc::clone(&world))).await?, world })
    }

    /// Starts it again after [`Self::stop`], on the same port and with everything it knew.
    ///
    /// # Errors
    ///
    /// If the port was taken meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.service.restart().await
    }

    /// Closes the listener and every connection.
    pub async fn stop(&mut self) {
        self.service.stop().await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.service.address()
    }

    /// `url` of a tenant whose server is below this base path, such as `/instance` or nothing.
    #[must_use]
    pub fn url(&self, base: &str) -> String {
        format!("http://{}{base}", self.address())
    }

    /// Adds or replaces the server below a base path. Tokens that it gave stay good.
    pub fn set_server(&self, base: &str, server: Server) {
        self.world.with(|state| state.servers.insert(base.to_owned(), server));
    }

    /// Changes a server that is there.
    pub fn change(&self, base: &str, change: impl FnOnce(&mut Server)) {
        self.world.with(|state| state.servers.get_mut(base).map(change));
    }

    /// Changes how a read of a server is answered.
    pub fn set_answer(&self, base: &str, resource: Resource, answer: Answer) {
        self.change(base, |server| {
            server.answers.insert(resource, answer);
        });
    }

    /// Changes how logins of a server are answered.
    pub fn set_login(&self, base: &str, login: LoginAnswer) {
        self.change(base, |server| server.login = login);
    }

    /// Makes every token given so far a bad one.
    pub fn revoke_tokens(&self) {
        self.world.with(|state| state.tokens.clear());
    }

    /// The clock by which the end of a user's token is told; without it the epoch, which nobody believes.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.world.with(|state| state.clock = now);
    }

    /// What was asked, the newest last; the last few thousand requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.world.with(|state| state.seen.iter().cloned().collect())
    }

    /// How many bytes were sent in all.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.service.traffic().bytes.load(Ordering::Relaxed)
    }

    /// What went over its listener, in all.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        self.service.traffic()
    }

    /// How many connections were accepted in all.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.service.traffic().connections.load(Ordering::Relaxed)
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.service.traffic().open.load(Ordering::Relaxed)
    }
}
