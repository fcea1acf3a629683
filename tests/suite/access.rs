//! TLS, logins and the second address, by a web-config file of Prometheus.

mod oracle;

use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::support::{Answered, Daemon, SOON, Site, ended, eventually, request, send};

/// The hash of `s3cret`, of the least cost, so that tests are quick.
pub(crate) fn hash() -> String {
    bcrypt::hash("s3cret", 4).unwrap()
}

/// An authority, a server certificate for localhost, and a client's; another authority and a stranger's; all in the folder of
/// the site.
pub(crate) async fn certificates(site: &Site) {
    let script = "set -e; cd \"$1\"
        new() { openssl req -x509 -newkey rsa:2048 -nodes -days 30 -keyout $1.key -out $1.pem -subj /CN=$1 $2 $3; }
        leaf() { openssl req -newkey rsa:2048 -nodes -keyout $1.key -out $1.csr -subj /CN=$1
          printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\\n' > $1.ext
          openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 30 -extfile $1.ext -out $1.pem; }
        new ca; new other; leaf server ca; leaf renewed ca; leaf client ca; leaf stranger other";
    let mut command = Command::new("bash");
    command.args(["-c", script, "make"]).arg(site.folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let made = ended(command).await;
    assert_eq!(made.status, Some(0), "{}", made.stderr);
}

/// Asks by curl, which knows TLS and logins; gives the status and the body.
async fn curl(daemon: &Daemon, path: &str, more: &[&str]) -> Option<(u16, String)> {
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "10", "-w", "\n%{http_code}"]).args(more);
    command.arg(format!("https://localhost:{}{path}", daemon.address.port())).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let answered = ended(command).await;
    let (body, status) = answered.stdout.rsplit_once('\n')?;
    (answered.status == Some(0)).then(|| (status.parse().unwrap(), body.to_owned()))
}

fn path(site: &Site, name: &str) -> String {
    site.path(name).to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_in_without_tls_and_a_login() {
    let site = Site::new().await;
    certificates(&site).await;
    site.write(
        "web.yml",
        format!(
            "tls_server_config: {{ cert_file: server.pem, key_file: server.key, min_version: TLS12 }}\n\
             http_server_config: {{ headers: {{ Strict-Transport-Security: max-age=60 }} }}\n\
             basic_auth_users: {{ kim: {} }}\n",
            hash()
        ),
    );
    site.configure("web: { config_file: web.yml, health_listen: '127.0.0.1:0' }", &[]);
    let daemon = site.serve().await;
    let ca = path(&site, "ca.pem");
    let trusting = ["--cacert", ca.as_str()];
    let with = |more: &[&str]| [&trusting[..], more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    for (login, status) in
        [(&["-u", "kim:s3cret"][..], 200), (&["-u", "kim:wrong"], 401), (&["-u", "sam:s3cret"], 401), (&[], 401)]
    {
        for page in ["/", "/metrics", "/api/v1/status", "/-/healthy"] {
            let more = with(login);
            let more: Vec<&str> = more.iter().map(String::as_str).collect();
            let (answered, body) = curl(&daemon, page, &more).await.expect("TLS is spoken");
            assert_eq!(answered, status, "{page} {login:?}");
            assert_eq!(body.contains("log in"), status == 401, "{page} {login:?}: {body}");
        }
    }
    let (_, head) =
        curl(&daemon, "/-/healthy", &with(&["-u", "kim:s3cret", "-i"]).iter().map(String::as_str).collect::<Vec<_>>())
            .await
            .unwrap();
    assert!(head.to_lowercase().contains("strict-transport-security: max-age=60"), "{head}");
    assert!(curl(&daemon, "/", &["--cacert", &path(&site, "other.pem")]).await.is_none());
    assert!(curl(&daemon, "/", &[&trusting[..], &["--tls-max", "1.1"]].concat()).await.is_none());

    // The second address is plain and open, and shows nothing else.
    let log = daemon.log();
    let health = log.split("the health paths also on http://").nth(1).unwrap().split('/').next().unwrap();
    let health = health.parse().unwrap();
    for (page, status) in [("/-/healthy", 200), ("/-/ready", 200), ("/metrics", 404), ("/", 404), ("/-/reload", 404)] {
        eventually(page, SOON, || async {
            (request(health, "GET", page, "whatever.example").await.status == status).then_some(())
        })
        .await;
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_read_again_and_what_is_broken_is_not() {
    let site = Site::new().await;
    certificates(&site).await;
    let web = |name: &str, hash: &str| {
        format!(
            "tls_server_config: {{ cert_file: {name}.pem, key_file: {name}.key }}\nbasic_auth_users: {{ kim: {hash} }}\n"
        )
    };
    site.write("web.yml", web("server", &hash()));
    site.configure("web: { config_file: web.yml }", &[]);
    let daemon = site.serve().await;
    let ca = path(&site, "ca.pem");
    let asked = async |login: &str| curl(&daemon, "/-/healthy", &["--cacert", &ca, "-u", login]).await.map(|(s, _)| s);
    assert_eq!(asked("kim:s3cret").await, Some(200));

    site.write("web.yml", web("renewed", &bcrypt::hash("another", 4).unwrap()));
    eventually("the new password counts", SOON, || async { (asked("kim:another").await == Some(200)).then_some(()) })
        .await;
    assert_eq!(asked("kim:s3cret").await, Some(401));
    let shown = |arguments: [String; 2]| async move {
        let mut command = Command::new("curl");
        command.args(["-svk", "--max-time", "10", "-o", "/dev/null"]).args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        ended(command).await.stderr
    };
    let shown = shown([format!("https://localhost:{}/", daemon.address.port()), "-u:".to_owned()]).await;
    assert!(shown.contains("subject: CN=renewed"), "{shown}");

    site.write("web.yml", "tls_server_config: { cert_file: gone.pem, key_file: gone.key }\n");
    eventually("it is told", SOON, || async { daemon.log().contains("what was in force stays").then_some(()) }).await;
    assert_eq!(asked("kim:another").await, Some(200));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_asked_for_and_verified() {
    let site = Site::new().await;
    certificates(&site).await;
    site.write(
        "web.yml",
        "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  client_ca_file: ca.pem\n  \
         client_auth_type: RequireAndVerifyClientCert\n",
    );
    site.configure("web: { config_file: web.yml }", &[]);
    let daemon = site.serve().await;
    let ca = path(&site, "ca.pem");
    let showing = async |name: &str| {
        let (cert, key) = (path(&site, &format!("{name}.pem")), path(&site, &format!("{name}.key")));
        curl(&daemon, "/-/healthy", &["--cacert", &ca, "--cert", &cert, "--key", &key]).await.map(|(status, _)| status)
    };
    assert_eq!(showing("client").await, Some(200));
    assert_eq!(showing("stranger").await, None);
    assert_eq!(curl(&daemon, "/-/healthy", &["--cacert", &ca]).await, None);
    // A file that was saved half way opens nothing.
    site.write("web.yml", "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n");
    eventually("it is told", SOON, || async { daemon.log().contains("at a restart only").then_some(()) }).await;
    assert_eq!(curl(&daemon, "/-/healthy", &["--cacert", &ca]).await, None);
    assert_eq!(showing("client").await, Some(200));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_in_the_versions_and_suites_that_are_named() {
    let site = Site::new().await;
    certificates(&site).await;
    let ca = path(&site, "ca.pem");
    site.configure("web: { config_file: web.yml }", &[]);
    let both = [("1.1", false), ("1.2", true), ("1.3", true)];
    for (settings, expected) in [
        ("", both),
        (", min_version: TLS12, max_version: TLS13", both),
        (", max_version: TLS12", [("1.1", false), ("1.2", true), ("1.3", false)]),
        (", min_version: TLS13", [("1.1", false), ("1.2", false), ("1.3", true)]),
    ] {
        site.write(
            "web.yml",
            format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key{settings} }}\n"),
        );
        let daemon = site.serve().await;
        for (version, is_spoken) in expected {
            let least = format!("--tlsv{version}");
            // What OpenSSL itself would refuse must not count for us.
            let more = ["--cacert", &ca, &least, "--tls-max", version, "--ciphers", "DEFAULT@SECLEVEL=0"];
            let answered = curl(&daemon, "/-/healthy", &more).await.map(|(status, _)| status);
            assert_eq!(answered, is_spoken.then_some(200), "{version} with {settings:?}");
        }
        daemon.stop().await;
    }
    let suite = "max_version: TLS12, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]";
    site.write("web.yml", format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key, {suite} }}\n"));
    let daemon = site.serve().await;
    for (name, is_spoken) in [
        ("ECDHE-RSA-AES128-GCM-SHA256", true),
        ("ECDHE-RSA-AES256-GCM-SHA384", false),
        ("AES128-GCM-SHA256", false),
        ("ECDHE-RSA-AES128-SHA", false),
    ] {
        let answered = curl(&daemon, "/-/healthy", &["--cacert", &ca, "--ciphers", name]).await;
        assert_eq!(answered.is_some(), is_spoken, "{name}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_that_need_not_be_shown_is_verified_all_the_same() {
    let site = Site::new().await;
    certificates(&site).await;
    let tls = |more: &str| format!("tls_server_config: {{ cert_file: server.pem, key_file: server.key{more} }}\n");
    let ca = path(&site, "ca.pem");
    site.configure("web: { config_file: web.yml }", &[]);
    let showing = async |daemon: &Daemon, name: &str| {
        let (cert, key) = (path(&site, &format!("{name}.pem")), path(&site, &format!("{name}.key")));
        curl(daemon, "/-/healthy", &["--cacert", &ca, "--cert", &cert, "--key", &key]).await.map(|(status, _)| status)
    };
    let nothing =
        async |daemon: &Daemon| curl(daemon, "/-/healthy", &["--cacert", &ca]).await.map(|(status, _)| status);

    site.write("web.yml", tls(", client_auth_type: NoClientCert"));
    let daemon = site.serve().await;
    for answered in [nothing(&daemon).await, showing(&daemon, "client").await, showing(&daemon, "stranger").await] {
        assert_eq!(answered, Some(200));
    }
    daemon.stop().await;

    std::fs::copy(site.path("ca.pem"), site.path("clients.pem")).unwrap();
    site.write("web.yml", tls(", client_ca_file: clients.pem, client_auth_type: VerifyClientCertIfGiven"));
    let daemon = site.serve().await;
    assert_eq!(nothing(&daemon).await, Some(200));
    assert_eq!(showing(&daemon, "client").await, Some(200));
    assert_eq!(showing(&daemon, "stranger").await, None);
    // Another authority of clients counts without a restart.
    site.write("clients.pem", std::fs::read(site.path("other.pem")).unwrap());
    eventually("the old authority counts no more", SOON, || async {
        (showing(&daemon, "client").await.is_none()).then_some(())
    })
    .await;
    assert_eq!(showing(&daemon, "stranger").await, Some(200));
    assert_eq!(nothing(&daemon).await, Some(200));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_of_every_kind_count_and_a_name_that_nobody_has_is_told_nothing() {
    let site = Site::new().await;
    let kinds = ["2a", "2b", "2y"];
    let users: String =
        kinds.iter().map(|kind| format!(", u{kind}: '{}'", hash().replace("$2b$", &format!("${kind}$")))).collect();
    let odd = bcrypt::hash("p\u{e4}ss: w\u{f6}rd", 4).unwrap();
    site.write("web.yml", format!("basic_auth_users: {{ odd: '{odd}'{users} }}\n"));
    site.configure("web: { config_file: web.yml }", &[]);
    let daemon = site.serve().await;
    let ask = async |header: String| {
        send(daemon.address, "GET", "/metrics", &format!("Host: localhost\r\n{header}X-End: 1"), b"").await
    };
    let basic = |login: &str| format!("Authorization: Basic {}\r\n", STANDARD.encode(login));
    for kind in kinds {
        assert_eq!(ask(basic(&format!("u{kind}:s3cret"))).await.status, 200, "{kind}");
    }
    assert_eq!(ask(basic("odd:p\u{e4}ss: w\u{f6}rd")).await.status, 200);
    assert_eq!(ask(basic("odd:p\u{e4}ss: w\u{f6}rd").replace("Basic", "bAsIc")).await.status, 200);
    let without_date = |answered: Answered| {
        let head: Vec<&str> = answered.head.lines().filter(|line| !line.starts_with("date:")).collect();
        (answered.status, head.join("\n"), answered.body)
    };
    let known = without_date(ask(basic("odd:wrong")).await);
    assert_eq!(known.0, 401);
    for header in [
        basic("nobody:wrong"),
        basic("nobody:s3cret"),
        basic("ODD:p\u{e4}ss: w\u{f6}rd"),
        basic("odd"),
        basic(":"),
        basic(""),
        basic("odd:p\u{e4}ss: w\u{f6}rd").replace("Basic", "Bearer"),
        "Authorization: Basic\r\n".to_owned(),
        "Authorization: Basic !!!\r\n".to_owned(),
        "Authorization: Basic /////w==\r\n".to_owned(),
        format!("Authorization: Basic {}\r\n", "A".repeat(20_000)),
        String::new(),
    ] {
        assert_eq!(without_date(ask(header.clone()).await), known, "{header}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_speak_tls_shut_nobody_out() {
    let site = Site::new().await;
    certificates(&site).await;
    site.write("web.yml", "tls_server_config: { cert_file: server.pem, key_file: server.key }\n");
    site.configure("web: { config_file: web.yml }", &[]);
    let daemon = site.serve().await;
    let mut held = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(daemon.address).await.unwrap();
        // Some say nothing, some begin a handshake, some speak HTTP.
        let begin: &[u8] = [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"GET / HTTP/1.1\r\n"][number % 3];
        let _ = stream.write_all(begin).await;
        held.push(stream);
    }
    let answered = curl(&daemon, "/-/healthy", &["--cacert", &path(&site, "ca.pem"), "--max-time", "8"]).await;
    assert_eq!(answered, Some((200, "healthy\n".to_owned())));
    drop(held);
    daemon.stop().await;
}
