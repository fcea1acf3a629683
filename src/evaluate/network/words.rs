//! The way to Apple in words, for those who run the firewall.

use std::collections::BTreeSet;

use super::{NetworkReport, PathReport, PortReport, TargetReport, closed_ports, odd_ports};
use crate::model::{ProbeFailure, ProbeReason, Role, Step};

/// The state of a path in one sentence. It says from where it was seen, for it is true of no other place.
pub(super) fn sentence(report: &NetworkReport, path: &PathReport) -> String {
    let who = match path.role {
        Role::Device => "devices",
        Role::Server => "an MDM here",
    };
    let state = match (path.up, path.degraded) {
        (Some(false), _) => {
            format!("{} cannot reach Apple: {}", who, list(closed(report, path.role)))
        }
        (Some(true), Some(true)) => {
            format!("{} can reach Apple, and something is wrong: {}", who, list(troubles(report, path.role)))
        }
        (Some(true), _) if path.proven => format!("{who} can reach Apple, and it is Apple that answers"),
        (Some(true), _) => format!("{who} can open a connection; whether Apple answers was not looked at"),
        (None, _) => format!("nobody can say whether {who} can reach Apple"),
    };
    let untrusted = if report.control_open == Some(true) && !path.proven {
        "; an address that must not open did, so this is not to be trusted"
    } else {
        ""
    };
    format!("{state}{untrusted} (seen from {}; says nothing about other networks)", report.site)
}

/// What to ask those who run the firewall or the network.
pub(super) fn ask(report: &NetworkReport) -> Vec<String> {
    let mut asks = Vec::new();
    for path in &report.paths {
        let all: Vec<String> =
            closed(report, path.role).into_iter().chain(troubles_of_tls(report, path.role)).collect();
        if all.is_empty() {
            continue;
        }
        let open = open_ports(report, path.role);
        let open = if open.is_empty() { String::new() } else { format!("; {} works", list(open)) };
        let wish = match path.role {
            Role::Device => {
                "Devices need outbound TCP 5223, with 443 as fallback, to 17.0.0.0/8 and Apple's IPv6 ranges"
            }
            Role::Server => "An MDM needs outbound TCP 443 or 2197 to 17.0.0.0/8 and Apple's IPv6 ranges",
        };
        asks.push(format!("{}{open}. {wish}, direct and without TLS inspection", list(all)));
    }
    if report.control_open == Some(true) {
        asks.push(
            "something on the way accepts every connection, also to an address where nothing is: which proxy or \
             SYN protection is it, and can the way to Apple go around it"
                .to_owned(),
        );
    }
    asks
}

/// What is closed, a phrase for each port.
fn closed(report: &NetworkReport, role: Role) -> Vec<String> {
    let mut phrases = BTreeSet::new();
    for target in report.targets.iter().filter(|target| target.role == role) {
        for number in closed_ports(target) {
            // The family that got furthest tells most.
            let failures =
                target.ports.iter().filter(|port| port.port == number).filter_map(|port| port.failure.as_ref());
            let Some((step, failure)) = failures.max_by_key(|(step, _)| *step) else { continue };
            phrases.insert(if *step == Step::Dns {
                phrase_of_dns(&target.target, failure)
            } else {
                format!("outbound TCP {number} to {} {}", place(&target.target), phrase(*step, failure))
            });
        }
    }
    phrases.into_iter().collect()
}

/// Where a target is, as a firewall knows it.
fn place(target: &str) -> String {
    if target == "courier" || target == "api" { "17.0.0.0/8".to_owned() } else { target.to_owned() }
}

fn phrase_of_dns(target: &str, failure: &ProbeFailure) -> String {
    let name = match target {
        "courier" => "the names of Apple's couriers",
        "api" => crate::probe::API_NAME,
        other => other,
    };
    match failure.reason {
        ProbeReason::Sinkholed => format!("the resolver sends {name} nowhere ({})", failure.message),
        ProbeReason::DnsOutsideApple => {
            format!("the resolver sends {name} to an address that is not Apple's ({})", failure.message)
        }
        ProbeReason::DnsEmpty => format!("the resolver has no address for {name}"),
        _ => format!("the resolver gives no address for {name} ({})", failure.message),
    }
}

fn phrase(step: Step, failure: &ProbeFailure) -> String {
    match (failure.reason, step) {
        (ProbeReason::Timeout, Step::Tcp) => "is dropped".to_owned(),
        (ProbeReason::Timeout, _) => "opens, and then nothing answers".to_owned(),
        (ProbeReason::Refused, _) => "is rejected by a RST".to_owned(),
        (ProbeReason::Unreachable, _) => format!("is rejected by ICMP, or has no route ({})", failure.message),
        (ProbeReason::Reset, _) => "opens, and is reset when TLS begins".to_owned(),
        (ProbeReason::NotTls, _) => "is answered by something that is not TLS: a portal or a proxy".to_owned(),
        _ => format!("fails: {}", failure.message),
    }
}

/// What is wrong on a path that is up.
fn troubles(report: &NetworkReport, role: Role) -> Vec<String> {
    closed(report, role).into_iter().chain(troubles_of_tls(report, role)).collect()
}

fn troubles_of_tls(report: &NetworkReport, role: Role) -> Vec<String> {
    let targets = report.targets.iter().filter(|target| target.role == role);
    targets.flat_map(troubles_of_target).collect::<BTreeSet<String>>().into_iter().collect()
}

/// What TLS and the names say of one target, also where it is true of some members only.
fn troubles_of_target(target: &TargetReport) -> Vec<String> {
    let mut phrases: Vec<String> = odd_ports(target).into_iter().filter_map(trouble).collect();
    let has = |reasons: &[ProbeReason]| {
        let failures = target.ports.iter().filter_map(|port| port.failure.as_ref());
        failures.into_iter().any(|(_, failure)| reasons.contains(&failure.reason))
    };
    if target.intercepted == Some(true) && !has(&[ProbeReason::Intercepted]) {
        let issuer = target.ports.iter().find_map(|port| port.issuer.as_deref());
        let issuer = issuer.map_or_else(|| "somebody else".to_owned(), |issuer| format!("'{issuer}'"));
        phrases.push(format!("some certificates of {} were issued by {issuer}", target.target));
    }
    if target.outside_apple == Some(true) && !has(&[ProbeReason::DnsOutsideApple, ProbeReason::Sinkholed]) {
        phrases.push(format!("the resolver sends some names of {} to addresses that are not Apple's", target.target));
    }
    phrases
}

fn trouble(port: &PortReport) -> Option<String> {
    let (_, failure) = port.failure.as_ref()?;
    let number = port.port;
    let issuer = port.issuer.as_deref();
    Some(match (failure.reason, issuer) {
        (ProbeReason::Intercepted, Some(issuer)) => format!("the certificate on {number} was issued by '{issuer}'"),
        (ProbeReason::Intercepted, None) => format!("the certificate on {number} was not issued by Apple"),
        _ => format!("on {number}: {}", failure.message),
    })
}

/// The ports that are open in some family.
fn open_ports(report: &NetworkReport, role: Role) -> Vec<String> {
    let ports = || report.targets.iter().filter(|target| target.role == role).flat_map(|target| &target.ports);
    let is_fine = |port: &&PortReport| port.up == Some(true) && port.failure.is_none();
    // A number that is named as trouble is not said to work in the same breath.
    let bad: BTreeSet<u16> = report
        .targets
        .iter()
        .filter(|target| target.role == role)
        .flat_map(|target| closed_ports(target).into_iter().chain(odd_ports(target).into_iter().map(|port| port.port)))
        .collect();
    let numbers: BTreeSet<u16> =
        ports().filter(is_fine).map(|port| port.port).filter(|number| !bad.contains(number)).collect();
    numbers.into_iter().map(|number| number.to_string()).collect()
}

fn list(phrases: Vec<String>) -> String {
    if phrases.is_empty() { "nothing answered".to_owned() } else { phrases.join("; ") }
}
