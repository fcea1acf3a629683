//! How the routes behave with alerts handed to them: digests, mutes, office hours, beats.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Alertmanager, Notice, Receiver};
use crate::prometheus::Prometheus;
use crate::support::eventually;

/// The longest wait of a group is 15 s; generous, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// An alert, its labels as `name=value` words.
fn alert(name: &str, severity: &str, labels: &str) -> Value {
    let mut alert = json!({
        "labels": { "alertname": name, "severity": severity },
        "annotations": { "summary": format!("About {name}."), "description": "Something.", "runbook_url": "https://example.com/" },
    });
    for label in labels.split_whitespace() {
        let (key, value) = label.split_once('=').unwrap();
        alert["labels"][key] = value.into();
    }
    alert
}

async fn arrive(receiver: &Receiver, name: &str, number: usize) -> Vec<Notice> {
    eventually(&format!("{number} for {name}"), PATIENCE, || async {
        let notices = receiver.of(name);
        (notices.len() >= number).then_some(notices)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_day_of_two_thousand_tenants_is_one_digest_for_each_team() {
    let receiver = Receiver::start().await;
    let alertmanager = Alertmanager::short(&receiver, &[]).await;
    let mut alerts = Vec::new();
    for number in 0..1000 {
        let team = if number % 2 == 0 { "mac" } else { "desk" };
        alerts.push(alert("ApnsCertificateExpiry", "info", &format!("tenant=plan-{number} mdm=jamf team={team}")));
        alerts.push(alert(
            "ApnsCertificateUnknown",
            "warning",
            &format!("tenant=dark-{number} mdm=mosyle team={team}"),
        ));
    }
    alertmanager.post(&alerts, true).await;
    for name in ["list", "team"] {
        let notices = arrive(&receiver, name, 2).await;
        assert_eq!(notices.len(), 2, "one for each team");
        for notice in &notices {
            assert_eq!(notice.lines().len(), 500, "{name}");
        }
        let teams: BTreeSet<&str> =
            notices.iter().map(|notice| notice.body["groupLabels"]["team"].as_str().unwrap()).collect();
        assert_eq!(teams, BTreeSet::from(["desk", "mac"]));
    }
    // One more joins its digest, which keeps its key.
    let key = |notice: &Notice| notice.body["groupKey"].clone();
    let mut keys: Vec<Value> = receiver.of("list").iter().map(key).collect();
    alertmanager.post(&[alert("ApnsCertificateExpiry", "info", "tenant=late mdm=jamf team=mac")], true).await;
    let notices = arrive(&receiver, "list", 3).await;
    assert_eq!(notices[2].lines().len(), 501);
    assert!(keys.contains(&key(&notices[2])), "{:?}", keys.pop());
    assert!(receiver.of("pager").is_empty());
}

/// What is posted, and whether another of them mutes it.
fn table() -> Vec<(Value, bool)> {
    let expiry = |severity, labels| alert("ApnsCertificateExpiry", severity, labels);
    vec![
        // Three tiers of one tenant: the highest speaks.
        (expiry("critical", "tenant=east mdm=jamf team=mac"), false),
        (expiry("warning", "tenant=east mdm=jamf team=mac"), true),
        (expiry("info", "tenant=east mdm=jamf team=mac"), true),
        // Another tenant, and the same name in another MDM, are untouched by it.
        (expiry("warning", "tenant=south mdm=jamf"), false),
        (expiry("info", "tenant=south mdm=jamf"), true),
        (expiry("info", "tenant=east mdm=intune"), false),
        // Tokens, one by one.
        (alert("AppleTokenExpiry", "critical", "tenant=east mdm=jamf kind=vpp token=a"), false),
        (alert("AppleTokenExpiry", "warning", "tenant=east mdm=jamf kind=vpp token=a"), true),
        (alert("AppleTokenExpiry", "warning", "tenant=east mdm=jamf kind=vpp token=b"), false),
        (alert("AppleTokenExpiry", "warning", "tenant=east mdm=jamf kind=ade token=a"), false),
        // Sites.
        (alert("ApnsServerPathDown", "critical", "site=hq"), false),
        (alert("ApnsServerPathDown", "warning", "site=plant"), false),
        // A planned renewal mutes its own tier, not the one below, which its tier mutes, and none above.
        (alert("ApnsRenewalPlanned", "info", "tenant=west mdm=jamf tier=warning"), false),
        (expiry("warning", "tenant=west mdm=jamf"), true),
        (expiry("info", "tenant=west mdm=jamf"), true),
        (alert("ApnsRenewalPlanned", "info", "tenant=north mdm=jamf tier=info"), false),
        (expiry("info", "tenant=north mdm=jamf"), true),
        (expiry("warning", "tenant=dune mdm=jamf"), false),
        (alert("ApnsRenewalPlanned", "info", "tenant=dune mdm=jamf tier=info"), false),
        (alert("ApnsRenewalPlanned", "info", "tenant=cliff mdm=jamf tier=warning"), false),
        (expiry("critical", "tenant=cliff mdm=jamf"), false),
        (alert("ApnsTopicDrift", "critical", "tenant=cliff mdm=jamf source=api"), false),
        // A dead source explains itself, and nothing else.
        (alert("ApnsSourceFailing", "warning", "tenant=valley mdm=intune source=api"), false),
        (alert("ApnsSourceStale", "warning", "tenant=valley mdm=intune source=api"), true),
        (alert("ApnsSourceStale", "warning", "tenant=valley mdm=intune source=file"), false),
        (alert("ApnsSourceStale", "warning", "tenant=valley mdm=jamf source=api"), false),
        (alert("ApnsCertificateUnknown", "warning", "tenant=valley mdm=intune"), false),
        (alert("ApnsTopicDrift", "critical", "tenant=valley mdm=intune source=api"), false),
        (alert("ApnsCredentialRejected", "warning", "tenant=mist mdm=intune source=api"), false),
        (alert("ApnsSourceFailing", "warning", "tenant=mist mdm=intune source=api"), true),
        (alert("ApnsSourceStale", "warning", "tenant=mist mdm=intune source=api"), true),
        (alert("ApnsSourceFailing", "warning", "tenant=mist mdm=intune source=push"), false),
        // A dead daemon mutes nothing, nor does a drill.
        (alert("ApnswatchDown", "critical", "instance=a"), false),
        (alert("ApnsSourceStale", "warning", "tenant=gorge mdm=jamf source=api"), false),
        (alert("ApnswatchDrill", "critical", ""), false),
        (alert("ApnswatchDrill", "warning", ""), false),
        // A notice that says what is known, and one that says more.
        (alert("ApnsMdmNotice", "warning", "tenant=south mdm=jamf notice=will_expire"), true),
        (alert("ApnsMdmNotice", "warning", "tenant=south mdm=jamf notice=expired"), false),
        (alert("ApnsMdmNotice", "warning", "tenant=east mdm=jamf notice=expired"), true),
        (alert("ApnsMdmNotice", "warning", "tenant=east mdm=jamf notice=apns_unreachable"), false),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_alert_mutes_what_it_explains_and_nothing_else() {
    let receiver = Receiver::start().await;
    let alertmanager = Alertmanager::short(&receiver, &[]).await;
    let table = table();
    let alerts: Vec<Value> = table.iter().map(|(alert, _)| alert.clone()).collect();
    alertmanager.post(&alerts, true).await;
    let held = eventually("all are held", PATIENCE, || async {
        let held = alertmanager.alerts().await;
        (held.len() == table.len() && held.iter().all(|alert| alert["status"]["state"] != "unprocessed"))
            .then_some(held)
    })
    .await;
    for (alert, is_muted) in &table {
        let found = held.iter().find(|held| held["labels"] == alert["labels"]).unwrap();
        assert_eq!(found["status"]["state"] == "suppressed", *is_muted, "{found:#}");
    }
    // What is muted is told to nobody, what is not is told once.
    let told = |is_wanted: bool| -> BTreeSet<String> {
        let wanted = table
            .iter()
            .filter(|(alert, is_muted)| *is_muted != is_wanted && alert["labels"]["alertname"] != "ApnsRenewalPlanned");
        wanted.map(|(alert, _)| alert["labels"].to_string()).collect()
    };
    let labels = |receiver: &Receiver| -> BTreeSet<String> {
        let notices = receiver.all();
        let alerts = notices.iter().flat_map(|notice| notice.body["alerts"].as_array().unwrap());
        alerts.map(|alert| alert["labels"].to_string()).collect()
    };
    eventually("everything is told", PATIENCE, || async { (labels(&receiver) == told(true)).then_some(()) }).await;
    assert!(labels(&receiver).is_disjoint(&told(false)));
    // The page ends, and the tier below it speaks at once: no gap.
    alertmanager.post(&[alerts[0].clone()], false).await;
    eventually("the warning of east", PATIENCE, || async {
        let line = "firing ApnsCertificateExpiry warning east";
        receiver.of("team").iter().any(|notice| notice.lines().contains(line)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_waits_for_the_office_and_a_page_does_not() {
    let receiver = Receiver::start().await;
    let alertmanager = Alertmanager::short(&receiver, &["--closed"]).await;
    let south = alert("ApnsCertificateExpiry", "warning", "tenant=south mdm=jamf team=mac");
    let east = alert("ApnsCertificateExpiry", "critical", "tenant=east mdm=jamf team=mac");
    // The drift is alone in its group, for the last wait of all to be over when it is there: 15 s after the page.
    let plan = alert("ApnsCertificateExpiry", "info", "tenant=north mdm=jamf team=mac");
    alertmanager.post(&[south, east, plan], true).await;
    arrive(&receiver, "pager", 1).await;
    arrive(&receiver, "list", 1).await;
    assert!(receiver.of("team").is_empty(), "not at night: {:?}", receiver.of("team"));

    alertmanager.reload(&receiver, &[]).await;
    let told = arrive(&receiver, "team", 1).await;
    assert_eq!(told[0].lines(), BTreeSet::from(["firing ApnsCertificateExpiry warning south".to_owned()]));
    assert_eq!((receiver.of("pager").len(), receiver.of("list").len()), (1, 1), "a reload doubles nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_beats_and_reaches_nobody_else() {
    let receiver = Receiver::start().await;
    let alertmanager = Alertmanager::short(&receiver, &[]).await;
    alertmanager.post(&[alert("ApnswatchWatchdog", "info", "")], true).await;
    let beats = arrive(&receiver, "dead-man", 3).await;
    assert_eq!(receiver.all().len(), beats.len(), "{:?}", receiver.all());
    // 4m30s made short are 3 s, and its group is looked at each second: a beat is not skipped.
    let gaps = beats.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(gaps.clone().all(|gap| gap < Duration::from_secs(6)), "{:?}", gaps.collect::<Vec<_>>());
}

/// The changes of an alert that were told.
fn changes(receiver: &Receiver, name: &str) -> Vec<String> {
    let notices = receiver.of("pager");
    let of_it = notices.iter().filter(|notice| notice.body["groupLabels"]["alertname"] == name);
    of_it.map(|notice| notice.body["status"].as_str().unwrap().to_owned()).collect()
}

/// What the head of the routes says of the grace period. News are worth 12 s here, and the `for` is longer than that, as 5 minutes
/// are longer than 4.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_prometheus_pages_again_unless_its_grace_is_short() {
    let receiver = Receiver::start().await;
    let alertmanager = Alertmanager::short(&receiver, &[]).await;
    let address = alertmanager.address;
    let mut shipped = Prometheus::with_an_alert("ApnsTestShipped", "18s", "3s", address).await;
    let mut stock = Prometheus::with_an_alert("ApnsTestStock", "18s", "36s", address).await;
    for name in ["ApnsTestShipped", "ApnsTestStock"] {
        eventually(&format!("{name} pages"), PATIENCE, || async {
            (changes(&receiver, name) == ["firing"]).then_some(())
        })
        .await;
    }
    tokio::join!(shipped.restart(), stock.restart());
    eventually("the other one pages again", PATIENCE, || async {
        (changes(&receiver, "ApnsTestStock") == ["firing", "resolved", "firing"]).then_some(())
    })
    .await;
    assert_eq!(changes(&receiver, "ApnsTestShipped"), ["firing"]);
}
