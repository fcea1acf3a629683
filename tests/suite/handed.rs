//! `certificate add`: for those without a place for files.

use serde_json::Value;

use crate::support::{Site, pem, tenant, topic};

const SERIALS: &str = "apns_certificate_info";

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_handed_over_counts_as_a_file_at_once() {
    let site = Site::new().await;
    site.configure("", &[tenant("acme", "    mdm: { kind: none }\n"), tenant("west", "    mdm: { kind: none }\n")]);
    let daemon = site.serve().await;
    daemon.ready().await;
    let scrape = daemon.scrape().await;
    assert_eq!(scrape.all("apns_source_up", &[("tenant", "acme")]).len(), 0);
    assert_eq!(scrape.one("apns_blind_spot", &[("tenant", "acme"), ("question", "expiry")]), 1.0);

    let old = site.certificate("old.pem", &topic("acme"), "0A01", 20);
    let add = |file: &str| ["certificate", "add", "--tenant", "acme", "--by", "kim", file].map(ToOwned::to_owned);
    let run = async |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        site.run(&arguments).await
    };
    let added = run(&add(old.to_str().unwrap())).await;
    assert_eq!((added.status, added.stderr.as_str()), (Some(0), ""));
    assert!(added.stdout.contains("serial 0A01") && added.stdout.contains("is kept"), "{}", added.stdout);
    assert!(added.stdout.contains("its end counts from now on, uploaded or not"), "{}", added.stdout);
    let scrape = daemon
        .until("it is looked at without a reload", |scrape| {
            scrape.all(SERIALS, &[("tenant", "acme"), ("serial", "0A01"), ("source", "file")]).len() == 1
        })
        .await;
    assert_eq!(scrape.one("apns_source_up", &[("tenant", "acme"), ("source", "file")]), 1.0);
    assert_eq!(scrape.all("apns_topic_pin_info", &[("tenant", "acme"), ("origin", "first_seen")]).len(), 1);
    assert_eq!(scrape.all("apns_source_up", &[("tenant", "west")]).len(), 0);

    // A newer one is a file, and not the MDM's word.
    let new = site.certificate("new.pem", &topic("acme"), "0A02", 365);
    let added = run(&add(new.to_str().unwrap())).await;
    assert_eq!(added.status, Some(0));
    assert!(added.stdout.contains("Whether the MDM has it is another question"), "{}", added.stdout);
    let unconfirmed = [("tenant", "acme"), ("finding", "renewal_unconfirmed")];
    let scrape =
        daemon.until("the newer one waits", |scrape| scrape.all("apns_finding", &unconfirmed).len() == 1).await;
    assert_eq!(scrape.all(SERIALS, &[("tenant", "acme"), ("serial", "0A01")]).len(), 1);
    let confirmed = site.run(&["confirm", "--tenant", "acme", "--by", "kim"]).await;
    assert_eq!((confirmed.status, confirmed.stderr.as_str()), (Some(0), ""));
    daemon.until("it counts", |scrape| scrape.all(SERIALS, &[("tenant", "acme"), ("serial", "0A02")]).len() == 1).await;

    // It outlives a restart, and says who handed it over.
    daemon.stop().await;
    let daemon = site.serve().await;
    daemon
        .until("it is known again", |scrape| {
            scrape.all(SERIALS, &[("tenant", "acme"), ("serial", "0A02")]).len() == 1
                && !scrape.all("apns_source_up", &[("tenant", "acme"), ("source", "file")]).is_empty()
        })
        .await;
    let status = daemon.get("/api/v1/status").await.body;
    assert!(status.contains("added by kim on "), "{status}");
    let listed = site.run(&["certificate", "list"]).await;
    assert_eq!(listed.stdout.lines().count(), 2, "{}", listed.stdout);
    assert!(listed.stdout.lines().all(|line| line.contains("added by kim on ")), "{}", listed.stdout);

    let removed = site.run(&["certificate", "remove", "--tenant", "acme", "--serial", "0a02", "--note", "wrong"]).await;
    assert_eq!((removed.status, removed.stderr.as_str()), (Some(0), ""));
    let listed = site.run(&["certificate", "list", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let kept = listed["certificates"].as_array().unwrap();
    assert_eq!((kept.len(), &kept[0]["serial"], &kept[0]["tenant"]), (1, &"0A01".into(), &"acme".into()));

    // What is kept no more cannot be confirmed any more.
    let removed = site.run(&["certificate", "remove", "--tenant", "acme", "--serial", "0a01"]).await;
    assert_eq!((removed.status, removed.stderr.as_str()), (Some(0), ""));
    let confirmed = site.run(&["confirm", "--tenant", "acme", "--by", "kim"]).await;
    assert_eq!(confirmed.status, Some(1), "{}", confirmed.stdout);
    assert!(confirmed.stderr.contains("give its serial number"), "{}", confirmed.stderr);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_kept_is_refused_with_the_reason() {
    let site = Site::new().await;
    let file = site.certificate("acme.pem", &topic("acme"), "0B01", 20);
    site.configure("", &[crate::support::filed("acme", &file)]);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    daemon.stop().await;
    let key = "-----BEGIN PRIVATE KEY-----\nbmV2ZXIgcmVhZA==\n-----END PRIVATE KEY-----\n";
    let other = pem(&topic("other"), "0B09", 365);
    for (name, content, words) in [
        ("key.pem", pem(&topic("acme"), "0B02", 365) + key, "a private key is in the file"),
        ("other.pem", other.clone(), "it is no renewal"),
        ("two.pem", pem(&topic("acme"), "0B03", 365) + &other, "certificates of several topics"),
        ("page.pem", "<!DOCTYPE html><html>Sign in</html>".to_owned(), "is HTML"),
        ("empty.pem", String::new(), "is empty"),
    ] {
        let path = site.write(name, content);
        let ended = site.run(&["certificate", "add", "--tenant", "acme", path.to_str().unwrap()]).await;
        assert_eq!((ended.status, ended.stdout.as_str()), (Some(1), ""), "{name}: {}", ended.stderr);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("othing was kept"), "{name}: {}", ended.stderr);
    }
    let listed = site.run(&["certificate", "list"]).await;
    assert_eq!((listed.status, listed.stdout.as_str()), (Some(0), ""), "nothing was kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_another_tenant_is_refused_also_where_only_the_configuration_says_whose_it_is() {
    let site = Site::new().await;
    let fixed = |retired: &str| {
        let topic = topic("fixed");
        tenant(
            "fixed",
            &format!("{retired}    mdm: {{ kind: none }}\n    certificate: {{ expected_topic: {topic} }}\n"),
        )
    };
    let blind = tenant("blind", "    mdm: { kind: none }\n");
    site.configure("", &[fixed(""), blind.clone()]);
    let daemon = site.serve().await;
    daemon.ready().await;
    daemon.stop().await;
    let file = site.certificate("fixed.pem", &topic("fixed"), "0B11", 365);
    let add = ["certificate", "add", "--tenant", "blind", file.to_str().unwrap()];
    let ended = site.run(&add).await;
    assert_eq!(ended.status, Some(1), "{}", ended.stdout);
    assert!(ended.stderr.contains("is the one of \"fixed\""), "{}", ended.stderr);
    // Who is watched no more keeps nothing.
    site.configure("", &[fixed("    retired: true\n"), blind]);
    let ended = site.run(&add).await;
    assert_eq!(ended.status, Some(0), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_counts_as_uploaded_is_judged_by_the_topic_that_the_configuration_fixes() {
    let site = Site::new().await;
    let (old, new) = (topic("old"), topic("new"));
    let first = site.certificate("first.pem", &old, "0C01", 20);
    let acme = |fixed: &str| {
        tenant(
            "acme",
            &format!("    mdm: {{ kind: none }}\n    certificate: {{ files: ['{}']{fixed} }}\n", first.display()),
        )
    };
    site.configure("", &[acme("")]);
    let daemon = site.serve().await;
    daemon.until("the topic is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    daemon.stop().await;

    // Somebody fixes another one before the daemon runs again: the store has the one from before.
    site.configure("", &[acme(&format!(", expected_topic: {new}"))]);
    let file = site.certificate("new.pem", &new, "0C02", 365);
    let added = site.run(&["certificate", "add", "--tenant", "acme", file.to_str().unwrap()]).await;
    assert_eq!(added.status, Some(0), "{added:?}");
    let refused = site.run(&["confirm", "--tenant", "acme", "--serial", "0C01"]).await;
    assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.stderr.contains(&format!("\"acme\" must keep {new}: it is no renewal")), "{refused:?}");
    assert!(refused.stderr.contains(&format!("Renew the row of {new}")), "{refused:?}");
    let listed = site.run(&["pin", "list"]).await;
    assert_eq!((listed.status, listed.stdout), (Some(0), format!("acme  {new}  config\n")), "{}", listed.stderr);
    let listed: Value = serde_json::from_str(&site.run(&["pin", "list", "--json"]).await.stdout).unwrap();
    let wanted = serde_json::json!({ "topic": new, "origin": "config", "since": null, "by": null });
    assert_eq!(listed["pins"]["acme"], wanted, "{listed}");
    for serial in [&["--serial", "0C02"][..], &[]] {
        let confirmed = site.run(&[&["confirm", "--tenant", "acme"][..], serial].concat()).await;
        assert_eq!((confirmed.status, confirmed.stderr.as_str()), (Some(0), ""), "{confirmed:?}");
        assert!(confirmed.stdout.contains("serial 0C02"), "{confirmed:?}");
    }
    // By the same topic, whoever saw the new end in the console speaks of that file.
    let seen = site.run(&["verify", "--tenant", "acme", "--console-by", "kim"]).await;
    assert!(seen.stdout.contains("new end, says kim"), "{seen:?}");
}
