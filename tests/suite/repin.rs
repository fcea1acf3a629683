//! Topics that are written down, and topics that are changed on purpose.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::access::hash;
use crate::said::Person;
use crate::support::{Ended, SOON, Site, answer, eventually, filed, tenant, topic};

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

/// Two tenants, each with a topic that a person confirmed.
async fn two() -> Site {
    let site = Site::new().await;
    site.configure("", &[plain("acme"), plain("north")]);
    for name in ["acme", "north"] {
        assert_eq!(confirm(&site, name, &topic(name)).await.status, Some(0));
    }
    site
}

async fn set(site: &Site, topic: &str, more: &[&str]) -> Ended {
    site.run(&[&["pin", "set", "--tenant", "acme", "--topic", topic, "--by", "kim"], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_is_replaced_with_a_reason_and_the_typed_name_and_everybody_sees_it() {
    let site = two().await;
    let new = topic("new");
    let store = site.run(&["pin", "list"]).await.stdout;
    for (wanted, more) in [
        (
            "must be typed, and it was not; nothing was changed. It is typed behind --confirm-name",
            &["--reason", "lost"][..],
        ),
        ("\"Acme\" is not it", &["--reason", "lost", "--confirm-name", "Acme"]),
        ("\"\" is not it", &["--reason", "lost", "--confirm-name", ""]),
        ("needs a reason", &["--reason", " ", "--confirm-name", "acme"]),
    ] {
        let refused = set(&site, &new, more).await;
        assert!(refused.status == Some(1) && refused.stderr.contains(wanted), "{more:?}: {refused:?}");
    }
    assert_ne!(set(&site, &new, &["--confirm-name", "acme"]).await.status, Some(0), "no reason at all");
    let theirs = set(&site, &topic("north"), &["--reason", "lost", "--confirm-name", "acme"]).await;
    assert!(theirs.status == Some(1) && theirs.stderr.contains("topic of \"north\""), "{theirs:?}");
    assert_eq!(site.run(&["pin", "list"]).await.stdout, store, "nothing was kept of all this");

    let said = set(&site, &new, &["--reason", "the account is lost", "--confirm-name", "acme"]).await;
    assert_eq!(said.status, Some(0), "{said:?}");
    let once = site.run(&["once"]).await;
    let wanted = format!(": the account is lost; before it was {}, and it became {new}\n", topic("acme"));
    assert!(once.stdout.contains("acme: the topic was changed by kim less than a minute ago"), "{}", once.stdout);
    assert!(once.stdout.contains(&wanted), "{}", once.stdout);
    let status = document(&site.run(&["once", "--json"]).await);
    let change = &status["tenants"][0]["pin_changes"][0];
    let text = |key: &str| change[key].as_str().unwrap_or_default().to_owned();
    assert_eq!((text("by"), text("reason")), ("kim".to_owned(), "the account is lost".to_owned()), "{status}");
    assert_eq!((text("topic"), text("before")), (new.clone(), topic("acme")));
    assert!(status["tenants"][1].get("pin_changes").is_none(), "{status}");

    // Forgetting it first is no way around the name, and takes it, too.
    let store = site.run(&["pin", "list"]).await.stdout;
    for (wanted, more) in [
        (
            "pinned, also a wrong one. To forget it all the same, the name of the tenant must be typed",
            &["--reason", "x"][..],
        ),
        ("\"north\" is not it", &["--reason", "x", "--confirm-name", "north"]),
        ("needs a reason", &["--reason", " ", "--confirm-name", "acme"]),
    ] {
        let refused = forget(&site, more).await;
        assert!(refused.status == Some(1) && refused.stderr.contains(wanted), "{more:?}: {refused:?}");
    }
    assert_ne!(forget(&site, &["--confirm-name", "acme"]).await.status, Some(0), "no reason at all");
    assert_eq!(site.run(&["pin", "list"]).await.stdout, store, "nothing was kept of all this");
    let forgotten = forget(&site, &["--reason", "begin anew", "--confirm-name", "acme"]).await;
    assert_eq!(forgotten.status, Some(0), "{forgotten:?}");
    let refused = set(&site, &topic("third"), &["--reason", "lost"]).await;
    assert!(refused.status == Some(1) && refused.stderr.contains(&new), "{refused:?}");
    let once = site.run(&["once"]).await;
    assert!(once.stdout.contains("acme: the topic was forgotten by kim"), "{}", once.stdout);
    assert!(once.stdout.contains("begin anew"), "{}", once.stdout);
    assert_eq!(set(&site, &new, &["--reason", "a mistake"]).await.status, Some(0), "the same as before");
}

async fn forget(site: &Site, more: &[&str]) -> Ended {
    site.run(&[&["pin", "forget", "--tenant", "acme", "--by", "kim"], more].concat()).await
}

/// Runs a command of `pin` at a terminal, where `typed` is typed.
async fn at_a_terminal(site: &Site, command: &str, typed: &str) -> (Option<i32>, String) {
    let program = site.command().as_std().get_program().to_owned();
    let line = format!(
        "'{}' --config '{}' pin {command} --tenant acme --by kim --reason lost",
        program.display(),
        site.path("apnswatch.yaml").display(),
    );
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.env_clear().envs(std::env::vars().filter(|(name, _)| name == "PATH"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(typed.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    drop(stdin);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_the_name_is_asked_for() {
    let site = two().await;
    let set = format!("set --topic {}", topic("new"));
    for typed in ["north\n", "\n", "yes\n"] {
        for command in [set.as_str(), "forget"] {
            let (status, told) = at_a_terminal(&site, command, typed).await;
            assert!(status == Some(1) && told.contains("nothing was changed"), "{typed:?}: {told}");
        }
    }
    let (status, told) = at_a_terminal(&site, &set, "acme\n").await;
    assert!(status == Some(0) && told.contains("type the name of the tenant"), "{told}");
    assert!(told.contains(&format!("was {}", topic("acme"))), "{told}");
    assert!(site.run(&["pin", "list"]).await.stdout.contains(&topic("new")));
    let (status, told) = at_a_terminal(&site, "forget", "acme\n").await;
    assert!(status == Some(0) && told.contains("pinned in its place, also a wrong one"), "{told}");
    assert!(!site.run(&["pin", "list"]).await.stdout.contains(&topic("new")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drifting_topic_is_accepted_on_the_page_with_reason_and_name() {
    let site = Site::new().await;
    site.write("web.yml", format!("basic_auth_users: {{ kim: {hash} }}\n", hash = hash()));
    let expected = format!("    certificate: {{ expected_topic: {} }}\n", topic("fixed"));
    site.configure(
        "web: { config_file: web.yml, actions: true }",
        &[
            site.intune("acme", answer("acme", 200), ""),
            site.intune("north", answer("north", 200), ""),
            site.intune("fixed", answer("elsewhere", 200), &expected),
        ],
    );
    let daemon = site.serve().await;
    let kim = Person::new(&daemon, "kim");
    let drifts = |wanted: &'static [&'static str]| {
        let (kim, what) = (&kim, format!("drift of {wanted:?}"));
        async move {
            eventually(&what, SOON, || async {
                let page = kim.get("/metrics").await.body;
                let is_told = |name: &&&str| {
                    page.lines().any(|line| {
                        line.starts_with(&format!("apns_topic_drift{{tenant=\"{name}\"")) && line.ends_with(" 1")
                    })
                };
                (wanted.iter().all(|name| is_told(&name))).then_some(())
            })
            .await;
        }
    };
    eventually("the pins", SOON, || async {
        (kim.get("/metrics").await.body.matches("apns_topic_pin_info{").count() == 3).then_some(())
    })
    .await;
    let form = "/tenants/acme/said/topic\"";
    assert!(!kim.get("/tenants/acme").await.body.contains(form), "nothing drifts");
    let new = topic("acme, again");
    let parts = [("topic", new.as_str()), ("note", "enrolled again"), ("name", "acme")];
    let page = "/tenants/acme/said/topic";
    let said = kim.say(page, &parts).await;
    assert!(said.status == 409 && said.body.contains("o source tells"), "{}", said.body);

    // The topic of another tenant is never offered, and never taken.
    site.set("acme", answer("north", 200));
    drifts(&["acme", "fixed"]).await;
    assert!(!kim.get("/tenants/acme").await.body.contains(form), "it is north's");
    let theirs = [("topic", topic("north")), ("note", "x".to_owned()), ("name", "acme".to_owned())];
    let theirs: Vec<(&str, &str)> = theirs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let said = kim.say(page, &theirs).await;
    assert!(said.status == 409 && said.body.contains("which keeps it"), "{}", said.body);
    assert!(!kim.get("/tenants/fixed").await.body.contains("/said/topic\""), "the configuration fixes it");
    let elsewhere = topic("elsewhere");
    let fixed = [("topic", elsewhere.as_str()), ("note", "x"), ("name", "fixed")];
    let said = kim.say("/tenants/fixed/said/topic", &fixed).await;
    assert!(said.status == 409 && said.body.contains("change it there"), "{}", said.body);

    site.set("acme", answer("acme, again", 200));
    eventually("the new topic is offered", SOON, || async {
        let body = kim.get("/tenants/acme").await.body;
        (body.contains(form) && body.contains(&format!("value=\"{new}\""))).then_some(())
    })
    .await;
    for (left_out, status, wanted) in
        [("note", 409, "needs a reason"), ("name", 409, "must be typed"), ("topic", 422, "what the device prints")]
    {
        let some: Vec<_> = parts.iter().filter(|(name, _)| *name != left_out).copied().collect();
        let said = kim.say(page, &some).await;
        assert!(said.status == status && said.body.contains(wanted), "{left_out}: {}: {}", said.status, said.body);
        assert!(!said.body.contains("--confirm-name"), "a page has no options: {}", said.body);
    }
    let other = [("topic", new.as_str()), ("note", "enrolled <again>"), ("name", "north")];
    let said = kim.say(page, &other).await;
    assert_eq!(said.status, 409);
    assert!(said.body.contains("<details open><summary>Accept the topic"), "nobody types it again: {}", said.body);
    assert!(said.body.contains("value=\"enrolled &lt;again&gt;\""), "{}", said.body);
    let all: Vec<(&str, &[u8])> = parts.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let forged = kim.post(page, "Host: localhost", &all).await;
    assert_eq!(forged.status, 403, "without a token: {}", forged.body);

    let said = kim.say(page, &parts).await;
    assert_eq!(said.status, 303, "{}", said.body);
    let told = kim.get("/tenants/acme").await.body;
    let wanted =
        format!("The topic was changed by kim less than a minute ago: enrolled again; before it was {}", topic("acme"));
    assert!(told.contains(&wanted), "{told}");
    assert!(!told.contains(form), "nothing drifts any more");
    let fleet = kim.get("/").await.body;
    assert!(fleet.contains("Topics that were changed") && fleet.contains("topic changed</span>"), "{fleet}");
    assert!(fleet.contains(&wanted.replacen("The", "the", 1)), "{fleet}");
    let status: Value = serde_json::from_str(&kim.get("/api/v1/status").await.body).unwrap();
    assert_eq!(status["tenants"][0]["pin_changes"][0]["before"], Value::from(topic("acme")), "{status}");
    let pins = site.run(&["pin", "list"]).await.stdout;
    assert!(pins.contains(&format!("acme  {new}  confirmed by kim")), "{pins}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_topic_is_neither_confirmed_nor_set() {
    let site = two().await;
    let pins = site.run(&["pin", "list"]).await.stdout;
    let (copied, dashed) = (format!("{} (Topic)", topic("acme")), topic("acme").replacen('-', "\u{2013}", 1));
    for wrong in ["com.apple.mgmt.", &copied, &dashed] {
        let confirmed = confirm(&site, "acme", wrong).await;
        assert_eq!((confirmed.status, confirmed.stdout.as_str()), (Some(64), ""), "{wrong}: {confirmed:?}");
        let replaced = set(&site, wrong, &["--reason", "x", "--confirm-name", "acme"]).await;
        assert_eq!((replaced.status, replaced.stdout.as_str()), (Some(64), ""), "{wrong}: {replaced:?}");
    }
    assert_eq!(site.run(&["pin", "list"]).await.stdout, pins, "nothing was kept of all this");
}
