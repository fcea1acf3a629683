//! Connections, proxies, redirects, TLS, and bodies that are too long.

use std::sync::Arc;
use std::time::Duration;

use apnswatch::config::Network;
use apnswatch::demo::intune::{Answer, LoginAnswer, Simulator};
use apnswatch::model::Reason;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use apnswatch::provider::intune::Intune;
use serde_json::json;

use super::bench::{Bench, DIRECTORY, certificate, failure, good, poll};

#[tokio::test]
async fn a_redirect_takes_no_token_to_another_origin() {
    let bench = Bench::new().await;
    let other = Simulator::start().await.unwrap();
    let target = format!("{}/v1.0/deviceManagement/applePushNotificationCertificate?x=s3cret", other.graph_url());
    bench.microsoft.set_answer(DIRECTORY, Answer::Redirect(target.clone()));
    let intune = bench.intune();
    let read = failure(&intune).await;
    assert!(read.message.contains(&format!("has moved to {}", other.graph_url())), "{read}");
    assert!(!read.message.contains("s3cret"), "{read}");
    bench.microsoft.set_login(DIRECTORY, LoginAnswer::Redirect(target));
    assert_eq!(failure(&bench.intune()).await.reason, Reason::Http);
    assert_eq!((other.connections(), other.requests().len()), (0, 0));
}

#[tokio::test]
async fn a_long_body_and_one_without_end_are_given_up_early() {
    for answer in [Answer::Huge(50_000_000), Answer::Endless] {
        let bench = Bench::answering(answer).await;
        let intune = bench.intune();
        let failure = failure(&intune).await;
        assert_eq!(failure.reason, Reason::Malformed, "{failure}");
        assert!(bench.microsoft.bytes_sent() < 16 * 1024 * 1024, "{}", bench.microsoft.bytes_sent());
        bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
        good(&intune).await;
    }
}

#[tokio::test]
async fn a_connection_that_was_closed_under_a_request_costs_no_poll() {
    let bench = Bench::answering(Answer::sequence([Answer::CloseConnection, Answer::Certificate(certificate())])).await;
    good(&bench.intune()).await;
    assert_eq!(bench.reads(), 2);
    bench.microsoft.set_answer(DIRECTORY, Answer::CloseConnection);
    assert_eq!(failure(&bench.intune()).await.reason, Reason::Connect);
    assert_eq!(bench.reads(), 4, "one more try, and no third");

    // The server closes idle connections at about the rhythm of the polls.
    bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
    bench.microsoft.close_idle_after(Duration::from_millis(5));
    let intune = bench.intune();
    for round in 0..50 {
        tokio::time::sleep(Duration::from_micros(4_000 + 40 * round)).await;
        good(&intune).await;
    }
}

#[tokio::test]
async fn a_hang_costs_one_poll_and_leaves_no_connection_behind() {
    let bench = Bench::new().await;
    let secret = json!({ "client_secret_file": bench.folder.path().join("secret") });
    let intune = bench.with(secret, Duration::from_secs(1));
    for _ in 0..2 {
        good(&intune).await;
        bench.microsoft.set_answer(DIRECTORY, Answer::Hang);
        assert_eq!(failure(&intune).await.reason, Reason::Timeout);
        bench.microsoft.set_answer(DIRECTORY, Answer::Certificate(certificate()));
        good(&intune).await;
    }
    bench.settle(1).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_by_us_before_others_do() {
    let bench = Bench::new().await;
    let intune = bench.intune();
    good(&intune).await;
    good(&intune).await;
    assert_eq!(bench.microsoft.connections(), 1, "a login and two reads share a connection");
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(4_500)).await;
    tokio::time::resume();
    good(&intune).await;
    assert_eq!(bench.microsoft.connections(), 2);
}

#[tokio::test]
async fn connections_level_off_however_many_tenants_fail() {
    let bench = Bench::new().await;
    let tenants: Vec<Intune> = (0..50).map(|_| bench.hasty()).collect();
    bench.microsoft.set_answer(
        DIRECTORY,
        Answer::sequence(
            [Answer::Certificate(certificate()), Answer::CloseConnection, Answer::Truncated]
                .into_iter()
                .cycle()
                .take(900),
        ),
    );
    for _ in 0..10 {
        futures::future::join_all(tenants.iter().map(poll)).await;
    }
    assert!(bench.microsoft.connections() > 300, "{}", bench.microsoft.connections());
    bench.settle(8).await;
}

#[tokio::test]
async fn a_microsoft_that_went_away_is_a_failure_until_it_is_back() {
    let mut bench = Bench::new().await;
    let intune = bench.intune();
    good(&intune).await;
    bench.microsoft.stop().await;
    let gone = failure(&intune).await;
    assert_eq!(gone.reason, Reason::Connect);
    assert!(gone.message.ends_with("the connection was refused"), "{gone}");
    bench.microsoft.restart().await.unwrap();
    good(&intune).await;
}

#[tokio::test]
async fn only_the_configuration_names_a_proxy_and_loopback_never_uses_one() {
    // Variables cannot be set in a test without changing every other one, so the line itself is looked for.
    let source = include_str!("../../../src/provider/http/transport.rs");
    assert!(source.contains(".no_proxy()"));

    let bench = Bench::new().await;
    let proxy = Simulator::start().await.unwrap();
    let network = Arc::new(Network { proxy: Some(proxy.login_url().parse().unwrap()), ..Network::default() });
    let secret = json!({ "client_secret_file": bench.folder.path().join("secret") });
    let mut settings = bench.settings(secret);
    good(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(proxy.connections(), 0);

    settings.login_url = Some("https://login.example.com".to_owned());
    settings.graph_url = Some("https://graph.example.com".to_owned());
    let through = failure(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(through.reason, Reason::Connect, "{through}");
    let network =
        Arc::new(Network { proxy: Some("http://user:s3cret@127.0.0.1:1".parse().unwrap()), ..Network::default() });
    let intune = Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap();
    let refused = failure(&intune).await;
    assert!(!format!("{intune:?} {refused:?}").contains("s3cret"));
    assert!(through.message.contains("the proxy makes no connection"), "{through}");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_or_http_is_told_apart() {
    let bench = Bench::new().await;
    let settings = |url: String| {
        let mut settings = bench.settings(json!({ "client_secret_file": bench.folder.path().join("secret") }));
        settings.login_url = Some(url);
        Intune::new(&settings, &Default::default(), REQUEST_TIMEOUT).unwrap()
    };
    let plain = failure(&settings(bench.microsoft.login_url().replace("http:", "https:"))).await;
    assert_eq!(plain.reason, Reason::Tls, "{plain}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let odd = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"SSH-2.0-made-up\r\n\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let other = failure(&settings(format!("http://{address}"))).await;
    assert_eq!(other.reason, Reason::Malformed, "{other}");
    odd.abort();
}

#[tokio::test]
async fn a_private_issuer_is_trusted_when_its_file_is_named() {
    let bench = Bench::new().await;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let address = tls_server(certificate.der().to_vec(), key.serialize_der());
    let mut settings = bench.settings(json!({ "client_secret_file": bench.folder.path().join("secret") }));
    settings.login_url = Some(format!("https://localhost:{}", address.port()));

    let unknown = failure(&Intune::new(&settings, &Default::default(), REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(unknown.reason, Reason::Tls, "{unknown}");
    assert!(unknown.message.contains("network.ca_files"), "{unknown}");

    let network = Arc::new(Network { ca_files: vec![bench.write("ca.pem", certificate.pem())], ..Network::default() });
    let intune = Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap();
    // The second goes over the kept connection, which is closed under it.
    for _ in 0..2 {
        let trusted = failure(&intune).await;
        assert_eq!(trusted.reason, Reason::Http, "{trusted}");
        assert!(trusted.message.contains("status 503"), "{trusted}");
    }
    settings.login_url = Some(format!("https://127.0.0.1:{}", address.port()));
    let named = failure(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert!(named.message.contains("for another name"), "{named}");

    // Another one takes its place: the file that is there counts, for the tenant that was asked already too.
    settings.login_url = Some(format!("https://localhost:{}", address.port()));
    let other = rcgen::KeyPair::generate().unwrap();
    bench.write("ca.pem", rcgen::CertificateParams::new([]).unwrap().self_signed(&other).unwrap().pem());
    let intune = Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap();
    assert_eq!(failure(&intune).await.reason, Reason::Tls);
    bench.write("ca.pem", certificate.pem());
    let trusted = failure(&intune).await;
    assert_eq!(trusted.reason, Reason::Http, "{trusted}");

    std::fs::remove_file(bench.folder.path().join("ca.pem")).unwrap();
    let missing = failure(&Intune::new(&settings, &network, REQUEST_TIMEOUT).unwrap()).await;
    assert_eq!(missing.reason, Reason::NotFound, "{missing}");
}

/// A TLS server on loopback that answers 503 to the first request of a connection, and closes it without a word when
/// the second comes.
fn tls_server(certificate: Vec<u8>, key: Vec<u8>) -> std::net::SocketAddr {
    use std::io::{Read as _, Write as _};
    use std::sync::Arc;

    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key));
    let config = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.into()], key);
    let config = Arc::new(config.unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            std::thread::spawn(move || {
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream.write_all(b"HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n");
                    let _ = stream.read(&mut [0; 4096]);
                }
            });
        }
    });
    address
}
