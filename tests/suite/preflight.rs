//! `preflight` as an admin runs it on renewal day.

use serde_json::Value;

use crate::support::{Daemon, Site, answer, ended, filed, pem, program, topic};

/// Runs it on a file of the site; gives the exit status, what it prints, and what it complains of.
async fn preflight(site: &Site, new: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = program();
    command.arg("preflight").arg(site.path(new)).args(more);
    let ended = ended(command).await;
    (ended.status, ended.stdout, ended.stderr)
}

#[tokio::test]
async fn the_exit_status_and_the_first_line_say_it_all() {
    let site = Site::new().await;
    let old = site.certificate("old.pem", &topic("acme"), "0A01", 20);
    site.certificate("renewed.pem", &topic("acme"), "0A02", 365);
    site.certificate("created.pem", &topic("another"), "0A03", 365);
    site.write("page.pem", "<!DOCTYPE html><html>Sign in</html>");
    site.write("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
    let old = old.to_str().unwrap();
    let kept = topic("acme");
    for (new, more, status, headline) in [
        // The demo's authority does not call itself Apple, which is worth a warning.
        ("renewed.pem", &["--against", old][..], 1, "RENEWAL, WITH A WARNING"),
        ("renewed.pem", &["--topic", &kept], 1, "RENEWAL, WITH A WARNING"),
        ("created.pem", &["--against", old], 2, "DO NOT UPLOAD"),
        ("created.pem", &["--topic", &kept], 2, "DO NOT UPLOAD"),
        ("old.pem", &["--against", old], 2, "DO NOT UPLOAD"),
        ("page.pem", &["--against", old], 2, "DO NOT UPLOAD"),
        ("cut.pem", &["--against", old], 3, "CANNOT TELL"),
        ("gone.pem", &["--against", old], 3, "CANNOT TELL"),
        ("renewed.pem", &[], 3, "CANNOT TELL"),
    ] {
        let (ended, out, err) = preflight(&site, new, more).await;
        assert_eq!((ended, err.as_str()), (Some(status), ""), "{new} {more:?}: {out}");
        assert!(out.starts_with(headline), "{new} {more:?}: {out}");
        assert!(out.contains("\nNext: "), "{out}");
    }
    let (_, out, _) = preflight(&site, "created.pem", &["--against", old]).await;
    assert!(out.contains("Nothing is lost yet") && out.contains(&kept) && out.contains(&topic("another")), "{out}");
    // A baseline that says nothing is leave to nothing.
    let page = site.path("page.pem");
    let (status, out, err) = preflight(&site, "renewed.pem", &["--against", page.to_str().unwrap()]).await;
    assert_eq!((status, err.as_str()), (Some(3), ""), "{out}");
    assert!(out.starts_with("CANNOT TELL") && out.contains("is HTML"), "{out}");
    let two = pem(&topic("acme"), "0A04", 20) + &pem(&topic("another"), "0A05", 21);
    let two = site.write("two.pem", two);
    let (status, out, _) = preflight(&site, "created.pem", &["--against", two.to_str().unwrap()]).await;
    assert_eq!(status, Some(3), "{out}");
    assert!(out.contains("certificates of several topics"), "{out}");
    // Nobody reads this verdict, so it is no leave to upload.
    let mut unread = program();
    unread.arg("preflight").arg(site.path("renewed.pem")).args(["--against", old]);
    unread.stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    assert_eq!(unread.status().await.unwrap().code(), Some(2));
    let (copied, dashed) = (format!("{kept} (Topic)"), kept.replacen('-', "\u{2013}", 1));
    for usage in [
        &["--topic", "com.example.app"][..],
        &["--topic", "com.apple.mgmt."],
        &["--topic", &copied],
        &["--topic", &dashed],
        &["--topic", &kept, "--against", old],
    ] {
        assert_eq!(preflight(&site, "renewed.pem", usage).await.0, Some(64), "{usage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_knows_its_topic_its_history_and_whose_another_topic_is() {
    let site = Site::new().await;
    let files = [("east", "east.pem"), ("west", "west.pem")];
    let tenants: Vec<String> = files
        .iter()
        .map(|(name, file)| filed(name, &site.certificate(file, &topic(name), "0B01", 20)))
        .chain([site.intune("acme", answer("acme", 20), "")])
        .collect();
    let config = site.configure("", &tenants);
    let daemon: Daemon = site.serve().await;
    let pins = "apns_topic_pin_info";
    daemon.until("every topic is known", |scrape| scrape.all(pins, &[]).len() == 3).await;
    daemon.stop().await;

    let config = config.to_str().unwrap();
    let of = |tenant: &'static str| ["--config", config, "--tenant", tenant];
    site.certificate("new.pem", &topic("east"), "0B02", 365);
    let (status, out, err) = preflight(&site, "new.pem", &of("east")).await;
    assert_eq!((status, err.as_str()), (Some(1), ""), "{out}");
    assert!(out.contains("later than the one in use"), "{out}");
    let (status, out, _) = preflight(&site, "new.pem", &of("west")).await;
    assert_eq!(status, Some(2));
    assert!(out.contains("this is the certificate of tenant east: the wrong row was renewed"), "{out}");
    let (status, out, _) = preflight(&site, "east.pem", &of("east")).await;
    assert_eq!(status, Some(2));
    assert!(out.contains("in use already"), "{out}");
    let (status, _, err) = preflight(&site, "new.pem", &of("nobody")).await;
    assert_eq!(status, Some(64));
    assert!(err.contains("no tenant nobody is watched"), "{err}");

    // While the MDM holds a certificate of another topic, the original one is the way back although it ends earlier.
    site.set("acme", answer("wrong", 364));
    let daemon = site.serve().await;
    daemon.until("it drifts", |scrape| scrape.drift("acme") == Some(1.0)).await;
    daemon.stop().await;
    site.certificate("original.pem", &topic("acme"), "0B03", 300);
    let (status, out, _) = preflight(&site, "original.pem", &of("acme")).await;
    assert_eq!(status, Some(1), "{out}");

    let (status, out, _) = preflight(&site, "new.pem", &[&of("acme")[..], &["--json"]].concat()).await;
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(status, Some(2));
    assert_eq!(
        (&document["schema"], &document["verdict"]),
        (&"apnswatch.preflight.v1".into(), &"do_not_upload".into())
    );
    assert_eq!((&document["topic"], &document["expected_topic"]), (&topic("east").into(), &topic("acme").into()));
}
