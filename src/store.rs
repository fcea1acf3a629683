//! What was learnt, in memory for everybody who reads and on disk for the next start.
//!
//! The memory is the truth of this process; a single task writes what changed to the database, in batches, and is the
//! only one that holds a connection. What other processes write there (`pin`, `confirm`) is read again before the next
//! evaluation. A database that cannot be opened is never overwritten: the daemon then runs from memory and says so.

mod contents;
mod database;
mod desk;
mod error;
mod notices;
mod postgres;
mod renames;
mod said;
mod shared;
mod sqlite;
mod turn;
mod writer;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::contents::Contents;
use self::contents::{Damage, HumanWords};
use self::database::Database;
pub use self::desk::{Desk, peek};
pub use self::error::Error;
pub use self::notices::{Hold, NoticeChanges};
use self::postgres::leases::{self, Wish};
use self::renames::Names;
use self::said::Said;
use self::shared::{Dirty, PoolView, Shared};
pub use self::turn::{Lease, Turn};
use self::writer::Writer;
use crate::config;
use crate::evaluate::learn::{self, Expectations};
use crate::evaluate::network::{self, NetworkMemory};
use crate::evaluate::report::{Moment, Snapshot};
use crate::model::probe::Attempt;
use crate::model::{
    AccountId, Attestation, DutyDone, LetterEvent, Memory, Outcome, PinChange, PooledCertificate, Source, Step,
    TenantName,
};
use crate::probe::Target;

/// A scrape waits no longer than this for the disk.
const REFRESH: Duration = Duration::from_millis(250);

/// A tenant that has been missing for longer is not counted any more, and its row goes.
const MISSING: TimeDelta = TimeDelta::days(7);

/// Whose round is recorded, and when a closed target counts as down.
#[derive(Clone, Copy, Debug)]
pub struct Rounds {
    /// The generation of the probes.
    pub generation: u64,
    /// So many rounds running must find it closed.
    pub confirmations: u32,
}

/// The store of a running daemon. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
    /// To the writer; `None` without a database. The writer ends when the last clone is gone.
    requests: Option<mpsc::Sender<Request>>,
    /// To the one who knows whose turn it is; `None` where this process is the only one.
    wishes: Option<mpsc::Sender<Wish>>,
}

/// What the writer is asked for.
#[derive(Debug)]
enum Request {
    /// Read what other processes changed.
    Refresh(oneshot::Sender<()>),
    /// Keep what a person said.
    Keep(Said, oneshot::Sender<Result<(), Error>>),
    /// Read or keep the notices.
    Notices(notices::Asked),
    /// Keep that a letter is due.
    Letter(LetterEvent, oneshot::Sender<Result<bool, Error>>),
    /// Write everything, then say so and end.
    Close(oneshot::Sender<()>),
}

/// The name of this process among the replicas: people read the first part, the second is its own.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{} {}", host.trim(), uuid::Uuid::new_v4())
}

impl Store {
    /// Opens the store. Never fails: if the database cannot be used, the reason is logged, what is learnt stays in
    /// memory, and [`Snapshot::store_up`] is false.
    pub async fn open(store: &config::Store) -> Self {
        match store {
            config::Store::Memory => Self::in_memory(Contents::default()),
            config::Store::Sqlite(path) => match Self::open_sqlite(path).await {
                Ok((contents, database)) => {
                    Self::start(contents, Some(Database::Sqlite(Box::new(database))), None, true)
                }
                Err(error) => {
                    tracing::error!(
                        path = %path.display(),
                        %error,
                        "the store {path} cannot be used and is left as it is: what is learnt now is kept in memory only \
                         and lost at the end. To restore: stop apnswatch, move {path}, {path}-wal and {path}-shm aside, put \
                         a backup in the place of {path}, start again",
                        path = path.display()
                    );
                    Self::start(Contents::default(), None, None, false)
                }
            },
            config::Store::Postgres(place) => Self::open_postgres(place).await,
        }
    }

    /// One that is away is tried again until it answers. Until then nothing is polled, for another replica may be polling.
    async fn open_postgres(place: &config::Postgres) -> Self {
        let owner = own_name();
        let mut database = Database::Postgres(Box::new(postgres::Database::new(place, Some(owner.clone()))));
        let (sender, receiver) = mpsc::channel(4096);
        drop(tokio::spawn(leases::run(place.clone(), owner, receiver)));
        match database.load().await {
            Ok(contents) => Self::start(contents, Some(database), Some(sender), true),
            Err(error) => {
                tracing::error!(
                    %error,
                    "the store cannot be reached: nothing is polled and nothing can be kept until it answers, and it is tried \
                     again and again"
                );
                Self::start(Contents::default(), Some(database), Some(sender), false)
            }
        }
    }

    /// A store that keeps nothing, with these contents to begin with.
    #[must_use]
    pub fn in_memory(contents: Contents) -> Self {
        Self::start(contents, None, None, true)
    }

    async fn open_sqlite(path: &Path) -> Result<(Contents, sqlite::Database), Error> {
        let mut database = sqlite::Database::open(path).await?;
        Ok((database.load().await?, database))
    }

    fn start(contents: Contents, database: Option<Database>, wishes: Option<mpsc::Sender<Wish>>, up: bool) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        let shared = Arc::new(Shared::new(contents.into_snapshot(up), up));
        let requests = database.map(|database| {
            let writer = Writer::new(database, Arc::clone(&shared));
            // Not awaited: it ends with `close`, or when the last clone of the store is gone.
            drop(tokio::spawn(writer.run(receiver)));
            sender
        });
        Self { shared, requests, wishes }
    }

    /// What is known now. Cheap: one reference per tenant is copied.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.shared.snapshot.borrow().clone();
        snapshot.pool = self
            .shared
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map(|pool| (pool.0)())
            .unwrap_or_default();
        snapshot.store_up = self.is_up();
        snapshot
    }

    /// Whether what is learnt is being kept.
    fn is_up(&self) -> bool {
        self.shared.up.load(Ordering::Relaxed) && !self.shared.is_write_overdue()
    }

    /// What the probes told.
    #[must_use]
    pub fn network(&self) -> Arc<NetworkMemory> {
        Arc::clone(&self.shared.snapshot.borrow().network)
    }

    /// Changes whenever people attested something.
    #[must_use]
    pub fn words(&self) -> watch::Receiver<()> {
        self.shared.words.subscribe()
    }

    /// Changes when a database that was away at the start could be read: [`Self::configure`] must be called again then.
    #[must_use]
    pub fn opened(&self) -> watch::Receiver<()> {
        self.shared.opened.subscribe()
    }

    /// Takes in what a person attested, for a store without a database; where there is one, it is written there and read
    /// again.
    pub fn hear(&self, tenant: &TenantName, attestation: Attestation) {
        self.shared.snapshot.send_modify(|snapshot| {
            let tenant = self.shared.current(tenant);
            Arc::make_mut(snapshot.tenants.entry(tenant).or_default()).attestations.push(attestation);
        });
    }

    /// Keeps what a person said of a tenant, and what it does to the pin; `judged` is what was remembered of it when it was
    /// found that this may be kept. When this returns, all of it is on disk, if there is a database, and every face shows it.
    /// Who says the same twice in a minute says it once. Whoever stops waiting before the writer gets to it takes it back.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or people said something else meanwhile; then nothing was kept.
    pub async fn attest(
        &self,
        tenant: &TenantName,
        words: Vec<Attestation>,
        pin: PinChange,
        judged: Arc<Memory>,
    ) -> Result<(), Error> {
        self.keep(Said::OfTenant { name: self.shared.current(tenant), words, pin, judged }).await
    }

    /// Keeps that a duty was done. When this returns, it is on disk, if there is a database, and every face shows it.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was kept.
    pub async fn do_duty(&self, account: &AccountId, done: DutyDone) -> Result<(), Error> {
        self.keep(Said::OfDuty(account.clone(), done)).await
    }

    /// Keeps what happened with a letter: that it was confirmed, or taken. When this returns, it is on disk, if there is a database, and every face shows it.
    ///
    /// # Errors
    ///
    /// If it cannot be written; then nothing was kept.
    pub async fn tell_letter(&self, event: LetterEvent) -> Result<(), Error> {
        self.keep(Said::Letter(event)).await
    }

    async fn keep(&self, said: Said) -> Result<(), Error> {
        let Some(requests) = &self.requests else {
            if self.shared.is_blind.load(Ordering::Relaxed) {
                return Err(Error::Closed);
            }
            if said.is_news(&self.shared.snapshot.borrow())? {
                self.shared.take_in(said);
            }
            return Ok(());
        };
        let (done, answer) = oneshot::channel();
        requests.send(Request::Keep(said, done)).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }

    /// What is remembered of one tenant.
    #[must_use]
    pub fn memory(&self, tenant: &TenantName) -> Option<Arc<Memory>> {
        self.shared.snapshot.borrow().tenants.get(&self.shared.current(tenant)).cloned()
    }

    /// Takes in the outcome of a poll that ended at `at`.
    pub fn record(
        &self,
        tenant: &TenantName,
        expectations: &Expectations,
        source: Source,
        identity: &str,
        outcome: Outcome,
        at: DateTime<Utc>,
    ) {
        let blind = Expectations { may_pin: false, ..expectations.clone() };
        let expectations = if self.shared.is_blind.load(Ordering::Relaxed) { &blind } else { expectations };
        self.shared.snapshot.send_modify(|snapshot| {
            // A poll that was under way when the tenant got another name ends here, too.
            let tenant = &self.shared.current(tenant);
            let memory = Arc::make_mut(snapshot.tenants.entry(tenant.clone()).or_default());
            let had_pin = memory.pin.is_some();
            learn::learn(memory, expectations, source, identity, outcome, at);
            // Marked before the change can be seen, so that a refresh never takes a new pin for one that was deleted.
            let mut dirty = self.shared.dirty();
            dirty.sources.insert((tenant.clone(), source));
            if !had_pin && memory.pin.is_some() {
                dirty.pins.entry(tenant.clone()).or_default();
            }
        });
        self.shared.wake.notify_one();
    }

    /// Takes in a round of a target that ended at `at` and went down to `until` at most; false if it is a late one of
    /// probes that were replaced.
    pub fn record_round(
        &self,
        target: &Target,
        rounds: Rounds,
        attempts: &[Attempt],
        until: Step,
        at: DateTime<Utc>,
    ) -> bool {
        self.shared.snapshot.send_if_modified(|snapshot| {
            if snapshot.network.generation != rounds.generation {
                return false;
            }
            let targets = &mut Arc::make_mut(&mut snapshot.network).targets;
            let memory = targets.entry((target.role, target.host.clone())).or_default();
            network::learn_round(memory, attempts, until, rounds.confirmations, at);
            true
        })
    }

    /// Takes in whether the control opened.
    pub fn record_control(&self, generation: u64, open: bool, at: DateTime<Utc>) {
        self.shared.snapshot.send_modify(|snapshot| {
            if snapshot.network.generation == generation {
                Arc::make_mut(&mut snapshot.network).control = Some((open, at));
            }
        });
    }

    /// The generation of the probes whose rounds are taken in.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.shared.snapshot.borrow().network.generation
    }

    /// Forgets what rounds found, for these are probed from now on and otherwise. Whether a target answers stays until the
    /// next rounds say it anew, so that a change of the configuration ends no page.
    pub fn forget_rounds(&self, targets: &[Target]) {
        self.shared.snapshot.send_modify(|snapshot| {
            let network = Arc::make_mut(&mut snapshot.network);
            network.generation += 1;
            network.control = None;
            network.targets.retain(|(role, host), memory| {
                memory.ports.clear();
                memory.outside_apple = None;
                targets.iter().any(|target| target.role == *role && target.host == *host)
            });
        });
    }

    /// From now on asks `pool` for what the certificate pool holds, so that the files that belong to nobody are told.
    pub fn watch_pool(&self, pool: impl Fn() -> Vec<PooledCertificate> + Send + Sync + 'static) {
        *self.shared.pool.lock().unwrap_or_else(PoisonError::into_inner) = Some(PoolView(Box::new(pool)));
    }

    /// Prepares for asking somebody: what another one told is dropped, before anybody can take it for theirs.
    pub fn ask(&self, tenant: &TenantName, source: Source, identity: &str) {
        let is_known =
            |memory: &Arc<Memory>| memory.sources.get(&source).is_none_or(|state| *state.identity == *identity);
        if self.shared.snapshot.borrow().tenants.get(&self.shared.current(tenant)).is_none_or(is_known) {
            return;
        }
        self.shared.snapshot.send_modify(|snapshot| {
            let tenant = &self.shared.current(tenant);
            let memory = Arc::make_mut(snapshot.tenants.entry(tenant.clone()).or_default());
            let identity = memory.identity(identity);
            learn::ask(Arc::make_mut(memory.sources.entry(source).or_default()), identity);
            self.shared.dirty().sources.insert((tenant.clone(), source));
        });
        self.shared.wake.notify_one();
    }

    /// Takes in a configuration: tenants that have another name now, topics that are expected, tenants that left.
    pub fn configure(&self, config: &config::Config, moment: Moment) {
        let now = moment.now;
        self.shared.snapshot.send_modify(|snapshot| {
            let names = Names::new(config.renames(), now);
            let mut dirty = self.shared.dirty();
            names.apply(snapshot, &mut dirty);
            *self.shared.names() = names;
            dirty.tenants = true;
            for tenant in config.tenants.values() {
                let memory = snapshot.tenants.entry(tenant.name.clone()).or_default();
                let mut next = Memory::clone(memory);
                if learn::expect(&mut next, tenant.certificate.expected_topic.as_ref(), now) {
                    *memory = Arc::new(next);
                    dirty.pins.insert(tenant.name.clone(), true);
                    // The drift of every source was judged anew.
                    dirty.sources.extend(memory.sources.keys().map(|source| (tenant.name.clone(), *source)));
                }
            }
            let active: BTreeSet<TenantName> =
                config.tenants.values().filter(|tenant| !tenant.retired).map(|tenant| tenant.name.clone()).collect();
            // A clock that cannot be right dates nothing; what left is noticed when this is called again and it is right.
            if !moment.is_plausible() {
                snapshot.configured.extend(active);
                return;
            }
            for name in snapshot.configured.iter().filter(|name| !config.tenants.contains_key(*name)) {
                snapshot.missing.entry(name.clone()).or_insert(now);
            }
            snapshot.missing.retain(|name, since| !config.tenants.contains_key(name) && now - *since <= MISSING);
            snapshot.configured = active;
        });
        self.shared.wake.notify_one();
    }

    /// Reads what other processes changed in the database, if anything; gives up after a quarter of a second.
    pub async fn refresh(&self) {
        let Some(requests) = &self.requests else { return };
        let (done, answer) = oneshot::channel();
        if requests.try_send(Request::Refresh(done)).is_ok() {
            // An answer that does not come in time, or at all, leaves what is known.
            let _ = tokio::time::timeout(REFRESH, answer).await;
        }
    }

    /// Whether the writer is alive: it has got to the end of what it was doing and answers. Waits for as long as that
    /// takes; a write that failed is an answer, one that hangs is none.
    pub async fn answers(&self) -> bool {
        let Some(requests) = &self.requests else { return true };
        let (done, answer) = oneshot::channel();
        requests.send(Request::Refresh(done)).await.is_ok() && answer.await.is_ok()
    }

    /// Writes what is not written yet, then closes the database and lets other replicas have what this one polled. What is
    /// recorded later is not kept.
    pub async fn close(&self) {
        self.close_database().await;
        if let Some(wishes) = &self.wishes {
            let (done, answer) = oneshot::channel();
            if wishes.send(Wish::Leave(done)).await.is_ok() {
                let _ = answer.await;
            }
        }
    }

    async fn close_database(&self) {
        let Some(requests) = &self.requests else { return };
        let (done, answer) = oneshot::channel();
        if requests.send(Request::Close(done)).await.is_ok() {
            let _ = answer.await;
        }
    }
}

#[cfg(test)]
mod tests;
