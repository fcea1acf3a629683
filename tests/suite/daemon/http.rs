//! What the HTTP side shows, and to whom.

use std::time::Duration;

use apnswatch::demo::intune::Answer;
use tokio::time::Instant;

use crate::support::{Daemon, Scrape, Site, answer, eventually, request, request_with, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_host_name_is_refused() {
    let site = Site::new().await;
    let head = "web: { external_url: 'https://apns.example.com/', allowed_hosts: [watch.example.com], reload: true }";
    site.configure(head, &[site.intune("acme", answer("acme", 290), "")]);
    let daemon = site.serve().await;
    let port = daemon.address.port();
    let ask = |method: &'static str, path: &'static str, host: String| async move {
        request(daemon.address, method, path, &host).await.status
    };
    for host in ["evil.example.com", "localhost.evil.example.com", "127.0.0.1.evil.example.com", ""] {
        for (method, path) in [("GET", "/"), ("GET", "/api/v1/status"), ("POST", "/-/reload"), ("POST", "/metrics")] {
            assert_eq!(ask(method, path, host.to_owned()).await, 421, "{method} {path} as {host:?}");
        }
        for path in ["/metrics", "/-/healthy"] {
            assert_eq!(ask("GET", path, host.to_owned()).await, 200, "{path} as {host:?}");
        }
        assert_ne!(ask("GET", "/-/ready", host.to_owned()).await, 421);
    }
    for host in ["localhost", "127.0.0.1", "[::1]", "192.0.2.7", "apns.example.com", "watch.example.com"] {
        assert_eq!(ask("GET", "/", host.to_owned()).await, 200, "{host}");
        assert_eq!(ask("GET", "/", format!("{host}:{port}")).await, 200, "{host} with a port");
    }
    assert_eq!(ask("GET", "/nowhere", "localhost".to_owned()).await, 404);
    for path in ["/", "/metrics", "/api/v1/status"] {
        let head = daemon.get(path).await.head;
        for header in ["x-content-type-options: nosniff", "content-security-policy: default-src 'none'", "no-store"] {
            assert!(head.contains(header), "{path}: {head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_come_under_their_own_name_with_and_without_tenants() {
    let site = Site::new().await;
    let names = ["acme", "north", "south"];
    for count in [0, 3] {
        let tenants: Vec<String> = names[..count].iter().map(|name| site.intune(name, answer(name, 9), "")).collect();
        site.configure("", &tenants);
        let daemon = site.serve().await;
        daemon.ready().await;
        for accept in ["text/plain", "application/openmetrics-text; version=1.0.0", "*/*"] {
            let headers = format!("Accept: {accept}\r\nX-Prometheus-Scrape-Timeout-Seconds: 0.3");
            let answered = request_with(daemon.address, "GET", "/metrics", &headers).await;
            let head = answered.head;
            assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{accept}: {head}");
            Scrape::parse(&answered.body);
        }
        let scrape = daemon.scrape().await;
        assert_eq!(scrape.all("apns_certificate_phase", &[("phase", "renew")]).len(), count);
        // Everything that can be known in advance is there from the first scrape.
        assert_eq!(scrape.all("apns_source_failures_total", &[("mdm", "intune"), ("source", "api")]).len(), 12);
        assert_eq!(scrape.state("active"), count as f64);
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_text_and_nothing_else() {
    const NAME: &str = "\"><script>alert(1)</script>\\";
    let site = Site::new().await;
    site.configure(
        "",
        &[
            tenant(NAME, "    mdm: { kind: none }\n    certificate: { declared: { not_after: 2020-01-01 } }\n"),
            tenant("Example \"North\" GmbH", "    mdm: { kind: none }\n"),
        ],
    );
    let daemon = site.serve().await;
    let scrape = daemon.scrape().await;
    let labels: Vec<&str> =
        scrape.all("apns_certificate_phase", &[]).iter().map(|sample| sample.labels["tenant"].as_str()).collect();
    assert_eq!(labels, [NAME, "Example \"North\" GmbH"]);
    let page = daemon.get("/").await;
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    assert!(
        !page.body.contains("<script>") && page.body.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{}",
        page.body
    );
    let status: serde_json::Value = serde_json::from_str(&daemon.get("/api/v1/status").await.body).unwrap();
    assert_eq!(status["tenants"][0]["name"], NAME);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_for_a_vendor_that_hangs() {
    let site = Site::new().await;
    site.configure(
        "poll: { interval: 1h, timeout: 4s }",
        &[site.intune("acme", answer("acme", 290), ""), site.intune("mist", Answer::Hang, "")],
    );
    let daemon = site.serve().await;
    site.reads_reach("mist", 1).await;
    let refused = daemon.get("/-/ready").await;
    assert_eq!(refused.status, 503, "not every source had its first try");
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    for path in ["/metrics", "/", "/api/v1/status"] {
        let begun = Instant::now();
        assert_eq!(daemon.get(path).await.status, 200);
        assert!(begun.elapsed() < Duration::from_secs(1), "{path} took {:?}", begun.elapsed());
    }
    let scrape = daemon.scrape().await;
    assert_eq!((scrape.up("acme"), scrape.up("mist")), (Some(1.0), Some(0.0)));
    eventually("it is ready", Duration::from_secs(20), || async {
        (daemon.get("/-/ready").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(daemon.scrape().await.reason("mist"), Some("timeout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_ready_within_two_seconds() {
    let begun = Instant::now();
    let demo = Daemon::demo().await;
    demo.ready().await;
    // The two seconds are a promise about a machine with nothing else to do; here other tests run beside it.
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    assert!(demo.log().contains(&format!("http://{}/metrics", demo.address)), "{}", demo.log());
    demo.stop().await;
}
