//! How the daemon behaves towards the network and whoever looks at it: it waits for nobody, never hurries, knows no
//! proxy and no search list, and is not slow to see that all is well again.

use std::time::Duration;

use apnswatch::model::Role;
use nix::sched::{CloneFlags, unshare};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::lab::{CONTROL, Lab, inside, tool};
use crate::support::{Daemon, Scrape, program};

const EVERYTHING: &str = "tcp dport { 443, 2197, 5223 }";

fn path_up(scrape: &Scrape, role: &str) -> Option<f64> {
    scrape.value("apns_path_up", &[("role", role)])
}

fn is_open_anywhere(scrape: &Scrape, role: &str) -> bool {
    scrape.all("apns_port_up", &[("role", role)]).iter().any(|sample| sample.value == 1.0)
}

/// Writes the configuration with other times, `times` being a part of `probe`; names are looked up at the lab's resolver
/// or at that of the machine.
pub(super) fn configure(lab: &Lab, times: &str, asks_the_lab: bool) {
    let ca = lab.folder.path().join("ca.pem");
    let resolver = if asks_the_lab { ", resolver: '127.0.0.1:53'" } else { "" };
    let yaml = format!(
        "site: lab\nstore: 'sqlite::memory:'\ntenants: []\n\
         probe: {{ {times}{resolver}, control: '{CONTROL}', courier_ca_file: {ca}, api_ca_file: {ca} }}\n",
        ca = ca.display()
    );
    std::fs::write(lab.folder.path().join("apnswatch.yaml"), yaml).unwrap();
}

#[test]
fn a_black_hole_delays_nobody() {
    inside(async |lab| {
        configure(&lab, "interval: 40s, timeout: 10s", true);
        lab.firewall(&["tcp dport 5223 drop", "ip daddr 17.188.143.0/24 drop", "ip6 daddr 2620:149:a44::11 drop"])
            .await;
        let daemon = lab.serve().await;
        let scrape = daemon.until("the server path is up", |scrape| path_up(scrape, "server") == Some(1.0)).await;
        assert_eq!(path_up(&scrape, "device"), None, "the round of the couriers lasts ten seconds");
        let mut took = Vec::new();
        for _ in 0..20 {
            let begun = Instant::now();
            daemon.scrape().await;
            took.push(begun.elapsed());
        }
        took.sort();
        // Half of them: the machine may be busy with something else.
        assert!(took[took.len() / 2] < Duration::from_millis(100), "{took:?}");
        assert_eq!(path_up(&daemon.scrape().await, "device"), None, "it still waits");
        daemon.stop().await;
    });
}

#[test]
fn bad_news_waits_for_its_confirmation_and_good_news_does_not() {
    inside(async |lab| {
        configure(&lab, "interval: 2s, timeout: 500ms, confirmations: 3", true);
        let daemon = lab.serve().await;
        daemon.until("devices get through", |scrape| path_up(scrape, "device") == Some(1.0)).await;
        lab.firewall(&[&format!("{EVERYTHING} drop")]).await;
        daemon
            .until("a closed round is no verdict", |scrape| {
                !is_open_anywhere(scrape, "device") && path_up(scrape, "device") == Some(1.0)
            })
            .await;
        daemon.until("three are one", |scrape| path_up(scrape, "device") == Some(0.0)).await;
        lab.firewall(&[]).await;
        daemon
            .until("they are back", |scrape| {
                let is_open = is_open_anywhere(scrape, "device");
                assert_eq!(path_up(scrape, "device"), Some(f64::from(u8::from(is_open))), "{}", scrape.text);
                is_open
            })
            .await;
        daemon.stop().await;
    });
}

#[test]
fn what_is_refused_at_once_is_not_tried_more_often() {
    inside(async |lab| {
        configure(&lab, "interval: 1s, timeout: 250ms", true);
        lab.firewall(&[&format!("{EVERYTHING} reject with tcp reset")]).await;
        let daemon = lab.serve().await;
        // One address in this family, so one attempt a round.
        let labels = [("target", "api"), ("port", "443"), ("ip_version", "4")];
        let attempts = |scrape: &Scrape| scrape.value("apns_port_attempts_total", &labels).unwrap_or_default();
        let scrape = daemon.until("a first round", |scrape| attempts(scrape) > 0.0).await;
        let (before, begun) = (attempts(&scrape), Instant::now());
        tokio::time::sleep(Duration::from_secs(4)).await;
        let made = attempts(&daemon.scrape().await) - before;
        // Rounds begin within a tenth of when they should.
        let most = begun.elapsed().as_secs_f64() / 0.8 + 1.0;
        assert!((1.0..=most).contains(&made), "{made} of {most}");
        daemon.stop().await;
    });
}

#[test]
fn the_daemon_knows_no_proxy_and_tells_of_an_open_control() {
    inside(async |mut lab| {
        tool("ip addr add 198.51.100.1/32 dev lo").await;
        lab.simulate(Role::Device, CONTROL.parse().unwrap()).await;
        let trap = TcpListener::bind("127.0.0.1:3128").await.unwrap();
        let mut command = program();
        command.args(["serve", "--listen", "127.0.0.1:0", "--config"]).arg(lab.folder.path().join("apnswatch.yaml"));
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, "http://127.0.0.1:3128");
        }
        let daemon = Daemon::start(command).await;
        let scrape = daemon
            .until("all is up", |scrape| {
                ["device", "server"].iter().all(|role| path_up(scrape, role) == Some(1.0))
                    && scrape.value("apns_control_open", &[("site", "lab")]).is_some()
            })
            .await;
        assert_eq!(scrape.value("apns_control_open", &[("site", "lab")]), Some(1.0));
        daemon.stop().await;
        let accepted = tokio::time::timeout(Duration::from_millis(50), trap.accept()).await;
        assert!(accepted.is_err(), "the trap was connected to");
        assert!(lab.simulators.iter().any(|(role, apple)| *role == Role::Server && !apple.requests().is_empty()));
    });
}

#[test]
fn the_resolver_of_the_machine_is_asked_without_its_search_list() {
    inside(async |lab| {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace takes root");
        tool("mount --make-rprivate /").await;
        let file = lab.folder.path().join("resolv.conf");
        std::fs::write(&file, "nameserver 127.0.0.1\nsearch corp.example\noptions ndots:5\n").unwrap();
        tool(&format!("mount --bind {} /etc/resolv.conf", file.display())).await;
        configure(&lab, "interval: 4s, timeout: 1s", false);
        // A wildcard of the inside, which any name that is not absolute meets.
        lab.resolver
            .set("corp.example", apnswatch::demo::resolver::Answer::Addresses(vec!["10.20.30.40".parse().unwrap()]));
        let found = lab.doctor().await;
        assert_eq!((found.state("device"), found.state("server"), found.status), ("up", "up", Some(0)));
        let asked = lab.resolver.asked();
        assert!(!asked.is_empty() && asked.iter().all(|name| name.ends_with(".push.apple.com.")), "{asked:?}");
    });
}
