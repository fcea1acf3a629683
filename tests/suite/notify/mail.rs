//! Mail, to a real server that demands TLS and a login.

use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::process::{Child, Command};

use super::bench::{World, ends_in};
use crate::support::{SOON, eventually, project, spawn};

/// The password, written so that every part of it would be noticed in a log.
pub(crate) const PASSWORD: &str = "NeverShown/s3cret";

/// A mail server; killed when dropped.
pub(crate) struct Mailbox {
    pub(crate) port: u16,
    log: Arc<Mutex<String>>,
    _process: Child,
}

impl Mailbox {
    /// Its certificate is `mail.pem` in the folder; while `down` is there it takes nothing.
    pub(crate) async fn start(folder: &std::path::Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("mail.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("mail.key"), made.signing_key.serialize_pem()).unwrap();
        let python = project("target/notify/venv/bin/python");
        assert!(python.exists(), "scripts/test installs the mail server of scripts/notify.txt; run it once");
        let mut command = Command::new(python);
        command.arg(project("tests/suite/notify/mailbox.py"));
        command.args([folder.join("mail.pem"), folder.join("mail.key")]).arg(PASSWORD).arg(folder.join("down"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let (process, log) = spawn(command);
        let port = eventually("the mail server listens", SOON, || async {
            u16::try_from(told(&log.lock().unwrap()).first()?["port"].as_u64()?).ok()
        })
        .await;
        Self { port, log, _process: process }
    }

    /// What it took so far. It says so before it acknowledges, but another process has to write it down.
    pub(crate) async fn mails(&self, number: usize) -> Vec<Value> {
        eventually(&format!("{number} mails"), SOON, || async {
            let mails = told(&self.log.lock().unwrap()).split_off(1);
            (mails.len() >= number).then_some(mails)
        })
        .await
    }
}

/// The documents in a log; what it says besides is for people.
fn told(log: &str) -> Vec<Value> {
    log.lines().filter(|line| line.starts_with('{')).map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn yaml(port: u16, days: i64) -> String {
    format!(
        "web: {{ external_url: 'https://watch.example.com/' }}\n\
         notify:\n  network: {{ ca_files: [FOLDER/mail.pem] }}\n  smtp:\n    server: localhost:{port}\n    \
         from: apnswatch <apnswatch@example.com>\n    to: [it@example.com, 'Mac team <mac@example.com>']\n    \
         username: apnswatch\n    password_file: FOLDER/password\ntenants:\n{}",
        ends_in("Schule \u{fc}ber alles", days)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_taken_once_with_a_login_and_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::start(folder.path()).await;
    std::fs::write(folder.path().join("password"), "wrong\n").unwrap();
    let mut world = World::new(folder, &yaml(mailbox.port, -3)).await;
    world.minutes(7).await;
    let reasons = |world: &World, reason: &str| {
        let text = world.counters.text().unwrap();
        let name = format!("apnswatch_notification_failures_total{{channel=\"smtp\",reason=\"{reason}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse::<u32>().unwrap()
    };
    assert!(reasons(&world, "auth") > 0, "{}", world.counters.text().unwrap());
    // The right password, and a server that takes nothing for ten minutes.
    std::fs::write(world.folder.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    std::fs::write(world.folder.path().join("down"), "").unwrap();
    world.minutes(10).await;
    world.restart().await;
    assert!(reasons(&world, "http") > 0, "{}", world.counters.text().unwrap());
    assert_eq!(mailbox.mails(0).await.len(), 0);
    std::fs::remove_file(world.folder.path().join("down")).unwrap();
    world.minutes(11).await;
    world.restart().await;
    world.minutes(30).await;
    let mails = mailbox.mails(1).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    let mail = &mails[0];
    assert_eq!(
        (&mail["tls"], &mail["user"], &mail["helo"]),
        (&true.into(), &"apnswatch".into(), &"example.com".into())
    );
    assert_eq!(mail["from"], "apnswatch@example.com");
    assert_eq!(mail["to"], serde_json::json!(["it@example.com", "mac@example.com"]));
    let headers = &mail["headers"];
    assert_eq!(
        headers["subject"],
        "Schule \u{fc}ber alles, expired 3 days ago: An Apple push certificate has expired and its MDM reaches no Apple device"
    );
    assert_eq!(
        (&headers["from"], &headers["auto-submitted"]),
        (&"apnswatch <apnswatch@example.com>".into(), &"auto-generated".into())
    );
    assert_eq!(headers["to"], "it@example.com, Mac team <mac@example.com>");
    assert!(headers["message-id"].as_str().unwrap().ends_with("@example.com>"), "{headers}");
    assert_eq!((&mail["defects"], &mail["bare"]), (&serde_json::json!([]), &false.into()));
    assert!(mail["longest"].as_u64().unwrap() <= 998, "RFC 5322, 2.1.1: {mail}");
    let text = mail["text"].as_str().unwrap();
    assert!(text.starts_with("Schule \u{fc}ber alles (none): the push certificate is past its end. "), "{text}");
    assert!(text.contains("\n\nNext step: renew it all the same, at once"), "{text}");
    assert!(text.trim_end().ends_with("Page: https://watch.example.com/tenants/Schule%20%C3%BCber%20alles"), "{text}");

    world.reload(&yaml(mailbox.port, 300));
    world.minutes(7).await;
    let mails = mailbox.mails(2).await;
    assert_eq!(mails.len(), 2);
    assert!(mails[1]["headers"]["subject"].as_str().unwrap().starts_with("Ended: Schule \u{fc}ber alles"), "{mails:?}");
    assert_eq!(mails[1]["headers"]["references"], headers["references"], "one thread");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_nobody_trusts_gets_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::start(folder.path()).await;
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    let trusting = yaml(mailbox.port, -3);
    let yaml = trusting.replace("  network: { ca_files: [FOLDER/mail.pem] }\n", "");
    assert_ne!(yaml, trusting);
    let mut world = World::new(folder, &yaml).await;
    world.minutes(8).await;
    let text = world.counters.text().unwrap();
    assert!(!text.contains("apnswatch_notification_failures_total{channel=\"smtp\",reason=\"tls\"} 0"), "{text}");
    assert!(text.contains("apnswatch_notifications_total{channel=\"smtp\"} 0"), "{text}");
    assert_eq!(mailbox.mails(0).await.len(), 0);
}
