mod ends;

use chrono::TimeDelta;

use super::*;
use crate::model::{Drill, DrillSeverity, Phase, Reason};
use crate::notify::sample::{World, at, heal, hurt, tokens};

const MINUTE: TimeDelta = TimeDelta::minutes(1);
const HOUR: TimeDelta = TimeDelta::hours(1);
const DAY: TimeDelta = TimeDelta::days(1);
const NOTHING: [&str; 0] = [];

const EXPIRED: &str =
    "t0000, expires in 356 days: An Apple push certificate has expired and its MDM reaches no Apple device";

#[test]
fn a_condition_is_told_once_repeated_and_ended() {
    let mut world = World::new(2);
    assert_eq!(world.wait(HOUR), NOTHING);
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 5), NOTHING, "the rule holds it for five minutes");
    assert_eq!(world.wait(MINUTE), [EXPIRED]);
    assert_eq!(world.wait(HOUR * 4 - MINUTE), NOTHING);
    assert_eq!(world.wait(MINUTE), [format!("Still: {EXPIRED}")]);
    world.phase(0, Phase::Ok);
    assert_eq!(world.wait(MINUTE * 5), NOTHING);
    assert_eq!(
        world.wait(MINUTE),
        ["Ended: t0000: An Apple push certificate has expired and its MDM reaches no Apple device"]
    );
    assert_eq!(world.wait(DAY * 7), NOTHING);
}

#[test]
fn what_comes_and_goes_is_one_thing_or_none() {
    let mut world = World::new(1);
    for _ in 0..20 {
        world.phase(0, Phase::Expired);
        assert_eq!(world.wait(MINUTE * 4), NOTHING);
        world.phase(0, Phase::Ok);
        assert_eq!(world.wait(MINUTE), NOTHING);
    }
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 10).len(), 1);
    for _ in 0..10 {
        world.phase(0, Phase::Ok);
        assert_eq!(world.wait(MINUTE * 4), NOTHING);
        world.phase(0, Phase::Expired);
        assert_eq!(world.wait(MINUTE * 4), NOTHING);
    }
}

#[test]
fn what_nobody_can_judge_is_not_over() {
    let mut world = World::new(1);
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 10).len(), 1);
    world.phase(0, Phase::Unknown);
    assert_eq!(world.wait(HOUR * 3), NOTHING);
    assert_eq!(world.wait(HOUR), [format!("Still: {EXPIRED}")], "it is still all that anybody knows");
    // A clock that cannot be right ends nothing either.
    world.report.whole.clock_plausible = false;
    world.phase(0, Phase::Ok);
    let told = world.wait(HOUR);
    assert_eq!(told, ["host: The clock of the machine that runs apnswatch cannot be right"]);
    world.report.whole.clock_plausible = true;
    let mut told = world.wait(MINUTE * 10);
    told.sort();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("Ended: t0000"), "{told:?}");
}

#[test]
fn a_dead_vendor_is_one_message_and_its_return_another() {
    let mut world = World::new(1800);
    world.pace = MINUTE;
    let mut told = Vec::new();
    // They fail one after the other, for a quarter of an hour.
    for part in 0..15 {
        for number in part * 120..(part + 1) * 120 {
            hurt(tokens(&mut world.report.tenants[number]), Reason::Timeout);
        }
        told.extend(world.wait(MINUTE));
    }
    world.pace = MINUTE * 5;
    told.extend(world.wait(HOUR * 3));
    world.pace = MINUTE;
    assert_eq!(told, ["1800 tenants: A source of knowledge about a push certificate fails"]);
    let mut ended = Vec::new();
    for part in 0..15 {
        for number in part * 120..(part + 1) * 120 {
            heal(tokens(&mut world.report.tenants[number]));
        }
        ended.extend(world.wait(MINUTE));
    }
    world.pace = MINUTE * 5;
    ended.extend(world.wait(HOUR * 2));
    assert_eq!(ended, ["Ended: 1800 tenants: A source of knowledge about a push certificate fails"]);
}

#[test]
fn a_list_of_many_names_some_and_counts_the_rest() {
    let mut world = World::new(30);
    for tenant in &mut world.report.tenants {
        hurt(tokens(tenant), Reason::Timeout);
    }
    let mut sent = Vec::new();
    for _ in 0..120 {
        world.report.whole.now += MINUTE;
        sent.extend(world.round());
    }
    assert_eq!(sent.len(), 1);
    let message = &sent[0].1;
    assert_eq!(message.count, 30);
    let list = &message.body[0];
    assert!(list.starts_with("- t0000, tokens\n- t0001, tokens\n") && list.ends_with("\nand 10 more"), "{list}");
    assert!(
        message.body[1].contains("Reason: timeout.") && message.body[1].contains("Next step:"),
        "{:?}",
        message.body
    );
    assert_eq!(message.link.as_deref(), Some("https://watch.example.com/"));
}

#[test]
fn a_tier_that_is_left_upwards_ends_quietly() {
    let mut world = World::new(1);
    world.policy.channels.insert(ChannelKind::Pagerduty, Tier::ALL.to_vec());
    world.phase(0, Phase::Renew);
    assert_eq!(world.wait(MINUTE * 10).len(), 2);
    world.phase(0, Phase::Expired);
    let mut sent = Vec::new();
    for _ in 0..20 {
        world.report.whole.now += MINUTE;
        sent.extend(world.round());
    }
    let seen: Vec<(ChannelKind, Kind, Severity)> =
        sent.iter().map(|(channel, message)| (*channel, message.kind, message.severity)).collect();
    assert_eq!(
        seen,
        [
            // People hear of the worse one alone; the incident of the other is closed.
            (ChannelKind::Pagerduty, Kind::Resolved, Severity::Warning),
            (ChannelKind::Slack, Kind::Entered, Severity::Critical),
            (ChannelKind::Pagerduty, Kind::Entered, Severity::Critical),
        ]
    );
}

#[test]
fn a_plan_and_a_mute_keep_quiet_what_was_told_and_forget_nothing() {
    let mut world = World::new(1);
    world.phase(0, Phase::Renew);
    assert_eq!(world.wait(MINUTE * 10).len(), 1);
    world.report.tenants[0].muted = Some(at("2026-10-01T00:00:00Z").date_naive());
    assert_eq!(world.wait(DAY * 3), NOTHING);
    world.report.tenants[0].muted = None;
    assert_eq!(world.wait(MINUTE * 10).len(), 1, "it is repeated as soon as somebody may hear it");
    world.report.tenants[0].muted = Some(at("2026-10-01T00:00:00Z").date_naive());
    world.phase(0, Phase::Ok);
    assert_eq!(world.wait(DAY), NOTHING, "and it ends as quietly");
}

#[test]
fn who_leaves_the_configuration_is_not_called_mended() {
    let mut world = World::new(2);
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 10).len(), 1);
    world.report.tenants.remove(0);
    let mut sent = Vec::new();
    for _ in 0..10 {
        world.report.whole.now += MINUTE;
        sent.extend(world.round());
    }
    assert_eq!(sent.len(), 1);
    assert!(sent[0].1.body[0].contains("nobody knows whether it is over"), "{:?}", sent[0].1.body);
}

#[test]
fn what_was_told_under_two_names_is_over_only_for_the_former_one() {
    let mut world = World::new(2);
    for tenant in 0..2 {
        world.phase(tenant, Phase::Expired);
        assert_eq!(world.wait(MINUTE * 10).len(), 1, "each by itself");
    }
    world.report.tenants.remove(0);
    let name = |text: &str| TenantName::parse(text).unwrap();
    let renames = BTreeMap::from([(name("t0000"), name("t0001"))]);
    let mut sent = Vec::new();
    for _ in 0..10 {
        world.report.whole.now += MINUTE;
        world.ledger.rename(&renames);
        sent.extend(world.round().into_iter().map(|(_, message)| message));
    }
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert!(sent[0].title.starts_with("Ended: t0000: "), "the other one stands: {:?}", sent[0].title);
    world.phase(0, Phase::Ok);
    let told = world.wait(MINUTE * 10);
    assert!(told.len() == 1 && told[0].starts_with("Ended: t0001: "), "{told:?}");
}

#[test]
fn what_was_told_under_a_former_name_is_over_under_the_present_one() {
    let mut world = World::new(2);
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 10).len(), 1);
    world.report.tenants.remove(0);
    world.phase(0, Phase::Expired);
    let name = |text: &str| TenantName::parse(text).unwrap();
    world.ledger.rename(&BTreeMap::from([(name("t0000"), name("t0001"))]));
    assert_eq!(world.wait(HOUR), NOTHING, "nothing is told anew");
    world.phase(0, Phase::Ok);
    let told = world.wait(MINUTE * 10);
    assert!(told.len() == 1 && told[0].starts_with("Ended: t0001: "), "{told:?}");
}

#[test]
fn warnings_wait_for_people_and_pages_do_not() {
    let mut world = World::new(2);
    world.policy.office = Some(OfficeHours {
        days: vec![chrono::Weekday::Wed, chrono::Weekday::Thu],
        from: chrono::NaiveTime::from_hms_opt(8, 0, 0).unwrap(),
        to: chrono::NaiveTime::from_hms_opt(17, 0, 0).unwrap(),
        offset: chrono::FixedOffset::east_opt(0).unwrap(),
    });
    world.report.whole.now = at("2026-09-09T20:00:00Z");
    world.phase(0, Phase::Renew);
    world.phase(1, Phase::Expired);
    let told = world.wait(HOUR * 12 - MINUTE * 2);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|title| title.contains("t0001")), "{told:?}");
    let told = world.wait(MINUTE * 10);
    assert!(told.iter().any(|title| title.contains("t0000")), "{told:?}");
    // What ended at night is told in the morning: nothing is lost.
    world.report.whole.now = at("2026-09-10T18:00:00Z");
    world.phase(0, Phase::Ok);
    world.phase(1, Phase::Ok);
    let told = world.wait(HOUR);
    assert!(told.iter().any(|title| title.starts_with("Ended: t0001")), "{told:?}");
    assert!(!told.iter().any(|title| title.contains("t0000")), "{told:?}");
    world.report.whole.now = at("2026-09-16T07:59:00Z");
    let told = world.wait(MINUTE * 5);
    assert!(told.len() == 1 && told[0].starts_with("Ended: t0000"), "{told:?}");
}

#[test]
fn what_is_to_be_planned_and_what_nobody_knows_is_one_list_a_week() {
    let mut world = World::new(3);
    world.phase(0, Phase::Plan);
    world.phase(1, Phase::Plan);
    world.phase(2, Phase::Unknown);
    assert_eq!(world.wait(at("2026-09-14T07:59:00Z") - world.report.now), NOTHING);
    let mut sent = Vec::new();
    for _ in 0..60 {
        world.report.whole.now += MINUTE;
        sent.extend(world.round());
    }
    assert_eq!(sent.len(), 1, "{sent:?}");
    let (_, list) = &sent[0];
    assert_eq!((list.kind, list.title.as_str()), (Kind::Digest, "The week's list: 3 things to plan or to find out"));
    assert!(list.body[0].contains("(2):\n- t0000, expires in 351 days\n- t0001"), "{:?}", list.body);
    assert!(
        list.body[1].starts_with("Nobody knows when an Apple push certificate ends (1):\n- t0002"),
        "{:?}",
        list.body
    );
    assert_eq!(world.wait(DAY * 6), NOTHING);
    for number in 0..3 {
        world.phase(number, Phase::Ok);
    }
    assert_eq!(world.wait(DAY * 8), NOTHING, "a list with nothing on it is no list");
}

#[test]
fn a_receiver_that_is_down_gets_everything_once_and_in_order() {
    let mut world = World::new(1);
    world.policy.repeat_critical = TimeDelta::minutes(2);
    world.is_reachable = false;
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 20), NOTHING);
    world.phase(0, Phase::Ok);
    assert_eq!(world.wait(MINUTE * 10), NOTHING);
    assert_eq!(world.ledger.waiting(ChannelKind::Slack), 2, "a repetition says nothing new to who heard nothing");
    assert_eq!(world.ledger.failing().collect::<Vec<_>>(), [ChannelKind::Slack]);
    world.is_reachable = true;
    let told = world.wait(MINUTE * 11);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("Ended: "), "{told:?}");
    assert_eq!(world.ledger.failing().count(), 0);
}

#[test]
fn a_channel_that_fails_is_told_by_the_others() {
    let mut world = World::new(1);
    world.policy.channels.insert(ChannelKind::Ntfy, Tier::ALL.to_vec());
    world.failing.insert("ntfy".to_owned());
    let mut sent = Vec::new();
    for _ in 0..60 {
        world.report.whole.now += MINUTE;
        sent.extend(world.round());
    }
    let seen: Vec<_> = sent.iter().map(|(channel, message)| (*channel, message.alert.as_str())).collect();
    assert_eq!(seen, [(ChannelKind::Slack, "ApnswatchNotifyFailing")]);
}

#[test]
fn pauses_grow_and_what_the_receiver_asks_for_counts() {
    let now = at("2026-09-09T10:00:00Z");
    let mut world = World::new(1);
    world.is_reachable = false;
    world.phase(0, Phase::Expired);
    world.wait(MINUTE * 6);
    let mut ledger = world.ledger.clone();
    let policy = world.policy.clone();
    ledger.deliveries.clear();
    let (number, _) = ledger.due(ChannelKind::Slack, &policy, now).unwrap();
    let mut pauses = Vec::new();
    let mut moment = now;
    for _ in 0..8 {
        ledger.failed(ChannelKind::Slack, number, false, None, moment);
        let start = moment;
        while ledger.due(ChannelKind::Slack, &policy, moment).is_none() {
            moment += TimeDelta::seconds(1);
        }
        pauses.push((moment - start).num_seconds());
    }
    assert_eq!(pauses, [10, 30, 60, 120, 300, 600, 600, 600]);
    ledger.failed(ChannelKind::Slack, number, false, Some(TimeDelta::minutes(20)), moment);
    assert!(ledger.due(ChannelKind::Slack, &policy, moment + TimeDelta::seconds(1199)).is_none());
    assert!(ledger.due(ChannelKind::Slack, &policy, moment + TimeDelta::seconds(1200)).is_some());
    // What is refused for what it is must not keep the others waiting, and is not tried for ever.
    assert!(!ledger.failed(ChannelKind::Slack, number, true, None, moment));
    let (number, _) = ledger.due(ChannelKind::Slack, &policy, moment + HOUR).unwrap();
    assert!(!ledger.failed(ChannelKind::Slack, number, true, None, moment + DAY));
    let (number, _) = ledger.due(ChannelKind::Slack, &policy, moment + DAY * 2).unwrap();
    assert!(ledger.failed(ChannelKind::Slack, number, true, None, moment + DAY * 3));
    assert_eq!(ledger.waiting(ChannelKind::Slack), 0);
}

#[test]
fn a_message_that_is_refused_lets_others_pass() {
    let mut world = World::new(2);
    world.is_reachable = false;
    world.phase(0, Phase::Expired);
    world.wait(MINUTE * 8);
    world.phase(1, Phase::Expired);
    world.phase(0, Phase::Ok);
    world.wait(MINUTE * 10);
    let now = world.report.now;
    let (ledger, policy) = (&mut world.ledger, &world.policy);
    ledger.deliveries.clear();
    let (number, message) = ledger.due(ChannelKind::Slack, policy, now).unwrap();
    assert!(message.title.contains("t0000"));
    ledger.failed(ChannelKind::Slack, number, true, None, now);
    let mut titles = Vec::new();
    while let Some((number, message)) = ledger.due(ChannelKind::Slack, policy, now + HOUR) {
        titles.push(message.title.clone());
        ledger.delivered(ChannelKind::Slack, number);
    }
    assert_eq!(titles.len(), 3, "{titles:?}");
    assert!(
        titles[0].contains("t0001") && titles[1].starts_with("t0000") && titles[2].starts_with("Ended: t0000"),
        "{titles:?}"
    );
}

#[test]
fn a_drill_is_told_at_once_by_the_way_of_its_severity() {
    let mut world = World::new(1);
    world.policy.channels =
        BTreeMap::from([(ChannelKind::Pagerduty, vec![Tier::Critical]), (ChannelKind::Slack, vec![Tier::Warning])]);
    let drill = |severity| Drill {
        severity,
        from: at("2026-09-09T10:00:00Z"),
        until: at("2026-09-09T11:00:00Z"),
        by: "kim".to_owned(),
    };
    world.report.whole.drills = vec![drill(DrillSeverity::Critical), drill(DrillSeverity::Warning)];
    let sent = world.round();
    let seen: Vec<_> =
        sent.iter().map(|(channel, message)| (*channel, message.is_drill, message.title.as_str())).collect();
    assert_eq!(
        seen,
        [
            (ChannelKind::Slack, true, "apnswatch: This is a drill: alerts of severity warning get through"),
            (ChannelKind::Pagerduty, true, "apnswatch: This is a drill: alerts of severity critical get through"),
        ]
    );
    assert_eq!(world.wait(MINUTE * 30), NOTHING);
    world.report.whole.drills.clear();
    assert_eq!(world.wait(MINUTE).len(), 2);
}

#[test]
fn a_number_that_another_replica_gave_to_something_else_is_not_that_message() {
    let mut world = World::new(1);
    world.is_reachable = false;
    world.phase(0, Phase::Expired);
    world.wait(MINUTE * 10);
    // Past the pause after a try that failed.
    let (slack, now) = (ChannelKind::Slack, world.report.now + HOUR);
    let (number, message) = world.ledger.due(slack, &world.policy, now).map(|(n, m)| (n, m.clone())).unwrap();
    let other = Message { title: "another".to_owned(), ..message.clone() };
    assert!(world.ledger.may_be(slack, number, &message) && !world.ledger.may_be(slack, number, &other));
    world.ledger.delivered(slack, number);
    assert!(world.ledger.may_be(slack, number, &other), "nothing waits under it");
}

#[test]
fn a_channel_that_left_the_configuration_takes_its_messages_along() {
    let mut world = World::new(1);
    world.is_reachable = false;
    world.phase(0, Phase::Expired);
    world.wait(MINUTE * 10);
    assert_eq!(world.ledger.waiting(ChannelKind::Slack), 1);
    world.policy.channels = BTreeMap::from([(ChannelKind::Ntfy, Tier::ALL.to_vec())]);
    world.wait(MINUTE);
    assert_eq!((world.ledger.waiting(ChannelKind::Slack), world.ledger.failing().count()), (0, 0));
}

#[test]
fn a_row_that_cannot_be_read_costs_no_other() {
    let mut world = World::new(2);
    world.phase(0, Phase::Expired);
    world.wait(MINUTE * 10);
    let mut rows = world.ledger.rows();
    for name in rows.keys().filter(|name| name.starts_with("thread ")).cloned().collect::<Vec<_>>() {
        rows.insert(name, "{".to_owned());
    }
    rows.insert("of a later version".to_owned(), "{}".to_owned());
    world.ledger = Ledger::from_rows(&rows).unwrap();
    assert_eq!(world.wait(MINUTE).len(), 1, "it is told once more, rather than never ended");
    rows.remove("head ");
    assert!(Ledger::from_rows(&rows).is_none());
}

#[test]
fn a_clock_that_was_ahead_for_one_round_silences_nothing() {
    // Such a clock may be taken for right, or be known to be wrong.
    for is_plausible in [true, false] {
        let mut world = World::new(3);
        world.phase(0, Phase::Expired);
        world.phase(1, Phase::Plan);
        assert_eq!(world.wait(MINUTE * 10), [EXPIRED]);
        let now = world.report.now;
        world.report.whole.now = now + DAY * 365;
        world.report.whole.clock_plausible = is_plausible;
        world.phase(2, Phase::Expired);
        let told = world.round();
        if !is_plausible {
            assert_eq!(told, [], "nobody can say that it is time for a repetition or a list");
        }
        world.report.whole.now = now;
        world.report.whole.clock_plausible = true;
        let told = world.wait(MINUTE * 10);
        assert!(told.len() == 1 && told[0].starts_with("t0002, "), "what is new is told in its time: {told:?}");
        let told = world.wait(HOUR * 4);
        assert!(told.contains(&format!("Still: {EXPIRED}")), "{told:?}");
        // Seen as gone by a clock that was ahead.
        world.phase(0, Phase::Ok);
        let now = world.report.now;
        world.report.whole.now = now + DAY * 365;
        world.round();
        world.report.whole.now = now;
        let told = world.wait(MINUTE * 6);
        assert!(told.iter().any(|title| title.starts_with("Ended: t0000: ")), "{told:?}");
        let told = world.wait(at("2026-09-14T08:30:00Z") - world.report.now);
        assert!(told.iter().any(|title| title.starts_with("The week's list: ")), "{told:?}");
    }
}

#[test]
fn a_clock_that_cannot_be_right_is_told_again_and_nothing_else_is() {
    let mut world = World::new(1);
    world.phase(0, Phase::Expired);
    assert_eq!(world.wait(MINUTE * 10), [EXPIRED]);
    world.pace = MINUTE * 5;
    let now = world.report.now;
    // The clock of the machine begins anew.
    world.report.whole.now = at("1970-01-01T00:00:00Z");
    world.report.whole.clock_plausible = false;
    let clock = "host: The clock of the machine that runs apnswatch cannot be right";
    assert_eq!(world.wait(DAY * 2), [clock.to_owned(), format!("Still: {clock}")]);
    world.report.whole.now = now;
    world.report.whole.clock_plausible = true;
    world.pace = MINUTE;
    let told = world.wait(HOUR);
    assert_eq!(told, [format!("Ended: {clock}")], "a repetition that was due much later is not due now");
}
