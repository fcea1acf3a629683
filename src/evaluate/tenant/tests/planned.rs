//! When a plan holds, and when it would keep quiet what must be heard.

use super::*;
use crate::model::{Plan, Tier};

/// A tenant whose certificate ends on day 100, and a plan for a day that was made on another.
fn world(sources: &[Source]) -> World {
    let mut world = World::new(sources);
    world.learn(sources[0], told(certificate(T1, "0A", -265, 365)), at(-80));
    world
}

fn plan(world: &mut World, on: i64, tier: Tier, said: i64) -> DateTime<Utc> {
    let plan = Plan { on: at(on).date_naive(), who: "sam".to_owned(), tier, not_after: at(100) };
    let until = plan.until();
    world.say(Statement::RenewalPlanned(plan), at(said));
    until
}

fn tier(world: &World, now: DateTime<Utc>) -> Option<Tier> {
    world.report(now).planned.map(|planned| planned.plan.tier)
}

#[test]
fn a_plan_holds_until_its_day_is_over_and_keeps_its_tier() {
    let mut world = world(&[Source::File]);
    let until = plan(&mut world, 75, Tier::Info, 60);
    assert_eq!(tier(&world, at(59)), None, "it was not made yet");
    assert_eq!(tier(&world, at(60)), Some(Tier::Info));
    // The next tier has begun: the plan is about the one before.
    assert_eq!(world.report(at(72)).phase, Phase::Renew);
    assert_eq!(tier(&world, at(72)), Some(Tier::Info));
    assert_eq!(tier(&world, until - TimeDelta::seconds(1)), Some(Tier::Info));
    assert_eq!(tier(&world, until), None);
    let planned = world.report(at(60)).planned.unwrap();
    assert_eq!((planned.by.as_str(), planned.plan.who.as_str(), planned.at), ("kim", "sam", at(60)));
}

#[test]
fn the_last_word_counts() {
    let mut world = world(&[Source::File]);
    plan(&mut world, 75, Tier::Info, 10);
    world.say(Statement::RenewalUnplanned, at(20));
    assert_eq!(tier(&world, at(21)), None);
    plan(&mut world, 80, Tier::Warning, 72);
    assert_eq!(tier(&world, at(73)), Some(Tier::Warning));
}

#[test]
fn an_end_that_is_reached_and_another_certificate_end_it() {
    let mut world = world(&[Source::Api]);
    plan(&mut world, 99, Tier::Warning, 72);
    let level = world.report(at(90)).level;
    assert_eq!(level, Level::Warning, "a plan makes nothing better");
    assert_eq!(tier(&world, at(100)), None);
    // The renewal.
    let mut renewed = world;
    renewed.learn(Source::Api, told(certificate(T1, "0B", 80, 365)), at(80));
    assert_eq!(tier(&renewed, at(81)), None);
    // An earlier one came back, in the same phase.
    let mut back = self::world(&[Source::File]);
    plan(&mut back, 75, Tier::Info, 10);
    back.learn(Source::File, told(certificate(T1, "09", -290, 365)), at(20));
    assert_eq!((back.report(at(20)).phase, tier(&back, at(20))), (Phase::Plan, None));
}

#[test]
fn a_plan_keeps_nothing_quiet_while_nobody_would_hear_that_it_is_withdrawn() {
    let mut world = world(&[Source::File]);
    plan(&mut world, 75, Tier::Info, 60);
    world.store_up = false;
    assert_eq!(tier(&world, at(61)), None);
    world.store_up = true;
    assert_eq!(tier(&world, at(61)), Some(Tier::Info));
}

#[test]
fn nobody_plans_by_a_clock_that_cannot_be_right() {
    let mut world = world(&[Source::File]);
    plan(&mut world, 75, Tier::Info, -300);
    assert_eq!(world.report(at(-200)).phase, Phase::Unknown);
    assert_eq!(tier(&world, at(-200)), None);
}
