//! A tenant gets another name in the configuration, and what is known of it follows.

use apnswatch::address::piece;
use serde_json::Value;

use crate::support::{Daemon, Scrape, Site, answer, request, topic};

/// The tenant with Intune's answer, under another name, with lines of its own.
fn called(site: &Site, name: &str, more: &str) -> String {
    site.intune("acme", answer("acme", 300), more).replacen("acme", name, 1)
}

async fn confirmed(site: &Site, name: &str) {
    let said = site.run(&["pin", "confirm", "--tenant", name, "--topic", &topic("acme"), "--by", "kim"]).await;
    assert_eq!(said.status, Some(0), "{said:?}");
}

fn is_pinned(scrape: &Scrape, name: &str, told: &str, origin: &str) -> bool {
    let labels = [("tenant", name), ("topic", &topic(told)), ("origin", origin)];
    scrape.value("apns_topic_pin_info", &labels) == Some(1.0)
}

async fn document(daemon: &Daemon, name: &str) -> Value {
    let answered = daemon.get(&format!("/api/v1/tenants/{name}")).await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    serde_json::from_str(&answered.body).unwrap()
}

/// That the topic was confirmed under the old name, and that its history is older than the new one.
async fn has_all(daemon: &Daemon, name: &str) {
    let text = document(daemon, &piece(name)).await.to_string();
    assert!(text.contains("an enrolled device listens on") && text.contains("first told of a certificate"), "{text}");
    let scrape = daemon.scrape().await;
    assert!(is_pinned(&scrape, name, "acme", "confirmed"), "{}", scrape.text);
    assert_eq!((scrape.state("active"), scrape.state("missing")), (1.0, 0.0));
    assert_eq!(scrape.of_tenant("acme").len(), 0, "no series of the old name is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_under_a_new_name_finds_the_pin_and_shows_what_drifts() {
    let site = Site::new().await;
    site.configure("", &[called(&site, "acme", "")]);
    let daemon = site.serve().await;
    daemon.until("it is pinned", |scrape| is_pinned(scrape, "acme", "acme", "first_seen")).await;
    confirmed(&site, "acme").await;
    daemon.until("it is confirmed", |scrape| is_pinned(scrape, "acme", "acme", "confirmed")).await;
    daemon.stop().await;

    // Meanwhile somebody uploads the wrong certificate.
    site.configure("", &[called(&site, "north", "    formerly: [acme]\n")]);
    site.set("acme", answer("elsewhere", 300));
    let listed = site.run(&["pin", "list"]).await;
    assert!(listed.stdout.starts_with("north  ") && !listed.stdout.contains("acme  "), "{listed:?}");
    let daemon = site.serve().await;
    let scrape = daemon.until("it drifts", |scrape| scrape.drift("north") == Some(1.0)).await;
    assert!(is_pinned(&scrape, "north", "acme", "confirmed"));
    has_all(&daemon, "north").await;
    daemon.stop().await;

    // The configuration may say it for ever, and forget it once it was read.
    for more in ["    formerly: [acme]\n", ""] {
        site.configure("", &[called(&site, "north", more)]);
        site.set("acme", answer("elsewhere", 300));
        let daemon = site.serve().await;
        daemon.until("it drifts", |scrape| scrape.drift("north") == Some(1.0)).await;
        has_all(&daemon, "north").await;
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_a_new_name_keeps_everything_and_old_links_lead_there() {
    let (site, head) = (Site::new().await, "web: { reload: true }");
    site.configure(head, &[called(&site, "acme", "")]);
    let daemon = site.serve().await;
    daemon.until("it is pinned", |scrape| is_pinned(scrape, "acme", "acme", "first_seen")).await;
    confirmed(&site, "acme").await;
    site.set("acme", answer("elsewhere", 300));
    daemon.until("it drifts", |scrape| scrape.drift("acme") == Some(1.0)).await;

    site.configure(head, &[called(&site, "a b/north", "    formerly: [acme]\n")]);
    site.set("acme", answer("elsewhere", 300));
    // A command before the daemon has read it: it sees what is kept under the old name, and is heard under the new one.
    let said = site.run(&["pin", "confirm", "--tenant", "a b/north", "--topic", &topic("acme"), "--by", "sam"]).await;
    assert_eq!(said.status, Some(0), "{said:?}");
    let refused = site.run(&["pin", "confirm", "--tenant", "a b/north", "--topic", &topic("elsewhere")]).await;
    assert!(refused.status == Some(1) && refused.stderr.contains(&topic("acme")), "{refused:?}");
    for arguments in [
        vec!["pin", "forget", "--tenant", "acme", "--reason", "sold"],
        vec!["pin", "export", "--tenant", "acme"],
        vec!["access", "--tenant", "acme"],
        vec!["guide", "--tenant", "acme"],
    ] {
        let old = site.run(&arguments).await;
        assert!(old.status != Some(0) && old.stderr.contains("it is called \"a b/north\" now"), "{old:?}");
    }
    daemon.reload().await;
    let scrape = daemon.until("it drifts", |scrape| scrape.drift("a b/north") == Some(1.0)).await;
    assert_eq!((scrape.of_tenant("acme").len(), scrape.state("missing")), (0, 0.0));
    let path = "a%20b%2Fnorth";
    has_all(&daemon, "a b/north").await;
    let history = document(&daemon, path).await["history"].to_string();
    assert!(history.contains("kim") && history.contains("sam"), "{history}");
    for (old, new) in [
        ("/tenants/acme", format!("/tenants/{path}")),
        ("/tenants/acme/renewal", format!("/tenants/{path}/renewal")),
        ("/api/v1/tenants/acme", format!("/api/v1/tenants/{path}")),
    ] {
        let answered = daemon.get(old).await;
        assert_eq!(answered.status, 308, "{}", answered.body);
        assert!(answered.head.contains(&format!("location: {}\r\n", new.to_lowercase())), "{}", answered.head);
        assert_eq!(daemon.get(&new).await.status, 200);
    }
    assert_eq!(daemon.get("/tenants/acm").await.status, 404);
    let page = daemon.get(&format!("/tenants/{path}")).await.body;
    assert!(page.contains("Formerly acme."), "{page}");
    // Who speaks by an old form is not taken for speaking of something else.
    let late = request(daemon.address, "POST", "/tenants/acme/said/plan", "localhost").await;
    assert!((400..500).contains(&late.status), "{}", late.body);
    daemon.stop().await;

    let daemon = site.serve().await;
    has_all(&daemon, "a b/north").await;
    daemon.stop().await;
}
