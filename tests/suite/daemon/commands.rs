//! The commands: their exit status, and what they do beside a running daemon.

use apnswatch::demo::intune::Answer;

use crate::support::{Site, answer, ended, filed, now, pem, tenant, topic};

const END: &str = "apns_certificate_not_after_timestamp_seconds";

#[tokio::test(flavor = "multi_thread")]
async fn once_says_by_its_status_how_bad_it_is() {
    let site = Site::new().await;
    for (what, given, status, word) in [
        ("ok", answer("acme", 290), 0, "ok"),
        ("plan", answer("acme", 120), 0, "plan"),
        ("none", Answer::NotConfigured, 0, "no push certificate"),
        ("renew", answer("acme", 12), 1, "renew now"),
        ("expired", answer("acme", -3), 2, "expired"),
        ("lost", answer("acme", -60), 2, "expired long ago"),
        ("unknown", Answer::Status(500, None), 3, "unknown"),
        ("refused", Answer::Forbidden, 3, "unknown"),
    ] {
        site.configure("", &[site.intune("acme", given, "")]);
        let ended = site.run(&["once"]).await;
        assert_eq!(ended.status, Some(status), "{what}: {ended:?}");
        assert!(ended.stdout.contains("acme") && ended.stdout.contains(word), "{what}: {}", ended.stdout);
        assert!(!ended.stdout.contains('\u{1b}'), "no colours in a pipe");
        assert!(site.store().is_empty(), "{what} made a store");
    }
    let drift = format!("    certificate: {{ expected_topic: {} }}\n", topic("before"));
    site.configure("", &[site.intune("acme", answer("acme", 340), &drift)]);
    assert_eq!(site.run(&["once"]).await.status, Some(2), "drift");
    // The worst first: 2, 1, 3, 0.
    let unknown = site.intune("mist", Answer::Status(500, None), "");
    let renew = site.intune("south", answer("south", 12), "");
    let fine = site.intune("north", answer("north", 290), "");
    site.configure("", &[unknown.clone(), fine.clone()]);
    assert_eq!(site.run(&["once"]).await.status, Some(3));
    site.configure("", &[unknown, renew, fine]);
    let document = site.run(&["once", "--json"]).await;
    assert_eq!(document.status, Some(1));
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!((&document["schema"], &document["counts"]["active"]), (&"apnswatch.status.v1".into(), &3.into()));
    site.configure("", &[]);
    assert_eq!(site.run(&["once"]).await.status, Some(3), "nothing is watched");
}

#[tokio::test(flavor = "multi_thread")]
async fn once_reads_the_store_and_never_writes_it() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 290), "")]);
    let daemon = site.serve().await;
    daemon.until("a pin", |scrape| !scrape.all("apns_topic_pin_info", &[]).is_empty()).await;
    daemon.stop().await;
    let before = site.store();
    assert!(!before.is_empty());
    site.set("acme", answer("another one", 364));
    let ended = site.run(&["once"]).await;
    assert_eq!(ended.status, Some(2), "the pin in the store counts: {}", ended.stdout);
    assert_eq!(site.run(&["pin", "list"]).await.status, Some(0));
    assert!(site.store() == before, "the store is another one now");
    site.set("acme", Answer::Status(500, None));
    let ended = site.run(&["once"]).await;
    assert_eq!(ended.status, Some(1), "the date in the store is known still: {}", ended.stdout);
    assert!(site.store() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_zone_changes_nothing() {
    let site = Site::new().await;
    let file = site.certificate("desk.pem", &topic("desk"), "0A01", 29);
    let declared = "    mdm: { kind: none }\n    certificate: { declared: { not_after: 2027-03-28 } }\n";
    site.configure("", &[site.intune("acme", answer("acme", 29), ""), filed("desk", &file), tenant("paper", declared)]);
    let mut told = Vec::new();
    for zone in ["UTC", "Pacific/Auckland", "America/Los_Angeles", "Nowhere/Unknown"] {
        let mut command = site.command();
        command.args(["once", "--json"]).env("TZ", zone).env("LANG", "de_DE.UTF-8");
        let ended = ended(command).await;
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let ends: Vec<String> =
            (0..3).map(|tenant| document["tenants"][tenant]["certificate"]["not_after"].to_string()).collect();
        assert!(ends.iter().all(|end| end.ends_with("Z\"")), "{ends:?}");
        told.push((ended.status, ends));
    }
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_config_says_what_would_run() {
    let site = Site::new().await;
    let file = site.certificate("desk.pem", &topic("desk"), "0A01", 100);
    site.configure("", &[site.intune("acme", answer("acme", 290), ""), filed("desk", &file)]);
    let ended = site.run(&["check-config"]).await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""));
    for words in ["2 tenants watched", "acme (intune)", "desk (none)", "nobody watches the way to Apple"] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    assert!(site.store().is_empty());
    assert_eq!(site.microsoft.requests().len(), 0, "nothing is asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_never_says_that_all_is_well_where_nothing_was_tried() {
    let site = Site::new().await;
    let file = site.certificate("desk.pem", &topic("desk"), "0A01", 100);
    let mosyle = format!(
        "    mdm: {{ kind: mosyle, product: manager, access_token_file: {folder}/secret, email: a@example.com, \
         password_file: {folder}/secret }}\n",
        folder = site.path("").display()
    );
    let acme = site.intune("acme", answer("acme", 290), "");
    let gone = site.intune("gone", answer("gone", 290), "    retired: true\n");
    site.configure("", &[filed("desk", &file), tenant("school", &mosyle), gone.clone()]);
    let nothing = site.run(&["access"]).await;
    assert_eq!(nothing.status, Some(3), "{nothing:?}");
    for words in ["desk (none)\n  it has no MDM that can be asked", "school (mosyle)\n  nothing is asked of this MDM"] {
        assert!(nothing.stdout.contains(words), "{words}: {}", nothing.stdout);
    }
    for name in ["desk", "school"] {
        assert_eq!(site.run(&["access", "--tenant", name]).await.status, Some(3), "{name}");
    }
    let document = site.run(&["access", "--json"]).await;
    assert_eq!(document.status, Some(3));
    let document: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["tenants"][0]["untried"], "it has no MDM that can be asked");
    site.configure("", &[]);
    assert_eq!(site.run(&["access"]).await.status, Some(3), "there is no tenant");

    site.configure("", &[acme.clone(), filed("desk", &file), gone.clone()]);
    let tried = site.run(&["access"]).await;
    assert_eq!((tried.status, tried.stderr.as_str()), (Some(0), ""), "{tried:?}");
    for (name, words) in [("gone", "retired"), ("nobody", "no tenant is called"), ("", "--tenant")] {
        let refused = site.run(&["access", "--tenant", name]).await;
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(1), ""), "{refused:?}");
        assert!(refused.stderr.contains(words), "{refused:?}");
    }

    site.configure("tenant_files: ['tenants.d/*.yaml']", &[acme]);
    site.write("tenants.d/bad.yaml", "tenants: [{ name: 5, certficate: {} }]\n");
    let partly = site.run(&["access"]).await;
    assert_eq!(partly.status, Some(1), "{partly:?}");
    assert!(partly.stdout.contains("allowed") && partly.stderr.contains("bad.yaml"), "{partly:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_says_is_seen_at_the_next_scrape_and_survives_a_kill() {
    let site = Site::new().await;
    let configure = |head: &str| site.configure(head, &[site.intune("acme", answer("acme", 290), "")]);
    configure("poll: { interval: 1h, timeout: 5s }");
    let daemon = site.serve().await;
    daemon.until("agreement", |scrape| scrape.drift("acme") == Some(0.0)).await;
    let origin = |scrape: &crate::support::Scrape| {
        let pins = scrape.all("apns_topic_pin_info", &[]);
        pins.first().map(|pin| (pin.labels["topic"].clone(), pin.labels["origin"].clone()))
    };
    assert_eq!(origin(&daemon.scrape().await), Some((topic("acme"), "first_seen".to_owned())));
    let listed = site.run(&["pin", "list"]).await;
    assert!(listed.stdout.contains(&topic("acme")) && listed.stdout.contains("first_seen"), "{}", listed.stdout);

    let wrong = site.run(&["pin", "confirm", "--tenant", "acme", "--topic", &topic("other")]).await;
    assert_eq!(wrong.status, Some(1));
    assert!(wrong.stderr.contains("nothing was confirmed"), "{}", wrong.stderr);
    let stranger = site.run(&["pin", "confirm", "--tenant", "Acme", "--topic", &topic("acme")]).await;
    assert!(stranger.status == Some(1) && stranger.stderr.contains("acme"), "{stranger:?}");

    let said = site.run(&["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "a person"]).await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let confirmed = Some((topic("acme"), "confirmed".to_owned()));
    assert_eq!(origin(&daemon.scrape().await), confirmed, "at the next scrape");

    // Killed when the command has returned, before the daemon could have seen it.
    let said = site
        .run(&[
            "pin",
            "set",
            "--tenant",
            "acme",
            "--topic",
            &topic("new"),
            "--reason",
            "enrolled again",
            "--confirm-name",
            "acme",
        ])
        .await;
    daemon.kill().await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let daemon = site.serve().await;
    let scrape = daemon.scrape().await;
    assert_eq!(origin(&scrape), Some((topic("new"), "confirmed".to_owned())));
    daemon.until("what the MDM tells is drift now", |scrape| scrape.drift("acme") == Some(1.0)).await;
    let back = site
        .run(&[
            "pin",
            "set",
            "--tenant",
            "acme",
            "--topic",
            &topic("acme"),
            "--reason",
            "a mistake",
            "--confirm-name",
            "acme",
        ])
        .await;
    assert_eq!(back.status, Some(0), "{}", back.stderr);
    let scrape = daemon.scrape().await;
    assert_eq!((origin(&scrape), scrape.drift("acme")), (confirmed, Some(0.0)), "changed on purpose: at once");

    let forget = ["pin", "forget", "--tenant", "acme", "--reason", "enrolled anew", "--confirm-name", "acme"];
    assert_eq!(site.run(&forget).await.status, Some(0));
    let scrape = daemon.scrape().await;
    assert_eq!((origin(&scrape), scrape.drift("acme")), (None, None));
    assert_eq!(site.run(&forget).await.status, Some(1), "there is none");
    let pins = site.run(&["pin", "list", "--json"]).await;
    let pins: serde_json::Value = serde_json::from_str(&pins.stdout).unwrap();
    assert_eq!(pins, serde_json::json!({ "schema": "apnswatch.pins.v1", "pins": {} }));
    daemon.kill().await;
    let scrape = site.serve().await.until("a new first sight", |scrape| origin(scrape).is_some()).await;
    assert_eq!(origin(&scrape), Some((topic("acme"), "first_seen".to_owned())), "forgotten, also after a kill");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_upload_counts_at_the_next_scrape_and_survives_a_kill() {
    let site = Site::new().await;
    let file = site.certificate("acme.pem", &topic("acme"), "0A01", 25);
    site.configure("", &[filed("acme", &file)]);
    let daemon = site.serve().await;
    let first = daemon.until("the first file", |scrape| scrape.value(END, &[]).is_some()).await.one(END, &[]);
    assert_eq!(site.run(&["confirm", "--tenant", "acme", "--serial", "0A02"]).await.status, Some(1), "never seen");

    site.write("acme.pem", pem(&topic("acme"), "0A02", 364));
    let unconfirmed = [("finding", "renewal_unconfirmed")];
    let scrape = daemon.until("it is told", |scrape| scrape.value("apns_finding", &unconfirmed).is_some()).await;
    assert_eq!(scrape.one(END, &[]), first, "a file is not the MDM's word");
    let said = site.run(&["confirm", "--tenant", "acme", "--note", "ticket 4711"]).await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("0A02"), "{}", said.stdout);
    let scrape = daemon.scrape().await;
    assert!(scrape.one(END, &[]) > first + 300.0 * 86_400.0, "at the next scrape");
    assert!(scrape.value("apns_finding", &unconfirmed).is_none());
    assert!(scrape.one("apns_certificate_renewed_timestamp_seconds", &[]) <= now().timestamp() as f64 + 1.0);

    site.write("acme.pem", pem(&topic("acme"), "0A03", 365));
    let scrape = daemon.until("the next one", |scrape| scrape.value("apns_finding", &unconfirmed).is_some()).await;
    let said = site.run(&["confirm", "--tenant", "acme"]).await;
    daemon.kill().await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    let after = site.serve().await.scrape().await;
    assert!(after.one(END, &[]) > scrape.one(END, &[]), "it was on disk when the command returned");
    assert!(after.value("apns_finding", &unconfirmed).is_none());
    // A certificate of another topic is never taken for a renewal.
    site.write("acme.pem", pem(&topic("other"), "0A04", 366));
    let daemon = site.serve().await;
    daemon.until("drift", |scrape| scrape.source("apns_topic_drift", "acme", "file") == Some(1.0)).await;
    let refused = site.run(&["confirm", "--tenant", "acme"]).await;
    assert!(refused.status == Some(1) && refused.stderr.contains("no renewal"), "{refused:?}");
}
