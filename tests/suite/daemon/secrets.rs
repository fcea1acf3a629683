//! No secret is ever shown: not in a log line at trace level, a metric, a page, a document, an error or the store.

use apnswatch::demo::intune::{Answer, Credential, Directory, LoginAnswer};
use apnswatch::demo::world;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::access::{certificates, hash};
use crate::support::{
    APP, Answered, SECRET, SOON, Site, answer, ended, eventually, filed, pem, send, tenant, told, topic,
};
use crate::upload::{BOUNDARY, form};

/// A token of another identity provider.
const FEDERATED: &str = "eyJhbGciOiJub25lIn0.FederatedNeverShown.c2ln";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_in_text() {
    nothing_is_shown("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_shown_in_json() {
    nothing_is_shown("json").await;
}

async fn nothing_is_shown(format: &str) {
    let site = Site::new().await;
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let mut forbidden: Vec<String> = vec![
        "NeverShown".to_owned(),
        STANDARD.encode(SECRET),
        // What the tokens of the simulator begin with.
        "simulated-".to_owned(),
        "Bearer ".to_owned(),
    ];
    forbidden.extend(key.lines().filter(|line| !line.starts_with('-')).map(ToOwned::to_owned));
    assert!(forbidden.len() > 5, "the key has lines");

    let file = site.write("desk.pem", format!("{key}{}", pem(&topic("desk"), "0A01", 200)));
    let broken =
        site.write("shelf.pem", format!("{key}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    // A key in the place of a secret, and a secret in the place of a key: mistakes that people make.
    let swapped = site.write("swapped.key", SECRET);
    let assertion = site.write("assertion.pem", pem(&topic("key"), "0A02", 200));
    let token = site.write("federated", FEDERATED);
    let mut federated = Directory::new(APP, Credential::Federated(FEDERATED.to_owned()), told("federated", 290));
    federated.answer = Answer::Echo401;
    let own = |name: &str, settings: String| {
        let yaml = site.intune(name, answer(name, 290), "");
        yaml.replace(" }\n", &format!(", client_secret_file: , {settings} }}\n"))
    };
    let tenants = [
        site.intune("acme", answer("acme", 290), ""),
        site.intune("graph", Answer::Echo401, ""),
        site.intune("login", answer("login", 290), ""),
        site.intune("odd", answer("odd", 290), ""),
        own("federated", format!("federated_token_file: '{}'", token.display())),
        own(
            "key",
            format!("client_certificate_file: '{}', client_key_file: '{}'", assertion.display(), swapped.display()),
        ),
        filed("desk", &file),
        filed("shelf", &broken),
        tenant("paper", "    mdm: { kind: none }\n"),
    ];
    site.microsoft.set_directory(&world::directory("federated"), federated);
    site.microsoft.set_login(&world::directory("login"), LoginAnswer::Echo401);
    let odd =
        serde_json::json!({ "token_type": SECRET, "access_token": format!("bad\n{SECRET}"), "expires_in": SECRET });
    site.microsoft.set_login(&world::directory("odd"), LoginAnswer::Json(odd));
    site.configure("", &tenants);

    let daemon = site.serve_with(&["--log-level", "trace", "--log-format", format]).await;
    let scrape = daemon
        .until("everything was tried", |scrape| {
            scrape.up("acme") == Some(1.0)
                && ["graph", "login", "odd", "federated", "key", "shelf"]
                    .iter()
                    .all(|name| scrape.reason(name).is_some())
                && scrape.source("apns_source_up", "desk", "file") == Some(1.0)
        })
        .await;
    assert_eq!((scrape.reason("graph"), scrape.reason("login")), (Some("auth"), Some("auth")));
    site.reads_reach("graph", 4).await;
    site.reads_reach("federated", 2).await;
    daemon.reload().await;
    assert!(daemon.log().contains("TRACE"), "the log is at its most talkative");
    let mut shown = vec![("the metrics", daemon.scrape().await.text)];
    for path in ["/", "/api/v1/status", "/-/ready"] {
        shown.push((path, daemon.get(path).await.body));
    }
    for arguments in
        [&["once"][..], &["once", "--json"], &["check-config"], &["pin", "list"], &["inspect", "shelf.pem"]]
    {
        let mut arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        if let Some(last) = arguments.last_mut().filter(|last| last.ends_with(".pem")) {
            *last = site.path(last).display().to_string();
        }
        arguments.extend(["--log-level", "trace", "--log-format", format].map(ToOwned::to_owned));
        let ended = site.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await;
        shown.push(("a command", format!("{}{}", ended.stdout, ended.stderr)));
    }
    // A secret that somebody typed into the configuration, where it must not stand.
    let inline = own("acme", format!("client_secret: '{SECRET}'"));
    site.configure("", &[inline]);
    let refused = site.run(&["check-config"]).await;
    assert_eq!(refused.status, Some(64));
    shown.push(("an error", refused.stderr));
    daemon.signal("HUP").await;
    daemon
        .until("it is refused", |scrape| scrape.value("apnswatch_config_last_reload_successful", &[]) == Some(0.0))
        .await;
    let store: String = site.store().values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    assert!(store.contains(&topic("acme")), "the store can be searched");
    shown.push(("the store", store));
    shown.push(("the log", daemon.log()));
    assert_not_in(&shown, &forbidden);
}

/// Panics with what stands in front of a forbidden word.
fn assert_not_in(shown: &[(&str, String)], forbidden: &[String]) {
    for (place, text) in shown {
        for words in forbidden {
            if let Some(at) = text.find(words.as_str()) {
                let around: String = text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("{place} shows {words:?} after\n{around}");
            }
        }
    }
}

/// What guards the page itself: hashes and passwords of logins, the tokens of forms, the key of the calendar; and the
/// passwords of containers, the right one and a wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn what_guards_the_page_is_not_shown() {
    const KEY: &str = "calendar-NeverShown-0123456789";
    let site = Site::new().await;
    certificates(&site).await;
    let (good, other) = (hash(), bcrypt::hash("another", 4).unwrap());
    let web = |hash: &str| format!("basic_auth_users: {{ kim: '{hash}' }}\n");
    site.write("web.yml", web(&good));
    site.write("calendar.key", format!("{KEY}\n"));
    site.write("right.password", "container-NeverShown\n");
    site.write("wrong.password", "mistaken-NeverShown\n");
    let mut make = tokio::process::Command::new("openssl");
    make.args(["pkcs12", "-export", "-passout", "file:right.password", "-out", "desk.p12"]);
    make.args(["-in", "server.pem", "-inkey", "server.key"]).current_dir(site.folder.path()).kill_on_drop(true);
    assert_eq!(ended(make).await.status, Some(0));
    let contained = |name: &str| {
        let (file, password) = (site.path("desk.p12"), site.path(&format!("{name}.password")));
        let files = format!("[{{ path: '{}', password_file: '{}' }}]", file.display(), password.display());
        tenant(name, &format!("    mdm: {{ kind: none }}\n    certificate: {{ files: {files} }}\n"))
    };
    let tenants = [contained("right"), contained("wrong"), site.intune("acme", answer("acme", 290), "")];
    site.configure("web: { actions: true, config_file: web.yml, calendar_key_file: calendar.key }", &tenants);
    let daemon = site.serve_with(&["--log-level", "trace"]).await;
    let login = |password: &str| format!("Authorization: Basic {}", STANDARD.encode(format!("kim:{password}")));
    let own = login("s3cret");
    let ask = async |method: &str, path: &str, login: &str, body: &[u8]| -> Answered {
        let kind = format!("Content-Type: multipart/form-data; boundary={BOUNDARY}");
        let headers = format!("Host: localhost\r\nOrigin: http://localhost\r\n{kind}\r\n{login}");
        send(daemon.address, method, path, &headers, body).await
    };
    let scrape = eventually("both containers were tried", SOON, || async {
        let text = ask("GET", "/metrics", &own, b"").await.body;
        ["right", "wrong"]
            .iter()
            .all(|name| text.contains(&format!("tenant=\"{name}\",mdm=\"none\",source=\"file\"")))
            .then_some(text)
    })
    .await;
    let renewal = "/tenants/acme/renewal";
    let page = ask("GET", renewal, &own, b"").await.body;
    let (_, rest) = page.split_once("name=\"token\" value=\"").expect("a form");
    let token = rest.split('"').next().unwrap().to_owned();
    assert_eq!(token.len(), 64);

    let words = "/tenants/acme/said/uploaded";
    let mut shown = vec![("the metrics", scrape)];
    for (place, answered) in [
        ("a wrong login", ask("GET", "/", &login("mistaken-NeverShown"), b"").await),
        ("no login", ask("GET", "/", "X-None: 1", b"").await),
        ("a wrong key", ask("GET", "/calendar.ics?key=mistaken-NeverShown-0123456789", "X-None: 1", b"").await),
        ("an odd key", ask("GET", &format!("/calendar.ics?key={KEY}&key={KEY}"), "X-None: 1", b"").await),
        ("a key where none counts", ask("GET", &format!("/api/v1/status?key={KEY}"), &own, b"").await),
        ("a key with an odd filter", ask("GET", &format!("/calendar.ics?key={KEY}&tenant={KEY}"), &own, b"").await),
        ("the calendar", ask("GET", &format!("/calendar.ics?key={KEY}"), "X-None: 1", b"").await),
        ("a wrong token", ask("POST", words, &own, &form(&[("token", b"mistaken-NeverShown")])).await),
        (
            "a token of another place",
            ask("POST", words, &own, &form(&[("token", token.as_bytes()), ("odd", b"")])).await,
        ),
        (
            "a password of a container",
            ask(
                "POST",
                "/api/v1/preflight",
                &own,
                &form(&[
                    ("file", &std::fs::read(site.path("desk.p12")).unwrap()),
                    ("password", b"mistaken-NeverShown"),
                ]),
            )
            .await,
        ),
        ("the status document", ask("GET", "/api/v1/status", &own, b"").await),
        ("the handover", ask("GET", "/handover", &own, b"").await),
        ("a tenant", ask("GET", "/api/v1/tenants/wrong", &own, b"").await),
    ] {
        shown.push((place, format!("{}{}", answered.head, answered.body)));
    }
    assert!(shown.iter().any(|(place, text)| *place == "the calendar" && text.contains("BEGIN:VCALENDAR")));
    // A password in the place of a hash, then another hash, and a key that does not fit.
    site.write("web.yml", web("mistaken-NeverShown"));
    eventually("it is refused", SOON, || async { daemon.log().contains("what was in force stays").then_some(()) })
        .await;
    site.write("web.yml", web(&other));
    let changed = login("another");
    eventually("the other login counts", SOON, || async {
        (ask("GET", "/-/healthy", &changed, b"").await.status == 200).then_some(())
    })
    .await;
    site.write("calendar.key", "NeverShown");
    let refused = ask("GET", &format!("/calendar.ics?key={KEY}"), "X-None: 1", b"").await;
    assert_eq!(refused.status, 401);
    let checked = site.run(&["check-config", "--log-level", "trace"]).await;
    shown.push(("a check", format!("{}{}", checked.stdout, checked.stderr)));
    let handover = site.run(&["handover", "--log-level", "trace"]).await;
    shown.push(("the sheet", format!("{}{}", handover.stdout, handover.stderr)));
    let store: String = site.store().values().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    shown.push(("the store", store));
    let log = daemon.log();
    assert!(log.contains("TRACE") && log.contains("the key of the calendar cannot be used"), "{log}");
    shown.push(("the log", log));
    let logins =
        ["s3cret", "another", "mistaken-NeverShown"].map(|password| STANDARD.encode(format!("kim:{password}")));
    let mut forbidden =
        vec!["NeverShown".to_owned(), "Basic a".to_owned(), token, good[7..].to_owned(), other[7..].to_owned()];
    forbidden.extend(logins);
    assert_not_in(&shown, &forbidden);
    daemon.stop().await;
}
