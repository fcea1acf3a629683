//! The shipped texts, as `PagerDuty`, Slack and a mail server get them from a real Alertmanager.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::{Alertmanager, Receiver};
use crate::support::{document, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

/// A mail server that takes everything and keeps what was written.
async fn mail_server() -> (SocketAddr, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, mails) = (listener.local_addr().unwrap(), Arc::<Mutex<String>>::default());
    let kept = Arc::clone(&mails);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mail = talk(stream).await.unwrap_or_default();
            kept.lock().unwrap().push_str(&mail);
        }
    });
    (address, mails)
}

async fn talk(stream: TcpStream) -> std::io::Result<String> {
    let mut stream = BufReader::new(stream);
    let (mut mail, mut line, mut in_data) = (String::new(), String::new(), false);
    stream.write_all(b"220 here\r\n").await?;
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(mail);
        }
        if in_data {
            in_data = line != ".\r\n";
            if in_data {
                mail.push_str(&line);
                continue;
            }
        }
        let answer: &[u8] = match line.get(..4) {
            Some("DATA") => {
                in_data = true;
                b"354 go on\r\n"
            }
            Some("QUIT") => b"221 bye\r\n",
            _ => b"250 good\r\n",
        };
        stream.write_all(answer).await?;
        if line.starts_with("QUIT") {
            return Ok(mail);
        }
    }
}

/// The shipped file, its times short and its receivers at this machine: all else is as it is shipped, texts and secrets in files.
fn here(receiver: &Receiver, mail: SocketAddr, secrets: &std::path::Path) -> String {
    std::fs::write(secrets.join("pagerduty_key"), "made-up-key").unwrap();
    std::fs::write(secrets.join("slack_url"), format!("{}/slack", receiver.url())).unwrap();
    std::fs::write(secrets.join("smtp_password"), "made-up").unwrap();
    let mut config = document("deploy/alertmanager/alertmanager.yml")
        .replace("secrets/", &format!("{}/", secrets.display()))
        .replace(
            "smtp_smarthost: mail.example.com:587",
            &format!("smtp_smarthost: '{mail}'\n  smtp_require_tls: false"),
        )
        .replace("global:\n", &format!("global:\n  pagerduty_url: {}/pagerduty\n", receiver.url()))
        .replace(
            "      - weekdays: ['monday:friday']\n        times: [{ start_time: '08:00', end_time: '17:00' }]",
            "      - times: [{ start_time: '00:00', end_time: '24:00' }]",
        );
    for wait in ["30s", "1m", "3m", "20m", "30m"] {
        config = config.replace(&format!("group_wait: {wait}\n"), "group_wait: 1s\n");
    }
    config.replace("group_interval: 5m\n", "group_interval: 1s\n")
}

const NORTH: &str = "Example \"North\" + GmbH";

fn expiry(tenant: &str, severity: &str, summary: &str, left: &str) -> Value {
    json!({
        "labels": { "alertname": "ApnsCertificateExpiry", "severity": severity, "tenant": tenant, "mdm": "jamf", "team": "mac" },
        "annotations": {
            "summary": summary,
            "description": format!("{tenant} (jamf): a text. End: 2026-12-24, time left {left}; known from source \"api\" (exact). \
                                    Who can act: the team. Next step: renew."),
            "runbook_url": "https://example.com/apnswatch/docs/runbook.md#apnscertificateexpiry",
        },
    })
}

async fn came(receiver: &Receiver, name: &str, number: usize) -> Vec<Value> {
    eventually(&format!("{number} for {name}"), PATIENCE, || async {
        let bodies: Vec<Value> = receiver.of(name).into_iter().map(|notice| notice.body).collect();
        (bodies.len() >= number).then_some(bodies)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_texts_read_well_wherever_they_arrive() {
    let receiver = Receiver::start().await;
    let (mail, mails) = mail_server().await;
    let secrets = tempfile::tempdir().unwrap();
    let alertmanager = Alertmanager::start(&here(&receiver, mail, secrets.path())).await;
    let expired = expiry(NORTH, "critical", "An Apple push certificate has expired.", "-3d 4h 0m 0s");
    let renew = expiry("south", "warning", "An Apple push certificate must be renewed now.", "23h 59m 12s");
    let plans: Vec<Value> = (1..=250)
        .map(|number| expiry(&format!("plan-{number}"), "info", "The renewal should be planned.", "142d 1h 2m 3s"))
        .collect();
    alertmanager.post(&[vec![expired.clone(), renew], plans].concat(), true).await;

    let page = came(&receiver, "pagerduty", 1).await.remove(0);
    println!("{page:#}");
    assert_eq!(page["routing_key"], "made-up-key");
    assert_eq!(page["event_action"], "trigger");
    assert_eq!(page["payload"]["severity"], "critical");
    let subject = "Example \"North\" + GmbH, ended 3d ago: An Apple push certificate has expired.";
    assert_eq!(page["payload"]["summary"], subject);
    let link = "https://apnswatch.example.com/tenants/Example%20%22North%22%20%2B%20GmbH";
    assert_eq!(page["client_url"], link);
    assert_eq!(page["links"][1]["href"], "https://example.com/apnswatch/docs/runbook.md#apnscertificateexpiry");
    let text = page["payload"]["custom_details"]["text"].as_str().unwrap();
    assert!(text.contains("Next step: renew.\nPage: https://") && text.contains("\nSince: 20"), "{text}");

    let slack = came(&receiver, "slack", 1).await.remove(0);
    println!("{slack:#}");
    assert_eq!(slack["attachments"][0]["title"], "south, 23h left: An Apple push certificate must be renewed now.");
    assert_eq!(slack["attachments"][0]["title_link"], "https://apnswatch.example.com/tenants/south");

    let mail = eventually("a mail", PATIENCE, || async {
        let mails = mails.lock().unwrap().clone();
        (!mails.is_empty()).then_some(mails)
    })
    .await;
    println!("{}", mail.chars().take(3000).collect::<String>());
    // Within a mail long lines are folded and "=" is written as "=3D".
    let flat = mail.replace("=\r\n", "");
    assert!(flat.contains("Subject: 250 tenants: The renewal should be planned."), "{flat}");
    assert!(flat.contains("- plan-1, 142d left\r\n"), "{flat}");
    assert!(flat.contains("These are 200 of 250."), "{flat}");
    assert!(flat.contains("<h1 "), "{flat}");

    alertmanager.post(&[expired], false).await;
    let end = came(&receiver, "pagerduty", 2).await.remove(1);
    assert_eq!(end["event_action"], "resolve");
    assert_eq!(end["dedup_key"], page["dedup_key"]);
}
