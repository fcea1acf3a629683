//! `/calendar.ics`, judged by readers and a calendar server that others made, and its key.

use serde_json::Value;

use crate::access::hash;
use crate::support::{
    Answered, Daemon, SOON, Site, answer, ended, eventually, filed, now, project, request_with, tenant, topic,
};

/// The key, written so that every part of it would be noticed in a log.
const KEY: &str = "NeverShown-0123456789abcdef";

/// Asks the judge; panics with what it says when it finds something wrong.
async fn judge(arguments: &[&str]) -> Value {
    let python = project("target/calendar/venv/bin/python");
    assert!(python.exists(), "scripts/test installs the readers of scripts/calendar.txt; run it once");
    let mut command = tokio::process::Command::new(python);
    command.arg(project("tests/suite/calendar/judge.py")).args(arguments).stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).kill_on_drop(true);
    let judged = ended(command).await;
    assert_eq!(judged.status, Some(0), "{}", judged.stderr);
    serde_json::from_str(&judged.stdout).unwrap()
}

/// Keeps a calendar in a file of the site; gives its path.
async fn kept(site: &Site, daemon: &Daemon, asked: &str, name: &str) -> String {
    let answered = daemon.get(asked).await;
    assert_eq!(answered.status, 200, "{asked}: {}", answered.body);
    site.write(name, &answered.body).to_str().unwrap().to_owned()
}

/// The one event whose title has these words.
fn event<'e>(calendar: &'e Value, words: &str) -> &'e Value {
    let all = calendar["events"].as_array().unwrap();
    let found: Vec<&Value> = all.iter().filter(|event| event["summary"].as_str().unwrap().contains(words)).collect();
    assert_eq!(found.len(), 1, "{words}: {all:?}");
    found[0]
}

fn day(days: i64) -> String {
    (now() + chrono::TimeDelta::days(days) + chrono::TimeDelta::hours(1)).format("%Y-%m-%d").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_readers_take_it_and_a_second_import_doubles_nothing() {
    const NAME: &str = "\"><b>;a,b\\n END:VEVENT\u{202e} Schule \u{fc}ber alles \u{1f512}\u{1f512}\u{1f512}/../x?y#z";
    let mut site = Site::new().await;
    site.asks_for_lists = true;
    let hostile = site.certificate("a.pem", &topic("hostile"), "0A01", 20);
    site.write("page.pem", "<html>no certificate</html>");
    let [plan, renew, ends] = [120, 270, 300].map(day);
    let declared = "    mdm: { kind: none }\n    certificate: { declared: { not_after: 2031-03-01 } }\n    \
                    tokens: [{ kind: vpp, name: main, not_after: 2031-02-01 }]\n";
    site.configure(
        "web: { external_url: 'https://watch.example.com/mdm/' }\n\
         accounts: [{ id: shared, address: it-apns@example.com, duties: { sign_in: { every: 90d } } }]",
        &[
            site.intune("acme", answer("acme", 300), "    account: shared\n"),
            filed(NAME, &hostile),
            tenant("typed", declared),
            filed("nobody", &site.path("page.pem")),
        ],
    );
    let daemon = site.serve().await;
    daemon.ready().await;
    daemon.until("the end is known", |scrape| scrape.all("apns_certificate_expiry_days", &[]).len() == 3).await;
    let before = kept(&site, &daemon, "/calendar.ics", "before.ics").await;
    let read = judge(&["read", &before]).await;
    assert_eq!(read["name"], "apnswatch");
    assert!(read["told"].as_str().unwrap().contains("Of 1 tenant nobody knows when"), "{read}");
    let end = event(&read, "acme: push certificate ends");
    assert_eq!(
        (end["day"].as_str(), end["summary"].as_str()),
        (Some(ends.as_str()), Some("acme: push certificate ends"))
    );
    assert!(end["description"].as_str().unwrap().contains("Source: api, exact, told last "), "{end}");
    assert_eq!(end["url"], "https://watch.example.com/mdm/tenants/acme");
    assert_eq!(event(&read, "acme: plan")["day"], plan);
    assert_eq!(event(&read, "acme: renew")["day"], renew);
    assert_eq!(event(&read, "typed: push certificate ends (only declared)")["day"], "2031-03-01");
    assert_eq!(event(&read, "typed: VPP token main ends (only declared)")["until"], "2031-02-02");
    assert_eq!(event(&read, "Apple Account shared: sign_in is due")["day"], now().format("%Y-%m-%d").to_string());
    let shown =
        event(&read, "\\u{202e} Schule \u{fc}ber alles \u{1f512}\u{1f512}\u{1f512}/../x?y#z: push certificate ends");
    assert!(shown["summary"].as_str().unwrap().starts_with("\"><b>;a,b\\n END:VEVENT"), "{shown}");

    let ends = day(665);
    site.set("acme", answer("acme", 665));
    eventually("the renewal is in the calendar", SOON, || async {
        let text = daemon.get("/calendar.ics?tenant=acme").await.body;
        text.contains(&format!("DTSTART;VALUE=DATE:{}", ends.replace('-', ""))).then_some(())
    })
    .await;
    let after = kept(&site, &daemon, "/calendar.ics", "after.ics").await;
    let imported = judge(&["import", &before, &before, &after, &after]).await;
    let counts: Vec<&Value> = imported.as_array().unwrap().iter().map(|import| &import["count"]).collect();
    let number = read["events"].as_array().unwrap().len();
    assert!(number >= 11 && counts.iter().all(|count| **count == number), "{number} {counts:?}");
    assert_eq!(imported[0]["events"], imported[1]["events"], "the same import changes nothing");
    for (uid, later) in imported[2]["events"].as_object().unwrap() {
        let earlier = &imported[0]["events"][uid];
        let is_moved = later["day"] != earlier["day"];
        // A day may begin in between, and everything has a higher number then.
        assert!(later["sequence"].as_i64() > earlier["sequence"].as_i64() || !is_moved, "{uid}: {earlier} {later}");
    }
    assert_eq!(imported[2]["events"][end["uid"].as_str().unwrap()]["day"], ends);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_has_a_calendar_and_a_tenant_one_of_its_own() {
    let demo = Daemon::demo().await;
    demo.ready().await;
    let site = Site::new().await;
    let whole = judge(&["read", &kept(&site, &demo, "/calendar.ics", "whole.ics").await]).await;
    let own = judge(&["read", &kept(&site, &demo, "/calendar.ics?tenant=acme", "own.ics").await]).await;
    let count = |calendar: &Value| calendar["events"].as_array().unwrap().len();
    assert!(count(&own) >= 3 && count(&whole) > 3 * count(&own), "{} {}", count(&own), count(&whole));
    assert_eq!(own["name"], "apnswatch: acme");
    for (asked, status) in [("?tenant=nobody", 404), ("?team=nobody", 404), ("?tenant=acme&tenant=b", 400)] {
        let answered = demo.get(&format!("/calendar.ics{asked}")).await;
        assert_eq!(answered.status, status, "{asked}");
        assert!(answered.head.contains("content-type: application/problem+json"), "{}", answered.head);
        assert!(!answered.body.contains("nobody"), "nothing is repeated: {}", answered.body);
    }
    let first = demo.get("/calendar.ics?tenant=acme").await;
    for words in
        ["content-type: text/calendar; charset=utf-8", "filename=\"apnswatch.ics\"", "cache-control: private, no-cache"]
    {
        assert!(first.head.contains(words), "{words}: {}", first.head);
    }
    let tag = first.head.split("etag: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let asked = async |method: &str, known: &str| {
        let headers = format!("Host: localhost\r\nIf-None-Match: {known}");
        request_with(demo.address, method, "/calendar.ics?tenant=acme", &headers).await
    };
    for (method, known, status, is_empty) in [
        ("GET", tag.to_owned(), 304, true),
        ("GET", format!("\"x\", W/{tag}"), 304, true),
        ("GET", "\"x\"".to_owned(), 200, false),
        ("HEAD", "\"x\"".to_owned(), 200, true),
    ] {
        let answered = asked(method, &known).await;
        assert_eq!((answered.status, answered.body.is_empty()), (status, is_empty), "{method} {known}");
    }
    demo.stop().await;
}

/// A daemon with a login and a key, and a tenant.
async fn locked(site: &Site) -> Daemon {
    site.write("web.yml", format!("basic_auth_users: {{ kim: {} }}\n", hash()));
    site.write("key", format!("{KEY}\n"));
    let declared = "    mdm: { kind: none }\n    certificate: { declared: { not_after: 2031-03-01 } }\n";
    site.configure("web: { config_file: web.yml, calendar_key_file: key }", &[tenant("acme", declared)]);
    site.serve().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_opens_the_calendar_and_nothing_else() {
    let site = Site::new().await;
    let daemon = locked(&site).await;
    let login = "\r\nAuthorization: Basic a2ltOnMzY3JldA==";
    let asked = async |method: &str, path: &str, more: &str| -> Answered {
        request_with(daemon.address, method, path, &format!("Host: localhost{more}")).await
    };
    let with_key = format!("/calendar.ics?key={KEY}");
    let refused = asked("GET", "/calendar.ics", "").await;
    assert_eq!(refused.status, 401);
    for (method, path, more, status) in [
        ("GET", with_key.clone(), "", 200),
        ("HEAD", with_key.clone(), "", 200),
        ("GET", format!("/calendar.ics?tenant=acme&key={KEY}"), "", 200),
        ("GET", format!("/calendar.ics?tenant=nobody&key={KEY}"), "", 404),
        ("GET", with_key.clone(), "\r\nAuthorization: Basic a2ltOndyb25n", 200),
        ("GET", "/calendar.ics".to_owned(), login, 200),
        ("GET", "/calendar.ics?key=wrong".to_owned(), login, 200),
        ("GET", "/calendar.ics?key=".to_owned(), "", 401),
        ("GET", "/calendar.ics?key=wrong".to_owned(), "", 401),
        ("GET", format!("/calendar.ics?key={}", KEY.to_lowercase()), "", 401),
        ("GET", format!("/calendar.ics?key={KEY}&key={KEY}"), "", 401),
        ("POST", with_key.clone(), "", 401),
        ("GET", format!("/?key={KEY}"), "", 401),
        ("GET", format!("/ahead?key={KEY}"), "", 401),
        ("GET", format!("/metrics?key={KEY}"), "", 401),
        ("GET", format!("/tenants/acme?key={KEY}"), "", 401),
        ("GET", format!("/api/v1/tenants/acme?key={KEY}"), "", 401),
        ("POST", format!("/-/reload?key={KEY}"), "", 401),
    ] {
        let answered = asked(method, &path, more).await;
        assert_eq!(answered.status, status, "{method} {path}");
        assert!(!answered.body.contains(KEY) && !answered.head.contains(&KEY.to_lowercase()), "{method} {path}");
        assert!(answered.head.contains("referrer-policy: no-referrer"), "{method} {path}");
        // Whatever was wrong, the answer is the same; programs get theirs as a document.
        if status == 401 && method == "GET" && !path.starts_with("/api/") {
            // But for the moment, which may be the next second.
            let head = |of: &Answered| of.head.lines().filter(|line| !line.starts_with("date:")).collect::<String>();
            assert_eq!((&answered.body, head(&answered)), (&refused.body, head(&refused)), "{path}");
        }
    }
    let foreign = request_with(daemon.address, "GET", &with_key, "Host: evil.example").await;
    assert_eq!(foreign.status, 421, "the key is no way around the names");

    // Another key counts at once, and one that is gone or unfit opens nothing.
    let opens = async |key: &str| asked("GET", &format!("/calendar.ics?key={key}"), "").await.status == 200;
    site.write("key", "Another-key-0123456789");
    assert!(opens("Another-key-0123456789").await && !opens(KEY).await);
    site.write("key", "too-short");
    assert!(!opens("too-short").await && !opens("Another-key-0123456789").await);
    std::fs::remove_file(site.path("key")).unwrap();
    assert!(!opens("Another-key-0123456789").await && !opens("").await);
    let log = daemon.log();
    assert_eq!(log.matches("the key of the calendar cannot be used").count(), 2, "once for each state: {log}");
    assert!(log.contains("20 characters or more") && log.contains("cannot read the secret file"), "{log}");
    for secret in [KEY, "Another-key", "too-short"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    // The rest of the configuration is still read again, whatever the key is.
    asked("GET", "/", login).await;
    daemon.signal("HUP").await;
    eventually("the key is told of", SOON, || async {
        daemon.log().contains("web.calendar_key_file: cannot read the secret file").then_some(())
    })
    .await;
    site.write("key", KEY);
    assert!(opens(KEY).await);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_could_be_guessed_ends_the_start() {
    let site = Site::new().await;
    site.configure("web: { calendar_key_file: key }", &[]);
    for (key, words) in [
        (Some("0123456789abcdefghi\n"), "must have 20 characters or more"),
        (Some("\n"), "is empty"),
        (Some("0123456789abcdefghij+/=="), "of letters, digits and -._~ only"),
        (None, "cannot read the secret file"),
    ] {
        match key {
            Some(key) => _ = site.write("key", key),
            None => std::fs::remove_file(site.path("key")).unwrap(),
        }
        for command in ["check-config", "serve"] {
            let ended = site.run(&[command]).await;
            assert_eq!(ended.status, Some(64), "{command} {key:?}: {ended:?}");
            assert!(
                ended.stderr.contains("web.calendar_key_file: ") && ended.stderr.contains(words),
                "{}",
                ended.stderr
            );
            assert!(!ended.stderr.contains("0123456789"), "{}", ended.stderr);
        }
    }
    site.write("key", KEY);
    let checked = site.run(&["check-config"]).await;
    assert!(checked.status == Some(0) && checked.stdout.contains("its key is of no use"), "{checked:?}");
    // Without a login to ask for, everything is open, with whatever key.
    let daemon = site.serve().await;
    for asked in ["/calendar.ics", "/calendar.ics?key=wrong", &format!("/calendar.ics?key={KEY}")] {
        assert_eq!(daemon.get(asked).await.status, 200, "{asked}");
    }
    daemon.stop().await;
}
