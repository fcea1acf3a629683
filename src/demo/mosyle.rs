//! A simulated Mosyle, Business and Manager, on loopback: the login and the list of devices.
//!
//! Logins are really checked. What an account answers can be changed at any moment, and everything that was asked is
//! recorded.

mod fleet;
mod server;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::listener::Traffic;
use super::server::Server;
use crate::provider::mosyle::Product;
use server::World;

/// A running simulator. It ends when dropped.
#[derive(Debug)]
pub struct Simulator {
    server: Server,
    world: Arc<World>,
}

/// An account of one of the products.
#[derive(Clone, Debug)]
pub struct Account {
    /// Which product.
    pub product: Product,
    /// The address of the administrator.
    pub email: String,
    /// The administrator's password.
    pub password: String,
    /// How long tokens live; they are refused with 401 afterwards.
    pub life: Duration,
    /// How logins are answered.
    pub login: LoginAnswer,
    /// How the list of devices with a system (`mac`, `ios`, `tvos`, `visionos`) is answered.
    pub lists: BTreeMap<String, Answer>,
}

/// How a login is answered.
#[derive(Clone, Debug)]
pub enum LoginAnswer {
    /// As Mosyle would: a token in a header, or 401.
    Honest,
    /// With 200 and no token.
    WithoutToken,
    /// Otherwise.
    Instead(Answer),
}

/// How a request is answered. For a list it takes a good token to see it.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With the devices of a fleet.
    Fleet(Fleet),
    /// With 200, an outer `OK`, and this word as the inner status.
    Inner(&'static str),
    /// With a status, perhaps `Retry-After` (as it stands), and a small document.
    Status(u16, Option<String>),
    /// With the plain text of an unknown path.
    PlainText404,
    /// With a status and a page.
    Html(u16),
    /// With a status and no body.
    Empty(u16),
    /// With 200 and this document.
    Json(Value),
    /// With half a body; then the connection breaks.
    Truncated,
    /// With 200 and so many bytes, their number not told beforehand.
    Huge(u64),
    /// With 200 and a byte every so often, without end.
    Trickle(Duration),
    /// With a redirect to this address.
    Redirect(String),
    /// With 401 and everything that was sent, headers and body.
    Echo401,
    /// Never.
    Hang,
    /// Not at all: the connection is closed.
    CloseConnection,
    /// With each of these once, in turn, and then with the last for ever.
    Sequence(VecDeque<Self>),
}

/// The devices with one system.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Their columns; only those that are asked for are told.
    pub devices: Vec<Value>,
    /// How many a page has.
    pub page_size: usize,
    /// The number of the first page.
    pub first: FirstPage,
    /// How one page leads to the next.
    pub paging: Paging,
    /// Whether `response` has the shape of the other product.
    pub swapped: bool,
    /// Whether `rows` and `page_size` are told.
    pub counted: bool,
}

/// The number of the first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstPage {
    /// 0, as the documentation has it.
    Zero,
    /// 1, for which 0 is taken too.
    One,
    /// 1, and there is no page 0.
    OneOnly,
}

/// How one page leads to the next.
#[derive(Clone, Debug)]
pub enum Paging {
    /// After the last page comes `DEVICES_NOTFOUND`.
    Honest,
    /// After the last page comes an empty list.
    EmptyEnd,
    /// Every page is the first.
    Same,
    /// Every page has devices that nobody saw before.
    Endless,
    /// Every page after the first is answered like this.
    Fails(Box<Answer>),
}

/// A request that came in. What was secret in it is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// `operation`, which only Business has.
    pub operation: Option<String>,
    /// `os`.
    pub system: Option<String>,
    /// `page`.
    pub page: Option<u64>,
    /// `specific_columns`.
    pub columns: Vec<String>,
    /// Whether the login was granted or the token good.
    pub authorised: bool,
    /// `User-Agent`.
    pub user_agent: Option<String>,
}

impl Account {
    /// An account without devices, whose tokens live for a day.
    #[must_use]
    pub fn new(product: Product, email: impl Into<String>, password: impl Into<String>) -> Self {
        let lists = ["mac", "ios", "tvos", "visionos"].map(|system| (system.to_owned(), Answer::Fleet(Fleet::of([]))));
        Self {
            product,
            email: email.into(),
            password: password.into(),
            life: Duration::from_secs(24 * 3600),
            login: LoginAnswer::Honest,
            lists: lists.into(),
        }
    }

    /// The same with another answer for a system.
    #[must_use]
    pub fn with(mut self, system: &str, answer: Answer) -> Self {
        self.lists.insert(system.to_owned(), answer);
        self
    }
}

impl Fleet {
    /// These devices, in pages of a hundred from 0.
    #[must_use]
    pub fn of(devices: impl IntoIterator<Item = Value>) -> Self {
        Self {
            devices: devices.into_iter().collect(),
            page_size: 100,
            first: FirstPage::Zero,
            paging: Paging::Honest,
            swapped: false,
            counted: true,
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

/// A device with all the columns that matter here and some that nobody needs. Moments are text or null.
#[must_use]
pub fn device(id: &str, model: &str, beat: Option<DateTime<Utc>>, info: Option<DateTime<Utc>>) -> Value {
    let text = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp().to_string());
    json!({
        "deviceudid": id,
        "device_model": model,
        "device_model_name": model,
        "date_last_beat": text(beat),
        "date_info": text(info),
        "date_last_push": null,
        "device_name": "Somebody's device",
        "serial_number": "MADEUP000001",
        "username": "Somebody",
        "last_ip_beat": "192.0.2.1",
    })
}

impl Simulator {
    /// Starts one on a free port of loopback, without accounts.
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

    /// `url` of a tenant with this product.
    #[must_use]
    pub fn url(&self, product: Product) -> String {
        format!("http://{}{}", self.address(), server::base(product))
    }

    /// Adds or replaces the account of an access token. Tokens that it gave stay good.
    pub fn set_account(&self, access_token: &str, account: Account) {
        self.world.with(|state| state.accounts.insert(access_token.to_owned(), account));
    }

    /// Changes an account that is there.
    pub fn change(&self, access_token: &str, change: impl FnOnce(&mut Account)) {
        self.world.with(|state| state.accounts.get_mut(access_token).map(change));
    }

    /// Makes every token given so far a bad one.
    pub fn revoke_tokens(&self) {
        self.world.with(|state| state.tokens.clear());
    }

    /// What was asked, the newest last; the last few thousand requests.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.world.with(|state| state.seen.iter().cloned().collect())
    }

    /// How many logins were asked for, refused ones included.
    #[must_use]
    pub fn logins(&self) -> usize {
        self.world.with(|state| state.logins)
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
