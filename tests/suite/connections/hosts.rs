//! Which host a request may name, byte for byte as a program may write it.

use super::{raw, status};
use crate::support::{Site, answer};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_this_host_and_no_other() {
    let site = Site::new().await;
    let head = "web: { external_url: 'https://apns.example.com/', allowed_hosts: [watch.example.com], reload: true }";
    site.configure(head, &[site.intune("acme", answer("acme", 290), "")]);
    let daemon = site.serve().await;
    let port = daemon.address.port();
    let one = |target: &str, version: &str, hosts: &[&str]| {
        let hosts: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        format!("{target} HTTP/1.{version}\r\n{hosts}Connection: close\r\n\r\n")
    };
    let simple = |host: &str| one("GET /api/v1/status", "1", &[host]);
    let mut cases: Vec<(String, u16)> = Vec::new();
    for host in [
        "localhost",
        "LocalHost",
        "localhost.",
        &format!("localhost:{port}"),
        "localhost:1",
        "127.0.0.1",
        "192.0.2.7:80",
        "[::1]",
        &format!("[::1]:{port}"),
        "[2001:db8::1]",
        "apns.example.com",
        "apns.example.com.:443",
        "watch.example.com",
    ] {
        cases.push((simple(host), 200));
        cases.push((one("GET /api/v1/status", "0", &[host]), 200));
        cases.push((one(&format!("GET http://{host}/api/v1/status"), "1", &[host]), 200));
    }
    for host in [
        "evil.example.com",
        "localhost.evil.example.com",
        "localhost@evil.example.com",
        "evil@localhost",
        "localhost:80@evil.example.com",
        "localhost:evil",
        "localhost:80:80",
        "localhost..",
        "localhost, evil.example.com",
        "localhost evil.example.com",
        "localhost/",
        "localhost#evil",
        "localhost%2eevil.example.com",
        "127.0.0.1.evil.example.com",
        "127.0.0.1.",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[fe80::1%25eth0]",
        "[fe80::1%eth0]",
        "[::1%25lo]:80",
        "[::1",
        "::1]",
        "[::1]evil.example.com",
        "[localhost]",
        "",
        ":",
        ".",
        "\u{2460}27.0.0.1",
        "loc\u{430}lhost",
    ] {
        cases.push((simple(host), 421));
        cases.push((one("GET /api/v1/status", "0", &[host]), 421));
        cases.push((one("POST /-/reload", "1", &[host]), 421));
    }
    let evil = "evil.example.com";
    cases.extend([
        // The address as a whole URL counts, and nothing beside it may say something else.
        (one("GET http://evil.example.com/api/v1/status", "1", &["localhost"]), 421),
        (one("GET http://localhost/api/v1/status", "1", &[evil]), 421),
        (one("GET http://evil@localhost/api/v1/status", "1", &["localhost"]), 421),
        (one("GET http://localhost@evil.example.com/api/v1/status", "1", &["localhost"]), 421),
        (one("POST http://evil.example.com/-/reload", "1", &["localhost"]), 421),
        (one("POST http://localhost/-/reload", "1", &["localhost"]), 200),
        (one("GET http://localhost/api/v1/status", "0", &[]), 200),
        // One host and no more, the same one twice included.
        (one("GET /api/v1/status", "1", &["localhost", evil]), 400),
        (one("GET /api/v1/status", "1", &[evil, "localhost"]), 400),
        (one("GET /api/v1/status", "1", &["localhost", "localhost"]), 400),
        (one("POST /-/reload", "0", &["localhost", evil]), 400),
        (one("GET http://localhost/api/v1/status", "1", &["localhost", evil]), 400),
        // None at all: wrong since HTTP/1.1, and a name that is not ours before.
        (one("GET /api/v1/status", "1", &[]), 400),
        (one("GET /api/v1/status", "0", &[]), 421),
        // What proxies add is for them.
        (format!("GET /api/v1/status HTTP/1.1\r\nHost: {evil}\r\nX-Forwarded-Host: localhost\r\nConnection: close\r\n\r\n"), 421),
        (format!("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-Host: {evil}\r\nConnection: close\r\n\r\n"), 200),
        // A path that looks like an open one.
        (one("GET //metrics/../api/v1/status", "1", &[evil]), 421),
        (one("GET /metrics/", "1", &[evil]), 421),
        (one("GET /%2dmetrics", "1", &[evil]), 421),
        (one("POST /metrics", "1", &[evil]), 421),
        (one("GET /metrics", "1", &[evil]), 200),
        (one("HEAD /-/healthy", "1", &[evil]), 200),
    ]);
    for (asked, expected) in cases {
        let answered = raw(daemon.address, asked.as_bytes()).await;
        assert_eq!(status(&answered), expected, "{asked}{answered}");
        if expected == 421 {
            assert!(!answered.contains("evil") && !answered.contains("acme"), "{asked}{answered}");
        }
    }
    daemon.stop().await;
}
