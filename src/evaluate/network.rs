//! The way to Apple, as this process sees it from where it stands.
//!
//! A port is judged by its best member, for one dead courier of many is Apple's business. A path is down when nothing of
//! it answered for some rounds running; what TLS says degrades it and never closes it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::tenant::Level;
use crate::config::Config;
use crate::model::probe::Attempt;
use crate::model::{IpVersion, ProbeFailure, ProbeReason, Role, Step};
use crate::probe::{Host, Settings};

mod words;

/// Good news is withdrawn when no round ended for so many intervals.
const STALE: u32 = 3;

/// What all rounds told so far. Not kept over a restart: the next round is near.
#[derive(Clone, Debug, Default)]
pub struct NetworkMemory {
    /// By role and host.
    pub targets: BTreeMap<(Role, Host), TargetMemory>,
    /// Whether the control opened, and when that was tried last.
    pub control: Option<(bool, DateTime<Utc>)>,
    /// Counts the changes of what is probed.
    pub generation: u64,
}

/// What the rounds of one target told.
#[derive(Clone, Debug, Default)]
pub struct TargetMemory {
    /// By port and family; only those that the last round tried.
    pub ports: BTreeMap<(u16, IpVersion), PortMemory>,
    /// The end of the last round.
    pub last_round: Option<DateTime<Utc>>,
    /// How many rounds running ended without an answer of any port.
    pub closed_rounds: u32,
    /// Whether the target answers; a no needs confirmation, a yes does not. `None` before the first verdict.
    pub verdict: Option<bool>,
    /// Whether a name was answered with an address that cannot be Apple's.
    pub outside_apple: Option<bool>,
}

/// What is known of one port in one family.
#[derive(Clone, Debug, Default)]
pub struct PortMemory {
    /// Whether any member answered.
    pub up: bool,
    /// What keeps the best member from being plainly fine.
    pub failure: Option<(Step, ProbeFailure)>,
    /// How each step last ended. A step that was not reached is not here.
    pub steps: BTreeMap<Step, bool>,
    /// Whether any certificate was issued by somebody else, when one was last looked at.
    pub intercepted: Option<bool>,
    /// Who issued it, if so.
    pub issuer: Option<String>,
    /// Whether Apple's front end was asked in the last round.
    pub asked: bool,
    /// Which host and address that was.
    pub host: String,
    /// The address of the member that was judged.
    pub address: Option<IpAddr>,
}

/// Takes in a round that went down to `until` at most.
pub fn learn_round(
    memory: &mut TargetMemory,
    attempts: &[Attempt],
    until: Step,
    confirmations: u32,
    at: DateTime<Utc>,
) {
    let mut groups: BTreeMap<(u16, IpVersion), Vec<&Attempt>> = BTreeMap::new();
    for attempt in attempts {
        groups.entry((attempt.port, attempt.ip_version)).or_default().push(attempt);
    }
    let before = std::mem::take(&mut memory.ports);
    memory.ports = groups
        .into_iter()
        .map(|(key, group)| {
            let port = PortMemory::learn(before.get(&key), &group, until);
            (key, port)
        })
        .collect();
    let told = |attempt: &Attempt| attempt.step(Step::Dns).map(|taken| taken.failure.as_ref().map(|f| f.reason));
    let is_outside = |reason| matches!(reason, Some(ProbeReason::DnsOutsideApple | ProbeReason::Sinkholed));
    let answers: Vec<Option<ProbeReason>> = attempts.iter().filter_map(told).collect();
    if answers.iter().any(|reason| is_outside(*reason)) {
        memory.outside_apple = Some(true);
    } else if answers.contains(&None) {
        memory.outside_apple = Some(false);
    } else if memory.outside_apple == Some(false) {
        // The resolver says nothing, good or bad.
        memory.outside_apple = None;
    }
    if memory.ports.values().any(|port| port.up) {
        memory.closed_rounds = 0;
        memory.verdict = Some(true);
    } else {
        memory.closed_rounds = memory.closed_rounds.saturating_add(1);
        if memory.closed_rounds >= confirmations {
            memory.verdict = Some(false);
        }
    }
    memory.last_round = Some(at);
}

impl PortMemory {
    fn learn(before: Option<&Self>, group: &[&Attempt], until: Step) -> Self {
        // Fine before degraded before closed; among the same the deepest failure, which tells most.
        let rank = |attempt: &&&Attempt| match (attempt.closed(), attempt.failure()) {
            (None, None) => (0, Step::Dns),
            (None, Some((step, _))) => (1, step),
            (Some((step, _)), _) => (2, step),
        };
        let best = group.iter().min_by_key(|attempt| {
            let (class, step) = rank(attempt);
            (class, std::cmp::Reverse(step))
        });
        let mut port = Self::default();
        if let Some(best) = best {
            port.up = best.closed().is_none();
            port.failure = best.failure().map(|(step, failure)| (step, failure.clone()));
            port.host.clone_from(&best.host);
            port.address = best.address;
        }
        // One attempt of a port asks over HTTP; the others did not look that deep, and do not outvote it.
        let asked = group.iter().find(|attempt| attempt.step(Step::Http2).is_some());
        port.asked = asked.is_some();
        if let (None, Some(asked)) = (&port.failure, asked) {
            port.failure = asked.failure().map(|(step, failure)| (step, failure.clone()));
        }
        // What was asked for is not what was reached: the one that should have asked may have been dead.
        let reached = group.iter().filter_map(|attempt| attempt.steps.last()).map(|taken| taken.step).max();
        let reached = reached.map_or(until, |reached| reached.min(until));
        for step in Step::ALL {
            let tried: Vec<bool> =
                group.iter().filter_map(|attempt| attempt.step(step).map(|taken| taken.failure.is_none())).collect();
            if !tried.is_empty() {
                port.steps.insert(step, tried.contains(&true));
            } else if port.up
                && step > reached
                && let Some(value) = before.and_then(|before| before.steps.get(&step))
            {
                port.steps.insert(step, *value);
            }
        }
        // What a deeper look found stands until another one as deep finds otherwise.
        if let Some(before) = before
            && port.failure.is_none()
            && let Some((step, failure)) = before.failure.clone().filter(|(step, _)| *step > reached)
        {
            port.up = before.up;
            port.failure = Some((step, failure));
        }
        let chains: Vec<&Attempt> =
            group.iter().copied().filter(|attempt| attempt.step(Step::Chain).is_some()).collect();
        let foreign = chains.iter().find(|attempt| {
            let failure = attempt.step(Step::Chain).and_then(|taken| taken.failure.as_ref());
            failure.is_some_and(|failure| failure.reason == ProbeReason::Intercepted)
        });
        if chains.is_empty() {
            // Nobody could look, so that what was well is not known any more; that nobody tried takes nothing away.
            let is_untried = until < Step::Chain && port.up;
            port.intercepted = before.and_then(|before| before.intercepted).filter(|bad| *bad || is_untried);
            port.issuer = before.and_then(|before| before.issuer.clone());
        } else {
            port.intercepted = Some(foreign.is_some());
            let named = foreign.or_else(|| chains.iter().find(|attempt| attempt.issuer.is_some()));
            port.issuer = named.and_then(|attempt| attempt.issuer.clone());
        }
        port
    }
}

/// The way to Apple at one moment.
#[derive(Clone, Debug)]
pub struct NetworkReport {
    /// Where this process stands.
    pub site: String,
    /// Whether the MDM runs here.
    pub site_runs_mdm: bool,
    /// From round to round.
    pub interval: Duration,
    /// One for each role that is probed.
    pub paths: Vec<PathReport>,
    /// Everything that is probed.
    pub targets: Vec<TargetReport>,
    /// Whether an address that must not open did; `None` where none is configured, or nobody knows.
    pub control_open: Option<bool>,
    /// What to ask those who run the firewall, one sentence each.
    pub ask: Vec<String>,
    /// How urgently a person is needed.
    pub level: Level,
}

/// One role's way.
#[derive(Clone, Debug)]
pub struct PathReport {
    /// The role.
    pub role: Role,
    /// Whether anything of it answers; `None` if nobody can say.
    pub up: Option<bool>,
    /// Whether it is up and not as it should be; `None` if nobody can say.
    pub degraded: Option<bool>,
    /// The end of the last round of the target that is furthest behind; `None` before all had one.
    pub last_round: Option<DateTime<Utc>>,
    /// Whether a port showed Apple's own certificate, which nothing on the way can imitate.
    pub proven: bool,
    /// Whether something else than Apple showed itself at a port, and Apple at none: devices refuse that.
    pub is_doubtful: bool,
    /// The state in one sentence.
    pub sentence: String,
}

/// One target.
#[derive(Clone, Debug)]
pub struct TargetReport {
    /// Its role.
    pub role: Role,
    /// The label `target`.
    pub target: String,
    /// By port and family.
    pub ports: Vec<PortReport>,
    /// Whether a certificate was issued by somebody else than Apple.
    pub intercepted: Option<bool>,
    /// Whether a name was answered with an address that cannot be Apple's.
    pub outside_apple: Option<bool>,
}

/// One port in one family.
#[derive(Clone, Debug)]
pub struct PortReport {
    /// The port.
    pub port: u16,
    /// The family.
    pub ip_version: IpVersion,
    /// Whether any member answered; `None` where that was long ago.
    pub up: Option<bool>,
    /// How each step last ended.
    pub steps: BTreeMap<Step, bool>,
    /// What keeps it from being plainly fine.
    pub failure: Option<(Step, ProbeFailure)>,
    /// Who issued the certificate, where it was not Apple.
    pub issuer: Option<String>,
    /// The member that was judged.
    pub host: String,
    /// Its address.
    pub address: Option<IpAddr>,
}

/// Judges the way to Apple; `None` if nothing is probed.
#[must_use]
pub fn report(memory: &NetworkMemory, config: &Config, now: DateTime<Utc>) -> Option<NetworkReport> {
    let settings = config.probe.as_ref()?;
    let nothing = TargetMemory::default();
    let interval = TimeDelta::from_std(settings.interval).unwrap_or(TimeDelta::MAX);
    let is_stale =
        |at: Option<DateTime<Utc>>| at.is_none_or(|at| now - at > interval * i32::try_from(STALE).unwrap_or(i32::MAX));
    let known: Vec<(Role, &Host, &TargetMemory)> = settings
        .targets
        .iter()
        .map(|target| {
            let memory = memory.targets.get(&(target.role, target.host.clone())).unwrap_or(&nothing);
            (target.role, &target.host, memory)
        })
        .collect();
    let targets: Vec<TargetReport> =
        known.iter().map(|(role, host, memory)| target(*role, host, memory, is_stale(memory.last_round))).collect();
    let paths: Vec<PathReport> = Role::ALL
        .into_iter()
        .filter(|role| known.iter().any(|(of, ..)| of == role))
        .map(|role| {
            let mine: Vec<&TargetMemory> =
                known.iter().filter(|(of, ..)| *of == role).map(|(.., memory)| *memory).collect();
            path(role, &mine, &targets, &is_stale)
        })
        .collect();
    let control_open = settings.control.and(memory.control).and_then(|(open, at)| {
        let is_known = open || !is_stale(Some(at));
        is_known.then_some(open)
    });
    let mut report = NetworkReport {
        site: config.site.clone().unwrap_or_default(),
        site_runs_mdm: settings.site_runs_mdm,
        interval: settings.interval,
        paths,
        targets,
        control_open,
        ask: Vec::new(),
        level: Level::Ok,
    };
    for index in 0..report.paths.len() {
        report.paths[index].sentence = words::sentence(&report, &report.paths[index]);
    }
    report.ask = words::ask(&report);
    report.level = level(&report);
    Some(report)
}

/// Yes is perishable, no stays.
fn good_if_fresh(value: bool, stale: bool) -> Option<bool> {
    (!value || !stale).then_some(value)
}

/// No trouble is perishable, trouble stays.
fn bad_stays(value: bool, stale: bool) -> Option<bool> {
    (value || !stale).then_some(value)
}

fn target(role: Role, host: &Host, memory: &TargetMemory, stale: bool) -> TargetReport {
    let ports = memory.ports.iter().map(|((number, ip_version), port)| PortReport {
        port: *number,
        ip_version: *ip_version,
        up: good_if_fresh(port.up, stale),
        steps: port.steps.iter().filter(|(_, value)| !**value || !stale).map(|(step, value)| (*step, *value)).collect(),
        failure: port.failure.clone(),
        issuer: port.issuer.clone(),
        host: port.host.clone(),
        address: port.address,
    });
    let looks: Vec<bool> = memory.ports.values().filter_map(|port| port.intercepted).collect();
    let intercepted = (!looks.is_empty()).then(|| looks.contains(&true));
    TargetReport {
        role,
        target: host.to_string(),
        ports: ports.collect(),
        intercepted: intercepted.and_then(|value| bad_stays(value, stale)),
        outside_apple: memory.outside_apple.and_then(|value| bad_stays(value, stale)),
    }
}

fn path(
    role: Role,
    mine: &[&TargetMemory],
    targets: &[TargetReport],
    is_stale: &impl Fn(Option<DateTime<Utc>>) -> bool,
) -> PathReport {
    let verdicts: Vec<Option<bool>> = mine
        .iter()
        .map(|memory| memory.verdict.and_then(|verdict| good_if_fresh(verdict, is_stale(memory.last_round))))
        .collect();
    let up = if verdicts.contains(&Some(true)) {
        Some(true)
    } else {
        verdicts.iter().all(|verdict| *verdict == Some(false)).then_some(false)
    };
    let mine_reported: Vec<&TargetReport> = targets.iter().filter(|target| target.role == role).collect();
    let last_rounds: Option<Vec<DateTime<Utc>>> = mine.iter().map(|memory| memory.last_round).collect();
    let last_round = last_rounds.and_then(|rounds| rounds.into_iter().min());
    let is_bad = mine_reported.iter().any(|target| {
        let is_odd = target.intercepted == Some(true) || target.outside_apple == Some(true);
        is_odd || !closed_ports(target).is_empty() || !odd_ports(target).is_empty()
    });
    let degraded = match up {
        Some(true) if !is_bad && verdicts.contains(&None) => None,
        Some(true) => Some(is_bad),
        // What is down is not degraded besides.
        Some(false) => Some(false),
        None => is_bad.then_some(true),
    };
    let proven = mine_reported
        .iter()
        .flat_map(|target| &target.ports)
        .any(|port| port.up == Some(true) && port.steps.get(&Step::Chain) == Some(&true));
    let is_odd = |port: &&PortReport| port.failure.as_ref().is_some_and(|(step, _)| *step <= Step::Chain);
    let is_doubtful = !proven && mine_reported.iter().flat_map(|target| odd_ports(target)).any(|port| is_odd(&port));
    PathReport { role, up, degraded, last_round, proven, is_doubtful, sentence: String::new() }
}

/// The ports that are closed in every family that was tried.
fn closed_ports(target: &TargetReport) -> Vec<u16> {
    let mut numbers: Vec<u16> = target.ports.iter().map(|port| port.port).collect();
    numbers.dedup();
    numbers.retain(|number| target.ports.iter().filter(|port| port.port == *number).all(|port| port.up == Some(false)));
    numbers
}

/// The ports that answer, and not plainly as Apple does.
fn odd_ports(target: &TargetReport) -> Vec<&PortReport> {
    target.ports.iter().filter(|port| port.up != Some(false) && port.failure.is_some()).collect()
}

fn level(report: &NetworkReport) -> Level {
    let down = |role| report.path(role).is_some_and(|path| path.up == Some(false));
    if down(Role::Device) || (report.site_runs_mdm && down(Role::Server)) {
        return Level::Critical;
    }
    let is_odd =
        report.targets.iter().any(|target| target.intercepted == Some(true) || target.outside_apple == Some(true));
    let is_degraded = report.paths.iter().any(|path| path.degraded == Some(true));
    if down(Role::Server) || is_odd || is_degraded || report.control_open == Some(true) {
        return Level::Warning;
    }
    if report.paths.iter().any(|path| path.up.is_none()) { Level::Unknown } else { Level::Ok }
}

impl NetworkReport {
    /// The way of a role, if it is probed.
    #[must_use]
    pub fn path(&self, role: Role) -> Option<&PathReport> {
        self.paths.iter().find(|path| path.role == role)
    }

    /// Whether pushes get out from here: devices reach Apple and, where the MDM runs here, so does it. `None` if nobody
    /// can say, also when nothing showed Apple's certificate and something else was shown in its place, or something on
    /// the way accepts everything.
    #[must_use]
    pub fn way_out(&self) -> Option<bool> {
        let roles: &[Role] = if self.site_runs_mdm { &Role::ALL } else { &[Role::Device] };
        let answers: Vec<Option<bool>> = roles
            .iter()
            .map(|role| {
                let path = self.path(*role)?;
                let is_believed = path.proven || (!path.is_doubtful && self.control_open != Some(true));
                path.up.filter(|up| !up || is_believed)
            })
            .collect();
        if answers.contains(&Some(false)) {
            return Some(false);
        }
        answers.iter().all(|answer| *answer == Some(true)).then_some(true)
    }
}

/// Whether the rounds of these settings could ever say if pushes get out.
#[must_use]
pub fn can_know(settings: &Settings) -> bool {
    let has = |role| settings.targets.iter().any(|target| target.role == role);
    has(Role::Device) && (!settings.site_runs_mdm || has(Role::Server))
}

#[cfg(test)]
mod tests;
