//! What was said and what was acknowledged, held against what a store has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use apnswatch::model::{Attestation, Memory, PinOrigin, Source, Statement};
use apnswatch::store::Contents;

/// So many certificates of a source are remembered.
const MOST_SEEN: usize = 64;

/// How a word ended. Each has an id of its own, which stands in the store as the person or as the remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Under way, or its teller was killed: it may be there or not.
    Open,
    /// Exit status 0, or 303: it must be there.
    Acknowledged,
    /// Any other answer: it must not be there.
    Refused,
}

/// What one scrape showed of what the daemon learnt by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The topic that is pinned, by tenant.
    pub(crate) pins: BTreeMap<String, String>,
    /// The certificate in force, by tenant.
    pub(crate) serials: BTreeMap<String, String>,
    /// The tenants whose MDM drifts.
    pub(crate) drifts: BTreeSet<String>,
}

/// Everything that was said, shown and found.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    words: Mutex<BTreeMap<String, Fate>>,
    learnt: Mutex<Learnt>,
}

#[derive(Debug, Default)]
struct Learnt {
    /// Since the present start, certificates whose having been seen was acknowledged, by tenant.
    serials: BTreeMap<String, Vec<String>>,
    /// Tenants with a pin, and with drift.
    pinned: BTreeSet<String>,
    drifts: BTreeSet<String>,
    /// How much of that was acknowledged in all.
    count: usize,
    /// What the store had after the last kill: the words of each tenant and account, and the serials of each source.
    words: BTreeMap<String, Vec<String>>,
    seen: BTreeMap<(String, Source), Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Ledger {
    /// A new word, before it is said.
    pub(crate) fn issue(&self) -> String {
        let mut words = lock(&self.words);
        let id = format!("word-{}", words.len());
        words.insert(id.clone(), Fate::Open);
        id
    }

    /// How it ended.
    pub(crate) fn settle(&self, id: &str, fate: Fate) {
        lock(&self.words).insert(id.to_owned(), fate);
    }

    /// How many words ended so.
    pub(crate) fn count(&self, fate: Fate) -> usize {
        lock(&self.words).values().filter(|found| **found == fate).count()
    }

    /// How often something that the daemon learnt by itself was acknowledged.
    pub(crate) fn learnt(&self) -> usize {
        lock(&self.learnt).count
    }

    /// What a scrape showed is acknowledged: a later one was answered, and so the writer had written it.
    pub(crate) fn acknowledge(&self, shown: Shown) {
        let mut learnt = lock(&self.learnt);
        for (tenant, serial) in shown.serials {
            let known = learnt.serials.entry(tenant).or_default();
            if !known.contains(&serial) {
                known.push(serial);
                learnt.count += 1;
            }
        }
        for tenant in shown.pins.into_keys() {
            learnt.count += usize::from(learnt.pinned.insert(tenant));
        }
        for tenant in shown.drifts {
            learnt.count += usize::from(learnt.drifts.insert(tenant));
        }
    }

    /// The words, to be copied before the store is looked at.
    pub(crate) fn so_far(&self) -> BTreeMap<String, Fate> {
        lock(&self.words).clone()
    }

    /// Holds a store against everything that was acknowledged before it was read (`words`). Every fault is a sentence.
    pub(crate) fn compare(&self, words: &BTreeMap<String, Fate>, contents: &Contents) -> Vec<String> {
        let mut faults = Vec::new();
        let issued = self.so_far();
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        let mut lists: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (tenant, memory) in &contents.tenants {
            let ids: Vec<String> = memory.attestations.iter().map(id_of).collect();
            faults.extend(pin_fault(tenant.as_str(), memory));
            lists.insert(tenant.to_string(), ids);
        }
        for (account, done) in &contents.duties {
            let ids = done.iter().map(|done| id(&done.by, done.note.as_deref())).collect();
            lists.insert(format!("account {account}"), ids);
        }
        for id in lists.values().flatten() {
            *found.entry(id).or_default() += 1;
            if !issued.contains_key(id) {
                faults.push(format!("{id}: nobody said that"));
            }
        }
        for (id, fate) in words {
            match (fate, found.get(id.as_str()).copied().unwrap_or_default()) {
                (Fate::Acknowledged, 0) => faults.push(format!("{id} was acknowledged and is lost")),
                (Fate::Refused, 1..) => faults.push(format!("{id} was refused and is kept")),
                (_, 2..) => faults.push(format!("{id} is there twice")),
                _ => {}
            }
        }
        let mut learnt = lock(&self.learnt);
        for (place, before) in &learnt.words {
            if !lists.get(place).is_some_and(|now| now.starts_with(before)) {
                faults.push(format!("{place}: what was said before is not what was said before"));
            }
        }
        learnt.words = lists;
        learnt.compare(contents, &mut faults);
        faults
    }
}

impl Learnt {
    /// What the daemon learnt by itself.
    fn compare(&mut self, contents: &Contents, faults: &mut Vec<String>) {
        let memory = |tenant: &String| contents.tenants.iter().find(|(name, _)| name.as_str() == tenant);
        for tenant in &self.pinned {
            if memory(tenant).is_none_or(|(_, memory)| memory.pin.is_none()) {
                faults.push(format!("the pin of {tenant} is lost"));
            }
        }
        for tenant in &self.drifts {
            let drifts = |memory: &Memory| memory.sources.values().any(|source| source.drift.is_some());
            if !memory(tenant).is_some_and(|(_, memory)| drifts(memory)) {
                faults.push(format!("the drift of {tenant} is lost"));
            }
        }
        for (tenant, memory) in &contents.tenants {
            for (source, memory) in &memory.sources {
                let serials = memory.seen.iter().filter_map(|seen| seen.certificate.serial.as_ref());
                let now: Vec<String> = serials.map(ToString::to_string).collect();
                if now.iter().collect::<BTreeSet<_>>().len() < now.len() {
                    faults.push(format!("{tenant}, {source}: a certificate was seen twice: {now:?}"));
                }
                let before = self.seen.insert((tenant.to_string(), *source), now.clone()).unwrap_or_default();
                if !continues(&before, &now) {
                    faults.push(format!("{tenant}, {source}: seen were {before:?}, and now {now:?}"));
                }
                let told = if *source == Source::Api { self.serials.remove(tenant.as_str()) } else { None };
                for serial in told.into_iter().flatten().filter(|serial| !now.contains(serial)) {
                    faults.push(format!("{tenant}: certificate {serial} was shown, and nobody has seen it"));
                }
            }
        }
        if let Some((tenant, serials)) = self.serials.pop_first() {
            faults.push(format!("{tenant}: nothing is remembered of {serials:?}"));
        }
    }
}

/// Whether `now` goes on where `before` ended. Of a full list the second goes when one comes: the first stays.
fn continues(before: &[String], now: &[String]) -> bool {
    let (Some((oldest, before)), Some((first, now))) = (before.split_first(), now.split_first()) else {
        return before.is_empty();
    };
    let kept = now.first().and_then(|next| before.iter().position(|serial| serial == next)).unwrap_or(before.len());
    oldest == first && (kept == 0 || now.len() + 1 >= MOST_SEEN) && now.starts_with(&before[kept..])
}

/// A pin is what the last word about it made it: both are written at once.
fn pin_fault(tenant: &str, memory: &Memory) -> Option<String> {
    let last = memory.attestations.iter().rev().find_map(|word| match &word.statement {
        Statement::PinConfirmed { topic } | Statement::PinSet { topic, .. } => Some((topic, &word.by)),
        _ => None,
    });
    let (topic, by) = last?;
    let is_so = memory
        .pin
        .as_ref()
        .is_some_and(|pin| pin.origin == PinOrigin::Confirmed && pin.topic == *topic && pin.by.as_ref() == Some(by));
    (!is_so).then(|| format!("{tenant}: {by} said {topic}, and the pin is {:?}", memory.pin))
}

fn id_of(word: &Attestation) -> String {
    id(&word.by, word.note.as_deref())
}

/// A command says who, a form on the page carries a remark.
fn id(by: &str, note: Option<&str>) -> String {
    note.filter(|note| note.starts_with("word-")).unwrap_or(by).to_owned()
}
