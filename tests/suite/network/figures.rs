//! What a scrape shows in each state of the network: every port, family and step, every reason that rose, and the
//! judgement. Each state is met by a daemon that has just started, so that its counters hold nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use apnswatch::demo::apple::Behaviour;
use apnswatch::demo::resolver::Answer;
use apnswatch::model::{Role, Step};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::lab::{Lab, inside, tool};
use super::manners::configure;
use crate::support::Scrape;

/// By role the judgement; by role, port and family how far it goes.
type Picture = BTreeMap<String, String>;

const BOTH: &[&str] = &["4", "6"];

/// A machine that is too busy makes a step too late now and then; then another daemon looks.
const TRIES: u32 = 3;

/// Some rounds.
const ROUNDS: Duration = Duration::from_secs(8);

fn picture(scrape: &Scrape) -> Picture {
    let mut picture = Picture::new();
    for sample in scrape.all("apns_port_up", &[]) {
        let labels = ["site", "role", "target", "port", "ip_version"].map(|name| (name, sample.labels[name].as_str()));
        let mut words = if sample.value == 1.0 { String::from("up:") } else { String::from("down:") };
        for step in Step::ALL {
            let labels = [&labels[..], &[("step", step.as_str())]].concat();
            if let Some(success) = scrape.value("apns_port_step_success", &labels) {
                words.push_str(if success == 1.0 { " " } else { " !" });
                words.push_str(step.as_str());
            }
        }
        for failures in scrape.all("apns_port_failures_total", &labels) {
            if failures.value > 0.0 {
                words.push_str(&format!(" ({})", failures.labels["reason"]));
            }
        }
        picture.insert(format!("{} {}/{}", labels[1].1, labels[3].1, labels[4].1), words);
    }
    for (role, target) in [("device", "courier"), ("server", "api")] {
        let of_path = |name| scrape.value(name, &[("site", "lab"), ("role", role)]);
        let of_target = |name| match scrape.value(name, &[("site", "lab"), ("role", role), ("target", target)]) {
            Some(value) => value.to_string(),
            None => "-".to_owned(),
        };
        let state = match (of_path("apns_path_up"), of_path("apns_path_degraded")) {
            (Some(1.0), Some(0.0)) => "up",
            (Some(1.0), Some(1.0)) => "degraded",
            (Some(0.0), Some(0.0)) => "down",
            (None, _) => "unknown",
            other => panic!("{role}: {other:?}"),
        };
        let (intercepted, outside) = (of_target("apns_tls_intercepted"), of_target("apns_dns_outside_apple"));
        picture.insert(role.to_owned(), format!("{state}, intercepted {intercepted}, outside {outside}"));
    }
    picture
}

const FINE: &str = "up, intercepted 0, outside 0";
const COURIER: &str = "up: dns tcp tls alpn chain";
const API: &str = "up: dns tcp tls alpn chain http2";

/// All is well in these families, but for what is said: of a role, of a port, or of a port in one family.
fn expected(families: &[&str], but: &[(&str, &str)]) -> Picture {
    let said = |key: &str| but.iter().find(|(name, _)| *name == key).map(|(_, words)| (*words).to_owned());
    let mut picture = Picture::new();
    for (role, ports, fine) in [("device", ["5223", "443"], COURIER), ("server", ["443", "2197"], API)] {
        picture.insert(role.to_owned(), said(role).unwrap_or_else(|| FINE.to_owned()));
        for port in ports {
            for family in families {
                let key = format!("{role} {port}/{family}");
                let words =
                    said(&key).or_else(|| said(&format!("{role} {port}"))).or_else(|| said(&format!("{role} *")));
                picture.insert(key, words.unwrap_or_else(|| fine.to_owned()));
            }
        }
    }
    picture
}

/// The same of both roles and all their ports.
fn all(families: &[&str], path: &str, port: &str) -> Picture {
    expected(families, &[("device", path), ("server", path), ("device *", port), ("server *", port)])
}

/// Starts a daemon and waits until it shows this and nothing else.
async fn shows(lab: &Lab, what: &str, expected: Picture) {
    configure(lab, "interval: 2s, timeout: 500ms", true);
    for left in (0..TRIES).rev() {
        let daemon = lab.serve().await;
        let end = Instant::now() + ROUNDS;
        let mut seen = picture(&daemon.scrape().await);
        while seen != expected && Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(50)).await;
            seen = picture(&daemon.scrape().await);
        }
        daemon.kill().await;
        if seen == expected {
            return;
        }
        assert!(left > 0, "{what}: it shows\n{seen:#?}\nand should show\n{expected:#?}");
    }
}

#[test]
fn what_a_firewall_does_shows_in_the_figures() {
    inside(async |lab| {
        shows(&lab, "all open", expected(BOTH, &[])).await;
        let narrow = "degraded, intercepted 0, outside 0";
        for (verdict, reason) in [("drop", "timeout"), ("reject with tcp reset", "refused")] {
            lab.firewall(&[&format!("tcp dport 5223 {verdict}")]).await;
            let closed = format!("down: dns !tcp ({reason})");
            shows(&lab, verdict, expected(BOTH, &[("device", narrow), ("device 5223", &closed)])).await;
        }
        lab.answer_with(IpAddr::is_ipv4);
        lab.firewall(&["tcp dport 5223 reject with icmp admin-prohibited"]).await;
        let closed = "down: dns !tcp (unreachable)";
        shows(&lab, "ICMP", expected(&["4"], &[("device", narrow), ("device 5223", closed)])).await;
        lab.answer_well();
        lab.firewall(&["tcp dport 2197 drop"]).await;
        let closed = "down: dns !tcp (timeout)";
        shows(&lab, "2197 dropped", expected(BOTH, &[("server", narrow), ("server 2197", closed)])).await;
        lab.firewall(&["tcp dport { 443, 2197, 5223 } drop"]).await;
        shows(&lab, "everything dropped", all(BOTH, "down, intercepted -, outside 0", closed)).await;
    });
}

#[test]
fn what_answers_in_the_place_of_apple_shows_in_the_figures() {
    inside(async |lab| {
        for (behaviour, path, port) in [
            (Behaviour::Reset, "down, intercepted -, outside 0", "down: dns tcp !tls (reset)"),
            (Behaviour::Page, "down, intercepted -, outside 0", "down: dns tcp !tls (not_tls)"),
            (Behaviour::Silent, "down, intercepted -, outside 0", "down: dns tcp !tls (timeout)"),
            (Behaviour::Alert, "degraded, intercepted -, outside 0", "up: dns tcp !tls (tls_failure)"),
            (Behaviour::Intercepted, "degraded, intercepted 1, outside 0", "up: dns tcp tls alpn !chain (intercepted)"),
            (Behaviour::WrongHost, "degraded, intercepted 0, outside 0", "up: dns tcp tls alpn !chain (wrong_host)"),
            (
                Behaviour::WithoutAlpn,
                "degraded, intercepted 0, outside 0",
                "up: dns tcp tls !alpn chain (alpn_missing)",
            ),
        ] {
            lab.behave(Role::Device, behaviour);
            lab.behave(Role::Server, behaviour);
            shows(&lab, &format!("{behaviour:?}"), all(BOTH, path, port)).await;
        }
        lab.behave(Role::Device, Behaviour::Open);
        lab.behave(Role::Server, Behaviour::Unavailable);
        let (path, port) = ("degraded, intercepted 0, outside 0", "up: dns tcp tls alpn chain !http2 (http_failure)");
        shows(&lab, "the API is unavailable", expected(BOTH, &[("server", path), ("server *", port)])).await;
    });
}

#[test]
fn what_a_resolver_does_shows_in_the_figures() {
    inside(async |lab| {
        // Machines that would take a connection, if one were made.
        tool("ip addr add 10.0.0.1/32 dev lo").await;
        let mut traps = Vec::new();
        for host in ["127.0.0.1", "10.0.0.1"] {
            for port in [5223, 443, 2197] {
                traps.push(TcpListener::bind((host, port)).await.unwrap());
            }
        }
        let one = |address: &str| Answer::Addresses(vec![address.parse().unwrap()]);
        // Without a way to Apple in any family, IPv4 stands for both.
        for (what, answer, outside, reason) in [
            ("0.0.0.0", one("0.0.0.0"), "1", "sinkholed"),
            ("10.0.0.1", one("10.0.0.1"), "1", "dns_outside_apple"),
            ("nothing", Answer::Empty, "-", "dns_empty"),
            ("SERVFAIL", Answer::Failure, "-", "dns_failure"),
            ("never", Answer::Silence, "-", "dns_failure"),
        ] {
            lab.answer(&answer);
            let path = format!("down, intercepted -, outside {outside}");
            shows(&lab, what, all(&["4"], &path, &format!("down: !dns ({reason})"))).await;
        }
        for trap in traps {
            let accepted = tokio::time::timeout(Duration::from_millis(20), trap.accept()).await;
            assert!(accepted.is_err(), "{accepted:?}");
        }

        lab.answer_with(IpAddr::is_ipv6);
        shows(&lab, "IPv6 only", expected(&["6"], &[])).await;
        lab.answer_well();
        lab.firewall(&["ip6 daddr 2620:149:a44::/48 drop"]).await;
        let closed = "down: dns !tcp (timeout)";
        let broken = ["device 5223/6", "device 443/6", "server 443/6", "server 2197/6"].map(|port| (port, closed));
        shows(&lab, "IPv6 broken", expected(BOTH, &broken)).await;
    });
}
