//! A round: names, then every address at every port, all at once.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rand::seq::SliceRandom as _;

use super::attempt::{Deep, connect, deep};
use super::chain::Trust;
use super::dns::{Answer, Answers, Names, Resolvers, has_family, has_route};
use super::{API_NAME, COURIER_NAME, COURIERS, Host, Settings, Target};
use crate::blocking::Guard;
use crate::clock::Clock;
use crate::model::probe::Attempt;
use crate::model::{IpVersion, ProbeFailure, ProbeReason, Role, Step, StepTaken};
use tokio::time::Instant;

/// So many couriers are tried in a round: one that is dead is Apple's business.
const SAMPLE: usize = 3;

/// Where Apple's names end.
const DOMAIN: &str = "push.apple.com";

/// Probes targets, always the direct way.
#[derive(Debug)]
pub struct Prober {
    names: Names,
    timeout: Duration,
    control: Option<SocketAddr>,
    files: (Option<PathBuf>, Option<PathBuf>),
    guard: Guard,
    clock: Clock,
}

/// An address to be tried, or why it is not.
#[derive(Debug)]
struct Candidate {
    host: String,
    address: Option<IpAddr>,
    ip_version: IpVersion,
    dns: Option<StepTaken>,
}

impl Prober {
    /// A prober for these settings. What is wrong with the resolver or a file of CAs is told by the attempts.
    #[must_use]
    pub fn new(settings: &Settings, clock: Clock) -> Self {
        Self {
            names: Names::new(settings.resolver, settings.timeout, settings.allowed_ranges.clone()),
            timeout: settings.timeout,
            control: settings.control,
            files: Trust::files(settings),
            guard: Guard::default(),
            clock,
        }
    }

    /// One round of a target, down to `until` at most: one attempt for each address that was chosen, at each port.
    pub async fn round(&self, target: &Target, until: Step) -> Vec<Attempt> {
        let until = until.min(target.depth);
        let trust = async { if until < Step::Chain { Trust::default() } else { self.trust().await } };
        let (trust, candidates) = tokio::join!(trust, self.candidates(&target.host));
        let name = certificate_name(target);
        let mut asked = BTreeSet::new();
        let mut attempts = Vec::new();
        for candidate in &candidates {
            for port in &target.ports {
                // One request a family and port is enough.
                let is_first = asked.insert((candidate.ip_version, *port));
                let until = if is_first { until } else { until.min(Step::Chain) };
                let parts = Deep { role: target.role, until, name, trust: &trust, now: self.clock.now() };
                attempts.push(self.attempt(candidate, *port, parts));
            }
        }
        futures::future::join_all(attempts).await
    }

    /// Whether the control opened; `None` if there is none.
    pub async fn control(&self) -> Option<bool> {
        let (attempt, _) = connect("control", self.control?, self.timeout).await;
        Some(attempt.failure().is_none())
    }

    async fn attempt(&self, candidate: &Candidate, port: u16, parts: Deep<'_>) -> Attempt {
        let dns = candidate.dns.clone();
        let is_refused = dns.as_ref().is_some_and(|dns| dns.failure.is_some());
        match candidate.address {
            Some(address) if !is_refused => {
                let mut attempt = deep(&candidate.host, (address, port).into(), self.timeout, parts).await;
                if let Some(dns) = dns {
                    attempt.steps.insert(0, dns);
                }
                attempt
            }
            address => Attempt {
                port,
                ip_version: candidate.ip_version,
                host: candidate.host.clone(),
                address,
                steps: dns.into_iter().collect(),
                issuer: None,
            },
        }
    }

    /// The files are read each time, so that a CA that was replaced counts at once.
    async fn trust(&self) -> Trust {
        let files = self.files.clone();
        let load = self.guard.run("the CAs", move || Trust::load(files.0.as_ref(), files.1.as_ref()));
        // A file system that hangs takes the CAs that the files name away, and nothing else.
        match tokio::time::timeout(self.timeout, load).await {
            Ok(Ok(trust)) => trust,
            Ok(Err(_)) | Err(_) => Trust::unread(),
        }
    }

    async fn candidates(&self, host: &Host) -> Vec<Candidate> {
        match host {
            Host::Address(address) => vec![Candidate {
                host: address.to_string(),
                address: Some(*address),
                ip_version: IpVersion::of(*address),
                dns: None,
            }],
            Host::Name(name) => self.addresses(&self.names.resolvers().await, name, SAMPLE).await,
            Host::Couriers => {
                let resolvers = self.names.resolvers().await;
                let mut numbers: Vec<u32> = (1..=COURIERS).collect();
                let (chosen, _) = numbers.partial_shuffle(&mut rand::rng(), SAMPLE);
                let names: Vec<String> = chosen.iter().map(|number| format!("{number}-courier.{DOMAIN}")).collect();
                let found =
                    futures::future::join_all(names.iter().map(|name| self.addresses(&resolvers, name, 1))).await;
                found.into_iter().flatten().collect()
            }
        }
    }

    /// Up to `most` addresses of a name in each family that this host has.
    async fn addresses(&self, resolvers: &Resolvers, name: &str, most: usize) -> Vec<Candidate> {
        let begun = Instant::now();
        let answers = self.names.look_up(resolvers, name).await;
        let took = begun.elapsed();
        let found = |answer: &Answer| answer.as_ref().is_ok_and(|addresses| !addresses.is_empty());
        let candidate = |ip_version, address, failure| Candidate {
            host: name.to_owned(),
            address,
            ip_version,
            dns: Some(StepTaken { step: Step::Dns, took, failure }),
        };
        if !found(&answers.v4) && !found(&answers.v6) {
            let failure = nothing(name, &answers);
            let mut families: Vec<IpVersion> =
                IpVersion::ALL.into_iter().filter(|family| has_family(*family)).collect();
            if families.is_empty() {
                families.push(IpVersion::V4);
            }
            return families.into_iter().map(|family| candidate(family, None, Some(failure.clone()))).collect();
        }
        let is_routed = |family: IpVersion| {
            let routed = |address: &IpAddr| has_route(*address);
            has_family(family) || answers.of(family).as_ref().is_ok_and(|addresses| addresses.iter().any(routed))
        };
        let mut candidates = Vec::new();
        for (family, other) in [(IpVersion::V4, IpVersion::V6), (IpVersion::V6, IpVersion::V4)] {
            // A family that this host lacks is no failure, unless the other one has no address either.
            if !is_routed(family) && is_routed(other) && found(answers.of(other)) {
                continue;
            }
            match answers.of(family) {
                Ok(addresses) => {
                    let mut addresses = addresses.clone();
                    addresses.shuffle(&mut rand::rng());
                    candidates.extend(addresses.into_iter().take(most).map(|address| {
                        candidate(family, Some(address), self.names.objection(name, address, &answers))
                    }));
                }
                Err(failure) => candidates.push(candidate(family, None, Some(failure.clone()))),
            }
        }
        candidates
    }
}

impl Answers {
    fn of(&self, family: IpVersion) -> &Answer {
        match family {
            IpVersion::V4 => &self.v4,
            IpVersion::V6 => &self.v6,
        }
    }
}

/// Why a name has no address at all.
fn nothing(name: &str, answers: &Answers) -> ProbeFailure {
    let failed = answers.v4.as_ref().err().or_else(|| answers.v6.as_ref().err());
    failed.cloned().unwrap_or_else(|| {
        ProbeFailure::new(ProbeReason::DnsEmpty, format!("{name}: the name is there and has no address"))
    })
}

/// The name that the certificate of a target must be for.
fn certificate_name(target: &Target) -> &str {
    match (target.role, &target.host) {
        (Role::Device, _) => COURIER_NAME,
        (Role::Server, Host::Name(name)) if name.ends_with(DOMAIN) => name,
        (Role::Server, _) => API_NAME,
    }
}
