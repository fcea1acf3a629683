//! Every state of the network has its reason, and no other.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apnswatch::demo::apple::Behaviour;
use apnswatch::demo::resolver::Answer;
use apnswatch::model::Role;
use tokio::net::TcpListener;

use super::lab::{CONTROL, Lab, inside, tool};

/// The same failure at these ports, in both families.
fn at(ports: [u16; 2], how: &str) -> Vec<String> {
    let mut reasons: Vec<String> =
        ports.iter().flat_map(|port| ["4", "6"].map(|family| format!("{port}/{family} {how}"))).collect();
    reasons.sort();
    reasons
}

/// The same failure at one port, in both families.
fn only(port: u16, how: &str) -> Vec<String> {
    ["4", "6"].map(|family| format!("{port}/{family} {how}")).to_vec()
}

/// Asserts what `doctor` finds: the state and reasons of each path, and the exit status.
async fn finds(lab: &Lab, what: &str, device: (&str, Vec<String>), server: (&str, Vec<String>), status: i32) {
    let found = lab.doctor().await;
    for (role, (state, reasons)) in [("device", device), ("server", server)] {
        assert_eq!(found.state(role), state, "{what}, {role}: {:#}", found.document);
        assert_eq!(found.reasons(role), reasons, "{what}, {role}: {:#}", found.document);
    }
    assert_eq!(found.status, Some(status), "{what}");
    assert_eq!(found.document["schema"], "apnswatch.doctor.v1");
}

fn fine() -> (&'static str, Vec<String>) {
    ("up", Vec::new())
}

#[test]
fn what_a_firewall_does_is_told_by_how_it_does_it() {
    inside(async |lab| {
        finds(&lab, "all open", fine(), fine(), 0).await;
        let dropped = only(5223, "tcp timeout");
        lab.firewall(&["tcp dport 5223 drop"]).await;
        finds(&lab, "5223 dropped", ("degraded", dropped), fine(), 1).await;
        let ask = lab.doctor().await.ask();
        assert!(ask.starts_with("outbound TCP 5223 to 17.0.0.0/8 is dropped; 443 works."), "{ask}");
        lab.firewall(&["tcp dport 5223 reject with tcp reset"]).await;
        finds(&lab, "5223 rejected by RST", ("degraded", only(5223, "tcp refused")), fine(), 1).await;
        // Over IPv4 alone: not every kernel hears an ICMPv6 error that it sent to itself.
        lab.answer_with(IpAddr::is_ipv4);
        lab.firewall(&["tcp dport 5223 reject with icmp admin-prohibited"]).await;
        let unreachable = vec!["5223/4 tcp unreachable".to_owned()];
        finds(&lab, "5223 rejected by ICMP", ("degraded", unreachable), fine(), 1).await;
        lab.firewall(&["tcp dport 5223 reject with icmp port-unreachable"]).await;
        let refused = vec!["5223/4 tcp refused".to_owned()];
        finds(&lab, "5223 rejected by ICMP as a closed port", ("degraded", refused), fine(), 1).await;
        lab.answer_well();
        lab.firewall(&["tcp dport 2197 drop"]).await;
        finds(&lab, "2197 dropped", fine(), ("degraded", only(2197, "tcp timeout")), 1).await;

        lab.firewall(&["ip daddr 17.0.0.0/8 tcp dport { 443, 2197, 5223 } drop", "ip6 daddr 2620:149:a44::/48 drop"])
            .await;
        let (device, server) = (at([5223, 443], "tcp timeout"), at([443, 2197], "tcp timeout"));
        finds(&lab, "everything dropped", ("down", device), ("down", server), 2).await;
        lab.firewall(&["ip daddr 17.188.144.1 drop", "ip6 daddr 2620:149:a44::20 drop"]).await;
        let server = || at([443, 2197], "tcp timeout");
        finds(&lab, "the API dropped, with a hosted MDM", fine(), ("down", server()), 1).await;
        lab.configure("  site_runs_mdm: true\n");
        finds(&lab, "the API dropped, with an MDM here", fine(), ("down", server()), 2).await;
        lab.firewall(&[]).await;
        finds(&lab, "open again", fine(), fine(), 0).await;
    });
}

#[test]
fn what_answers_in_the_place_of_apple_is_told_apart() {
    inside(async |lab| {
        for (behaviour, step, reason, state) in [
            (Behaviour::Reset, "tls", "reset", "down"),
            (Behaviour::Page, "tls", "not_tls", "down"),
            (Behaviour::Silent, "tls", "timeout", "down"),
            (Behaviour::Alert, "tls", "tls_failure", "degraded"),
            (Behaviour::Intercepted, "chain", "intercepted", "degraded"),
            (Behaviour::WrongHost, "chain", "wrong_host", "degraded"),
            (Behaviour::WithoutAlpn, "alpn", "alpn_missing", "degraded"),
        ] {
            lab.behave(Role::Device, behaviour);
            lab.behave(Role::Server, behaviour);
            let how = format!("{step} {reason}");
            let (device, server) = (at([5223, 443], &how), at([443, 2197], &how));
            let status = if state == "down" { 2 } else { 1 };
            finds(&lab, reason, (state, device), (state, server), status).await;
            let found = lab.doctor().await;
            let is_intercepted = behaviour == Behaviour::Intercepted;
            let was_looked_at = !matches!(step, "tls");
            let expected = was_looked_at.then_some(is_intercepted);
            assert_eq!(found.target("device", "intercepted"), expected, "{reason}");
            assert_eq!(
                found.ask().contains("was issued by 'Example Inspection CA'"),
                is_intercepted,
                "{}",
                found.ask()
            );
        }
        lab.behave(Role::Device, Behaviour::Open);
        lab.behave(Role::Server, Behaviour::Unavailable);
        let found = lab.doctor().await;
        assert_eq!(found.reasons("server"), at([443, 2197], "http2 http_failure"), "{:#}", found.document);
        assert_eq!((found.state("device"), found.state("server"), found.status), ("up", "degraded", Some(1)));
    });
}

#[test]
fn what_a_resolver_answers_is_judged_before_anything_is_connected_to() {
    inside(async |lab| {
        let traps = [("127.0.0.1:5223"), ("127.0.0.1:443"), ("[::1]:443")];
        let connections = Arc::new(AtomicU64::new(0));
        for trap in traps {
            let (listener, connections) = (TcpListener::bind(trap).await.unwrap(), Arc::clone(&connections));
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    connections.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let of = |addresses: &[&str]| Answer::Addresses(addresses.iter().map(|one| one.parse().unwrap()).collect());
        for (what, answer, reason, outside) in [
            ("0.0.0.0", of(&["0.0.0.0"]), "sinkholed", Some(true)),
            ("loopback", of(&["127.0.0.1"]), "sinkholed", Some(true)),
            ("10.0.0.1", of(&["10.0.0.1"]), "dns_outside_apple", Some(true)),
            ("nothing", Answer::Empty, "dns_empty", None),
            ("NXDOMAIN", Answer::NoSuchName, "dns_failure", None),
            ("SERVFAIL", Answer::Failure, "dns_failure", None),
            ("never", Answer::Silence, "dns_failure", None),
        ] {
            lab.answer(&answer);
            let found = lab.doctor().await;
            for (role, ports) in [("device", [5223, 443]), ("server", [443, 2197])] {
                let mut expected: Vec<String> = ports.map(|port| format!("{port}/4 dns {reason}")).to_vec();
                expected.sort();
                let reasons: Vec<String> =
                    found.reasons(role).into_iter().filter(|reason| reason.contains("/4 ")).collect();
                assert_eq!(reasons, expected, "{what}: {:#}", found.document);
                assert_eq!(found.state(role), "down", "{what}");
                assert_eq!(found.target(role, "outside_apple"), outside, "{what}");
            }
            assert_eq!(found.status, Some(2), "{what}");
        }
        lab.answer(&of(&["::"]));
        assert_eq!(lab.doctor().await.state("device"), "down");
        assert_eq!(connections.load(Ordering::Relaxed), 0, "something was connected to");
        let asked = lab.resolver.asked();
        let is_absolute = |name: &String| name.ends_with(".push.apple.com.") || name == "ipv4only.arpa.";
        assert!(asked.iter().all(is_absolute), "{asked:?}");
    });
}

#[test]
fn one_family_is_enough_and_one_that_is_missing_is_no_failure() {
    inside(async |lab| {
        lab.answer_with(IpAddr::is_ipv6);
        let found = lab.doctor().await;
        assert_eq!((found.state("device"), found.state("server"), found.status), ("up", "up", Some(0)));
        assert_eq!(found.families("device"), ["6"]);
        lab.answer_with(IpAddr::is_ipv4);
        assert_eq!(lab.doctor().await.families("device"), ["4"]);

        // A half-working IPv6: seen, and no alarm.
        lab.answer_well();
        lab.firewall(&["ip6 daddr 2620:149:a44::/48 drop"]).await;
        let found = lab.doctor().await;
        assert_eq!((found.state("device"), found.state("server"), found.status), ("up", "up", Some(0)));
        assert_eq!(found.reasons("device"), ["443/6 tcp timeout", "5223/6 tcp timeout"]);

        // A host without a way for IPv6 has no sample of it, though names have addresses there.
        lab.firewall(&[]).await;
        for address in ["2620:149:a44::11", "2620:149:a44::20"] {
            tool(&format!("ip addr del {address}/128 dev lo")).await;
        }
        let found = lab.doctor().await;
        assert_eq!((found.families("device"), found.state("device")), (vec!["4".to_owned()], "up"));
        // Nor has a host without any way at all no answer: it is unreachable.
        lab.answer_with(IpAddr::is_ipv6);
        let found = lab.doctor().await;
        assert_eq!(found.reasons("device"), ["443/6 tcp unreachable", "5223/6 tcp unreachable"]);
        assert_eq!((found.state("device"), found.status), ("down", Some(2)));
    });
}

#[test]
fn a_middlebox_that_accepts_everything_is_not_believed() {
    inside(async |mut lab| {
        tool("ip addr add 198.51.100.1/32 dev lo").await;
        lab.configure("  depth: { device: tcp, server: tcp }\n");
        let found = lab.doctor().await;
        assert_eq!((found.document["control_open"].as_bool(), found.status), (Some(false), Some(0)));
        lab.simulate(Role::Device, CONTROL.parse().unwrap()).await;
        lab.behave(Role::Device, Behaviour::Silent);
        let found = lab.doctor().await;
        assert_eq!((found.document["control_open"].as_bool(), found.status), (Some(true), Some(1)));
        assert!(found.ask().contains("accepts every connection"), "{}", found.ask());
        let sentence = found.document["paths"][0]["sentence"].as_str().unwrap();
        assert!(sentence.contains("not to be trusted"), "{sentence}");
        // A deeper look is not taken in by it.
        lab.configure("");
        let found = lab.doctor().await;
        assert_eq!((found.state("device"), found.status), ("down", Some(2)));
        assert_eq!(found.reasons("device"), at([5223, 443], "tls timeout"));
    });
}

#[test]
fn a_proxy_of_the_environment_is_said_and_never_used() {
    inside(async |lab| {
        let trap = TcpListener::bind("127.0.0.1:3128").await.unwrap();
        let proxy = "http://127.0.0.1:3128";
        let variables = ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]
            .map(|name| (name, proxy));
        let ended = lab.doctor_in_words(&variables).await;
        assert_eq!(ended.status, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.stdout.matches("set and not used: probes go the direct way").count(), 1, "{}", ended.stdout);
        assert!(ended.stdout.contains("seen from lab. This says nothing about other networks."), "{}", ended.stdout);
        let daemon = lab.serve_with(&variables).await;
        daemon.until("a verdict", |scrape| scrape.value("apns_path_up", &[("role", "device")]) == Some(1.0)).await;
        assert_eq!(daemon.log().matches("set and not used").count(), 1, "{}", daemon.log());
        daemon.stop().await;
        let accepted = tokio::time::timeout(std::time::Duration::from_millis(50), trap.accept()).await;
        assert!(accepted.is_err(), "the trap was connected to");
        let ended = lab.doctor_in_words(&[]).await;
        assert!(!ended.stdout.contains("not used"), "{}", ended.stdout);
    });
}
