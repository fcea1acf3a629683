//! Which addresses can be Apple's. Pure.
//!
//! Apple asks for 17.0.0.0/8 and four IPv6 prefixes to be open (support article 102266); the narrower IPv4 list of the
//! same article is not used, for the API has answered outside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv6Net};

/// What an address of a DNS answer can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Apple's, or meant by the configuration.
    Right,
    /// One that leads nowhere, as block lists answer.
    Sinkhole,
    /// Anybody else's.
    Outside,
}

/// Where a host that has a route to Apple would find it; for asking the routing table only.
pub const SAMPLE_V4: Ipv4Addr = Ipv4Addr::new(17, 57, 144, 1);

/// As [`SAMPLE_V4`].
pub const SAMPLE_V6: Ipv6Addr = Ipv6Addr::new(0x2620, 0x149, 0xa44, 0, 0, 0, 0, 1);

/// The well-known prefix of NAT64 (RFC 6052, 2.1).
const NAT64: Ipv6Addr = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0);

/// The addresses of `ipv4only.arpa`, by which a NAT64 gives its own prefix away (RFC 7050).
const IPV4_ONLY: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// The lengths that a prefix of NAT64 can have.
const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// Judges an address that a name was answered with. `nat64` are the prefixes of this network besides the well-known one.
#[must_use]
pub fn place(address: IpAddr, allowed: &[IpNet], nat64: &[Ipv6Net]) -> Place {
    if allowed.iter().any(|range| range.contains(&address)) {
        return Place::Right;
    }
    let v4 = match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().or_else(|| decoded(v6, nat64)),
    };
    if let Some(v4) = v4 {
        if allowed.iter().any(|range| range.contains(&IpAddr::V4(v4))) {
            return Place::Right;
        }
        return place_of_v4(v4);
    }
    let IpAddr::V6(v6) = address else { return Place::Outside };
    if v6.is_unspecified() || v6.is_loopback() {
        Place::Sinkhole
    } else if apple_v6().any(|range| range.contains(&v6)) {
        Place::Right
    } else {
        Place::Outside
    }
}

fn place_of_v4(v4: Ipv4Addr) -> Place {
    match v4.octets()[0] {
        0 | 127 => Place::Sinkhole,
        17 => Place::Right,
        _ => Place::Outside,
    }
}

fn apple_v6() -> impl Iterator<Item = Ipv6Net> {
    [
        ([0x2620, 0x149, 0xa44], 48),
        ([0x2403, 0x300, 0xa42], 48),
        ([0x2403, 0x300, 0xa51], 48),
        ([0x2a01, 0xb740, 0xa42], 48),
    ]
    .into_iter()
    .filter_map(|([a, b, c], length)| Ipv6Net::new(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length).ok())
}

/// The IPv4 address within an address that a NAT64 made.
fn decoded(v6: Ipv6Addr, nat64: &[Ipv6Net]) -> Option<Ipv4Addr> {
    let known = Ipv6Net::new(NAT64, 96).ok();
    known.iter().chain(nat64).find(|prefix| prefix.contains(&v6)).map(|prefix| embedded(v6, prefix.prefix_len()))
}

/// The IPv4 address that stands behind a prefix of this length (RFC 6052, 2.2): octet 8 is left out.
fn embedded(v6: Ipv6Addr, length: u8) -> Ipv4Addr {
    let octets = v6.octets();
    let mut places = (usize::from(length) / 8..16).filter(|at| *at != 8);
    let mut next = || places.next().map_or(0, |at| octets[at]);
    Ipv4Addr::new(next(), next(), next(), next())
}

/// The prefix that a NAT64 used for an answer to `ipv4only.arpa`.
#[must_use]
pub fn nat64_prefix(answer: Ipv6Addr) -> Option<Ipv6Net> {
    let length = LENGTHS.into_iter().rev().find(|length| IPV4_ONLY.contains(&embedded(answer, *length)))?;
    Ipv6Net::new(answer, length).ok().map(|prefix| prefix.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(address: &str) -> Place {
        place(address.parse().unwrap(), &[], &[])
    }

    #[test]
    fn only_apples_addresses_are_apples() {
        for (address, expected) in [
            ("17.57.144.10", Place::Right),
            ("17.172.234.21", Place::Right),
            ("::ffff:17.57.144.10", Place::Right),
            ("64:ff9b::1139:900a", Place::Right),
            ("2620:149:a44::11", Place::Right),
            ("2a01:b740:a42:4::1", Place::Right),
            ("2620:149:a45::11", Place::Outside),
            ("18.0.0.1", Place::Outside),
            ("10.0.0.1", Place::Outside),
            ("64:ff9b::a00:1", Place::Outside),
            ("fd00::1", Place::Outside),
            ("0.0.0.0", Place::Sinkhole),
            ("0.1.2.3", Place::Sinkhole),
            ("127.0.0.1", Place::Sinkhole),
            ("127.9.9.9", Place::Sinkhole),
            ("::", Place::Sinkhole),
            ("::1", Place::Sinkhole),
            ("::ffff:127.0.0.1", Place::Sinkhole),
            ("64:ff9b::", Place::Sinkhole),
        ] {
            assert_eq!(judged(address), expected, "{address}");
        }
    }

    #[test]
    fn what_is_allowed_is_meant() {
        let allowed = ["10.20.30.0/24".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        let judged = |address: &str| place(address.parse().unwrap(), &allowed, &[]);
        assert_eq!(judged("10.20.30.40"), Place::Right);
        assert_eq!(judged("127.0.0.2"), Place::Right);
        assert_eq!(judged("64:ff9b::a14:1e28"), Place::Right);
        assert_eq!(judged("10.20.31.40"), Place::Outside);
    }

    #[test]
    fn every_length_of_a_prefix_is_learnt_and_decoded() {
        // The examples of RFC 6052, 2.4, with an address of Apple's, beside what ipv4only.arpa is made to.
        for (prefix, answer, address) in [
            ("2001:db8::/32", "2001:db8:c000:aa::", "2001:db8:1139:900a::"),
            ("2001:db8:100::/40", "2001:db8:1c0:0:aa::", "2001:db8:111:3990:a::"),
            ("2001:db8:122::/48", "2001:db8:122:c000:0:aa00::", "2001:db8:122:1139:90:a00::"),
            ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:aa::", "2001:db8:122:311:39:900a::"),
            ("2001:db8:122:344::/64", "2001:db8:122:344:c0:0:aa00:0", "2001:db8:122:344:11:3990:a00:0"),
            ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.0.171", "2001:db8:122:344::17.57.144.10"),
        ] {
            let learnt = nat64_prefix(answer.parse().unwrap()).unwrap();
            assert_eq!(learnt, prefix.parse().unwrap(), "{answer}");
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(place(address, &[], &[]), Place::Outside, "{address}");
            assert_eq!(place(address, &[], &[learnt]), Place::Right, "{address}");
        }
        assert_eq!(nat64_prefix("2001:db8::1".parse().unwrap()), None);
    }
}
