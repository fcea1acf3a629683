//! The one report that every face shows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZero;
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::account::{self, AccountReport};
use super::letter::{self, LetterReport};
use super::network::{self, NetworkMemory, NetworkReport};
use super::tenant::{Case, TenantReport};
use crate::config::{Config, Tenant};
use crate::model::{AccountId, Drill, DutyDone, LetterEvent, Memory, PooledCertificate, Source, TenantName, Topic};

/// How often certificate files are looked at.
pub const FILE_INTERVAL: Duration = Duration::from_secs(30);

/// An MDM is asked for an enrolment profile once a day: it is a secret, and may leave a trace each time.
pub const PROFILE_INTERVAL: Duration = Duration::from_secs(24 * 3600);

/// Tokens and check-ins change slowly and cost many requests: they are asked for once in so many intervals.
pub const SELDOM: u32 = 4;

/// For how long a tenant that left the configuration counts as missing.
const MISSING: TimeDelta = TimeDelta::days(7);

/// A clock further than this after the build is wrong, not old software.
const OLDEST_BUILD: TimeDelta = TimeDelta::days(20 * 365);

/// The present moment, and what is known of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock.
    pub now: DateTime<Utc>,
    /// When this program was built.
    pub built: DateTime<Utc>,
}

impl Moment {
    /// Whether the clock can be right: not before the build, not twenty years after it.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        self.built <= self.now && self.now <= self.built + OLDEST_BUILD
    }
}

/// What the store knows, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By tenant; also of tenants that are not configured any more.
    pub tenants: BTreeMap<TenantName, Arc<Memory>>,
    /// What the certificate pool holds.
    pub pool: Vec<PooledCertificate>,
    /// What people did with the Apple Accounts, the oldest first.
    pub duties: BTreeMap<AccountId, Vec<DutyDone>>,
    /// The drills, past ones too.
    pub drills: Vec<Drill>,
    /// What happened with the letters, the oldest first.
    pub letters: Vec<LetterEvent>,
    /// The tenants that are configured and not retired.
    pub configured: BTreeSet<TenantName>,
    /// The tenants that left the configuration without being retired, with the moment.
    pub missing: BTreeMap<TenantName, DateTime<Utc>>,
    /// Whether what is learnt is being kept.
    pub store_up: bool,
    /// What the probes told.
    pub network: Arc<NetworkMemory>,
}

/// The state of everything, at one moment.
#[derive(Clone, Debug)]
pub struct Report {
    /// What belongs to no single tenant; its fields are read as the report's own.
    pub whole: Whole,
    /// The tenants that are watched, by name.
    pub tenants: Vec<TenantReport>,
}

impl Deref for Report {
    type Target = Whole;

    fn deref(&self) -> &Whole {
        &self.whole
    }
}

/// The state of everything but the tenants, at one moment.
#[derive(Clone, Debug)]
pub struct Whole {
    /// When it was made.
    pub now: DateTime<Utc>,
    /// Whether the clock can be right.
    pub clock_plausible: bool,
    /// The Apple Accounts, by id.
    pub accounts: Vec<AccountReport>,
    /// The certificates of the pool whose topic no tenant keeps.
    pub strays: Vec<PooledCertificate>,
    /// The drills that go on now.
    pub drills: Vec<Drill>,
    /// How many tenants are watched.
    pub active: usize,
    /// How many tenants are retired.
    pub retired: usize,
    /// How many tenants left the configuration within the last seven days without being retired.
    pub missing: usize,
    /// Whether what is learnt is being kept.
    pub store_up: bool,
    /// How many things are wrong in tenant files.
    pub config_errors: usize,
    /// Whether the configuration in force is an older one, since the present one is wrong. Set by whoever reads it.
    pub is_outdated: bool,
    /// The way to Apple from here, if it is probed.
    pub network: Option<NetworkReport>,
    /// The monthly letter, if one is sent.
    pub letter: Option<LetterReport>,
}

/// Whose topic is whose: the pinned topics of all tenants.
pub type Owners<'a> = HashMap<&'a Topic, &'a TenantName>;

/// The sources that are polled for a tenant, and how often. A certificate that a person added is a file, too.
#[must_use]
pub fn polled_sources(tenant: &Tenant, memory: Option<&Memory>) -> Vec<(Source, Duration)> {
    let interval = |source: Source| match source {
        Source::Api | Source::Declared => tenant.poll.interval,
        Source::Tokens | Source::Push => tenant.poll.interval * SELDOM,
        Source::Profile if tenant.certificate.profiles.is_empty() => PROFILE_INTERVAL,
        Source::Profile | Source::File | Source::Device => FILE_INTERVAL.min(tenant.poll.interval),
    };
    let certificate = &tenant.certificate;
    let from_disk = [
        (Source::Profile, !certificate.profiles.is_empty()),
        (Source::File, has_files(tenant, memory)),
        (Source::Device, !certificate.device_topics.is_empty()),
    ];
    let from_disk = from_disk.into_iter().filter_map(|(source, is_set)| is_set.then_some(source));
    tenant.mdm.sources().into_iter().chain(from_disk).map(|source| (source, interval(source))).collect()
}

/// Whether anything is known of certificate files of a tenant: in its configuration, or handed over by a person.
#[must_use]
pub fn has_files(tenant: &Tenant, memory: Option<&Memory>) -> bool {
    tenant.certificate.has_files() || memory.is_some_and(|memory| !memory.kept().is_empty())
}

/// So many tenants are worth a thread of their own: judging them takes some milliseconds, starting it far less than one.
const LANE: usize = 1000;

/// How many threads this machine, or the limit that is set for us, has a core for.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, NonZero::get));

/// Judges everything.
#[must_use]
pub fn evaluate(snapshot: &Snapshot, config: &Config, moment: Moment) -> Report {
    let judge = Judge::new(snapshot, config, moment);
    let mut lanes = judge.lanes(|tenants| tenants.collect::<Vec<_>>()).into_iter();
    let mut tenants = lanes.next().unwrap_or_default();
    tenants.reserve_exact(judge.whole.active - tenants.len());
    lanes.for_each(|lane| tenants.extend(lane));
    Report { whole: judge.whole, tenants }
}

/// Judges the whole at once, and each tenant when it is asked for: who needs one tenant after the other, and not all of them
/// beside each other, has the memory of one.
#[derive(Debug)]
pub struct Judge<'a> {
    /// What belongs to no single tenant.
    pub whole: Whole,
    config: &'a Config,
    moment: Moment,
    owners: Owners<'a>,
    active: Vec<(&'a Tenant, Option<&'a Memory>)>,
}

impl<'a> Judge<'a> {
    /// Judges what belongs to no single tenant.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, config: &'a Config, moment: Moment) -> Self {
        let report = |(id, account)| {
            let done = snapshot.duties.get(id).map_or(&[][..], Vec::as_slice);
            account::report(id, account, done, moment.now)
        };
        let mut owners = Owners::with_capacity(config.tenants.len());
        let mut active = Vec::with_capacity(config.tenants.len());
        // Both have the same order: looking each name up would cost more than much of what is judged.
        let mut memories = snapshot.tenants.iter().peekable();
        for (name, tenant) in &config.tenants {
            while memories.next_if(|(other, _)| *other < name).is_some() {}
            let memory = memories.next_if(|(other, _)| *other == name).map(|(_, memory)| memory.as_ref());
            owners.extend(memory.and_then(|memory| Some((&memory.pin.as_ref()?.topic, name))));
            if !tenant.retired {
                active.push((tenant.as_ref(), memory));
            }
        }
        let is_stray = |held: &&PooledCertificate| !held.topic.as_ref().is_some_and(|topic| owners.contains_key(topic));
        let whole = Whole {
            now: moment.now,
            clock_plausible: moment.is_plausible(),
            accounts: config.accounts.iter().map(report).collect(),
            strays: snapshot.pool.iter().filter(is_stray).cloned().collect(),
            drills: snapshot.drills.iter().filter(|drill| drill.is_on(moment.now)).cloned().collect(),
            active: active.len(),
            retired: config.tenants.len() - active.len(),
            missing: snapshot.missing.values().filter(|since| moment.now - **since <= MISSING).count(),
            store_up: snapshot.store_up,
            config_errors: config.problems.len(),
            is_outdated: false,
            network: network::report(&snapshot.network, config, moment.now),
            letter: config.letter().map(|settings| letter::report(&snapshot.letters, settings, moment)),
        };
        Self { whole, config, moment, owners, active }
    }

    /// Hands the tenants that are watched to `work`, in their order, and gives back what it made of them. Somebody waits for a
    /// page or a scrape meanwhile, and no tenant needs another one's report: with many, every core does the work for a part.
    pub fn lanes<T: Send>(&self, work: impl Fn(&mut dyn Iterator<Item = TenantReport>) -> T + Sync) -> Vec<T> {
        let lanes = (self.active.len() / LANE).clamp(1, *CORES);
        let each = |part: &[(&Tenant, Option<&Memory>)]| {
            let nothing = Memory::default();
            work(&mut part.iter().map(|(tenant, memory)| self.tenant(tenant, memory.unwrap_or(&nothing))))
        };
        let (mine, theirs) = self.active.split_at(self.active.len().div_ceil(lanes));
        std::thread::scope(|scope| {
            let each = &each;
            let start = |part| (part, std::thread::Builder::new().spawn_scoped(scope, move || each(part)));
            let started: Vec<_> = theirs.chunks(mine.len().max(1)).map(start).collect();
            let mut made = vec![each(mine)];
            for (part, lane) in started {
                made.push(match lane.map(std::thread::ScopedJoinHandle::join) {
                    Ok(Ok(one)) => one,
                    Ok(Err(panic)) => std::panic::resume_unwind(panic),
                    // There was no thread to be had.
                    Err(_) => each(part),
                });
            }
            made
        })
    }

    fn tenant(&self, tenant: &Tenant, memory: &Memory) -> TenantReport {
        let polled = polled_sources(tenant, Some(memory));
        let id = tenant.account.as_ref();
        let case = Case {
            tenant,
            account: id.and_then(|id| self.config.accounts.get(id)),
            memory,
            polled: &polled,
            account_report: id.and_then(|id| {
                self.whole
                    .accounts
                    .binary_search_by(|account| account.id.cmp(id))
                    .ok()
                    .map(|at| &self.whole.accounts[at])
            }),
            owners: &self.owners,
            network: self.whole.network.as_ref(),
            store_up: self.whole.store_up,
        };
        case.report(self.moment)
    }
}
