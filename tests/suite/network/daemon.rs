//! The daemon goes on probing, confirms what is bad, and sees at once what is good.

use std::time::{Duration, Instant};

use apnswatch::demo::apple::Behaviour;
use apnswatch::model::Role;

use super::lab::{COURIERS, inside};
use crate::support::Scrape;

fn path(scrape: &Scrape, role: &str) -> (Option<f64>, Option<f64>) {
    let of = |name| scrape.value(name, &[("site", "lab"), ("role", role)]);
    (of("apns_path_up"), of("apns_path_degraded"))
}

const UP: (Option<f64>, Option<f64>) = (Some(1.0), Some(0.0));
const DEGRADED: (Option<f64>, Option<f64>) = (Some(1.0), Some(1.0));
const DOWN: (Option<f64>, Option<f64>) = (Some(0.0), Some(0.0));

#[test]
fn a_closed_way_is_confirmed_and_an_open_one_seen_at_once() {
    inside(async |lab| {
        let daemon = lab.serve().await;
        let scrape =
            daemon.until("both are up", |scrape| path(scrape, "device") == UP && path(scrape, "server") == UP).await;
        assert_eq!(scrape.value("apns_control_open", &[("site", "lab")]), Some(0.0));
        assert_eq!(scrape.value("apns_site_runs_mdm", &[("site", "lab")]), Some(0.0));
        assert_eq!(scrape.value("apns_tls_intercepted", &[("target", "courier")]), Some(0.0));
        assert_eq!(scrape.value("apns_dns_outside_apple", &[("target", "api")]), Some(0.0));
        for step in ["dns", "tcp", "tls", "alpn", "chain", "http2"] {
            let labels = [("target", "api"), ("port", "2197"), ("ip_version", "6"), ("step", step)];
            assert_eq!(scrape.value("apns_port_step_success", &labels), Some(1.0), "{step}");
        }
        // The number of the courier makes no series: two ports, two families.
        assert_eq!(scrape.all("apns_port_up", &[("target", "courier")]).len(), 4);
        assert_eq!(scrape.all("apns_port_failures_total", &[("target", "courier")]).len(), 4 * 15);

        lab.firewall(&["tcp dport 5223 drop"]).await;
        let scrape = daemon.until("5223 is dropped", |scrape| path(scrape, "device") == DEGRADED).await;
        assert_eq!(path(&scrape, "server"), UP);
        // What says nothing delays nobody: neither a scrape nor the other role.
        let rounds = |scrape: &Scrape| {
            scrape.one("apns_port_attempts_total", &[("target", "api"), ("port", "443"), ("ip_version", "4")])
        };
        let (before, begun) = (rounds(&scrape), Instant::now());
        while begun.elapsed() < Duration::from_secs(8) {
            let asked = Instant::now();
            daemon.scrape().await;
            assert!(asked.elapsed() < Duration::from_millis(500), "a scrape took {:?}", asked.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(rounds(&daemon.scrape().await) >= before + 2.0);
        let labels = [("target", "courier"), ("port", "5223"), ("ip_version", "4"), ("reason", "timeout")];
        assert!(daemon.scrape().await.one("apns_port_failures_total", &labels) > 0.0);

        lab.firewall(&["ip daddr 17.188.143.0/24 drop", "ip6 daddr 2620:149:a44::11 drop"]).await;
        let scrape = daemon.until("devices are cut off", |scrape| path(scrape, "device") == DOWN).await;
        assert_eq!(path(&scrape, "server"), UP);
        let page = daemon.get("/").await.body;
        assert!(page.contains("devices cannot reach Apple: outbound TCP 443 to 17.0.0.0/8 is dropped"), "{page}");
        lab.firewall(&[]).await;
        daemon.until("devices are back", |scrape| path(scrape, "device") == UP).await;
        daemon.stop().await;
    });
}

#[test]
fn one_dead_courier_of_five_is_apples_business() {
    inside(async |mut lab| {
        for (_, simulator) in &mut lab.simulators {
            if simulator.address().ip().to_string() == COURIERS[2] {
                simulator.stop().await;
            }
        }
        let daemon = lab.serve().await;
        let refused = |scrape: &Scrape| {
            let labels = [("target", "courier"), ("ip_version", "4"), ("reason", "refused")];
            scrape.all("apns_port_failures_total", &labels).iter().map(|sample| sample.value).sum::<f64>()
        };
        daemon
            .until("it was met, and nothing is wrong", |scrape| {
                assert!(path(scrape, "device").0.is_none_or(|up| up == 1.0));
                refused(scrape) > 0.0 && path(scrape, "device") == UP
            })
            .await;
        daemon.stop().await;
    });
}

#[test]
fn what_is_probed_can_change_and_leaves_no_ghost() {
    inside(async |lab| {
        let daemon = lab.serve().await;
        daemon.until("both are up", |scrape| path(scrape, "device") == UP && path(scrape, "server") == UP).await;
        lab.behave(Role::Server, Behaviour::Intercepted);
        lab.configure("  roles: [server]\n");
        daemon.reload().await;
        let scrape = daemon.until("a new look finds the inspection", |scrape| path(scrape, "server") == DEGRADED).await;
        assert_eq!(scrape.value("apns_tls_intercepted", &[("target", "api")]), Some(1.0));
        for name in ["apns_path_up", "apns_port_up", "apns_port_attempts_total", "apns_probe_interval_seconds"] {
            assert!(scrape.all(name, &[("role", "device")]).is_empty(), "{name}");
        }
        assert_eq!(scrape.value("apns_path_up", &[("role", "server")]), Some(1.0), "never down for it");
        daemon.stop().await;
    });
}
