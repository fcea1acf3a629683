//! The task that looks what stands, keeps the ledger, and sends.
//!
//! What is to be sent is kept before it is sent, and that it was acknowledged is kept right after: a restart loses nothing, and
//! sends twice only what was acknowledged in the moment between.

mod sending;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::sending::Sent;
use super::channel::{Channel, ChannelKind};
use super::heartbeat::Heart;
use super::key::Key;
use super::ledger::{Ledger, Policy};
use super::news::{Around, News};
use super::post::{self, LETTER, Post};
use crate::clock::Clock;
use crate::config::{Config, Notify, Running};
use crate::evaluate::evaluate;
use crate::evaluate::report::Snapshot;
use crate::metrics::Counters;
use crate::store::{Hold, NoticeChanges, Store};

/// From the end of one look to the next.
const PACE: Duration = Duration::from_secs(10);

/// For how long nobody else sends once this process may.
const HOLD: Duration = Duration::from_secs(90);

/// Who scraped the metrics within this long may tell people, too.
const SCRAPED: TimeDelta = TimeDelta::hours(1);

/// The label of the heartbeat among the channels.
const HEARTBEAT: &str = "heartbeat";

/// The task. One a process.
#[derive(Debug)]
pub struct Notifier {
    store: Store,
    clock: Clock,
    counters: Counters,
    instance: String,
    /// `None` until it was read, and while another replica sends.
    ledger: Option<Ledger>,
    /// The rows that are on disk.
    kept: BTreeMap<String, String>,
    /// What is told of this process alone, where others may be well: that it cannot reach the store. In memory, since that is away.
    own: Ledger,
    held_until: Option<Instant>,
    channels: BTreeMap<ChannelKind, Arc<Channel>>,
    /// The messages that are on their way, one to a channel at most.
    under_way: JoinSet<Sent>,
    busy: BTreeMap<ChannelKind, Id>,
    settings: Option<Notify>,
    heart: Heart,
    post: Post,
    warned: bool,
    /// What was told could not be kept in the last round.
    is_unkept: bool,
    stop: CancellationToken,
}

/// What one look needs, to be taken to another thread.
struct Look {
    snapshot: Snapshot,
    config: Arc<Config>,
    policy: Policy,
    failing: BTreeSet<String>,
    instance: String,
    since: DateTime<Utc>,
    is_current: bool,
    /// The ledger of all, if this process sends.
    ledger: Option<Ledger>,
    own: Ledger,
    /// Whether several share the store.
    is_shared: bool,
}

impl Notifier {
    /// A notifier that knows nothing yet.
    #[must_use]
    pub fn new(store: Store, clock: Clock, counters: Counters) -> Self {
        let now = clock.now();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            store,
            counters,
            instance: host.trim().to_owned(),
            ledger: None,
            kept: BTreeMap::new(),
            own: Ledger::new(uuid::Uuid::new_v4().to_string(), now),
            held_until: None,
            channels: BTreeMap::new(),
            under_way: JoinSet::new(),
            busy: BTreeMap::new(),
            settings: None,
            heart: Heart::default(),
            post: Post::new(now),
            warned: false,
            is_unkept: false,
            stop: CancellationToken::new(),
            clock,
        }
    }

    /// Looks and sends until it is told to stop. What is under way is ended first.
    pub async fn run(mut self, mut running: watch::Receiver<Running>, stop: CancellationToken) {
        self.stop = stop.clone();
        loop {
            let current = running.borrow_and_update().clone();
            let is_on = current.config.notify.is_some();
            self.round(&current).await;
            tokio::select! {
                () = stop.cancelled() => break,
                changed = running.changed() => if changed.is_err() { break },
                Some(sent) = self.under_way.join_next() => {
                    self.landed(sent).await;
                }
                () = tokio::time::sleep(PACE), if is_on => {}
            }
        }
        self.settle().await;
    }

    /// One look, and what follows from it.
    pub async fn round(&mut self, running: &Running) {
        self.configure(running.config.notify.as_ref());
        let Some(settings) = self.settings.clone() else {
            // Whoever switches it on again begins with what is on disk.
            self.settle().await;
            self.ledger = None;
            return;
        };
        self.store.refresh().await;
        self.beat(&settings, running).await;
        if settings.channels.is_empty() {
            return;
        }
        self.warn_of_scrapes();
        let policy = policy(&settings);
        if !self.hold().await {
            self.ledger = None;
        }
        if !self.look(running, &policy).await {
            return;
        }
        self.keep().await;
        self.send(&policy).await;
        self.post(&settings, running).await;
    }

    /// Sends the monthly letter, if it is time to and this process sends.
    async fn post(&mut self, settings: &Notify, running: &Running) {
        let is_off = settings.letter.is_none() && !self.post.is_failing();
        if self.ledger.is_none() || self.stop.is_cancelled() || is_off {
            return;
        }
        // The messages before it may have taken their time.
        if !self.hold_on().await {
            return;
        }
        let (store, clock, host) = (&self.store, &self.clock, self.instance.as_str());
        let around = post::Around { store, clock, running, settings, host };
        // A mail may take longer than the lease.
        let hold_on = async {
            loop {
                tokio::time::sleep(HOLD / 2).await;
                // Whatever comes of it, this letter is under way.
                let _ = store.hold_notices(HOLD).await;
            }
        };
        let result = tokio::select! {
            result = self.post.send(&around) => result,
            () = hold_on => None,
        };
        if let Some(result) = result {
            self.counters.count_notice(LETTER, result.err().map(|failure| failure.reason));
        }
    }

    /// Takes in the settings. Messages that wait stay where they are: they are the ledger's.
    fn configure(&mut self, settings: Option<&Notify>) {
        if self.settings.as_ref() == settings {
            return;
        }
        self.channels = settings
            .iter()
            .flat_map(|settings| settings.channels.iter().map(|(kind, channel)| (*kind, channel, &settings.network)))
            .map(|(kind, channel, network)| (kind, Arc::new(Channel::new(&channel.place, network))))
            .collect();
        let names = self.channels.keys().map(|kind| kind.as_str());
        let heartbeat = settings.and_then(|settings| settings.heartbeat.as_ref()).map(|_| HEARTBEAT);
        let letter = settings.and_then(|settings| settings.letter.as_ref()).map(|_| LETTER);
        self.counters.expect_notices(&names.chain(heartbeat).chain(letter).collect::<Vec<_>>());
        self.settings = settings.cloned();
    }

    /// Whether this process sends, with the ledger read.
    async fn hold(&mut self) -> bool {
        match self.store.hold_notices(HOLD).await {
            Ok(Hold::Mine) => {}
            Ok(Hold::Anew) => self.ledger = None,
            Ok(Hold::Others) => return false,
            // Nobody else sends before it is over.
            Err(_) => return self.held_until.is_some_and(|until| Instant::now() < until) && self.ledger.is_some(),
        }
        self.held_until = Some(Instant::now() + HOLD / 2);
        if self.ledger.is_some() {
            return true;
        }
        match self.store.notices().await {
            Ok(rows) => {
                let fresh = || Ledger::new(uuid::Uuid::new_v4().to_string(), self.clock.now());
                self.ledger = Some(Ledger::from_rows(&rows).unwrap_or_else(fresh));
                self.kept = rows;
                true
            }
            Err(error) => {
                tracing::error!(%error, "what was told cannot be read, so nothing is told until it can be");
                false
            }
        }
    }

    /// Judges everything and takes that into the ledgers, on a thread where it keeps nobody waiting. False if that failed.
    async fn look(&mut self, running: &Running, policy: &Policy) -> bool {
        let now = self.clock.moment();
        let failing = self.ledger.iter().flat_map(Ledger::failing).map(|kind| kind.as_str().to_owned());
        let others = [(self.heart.is_failing(), HEARTBEAT), (self.post.is_failing(), LETTER)];
        let others = others.into_iter().filter(|(is_failing, _)| *is_failing).map(|(_, name)| name.to_owned());
        let failing = failing.chain(others).collect();
        let mut look = Look {
            snapshot: self.store.snapshot(),
            config: Arc::clone(&running.config),
            policy: policy.clone(),
            failing,
            instance: self.instance.clone(),
            since: running.since,
            is_current: running.is_current,
            ledger: self.ledger.clone(),
            own: self.own.clone(),
            is_shared: self.store.is_shared(),
        };
        let taken = tokio::task::spawn_blocking(move || {
            look.take_in(now);
            (look.ledger, look.own)
        });
        match taken.await {
            Ok((ledger, own)) => {
                (self.ledger, self.own) = (ledger, own);
                true
            }
            Err(error) => {
                tracing::error!(%error, "the look for what is to be told ended in a defect");
                false
            }
        }
    }

    /// Keeps what changed in the ledger.
    async fn keep(&mut self) {
        let Some(ledger) = &self.ledger else { return };
        let rows = ledger.rows();
        let mut changes: NoticeChanges = rows
            .iter()
            .filter(|(name, document)| self.kept.get(*name) != Some(*document))
            .map(|(name, document)| (name.clone(), Some(document.clone())))
            .collect();
        changes.extend(self.kept.keys().filter(|name| !rows.contains_key(*name)).map(|name| (name.clone(), None)));
        if changes.is_empty() {
            return;
        }
        match self.store.keep_notices(changes).await {
            Ok(true) => {
                self.kept = rows;
                self.is_unkept = false;
            }
            // Another replica took over.
            Ok(false) => self.ledger = None,
            // It is told all the same; after a restart it may be told again. The next round keeps it.
            Err(error) => {
                if !std::mem::replace(&mut self.is_unkept, true) {
                    tracing::warn!(%error, "what was told cannot be kept at the moment, and may be told again after a restart");
                }
            }
        }
    }

    /// Sees to it that nobody else sends while this process does; false if it may not begin anything. Where another one sends, what
    /// that told must be read first; where the database does not answer, what was told here is still to be kept.
    async fn hold_on(&mut self) -> bool {
        match self.store.hold_notices(HOLD).await {
            Ok(Hold::Mine) => {
                self.held_until = Some(Instant::now() + HOLD / 2);
                true
            }
            Ok(Hold::Anew | Hold::Others) => {
                self.ledger = None;
                false
            }
            Err(_) => false,
        }
    }

    async fn beat(&mut self, settings: &Notify, running: &Running) {
        let Some(heartbeat) = &settings.heartbeat else {
            self.heart = Heart::default();
            return;
        };
        let snapshot = self.store.snapshot();
        let now = self.clock.now();
        let result = self.heart.beat(heartbeat, &settings.network, &snapshot, running, now).await;
        if let Some(result) = result {
            self.counters.count_notice(HEARTBEAT, result.err().map(|failure| failure.reason));
        }
    }

    /// Says once that people may be told twice.
    fn warn_of_scrapes(&mut self) {
        let is_scraped = self.counters.scraped().is_some_and(|scraped| self.clock.now() - scraped <= SCRAPED);
        if is_scraped && !std::mem::replace(&mut self.warned, true) {
            tracing::warn!(
                "a Prometheus scrapes the metrics and notify has channels: if its alerts reach people, they are told everything \
                 twice; use one of the two"
            );
        }
    }
}

impl Look {
    fn take_in(&mut self, moment: crate::evaluate::report::Moment) {
        let mut report = evaluate(&self.snapshot, &self.config, moment);
        report.whole.is_outdated = !self.is_current;
        let around = Around {
            since: self.since,
            page: self.config.web.external_url.as_ref(),
            is_probing: self.config.probe.is_some(),
            instance: &self.instance,
            failing: &self.failing,
        };
        let mut news = News::new(&report, &around);
        let is_own = |key: &Key| key.alert == "ApnswatchStoreDown";
        if self.is_shared {
            let standing = news.standing.clone();
            news.standing.retain(|key, _| is_own(key));
            self.own.step(&news, &self.policy, moment.now);
            news.standing = standing;
            news.standing.retain(|key, _| !is_own(key));
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.rename(&self.config.renames());
            ledger.step(&news, &self.policy, moment.now);
        }
    }
}

fn policy(settings: &Notify) -> Policy {
    let length = |length: Duration| TimeDelta::from_std(length).unwrap_or(TimeDelta::days(1));
    Policy {
        repeat_critical: length(settings.repeat_critical),
        repeat_warning: length(settings.repeat_warning),
        office: settings.office_hours.clone(),
        channels: settings.channels.iter().map(|(kind, channel)| (*kind, channel.tiers.clone())).collect(),
    }
}
