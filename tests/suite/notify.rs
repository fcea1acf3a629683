//! Notices, from what stands to what a receiver takes: each channel in its own words, and nothing lost or doubled.

pub(crate) mod bench;
pub(crate) mod letter;
pub(crate) mod mail;
pub(crate) mod slow;

use apnswatch::model::Reason;
use serde_json::{Value, json};

use self::bench::{Receiver, World, ends_in};
use crate::support::{Daemon, SOON, Site, eventually, request_with};

/// Every channel that takes a POST, each at a path of its own.
fn channels(folder: &tempfile::TempDir, receiver: &Receiver) -> String {
    let base = format!("http://{}", receiver.address);
    for (name, content) in [
        ("slack", format!("{base}/services/T/B/s3cret\n")),
        ("teams", format!("{base}/workflows/s3cret?sig=x")),
        ("ntfy", format!("{base}/my-topic")),
        ("ntfy-token", "tk_s3cret".to_owned()),
        ("key", "r0ut1ng\n".to_owned()),
        ("hook", format!("{base}/hook")),
        ("login", "Basic s3cret".to_owned()),
    ] {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    format!(
        "web: {{ external_url: 'https://watch.example.com/mdm/' }}\n\
         notify:\n  slack: {{ url_file: FOLDER/slack }}\n  teams: {{ url_file: FOLDER/teams }}\n  \
         ntfy: {{ url_file: FOLDER/ntfy, token_file: FOLDER/ntfy-token }}\n  \
         pagerduty: {{ routing_key_file: FOLDER/key, url: '{base}/' }}\n  \
         webhook: {{ url_file: FOLDER/hook, authorization_file: FOLDER/login, template: '{{\"text\": \"{{{{title}}}}\", \"n\": {{{{count}}}}}}' }}\n"
    )
}

/// A webhook alone, which takes our own document.
fn webhook(folder: &tempfile::TempDir, receiver: &Receiver) -> String {
    std::fs::write(folder.path().join("hook"), format!("http://{}/hook", receiver.address)).unwrap();
    "notify:\n  webhook: { url_file: FOLDER/hook }\n".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_channel_is_spoken_to_in_its_own_words() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let head = channels(&folder, &receiver);
    let expired = format!("{head}tenants:\n{}", ends_in("acme <\"&>", -3));
    let mut world = World::new(folder, &expired).await;
    world.minutes(7).await;
    let taken = receiver.taken();
    let at = |path: &str| {
        let found: Vec<_> = taken.iter().filter(|taken| taken.path == path).collect();
        assert_eq!(found.len(), 1, "{path}: {taken:?}");
        assert_eq!(found[0].method, "POST");
        assert_eq!(found[0].headers["content-type"], "application/json");
        assert!(found[0].headers["user-agent"].to_str().unwrap().starts_with("apnswatch/"));
        found[0].clone()
    };
    assert_eq!(taken.len(), 5, "{taken:?}");
    let title =
        "acme <\"&>, expired 3 days ago: An Apple push certificate has expired and its MDM reaches no Apple device";
    let link = "https://watch.example.com/mdm/tenants/acme%20%3C%22%26%3E";

    let slack = at("/services/T/B/s3cret").body;
    assert_eq!(slack["blocks"][0]["text"]["text"], title);
    assert!(slack["text"].as_str().unwrap().starts_with("acme &lt;\"&amp;&gt;, expired"), "{slack}");
    assert_eq!(slack["blocks"][2]["text"]["type"], "plain_text");
    assert!(slack["blocks"][2]["text"]["text"].as_str().unwrap().starts_with("Who can act: "), "{slack}");
    assert!(slack["blocks"][3]["text"]["text"].as_str().unwrap().starts_with("Next step: renew it"), "{slack}");

    let teams = at("/workflows/s3cret").body;
    let card = &teams["attachments"][0];
    assert_eq!(
        (&teams["type"], &card["contentType"]),
        (&json!("message"), &json!("application/vnd.microsoft.card.adaptive"))
    );
    assert_eq!(card["content"]["body"][0]["inlines"][0]["text"], title);
    assert_eq!(card["content"]["actions"][0]["url"], link);

    let ntfy = at("/");
    assert_eq!(ntfy.headers["authorization"], "Bearer tk_s3cret");
    assert_eq!(
        (&ntfy.body["topic"], &ntfy.body["title"], &ntfy.body["priority"]),
        (&json!("my-topic"), &json!(title), &json!(5))
    );
    assert_eq!(ntfy.body["click"], link);

    let pager = at("/v2/enqueue").body;
    assert_eq!((&pager["routing_key"], &pager["event_action"]), (&json!("r0ut1ng"), &json!("trigger")));
    assert_eq!((&pager["payload"]["severity"], &pager["payload"]["summary"]), (&json!("critical"), &json!(title)));

    let hook = at("/hook");
    assert_eq!(hook.headers["authorization"], "Basic s3cret");
    assert_eq!(hook.body, json!({ "text": title, "n": 1 }));

    // It is over: the incident is closed by its key.
    world.reload(&format!("{head}tenants:\n{}", ends_in("acme <\"&>", 300)));
    world.minutes(7).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 5, "{taken:?}");
    let closed = taken.iter().find(|taken| taken.path == "/v2/enqueue").unwrap();
    assert_eq!(
        closed.body,
        json!({ "routing_key": "r0ut1ng", "event_action": "resolve", "dedup_key": pager["dedup_key"] })
    );
    let text = world.counters.text().unwrap();
    for channel in ["slack", "teams", "ntfy", "pagerduty", "webhook"] {
        assert!(
            text.contains(&format!("apnswatch_notifications_total{{channel=\"{channel}\"}} 2")),
            "{channel}: {text}"
        );
    }
    for reason in Reason::ALL {
        let none = format!("apnswatch_notification_failures_total{{channel=\"slack\",reason=\"{reason}\"}} 0");
        assert!(text.contains(&none), "{none}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_and_restarts_between_lose_and_double_nothing() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let head = webhook(&folder, &receiver);
    let tenants = |days: [i64; 2]| format!("{head}tenants:\n{}{}", ends_in("acme", days[0]), ends_in("north", days[1]));
    let mut world = World::new(folder, &tenants([-3, 300])).await;
    // It waits for five minutes, over a restart.
    world.minutes(3).await;
    world.restart().await;
    world.minutes(2).await;
    assert_eq!(receiver.titles(), [""; 0]);
    receiver.answer(503);
    world.minutes(5).await;
    world.reload(&tenants([-3, -1]));
    for _ in 0..5 {
        world.minutes(2).await;
        world.restart().await;
    }
    assert_eq!(receiver.titles(), [""; 0]);
    let asked = receiver.asked();
    assert!((3..15).contains(&asked), "pauses grow: it was asked {asked} times");
    let text = world.counters.text().unwrap();
    assert!(text.contains("apnswatch_notifications_total{channel=\"webhook\"} 0"), "{text}");
    assert!(!text.contains("apnswatch_notification_failures_total{channel=\"webhook\",reason=\"http\"} 0"), "{text}");

    receiver.answer(200);
    world.minutes(11).await;
    let titles = receiver.titles();
    let starts: Vec<&str> = titles.iter().map(|title| title.split(',').next().unwrap()).collect();
    assert_eq!(starts, ["acme", "north"], "{titles:?}");
    for _ in 0..6 {
        world.restart().await;
        world.minutes(10).await;
    }
    assert_eq!(receiver.titles(), [""; 0], "all of it was told");

    // Four hours after each it is told again, and once more when it is over.
    world.leap(3 * 60);
    world.restart().await;
    world.minutes(20).await;
    let titles = receiver.titles();
    assert!(titles.len() == 2 && titles.iter().all(|title| title.starts_with("Still: ")), "{titles:?}");
    world.reload(&tenants([300, 300]));
    world.minutes(2).await;
    world.restart().await;
    world.minutes(8).await;
    let mut titles = receiver.titles();
    titles.sort();
    assert!(
        titles.len() == 2 && titles[0].starts_with("Ended: acme") && titles[1].starts_with("Ended: north"),
        "{titles:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_dies_for_1800_tenants_is_one_message_and_so_is_its_return() {
    const TENANTS: usize = 1800;
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let mut yaml = webhook(&folder, &receiver);
    yaml.push_str("tenants:\n");
    for number in 0..TENANTS {
        yaml.push_str(&format!(
            "  - {{ name: t{number:04}, mdm: {{ kind: kandji, url: 'https://t{number}.api.example.com', token_file: t, push: false }}, \
             certificate: {{ declared: {{ not_after: 2035-01-01 }} }} }}\n"
        ));
    }
    let mut world = World::new(folder, &yaml).await;
    world.poll(0..TENANTS, true);
    world.minutes(2).await;
    // An hour long their polls come one after the other, and fail.
    for part in 0..6 {
        world.poll(part * 300..(part + 1) * 300, false);
        world.leap(9);
        world.minutes(1).await;
        if part == 3 {
            world.restart().await;
        }
    }
    for _ in 0..20 {
        world.leap(9);
        world.minutes(1).await;
    }
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    let message = &taken[0].body;
    assert_eq!(message["title"], "1800 tenants: A source of knowledge about a push certificate fails");
    assert_eq!((&message["count"], &message["kind"]), (&json!(1800), &json!("entered")));
    let text = message["text"].as_str().unwrap();
    assert!(text.starts_with("- t0000, tokens\n") && text.contains("and 1780 more"), "{text}");
    assert!(text.contains("Reason: timeout.") && text.contains("Next step: read the last error"), "{text}");

    for part in 0..6 {
        world.poll(part * 300..(part + 1) * 300, true);
        world.leap(9);
        world.minutes(1).await;
        if part == 3 {
            world.restart().await;
        }
    }
    world.poll(0..TENANTS, true);
    world.minutes(10).await;
    assert_eq!(receiver.titles(), ["Ended: 1800 tenants: A source of knowledge about a push certificate fails"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_way_and_loses_no_message() {
    let (folder, old, new) = (tempfile::tempdir().unwrap(), Receiver::start().await, Receiver::start().await);
    let head = webhook(&folder, &old);
    let tenants = format!("tenants:\n{}", ends_in("acme", -3));
    let mut world = World::new(folder, &format!("{head}{tenants}")).await;
    old.answer(500);
    world.minutes(8).await;
    assert_eq!(old.titles(), [""; 0]);
    // The address is another one now, in another file, and a second channel is there.
    std::fs::write(world.folder.path().join("other"), format!("http://{}/other", new.address)).unwrap();
    let head = "notify:\n  webhook: { url_file: FOLDER/other }\n  slack: { url_file: FOLDER/other }\n";
    world.reload(&format!("{head}{tenants}"));
    world.minutes(6).await;
    let taken = new.taken();
    assert_eq!(taken.len(), 1, "the new channel hears it at its repetition: {taken:?}");
    assert!(taken[0].body["title"].as_str().unwrap().starts_with("acme, expired"));
    world.leap(4 * 60);
    world.minutes(1).await;
    assert_eq!(new.taken().len(), 2);
    // Without notify nothing is sent, and with it again nothing that was told is told anew.
    world.reload(&tenants);
    world.minutes(1).await;
    world.reload(&format!("{head}{tenants}"));
    world.minutes(20).await;
    assert_eq!(new.taken().len(), 0);
    assert_eq!(old.titles(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_wrong_is_told_by_the_other_channel_and_never_shown() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let head = webhook(&folder, &receiver);
    std::fs::write(folder.path().join("slack"), "ftp://s3cret").unwrap();
    let yaml = format!("{head}  slack: {{ url_file: FOLDER/slack }}\ntenants:\n{}", ends_in("acme", -3));
    let mut world = World::new(folder, &yaml).await;
    world.minutes(60).await;
    let taken = receiver.taken();
    let alerts: Vec<&Value> = taken.iter().map(|taken| &taken.body["alert"]).collect();
    assert_eq!(alerts, ["ApnsCertificateExpiry", "ApnswatchNotifyFailing"], "{taken:?}");
    let text = taken[1].body["text"].as_str().unwrap();
    assert!(text.contains("by the channel \"slack\"") && !text.contains("s3cret"), "{text}");
    // The file is read again at each try.
    std::fs::write(world.folder.path().join("slack"), format!("http://{}/slack", receiver.address)).unwrap();
    world.minutes(20).await;
    let taken = receiver.taken();
    let paths: Vec<&str> = taken.iter().map(|taken| taken.path.as_str()).collect();
    assert_eq!(paths, ["/slack", "/hook"], "the one that waited, then that it works again: {taken:?}");
    assert!(taken[1].body["title"].as_str().unwrap().starts_with("Ended: slack"), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_daemon_tells_a_drill_and_beats() {
    let (site, receiver, beats) = (Site::new().await, Receiver::start().await, Receiver::start().await);
    site.write("hook", format!("http://{}/hook", receiver.address));
    site.write("beat", format!("http://{}/beat", beats.address));
    let file = site.certificate("acme.pem", &crate::support::topic("acme"), "0A01", 300);
    let head = format!(
        "notify:\n  webhook: {{ url_file: {folder}/hook, tiers: [critical] }}\n  heartbeat: {{ url_file: {folder}/beat, interval: 10s }}",
        folder = site.folder.path().display()
    );
    site.configure(&head, &[crate::support::filed("acme", &file)]);
    let daemon = site.serve().await;
    eventually("the heart beats", SOON, || async { (beats.asked() > 0).then_some(()) }).await;
    let beat = beats.taken().remove(0);
    assert_eq!((beat.method.as_str(), beat.path.as_str()), ("GET", "/beat"));
    // The command finds no daemon where the configuration says; the drill runs all the same.
    let ended = site.run(&["drill", "--severity", "critical", "--by", "kim"]).await;
    assert!(ended.stdout.contains("By notify it goes to webhook within half a minute."), "{}", ended.stdout);
    let drill = eventually("the drill is told", SOON, || async { receiver.taken().pop() }).await;
    assert_eq!(drill.body["title"], "apnswatch: This is a drill: alerts of severity critical get through");
    assert_eq!((&drill.body["drill"], &drill.body["severity"]), (&json!(true), &json!("critical")));
    let ended = site.run(&["drill", "--severity", "warning"]).await;
    assert!(ended.stdout.contains("No channel of notify takes it."), "{}", ended.stdout);
    let scrape = daemon.scrape().await;
    assert_eq!(scrape.one("apnswatch_notifications_total", &[("channel", "webhook")]), 1.0);
    assert!(scrape.one("apnswatch_notifications_total", &[("channel", "heartbeat")]) >= 1.0);
    // Whoever has a Prometheus, too, may be told twice.
    let twice = "people, they are told everything twice";
    assert!(!daemon.log().contains(twice), "{}", daemon.log());
    request_with(daemon.address, "GET", "/metrics", "Host: localhost\r\nUser-Agent: Prometheus/2.42.0").await;
    eventually("it is said once", SOON, || async { daemon.log().contains(twice).then_some(()) }).await;
    for secret in ["/hook", "/beat"] {
        assert!(!daemon.log().contains(&format!("{}{secret}", receiver.address)), "{}", daemon.log());
    }
    Daemon::stop(daemon).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_has_another_name_is_neither_over_nor_told_anew() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let head = webhook(&folder, &receiver);
    let called = |name: &str, days: i64, formerly: &str| {
        let tenant = ends_in(name, days);
        format!("{head}tenants:\n{}", tenant.replace("  - { ", &format!("  - {{ formerly: [{formerly}], ")))
    };
    let mut world = World::new(folder, &called("acme", -3, "")).await;
    world.minutes(7).await;
    let titles = receiver.titles();
    assert!(titles.len() == 1 && titles[0].starts_with("acme, expired"), "{titles:?}");
    // By a reload, and then by a restart.
    world.reload(&called("acme-north", -3, "acme"));
    world.minutes(30).await;
    assert_eq!(receiver.titles(), Vec::<String>::new());
    world.reload(&called("north", -3, "acme, acme-north"));
    world.restart().await;
    world.minutes(30).await;
    assert_eq!(receiver.titles(), Vec::<String>::new());
    world.reload(&called("north", 300, "acme, acme-north"));
    world.minutes(7).await;
    let titles = receiver.titles();
    assert!(titles.len() == 1 && titles[0].starts_with("Ended: north: "), "{titles:?}");
    world.minutes(30).await;
    assert_eq!(receiver.titles(), Vec::<String>::new());
}
