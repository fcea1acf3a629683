//! No secret is ever shown: not in a log line at trace level, a metric, a page, a document, an error or the store.

use apnswatch::demo::intune::{Answer, Credential, Directory, LoginAnswer};
use apnswatch::demo::world;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{APP, SECRET, Site, answer, filed, pem, tenant, told, topic};

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
    for (place, text) in &shown {
        for words in &forbidden {
            if let Some(at) = text.find(words.as_str()) {
                let around: String = text[..at].chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("{place} shows {words:?} after\n{around}");
            }
        }
    }
}
