//! For how long everybody sees that the topic was changed, and what cannot hide it.

use super::*;

fn t(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn set(topic: &str, before: Option<&str>) -> Statement {
    Statement::PinSet { topic: t(topic), before: before.map(t) }
}

/// The topics of the changes that are shown, after and before.
fn shown(world: &World, now: DateTime<Utc>) -> Vec<(Option<String>, String)> {
    let text = |topic: &Topic| topic.as_str().to_owned();
    let changes = world.report(now).pin_changes;
    changes.iter().map(|change| (change.topic.as_ref().map(text), text(&change.before))).collect()
}

#[test]
fn a_change_is_shown_for_a_week_with_who_and_why() {
    let mut world = World::new(&[Source::Api]);
    world.say(set(T2, Some(T1)), at(10));
    world.memory.attestations[0].note = Some("enrolled\nagain".to_owned());
    let changed = vec![(Some(T2.to_owned()), T1.to_owned())];
    assert_eq!(shown(&world, at(10)), changed);
    assert_eq!(shown(&world, at(17) - TimeDelta::seconds(1)), changed);
    assert_eq!(shown(&world, at(17)), []);
    let sentence = world.report(at(12)).pin_changes[0].sentence(at(12));
    let wanted =
        format!("the topic was changed by kim 2 days ago: enrolled\\nagain; before it was {T1}, and it became {T2}");
    assert_eq!(sentence, wanted);
    // A clock that was ahead, or that cannot be right now, hides nothing.
    assert_eq!(shown(&world, at(0)), changed);
    assert_eq!(shown(&world, at(40_000)), changed);
}

#[test]
fn saying_more_afterwards_hides_no_change() {
    let mut world = World::new(&[Source::Api]);
    world.say(set(T2, Some(T1)), at(10));
    world.say(set(T2, Some(T2)), at(11));
    world.say(Statement::PinConfirmed { topic: t(T2) }, at(12));
    assert_eq!(shown(&world, at(13)), [(Some(T2.to_owned()), T1.to_owned())]);
    world.say(set(T1, Some(T2)), at(13));
    assert_eq!(shown(&world, at(13)).len(), 2, "taken back, and both are told");
    for _ in 0..20 {
        world.say(set(T2, Some(T1)), at(14));
        world.say(set(T1, Some(T2)), at(14));
    }
    assert_eq!(shown(&world, at(14)).len(), 8, "the history has all");
}

#[test]
fn forgetting_first_is_a_change_too() {
    let mut world = World::new(&[Source::Api]);
    world.say(set(T1, None), at(0));
    assert_eq!(shown(&world, at(1)), [], "there was none before");
    world.say(Statement::PinForgotten { topic: t(T1) }, at(10));
    assert_eq!(shown(&world, at(11)), [(None, T1.to_owned())]);
    assert!(world.report(at(11)).pin_changes[0].sentence(at(11)).contains("was forgotten by kim"));
    world.say(Statement::PinConfirmed { topic: t(T2) }, at(12));
    let both = [(Some(T2.to_owned()), T1.to_owned()), (None, T1.to_owned())];
    assert_eq!(shown(&world, at(12)), both);
    // The configuration made it T2 in between: whoever confirms that changed nothing.
    let mut world = World::new(&[Source::Api]);
    world.say(Statement::PinConfirmed { topic: t(T1) }, at(9));
    world.say(Statement::PinConfirmed { topic: t(T2) }, at(10));
    assert_eq!(shown(&world, at(11)), []);
    let mut other = World::new(&[Source::Api]);
    other.say(Statement::PinForgotten { topic: t(T1) }, at(10));
    other.say(set(T2, None), at(12));
    assert_eq!(shown(&other, at(12)), both, "whoever set it then knew of no other");
}
