//! Topics that are written down, and topics that are changed on purpose.

use serde_json::Value;

use crate::support::{Ended, Site, filed, tenant, topic};

/// Names that a configuration may hold, some of them on purpose to break one.
const NAMES: [&str; 8] = [
    "acme",
    "a: \"b\" \\ #c {x} [y] & * ! | > % @ `",
    " lead and trail ",
    "null",
    "1e3",
    "日本 é",
    "line\u{2028}paragraph\u{2029}mark\u{feff}turn\u{202e}",
    "- name: \"x\"",
];

fn plain(name: &str) -> String {
    tenant(name, "    mdm: { kind: none }\n")
}

fn topic_number(number: usize) -> String {
    topic(&format!("tenant {number}"))
}

async fn confirm(site: &Site, name: &str, topic: &str) -> Ended {
    site.run(&["pin", "confirm", &format!("--tenant={name}"), "--topic", topic, "--by", "kim\n# sam: {"]).await
}

fn document(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

/// The topics that an export gives to a configuration, by tenant.
fn given(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tenants = document["tenants"].as_array().unwrap();
    tenants.iter().map(|one| (text(&one["name"]), text(&one["certificate"]["expected_topic"]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn exported_topics_are_a_configuration_with_the_same_topics() {
    let site = Site::new().await;
    let names: Vec<String> = NAMES.iter().map(|name| plain(name)).collect();
    site.configure("", &names);
    let empty = site.run(&["pin", "export"]).await;
    assert_eq!(empty.status, Some(0), "{empty:?}");
    assert!(empty.stdout.ends_with("\ntenants: []\n"), "{}", empty.stdout);
    let mut wanted = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let said = confirm(&site, name, &topic_number(number)).await;
        assert_eq!(said.status, Some(0), "{name}: {said:?}");
        wanted.push(((*name).to_owned(), topic_number(number)));
    }
    wanted.sort();
    let (text, json) = (site.run(&["pin", "export"]).await, site.run(&["pin", "export", "--json"]).await);
    assert_eq!((text.status, text.stderr.as_str()), (Some(0), ""));
    assert_eq!(given(&document(&json)), wanted);
    assert!(text.stdout.contains("  # confirmed by kim\\n# sam: {, since 20"), "{}", text.stdout);

    // Another store, and nothing of these tenants but what was exported and the MDM that each has anyway.
    let other = Site::new().await;
    let (_, tenants) = text.stdout.split_once("tenants:\n").unwrap();
    other.configure("", &[tenants.replace("    certificate:\n", "    mdm: { kind: none }\n    certificate:\n")]);
    let checked = other.run(&["check-config"]).await;
    assert_eq!(checked.status, Some(0), "{checked:?}");
    let again = document(&other.run(&["pin", "export", "--json"]).await);
    assert_eq!(given(&again), wanted);
    assert!(again["pins"].as_array().unwrap().iter().all(|pin| pin["origin"] == "config"), "{again}");

    let one = site.run(&["pin", "export", "--tenant", "null"]).await;
    assert!(one.status == Some(0) && one.stdout.matches("expected_topic").count() == 1, "{one:?}");
    let nobody = site.run(&["pin", "export", "--tenant", "Acme"]).await;
    assert!(nobody.status == Some(1) && nobody.stderr.contains("\"acme\" is"), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_topic_that_may_be_wrong_is_exported_to_be_copied() {
    let site = Site::new().await;
    let seen = filed("seen", &site.certificate("seen.pem", &topic("seen"), "0E01", 200));
    let (one, other) = (plain("one"), plain("other"));
    let fixed = |name: &str| {
        let line = format!("    certificate: {{ expected_topic: {} }}\n", topic(name));
        tenant("fixed", &format!("    mdm: {{ kind: none }}\n{line}"))
    };
    site.configure("", &[seen.clone(), one.clone(), other.clone(), fixed("fixed"), plain("gone")]);
    let daemon = site.serve().await;
    daemon.until("the pins", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 2).await;
    daemon.stop().await;
    for name in ["one", "other"] {
        assert_eq!(confirm(&site, name, &topic("same")).await.status, Some(0));
    }
    assert_eq!(confirm(&site, "gone", &topic("gone")).await.status, Some(0));

    // "gone" has left, and "fixed" is fixed to another topic since the daemon ran.
    site.configure("", &[seen.clone(), one.clone(), other.clone(), fixed("new")]);
    let (text, json) = (site.run(&["pin", "export"]).await, site.run(&["pin", "export", "--json"]).await);
    assert_eq!(given(&document(&json)), [("fixed".to_owned(), topic("new"))], "what the configuration says, wins");
    let pins = document(&json)["pins"].clone();
    let left_out = |name: &str| {
        let pin = pins.as_array().unwrap().iter().find(|pin| pin["name"] == name).unwrap();
        pin["left_out"].as_str().unwrap_or_default().to_owned()
    };
    assert!(left_out("seen").contains("first sight"), "{pins}");
    assert!(left_out("one").contains("\"other\" keeps the same"), "{pins}");
    assert!(left_out("other").contains("\"one\" keeps the same"), "{pins}");
    assert!(left_out("gone").contains("no tenant of this name"), "{pins}");
    for name in ["seen", "same", "gone"] {
        let lines: Vec<&str> = text.stdout.lines().filter(|line| line.contains(&topic(name))).collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| line.trim_start().starts_with('#')), "{}", text.stdout);
    }
    assert_eq!(text.stdout.lines().filter(|line| line.starts_with("  - ")).count(), 1, "{}", text.stdout);

    // A line that was taken out of the configuration vouches for nothing any more.
    site.configure("", &[tenant("fixed", "    mdm: { kind: none }\n")]);
    let json = document(&site.run(&["pin", "export", "--tenant", "fixed", "--json"]).await);
    assert_eq!((given(&json), &json["pins"][0]["origin"]), (Vec::new(), &Value::from("first_seen")), "{json}");
}
