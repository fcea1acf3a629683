//! What passes for a renewal after the upload, and what only looks like one.

use super::*;
use crate::evaluate::verification::{State, Verification, verify};
use crate::model::HumanStep;

fn verified(world: &World, start: DateTime<Utc>, now: DateTime<Utc>) -> Verification {
    verify(&world.report(now), &world.memory, start, now)
}

fn state(verification: &Verification, name: &str) -> State {
    verification.checks.iter().find(|check| check.name == name).unwrap().state
}

fn said(verification: &Verification) -> usize {
    verification.steps.iter().filter(|step| step.said.is_some()).count()
}

fn attest(world: &mut World, step: HumanStep, at: DateTime<Utc>) {
    world.say(Statement::Verified { step }, at);
}

#[test]
fn the_old_certificate_in_a_file_too_is_no_renewal() {
    let mut world = World::new(&[Source::Api, Source::File]);
    let old = certificate(T1, "0A", -340, 365);
    world.learn(Source::Api, told_by_intune(old.clone()), at(-300));
    world.learn(Source::File, told(old.clone()), at(-300));
    world.learn(Source::Api, told_by_intune(old), at(0));
    let before = verified(&world, at(0), at(0));
    assert_eq!((state(&before, "new_end"), state(&before, "serial")), (State::Waiting, State::Waiting));

    // The first that anybody sees of a tenant may be its renewal.
    let mut world = World::new(&[Source::Api, Source::File]);
    let new = certificate(T1, "0B", -1, 365);
    world.learn(Source::Api, told_by_intune(new.clone()), at(-1));
    world.learn(Source::File, told(new), at(-1));
    assert_eq!(state(&verified(&world, at(0), at(0)), "new_end"), State::Good);
}

#[test]
fn a_file_that_is_looked_at_no_more_is_not_waited_for() {
    let mut world = World::new(&[Source::Api, Source::File]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A", -340, 365)), at(-30));
    world.learn(Source::File, told(certificate(T1, "0C", -3, 400)), at(-3));
    world.learn(Source::Api, told_by_intune(certificate(T1, "0B", -1, 365)), at(0));
    assert_eq!(state(&verified(&world, at(0), at(0)), "new_end"), State::Waiting);
    world.polled.retain(|(source, _)| *source != Source::File);
    assert_eq!(state(&verified(&world, at(0), at(0)), "new_end"), State::Good);
}

#[test]
fn a_topic_that_was_first_seen_after_the_upload_proves_nothing() {
    let mut world = World::new(&[Source::Api]);
    world.learn(Source::Api, told_by_intune(certificate(T2, "0B", 0, 365)), at(1));
    assert_eq!(state(&verified(&world, at(1), at(1)), "topic"), State::CannotTell);
    assert_eq!(state(&verified(&world, at(1) + TimeDelta::minutes(1), at(1)), "topic"), State::Good);
}

#[test]
fn after_an_undo_it_waits_for_the_second_answer() {
    let mut world = World::new(&[Source::Api]);
    let (old, wrong) = (certificate(T1, "0A", -340, 365), certificate(T2, "0B", -1, 365));
    let undo = certificate(T1, "0C", 0, 365);
    world.learn(Source::Api, told_by_intune(old), at(-30));
    world.learn(Source::Api, told_by_intune(wrong), at(0));
    assert_eq!(state(&verified(&world, at(0), at(0)), "topic"), State::Bad);
    world.learn(Source::Api, told_by_intune(undo.clone()), at(1));
    assert_eq!(world.report(at(1)).level, Level::Critical, "one answer does not clear it");
    assert_eq!(state(&verified(&world, at(1), at(1)), "topic"), State::Waiting);
    world.learn(Source::Api, told_by_intune(undo), at(1));
    assert_eq!(state(&verified(&world, at(1), at(1)), "topic"), State::Good);
}

#[test]
fn what_was_said_of_the_renewal_before_does_not_count_for_the_next() {
    let mut world = World::new(&[Source::File]);
    let first = certificate(T1, "0A", -40, 365);
    world.learn(Source::File, told(first.clone()), at(-40));
    world.attest_upload(&first, at(-10));
    for step in HumanStep::ALL {
        attest(&mut world, step, at(-10));
    }
    assert_eq!(said(&verified(&world, at(0), at(0))), 3);
    world.learn(Source::File, told(certificate(T1, "0B", 0, 365)), at(0));
    let next = verified(&world, at(0), at(0));
    assert_eq!((said(&next), next.level()), (0, Level::Warning));
}

#[test]
fn a_family_is_needless_only_while_all_devices_are_told() {
    let mut world = World::new(&[Source::Api, Source::Push]);
    world.learn(Source::Api, told_by_intune(certificate(T1, "0A", -340, 365)), at(0));
    let phones = FamilyHealth { devices: 3, ..FamilyHealth::default() };
    let push = PushHealth { families: [(Family::Iphone, phones)].into(), disabled: None };
    let facts = Facts { push: Some(push.into()), ..Facts::default() };
    world.learn(Source::Push, Outcome::success(facts.clone()), at(0));
    let needless = |world: &World| {
        let verification = verified(world, at(0), at(0));
        let steps = verification.steps.iter().filter(|step| step.needless.is_some());
        steps.map(|step| step.step).collect::<Vec<_>>()
    };
    assert_eq!(needless(&world), [HumanStep::Console, HumanStep::Mac]);
    // In part: the Macs may be what is missing.
    let failure = Some(Failure::new(Reason::Timeout, "one list did not come"));
    world.learn(Source::Push, Outcome { facts: Some(facts), failure }, at(0));
    assert_eq!(needless(&world), [HumanStep::Console]);
}
