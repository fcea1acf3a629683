//! A real Prometheus in the namespace, with the shipped rules made short.

use std::collections::BTreeSet;
use std::time::Duration;

use apnswatch::demo::apple::Behaviour;
use apnswatch::model::Role;

use super::lab::inside;
use crate::prometheus::{Prometheus, readable};
use crate::support::eventually;

const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until exactly these fire, each as `name severity`.
async fn fires(prometheus: &Prometheus, what: &str, expected: &[&str]) {
    let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
    eventually(&format!("{what}: {expected:?}"), PATIENCE, || async {
        let alerts = prometheus.firing().await;
        alerts.iter().for_each(readable);
        let label = |alert: &serde_json::Value, name: &str| alert["labels"][name].as_str().unwrap_or("-").to_owned();
        let fired: BTreeSet<String> =
            alerts.iter().map(|alert| format!("{} {}", label(alert, "alertname"), label(alert, "severity"))).collect();
        (fired == expected).then_some(())
    })
    .await;
}

#[test]
fn each_state_of_the_way_fires_its_alerts_and_no_others() {
    const ALWAYS: &str = "ApnswatchWatchdog info";
    inside(async |lab| {
        lab.behave(Role::Server, Behaviour::Intercepted);
        lab.firewall(&["tcp dport 5223 drop"]).await;
        let daemon = lab.serve().await;
        // No tenant: this is a vantage point, and not a daemon that watches nothing.
        let prometheus = Prometheus::watching(&[daemon.address]).await;
        let odd = ["ApnsTlsIntercepted warning", "ApnsServerPathDegraded info", "ApnsDevicePathDegraded info", ALWAYS];
        fires(&prometheus, "5223 dropped, the API intercepted", &odd).await;

        lab.firewall(&["ip daddr 17.0.0.0/8 drop", "ip6 daddr 2620:149:a44::/48 drop"]).await;
        let down = ["ApnsDevicePathDown critical", "ApnsServerPathDown warning", "ApnsTlsIntercepted warning", ALWAYS];
        fires(&prometheus, "everything dropped", &down).await;
        let alerts = prometheus.firing().await;
        let page = alerts.iter().find(|alert| alert["labels"]["alertname"] == "ApnsDevicePathDown").unwrap();
        let text = page["annotations"]["description"].as_str().unwrap();
        assert!(text.starts_with("Seen from lab; says nothing about other networks."), "{text}");
        assert!(text.contains("Most frequent reason lately: timeout."), "{text}");

        lab.behave(Role::Server, Behaviour::Open);
        lab.firewall(&[]).await;
        fires(&prometheus, "all open", &[ALWAYS]).await;
        daemon.stop().await;
    });
}
