//! `verify`: after the upload, is the renewal in effect?

use std::collections::BTreeMap;

use apnswatch::demo::intune::{Answer, Certificate};
use chrono::TimeDelta;
use serde_json::Value;

use crate::support::{SOON, Site, answer, ended, eventually, filed, now, spawn, tenant, told, topic};

/// The states by name, and the names of the steps that somebody said.
fn states(document: &Value) -> (BTreeMap<String, String>, Vec<String>) {
    let checks = document["checks"].as_array().unwrap().iter();
    let states = checks.map(|check| {
        let text = |key: &str| check[key].as_str().unwrap().to_owned();
        (text("name"), text("state"))
    });
    let steps = document["steps"].as_array().unwrap().iter().filter(|step| step.get("by").is_some());
    (states.collect(), steps.map(|step| step["name"].as_str().unwrap().to_owned()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_until_the_mdm_shows_the_renewal() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    daemon.stop().await;

    let look = ["verify", "--tenant", "acme", "--json"];
    let before = site.run(&look).await;
    assert_eq!((before.status, before.stderr.as_str()), (Some(1), ""), "{}", before.stdout);
    let document: Value = serde_json::from_str(&before.stdout).unwrap();
    let (seen, _) = states(&document);
    assert_eq!((seen["new_end"].as_str(), seen["topic"].as_str()), ("waiting", "good"), "{document}");
    assert_eq!((seen["paths"].as_str(), seen["checkins"].as_str()), ("cannot_tell", "cannot_tell"), "{document}");

    // Nobody reads what it says meanwhile, and it is as open as before.
    let mut unread = site.command();
    unread.args(["verify", "--tenant", "acme", "--wait", "2s", "--every", "1s"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    unread.stdout(std::process::Stdio::null()).stderr(writer);
    assert_eq!(unread.status().await.unwrap().code(), Some(1));

    let mut command = site.command();
    command.args(["verify", "--tenant", "acme", "--wait", "1m", "--every", "1s"]);
    command.args(["--mobile-by", "kim", "--mac-by", "sam"]);
    let (mut process, log) = spawn(command);
    eventually("it says what it waits for", SOON, || async {
        let log = log.lock().unwrap();
        (log.contains("waiting for: new end at the MDM") && log.contains("cannot be seen from here")).then_some(())
    })
    .await;
    let renewed = Certificate { serial: "0D02".to_owned(), ..told("acme", 364) };
    site.set("acme", Answer::Certificate(renewed));
    let status = tokio::time::timeout(SOON, process.wait()).await;
    let status = status.unwrap_or_else(|_| panic!("it goes on: {}", log.lock().unwrap())).unwrap();
    let log = eventually("the table is there", SOON, || async {
        let log = log.lock().unwrap().clone();
        log.contains("says sam").then_some(log)
    })
    .await;
    assert_eq!(status.code(), Some(0), "{log}");
    for line in ["new end at the MDM      good", "topic unchanged         good", "new serial              good"] {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(log.contains("needless  the MDM's console shows the new end: the MDM tells it by itself"), "{log}");

    // The daemon sees it by itself, and what people said is kept.
    let daemon = site.serve().await;
    daemon
        .until("it was renewed", |scrape| !scrape.all("apns_certificate_renewed_timestamp_seconds", &[]).is_empty())
        .await;
    daemon.stop().await;
    let after = site.run(&look).await;
    assert_eq!(after.status, Some(0), "{}", after.stdout);
    assert_eq!(states(&serde_json::from_str(&after.stdout).unwrap()).1, ["mobile", "mac"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_topic_ends_the_wait_at_once() {
    let mut site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 20), "")]);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    daemon.stop().await;
    site.set("acme", answer("other", 364));
    let ended = site.run(&["verify", "--tenant", "acme", "--wait", "10m", "--mac-by", "kim"]).await;
    assert_eq!(ended.status, Some(2), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("topic unchanged         BAD") && ended.stdout.contains("original row"),
        "{}",
        ended.stdout
    );
    // An MDM that is silent is no renewal.
    site.microsoft.stop().await;
    let ended = site.run(&["verify", "--tenant", "acme"]).await;
    assert_eq!(ended.status, Some(1), "{}", ended.stdout);
    assert!(ended.stdout.contains("topic unchanged         not yet"), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_this_vendor_cannot_tell_is_said_by_a_person() {
    let site = Site::new().await;
    let file = site.certificate("acme.pem", &topic("acme"), "0D01", 20);
    site.configure("", &[filed("acme", &file), tenant("bare", "    mdm: { kind: none }\n")]);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    site.certificate("acme.pem", &topic("acme"), "0D02", 365);
    let unconfirmed = [("tenant", "acme"), ("finding", "renewal_unconfirmed")];
    daemon.until("the new file is no proof", |scrape| scrape.all("apns_finding", &unconfirmed).len() == 1).await;

    let first = site.run(&["verify", "--tenant", "acme"]).await;
    assert_eq!(first.status, Some(1), "{}", first.stdout);
    assert!(first.stdout.contains("nobody asks this MDM, so nobody here sees the end"), "{}", first.stdout);
    assert!(first.stdout.contains("look, and say so with --console-by"), "{}", first.stdout);
    let said =
        site.run(&["verify", "--tenant", "acme", "--console-by", "kim", "--mobile-by", "kim", "--mac-by", "sam"]).await;
    assert_eq!((said.status, said.stderr.as_str()), (Some(0), ""), "{}", said.stdout);
    assert_eq!(said.stdout.matches(", says kim on ").count(), 2, "{}", said.stdout);
    // Whoever saw the new end in the console said that the file was uploaded.
    daemon.until("the file counts", |scrape| scrape.all("apns_finding", &unconfirmed).is_empty()).await;
    daemon.stop().await;
    assert_eq!(site.run(&["verify", "--tenant", "acme"]).await.status, Some(0), "it is kept");
    assert_eq!(site.run(&["verify", "--tenant", "nobody"]).await.status, Some(64));
    assert_eq!(site.run(&["verify", "--tenant", "acme", "--every", "1ms"]).await.status, Some(64));
    let mut bad = crate::support::program();
    bad.args(["verify"]);
    assert_eq!(ended(bad).await.status, Some(64));
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_saw_everything_do_not_make_good_what_is_unknown_or_due() {
    let site = Site::new().await;
    let soon = (now() + TimeDelta::days(10)).format("%Y-%m-%d");
    let later = (now() + TimeDelta::days(300)).format("%Y-%m-%d");
    let ends = |end| format!("    certificate: {{ declared: {{ not_after: {end} }} }}\n");
    let token = format!("    tokens: [{{ kind: vpp, name: books, not_after: {soon} }}]\n");
    site.configure(
        "",
        &[
            tenant("unk", ""),
            tenant("gone", "    certificate: { files: [/nothing/*.pem] }\n"),
            tenant("hidden", &token),
            tenant("soon", &ends(soon)),
            tenant("token", &format!("{}{token}", ends(later))),
        ],
    );
    let seen = ["--console-by", "kim", "--mobile-by", "kim", "--mac-by", "sam", "--json"];
    for (name, status, level) in [
        ("unk", 3, "unknown"),
        ("gone", 3, "unknown"),
        ("hidden", 3, "unknown"),
        ("soon", 1, "warning"),
        // A token is not what was renewed.
        ("token", 0, "ok"),
    ] {
        let ended = site.run(&[&["verify", "--tenant", name][..], &seen].concat()).await;
        let document: Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{name}: {ended:?}"));
        assert_eq!((ended.status, &document["level"]), (Some(status), &level.into()), "{name}: {document}");
    }
}
