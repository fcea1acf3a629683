//! `promtool check web-config` is the oracle: what it refuses is refused here.

use std::process::Stdio;

use tokio::process::Command;

use super::{certificates, hash};
use crate::support::{Site, ended};

/// What the file says, and whether we take it. Where we refuse what promtool takes, it stands below with the reason.
fn cases(hash: &str) -> Vec<(String, bool)> {
    let tls = |more: &str| format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key{more} }}\n");
    let user = |hash: &str| format!("basic_auth_users: {{ kim: '{hash}' }}\n");
    let both = |what: &str| (what.to_owned(), true);
    let no = |what: &str| (what.to_owned(), false);
    vec![
        (tls(""), true),
        (tls(", min_version: TLS12, max_version: TLS13"), true),
        (tls(", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert"), true),
        (tls(", client_ca_file: ca.pem, client_auth_type: VerifyClientCertIfGiven"), true),
        (tls(", client_auth_type: NoClientCert, prefer_server_cipher_suites: false"), true),
        (tls(", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]"), true),
        (tls(", curve_preferences: [X25519, CurveP256]"), true),
        (user(hash), true),
        (user(&hash.replace("$2b$", "$2y$")), true),
        both(
            "http_server_config: { http2: false, headers: { X-Frame-Options: deny, X-Content-Type-Options: nosniff } }\n",
        ),
        (tls(", min_version: TLS09"), false),
        (tls(", colour: blue"), false),
        (tls(", client_ca_file: ca.pem"), false),
        (tls(", client_ca_file: gone.pem, client_auth_type: RequireAndVerifyClientCert"), false),
        (tls(", client_auth_type: Whatever"), false),
        (tls(", cipher_suites: [NONE]"), false),
        (tls(", curve_preferences: [CurveP7]"), false),
        no("tls_server_config: { cert_file: server.pem }\n"),
        no("tls_server_config: { key_file: server.key }\n"),
        no("tls_server_config: { cert_file: gone.pem, key_file: gone.key }\n"),
        no("tls_server_config: { cert_file: server.pem, key_file: client.key }\n"),
        (user("s3cret"), false),
        (user("$2b$04$short"), false),
        no("http_server_config: { headers: { X-Frame-Options: maybe } }\n"),
        no("http_server_config: { headers: { Server: mine } }\n"),
        no("http_server_config: { colour: blue }\n"),
        no("colour: blue\n"),
        no("- a\n"),
        no("tls_server_config: [\n"),
    ]
}

#[tokio::test]
async fn what_promtool_refuses_is_refused_and_what_it_takes_is_taken() {
    let site = Site::new().await;
    certificates(&site).await;
    site.configure("web: { config_file: web.yml }", &[]);
    for (text, is_right) in cases(&hash()) {
        let file = site.write("web.yml", &text);
        let mut oracle = Command::new("promtool");
        oracle.args(["check", "web-config"]).arg(&file).stdin(Stdio::null());
        oracle.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let oracle = ended(oracle).await;
        assert_eq!(oracle.status == Some(0), is_right, "promtool: {text}{}{}", oracle.stdout, oracle.stderr);
        let ours = site.run(&["check-config"]).await;
        assert_eq!(ours.status, Some(if is_right { 0 } else { 64 }), "{text}{}{}", ours.stdout, ours.stderr);
        assert!(!ours.stderr.contains("s3cret"), "{}", ours.stderr);
    }
}

#[tokio::test]
async fn what_would_prove_nothing_is_refused_although_promtool_takes_it() {
    let site = Site::new().await;
    certificates(&site).await;
    site.configure("web: { config_file: web.yml }", &[]);
    for (more, words) in [
        ("min_version: TLS10", "older ones are broken"),
        ("client_auth_type: RequestClientCert", "nobody verifies proves nothing"),
        ("client_auth_type: RequireAnyClientCert", "nobody verifies proves nothing"),
    ] {
        site.write(
            "web.yml",
            format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key, {more} }}\n"),
        );
        let ours = site.run(&["check-config"]).await;
        assert_eq!(ours.status, Some(64), "{more}");
        assert!(ours.stderr.contains(words) && ours.stderr.contains("web.yml"), "{more}: {}", ours.stderr);
    }
}
