use super::*;
use crate::evaluate::network::PortMemory;
use crate::model::ProbeFailure;

fn memory(failure: Option<(Step, ProbeReason)>, asked: bool) -> TargetMemory {
    let mut port = PortMemory { up: true, ..PortMemory::default() };
    port.failure = failure.map(|(step, reason)| (step, ProbeFailure::new(reason, "a test")));
    port.up = !matches!(failure, Some((Step::Dns | Step::Tcp, _)));
    let is_apple = port.failure.as_ref().is_none_or(|(step, _)| *step == Step::Http2);
    port.steps.extend([(Step::Alpn, is_apple), (Step::Chain, is_apple)]);
    port.asked = asked;
    TargetMemory { ports: [((443, IpVersion::V4), port)].into(), ..TargetMemory::default() }
}

/// The depths of the rounds of so many minutes, each of which finds what `find` says.
fn rounds(minutes: u64, find: impl Fn(u64) -> Option<(Step, ProbeReason)>) -> Vec<Step> {
    let start = Instant::now();
    let mut cadence = Cadence::default();
    (0..minutes)
        .map(|minute| {
            let now = start + Duration::from_secs(minute * 60);
            let until = cadence.until(now, Step::Http2);
            cadence.learn(now, until, &memory(find(minute), until == Step::Http2));
            until
        })
        .collect()
}

#[test]
fn a_calm_way_is_looked_at_deeply_every_ten_minutes_and_asked_every_hour() {
    let depths = rounds(121, |_| None);
    for (minute, depth) in depths.iter().enumerate() {
        let expected = match minute {
            0 | 60 | 120 => Step::Http2,
            minute if minute % 10 == 0 => Step::Chain,
            _ => Step::Tcp,
        };
        assert_eq!(*depth, expected, "minute {minute}");
    }
}

#[test]
fn a_change_makes_everything_due_once() {
    // Closed in minutes 3 to 5: each round until it opens looks at what opens, and so does the one after the change.
    let depths = rounds(9, |minute| (3..6).contains(&minute).then_some((Step::Tcp, ProbeReason::Timeout)));
    let whole: Vec<usize> = (0..9).filter(|minute| depths[*minute] == Step::Http2).collect();
    assert_eq!(whole, [0, 4, 5, 6, 7]);
    assert!(depths.iter().all(|depth| [Step::Tcp, Step::Http2].contains(depth)), "{depths:?}");
}

#[test]
fn what_tls_says_waits_for_its_turn() {
    let depths = rounds(25, |minute| (10..15).contains(&minute).then_some((Step::Chain, ProbeReason::Intercepted)));
    let deep: Vec<usize> = (0..25).filter(|minute| depths[*minute] > Step::Tcp).collect();
    // Found at its turn, looked at whole after the change, and again when it is over.
    assert_eq!(deep, [0, 10, 11, 16]);
}

#[test]
fn a_port_that_opens_and_is_cut_is_looked_at_each_round() {
    let cut = |port: &mut PortMemory, is_cut: bool| {
        port.up = !is_cut;
        port.failure = is_cut.then(|| (Step::Tls, ProbeFailure::new(ProbeReason::Reset, "a test")));
    };
    let start = Instant::now();
    let mut cadence = Cadence::default();
    let depths: Vec<Step> = (0..6)
        .map(|minute| {
            let mut memory = memory(None, true);
            let mut other = memory.ports[&(443, IpVersion::V4)].clone();
            cut(&mut other, (0..4).contains(&minute));
            memory.ports.insert((2197, IpVersion::V4), other);
            let now = start + Duration::from_secs(minute * 60);
            let until = cadence.until(now, Step::Http2);
            cadence.learn(now, until, &memory);
            until
        })
        .collect();
    assert_eq!(depths, [Step::Http2, Step::Chain, Step::Chain, Step::Chain, Step::Chain, Step::Http2]);
}

#[test]
fn an_answer_that_is_not_apples_is_asked_for_again_within_ten_minutes() {
    let depths = rounds(30, |minute| (minute < 13).then_some((Step::Http2, ProbeReason::HttpFailure)));
    let whole: Vec<usize> = (0..30).filter(|minute| depths[*minute] == Step::Http2).collect();
    // After the change at 13 once more, and not again within the hour.
    assert_eq!(whole, [0, 10, 14]);
}

#[test]
fn couriers_are_greeted_every_ten_minutes_though_nobody_asks_them_over_http() {
    let start = Instant::now();
    let mut cadence = Cadence::default();
    let deep: Vec<u64> = (0..31)
        .filter(|minute| {
            let now = start + Duration::from_secs(minute * 60);
            let until = cadence.until(now, Step::Chain);
            cadence.learn(now, until, &memory(None, false));
            until > Step::Tcp
        })
        .collect();
    assert_eq!(deep, [0, 10, 20, 30]);
}

#[test]
fn one_port_that_is_not_apples_does_not_keep_the_other_from_having_been_asked() {
    let mut memory = memory(None, true);
    let odd = PortMemory { up: true, asked: false, steps: [(Step::Chain, false)].into(), ..PortMemory::default() };
    memory.ports.insert((2197, IpVersion::V4), odd);
    let (mut cadence, now) = (Cadence::default(), Instant::now());
    cadence.learn(now, Step::Http2, &memory);
    assert_eq!(cadence.until(now + Duration::from_secs(60), Step::Http2), Step::Tcp);
}

#[test]
fn a_shallow_depth_is_never_exceeded() {
    let cadence = Cadence::default();
    assert_eq!(cadence.until(Instant::now(), Step::Tcp), Step::Tcp);
    assert_eq!(cadence.until(Instant::now(), Step::Alpn), Step::Alpn);
}
