//! Where the daemon connects to, as the kernel saw it: to the hosts of the configuration and to nobody else, whatever a
//! vendor answers.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use apnswatch::demo::{intune, jamf, kandji, mosyle};
use apnswatch::provider::mosyle::Product;
use serde_json::Value;
use tokio::process::Command;

use super::lab::{API, CONTROL, COURIERS, Lab, inside, tool};
use crate::cells::site::{Vendors, beating, days, enrolling, kandji_token, macs, server};
use crate::support::{Daemon, SECRET, Scrape, answer, now, topic};

/// The group of the daemon here, by which the kernel knows its packets.
const GROUP: u32 = 65532;

/// Where hostile vendors point to. Nobody is there, which does not matter: a first packet is enough.
const ELSEWHERE: [&str; 5] = ["127.66.0.1", "127.66.0.2", "127.66.0.3", "127.66.0.4", "127.66.0.5"];

/// Writes down every first packet of a TCP connection and every datagram of the group.
const RECORDER: &str = "table inet watch {
  set seen4 { type inet_proto . ipv4_addr . inet_service; flags dynamic; size 65535; }
  set seen6 { type inet_proto . ipv6_addr . inet_service; flags dynamic; size 65535; }
  chain out {
    type filter hook output priority 0; policy accept;
    meta skgid != 65532 accept
    meta l4proto != { tcp, udp } accept
    meta l4proto tcp tcp flags & (syn | ack) != syn accept
    meta nfproto ipv4 add @seen4 { meta l4proto . ip daddr . th dport }
    meta nfproto ipv6 add @seen6 { meta l4proto . ip6 daddr . th dport }
  }
}
";

async fn record(lab: &Lab) {
    let path = lab.folder.path().join("recorder.nft");
    std::fs::write(&path, RECORDER).unwrap();
    tool(&format!("nft -f {}", path.display())).await;
}

/// What was written down.
async fn recorded() -> BTreeSet<(String, SocketAddr)> {
    let mut seen = BTreeSet::new();
    for set in ["seen4", "seen6"] {
        let output = Command::new("nft").args(["-j", "list", "set", "inet", "watch", set]).output().await.unwrap();
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let entries = listed["nftables"].as_array().unwrap().iter().filter_map(|one| one["set"]["elem"].as_array());
        for entry in entries.flatten() {
            let parts = entry["concat"].as_array().unwrap();
            let address: IpAddr = parts[1].as_str().unwrap().parse().unwrap();
            let port = u16::try_from(parts[2].as_u64().unwrap()).unwrap();
            seen.insert((parts[0].as_str().unwrap().to_owned(), SocketAddr::new(address, port)));
        }
    }
    seen
}

fn tcp(address: SocketAddr) -> (String, SocketAddr) {
    ("tcp".to_owned(), address)
}

/// Every vendor once as it should be, and once with each way to lead somewhere else.
fn tenants(vendors: &Vendors) -> Vec<String> {
    let away = |number: usize| format!("http://{}:8080/", ELSEWHERE[number]);
    let site = &vendors.site;
    let mut all = vec![
        site.intune("acme", answer("acme", 290), ""),
        site.intune("moved", intune::Answer::Redirect(away(0)), ""),
        site.intune("lured", answer("lured", 290), ""),
        site.intune("paged", answer("paged", 290), ""),
        vendors.jamf("north", enrolling(&topic("north")), ", enrolment_profile: true", ""),
        vendors.jamf("south", server(), "", ""),
        vendors.jamf("west", server(), "", ""),
        vendors.mosyle("reef", beating(12, 1), ", push: true", ""),
        vendors.mosyle_of(Product::Manager, "shoal", beating(12, 1), ", push: true", ""),
    ];
    let of = |name: &str| apnswatch::demo::world::directory(name);
    site.microsoft.set_login(&of("lured"), intune::LoginAnswer::Redirect(away(0)));
    let page = intune::List::of((0..3).map(|_| intune::managed_device("iOS", "iPhone 15", now())));
    site.microsoft.change(&of("paged"), |directory| {
        directory.devices = intune::Answer::List(page.with_paging(intune::Paging::Away(away(1))));
    });
    vendors.jamf.set_login("/south", jamf::LoginAnswer::Redirect(away(2)));
    vendors.jamf.set_answer("/west", jamf::Resource::Notifications, jamf::Answer::Redirect(away(2)));
    let fleet = || kandji::Tenant { devices: macs(20, 1), ..kandji::Tenant::default() };
    all.push(vendors.kandji("mesa", fleet(), "", ""));
    let integrations = (1..=5).map(|number: u32| {
        kandji::Integration::new(format!("00000000-0000-4000-8000-0000000000e{number}"), "A server", days(90))
    });
    let mut butte = fleet();
    (butte.integrations, butte.page_size, butte.next_host) = (integrations.collect(), 2, Some(away(3)));
    all.push(vendors.kandji("butte", butte, "", ""));
    vendors.kandji.set_answer(&kandji_token("mesa"), kandji::Resource::Devices, kandji::Answer::Redirect(away(3)));
    vendors.mosyle.change(&format!("access-shoal-{SECRET}"), |account| {
        account.lists.insert("mac".to_owned(), mosyle::Answer::Redirect(away(4)));
    });
    all
}

#[test]
fn nobody_is_connected_to_who_is_not_in_the_configuration() {
    inside(async |lab| {
        tool("ip addr add 198.51.100.1/32 dev lo").await;
        let vendors = Vendors::new().await;
        let site = &vendors.site;
        let ca = lab.folder.path().join("ca.pem");
        site.write("calendar.key", "0123456789abcdef-made-up");
        let head = format!(
            "site: lab\nweb: {{ external_url: 'https://apns.example.com/', calendar_key_file: calendar.key, reload: true }}\n\
             probe: {{ interval: 2s, timeout: 500ms, resolver: '127.0.0.1:53', control: '{CONTROL}', \
             courier_ca_file: {ca}, api_ca_file: {ca} }}",
            ca = ca.display()
        );
        site.configure(&head, &tenants(&vendors));
        record(&lab).await;
        let mut command = site.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]).gid(GROUP);
        for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, format!("http://{}:3128", ELSEWHERE[4]));
        }
        let daemon = Daemon::start(command).await;
        let failing = |scrape: &Scrape, tenant: &str, source: &str, reason: &str| {
            scrape.value("apns_source_failing", &[("tenant", tenant), ("source", source), ("reason", reason)]).is_some()
        };
        daemon
            .until("everybody was asked, and each trap was set", |scrape| {
                scrape.up("acme") == Some(1.0)
                    && [
                        ("moved", "api"),
                        ("lured", "api"),
                        ("south", "api"),
                        ("west", "api"),
                        ("mesa", "push"),
                        ("shoal", "push"),
                    ]
                    .iter()
                    .all(|(tenant, source)| failing(scrape, tenant, source, "http"))
                    && failing(scrape, "paged", "push", "malformed")
                    && [("butte", "tokens"), ("reef", "push"), ("north", "profile")]
                        .iter()
                        .all(|(tenant, source)| scrape.source("apns_source_up", tenant, source) == Some(1.0))
                    && ["device", "server"]
                        .iter()
                        .all(|role| scrape.value("apns_path_up", &[("site", "lab"), ("role", role)]) == Some(1.0))
                    && scrape.value("apns_control_open", &[("site", "lab")]).is_some()
            })
            .await;
        for path in [
            "/",
            "/network",
            "/findings",
            "/ahead",
            "/handover",
            "/tenants/acme",
            "/tenants/acme/renewal",
            "/api/v1/status",
            "/calendar.ics",
            "/calendar.ics?key=0123456789abcdef-made-up",
            "/tenants.csv",
        ] {
            assert_eq!(daemon.get(path).await.status, 200, "{path}");
        }
        daemon.reload().await;
        site.reads_reach("moved", 4).await;
        daemon.stop().await;

        let mdms =
            [site.microsoft.address(), vendors.jamf.address(), vendors.kandji.address(), vendors.mosyle.address()];
        let mut must: BTreeSet<_> = mdms.into_iter().map(tcp).collect();
        must.insert(("udp".to_owned(), "127.0.0.1:53".parse().unwrap()));
        must.insert(tcp(CONTROL.parse().unwrap()));
        // Which of the couriers is asked is drawn by lot.
        let apple: BTreeSet<_> = [(&COURIERS[..], [5223, 443]), (&API[..], [443, 2197])]
            .into_iter()
            .flat_map(|(hosts, ports)| hosts.iter().flat_map(move |host| ports.map(|port| (host, port))))
            .map(|(host, port)| tcp(SocketAddr::new(host.parse().unwrap(), port)))
            .collect();
        let seen = recorded().await;
        // Had it gone there, it would have been seen.
        let mut astray = Command::new("bash");
        astray
            .args(["-c", &format!("exec 3<>/dev/tcp/{}/8080", ELSEWHERE[0])])
            .gid(GROUP)
            .stderr(std::process::Stdio::null());
        assert!(!astray.status().await.unwrap().success(), "nobody is there");
        let trap = tcp(SocketAddr::new(ELSEWHERE[0].parse().unwrap(), 8080));
        assert_eq!(recorded().await.difference(&seen).collect::<Vec<_>>(), [&trap]);

        let others: Vec<_> = seen.difference(&must).filter(|one| !apple.contains(*one)).collect();
        assert!(others.is_empty(), "connected to elsewhere: {others:?}");
        let missing: Vec<_> = must.difference(&seen).collect();
        assert!(missing.is_empty(), "the recorder sees what must be there: {missing:?}");
        for port in [5223, 443, 2197] {
            for is_v4 in [true, false] {
                assert!(
                    seen.iter().any(|(_, at)| at.port() == port && at.is_ipv4() == is_v4 && apple.contains(&tcp(*at))),
                    "{port}, IPv4: {is_v4}"
                );
            }
        }
    });
}
