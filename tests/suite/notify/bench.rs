//! A receiver, and a world whose clock the test winds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use apnswatch::clock::Clock;
use apnswatch::config::{self, Running, Store as Place};
use apnswatch::evaluate::LetterReport;
use apnswatch::evaluate::learn::Expectations;
use apnswatch::evaluate::letter;
use apnswatch::evaluate::report::Moment;
use apnswatch::metrics::Counters;
use apnswatch::model::{Facts, Failure, LetterEvent, Outcome, Reason, Source, TenantName};
use apnswatch::notify::Notifier;
use apnswatch::store::Store;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use chrono::{DateTime, TimeDelta};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::support::now;

/// A request that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

#[derive(Clone, Default)]
struct Desk {
    taken: Arc<Mutex<Vec<Taken>>>,
    /// What is answered; 0 is 200.
    status: Arc<AtomicU16>,
    asked: Arc<AtomicU16>,
}

/// Takes every request. It is gone when the test is over.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    desk: Desk,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, desk) = (listener.local_addr().unwrap(), Desk::default());
        let router = Router::new().fallback(take).with_state(desk.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, desk }
    }

    /// From now on every request is answered so, and only those are taken that are answered well.
    pub(crate) fn answer(&self, status: u16) {
        self.desk.status.store(status, Ordering::SeqCst);
    }

    /// How often it was asked for anything.
    pub(crate) fn asked(&self) -> u16 {
        self.desk.asked.load(Ordering::SeqCst)
    }

    /// All that was taken since it was last asked for.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        std::mem::take(&mut *self.desk.taken.lock().unwrap())
    }

    /// The titles of what came to the webhook since they were last asked for.
    pub(crate) fn titles(&self) -> Vec<String> {
        self.taken().iter().map(|taken| taken.body["title"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(
    State(desk): State<Desk>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse {
    desk.asked.fetch_add(1, Ordering::SeqCst);
    let status = match desk.status.load(Ordering::SeqCst) {
        0 => 200,
        status => status,
    };
    if (200..300).contains(&status) {
        let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
        desk.taken.lock().unwrap().push(Taken { method, path: uri.path().to_owned(), headers, body });
    }
    (StatusCode::from_u16(status).unwrap(), "ok")
}

/// A folder, a store, and a notifier whose clock the test winds.
pub(crate) struct World {
    pub(super) folder: tempfile::TempDir,
    seconds: Arc<AtomicI64>,
    store: Store,
    notifier: Notifier,
    running: Running,
    pub(super) counters: Counters,
}

/// A clock that the test winds.
fn clock(seconds: &Arc<AtomicI64>) -> Clock {
    let (start, seconds) = (now(), Arc::clone(seconds));
    Clock::from_fn(move || DateTime::from_timestamp(start.timestamp() + seconds.load(Ordering::SeqCst), 0).unwrap())
}

impl World {
    /// `yaml` may name files of the folder by `FOLDER`.
    pub(crate) async fn new(folder: tempfile::TempDir, yaml: &str) -> Self {
        // A certificate ends by its day, and some minutes must not make another day of it.
        let is_late = now().date_naive() != (now() + TimeDelta::minutes(30)).date_naive();
        let seconds = Arc::new(AtomicI64::new(if is_late { -1800 } else { 0 }));
        let clock = clock(&seconds);
        let running = running(&folder, yaml, &clock);
        // A store on PostgreSQL is the one that the configuration names.
        let store = match &running.config.store {
            shared @ Place::Postgres(_) => Store::open(shared).await,
            _ => Store::open(&Place::Sqlite(folder.path().join("state.db"))).await,
        };
        let counters = Counters::new().unwrap();
        let notifier = Notifier::new(store.clone(), clock, counters.clone());
        Self { folder, seconds, store, notifier, running, counters }
    }

    /// Reads another configuration.
    pub(super) fn reload(&mut self, yaml: &str) {
        self.running = running(&self.folder, yaml, &clock(&self.seconds));
    }

    /// The process ends and another one starts.
    pub(super) async fn restart(&mut self) {
        self.store.close().await;
        self.store = Store::open(&Place::Sqlite(self.folder.path().join("state.db"))).await;
        self.notifier = Notifier::new(self.store.clone(), clock(&self.seconds), self.counters.clone());
    }

    /// One round now.
    pub(super) async fn round(&mut self) {
        self.notifier.round(&self.running).await;
    }

    /// Where it keeps what was told.
    pub(super) fn store(&self) -> Store {
        self.store.clone()
    }

    /// How it stands with the letters.
    pub(crate) fn letter(&self) -> LetterReport {
        let now = clock(&self.seconds).now();
        let moment = Moment { now, built: now - TimeDelta::days(1) };
        letter::report(&self.store.snapshot().letters, self.running.config.letter().unwrap(), moment)
    }

    /// Begins a letter of this number; says whether it could.
    pub(crate) async fn begin_letter(&self, number: u32) -> bool {
        let (code, at) = ("7f2c81d4".to_owned(), clock(&self.seconds).now());
        self.store.keep_letter(LetterEvent::Due { number, code, at }).await.unwrap()
    }

    /// The process ends as it should, and none starts.
    pub(crate) async fn end(self) {
        self.store.close().await;
    }

    /// So many minutes pass, with a round each.
    pub(crate) async fn minutes(&mut self, minutes: u32) {
        for _ in 0..minutes {
            self.seconds.fetch_add(60, Ordering::SeqCst);
            self.round().await;
        }
    }

    /// So many minutes pass without a round.
    pub(crate) fn leap(&self, minutes: i64) {
        self.seconds.fetch_add(60 * minutes, Ordering::SeqCst);
    }

    /// The tokens of these tenants were asked for, and the vendor answered or not.
    pub(super) fn poll(&self, tenants: std::ops::Range<usize>, is_well: bool) {
        let expectations = Expectations { sources: vec![Source::Tokens], may_pin: true };
        let at = clock(&self.seconds).now();
        for number in tenants {
            let outcome = if is_well {
                Outcome::success(Facts::default())
            } else {
                Outcome::failure(Failure::new(Reason::Timeout, "no answer"))
            };
            let name = TenantName::parse(&format!("t{number:04}")).unwrap();
            self.store.record(&name, &expectations, Source::Tokens, "vendor", outcome, at);
        }
    }
}

fn running(folder: &tempfile::TempDir, yaml: &str, clock: &Clock) -> Running {
    let path: PathBuf = folder.path().join("apnswatch.yaml");
    std::fs::write(&path, yaml.replace("FOLDER", folder.path().to_str().unwrap())).unwrap();
    let config = config::load(&path, &BTreeMap::new(), None).unwrap_or_else(|problems| panic!("{problems:?}"));
    Running { config: Arc::new(config), since: clock.now(), is_current: true }
}

/// A tenant whose certificate ends after so many days.
pub(crate) fn ends_in(name: &str, days: i64) -> String {
    let end = (now() + TimeDelta::days(days)).format("%Y-%m-%d");
    format!("  - {{ name: '{name}', certificate: {{ declared: {{ not_after: {end} }} }} }}\n")
}
