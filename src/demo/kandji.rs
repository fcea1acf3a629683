//! A simulated Kandji (Iru Endpoint) on loopback: the reads that we make, and nothing else.
//!
//! Tokens and their rights are really checked. One simulator serves any number of tenants, each known by its token.
//! What a tenant answers can be changed at any moment, and everything that was asked is recorded.

mod api;
mod documents;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::listener::Traffic;
use super::server::Server;
use api::World;
pub use documents::enrolment_profile;

/// A running simulator. It ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    server: Server,
    world: Arc<World>,
}

/// What can be read, each a row of a token's grid of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// `GET /api/v1/integrations/apple/ade`.
    Integrations,
    /// `GET /api/v1/prism/device_information`.
    Devices,
    /// `GET /api/v1/blueprints`.
    Blueprints,
    /// `GET /api/v1/blueprints/{id}/ota-enrollment-profile`.
    Profile,
}

/// A tenant.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// What its token may read.
    pub permissions: BTreeSet<Resource>,
    /// Its ADE tokens.
    pub integrations: Vec<Integration>,
    /// Its devices.
    pub devices: Vec<Device>,
    /// Whether the list of devices has its older form, without check-ins.
    pub old_devices: bool,
    /// Its blueprints.
    pub blueprints: Vec<Blueprint>,
    /// How many integrations or blueprints are on a page.
    pub page_size: usize,
    /// Where links to the next page lead, such as `https://acme.kandji.io`, with a slash at the end of the path; `None`
    /// for the address that was asked.
    pub next_host: Option<String>,
    /// How dates are written.
    pub dates: Dates,
    /// What is left of the hour's requests.
    pub rate: Rate,
    /// How reads are answered that are not answered honestly. Whatever it is, it takes a good token to see it.
    pub answers: HashMap<Resource, Answer>,
}

/// An ADE token.
#[derive(Clone, Debug)]
pub struct Integration {
    /// `id`.
    pub id: String,
    /// `server_name`.
    pub name: String,
    /// `access_token_expiry`; an empty text if there is none.
    pub not_after: Option<DateTime<Utc>>,
    /// `status`: `SUCCESS`, `BROKEN`.
    pub status: String,
    /// `status_reason`.
    pub status_reason: Option<String>,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// `device__family`: `Mac`, `iPhone`, `iPad`, `AppleTV`.
    pub family: String,
    /// `mdm_enabled`.
    pub managed: bool,
    /// `last_checkin_agent`.
    pub agent: Option<DateTime<Utc>>,
    /// `last_checkin_mdm`.
    pub checkin: Option<DateTime<Utc>>,
}

/// A blueprint.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// `id`.
    pub id: String,
    /// The code by which devices are enrolled: a secret.
    pub code: String,
    /// Its enrolment profile.
    pub profile: Vec<u8>,
}

/// How dates are written. Kandji does it in all three ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// `2024-07-23T12:43:15.675470Z`.
    Iso,
    /// `2024-07-23 12:43:15.675470+00:00`.
    SpaceAndOffset,
    /// `2024-07-23 12:43:15 +0000`.
    TwoSpaces,
}

/// What is left of the hour's requests. It goes down with each, and at the end of it 429 is all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// `X-Ratelimit-Limit-Hour`.
    pub limit: u64,
    /// `X-Ratelimit-Remaining-Hour`, before the next request.
    pub remaining: u64,
}

/// The shapes in which errors come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"error": ...}`.
    Error,
    /// `{"detail": ...}`.
    Detail,
    /// A JSON string.
    Text,
    /// A list of strings.
    List,
    /// A web page.
    Html,
    /// What the gateway in front says.
    Gateway,
    /// Nothing.
    Empty,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Error, Self::Detail, Self::Text, Self::List, Self::Html, Self::Gateway, Self::Empty];
}

/// How a read is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With what there is.
    Honest,
    /// With a status, perhaps `Retry-After` (as it stands), and an error.
    Status(u16, Option<String>, Shape),
    /// With 200 and this document.
    Json(Value),
    /// With 200 and these bytes.
    Bytes(Vec<u8>),
    /// With a page of which the next one is the same again.
    SamePage,
    /// With one page after another, each with a next one.
    PagesWithoutEnd,
    /// With half a body; then the connection breaks.
    Truncated,
    /// With 200 and so many bytes, their number not told beforehand.
    Huge(u64),
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
    /// With each of these once, in turn, and then with the last for ever. A page is a turn.
    Sequence(VecDeque<Self>),
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// What it asked for, if that is anything.
    pub resource: Option<Resource>,
    /// Whether the token is one, and has the right.
    pub authorised: bool,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

impl Resource {
    /// Everything.
    pub const ALL: [Self; 4] = [Self::Integrations, Self::Devices, Self::Blueprints, Self::Profile];
}

impl Default for Tenant {
    /// One that may read everything and has nothing.
    fn default() -> Self {
        Self {
            permissions: Resource::ALL.into(),
            integrations: Vec::new(),
            devices: Vec::new(),
            old_devices: false,
            blueprints: Vec::new(),
            page_size: 300,
            next_host: None,
            dates: Dates::Iso,
            rate: Rate { limit: 10_000, remaining: 10_000 },
            answers: HashMap::new(),
        }
    }
}

impl Integration {
    /// One that works.
    #[must_use]
    pub fn new(id: impl Into<String>, name: impl Into<String>, not_after: DateTime<Utc>) -> Self {
        let status = "SUCCESS".to_owned();
        Self { id: id.into(), name: name.into(), not_after: Some(not_after), status, status_reason: None }
    }

    /// The same, revoked.
    #[must_use]
    pub fn broken(self) -> Self {
        Self { status: "BROKEN".to_owned(), status_reason: Some("FORBIDDEN".to_owned()), ..self }
    }
}

impl Device {
    /// A managed device that was last seen at these moments.
    #[must_use]
    pub fn new(family: &str, agent: Option<DateTime<Utc>>, checkin: Option<DateTime<Utc>>) -> Self {
        Self { family: family.to_owned(), managed: true, agent, checkin }
    }
}

impl Answer {
    /// Each of these once, in turn, and then the last for ever.
    #[must_use]
    pub fn sequence(answers: impl IntoIterator<Item = Self>) -> Self {
        Self::Sequence(answers.into_iter().collect())
    }
}

impl Simulator {
    /// Starts one on a free port of loopback, without tenants.
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
        Ok(Self { server: Server::start(address, api::router(Arc::clone(&world))).await?, world })
    }

    /// Starts it again after [`Self::stop`], on the same port and with everything it knew.
    ///
    /// # Errors
    ///
    /// If the port was taken meanwhile.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.server.restart().await
    }

    /// Closes the listener and every connection.
    pub async fn stop(&mut self) {
        self.server.stop().await;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `url` of every tenant. It may be asked below any path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Adds or replaces the tenant of a token.
    pub fn set_tenant(&self, token: &str, tenant: Tenant) {
        self.world.with(|state| state.tenants.insert(token.to_owned(), tenant));
    }

    /// Takes a token away.
    pub fn revoke(&self, token: &str) {
        self.world.with(|state| state.tenants.remove(token));
    }

    /// Changes a tenant that is there.
    pub fn change(&self, token: &str, change: impl FnOnce(&mut Tenant)) {
        self.world.with(|state| state.tenants.get_mut(token).map(change));
    }

    /// Changes how one read of a tenant is answered.
    pub fn set_answer(&self, token: &str, resource: Resource, answer: Answer) {
        self.change(token, |tenant| {
            tenant.answers.insert(resource, answer);
        });
    }

    /// From now on says 401 where a right is missing and 403 where the token is no good, as was seen.
    pub fn swap_refusals(&self) {
        self.world.with(|state| state.swapped = true);
    }

    /// What was asked, the newest last; the last few thousand requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.world.with(|state| state.seen.iter().cloned().collect())
    }

    /// How many bytes were sent in all.
    #[must_use]
    pub fn bytes_sent(&self) -> u64 {
        self.server.traffic().bytes.load(Ordering::Relaxed)
    }

    /// What went over its listener, in all.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        self.server.traffic()
    }

    /// How many connections were accepted in all.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.server.traffic().connections.load(Ordering::Relaxed)
    }
}
