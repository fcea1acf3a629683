use std::path::Path;

use chrono::TimeDelta;

use super::*;
use crate::model::StepTaken;
use crate::probe::Target;

const COURIERS: (Role, Host) = (Role::Device, Host::Couriers);

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

fn config(probe: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.yaml");
    std::fs::write(&path, format!("site: hq\nprobe: {probe}\ntenants: []\n")).unwrap();
    crate::config::load(Path::new(&path), &BTreeMap::new(), None).unwrap()
}

/// An attempt that went down to `until`, and failed at `failed` if that is given.
fn attempt(port: u16, until: Step, failed: Option<(Step, ProbeReason)>) -> Attempt {
    let mut steps = Vec::new();
    for step in Step::ALL.into_iter().filter(|step| *step <= until) {
        let failure = failed.filter(|(at, _)| *at == step);
        let failure = failure.map(|(_, reason)| ProbeFailure::new(reason, "a test"));
        let is_over = failure.is_some() && step != Step::Alpn;
        steps.push(StepTaken { step, took: Duration::from_millis(1), failure });
        if is_over {
            break;
        }
    }
    let issuer = failed.filter(|(_, reason)| *reason == ProbeReason::Intercepted).map(|_| "Example CA".to_owned());
    Attempt { port, ip_version: IpVersion::V4, host: "1-courier.push.apple.com".into(), address: None, steps, issuer }
}

fn v6(attempt: Attempt) -> Attempt {
    Attempt { ip_version: IpVersion::V6, ..attempt }
}

struct World {
    memory: NetworkMemory,
    config: Config,
}

impl World {
    fn new(probe: &str) -> Self {
        Self { memory: NetworkMemory::default(), config: config(probe) }
    }

    fn round(&mut self, key: (Role, Host), until: Step, attempts: &[Attempt]) -> &mut Self {
        let target = self.memory.targets.entry(key).or_default();
        learn_round(target, attempts, until, self.config.probe.as_ref().unwrap().confirmations, now());
        self
    }

    fn report_in(&self, seconds: i64) -> NetworkReport {
        report(&self.memory, &self.config, now() + TimeDelta::seconds(seconds)).unwrap()
    }

    fn path(&self) -> (Option<bool>, Option<bool>) {
        let report = self.report_in(1);
        let path = report.path(Role::Device).unwrap();
        (path.up, path.degraded)
    }
}

fn devices() -> World {
    World::new("{ roles: [device] }")
}

const FINE: Option<(Step, ProbeReason)> = None;
const DROPPED: Option<(Step, ProbeReason)> = Some((Step::Tcp, ProbeReason::Timeout));

#[test]
fn before_the_first_round_nobody_can_say() {
    let world = devices();
    assert_eq!(world.path(), (None, None));
    let report = world.report_in(1);
    assert_eq!((report.level, report.way_out(), report.targets[0].ports.len()), (Level::Unknown, None, 0));
    assert_eq!(report.paths[0].last_round, None);
}

#[test]
fn down_needs_confirmation_and_up_does_not() {
    let mut world = devices();
    let round = |reason| [attempt(5223, Step::Chain, reason), attempt(443, Step::Chain, reason)];
    world.round(COURIERS, Step::Chain, &round(DROPPED));
    assert_eq!(world.path().0, None, "one round is no verdict");
    world.round(COURIERS, Step::Chain, &round(FINE));
    assert_eq!(world.path(), (Some(true), Some(false)));
    world.round(COURIERS, Step::Tcp, &round(DROPPED));
    assert_eq!(world.path(), (Some(true), Some(true)), "not confirmed, and not as it should be");
    world.round(COURIERS, Step::Chain, &round(DROPPED));
    assert_eq!(world.path(), (Some(false), Some(false)));
    assert_eq!((world.report_in(1).level, world.report_in(1).way_out()), (Level::Critical, Some(false)));
    world.round(COURIERS, Step::Chain, &round(FINE));
    assert_eq!(world.path(), (Some(true), Some(false)));
}

#[test]
fn one_closed_port_degrades_and_the_firewall_team_is_told_which() {
    let mut world = devices();
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, DROPPED), attempt(443, Step::Chain, FINE)]);
    assert_eq!(world.path(), (Some(true), Some(true)));
    let report = world.report_in(1);
    assert_eq!(
        report.ask,
        [
            "outbound TCP 5223 to 17.0.0.0/8 is dropped; 443 works. Devices need outbound TCP 5223, with 443 as fallback, \
          to 17.0.0.0/8 and Apple's IPv6 ranges, direct and without TLS inspection"
        ]
    );
    let sentence = &report.paths[0].sentence;
    assert!(sentence.ends_with("(seen from hq; says nothing about other networks)"), "{sentence}");
}

#[test]
fn a_broken_family_beside_a_good_one_and_a_dead_courier_of_many_are_no_trouble() {
    let mut world = devices();
    world.round(
        COURIERS,
        Step::Chain,
        &[
            attempt(5223, Step::Chain, FINE),
            attempt(5223, Step::Chain, DROPPED),
            v6(attempt(5223, Step::Chain, DROPPED)),
            attempt(443, Step::Chain, FINE),
        ],
    );
    assert_eq!(world.path(), (Some(true), Some(false)));
    let ports = &world.report_in(1).targets[0].ports;
    let up: Vec<_> = ports.iter().map(|port| (port.port, port.ip_version, port.up)).collect();
    assert_eq!(
        up,
        [(443, IpVersion::V4, Some(true)), (5223, IpVersion::V4, Some(true)), (5223, IpVersion::V6, Some(false)),]
    );
}

#[test]
fn what_tls_says_degrades_and_never_closes() {
    for (step, reason) in [
        (Step::Tls, ProbeReason::TlsFailure),
        (Step::Alpn, ProbeReason::AlpnMissing),
        (Step::Chain, ProbeReason::Intercepted),
        (Step::Chain, ProbeReason::Untrusted),
        (Step::Chain, ProbeReason::WrongHost),
    ] {
        let mut world = devices();
        for _ in 0..3 {
            world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, Some((step, reason)))]);
        }
        assert_eq!(world.path(), (Some(true), Some(true)), "{reason}");
    }
    for reason in [ProbeReason::Reset, ProbeReason::NotTls, ProbeReason::Timeout] {
        let mut world = devices();
        for _ in 0..2 {
            world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, Some((Step::Tls, reason)))]);
        }
        assert_eq!(world.path(), (Some(false), Some(false)), "{reason}");
    }
}

#[test]
fn what_a_deeper_look_found_stands_until_another_one_as_deep() {
    let mut world = devices();
    let intercepted = Some((Step::Chain, ProbeReason::Intercepted));
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, intercepted)]);
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, FINE)]);
    let report = world.report_in(1);
    assert_eq!(report.targets[0].intercepted, Some(true));
    assert_eq!(report.targets[0].ports[0].issuer.as_deref(), Some("Example CA"));
    assert_eq!(world.path(), (Some(true), Some(true)));
    assert!(report.ask[0].starts_with("the certificate on 5223 was issued by 'Example CA'"), "{:?}", report.ask);
    // Closed: nobody looked, so nobody took it back.
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, DROPPED)]);
    assert_eq!(world.report_in(1).targets[0].intercepted, Some(true));
    let steps: Vec<Step> = world.report_in(1).targets[0].ports[0].steps.keys().copied().collect();
    assert_eq!(steps, [Step::Dns, Step::Tcp], "what was not reached has no sample");
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, FINE)]);
    assert_eq!(world.report_in(1).targets[0].intercepted, Some(false));
    // A reset after the ClientHello is not undone by a mere connection.
    let reset = Some((Step::Tls, ProbeReason::Reset));
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, reset)]);
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, FINE)]);
    assert_eq!(world.path().0, Some(false));
}

#[test]
fn good_news_is_withdrawn_when_no_round_ends_and_bad_news_stays() {
    let mut world = devices();
    let intercepted = Some((Step::Chain, ProbeReason::Intercepted));
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, FINE), attempt(443, Step::Chain, intercepted)]);
    let fresh = world.report_in(180);
    assert_eq!((fresh.paths[0].up, fresh.targets[0].ports[1].up), (Some(true), Some(true)));
    let stale = world.report_in(181);
    assert_eq!((stale.paths[0].up, stale.paths[0].degraded), (None, Some(true)));
    assert_eq!((stale.targets[0].ports[1].up, stale.targets[0].intercepted), (None, Some(true)));
    assert!(stale.targets[0].ports[1].steps.is_empty());
    assert_eq!(stale.way_out(), None);
    for _ in 0..2 {
        world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, DROPPED), attempt(443, Step::Tcp, DROPPED)]);
    }
    let stale = world.report_in(100_000);
    assert_eq!((stale.paths[0].up, stale.way_out(), stale.level), (Some(false), Some(false), Level::Critical));
}

#[test]
fn an_answer_outside_apple_is_remembered_until_the_name_is_answered_well() {
    let mut world = devices();
    let outside = Some((Step::Dns, ProbeReason::DnsOutsideApple));
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, outside), attempt(443, Step::Tcp, FINE)]);
    assert_eq!(world.report_in(1).targets[0].outside_apple, Some(true));
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, Some((Step::Dns, ProbeReason::DnsFailure)))]);
    assert_eq!(world.report_in(1).targets[0].outside_apple, Some(true));
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, FINE)]);
    assert_eq!(world.report_in(1).targets[0].outside_apple, Some(false));
}

#[test]
fn one_intercepted_courier_of_many_is_not_apples_business() {
    let mut world = devices();
    let intercepted = Some((Step::Chain, ProbeReason::Intercepted));
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, intercepted), attempt(5223, Step::Chain, FINE)]);
    assert_eq!(world.path(), (Some(true), Some(true)));
    let report = world.report_in(1);
    assert_eq!(report.targets[0].intercepted, Some(true));
    assert!(report.paths[0].sentence.contains("were issued by 'Example CA'"), "{}", report.paths[0].sentence);
    let outside = Some((Step::Dns, ProbeReason::DnsOutsideApple));
    let mut world = devices();
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, outside), attempt(5223, Step::Chain, FINE)]);
    assert_eq!(world.path(), (Some(true), Some(true)));
    assert!(world.report_in(1).ask[0].contains("addresses that are not Apple's"), "{:?}", world.report_in(1).ask);
}

#[test]
fn a_middlebox_that_accepts_everything_proves_nothing_by_accepting() {
    let mut world = World::new("{ roles: [device], depth: { device: tcp }, control: '192.0.2.1:5223' }");
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, FINE), attempt(443, Step::Tcp, FINE)]);
    assert_eq!((world.report_in(1).control_open, world.report_in(1).way_out()), (None, Some(true)));
    world.memory.control = Some((true, now()));
    let report = world.report_in(1);
    assert_eq!((report.control_open, report.way_out(), report.level), (Some(true), None, Level::Warning));
    assert!(report.paths[0].sentence.contains("not to be trusted"), "{}", report.paths[0].sentence);
    assert_eq!(world.report_in(10_000).control_open, Some(true));
    world.memory.control = Some((false, now()));
    assert_eq!((world.report_in(1).control_open, world.report_in(10_000).control_open), (Some(false), None));
    // Apple's own certificate cannot be imitated.
    let mut world = World::new("{ roles: [device], control: '192.0.2.1:5223' }");
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, FINE), attempt(443, Step::Chain, FINE)]);
    world.memory.control = Some((true, now()));
    assert_eq!(world.report_in(1).way_out(), Some(true));
}

#[test]
fn the_server_path_is_critical_only_where_the_mdm_runs() {
    for (here, level, way_out) in [("true", Level::Critical, Some(false)), ("false", Level::Warning, Some(true))] {
        let mut world = World::new(&format!("{{ site_runs_mdm: {here} }}"));
        let api = Target::api(Step::Http2);
        for _ in 0..2 {
            world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, FINE), attempt(443, Step::Chain, FINE)]);
            world.round((api.role, api.host.clone()), Step::Http2, &[attempt(443, Step::Http2, DROPPED)]);
        }
        let report = world.report_in(1);
        assert_eq!(report.path(Role::Server).unwrap().up, Some(false));
        assert_eq!((report.level, report.way_out()), (level, way_out), "site_runs_mdm: {here}");
    }
}

#[test]
fn a_front_end_that_is_not_apples_is_not_outvoted_by_those_that_were_not_asked() {
    let api = (Role::Server, Host::Name(crate::probe::API_NAME.to_owned()));
    let mut world = World::new("{ roles: [server] }");
    let degraded = |world: &World| world.report_in(1).path(Role::Server).unwrap().degraded;
    let failed = Some((Step::Http2, ProbeReason::HttpFailure));
    let round = [attempt(443, Step::Http2, failed), attempt(443, Step::Chain, FINE)];
    world.round(api.clone(), Step::Http2, &round);
    assert_eq!(degraded(&world), Some(true));
    // The one that was to ask was dead: nobody looked as deep, and nothing is taken back.
    world.round(api.clone(), Step::Http2, &[attempt(443, Step::Http2, DROPPED), attempt(443, Step::Chain, FINE)]);
    assert_eq!(degraded(&world), Some(true));
    world.round(api, Step::Http2, &[attempt(443, Step::Http2, FINE), attempt(443, Step::Chain, FINE)]);
    assert_eq!(degraded(&world), Some(false));
}

#[test]
fn a_way_on_which_nothing_shows_apple_and_something_else_does_answers_no_question() {
    for (step, reason) in [
        (Step::Tls, ProbeReason::TlsFailure),
        (Step::Chain, ProbeReason::Intercepted),
        (Step::Chain, ProbeReason::Untrusted),
        (Step::Chain, ProbeReason::WrongHost),
    ] {
        let mut world = devices();
        let odd = Some((step, reason));
        world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, odd), attempt(443, Step::Chain, odd)]);
        assert_eq!(world.path().0, Some(true), "it is not down: {reason}");
        assert_eq!(world.report_in(1).way_out(), None, "{reason}");
        world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, odd), attempt(443, Step::Chain, FINE)]);
        assert_eq!(world.report_in(1).way_out(), Some(true), "the fallback is Apple's: {reason}");
    }
}

#[test]
fn nothing_is_well_that_nobody_can_look_at() {
    let mut world = devices();
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, FINE)]);
    world.round(COURIERS, Step::Tcp, &[attempt(5223, Step::Tcp, FINE)]);
    let found = |world: &World| {
        let target = world.report_in(1).targets.remove(0);
        (target.intercepted, target.outside_apple)
    };
    assert_eq!(found(&world), (Some(false), Some(false)), "that nobody tried takes nothing away");
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, Some((Step::Tls, ProbeReason::TlsFailure)))]);
    assert_eq!(found(&world), (None, Some(false)));
    world.round(COURIERS, Step::Chain, &[attempt(5223, Step::Chain, Some((Step::Dns, ProbeReason::DnsFailure)))]);
    assert_eq!(found(&world), (None, None));
}

#[test]
fn the_texts_do_not_contradict_themselves() {
    let mut world = devices();
    let intercepted = Some((Step::Chain, ProbeReason::Intercepted));
    world.round(COURIERS, Step::Chain, &[attempt(443, Step::Chain, intercepted), v6(attempt(443, Step::Chain, FINE))]);
    let ask = world.report_in(1).ask.remove(0);
    assert!(ask.contains("on 443 was issued by 'Example CA'") && !ask.contains("443 works"), "{ask}");
    // One family has no name, the other no way: the way is what the firewall team can mend.
    let mut world = devices();
    let unnamed = Some((Step::Dns, ProbeReason::DnsFailure));
    world.round(COURIERS, Step::Chain, &[attempt(443, Step::Chain, unnamed), v6(attempt(443, Step::Chain, DROPPED))]);
    let ask = world.report_in(1).ask.remove(0);
    assert!(ask.starts_with("outbound TCP 443 to 17.0.0.0/8 is dropped"), "{ask}");
}
