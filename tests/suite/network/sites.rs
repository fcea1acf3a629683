//! Several vantage points in one Prometheus, one of them behind NAT, as `docs/operating.md` shows it.

use std::time::Duration;

use serde_json::Value;

use super::lab::{Lab, inside};
use crate::prometheus::Prometheus;
use crate::support::{Daemon, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon of this site, in the network of `lab`.
async fn site(lab: &Lab, name: &str) -> Daemon {
    let path = lab.configure("  roles: [device]\n");
    let yaml = std::fs::read_to_string(&path).unwrap().replace("site: lab", &format!("site: {name}"));
    std::fs::write(&path, yaml).unwrap();
    let daemon = lab.serve().await;
    daemon.until("a verdict", |scrape| scrape.value("apns_path_up", &[("site", name)]).is_some()).await;
    daemon
}

/// What the Prometheus in the middle says of each site, as `site value`, once that is `expected`.
async fn says(prometheus: &Prometheus, expected: [&str; 2]) {
    eventually(&format!("{expected:?}"), PATIENCE, || async {
        let told = prometheus.query("min by (site) (apns_path_up{role=\"device\"})").await;
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let mut told: Vec<String> = told
            .iter()
            .map(|sample| format!("{} {}", word(&sample["metric"]["site"]), word(&sample["value"][1])))
            .collect();
        told.sort();
        (told == expected).then_some(())
    })
    .await;
}

#[test]
fn a_site_is_scraped_and_one_behind_nat_sends() {
    inside(async |lab| {
        let hq = site(&lab, "hq").await;
        lab.firewall(&["ip daddr 17.0.0.0/8 drop", "ip6 daddr 2620:149:a44::/48 drop"]).await;
        let plant = site(&lab, "plant").await;
        lab.firewall(&[]).await;
        let middle = Prometheus::receiving(&[hq.address]).await;
        let agent = Prometheus::sending("plant", &[plant.address], middle.address()).await;
        says(&middle, ["hq 1", "plant 1"]).await;
        lab.firewall(&["ip daddr 17.0.0.0/8 drop", "ip6 daddr 2620:149:a44::/48 drop"]).await;
        says(&middle, ["hq 0", "plant 0"]).await;

        // The site is cut off with its agent: its series end, and the alert of the document sees that.
        let silent = "absent_over_time(up{job=\"apnswatch\",instance=\"plant\"}[5s])";
        assert!(middle.query(silent).await.is_empty());
        drop(agent);
        eventually("the silence is seen", PATIENCE, || async { (middle.query(silent).await.len() == 1).then_some(()) })
            .await;
        plant.stop().await;
        hq.stop().await;
    });
}
