//! A simulated Microsoft: the login of Entra and the reads of Graph, on loopback.
//!
//! Logins are really verified, assertions of certificates included. What a directory answers can be changed at any
//! moment, and everything that was asked is recorded.

mod graph;
mod lists;
mod login;
mod server;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::listener::Traffic;
use super::server::Server;
use server::World;

pub use lists::{content_token, managed_device, server_token};

/// The permission for the certificate and the tokens.
const SERVICE_CONFIG: &str = "DeviceManagementServiceConfig.Read.All";

/// The permission for the devices.
const MANAGED_DEVICES: &str = "DeviceManagementManagedDevices.Read.All";

/// A running simulator. It ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    server: Server,
    world: Arc<World>,
}

/// An Entra directory with Intune.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The app that may log in.
    pub client_id: String,
    /// What it must log in with.
    pub credential: Credential,
    /// How logins are answered.
    pub login: LoginAnswer,
    /// `expires_in` of its tokens, in seconds; they are refused afterwards.
    pub expires_in: u64,
    /// The application permissions that an admin consented to. They are written into a token when it is made; a read
    /// that needs another one is answered with 403.
    pub roles: Vec<String>,
    /// How the read of the push certificate is answered.
    pub answer: Answer,
    /// How the read of the server tokens is answered.
    pub server_tokens: Answer,
    /// How the read of the content tokens is answered.
    pub content_tokens: Answer,
    /// How the read of the managed devices is answered.
    pub devices: Answer,
}

/// What an app must log in with.
#[derive(Clone, Debug)]
pub enum Credential {
    /// This client secret.
    Secret(String),
    /// An assertion signed by the RSA key of this certificate (DER).
    Certificate(Vec<u8>),
    /// This token of another identity provider.
    Federated(String),
}

/// How a login is answered.
#[derive(Clone, Debug)]
pub enum LoginAnswer {
    /// As Entra would: a token, or the refusal that fits.
    Honest,
    /// With a refusal: status and AADSTS code.
    Refuse(u16, u64),
    /// With a status, perhaps `Retry-After` in seconds, and a page.
    Status(u16, Option<u64>),
    /// With 200 and this document.
    Json(Value),
    /// With 401 and everything that was sent, headers and body.
    Echo401,
    /// With a redirect to this address.
    Redirect(String),
    /// Never.
    Hang,
    /// Not at all: the connection is closed.
    CloseConnection,
}

/// How a read is answered. Whatever it is, it takes a good token to see it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With this certificate.
    Certificate(Certificate),
    /// With this list.
    List(List),
    /// With the 404 by which Intune says that there is none.
    NotConfigured,
    /// With the 404 of a wrong route.
    WrongRoute,
    /// With a status and a page.
    Html(u16),
    /// With a status, perhaps `Retry-After` (as it stands), and Graph's error envelope.
    Status(u16, Option<String>),
    /// With a 403 that names the permissions.
    Forbidden,
    /// With the same 403 inside `UnknownError`.
    ForbiddenWrapped,
    /// With the 400 of a directory without Intune.
    NotLicensed,
    /// With the 500 that means too many requests.
    QueryBroker,
    /// With half a body; then the connection breaks.
    Truncated,
    /// With a status and no body.
    Empty(u16),
    /// With 200 and this document.
    Json(Value),
    /// With 200 and so many bytes, their number not told beforehand.
    Huge(u64),
    /// With 200 and a body without end.
    Endless,
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

/// A list, by its pages.
#[derive(Clone, Debug)]
pub struct List {
    /// The elements of each page.
    pub pages: Vec<Vec<Value>>,
    /// How one page leads to the next.
    pub paging: Paging,
}

/// How one page leads to the next.
#[derive(Clone, Debug)]
pub enum Paging {
    /// By an opaque link, until there are no more.
    Honest,
    /// The first page again and again, by one link.
    SameLink,
    /// The first page again and again, by ever new links.
    Endless,
    /// By a link to this address (scheme, host and port).
    Away(String),
    /// Honestly, but every page after the first is answered like this.
    Fails(Box<Answer>),
}

/// A push certificate as Intune tells of it: with a new `id` at every read, and null
/// in `certificateUploadStatus`.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// `topicIdentifier`.
    pub topic: String,
    /// `certificateSerialNumber`.
    pub serial: String,
    /// `expirationDateTime`; null if there is none.
    pub not_after: Option<DateTime<Utc>>,
    /// `appleIdentifier`.
    pub account: String,
    /// Whether it is wrapped in `value`, as in the documentation.
    pub wrapped: bool,
    /// Whether dates have seven digits of fraction.
    pub fractions: bool,
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The directory: of the path for a login, of the token for a read.
    pub directory: Option<String>,
    /// Whether the login was granted or the token good.
    pub authorised: bool,
    /// `client-request-id`.
    pub client_request_id: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

impl Directory {
    /// A directory that answers with a certificate and empty lists, has every permission, and gives tokens for an hour.
    #[must_use]
    pub fn new(client_id: impl Into<String>, credential: Credential, certificate: Certificate) -> Self {
        Self {
            client_id: client_id.into(),
            credential,
            login: LoginAnswer::Honest,
            expires_in: 3599,
            roles: vec![SERVICE_CONFIG.to_owned(), MANAGED_DEVICES.to_owned()],
            answer: Answer::Certificate(certificate),
            server_tokens: Answer::List(List::of([])),
            content_tokens: Answer::List(List::of([])),
            devices: Answer::List(List::of([])),
        }
    }
}

impl Certificate {
    /// A plain one, with a made-up serial and account.
    #[must_use]
    pub fn new(topic: impl Into<String>, not_after: DateTime<Utc>) -> Self {
        Self {
            topic: topic.into(),
            serial: "0B70A1B2C3D4E5F6".to_owned(),
            not_after: Some(not_after),
            account: "mdm@example.com".to_owned(),
            wrapped: false,
            fractions: false,
        }
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
    /// Starts one on a free port of loopback, without directories.
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
        Ok(Self { server: Server::start(address, server::router(Arc::clone(&world))).await?, world })
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

    /// `login_url` of a tenant.
    #[must_use]
    pub fn login_url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// `graph_url` of a tenant. One listener serves both.
    #[must_use]
    pub fn graph_url(&self) -> String {
        self.login_url()
    }

    /// Adds or replaces a directory. Tokens that it gave stay good.
    pub fn set_directory(&self, name: &str, directory: Directory) {
        self.world.with(|state| state.directories.insert(name.to_ascii_lowercase(), directory));
    }

    /// Changes a directory that is there.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut Directory)) {
        self.world.with(|state| state.directories.get_mut(&name.to_ascii_lowercase()).map(change));
    }

    /// Changes how the read of a directory is answered.
    pub fn set_answer(&self, name: &str, answer: Answer) {
        self.change(name, |directory| directory.answer = answer);
    }

    /// Changes how logins of a directory are answered.
    pub fn set_login(&self, name: &str, login: LoginAnswer) {
        self.change(name, |directory| directory.login = login);
    }

    /// Makes every token given so far a bad one.
    pub fn revoke_tokens(&self) {
        self.world.with(|state| state.tokens.clear());
    }

    /// The clock by which assertions are judged; without it the machine's.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.world.with(|state| state.clock = Some(now));
    }

    /// From now on closes a connection that was idle for so long.
    pub fn close_idle_after(&self, idle: Duration) {
        self.world.with(|state| state.idle = Some(idle));
    }

    /// What was asked, the newest last; the last few thousand requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.world.with(|state| state.seen.iter().cloned().collect())
    }

    /// How many logins a directory was asked for, refused ones included.
    #[must_use]
    pub fn logins(&self, name: &str) -> u64 {
        self.world.with(|state| state.logins.get(&name.to_ascii_lowercase()).copied().unwrap_or_default())
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

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> u64 {
        self.server.traffic().open.load(Ordering::Relaxed)
    }
}
