use super::*;
use crate::model::{Attempt, Facts, Observation, Presence, PushCertificate, Serial};

const T1: &str = "com.apple.mgmt.External.11111111-0000-4000-8000-000000000001";
const T2: &str = "com.apple.mgmt.External.22222222-0000-4000-8000-000000000002";

fn at(day: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + 86_400 * day, 0).unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn pin(text: &str, origin: PinOrigin, day: i64) -> Option<Pin> {
    let by = (origin == PinOrigin::Confirmed).then(|| "kim".to_owned());
    Some(Pin { topic: topic(text), origin, since: at(day), by })
}

fn word(statement: Statement, day: i64) -> Attestation {
    Attestation { statement, at: at(day), by: "kim".to_owned(), note: None, witness: None, ticket: None }
}

fn confirmed(text: &str, day: i64) -> Attestation {
    word(Statement::PinConfirmed { topic: topic(text) }, day)
}

fn forgotten(text: &str, day: i64) -> Attestation {
    word(Statement::PinForgotten { topic: topic(text) }, day)
}

/// A memory in which the API told this topic on that day.
fn told(text: &str, day: i64, pin: Option<Pin>) -> Memory {
    let certificate = Arc::new(PushCertificate {
        topic: Topic::parse(text),
        serial: Serial::parse_hex(if text == T1 { "0A" } else { "0B" }),
        ..PushCertificate::default()
    });
    let facts = Facts { certificate: Some(Presence::Present(certificate.clone())), ..Facts::default() };
    let state = SourceMemory {
        identity: "here".into(),
        last_good: Some(Observation { at: at(day), facts: Arc::new(facts) }),
        last_success: Some(at(day)),
        last_attempt: Some(Attempt { at: at(day), failure: None, failing_since: None }),
        seen: vec![Seen { certificate, first_seen: at(day), last_seen: at(day) }],
        ..SourceMemory::default()
    };
    Memory { sources: BTreeMap::from([(Source::Api, Arc::new(state))]), pin, attestations: Vec::new() }
}

fn follow(former: &Memory, present: &Memory) -> (Memory, Option<Attestation>) {
    let [old, new] = ["acme <old>", "acme"].map(|name| TenantName::parse(name).unwrap());
    Renamed { former: &old, present: &new, at: at(100) }.follow(former.clone(), present.clone())
}

fn drift(memory: &Memory) -> Option<&Topic> {
    memory.sources[&Source::Api].drift.as_ref().map(|drift| &drift.topic)
}

#[test]
fn where_nothing_is_known_under_the_new_name_all_of_it_follows() {
    let mut former = told(T1, 1, pin(T1, PinOrigin::Confirmed, 1));
    former.attestations.push(confirmed(T1, 1));
    let state = Arc::make_mut(former.sources.get_mut(&Source::Api).unwrap());
    state.drift = Some(Box::new(Drift { topic: topic(T2), since: at(1), agreeing: 1 }));
    assert_eq!(follow(&former, &Memory::default()), (former.clone(), None));
    assert_eq!(follow(&Memory::default(), &former), (former, None));
}

#[test]
fn one_topic_stays_and_the_other_is_told() {
    use PinOrigin::{Config, Confirmed, FirstSeen};
    let cases = [
        // The daemon pinned what it saw under the new name: the older one stays, and what is told drifts.
        (pin(T1, FirstSeen, 1), pin(T2, FirstSeen, 9), T1, false),
        (pin(T1, Confirmed, 1), pin(T2, FirstSeen, 9), T1, false),
        (pin(T1, Confirmed, 9), pin(T2, FirstSeen, 1), T1, false),
        // A word wins, wherever and whenever it was said, and no source would tell that there was another topic.
        (pin(T1, FirstSeen, 1), pin(T2, Confirmed, 9), T2, true),
        (pin(T1, FirstSeen, 9), pin(T2, Confirmed, 1), T2, true),
        (pin(T1, FirstSeen, 9), pin(T2, FirstSeen, 1), T2, true),
        // Of two words the later one.
        (pin(T1, Confirmed, 1), pin(T2, Confirmed, 9), T2, true),
        (pin(T1, Confirmed, 9), pin(T2, Confirmed, 1), T1, true),
        (pin(T1, Config, 9), pin(T2, Confirmed, 1), T1, true),
        (pin(T1, Confirmed, 1), pin(T2, Config, 9), T2, true),
    ];
    for (old, new, kept, is_noted) in cases {
        let case = format!("{old:?} {new:?}");
        let (former, present) = (told(T1, 1, old.clone()), told(T2, 9, new.clone()));
        let (memory, note) = follow(&former, &present);
        let lost = if kept == T1 { T2 } else { T1 };
        assert_eq!(memory.pin, if kept == T1 { old } else { new }, "{case}");
        // The API told the second one last.
        assert_eq!(drift(&memory), (kept == T1).then_some(&topic(T2)), "{case}");
        assert_eq!(note.is_some(), is_noted, "{case}");
        if let Some(note) = note {
            let change = Statement::PinSet { topic: topic(kept), before: Some(topic(lost)) };
            assert_eq!((&note.statement, note.at, note.by.as_str()), (&change, at(100), BY));
            assert!(note.note.as_ref().unwrap().starts_with("acme <old> is called acme now"), "{note:?}");
            assert_eq!(memory.attestations, [note]);
        }
        assert_eq!(memory.sources[&Source::Api].seen.len(), 2, "both histories are kept");
        // Once more changes nothing: there is nothing under the former name any more.
        assert_eq!(follow(&Memory::default(), &memory), (memory, None));
    }
}

#[test]
fn one_topic_under_both_names_keeps_the_better_reason() {
    use PinOrigin::{Confirmed, FirstSeen};
    for (old, new, is_old) in [
        (pin(T1, FirstSeen, 1), pin(T1, FirstSeen, 9), true),
        (pin(T1, Confirmed, 1), pin(T1, FirstSeen, 9), true),
        (pin(T1, FirstSeen, 1), pin(T1, Confirmed, 9), false),
        (pin(T1, Confirmed, 1), pin(T1, Confirmed, 9), false),
    ] {
        let (memory, note) = follow(&told(T1, 1, old.clone()), &told(T1, 9, new.clone()));
        assert_eq!((memory.pin.as_ref(), note), (if is_old { &old } else { &new }.as_ref(), None));
        let state = &memory.sources[&Source::Api];
        assert_eq!((state.seen.len(), state.seen[0].first_seen, state.seen[0].last_seen), (1, at(1), at(9)));
    }
}

#[test]
fn a_topic_that_a_person_had_forgotten_stays_forgotten() {
    // A command wrote under the new name before a daemon moved anything.
    let former = told(T1, 1, pin(T1, PinOrigin::Confirmed, 1));
    let mut present = Memory { attestations: vec![forgotten(T1, 9)], ..Memory::default() };
    assert_eq!(follow(&former, &present).0.pin, None);
    // Another topic was forgotten, or that one before it was pinned.
    present.attestations = vec![forgotten(T2, 9)];
    assert_eq!(follow(&former, &present).0.pin, former.pin);
    present.attestations = vec![forgotten(T1, 0)];
    assert_eq!(follow(&former, &present).0.pin, former.pin);
    present.attestations = vec![forgotten(T1, 8), confirmed(T1, 9)];
    present.pin = pin(T1, PinOrigin::Confirmed, 9);
    assert_eq!(follow(&former, &present).0.pin, present.pin);
}

#[test]
fn what_a_person_said_of_it_is_said_once() {
    let former = told(T1, 1, pin(T1, PinOrigin::Confirmed, 1));
    let set = word(Statement::PinSet { topic: topic(T2), before: Some(topic(T1)) }, 9);
    let present =
        Memory { pin: pin(T2, PinOrigin::Confirmed, 9), attestations: vec![set.clone()], ..Memory::default() };
    let (memory, note) = follow(&former, &present);
    assert_eq!((memory.pin, memory.attestations, note), (present.pin, vec![set], None));
}

#[test]
fn all_words_are_kept_in_their_order() {
    let words = |days: &[i64]| days.iter().map(|day| confirmed(T1, *day)).collect::<Vec<_>>();
    // A clock was wrong on the third day: the order under a name stays.
    let former = Memory { attestations: words(&[1, 50, 3]), ..Memory::default() };
    let present = Memory { attestations: words(&[2, 4]), ..Memory::default() };
    let days: Vec<i64> =
        follow(&former, &present).0.attestations.iter().map(|word| (word.at - at(0)).num_days()).collect();
    assert_eq!(days, [1, 2, 4, 50, 3]);
}

#[test]
fn bad_news_is_kept_and_what_another_one_told_is_not() {
    let (mut former, mut present) = (told(T1, 9, pin(T1, PinOrigin::FirstSeen, 1)), told(T1, 5, None));
    let state = Arc::make_mut(present.sources.get_mut(&Source::Api).unwrap());
    state.drift = Some(Box::new(Drift { topic: topic(T2), since: at(4), agreeing: 1 }));
    state.revoked = Some(at(4));
    let memory = follow(&former, &present).0;
    let kept = &memory.sources[&Source::Api];
    assert_eq!(
        (kept.drift.as_ref().unwrap().since, kept.revoked, kept.last_success),
        (at(4), Some(at(4)), Some(at(9)))
    );

    let other = Arc::make_mut(former.sources.get_mut(&Source::Api).unwrap());
    other.identity = "elsewhere".into();
    let memory = follow(&former, &present).0;
    let kept = &memory.sources[&Source::Api];
    assert_eq!((&*kept.identity, kept.revoked, kept.seen.len()), ("elsewhere", None, 1));
    assert_eq!(drift(&memory), Some(&topic(T2)));
}

#[test]
fn a_drift_towards_the_topic_that_stays_is_none() {
    // Under the old name the MDM told another topic, and a person said under the new one that this is right.
    let mut former = told(T2, 8, pin(T1, PinOrigin::FirstSeen, 1));
    let state = Arc::make_mut(former.sources.get_mut(&Source::Api).unwrap());
    state.drift = Some(Box::new(Drift { topic: topic(T2), since: at(8), agreeing: 0 }));
    let present = told(T2, 9, pin(T2, PinOrigin::Confirmed, 9));
    assert_eq!(drift(&follow(&former, &present).0), None);
    // And the other way round: it is still another topic.
    let present = told(T2, 9, pin(T2, PinOrigin::FirstSeen, 9));
    let memory = follow(&former, &present).0;
    assert_eq!(memory.sources[&Source::Api].drift.as_ref().unwrap().since, at(8));
}

/// Its last poll, which failed.
fn failed(mut memory: Memory, day: i64) -> Memory {
    let state = Arc::make_mut(memory.sources.get_mut(&Source::Api).unwrap());
    let failure = crate::model::Failure::new(crate::model::Reason::Timeout, "no answer");
    state.last_attempt = Some(Attempt { at: at(day), failure: Some(Box::new(failure)), failing_since: Some(at(day)) });
    memory
}

#[test]
fn what_was_told_under_the_other_name_is_compared_with_the_topic_that_stays() {
    // The MDM was asked last under the old name, without an answer, and told the other topic under the new one before.
    let former = failed(told(T1, 1, pin(T1, PinOrigin::FirstSeen, 1)), 10);
    let present = told(T2, 9, pin(T2, PinOrigin::FirstSeen, 9));
    let (memory, note) = follow(&former, &present);
    assert_eq!((memory.pin.as_ref(), note), (former.pin.as_ref(), None));
    assert_eq!(drift(&memory), Some(&topic(T2)));
}

#[test]
fn a_topic_that_was_lost_is_told_where_no_source_tells_it_any_more() {
    // Whoever told it at first sight is not asked any more.
    let former = told(T1, 10, pin(T1, PinOrigin::FirstSeen, 1));
    let mut present = told(T2, 9, pin(T2, PinOrigin::FirstSeen, 9));
    Arc::make_mut(present.sources.get_mut(&Source::Api).unwrap()).identity = "elsewhere".into();
    let (memory, note) = follow(&former, &present);
    assert_eq!((memory.pin.as_ref(), drift(&memory)), (former.pin.as_ref(), None));
    let change = Statement::PinSet { topic: topic(T1), before: Some(topic(T2)) };
    assert_eq!(note.map(|note| note.statement), Some(change));
}

#[test]
fn a_word_that_came_later_than_the_new_name_is_news_when_it_comes() {
    // Somebody with an older configuration said it under the former name, a month after the present one was taken in.
    let former = Memory { pin: pin(T2, PinOrigin::Confirmed, 130), ..Memory::default() };
    let present = told(T1, 129, pin(T1, PinOrigin::Confirmed, 1));
    let note = follow(&former, &present).1.unwrap();
    assert_eq!((&note.statement, note.at), (&Statement::PinSet { topic: topic(T2), before: Some(topic(T1)) }, at(130)));
}
