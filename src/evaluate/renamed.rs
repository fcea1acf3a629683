//! What is remembered of a tenant that has another name now.
//!
//! Usually there is nothing under the new name. Where there is, for the tenant ran under it before anybody said how it was called, both
//! are kept: what people said, which certificates were seen, and bad news. Of two topics one must stay:
//!
//! - what a person said, or the configuration, wins over what the daemon pinned at first sight;
//! - of two first sights the older one wins, for the later one may be the mistake that this program is to find;
//! - of two words the later one wins.
//!
//! Whatever source told the other topic drifts. Where no source would show it, the history says so, and everybody sees that for a week.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::learn::{self, MOST_SEEN, Told};
use crate::model::{
    Attestation, Drift, Memory, Pin, PinOrigin, Seen, Source, SourceMemory, Statement, TenantName, Topic,
};
use crate::words::clean;

/// Who says in the history that two topics met.
pub const BY: &str = "apnswatch (formerly)";

/// A tenant that has another name now.
#[derive(Clone, Copy, Debug)]
pub struct Renamed<'a> {
    /// The name that it had.
    pub former: &'a TenantName,
    /// The name that it has.
    pub present: &'a TenantName,
    /// When the configuration that says so was taken in.
    pub at: DateTime<Utc>,
}

impl Renamed<'_> {
    /// What is remembered of it, from what is remembered under either name; and what was added to the words of people, as the last of
    /// them, if anything was.
    #[must_use]
    pub fn follow(self, former: Memory, present: Memory) -> (Memory, Option<Attestation>) {
        let nothing = Memory::default();
        if present == nothing {
            return (former, None);
        }
        if former == nothing {
            return (present, None);
        }
        let (pin, lost) = chosen(&former, &present);
        let topic = pin.as_ref().map(|pin| &pin.topic);
        let sources: BTreeMap<Source, Arc<SourceMemory>> = both(&former, &present)
            .into_iter()
            .map(|(source, (old, new))| (source, Arc::new(source_of(source, old, new, topic))))
            .collect();
        let drifts = |topic: &Topic| {
            sources.values().any(|state| state.drift.as_ref().is_some_and(|drift| drift.topic == *topic))
        };
        let is_shown = lost.is_some_and(|lost| drifts(&lost.topic));
        let note = pin.as_ref().zip(lost).and_then(|(pin, lost)| self.note(pin, lost, is_shown, &former, &present));
        let mut attestations = in_order(former.attestations, present.attestations);
        attestations.extend(note.clone());
        (Memory { sources, pin, attestations }, note)
    }

    /// The word that says which topic was not kept, where neither drift, which is `is_shown` then, nor a person says it.
    fn note(self, pin: &Pin, lost: &Pin, is_shown: bool, former: &Memory, present: &Memory) -> Option<Attestation> {
        let is_said = [former, present].into_iter().any(|memory| {
            matches!(last_word(memory), Some((Statement::PinSet { topic, before: Some(before) }, _))
                if *topic == pin.topic && *before == lost.topic)
        });
        let is_found_by_drift = is_shown && lost.origin == PinOrigin::FirstSeen && former.pin.as_ref() == Some(pin);
        if lost.topic == pin.topic || is_said || is_found_by_drift {
            return None;
        }
        let [old, new] = [self.former, self.present].map(|name| clean(name.as_str(), 128));
        let why = if is_word(lost) { "the later word was kept" } else { "a word was kept and no first sight" };
        let why = if is_word(pin) { why } else { "the older topic was kept" };
        Some(Attestation {
            statement: Statement::PinSet { topic: pin.topic.clone(), before: Some(lost.topic.clone()) },
            // What was said under the former name long after the configuration knew better is news all the same.
            at: self.at.max(pin.since).max(lost.since),
            by: BY.to_owned(),
            note: Some(format!(
                "{old} is called {new} now, and under the two names it had two topics: {why}. Read it on a device"
            )),
            witness: None,
            ticket: None,
        })
    }
}

/// A person said so, or the configuration.
fn is_word(pin: &Pin) -> bool {
    match pin.origin {
        PinOrigin::Config | PinOrigin::Confirmed => true,
        PinOrigin::FirstSeen => false,
    }
}

/// The last word about the topic, and when it was said.
fn last_word(memory: &Memory) -> Option<(&Statement, DateTime<Utc>)> {
    let is_of_topic = |statement: &Statement| {
        matches!(statement, Statement::PinSet { .. } | Statement::PinConfirmed { .. } | Statement::PinForgotten { .. })
    };
    let words = memory.attestations.iter().rev();
    words.map(|word| (&word.statement, word.at)).find(|(statement, _)| is_of_topic(statement))
}

/// The pin, unless a person had that topic forgotten under the other name.
fn alive<'m>(memory: &'m Memory, other: &Memory) -> Option<&'m Pin> {
    let is_forgotten = |pin: &&Pin| matches!(last_word(other), Some((Statement::PinForgotten { topic }, at)) if *topic == pin.topic && at >= pin.since);
    memory.pin.as_ref().filter(|pin| !is_forgotten(pin))
}

/// The pin that stays, and the other one.
fn chosen<'m>(former: &'m Memory, present: &'m Memory) -> (Option<Pin>, Option<&'m Pin>) {
    let (old, new) = match (alive(former, present), alive(present, former)) {
        (Some(old), Some(new)) => (old, new),
        (one, other) => return (one.or(other).cloned(), None),
    };
    let is_old = match (is_word(old), is_word(new)) {
        (true, true) => old.since > new.since,
        (false, false) => old.since <= new.since,
        (is_old, _) => is_old,
    };
    let (pin, lost) = if is_old { (old, new) } else { (new, old) };
    (Some(pin.clone()), Some(lost))
}

/// A source as it is remembered under a name, with the topic that it was compared with.
type Side<'m> = (&'m SourceMemory, Option<&'m Topic>);

fn both<'m>(former: &'m Memory, present: &'m Memory) -> BTreeMap<Source, (Option<Side<'m>>, Option<Side<'m>>)> {
    let mut sources: BTreeMap<Source, (Option<Side<'m>>, Option<Side<'m>>)> = BTreeMap::new();
    for (source, state) in &former.sources {
        sources.entry(*source).or_default().0 = Some((state, former.pin.as_ref().map(|pin| &pin.topic)));
    }
    for (source, state) in &present.sources {
        sources.entry(*source).or_default().1 = Some((state, present.pin.as_ref().map(|pin| &pin.topic)));
    }
    sources
}

fn source_of(source: Source, old: Option<Side<'_>>, new: Option<Side<'_>>, pin: Option<&Topic>) -> SourceMemory {
    let tried = |(state, _): &Side<'_>| state.last_attempt.as_ref().map(|attempt| attempt.at);
    let (earlier, later) = match (old, new) {
        (Some(old), Some(new)) if tried(&old) > tried(&new) => (Some(new), old),
        (Some(old), Some(new)) => (Some(old), new),
        (old, new) => match old.or(new) {
            Some(only) => (None, only),
            None => return SourceMemory::default(),
        },
    };
    let (known, judged_by) = later;
    let mut state = known.clone();
    if let Some((earlier, _)) = earlier {
        // What another one told is not theirs; a drift stays, for bad news is sticky.
        if earlier.identity == state.identity {
            add(&mut state, earlier);
        }
        let is_drift = |drift: &Drift| pin.is_none_or(|pin| drift.topic != *pin);
        let of = |drift: &Option<Box<Drift>>| drift.as_deref().cloned().filter(is_drift);
        let drift = match (of(&earlier.drift), of(&state.drift)) {
            (Some(one), Some(other)) => Some(Drift { since: one.since.min(other.since), ..other }),
            (Some(one), None) => Some(Drift { agreeing: 0, ..one }),
            (None, drift) => drift,
        };
        state.drift = drift.map(Box::new);
    }
    let told = |state: &SourceMemory| state.last_good.as_ref().map(|told| told.at);
    let is_judged = |pin: &&Topic| judged_by == Some(*pin) && told(&state) == told(known);
    if let Some(pin) = pin.filter(|pin| !is_judged(pin)) {
        let at = told(&state);
        state.drift = state.drift.filter(|drift| drift.topic != *pin);
        if let Some(at) = at {
            // What it told last is no new answer that could agree.
            learn::judge(&mut state, source, pin, Told::Partly, at);
        }
    }
    state
}

/// Adds what the same source told earlier.
fn add(state: &mut SourceMemory, earlier: &SourceMemory) {
    let told = |state: &SourceMemory| state.last_good.as_ref().map(|told| told.at);
    if told(earlier) > told(state) {
        state.last_good.clone_from(&earlier.last_good);
    }
    state.last_success = state.last_success.max(earlier.last_success);
    state.revoked = state.revoked.max(earlier.revoked);
    if earlier.estimate.as_ref().map(|one| one.told) > state.estimate.as_ref().map(|one| one.told) {
        state.estimate.clone_from(&earlier.estimate);
    }
    let mut seen: Vec<Seen> = earlier.seen.clone();
    for one in std::mem::take(&mut state.seen) {
        match seen.iter_mut().find(|known| known.certificate.is_same_as(&one.certificate)) {
            Some(known) => {
                let first_seen = known.first_seen.min(one.first_seen);
                let last = if known.last_seen > one.last_seen { known.clone() } else { one };
                *known = Seen { first_seen, ..last };
            }
            None => seen.push(one),
        }
    }
    seen.sort_by_key(|one| one.first_seen);
    while seen.len() > MOST_SEEN {
        // As where they are learnt: the first one stays.
        seen.remove(1);
    }
    state.seen = seen;
}

/// All words by when they were said; those of either name stay in their order, whatever their clocks said.
fn in_order(former: Vec<Attestation>, present: Vec<Attestation>) -> Vec<Attestation> {
    let mut words = Vec::with_capacity(former.len() + present.len());
    let (mut old, mut new) = (former.into_iter().peekable(), present.into_iter().peekable());
    while let (Some(one), Some(other)) = (old.peek(), new.peek()) {
        let next = if one.at <= other.at { old.next() } else { new.next() };
        words.extend(next);
    }
    words.extend(old);
    words.extend(new);
    words
}

#[cfg(test)]
mod tests;
