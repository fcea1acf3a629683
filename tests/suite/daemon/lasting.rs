//! What must last: dates, pins and drift, over outages, restarts and changes of the configuration.

use std::time::Duration;

use crate::support::{Daemon, SOON, Scrape, Site, answer, eventually, filed, now, pem, tenant, told, topic};
use apnswatch::demo::intune::{Answer, Certificate};

const END: &str = "apns_certificate_not_after_timestamp_seconds";
const SUCCESS: &str = "apns_source_last_success_timestamp_seconds";
const RENEWED: &str = "apns_certificate_renewed_timestamp_seconds";

/// A tenant that must keep another topic than the one that is told.
fn drifting(site: &Site, name: &str) -> String {
    let expected = format!("    certificate: {{ expected_topic: {} }}\n", topic("the first one"));
    site.intune(name, answer(name, 200), &expected)
}

/// What must be the same before and after.
fn lasting(scrape: &Scrape) -> Vec<String> {
    let names = [
        END,
        "apns_source_not_after",
        "apns_topic_pin_info",
        SUCCESS,
        "apns_certificate_info",
        "apns_topic_drift_info",
    ];
    let lines = scrape.text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    lines.map(ToOwned::to_owned).collect()
}

async fn deaf(daemon: &Daemon) -> Scrape {
    daemon
        .until("both sources are down, and agreement was withdrawn", |scrape| {
            scrape.up("acme") == Some(0.0) && scrape.up("harbour") == Some(0.0) && scrape.drift("acme").is_none()
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_restarts_lose_nothing() {
    let mut site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 290), ""), drifting(&site, "harbour")]);
    let daemon = site.serve().await;
    daemon
        .until("agreement and drift", |scrape| {
            scrape.drift("acme") == Some(0.0) && scrape.drift("harbour") == Some(1.0)
        })
        .await;
    site.microsoft.stop().await;
    let before = daemon.until("down", |scrape| scrape.up("acme") == Some(0.0)).await;
    assert_eq!(before.drift("acme"), Some(0.0), "agreement holds for three intervals");
    let silent = deaf(&daemon).await;
    assert_eq!(silent.reason("acme"), Some("connect"));
    assert_eq!(silent.drift("harbour"), Some(1.0));
    assert_eq!(silent.value("apns_blind_spot", &[("tenant", "acme"), ("question", "lineage")]), Some(1.0));
    assert_eq!(silent.value("apns_blind_spot", &[("tenant", "harbour"), ("question", "lineage")]), None);
    let kept = lasting(&silent);
    assert_eq!(kept, lasting(&before), "a failing source erases nothing");
    assert_eq!(kept.iter().filter(|line| line.starts_with(END)).count(), 2);
    assert_eq!(kept.iter().filter(|line| line.contains("first_seen")).count(), 1);
    let last_success = silent.source(SUCCESS, "acme", "api").unwrap();
    assert!(now().timestamp_millis() as f64 / 1000.0 - last_success >= 3.0, "three intervals have passed");

    daemon.kill().await;
    let daemon = site.serve().await;
    let scrape = daemon.scrape().await;
    assert_eq!(lasting(&scrape), kept, "after SIGKILL, before the first poll");
    assert_eq!((scrape.drift("acme"), scrape.drift("harbour")), (None, Some(1.0)));
    assert_eq!(lasting(&deaf(&daemon).await), kept);
    daemon.stop().await;
    let daemon = site.serve().await;
    assert_eq!(lasting(&deaf(&daemon).await), kept, "after SIGTERM");

    site.microsoft.restart().await.unwrap();
    let scrape = daemon
        .until("both answer again", |scrape| scrape.up("acme") == Some(1.0) && scrape.up("harbour") == Some(1.0))
        .await;
    assert_eq!((scrape.drift("acme"), scrape.drift("harbour")), (Some(0.0), Some(1.0)));
    assert!(scrape.source(SUCCESS, "acme", "api").unwrap() > last_success);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_topic_is_drift_at_once_and_ends_after_two_agreeing_polls() {
    let mut site = Site::new().await;
    let yaml = site.intune("acme", answer("acme", 290), "");
    site.configure("", &[yaml.clone(), site.intune("north", answer("north", 290), "")]);
    let mut daemon = site.serve().await;
    daemon.until("agreement", |scrape| scrape.drift("acme") == Some(0.0)).await;

    site.set("acme", answer("the second one", 364));
    let reads = site.reads("acme");
    // The next poll may have been under way; the one after it begins when that is recorded.
    site.reads_reach("acme", reads + 2).await;
    let scrape = daemon.scrape().await;
    assert_eq!(scrape.drift("acme"), Some(1.0), "within one poll");
    let info = scrape.all("apns_topic_drift_info", &[("tenant", "acme")]);
    assert_eq!(info[0].labels["topic"], topic("the second one"));
    let pin = scrape.all("apns_topic_pin_info", &[("tenant", "acme")]);
    assert_eq!(pin[0].labels["topic"], topic("acme"), "the pin stays");

    site.microsoft.stop().await;
    daemon.until("down for long", |scrape| scrape.up("acme") == Some(0.0) && scrape.drift("north").is_none()).await;
    assert_eq!(daemon.scrape().await.drift("acme"), Some(1.0), "an outage is no good news");
    daemon.stop().await;
    daemon = site.serve().await;
    assert_eq!(daemon.scrape().await.drift("acme"), Some(1.0), "nor is a restart");

    site.configure("", &[site.intune("north", answer("north", 290), "")]);
    daemon.reload().await;
    let scrape = daemon.scrape().await;
    assert!(scrape.of_tenant("acme").is_empty(), "{:?}", scrape.of_tenant("acme"));
    assert_eq!(scrape.state("missing"), 1.0);
    site.configure("", &[yaml, site.intune("north", answer("north", 290), "")]);
    daemon.reload().await;
    let scrape = daemon.scrape().await;
    assert_eq!(scrape.drift("acme"), Some(1.0), "nor is it to take the tenant away and add it again");
    assert_eq!(scrape.state("missing"), 0.0);

    // One good answer, then bad ones: the run is broken.
    site.set("acme", Answer::sequence([answer("acme", 290), Answer::Status(500, None)]));
    site.microsoft.restart().await.unwrap();
    let reads = site.reads("acme");
    site.reads_reach("acme", reads + 3).await;
    assert_eq!(daemon.scrape().await.drift("acme"), Some(1.0), "one agreeing poll is not enough");
    // By turns, as several nodes behind one name would answer.
    let turns = ["acme", "the second one", "acme", "the second one", "acme", "the second one"];
    site.set("acme", Answer::sequence(turns.map(|name| answer(name, 290))));
    let reads = site.reads("acme");
    site.reads_reach("acme", reads + 7).await;
    assert_eq!(daemon.scrape().await.drift("acme"), Some(1.0));
    site.set("acme", answer("acme", 290));
    let reads = site.reads("acme");
    let scrape = daemon.until("the drift is over", |scrape| scrape.drift("acme") == Some(0.0)).await;
    assert!(site.reads("acme") >= reads + 2, "two polls running");
    assert!(scrape.all("apns_topic_drift_info", &[("tenant", "acme")]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_changes_no_label_of_a_date() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    let daemon = site.serve().await;
    let before = daemon.until("a date", |scrape| scrape.value(END, &[]).is_some()).await;
    assert_eq!(before.value(RENEWED, &[]), None);
    assert_eq!(before.value("apns_certificate_phase", &[("phase", "renew")]), Some(1.0));
    let labels = before.all(END, &[])[0].labels.clone();

    let mut last = now().timestamp_millis() as f64 / 1000.0;
    for (serial, days) in [("0C00000000000001", 364), ("0C00000000000002", 365)] {
        let renewed = Certificate {
            serial: serial.to_owned(),
            account: format!("{serial}@example.com"),
            wrapped: true,
            ..told("acme", days)
        };
        let end = renewed.not_after.unwrap().timestamp() as f64;
        site.set("acme", Answer::Certificate(renewed));
        let after = daemon.until("the new date", |scrape| scrape.value(END, &[]) == Some(end)).await;
        assert_eq!(after.all(END, &[])[0].labels, labels);
        assert_eq!(after.value("apns_certificate_expiry_days", &[]).unwrap().trunc(), days as f64);
        assert_eq!(after.drift("acme"), Some(0.0));
        assert_eq!(after.value("apns_certificate_phase", &[]), Some(1.0));
        assert!(after.value("apns_certificate_phase", &[("phase", "ok")]).is_some());
        let info = after.all("apns_certificate_info", &[]);
        assert_eq!((info.len(), info[0].labels["serial"].as_str()), (1, serial));
        let moment = after.one(RENEWED, &[]);
        assert!(moment >= last && moment <= now().timestamp() as f64 + 1.0, "{moment} after {last}");
        assert_eq!(after.value("apns_finding", &[]), None, "a year is no finding");
        last = moment + 0.001;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_left_is_missing_unless_it_was_retired() {
    let site = Site::new().await;
    let acme = site.intune("acme", answer("acme", 290), "");
    let north = site.intune("north", answer("north", 290), "");
    let south = site.intune("south", answer("south", -3), "");
    site.configure("", &[acme.clone(), north.clone(), south.clone()]);
    let daemon = site.serve().await;
    daemon.until("three dates", |scrape| scrape.all(END, &[]).len() == 3).await;

    site.configure("", &[acme.clone(), format!("{north}    retired: true\n")]);
    daemon.reload().await;
    let scrape = daemon.scrape().await;
    for gone in ["north", "south"] {
        assert!(scrape.of_tenant(gone).is_empty(), "{gone}");
        assert!(!daemon.get("/api/v1/status").await.body.contains(gone), "{gone}");
    }
    assert_eq!((scrape.state("active"), scrape.state("retired"), scrape.state("missing")), (1.0, 1.0, 1.0));

    site.configure("", std::slice::from_ref(&acme));
    daemon.reload().await;
    let scrape = daemon.scrape().await;
    assert_eq!((scrape.state("active"), scrape.state("retired"), scrape.state("missing")), (1.0, 0.0, 1.0));
    daemon.stop().await;
    assert_eq!(site.serve().await.scrape().await.state("missing"), 1.0, "after a restart too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_left_while_the_daemon_was_down_is_missing() {
    let site = Site::new().await;
    let [acme, north] = ["acme", "north"].map(|name| site.intune(name, answer(name, 290), ""));
    site.configure("", &[acme.clone(), north.clone()]);
    let daemon = site.serve().await;
    daemon.until("two dates", |scrape| scrape.all(END, &[]).len() == 2).await;
    daemon.stop().await;
    site.configure("", std::slice::from_ref(&acme));
    let daemon = site.serve().await;
    let scrape = daemon.scrape().await;
    assert_eq!((scrape.state("active"), scrape.state("missing")), (1.0, 1.0));
    assert!(scrape.of_tenant("north").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_shown_to_last() {
    let site = Site::new().await;
    let names: Vec<String> = (0..10).map(|number| format!("t{number}")).collect();
    let tenants: Vec<String> = names.iter().map(|name| site.intune(name, answer(name, 290), "")).collect();
    site.configure("limits: { polls: 64, per_host: 64 }", &tenants);
    let daemon = site.serve().await;
    daemon.until("all agree", |scrape| scrape.all("apns_topic_drift", &[]).len() == 10).await;
    for name in &names {
        site.set(name, answer("another", 364));
    }
    // The first kill may come before anything was written: what counts is what a later start already told.
    let mut drifting = 0;
    let mut daemon = Some(daemon);
    for round in 0..8 {
        let reads = site.microsoft.requests().len();
        eventually("some requests", SOON, || async { (site.microsoft.requests().len() > reads + round).then_some(()) })
            .await;
        daemon.take().unwrap().kill().await;
        let next = site.serve().await;
        let scrape = next.scrape().await;
        assert_eq!(scrape.one("apnswatch_store_up", &[]), 1.0);
        assert_eq!(scrape.all("apns_topic_pin_info", &[("origin", "first_seen")]).len(), 10);
        for (name, pin) in names.iter().zip(scrape.all("apns_topic_pin_info", &[])) {
            assert_eq!((pin.labels["tenant"].as_str(), pin.labels["topic"].clone()), (name.as_str(), topic(name)));
        }
        assert_eq!(scrape.all(END, &[]).len(), 10);
        let found = scrape.all("apns_topic_drift_info", &[]).len();
        assert!(found >= drifting, "{found} of {drifting} drifts are left");
        drifting = found;
        daemon = Some(next);
    }
    daemon.unwrap().until("all drift", |scrape| scrape.all("apns_topic_drift_info", &[]).len() == 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn certificate_files_come_and_go() {
    let site = Site::new().await;
    let file = site.certificate("acme/push.pem", &topic("acme"), "0A01", 100);
    let beside = site.certificate("north.pem", &topic("north"), "0B01", 200);
    let missing = site.path("nowhere/push.pem");
    site.configure("", &[filed("acme", &file), filed("north", &beside), filed("shelf", &missing)]);
    let daemon = site.serve().await;
    let is_down = |scrape: &Scrape| scrape.source("apns_source_up", "acme", "file") == Some(0.0);
    let before = daemon.until("a date", |scrape| scrape.value(END, &[("tenant", "acme")]).is_some()).await;
    assert_eq!((before.up("shelf"), before.source("apns_source_up", "shelf", "file")), (None, Some(0.0)));
    assert_eq!(before.value(END, &[("tenant", "shelf")]), None, "nothing is made up");
    daemon.until("the missing file is told", |scrape| scrape.reason("shelf") == Some("not_found")).await;

    let end = before.one(END, &[("tenant", "acme")]);
    let good = std::fs::read(&file).unwrap();
    for (content, reason) in [
        (None, "not_found"),
        (Some(&b""[..]), "malformed"),
        (Some(&b"\x30\x82\x05\x00\x01"[..]), "malformed"),
        (Some(&b"-----BEGIN CERTIFICATE-----\nMIIB"[..]), "malformed"),
    ] {
        match content {
            Some(content) => _ = site.write("acme/push.pem", content),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let scrape = daemon.until(reason, |scrape| is_down(scrape) && scrape.reason("acme") == Some(reason)).await;
        assert_eq!(scrape.value(END, &[("tenant", "acme")]), Some(end), "the last good date stays");
        assert_eq!(scrape.source("apns_source_up", "north", "file"), Some(1.0));
        site.write("acme/push.pem", &good);
        daemon.until("well again", |scrape| !is_down(scrape)).await;
    }
    std::fs::File::options().write(true).open(&file).unwrap().set_len(200 * 1024 * 1024).unwrap();
    let scrape = daemon.until("a file of 200 MB", |scrape| scrape.reason("acme") == Some("io")).await;
    assert_eq!(scrape.value(END, &[("tenant", "acme")]), Some(end));
    assert!(daemon.memory("VmHWM:") < 100 * 1024, "it was not read: {} kB", daemon.memory("VmHWM:"));
    site.write("acme/push.pem", &good);
    // An editor saves by renaming over the old file, three times.
    for generation in 2..5 {
        site.write("acme/push.pem", pem(&topic("acme"), &format!("0A0{generation}"), 100 + generation));
        eventually("the new file is seen", Duration::from_secs(10), || async {
            let status = daemon.get("/api/v1/status").await.body;
            status.contains(&format!("\"0A0{generation}\"")).then_some(())
        })
        .await;
    }
    let scrape = daemon.scrape().await;
    let found = |finding| scrape.value("apns_finding", &[("tenant", "acme"), ("finding", finding)]);
    assert_eq!(found("renewal_unconfirmed"), Some(1.0));
    assert_eq!(scrape.value(END, &[("tenant", "acme")]), Some(end), "nobody said that they were uploaded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_stays_within_its_series() {
    let site = Site::new().await;
    let account = "accounts: [{ id: shared, address: apns@example.com }]\ntenant_labels: [team]";
    let more = |name: &str, certificate: &str| {
        let muted =
            "    muted: { until: 2099-01-01, reason: a test }\n    account: shared\n    labels: { team: mac }\n";
        let expected = topic(&format!("{name} before"));
        format!("{muted}    certificate: {{ expected_topic: {expected}{certificate} }}\n")
    };
    let files = site.certificate("two.pem", &topic("two"), "0A01", 100);
    let file = site.certificate("file.pem", &topic("file before"), "0B01", 100);
    let with_file = more("two", &format!(", files: ['{}']", files.display()));
    site.configure(
        account,
        &[
            site.intune("one", answer("one", 20), &more("one", "")),
            site.intune("two", answer("two", 20), &with_file),
            tenant(
                "file",
                &format!("    mdm: {{ kind: none }}\n{}", more("file", &format!(", files: ['{}']", file.display()))),
            ),
        ],
    );
    let mut daemon = site.serve().await;
    daemon.until("dates", |scrape| scrape.all(END, &[]).len() == 3).await;
    for name in ["one", "two"] {
        site.set(name, Answer::Certificate(Certificate { serial: "0C01".to_owned(), ..told(name, 350) }));
    }
    daemon.until("renewals", |scrape| scrape.all(RENEWED, &[]).len() == 2).await;
    for name in ["one", "two"] {
        site.set(name, Answer::Forbidden);
    }
    site.write("file.pem", pem(&topic("file"), "0B02", 300));
    let drift = |scrape: &Scrape| scrape.source("apns_topic_drift", "file", "file") == Some(1.0);
    daemon.until("the file drifts, too", drift).await;
    std::fs::remove_file(files).unwrap();
    std::fs::remove_file(file).unwrap();
    let scrape = daemon.until("all fail", |scrape| scrape.all("apns_source_failing", &[]).len() == 4).await;
    let count = |name: &str| {
        let samples = scrape.of_tenant(name);
        assert_eq!(scrape.value("apns_tenant_muted", &[("tenant", name)]), Some(1.0));
        samples.iter().filter(|sample| sample.name != "apns_finding").count()
    };
    assert!(count("one") <= 20 && count("one") >= 18, "{} {:#?}", count("one"), scrape.of_tenant("one"));
    assert!(count("file") <= 20, "{} {:#?}", count("file"), scrape.of_tenant("file"));
    assert!(count("two") <= 26, "{} {:#?}", count("two"), scrape.of_tenant("two"));
    daemon.signal("TERM").await;
    assert_eq!(daemon.wait(Duration::from_secs(10)).await, Some(0));
}
