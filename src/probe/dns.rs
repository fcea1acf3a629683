//! The first step: a name becomes addresses, each family by itself.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};
use ipnet::{IpNet, Ipv6Net};
use tokio::time::Instant;

use super::ranges::{self, Place, SAMPLE_V4, SAMPLE_V6};
use crate::blocking::Guard;
use crate::model::{IpVersion, ProbeFailure, ProbeReason};

/// Asked for the prefix of a NAT64 (RFC 7050), when an address fits nothing else.
const IPV4_ONLY: &str = "ipv4only.arpa.";

/// Looks names up, without a cache and without a search list: what is asked is what is meant.
#[derive(Debug)]
pub(super) struct Names {
    server: Option<SocketAddr>,
    timeout: Duration,
    allowed: Vec<IpNet>,
    guard: Guard,
}

/// The DNS servers of a round, or why there are none.
pub(super) type Resolvers = Result<Vec<(TokioResolver, Duration)>, String>;

/// What a name was answered with, in one family.
pub(super) type Answer = Result<Vec<IpAddr>, ProbeFailure>;

/// What a name was answered with.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) v4: Answer,
    pub(super) v6: Answer,
    /// The prefixes of the NAT64 of this network, if they had to be learnt.
    nat64: Vec<Ipv6Net>,
}

impl Names {
    pub(super) fn new(server: Option<SocketAddr>, timeout: Duration, allowed: Vec<IpNet>) -> Self {
        Self { server, timeout, allowed, guard: Guard::default() }
    }

    /// Looks a name up, which may have no trailing dot.
    pub(super) async fn look_up(&self, resolvers: &Resolvers, name: &str) -> Answers {
        let absolute = format!("{}.", name.trim_end_matches('.'));
        let resolvers = match resolvers {
            Ok(resolvers) => resolvers,
            Err(error) => {
                let failure = ProbeFailure::new(ProbeReason::DnsFailure, format!("no resolver: {error}"));
                return Answers { v4: Err(failure.clone()), v6: Err(failure), nat64: Vec::new() };
            }
        };
        // One deadline for the step, the question for a prefix too.
        let deadline = Instant::now() + self.timeout;
        let ask = async |name: &str, kind| match tokio::time::timeout_at(deadline, family(resolvers, name, kind)).await
        {
            Ok(answer) => answer,
            Err(_) => Err(failed(name, "no answer in time")),
        };
        let (v4, v6) = tokio::join!(ask(&absolute, RecordType::A), ask(&absolute, RecordType::AAAA));
        let mut answers = Answers { v4, v6, nat64: Vec::new() };
        let is_odd = |address: &IpAddr| ranges::place(*address, &self.allowed, &[]) == Place::Outside;
        if answers.v6.as_ref().is_ok_and(|addresses| addresses.iter().any(is_odd)) {
            let told = ask(IPV4_ONLY, RecordType::AAAA).await.unwrap_or_default();
            answers.nat64 = told.into_iter().filter_map(v6_of).filter_map(ranges::nat64_prefix).collect();
        }
        answers
    }

    /// Why an address that a name was answered with must not be connected to.
    pub(super) fn objection(&self, name: &str, address: IpAddr, answers: &Answers) -> Option<ProbeFailure> {
        match ranges::place(address, &self.allowed, &answers.nat64) {
            Place::Right => None,
            Place::Sinkhole => Some(ProbeFailure::new(
                ProbeReason::Sinkholed,
                format!("{name} is answered with {address}, which leads nowhere"),
            )),
            Place::Outside => Some(ProbeFailure::new(
                ProbeReason::DnsOutsideApple,
                format!("{name} is answered with {address}, which is not Apple's"),
            )),
        }
    }

    /// The DNS servers to ask. Read anew each round: the machine's may be others since, and old ones would be a false
    /// alarm.
    pub(super) async fn resolvers(&self) -> Resolvers {
        let (server, timeout) = (self.server, self.timeout);
        // Files of /etc, which can be long.
        let made = self.guard.run("the resolver", move || resolvers(server, timeout));
        match tokio::time::timeout(self.timeout, made).await {
            Ok(Ok(made)) => made,
            Ok(Err(failure)) => Err(failure.message),
            Err(_) => Err("/etc/resolv.conf and /etc/hosts could not be read in time".to_owned()),
        }
    }
}

/// Asks one server after the other, as the C library does: one that fails or refuses does not speak for the rest. "No
/// such name" and "no address" are answers.
pub(super) async fn family(resolvers: &[(TokioResolver, Duration)], name: &str, kind: RecordType) -> Answer {
    let mut last = Err(failed(name, "there is no DNS server to ask"));
    for (resolver, patience) in resolvers {
        let (answer, is_final) = match tokio::time::timeout(*patience, resolver.lookup(name, kind)).await {
            Err(_) => (Err(failed(name, "no answer in time")), false),
            Ok(Ok(lookup)) => (Ok(addresses(&lookup)), true),
            Ok(Err(error)) => refused(name, &error),
        };
        last = answer;
        if is_final {
            break;
        }
    }
    last
}

fn addresses(lookup: &Lookup) -> Vec<IpAddr> {
    let address = |data: &RData| match data {
        RData::A(v4) => Some(IpAddr::V4(v4.0)),
        RData::AAAA(v6) => Some(IpAddr::V6(v6.0)),
        _ => None,
    };
    lookup.answers().iter().filter_map(|record| address(&record.data)).collect()
}

/// One resolver for each server, in their order, with the time that each has. Blocks.
fn resolvers(server: Option<SocketAddr>, timeout: Duration) -> Resolvers {
    let servers = match server {
        None => read_system_conf().map_err(|error| error.to_string())?.0.into_parts().2,
        Some(server) => {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            vec![NameServerConfig::new(server.ip(), true, connections.to_vec())]
        }
    };
    let share = timeout / u32::try_from(servers.len()).unwrap_or(u32::MAX).max(1);
    servers
        .into_iter()
        .map(|one| {
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![one]);
            let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
            let options: &mut ResolverOpts = builder.options_mut();
            // Two tries within the time that the server has.
            options.timeout = share / 2;
            options.attempts = 2;
            options.cache_size = 0;
            // A server that was named is asked, and no file in its place.
            options.use_hosts_file = if server.is_some() { ResolveHosts::Never } else { ResolveHosts::Always };
            builder.build().map(|resolver| (resolver, share)).map_err(|error| error.to_string())
        })
        .collect()
}

/// The answer that an error is, and whether no other server needs to be asked. A name without an address is no failure of
/// its family; everything else is.
fn refused(name: &str, error: &NetError) -> (Answer, bool) {
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Timeout => return (Err(failed(name, "no answer in time")), false),
        other => return (Err(failed(name, &other.to_string())), false),
    };
    match code {
        ResponseCode::NoError => (Ok(Vec::new()), true),
        ResponseCode::NXDomain => (Err(failed(name, "there is no such name")), true),
        ResponseCode::ServFail => (Err(failed(name, "the resolver failed (SERVFAIL)")), false),
        ResponseCode::Refused => (Err(failed(name, "the resolver refused")), false),
        code => (Err(failed(name, &format!("the resolver answered {code}"))), false),
    }
}

fn failed(name: &str, why: &str) -> ProbeFailure {
    ProbeFailure::new(ProbeReason::DnsFailure, format!("{}: {why}", name.trim_end_matches('.')))
}

fn v6_of(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(v6) => Some(v6),
        IpAddr::V4(_) => None,
    }
}

/// Whether the routing table knows a way to an address. Nothing is sent.
pub(super) fn has_route(address: IpAddr) -> bool {
    let any: SocketAddr = match address {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A way that is forbidden is a way: its attempt will tell. EAFNOSUPPORT has no kind of its own, and comes from
    // making the socket.
    let is_none = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::AddrNotAvailable)
    };
    match UdpSocket::bind(any) {
        Ok(socket) => !socket.connect((address, 9)).is_err_and(|error| is_none(&error)),
        Err(_) => false,
    }
}

/// Whether this process cannot open anything at the moment: no descriptors or no memory are left.
#[must_use]
pub fn is_exhausted() -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_err()
}

/// Whether this host has a way to Apple in a family.
pub(super) fn has_family(family: IpVersion) -> bool {
    match family {
        IpVersion::V4 => has_route(SAMPLE_V4.into()),
        IpVersion::V6 => has_route(SAMPLE_V6.into()),
    }
}
