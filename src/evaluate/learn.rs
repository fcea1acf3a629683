//! What one outcome changes in what is remembered of a tenant: the pin, drift, the certificates seen.
//!
//! Bad news is sticky here and good news is not: another topic is believed at once and leaves only after the source
//! told the pinned one in two polls running, or after the pin itself was changed on purpose.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{
    AppleToken, Attempt, Drift, Estimate, Facts, Memory, Notice, Notices, Observation, Outcome, Pin, PinOrigin,
    Presence, PushCertificate, Seen, Source, SourceMemory, Topic,
};

/// How many polls running must tell the pinned topic before a drift is over.
const AGREEING_POLLS: u8 = 2;

/// How many certificates are remembered for one source. A lineage has one a year; an MDM that invents a new serial at
/// every poll must not fill the store.
pub(super) const MOST_SEEN: usize = 64;

/// A notice that gives more days than this is not about a certificate that lives for one year.
const MOST_DAYS: i64 = 400;

/// What was reckoned longer ago than this is about the certificate of the year before.
const RECENT: TimeDelta = TimeDelta::days(180);

/// The sources whose topic can become the pin, the most truthful first.
const PINNING: [Source; 3] = [Source::Api, Source::Profile, Source::File];

/// What the configuration says of a tenant, as far as learning depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectations {
    /// The sources that are polled.
    pub sources: Vec<Source>,
    /// Whether a topic may be pinned at first sight. Not while the pins are in a store that cannot be read: what is
    /// seen then may be the very topic that drifts.
    pub may_pin: bool,
}

/// Takes in the outcome of one poll that ended at `at`.
pub fn learn(
    memory: &mut Memory,
    expectations: &Expectations,
    source: Source,
    identity: &str,
    mut outcome: Outcome,
    at: DateTime<Utc>,
) {
    let is_same = memory.sources.get(&source).is_some_and(|state| *state.identity == *identity);
    let shared = if is_same { None } else { Some(memory.identity(identity)) };
    if let Some(facts) = &mut outcome.facts {
        memory.share_facts(facts);
    }
    let state = Arc::make_mut(memory.sources.entry(source).or_default());
    if let Some(identity) = shared {
        ask(state, identity);
    }
    let told = remember(state, source, outcome, at);
    if memory.pin.is_some() {
        if let (Some(pin), Some(state)) = (&memory.pin, memory.sources.get_mut(&source)) {
            judge(Arc::make_mut(state), source, &pin.topic, told, at);
        }
    } else if expectations.may_pin
        && let Some(topic) = first_sight(memory, expectations)
    {
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
    for (source, state) in &mut memory.sources {
        let state = Arc::make_mut(state);
        state.drift = None;
        if let (Some(pin), Some(observation)) = (&memory.pin, &state.last_good) {
            let at = observation.at.min(at);
            judge(state, *source, &pin.topic, Told::Wholly, at);
        }
    }
}

/// Applies `expected_topic`. Returns whether the pin is another one now and must be stored.
pub fn expect(memory: &mut Memory, topic: Option<&Topic>, at: DateTime<Utc>) -> bool {
    let Some(topic) = topic else {
        // The line is gone, and with it the reason to call the pin confirmed. The topic stays.
        let pin = memory.pin.as_mut().filter(|pin| pin.origin == PinOrigin::Config);
        return pin.map(|pin| pin.origin = PinOrigin::FirstSeen).is_some();
    };
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
        let told = facts.present().into_iter().chain(&facts.others).filter_map(|c| c.topic.as_ref());
        for topic in told.filter(|topic| topic.is_mdm()) {
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

/// Prepares for asking somebody. What another one told is not theirs; a drift stays, for bad news is sticky.
pub fn ask(state: &mut SourceMemory, identity: Arc<str>) {
    if state.identity != identity {
        *state = SourceMemory { identity, drift: state.drift.take(), ..SourceMemory::default() };
    }
}

/// How much a poll told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// All there is.
    Wholly,
    /// Something, beside a failure: what could not be read may be what matters.
    Partly,
    /// Nothing.
    Nothing,
}

/// Writes the outcome into the memory of its source.
fn remember(state: &mut SourceMemory, source: Source, outcome: Outcome, at: DateTime<Utc>) -> Told {
    let failing_since = outcome
        .failure
        .as_ref()
        .map(|_| state.last_attempt.as_ref().and_then(|attempt| attempt.failing_since).unwrap_or(at));
    let is_whole = outcome.failure.is_none();
    if is_whole {
        state.last_success = Some(at);
    }
    state.last_attempt = Some(Attempt { at, failure: outcome.failure.map(Box::new), failing_since });
    let Some(mut facts) = outcome.facts else { return Told::Nothing };
    if let Some(Presence::Present(certificate)) = &mut facts.certificate {
        if let Some(known) = state.present() {
            if certificate.is_same_as(known) || is_silent(certificate, known) {
                keep_dates(Arc::make_mut(certificate), known);
            } else if !is_whole && is_older(certificate, known) {
                // The newer file may be the one that could not be read just now.
                return Told::Partly;
            }
        }
        if is_one(certificate) {
            see(&mut state.seen, certificate, at);
        }
    }
    if let Some(known) = &state.last_good {
        keep_ends(&mut facts, &known.facts);
        if !is_whole {
            complete(&mut facts, &known.facts, has_several(source));
        }
    }
    if let Some(notices) = &facts.notices {
        reckon(&mut state.estimate, notices, at);
        if notices.contains_key(&Notice::Revoked) {
            state.revoked = Some(at);
        }
    }
    // Most polls tell what the one before told.
    let known = state.last_good.take().map(|known| known.facts).filter(|known| known.is_identical_to(&facts));
    state.last_good = Some(Observation { at, facts: known.unwrap_or_else(|| Arc::new(facts)) });
    if is_whole { Told::Wholly } else { Told::Partly }
}

/// What a source told, for the comparison with the pin. Every enrolment profile is handed out, so that one of them with
/// another topic is enough; of files, the others are old generations.
fn told_topic(state: &SourceMemory, source: Source, pin: &Topic) -> Option<Topic> {
    let facts = &state.last_good.as_ref()?.facts;
    let others: &[PushCertificate] = if source == Source::Profile { &facts.others } else { &[] };
    let all = || facts.present().into_iter().chain(others).filter_map(|certificate| certificate.topic.as_ref());
    all().find(|topic| *topic != pin).or_else(|| all().next()).cloned()
}

/// Fills what a partial answer leaves out with what was known: what could not be read is not gone.
fn complete(facts: &mut Facts, known: &Facts, has_several: bool) {
    if let (Some(told), Some(known)) = (&mut facts.tokens, &known.tokens) {
        // The list of the other kind could not be read.
        let is_told = |kind| told.iter().any(|token| token.kind == kind);
        let kept: Vec<AppleToken> = known.iter().filter(|token| !is_told(token.kind)).cloned().collect();
        told.extend(kept);
    }
    if let (Some(told), Some(known)) = (&mut facts.push, &known.push) {
        told.disabled = told.disabled.or(known.disabled);
        for (family, health) in &known.families {
            told.families.get_or_insert(*family, health.clone());
        }
    }
    if let (Some(told), Some(known)) = (&mut facts.devices, &known.devices) {
        let mut counts: Vec<_> = std::mem::take(&mut told.counts).into_iter().collect();
        let more = known.counts.iter().map(|(topic, count)| (topic.clone(), *count));
        counts.extend(more);
        // Of two counts of one topic the later one stays, which is the larger one.
        counts.sort_by_key(|(_, count)| *count);
        told.counts = counts.into_iter().collect();
    }
    // The one that stood first may be the one that could not be read, too.
    let first = known.present().filter(|_| has_several);
    for other in first.into_iter().chain(&known.others) {
        let is_told = facts.present().into_iter().chain(&facts.others).any(|certificate| certificate.is_same_as(other));
        if !is_told {
            facts.others.push(other.clone());
        }
    }
}

/// Whether a source tells several certificates, of which each can be unreadable by itself.
fn has_several(source: Source) -> bool {
    match source {
        Source::File | Source::Profile => true,
        Source::Api | Source::Tokens | Source::Push | Source::Device | Source::Declared => false,
    }
}

/// An answer that leaves a date out does not erase it. The topic is not carried on: who stops telling it stops
/// vouching for it.
fn keep_dates(certificate: &mut PushCertificate, known: &PushCertificate) {
    certificate.not_before = certificate.not_before.or(known.not_before);
    certificate.not_after = certificate.not_after.or(known.not_after);
}

/// The same for tokens: a date that a vendor writes in another way all of a sudden is unknown, and the token no newer.
fn keep_ends(facts: &mut Facts, known: &Facts) {
    let (Some(told), Some(known)) = (&mut facts.tokens, &known.tokens) else { return };
    for token in told.iter_mut().filter(|token| token.not_after.is_none() && !token.id.is_empty()) {
        let same = known.iter().find(|known| (known.kind, &known.id) == (token.kind, &token.id));
        token.not_after = same.and_then(|known| known.not_after);
    }
}

/// Whether nothing is told by which it could be another certificate than the known one.
fn is_silent(certificate: &PushCertificate, known: &PushCertificate) -> bool {
    !is_one(certificate) && (certificate.topic.is_none() || certificate.topic == known.topic)
}

fn is_older(certificate: &PushCertificate, known: &PushCertificate) -> bool {
    certificate.topic == known.topic && certificate.not_after < known.not_after
}

/// Reckons the end from what notices say. It moves only when they differ by more than a day: "12 days" is told twice a
/// day at different hours, and an end that jumps with them would be a new one at every poll.
fn reckon(estimate: &mut Option<Box<Estimate>>, notices: &Notices, at: DateTime<Utc>) {
    let midnight = at.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    if notices.contains_key(&Notice::Expired) {
        // It has ended; when, nobody says. An end that is past already stays, if it is not that of the certificate before; one
        // that is still to come was reckoned wrong, be it by an hour.
        let past = |known: &&mut Box<Estimate>| known.not_after <= at && at - known.told < RECENT;
        match estimate.as_mut().filter(past) {
            Some(known) => known.told = at,
            None => *estimate = Some(Box::new(Estimate { not_after: midnight, told: at })),
        }
        return;
    }
    let days = notices.get(&Notice::WillExpire).copied().flatten();
    let days = days.filter(|days| (0..=MOST_DAYS).contains(days));
    let Some(told) = days.map(|days| midnight + TimeDelta::days(days)) else { return };
    match estimate {
        Some(known) if (known.not_after - told).abs() <= TimeDelta::days(1) => known.told = at,
        _ => *estimate = Some(Box::new(Estimate { not_after: told, told: at })),
    }
}

/// Whether a certificate was told at all: a profile or a device tells a topic, which every generation has.
fn is_one(told: &PushCertificate) -> bool {
    told.sha256.is_some() || told.serial.is_some() || told.not_after.is_some()
}

/// Adds a certificate to those seen, or moves its last sight.
fn see(seen: &mut Vec<Seen>, certificate: &mut Arc<PushCertificate>, at: DateTime<Utc>) {
    if let Some(known) = seen.iter_mut().find(|known| known.certificate.is_same_as(certificate)) {
        keep_dates(Arc::make_mut(certificate), &known.certificate);
        if known.certificate.is_identical_to(certificate) {
            *certificate = Arc::clone(&known.certificate);
        } else {
            known.certificate = Arc::clone(certificate);
        }
        known.last_seen = at;
        return;
    }
    // Most have one and will have one more in a year.
    seen.reserve_exact(1);
    seen.push(Seen { certificate: Arc::clone(certificate), first_seen: at, last_seen: at });
    if seen.len() > MOST_SEEN {
        // The first one stays: it was effective at once, and what came later is measured against it.
        seen.remove(1);
    }
}

/// Compares what a source told with the pin. Silence, a failure or an answer without a topic breaks the run of polls
/// that agree, and clears nothing.
pub(super) fn judge(state: &mut SourceMemory, source: Source, pin: &Topic, told: Told, at: DateTime<Utc>) {
    let topic = match told {
        Told::Wholly | Told::Partly => told_topic(state, source, pin),
        Told::Nothing => None,
    };
    match topic {
        Some(topic) if topic != *pin => {
            let since = state.drift.as_ref().map_or(at, |drift| drift.since);
            state.drift = Some(Box::new(Drift { topic, since, agreeing: 0 }));
        }
        Some(_) if told == Told::Wholly => {
            if let Some(drift) = &mut state.drift {
                drift.agreeing = drift.agreeing.saturating_add(1);
                if drift.agreeing >= AGREEING_POLLS {
                    state.drift = None;
                }
            }
        }
        Some(_) | None => {
            if let Some(drift) = &mut state.drift {
                drift.agreeing = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests;
