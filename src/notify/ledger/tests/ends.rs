//! What is over, and of whom that is said.

use super::*;
use crate::evaluate::tenant::{SourceReport, Verdict};
use crate::model::{Notice, Source};

/// World of one tenant whose source timed out, which was told.
fn outage() -> World {
    let mut world = World::new(1);
    hurt(tokens(&mut world.report.tenants[0]), Reason::Timeout);
    assert_eq!(world.wait(HOUR * 2), ["t0000: A source of knowledge about a push certificate fails"]);
    world
}

#[test]
fn an_outage_whose_last_failure_was_a_refusal_that_nobody_heard_of_ends_aloud() {
    let ended = "Ended: t0000: A source of knowledge about a push certificate fails";
    let mut world = outage();
    hurt(tokens(&mut world.report.tenants[0]), Reason::Auth);
    assert_eq!(world.wait(MINUTE * 30), NOTHING, "the refusal must hold for longer");
    heal(tokens(&mut world.report.tenants[0]));
    assert_eq!(world.wait(HOUR * 2), [ended]);

    // Whoever heard of the refusal hears that it is over, and of nothing else.
    let mut world = outage();
    hurt(tokens(&mut world.report.tenants[0]), Reason::Auth);
    assert_eq!(world.wait(HOUR * 3), ["t0000: The MDM has refused our login for an hour"]);
    heal(tokens(&mut world.report.tenants[0]));
    assert_eq!(world.wait(HOUR * 2), ["Ended: t0000: The MDM has refused our login for an hour"]);
}

#[test]
fn what_an_mdm_said_ends_aloud_unless_what_says_it_better_was_told() {
    let say = |world: &mut World, notice: Option<Notice>| {
        world.report.tenants[0].notices = Some(notice.into_iter().map(|notice| (notice, None)).collect());
    };
    let ended = "Ended: t0000: ".to_owned();
    for is_told in [false, true] {
        let mut world = World::new(1);
        let api = SourceReport { source: Source::Api, ..tokens(&mut world.report.tenants[0]).clone() };
        world.report.tenants[0].sources.push(SourceReport { told: Some(world.report.whole.now), ..api });
        say(&mut world, Some(Notice::Expired));
        assert_eq!(world.wait(HOUR * 2).len(), 1);
        world.phase(0, Phase::Expired);
        assert_eq!(world.wait(if is_told { MINUTE * 10 } else { MINUTE }).len(), usize::from(is_told));
        say(&mut world, None);
        world.phase(0, Phase::Ok);
        let told = world.wait(HOUR);
        assert!(told.len() == 1 && told[0].starts_with(&ended), "{told:?}");
        assert_eq!(told[0].contains("has expired and its MDM"), is_told, "{told:?}");
    }
}

/// Rounds for so long; what was sent to people.
fn sent(world: &mut World, minutes: i64) -> Vec<Message> {
    let mut sent = Vec::new();
    for _ in 0..minutes {
        world.report.whole.now += MINUTE;
        sent.extend(world.round().into_iter().map(|(_, message)| message));
    }
    sent
}

fn drift(world: &mut World, source: Source, drifts: bool) {
    let topic = crate::model::Topic::parse("com.apple.mgmt.External.b").unwrap();
    let now = world.report.now;
    let tenant = &mut world.report.tenants[0];
    if drifts {
        tenant.drift.insert(source, Verdict::Drifts(topic, now, None));
    } else {
        tenant.drift.remove(&source);
    }
}

#[test]
fn a_tenant_is_not_called_over_while_the_same_stands_for_it_otherwise() {
    let mut world = World::new(1);
    for source in [Source::File, Source::Profile] {
        let told = Some(world.report.now);
        let known = SourceReport { source, told, ..tokens(&mut world.report.tenants[0]).clone() };
        world.report.tenants[0].sources.push(known);
    }
    drift(&mut world, Source::File, true);
    let first = sent(&mut world, 40);
    assert_eq!(first.len(), 1, "{first:?}");
    drift(&mut world, Source::Profile, true);
    let second = sent(&mut world, 40);
    assert_eq!(second.len(), 1, "{second:?}");
    drift(&mut world, Source::File, false);
    let ended = sent(&mut world, 10);
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert!(ended[0].title.starts_with("Ended in part: t0000: "), "{}", ended[0].title);
    // Whoever keeps incidents closes this one: the other has its own.
    assert_eq!((ended[0].kind, &ended[0].thread), (Kind::Resolved, &first[0].thread));
    let body = ended[0].body.join("\n");
    assert!(!body.contains("It is over") && body.contains("is not over:\n- t0000, profile"), "{body}");
    drift(&mut world, Source::Profile, false);
    let ended = sent(&mut world, 10);
    assert_eq!(ended.len(), 1, "{ended:?}");
    assert!(ended[0].title.starts_with("Ended: t0000: ") && ended[0].body[0] == "It is over.", "{ended:?}");
    assert_eq!(ended[0].thread, second[0].thread);
}

/// A world of so many tenants that failed together, which was told. One of them was well for a while, of which nothing is said, and has
/// begun to fail anew.
fn failing_anew(tenants: usize, one: usize) -> World {
    let mut world = World::new(tenants);
    for tenant in 0..tenants {
        hurt(tokens(&mut world.report.tenants[tenant]), Reason::Timeout);
    }
    assert_eq!(sent(&mut world, 120).len(), 1);
    heal(tokens(&mut world.report.tenants[one]));
    assert_eq!(sent(&mut world, 30), []);
    hurt(tokens(&mut world.report.tenants[one]), Reason::Timeout);
    world
}

#[test]
fn whoever_fails_again_is_not_called_over_with_those_that_were_told_beside_it() {
    // Told again in a thread of its own, or not told yet when the other one is over.
    for is_told in [true, false] {
        let mut world = failing_anew(2, 0);
        assert_eq!(sent(&mut world, if is_told { 300 } else { 10 }).len(), usize::from(is_told));
        heal(tokens(&mut world.report.tenants[1]));
        let mut told = sent(&mut world, 10);
        if !is_told {
            assert_eq!(told, [], "it is told first who fails again");
            told = sent(&mut world, 300);
            assert!(told.len() == 2 && told[0].title.starts_with("t0000: "), "{told:?}");
            told.remove(0);
        }
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].title.starts_with("Ended: t0001: ") && told[0].count == 1, "{told:?}");
        assert_eq!(told[0].body[1], "- t0001");
        assert!(told[0].body[2].ends_with("is not over:\n- t0000, tokens"), "{told:?}");
        heal(tokens(&mut world.report.tenants[0]));
        let told = sent(&mut world, 10);
        assert!(told.len() == 1 && told[0].title.starts_with("Ended: t0000: "), "{told:?}");
    }
}

#[test]
fn what_comes_again_and_is_never_told_is_over_with_the_others() {
    let mut world = failing_anew(2, 0);
    heal(tokens(&mut world.report.tenants[1]));
    assert_eq!(sent(&mut world, 10), []);
    heal(tokens(&mut world.report.tenants[0]));
    let told = sent(&mut world, 10);
    assert!(told.len() == 1 && told[0].title.starts_with("Ended: 2 tenants: "), "{told:?}");
}

#[test]
fn of_more_than_are_named_no_more_are_called_over_than_are() {
    let mut world = failing_anew(30, 29);
    assert_eq!(sent(&mut world, 300).len(), 1);
    for tenant in 0..29 {
        heal(tokens(&mut world.report.tenants[tenant]));
    }
    let told = sent(&mut world, 10);
    assert!(told.len() == 1 && told[0].title.starts_with("Ended: 29 tenants: "), "{told:?}");
    assert!(told[0].body[1].ends_with("\nand 9 more") && told[0].body[2].ends_with("\n- t0029, tokens"), "{told:?}");
}
