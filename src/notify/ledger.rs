//! What was told, to whom, and what is to be told next. A state machine without clock, disk and network.
//!
//! A condition must hold for as long as its alert rule says before anybody is told. Those of one alert that come together are one
//! *thread*: one message when it begins, one at each repetition, one when the last of them is over. What nobody can judge now is not
//! over. What was told stays told over restarts: whoever holds the ledger keeps its [`Ledger::rows`] on disk.

mod end;
mod outbox;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

pub(super) use self::outbox::PAUSES;
pub use self::outbox::{Delivery, Parcel};
use super::channel::ChannelKind;
use super::key::{Key, Severity, Tier};
use super::message::{self, Kind, Message, NAMED};
use super::news::{Hush, News};
use super::office::{self, OfficeHours};
use crate::model::TenantName;
use crate::words;

/// What shows only now and then, as the alert rules look back for so long.
const FLICKERS: [(&str, TimeDelta); 3] = [
    ("ApnsTlsIntercepted", TimeDelta::minutes(30)),
    ("ApnsDnsOutsideApple", TimeDelta::minutes(30)),
    ("ApnsCredentialRejected", TimeDelta::minutes(30)),
];

/// What each minute makes worse is told without waiting for others.
const AT_ONCE: [&str; 3] = ["ApnsTopicDrift", "ApnsCertificateRevoked", "ApnsCertificateRemoved"];

/// Work for one tenant, which hardly ever comes for many at once.
const WORK: [&str; 4] = ["ApnsCertificateExpiry", "AppleTokenExpiry", "ApnsRenewalNotUploaded", "ApnsRenewalTooShort"];

/// What has one cause for many tenants waits no longer than this until all of them show it.
const PATIENCE: TimeDelta = TimeDelta::hours(2);

/// What the ledger goes by.
#[derive(Clone, Debug)]
pub struct Policy {
    /// After how long a critical message is sent again.
    pub repeat_critical: TimeDelta,
    /// After how long a warning is sent again.
    pub repeat_warning: TimeDelta,
    /// When people are there for warnings.
    pub office: Option<OfficeHours>,
    /// The channels, each with what it takes.
    pub channels: BTreeMap<ChannelKind, Vec<Tier>>,
}

/// What is known of a condition that stands, or stood a moment ago.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// Since when it stands.
    since: DateTime<Utc>,
    /// The thread in which it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<u64>,
    /// Since when it is not there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone: Option<DateTime<Utc>>,
    /// Why it was not told when it was last there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hush: Option<Hush>,
}

/// What was told together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Thread {
    /// One of the conditions, for what all of them have in common.
    key: Key,
    opened: DateTime<Utc>,
    /// The names that are told when it is over: the first ones.
    names: Vec<String>,
    /// How many names there are in all.
    total: usize,
    repeat_at: DateTime<Utc>,
    /// Whether any of it ended in a way that people are told.
    #[serde(default)]
    is_loud: bool,
    /// How many ended because they left the configuration.
    #[serde(default)]
    unwatched: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// What makes the ids of its messages unique.
    name: String,
    /// The number of the next thread or message.
    next: u64,
    /// When the last list was sent, or the ledger begun.
    listed: Option<DateTime<Utc>>,
    entries: BTreeMap<Key, Entry>,
    threads: BTreeMap<u64, Thread>,
    parcels: BTreeMap<(ChannelKind, u64), Parcel>,
    deliveries: BTreeMap<ChannelKind, Delivery>,
}

/// What is told together: the alert, its severity, and what the cause is likely to be.
type Bucket = (String, Severity, String);

fn bucket(key: &Key) -> Bucket {
    (key.alert.clone(), key.severity, key.group().to_owned())
}

fn is_work(key: &Key) -> bool {
    WORK.contains(&key.alert.as_str())
}

/// How long the first of a bucket waits for others, and how long a later one waits after a message about the same.
fn waits(key: &Key) -> (TimeDelta, TimeDelta) {
    match key.severity {
        _ if key.is_drill() => (TimeDelta::zero(), TimeDelta::zero()),
        Severity::Critical if AT_ONCE.contains(&key.alert.as_str()) => (TimeDelta::zero(), TimeDelta::minutes(5)),
        Severity::Critical => (TimeDelta::seconds(30), TimeDelta::minutes(5)),
        _ if is_work(key) => (TimeDelta::minutes(3), TimeDelta::minutes(5)),
        _ => (TimeDelta::minutes(20), TimeDelta::hours(4)),
    }
}

fn hold(key: &Key) -> TimeDelta {
    TimeDelta::seconds(key.rule().map_or(0, |rule| i64::from(rule.hold)))
}

fn flicker(key: &Key) -> TimeDelta {
    FLICKERS.iter().find(|(alert, _)| *alert == key.alert).map_or(TimeDelta::zero(), |(_, length)| *length)
}

impl Ledger {
    /// An empty ledger, begun now. `name` is unlike that of any other.
    #[must_use]
    pub fn new(name: String, now: DateTime<Utc>) -> Self {
        Self { name, listed: Some(now), ..Self::default() }
    }

    /// Takes in what stands now, and puts what is to be told into the outboxes of the channels.
    pub fn step(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        self.keep_channels(policy);
        self.set_back(news, policy, now);
        self.take_in(news, now);
        self.end(news, policy, now);
        self.open(news, policy, now);
        self.repeat(news, policy, now);
        self.list(news, policy, now);
    }

    /// What was told of a tenant under a former name was told of it. `renames` is from former names to present ones.
    pub fn rename(&mut self, renames: &BTreeMap<TenantName, TenantName>) {
        let by_text: BTreeMap<&str, &str> = renames.iter().map(|(old, new)| (old.as_str(), new.as_str())).collect();
        let renamed = |key: &Key| key.label("tenant").is_some_and(|name| by_text.contains_key(name));
        let of = |key: &Key| {
            let mut key = key.clone();
            if let Some(name) = key.labels.get_mut("tenant")
                && let Some(present) = by_text.get(name.as_str())
            {
                *name = (*present).to_owned();
            }
            key
        };
        // What was told under both names, and so of the former name alone.
        let mut apart: BTreeSet<u64> = BTreeSet::new();
        let moved: Vec<Key> = self.entries.keys().filter(|key| renamed(key)).cloned().collect();
        for former in moved {
            let key = of(&former);
            let told = |key: &Key| self.entries.get(key).and_then(|entry| entry.thread);
            // The one of the former name is over, for nobody is called so. The other one stands.
            if let (Some(_), Some(thread)) = (told(&key), told(&former)) {
                apart.insert(thread);
                continue;
            }
            let Some(entry) = self.entries.remove(&former) else { continue };
            let known = self.entries.entry(key).or_insert_with(|| entry.clone());
            known.since = known.since.min(entry.since);
            known.thread = known.thread.or(entry.thread);
        }
        let short: BTreeMap<String, String> =
            by_text.iter().map(|(old, new)| (words::clean(old, 128), words::clean(new, 128))).collect();
        let is_of_tenants = |thread: &Thread| thread.key.label("tenant").is_some();
        let threads =
            self.threads.iter_mut().filter(|(number, thread)| is_of_tenants(thread) && !apart.contains(number));
        for (_, thread) in threads {
            thread.key = of(&thread.key);
            for name in &mut thread.names {
                if let Some(present) = short.get(name) {
                    name.clone_from(present);
                }
            }
        }
    }

    /// What was dated by a clock that was ahead, if only for one round, must not keep anybody waiting until then.
    fn set_back(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        for entry in self.entries.values_mut() {
            entry.gone = entry.gone.map(|gone| gone.min(now));
        }
        for thread in self.threads.values_mut() {
            thread.opened = thread.opened.min(now);
            // By a clock that was set back to long ago, everything would be due again once that is right.
            if is_timed(news, &thread.key) {
                thread.repeat_at = thread.repeat_at.min(now + repeat_after(&thread.key, policy));
            }
        }
        if news.is_clock_plausible() {
            self.listed = self.listed.map(|listed| listed.min(now));
        }
    }

    fn take_in(&mut self, news: &News<'_>, now: DateTime<Utc>) {
        for (key, standing) in &news.standing {
            let fresh = || Entry { since: now, thread: None, gone: None, hush: None };
            let entry = self.entries.entry(key.clone()).or_insert_with(fresh);
            // A clock that was set back must not make it wait for longer.
            entry.since = entry.since.min(now);
            entry.gone = None;
            entry.hush = standing.hush;
        }
    }

    /// Opens threads for what has stood for long enough.
    fn open(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        let mut waiting: BTreeMap<Bucket, Vec<Key>> = BTreeMap::new();
        let mut pending: BTreeSet<Bucket> = BTreeSet::new();
        for (key, standing) in &news.standing {
            if (key.tier() == Tier::Digest && !key.is_drill()) || standing.hush.is_some() {
                continue;
            }
            let Some(entry) = self.entries.get(key).filter(|entry| entry.thread.is_none()) else { continue };
            if now - entry.since < hold(key) {
                pending.insert(bucket(key));
            } else {
                waiting.entry(bucket(key)).or_default().push(key.clone());
            }
        }
        for (bucket, mut keys) in waiting {
            self.join(&bucket, &mut keys);
            let due = |key: &Key| self.entries.get(key).map_or(now, |entry| entry.since + hold(key));
            let Some(first) = keys.iter().map(due).min() else { continue };
            let Some(key) = keys.first().cloned() else { continue };
            let (settle, gap) = waits(&key);
            let last = self.threads.values().filter(|thread| self::bucket(&thread.key) == bucket);
            let is_too_soon = last.map(|thread| thread.opened).max().is_some_and(|opened| now - opened < gap);
            let is_growing = key.severity != Severity::Critical
                && !is_work(&key)
                && pending.contains(&bucket)
                && now - first < PATIENCE;
            if now - first < settle || is_growing || is_too_soon || !may_tell(&key, policy, now) {
                continue;
            }
            self.begin(news, policy, keys, now);
        }
    }

    /// What is new of a tenant about which the same was told already is no news.
    fn join(&mut self, bucket: &Bucket, keys: &mut Vec<Key>) {
        // Each source of an MDM is silent when that is; each finding is one of its own.
        if !matches!(bucket.0.as_str(), "ApnsSourceFailing" | "ApnsCredentialRejected") {
            return;
        }
        let mut told: BTreeMap<String, u64> = BTreeMap::new();
        for (key, entry) in &self.entries {
            if let (Some(thread), Some(tenant)) = (entry.thread, key.label("tenant"))
                && self::bucket(key) == *bucket
            {
                told.insert(tenant.to_owned(), thread);
            }
        }
        keys.retain(|key| {
            let thread = key.label("tenant").and_then(|tenant| told.get(tenant));
            if let (Some(thread), Some(entry)) = (thread, self.entries.get_mut(key)) {
                entry.thread = Some(*thread);
            }
            thread.is_none()
        });
    }

    fn begin(&mut self, news: &News<'_>, policy: &Policy, keys: Vec<Key>, now: DateTime<Utc>) {
        let number = self.number();
        for key in &keys {
            if let Some(entry) = self.entries.get_mut(key) {
                entry.thread = Some(number);
            }
        }
        let all: Vec<&Key> = keys.iter().collect();
        let Some(key) = keys.first() else { return };
        let title = message::title(news, &all, Kind::Entered);
        let body = message::body(news, &all, true);
        let mut names = message::names(keys.iter());
        let total = names.len();
        names.truncate(NAMED);
        let message = self.message(Kind::Entered, key, number, title, body, keys.len(), now);
        let link = news.link((total == 1).then_some(key));
        self.queue(Message { link, ..message }, key, policy);
        let repeat_at = now + repeat_after(key, policy);
        let thread = Thread { key: key.clone(), opened: now, names, total, repeat_at, is_loud: false, unwatched: 0 };
        self.threads.insert(number, thread);
    }

    fn repeat(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        let due: Vec<u64> = self
            .threads
            .iter()
            .filter(|(_, thread)| {
                thread.repeat_at <= now
                    && !thread.key.is_drill()
                    && is_timed(news, &thread.key)
                    && may_tell(&thread.key, policy, now)
            })
            .map(|(number, _)| *number)
            .collect();
        for number in due {
            let is_told = |entry: &Entry| entry.thread == Some(number) && entry.gone.is_none() && entry.hush.is_none();
            let keys: Vec<Key> =
                self.entries.iter().filter(|(_, entry)| is_told(entry)).map(|(key, _)| key.clone()).collect();
            let Some(key) = keys.first() else { continue };
            if let Some(thread) = self.threads.get_mut(&number) {
                thread.repeat_at = now + repeat_after(key, policy);
            }
            let all: Vec<&Key> = keys.iter().collect();
            let title = message::title(news, &all, Kind::Repeated);
            let body = message::body(news, &all, true);
            let message = self.message(Kind::Repeated, key, number, title, body, keys.len(), now);
            let link = news.link((keys.len() == 1).then_some(key));
            self.queue(Message { link, ..message }, key, policy);
        }
    }

    /// Once a week: what is to be planned, and what nobody knows.
    fn list(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        let last = *self.listed.get_or_insert(now);
        if !news.is_clock_plausible() || !office::is_list_due(policy.office.as_ref(), last, now) {
            return;
        }
        self.listed = Some(now);
        let mut listed: BTreeMap<Bucket, Vec<&Key>> = BTreeMap::new();
        for (key, standing) in &news.standing {
            let has_held = self.entries.get(key).is_some_and(|entry| now - entry.since >= hold(key));
            if key.tier() == Tier::Digest && !key.is_drill() && standing.hush.is_none() && has_held {
                listed.entry(bucket(key)).or_default().push(key);
            }
        }
        let count: usize = listed.values().map(Vec::len).sum();
        let Some(key) = listed.values().flatten().next().map(|key| Key::clone(key)) else { return };
        let mut body = Vec::new();
        for keys in listed.values() {
            let summary = keys.first().map(|key| news.summary(key)).unwrap_or_default();
            body.push(format!("{summary} ({}):\n{}", keys.len(), message::body(news, keys, false).join("\n")));
        }
        let things = words::counted(count, "thing");
        let title = format!("The week's list: {things} to plan or to find out");
        let number = self.number();
        let message = self.message(Kind::Digest, &key, number, title, body, count, now);
        self.queue(
            Message { alert: "Digest".to_owned(), severity: Severity::Info, link: news.link(None), ..message },
            &key,
            policy,
        );
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    #[allow(clippy::too_many_arguments, reason = "each is said once, where a message is made")]
    fn message(
        &mut self,
        kind: Kind,
        key: &Key,
        thread: u64,
        title: String,
        body: Vec<String>,
        count: usize,
        at: DateTime<Utc>,
    ) -> Message {
        let number = self.number();
        Message {
            id: format!("{}-{number}", self.name),
            thread: format!("{}-{thread}", self.name),
            kind,
            severity: key.severity,
            alert: key.alert.clone(),
            title,
            body,
            link: None,
            count,
            is_drill: key.is_drill(),
            at,
            is_quiet: false,
        }
    }
}

/// Warnings wait for people; a drill does not, for somebody waits for it.
fn may_tell(key: &Key, policy: &Policy, now: DateTime<Utc>) -> bool {
    key.tier() != Tier::Warning || key.is_drill() || office::is_open(policy.office.as_ref(), now)
}

/// Whether anybody can say that it is time to repeat it. By a clock that cannot be right only that is repeated.
fn is_timed(news: &News<'_>, key: &Key) -> bool {
    news.is_clock_plausible() || key.alert == "ApnswatchClockImplausible"
}

fn repeat_after(key: &Key, policy: &Policy) -> TimeDelta {
    if key.severity == Severity::Critical { policy.repeat_critical } else { policy.repeat_warning }
}

#[cfg(test)]
mod tests;
