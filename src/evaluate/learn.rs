//! What one outcome changes in what is remembered of a tenant: the pin, drift, the certificates seen.
//!
//! Bad news is sticky here and good news is not: another topic is believed at once and leaves only after the source
//! told the pinned one in two polls running, or after the pin itself was changed on purpose.

use chrono::{DateTime, Utc};

use crate::model::{
    Attempt, Drift, Memory, Observation, Outcome, Pin, PinOrigin, Presence, PushCertificate, Seen, Source,
    SourceMemory, Topic,
};

/// How many polls running must tell the pinned topic before a drift is over.
const AGREEING_POLLS: u8 = 2;

/// How many certificates are remembered for one source. A lineage has one a year; an MDM that invents a new serial at
/// every poll must not fill the store.
const MOST_SEEN: usize = 64;

/// The sources whose topic can become the pin, the most truthful first.
const PINNING: [Source; 3] = [Source::Api, Source::Profile, Source::File];

/// What the configuration says of a tenant, as far as learning depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// `expected_topic`.
    pub topic: Option<Topic>,
    /// The sources that are polled.
    pub sources: Vec<Source>,
}

/// Takes in the outcome of one poll that ended at `at`.
pub fn learn(
    memory: &mut Memory,
    expectations: &Expectations,
    source: Source,
    identity: &str,
    outcome: Outcome,
    at: DateTime<Utc>,
) {
    let told = remember(memory.sources.entry(source).or_default(), identity, outcome, at);
    if memory.pin.is_some() {
        if let (Some(pin), Some(state)) = (&memory.pin, memory.sources.get_mut(&source)) {
            judge(state, &pin.topic, told, at);
        }
    } else if let Some(topic) = first_sight(memory, expectations) {
        set_pin(memory, Some(Pin { topic, origin: PinOrigin::FirstSeen, since: at, by: None }), at);
    }
}

/// Sets or forgets the pin on purpose. Every drift is judged anew against what each source told last.
pub fn set_pin(memory: &mut Memory, pin: Option<Pin>, at: DateTime<Utc>) {
    let is_same = match (&memory.pin, &pin) {
        (Some(old), Some(new)) => old.topic == new.topic,
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    memory.pin = pin;
    if is_same {
        return;
    }
    for state in memory.sources.values_mut() {
        state.drift = None;
        if let (Some(pin), Some(observation)) = (&memory.pin, &state.last_good) {
            let at = observation.at.min(at);
            judge(state, &pin.topic, true, at);
        }
    }
}

/// Applies `expected_topic`. Returns whether the pin is another one now and must be stored.
pub fn expect(memory: &mut Memory, topic: Option<&Topic>, at: DateTime<Utc>) -> bool {
    let Some(topic) = topic else { return false };
    if memory.pin.as_ref().is_some_and(|pin| pin.topic == *topic && pin.origin == PinOrigin::Config) {
        return false;
    }
    set_pin(memory, Some(Pin { topic: topic.clone(), origin: PinOrigin::Config, since: at, by: None }), at);
    true
}

/// The different topics that could be pinned. One of them: it can. More: the sources disagree.
#[must_use]
pub fn candidates(memory: &Memory, expectations: &Expectations) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for source in PINNING.iter().filter(|source| expectations.sources.contains(source)) {
        let Some(facts) = memory.sources.get(source).and_then(|s| s.last_good.as_ref()).map(|o| &o.facts) else {
            continue;
        };
        for topic in facts.present().into_iter().chain(&facts.others).filter_map(|c| c.topic.as_ref()) {
            if !topics.contains(topic) {
                topics.push(topic.clone());
            }
        }
    }
    topics
}

/// The topic to pin at first sight: once every source was tried, if all that told one told the same.
fn first_sight(memory: &Memory, expectations: &Expectations) -> Option<Topic> {
    let is_tried = |source: &Source| memory.sources.get(source).is_some_and(|state| state.last_attempt.is_some());
    if !expectations.sources.iter().all(is_tried) {
        return None;
    }
    let mut topics = candidates(memory, expectations);
    if topics.len() > 1 { None } else { topics.pop() }
}

/// Writes the outcome into the memory of its source; says whether anything was told.
fn remember(state: &mut SourceMemory, identity: &str, outcome: Outcome, at: DateTime<Utc>) -> bool {
    if state.identity != identity {
        // Another directory was asked before: its answers are not this one's. A drift stays, for bad news is sticky.
        state.last_good = None;
        state.last_success = None;
        state.last_attempt = None;
        identity.clone_into(&mut state.identity);
    }
    let failing_since = outcome
        .failure
        .as_ref()
        .map(|_| state.last_attempt.as_ref().and_then(|attempt| attempt.failing_since).unwrap_or(at));
    if outcome.failure.is_none() {
        state.last_success = Some(at);
    }
    state.last_attempt = Some(Attempt { at, failure: outcome.failure, failing_since });
    let Some(facts) = outcome.facts else { return false };
    if let Some(Presence::Present(certificate)) = &facts.certificate
        && is_one(certificate)
    {
        see(&mut state.seen, certificate, at);
    }
    state.last_good = Some(Observation { at, facts });
    true
}

/// Whether a certificate was told at all: a profile or a device tells a topic, which every generation has.
fn is_one(told: &PushCertificate) -> bool {
    told.sha256.is_some() || told.serial.is_some() || told.not_after.is_some()
}

/// Adds a certificate to those seen, or moves its last sight.
fn see(seen: &mut Vec<Seen>, certificate: &PushCertificate, at: DateTime<Utc>) {
    if let Some(known) = seen.iter_mut().find(|known| known.certificate.is_same_as(certificate)) {
        known.certificate.clone_from(certificate);
        known.last_seen = at;
        return;
    }
    seen.push(Seen { certificate: certificate.clone(), first_seen: at, last_seen: at });
    if seen.len() > MOST_SEEN {
        // The first one stays: it was effective at once, and what came later is measured against it.
        seen.remove(1);
    }
}

/// Compares what a source told with the pin. Silence, a failure or an answer without a topic breaks the run of polls
/// that agree, and clears nothing.
fn judge(state: &mut SourceMemory, pin: &Topic, told: bool, at: DateTime<Utc>) {
    let topic = if told { state.present().and_then(|certificate| certificate.topic.clone()) } else { None };
    match topic {
        Some(topic) if topic != *pin => {
            let since = state.drift.as_ref().map_or(at, |drift| drift.since);
            state.drift = Some(Drift { topic, since, agreeing: 0 });
        }
        Some(_) => {
            if let Some(drift) = &mut state.drift {
                drift.agreeing = drift.agreeing.saturating_add(1);
                if drift.agreeing >= AGREEING_POLLS {
                    state.drift = None;
                }
            }
        }
        None => {
            if let Some(drift) = &mut state.drift {
                drift.agreeing = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
