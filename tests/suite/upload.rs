//! `POST /api/v1/preflight`: the verdict on a file that a browser sends.

use serde_json::Value;

use crate::support::{Answered, Daemon, Site, filed, pem, send, topic};

pub(crate) const BOUNDARY: &str = "made-up-boundary";

pub(crate) fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"x\"\r\n\r\n");
        body.extend(head.as_bytes());
        body.extend(*content);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn post(daemon: &Daemon, host: &str, body: &[u8]) -> Answered {
    let headers = format!("Host: {host}\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}");
    send(daemon.address, "POST", "/api/v1/preflight", &headers, body).await
}

async fn judged(daemon: &Daemon, tenant: &str, file: &[u8]) -> (u16, Value) {
    let answered = post(daemon, "localhost", &form(&[("tenant", tenant.as_bytes()), ("file", file)])).await;
    let document = serde_json::from_str(&answered.body).unwrap_or_else(|_| panic!("no JSON: {}", answered.body));
    let is_problem = answered.head.contains("content-type: application/problem+json");
    assert_eq!(is_problem, answered.status != 200, "{}", answered.head);
    (answered.status, document)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_judged_against_the_pin_of_a_tenant_and_nothing_is_kept() {
    let site = Site::new().await;
    let files = ["acme", "west"].map(|name| (name, site.certificate(&format!("{name}.pem"), &topic(name), "0C01", 20)));
    site.configure("", &files.map(|(name, file)| filed(name, &file)));
    let daemon = site.serve().await;
    daemon.until("the topics are pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 2).await;
    let before = daemon.scrape().await.all("apns_certificate_info", &[]).len();

    let (status, document) = judged(&daemon, "acme", pem(&topic("acme"), "0C02", 365).as_bytes()).await;
    assert_eq!((status, &document["verdict"]), (200, &"renewal_with_warning".into()), "{document}");
    assert_eq!((&document["schema"], &document["serial"]), (&"apnswatch.preflight.v1".into(), &"0C02".into()));
    let (status, document) = judged(&daemon, "acme", pem(&topic("west"), "0C02", 365).as_bytes()).await;
    assert_eq!((status, &document["verdict"]), (200, &"do_not_upload".into()), "{document}");
    assert!(document["reasons"].to_string().contains("certificate of tenant west"), "{document}");
    let (status, document) = judged(&daemon, "acme", b"<!DOCTYPE html><html>Sign in</html>").await;
    assert_eq!((status, &document["verdict"]), (200, &"do_not_upload".into()), "{document}");
    let (status, document) = judged(&daemon, "acme", b"").await;
    assert_eq!((status, &document["verdict"]), (200, &"cannot_tell".into()), "{document}");
    assert_eq!(daemon.scrape().await.all("apns_certificate_info", &[]).len(), before);
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_sent_is_refused() {
    let site = Site::new().await;
    let file = site.certificate("acme.pem", &topic("acme"), "0C01", 20);
    site.configure("", &[filed("acme", &file)]);
    let daemon = site.serve().await;
    daemon.ready().await;
    let new = pem(&topic("acme"), "0C02", 365);
    let secret = "bmV2ZXIgc2hvd24gYW55d2hlcmU=";
    let with_key = format!("{new}-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n");
    let container = [0x30, 0x0b, 2, 1, 3, 0x30, 6, 6, 4, 0x2a, 3, 4, 5];
    for (file, words) in [(with_key.as_bytes(), "a private key is in the file"), (&container, "PKCS#12")] {
        let (status, problem) = judged(&daemon, "acme", file).await;
        assert_eq!((status, &problem["status"]), (422, &422.into()), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(words) && detail.contains("send the certificate alone"), "{detail}");
    }
    assert!(!daemon.log().contains(secret));

    let (status, problem) = judged(&daemon, "nobody", new.as_bytes()).await;
    assert_eq!(status, 404, "{problem}");
    let (status, problem) = judged(&daemon, "acme", &vec![b' '; 1024 * 1024 + 1]).await;
    assert_eq!(status, 413, "{problem}");
    for body in [
        form(&[("file", new.as_bytes())]),
        form(&[("tenant", b"acme")]),
        form(&[("tenant", b"acme"), ("file", new.as_bytes()), ("file", new.as_bytes())]),
        form(&[("tenant", b"acme"), ("file", new.as_bytes()), ("more", b"")]),
        b"--made-up".to_vec(),
        Vec::new(),
    ] {
        let answered = post(&daemon, "localhost", &body).await;
        assert_eq!(answered.status, 400, "{}", answered.body);
    }
    let plain = send(daemon.address, "POST", "/api/v1/preflight", "Host: localhost", new.as_bytes()).await;
    assert_eq!(plain.status, 400, "{}", plain.body);
    let body = form(&[("tenant", b"acme"), ("file", new.as_bytes())]);
    assert_eq!(post(&daemon, "elsewhere.example", &body).await.status, 421);
    assert_eq!(post(&daemon, "localhost", &body).await.status, 200);
    daemon.stop().await;
}
