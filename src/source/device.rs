//! Topics that were read on enrolled devices: the drop files of a tenant's `certificate.device_topics`.
//!
//! The device is the only witness of the topic it listens on. An agent that runs osquery (table `mdm`, column
//! `topic`; <https://osquery.io/schema/#mdm>), or an inventory with a field for it, writes a file, and this counts.
//! JSON lines, a JSON array and CSV with a header are read, see the module of the lines.
//!
//! **Counting.** Where a line names its device, the device counts once and its last line wins, files in the order of
//! their names; else each line is a device. Serial numbers and the like are personal data: of each only a salted hash
//! is held, and that no longer than the counting.
//!
//! **Age.** Devices move on while an export that died stays as it is. When the newest file that could be read was
//! written more than seven days ago, or when nobody can say when, what it tells stands beside a failure: bad news
//! stays, good news is withdrawn.
//!
//! **Which topic counts.** The most common one; of two that are equally common the one that sorts first.

mod lines;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use self::lines::Line;
use super::paths::{self, Paths, sum_up};
use super::read::{self, Limit, shown};
use crate::model::{DeviceTopics, Facts, Failure, Outcome, Presence, PushCertificate, Reason, Source, Topic};
use crate::source::Poll;
use crate::words::counted;

/// A line has some 200 bytes.
const LIMIT: Limit = Limit { bytes: 16 * 1024 * 1024, words: "16 MiB, which is more than 80 000 devices need" };

/// How many lines are read in all files together.
const MAX_LINES: usize = 1_000_000;

/// A file is damaged as a whole when at least this many lines cannot be read, ...
const MIN_DAMAGE: u64 = 10;

/// ... and more than one of this many. What is left of it is no fair sample of the devices.
const DAMAGED_SHARE: u64 = 10;

/// How many topics are told apart in the answer, the most common ones. A fleet has one, or two while it moves.
const MAX_TOPICS: usize = 100;

/// How old the newest file may be. Agents write daily or more often, some inventories weekly.
const MAX_AGE: TimeDelta = TimeDelta::days(7);

/// How far ahead of this clock the time of a file may be, for other machines write it. Beyond, its age is unknown.
const MAX_AHEAD: TimeDelta = TimeDelta::days(1);

/// Polls the drop files of one tenant.
#[derive(Debug)]
pub struct Devices {
    paths: Paths,
}

impl Devices {
    /// Takes paths and patterns, absolute ones. Touches nothing.
    #[must_use]
    pub fn new(paths: Arc<[PathBuf]>) -> Self {
        Self { paths: Paths::new(paths, "files of device topics") }
    }
}

impl Poll for Devices {
    fn source(&self) -> Source {
        Source::Device
    }

    /// Always the same: whatever file it is, it speaks of the same devices.
    fn identity(&self) -> String {
        "file".to_owned()
    }

    fn host(&self) -> Option<String> {
        None
    }

    fn poll(&self, now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        Box::pin(
            async move { self.paths.visit(move |paths| gather(paths, now)).await.unwrap_or_else(Outcome::failure) },
        )
    }
}

/// Reads all files and makes one answer of them. Blocks.
fn gather(paths: &[PathBuf], now: DateTime<Utc>) -> Outcome {
    let mut failures = Vec::new();
    let mut remarks = Vec::new();
    let mut origins = Vec::new();
    let mut tally = Tally::default();
    let mut topics = HashSet::new();
    let mut newest = None;
    let mut left = MAX_LINES;
    for (path, _) in paths::files(paths, &mut failures) {
        let name = shown(&path);
        // Asked before reading: of a file that is replaced meanwhile the older time counts.
        let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok().map(DateTime::from);
        let bytes = match read::read(&path, LIMIT) {
            Ok(bytes) => bytes,
            Err(failure) => {
                failures.push(failure);
                continue;
            }
        };
        let mut file = Tallied::default();
        // Counted apart, so that a file which turns out to be damaged counts for nothing, not for its first half.
        let read = lines::read(&bytes, left, &mut |line| file.take(line, &tally.salt, &mut topics));
        if let Err(why) = read {
            failures.push(Failure::new(Reason::Malformed, format!("{name} {why}")));
            continue;
        }
        left = left.saturating_sub(file.count);
        if file.unreadable >= MIN_DAMAGE && file.unreadable * DAMAGED_SHARE > file.count as u64 {
            let (bad, seen) = (counted(file.unreadable, "line"), file.count);
            failures
                .push(Failure::new(Reason::Malformed, format!("{name} is damaged: {bad} cannot be read of {seen}")));
            continue;
        }
        if file.usable == 0 {
            let seen = counted(file.count as u64, "line");
            let why = format!("{name} has no topic of an MDM in it ({seen} read)");
            failures.push(Failure::new(Reason::Malformed, why));
            continue;
        }
        for (count, what) in [(file.unreadable, "cannot be read"), (file.silent, "without a topic")] {
            if count > 0 {
                remarks.push(format!("{name}: {} {what}", counted(count, "line")));
            }
        }
        newest = newest.max(written.filter(|at: &DateTime<Utc>| *at <= now + MAX_AHEAD));
        origins.push(name);
        tally.add(file);
    }
    if !origins.is_empty() {
        // It concerns all that was read, so it comes before what concerns one file.
        failures.splice(0..0, outdated(newest, now));
    }
    let facts = (!origins.is_empty()).then(|| facts(tally, origins, remarks));
    Outcome { facts, failure: sum_up(failures) }
}

/// The failure of files of which the newest was written at `newest`, if they are too old to speak of today.
fn outdated(newest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Failure> {
    let what = match newest.map(|newest| now - newest) {
        Some(age) if age <= MAX_AGE => return None,
        Some(age) => format!("the newest file of device topics is {} days old", age.num_days()),
        None => "the files of device topics are dated in the future".to_owned(),
    };
    Some(Failure::new(Reason::Timeout, format!("{what}, so nobody can say what devices listen on now")))
}

fn facts(tally: Tally, origins: Vec<String>, mut remarks: Vec<String>) -> Facts {
    let all = tally.counts();
    let mut counts: Vec<(Topic, u64)> = all.into_iter().map(|(topic, count)| (Topic::clone(&topic), count)).collect();
    counts.sort_by(|(a, of_a), (b, of_b)| of_b.cmp(of_a).then_with(|| a.cmp(b)));
    if counts.len() > MAX_TOPICS {
        let (total, rest) = (counts.len(), counts.split_off(MAX_TOPICS));
        let devices = rest.iter().map(|(_, count)| count).sum::<u64>();
        remarks.push(format!("{total} different topics; {} with the rarest were left out", counted(devices, "device")));
    }
    let topic = counts.first().map(|(topic, _)| topic.clone());
    let origin = match origins.as_slice() {
        [first] => first.clone(),
        [first, rest @ ..] => format!("{first} and {}", counted(rest.len() as u64, "more file")),
        [] => String::new(),
    };
    Facts {
        certificate: topic
            .map(|topic| Presence::from(PushCertificate { topic: Some(topic), ..PushCertificate::default() })),
        devices: Some(DeviceTopics { counts: counts.into_iter().collect() }.into()),
        origin: origin.into(),
        remarks,
        ..Facts::default()
    }
}

/// What one file told.
#[derive(Default)]
struct Tallied {
    /// The devices by the hash of what names them, in the order of the lines; `None` where nothing does.
    devices: Vec<(Option<u64>, Change)>,
    count: usize,
    usable: u64,
    unreadable: u64,
    silent: u64,
}

/// What a line changes in what is known of a device.
enum Change {
    Listens(Arc<Topic>),
    /// It has no topic: it is not enrolled.
    Silent,
    /// It was on this topic and is not any more.
    Left(Arc<Topic>),
}

impl Tallied {
    fn take(&mut self, line: Line, salt: &RandomState, topics: &mut HashSet<Arc<Topic>>) {
        // A hundred thousand devices and one topic: its text is kept once.
        let mut shared = |topic| match topics.get(&topic) {
            Some(known) => Arc::clone(known),
            None => {
                let topic = Arc::new(topic);
                topics.insert(Arc::clone(&topic));
                topic
            }
        };
        self.count += 1;
        let (device, change) = match line {
            Line::Topic { device, topic } => {
                self.usable += 1;
                (device, Change::Listens(shared(topic)))
            }
            Line::Silent { device } => {
                self.silent += 1;
                (device, Change::Silent)
            }
            Line::Removed { device, topic } => (device, Change::Left(shared(topic))),
            Line::Unreadable => {
                self.unreadable += 1;
                return;
            }
        };
        // Nobody writes the hexadecimal of a UDID the same way.
        self.devices.push((device.map(|device| salt.hash_one(device.trim().to_lowercase())), change));
    }
}

/// What all files told.
#[derive(Default)]
struct Tally {
    salt: RandomState,
    named: HashMap<u64, Arc<Topic>>,
    nameless: BTreeMap<Arc<Topic>, u64>,
}

impl Tally {
    fn add(&mut self, file: Tallied) {
        for (device, change) in file.devices {
            match (device, change) {
                (Some(device), Change::Listens(topic)) => _ = self.named.insert(device, topic),
                (Some(device), Change::Silent) => _ = self.named.remove(&device),
                (Some(device), Change::Left(topic)) => {
                    // The line with the new topic may stand in front of the one that takes the old one back.
                    if self.named.get(&device) == Some(&topic) {
                        self.named.remove(&device);
                    }
                }
                (None, Change::Listens(topic)) => *self.nameless.entry(topic).or_default() += 1,
                (None, Change::Silent | Change::Left(_)) => {}
            }
        }
    }

    fn counts(self) -> BTreeMap<Arc<Topic>, u64> {
        let mut counts = self.nameless;
        for topic in self.named.into_values() {
            *counts.entry(topic).or_default() += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests;
