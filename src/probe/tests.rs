use std::net::Ipv4Addr;
use std::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::demo::resolver::{Answer, Resolver};
use crate::model::probe::Attempt;
use crate::model::{IpVersion, ProbeReason};

/// Something that accepts connections on loopback, and a resolver beside it.
struct Network {
    resolver: Resolver,
    listener: tokio::net::TcpListener,
}

impl Network {
    async fn new() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            resolver: Resolver::start(any).await.unwrap(),
            listener: tokio::net::TcpListener::bind(any).await.unwrap(),
        }
    }

    /// A round of `target` at the port of the listener, with loopback allowed or not.
    async fn round(&self, host: Host, is_allowed: bool) -> Vec<Attempt> {
        let ports = vec![self.listener.local_addr().unwrap().port()];
        let target = Target { role: Role::Device, host, ports, depth: Step::Tcp };
        let settings = Settings {
            timeout: Duration::from_millis(400),
            resolver: Some(self.resolver.address()),
            allowed_ranges: if is_allowed { vec!["127.0.0.0/8".parse().unwrap()] } else { Vec::new() },
            ..Settings::default()
        };
        Prober::new(&settings, Clock::system()).round(&target, Step::Chain).await
    }

    async fn found(&self, answer: Answer) -> Vec<(IpVersion, Option<ProbeReason>)> {
        self.resolver.set("push.apple.com", answer);
        let attempts = self.round(Host::Name(API_NAME.to_owned()), false).await;
        let found = |attempt: &Attempt| (attempt.ip_version, attempt.failure().map(|(_, failure)| failure.reason));
        attempts.iter().map(found).collect()
    }
}

fn addresses<const N: usize>(addresses: [&str; N]) -> Answer {
    Answer::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect())
}

#[tokio::test]
async fn what_a_resolver_can_say_is_told_apart_and_nothing_wrong_is_connected_to() {
    let network = Network::new().await;
    for (answer, reason) in [
        (Answer::NoSuchName, ProbeReason::DnsFailure),
        (Answer::Failure, ProbeReason::DnsFailure),
        (Answer::Silence, ProbeReason::DnsFailure),
        (Answer::Empty, ProbeReason::DnsEmpty),
        (addresses(["0.0.0.0"]), ProbeReason::Sinkholed),
        (addresses(["127.0.0.1"]), ProbeReason::Sinkholed),
        (addresses(["10.0.0.1"]), ProbeReason::DnsOutsideApple),
    ] {
        let begun = Instant::now();
        let found = network.found(answer.clone()).await;
        assert!(!found.is_empty() && found.iter().all(|(_, found)| *found == Some(reason)), "{answer:?}: {found:?}");
        assert!(begun.elapsed() < Duration::from_secs(2), "{answer:?} took {:?}", begun.elapsed());
    }
    let accepted = tokio::time::timeout(Duration::from_millis(50), network.listener.accept()).await;
    assert!(accepted.is_err(), "something was connected to");
}

#[tokio::test]
async fn names_are_absolute_and_three_couriers_stand_for_all() {
    let network = Network::new().await;
    network.resolver.set("push.apple.com", addresses(["127.0.0.1"]));
    let attempts = network.round(Host::Couriers, true).await;
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    let hosts: std::collections::BTreeSet<&str> = attempts.iter().map(|attempt| attempt.host.as_str()).collect();
    assert_eq!(hosts.len(), 3, "{hosts:?}");
    for attempt in &attempts {
        assert!(attempt.failure().is_none(), "{attempt:?}");
        let number: u32 = attempt.host.strip_suffix("-courier.push.apple.com").unwrap().parse().unwrap();
        assert!((1..=COURIERS).contains(&number));
        let steps: Vec<Step> = attempt.steps.iter().map(|taken| taken.step).collect();
        assert_eq!(steps, [Step::Dns, Step::Tcp], "down to the depth of the target");
    }
    let asked = network.resolver.asked();
    assert!(asked.iter().all(|name| name.ends_with("-courier.push.apple.com.")), "{asked:?}");
    assert_eq!(asked.len(), 6, "each name once in each family: {asked:?}");
}

#[tokio::test]
async fn an_address_is_taken_as_meant_and_a_closed_port_refuses() {
    let network = Network::new().await;
    let attempts = network.round(Host::Address(Ipv4Addr::LOCALHOST.into()), false).await;
    assert!(attempts[0].failure().is_none() && attempts[0].step(Step::Dns).is_none(), "{attempts:?}");
    let Network { resolver, listener } = network;
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let (attempt, _) = connect("here", (Ipv4Addr::LOCALHOST, port).into(), Duration::from_secs(1)).await;
    assert_eq!(attempt.failure().unwrap().1.reason, ProbeReason::Refused);
    drop(resolver);
}

#[tokio::test]
async fn the_prefix_of_a_nat64_is_learnt_before_an_address_is_called_foreign() {
    let network = Network::new().await;
    network.resolver.set("ipv4only.arpa", addresses(["2001:db8:122:344::192.0.0.170"]));
    let answer = addresses(["2001:db8:122:344::17.57.144.10", "17.57.144.10"]);
    network.resolver.set("push.apple.com", answer);
    let names = dns::Names::new(Some(network.resolver.address()), Duration::from_millis(400), Vec::new());
    let answers = names.look_up(&names.resolvers().await, API_NAME).await;
    let of = |address: &str| names.objection(API_NAME, address.parse().unwrap(), &answers).map(|found| found.reason);
    assert_eq!(of("2001:db8:122:344::17.57.144.10"), None);
    assert_eq!(of("2001:db8:122:344::10.0.0.1"), Some(ProbeReason::DnsOutsideApple));
    assert!(network.resolver.asked().contains(&"ipv4only.arpa.".to_owned()));
}

#[tokio::test]
async fn a_dns_server_that_fails_does_not_speak_for_the_next_one() {
    use hickory_resolver::proto::rr::RecordType;
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (first, second) = (Resolver::start(any).await.unwrap(), Resolver::start(any).await.unwrap());
    second.set("push.apple.com", addresses(["17.57.144.1"]));
    let patience = Duration::from_millis(300);
    let mut both = Vec::new();
    for one in [&first, &second] {
        both.extend(dns::Names::new(Some(one.address()), patience, Vec::new()).resolvers().await.unwrap());
    }
    for (answer, is_found) in [
        (Answer::Failure, true),
        (Answer::Silence, true),
        // These are answers, and the C library stops at them, too.
        (Answer::Empty, false),
        (Answer::NoSuchName, false),
    ] {
        first.set("push.apple.com", answer.clone());
        let found = dns::family(&both, "api.push.apple.com.", RecordType::A).await;
        assert_eq!(found.is_ok_and(|found| !found.is_empty()), is_found, "{answer:?}");
    }
}

#[tokio::test]
async fn a_certificate_of_an_odd_form_is_judged_all_the_same() {
    use rcgen::{CertificateParams, CustomExtension, DnType, KeyPair};
    use rustls::crypto::aws_lc_rs;
    use rustls::pki_types::PrivateKeyDer;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    let mut params = CertificateParams::new(vec![COURIER_NAME.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Example Box");
    let mut odd = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    odd.set_criticality(true);
    params.custom_extensions = vec![odd];
    let key = KeyPair::generate().unwrap();
    let leaf = params.self_signed(&key).unwrap().der().clone();
    let key = aws_lc_rs::sign::any_supported_type(&PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap();
    let certified = SingleCertAndKey::from(CertifiedKey::new(vec![leaf], key));
    let server = rustls::ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(std::sync::Arc::new(certified));
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(server));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(acceptor.accept(stream).await);
    });
    let host = Host::Address(address.ip());
    let target = Target { role: Role::Device, host, ports: vec![address.port()], depth: Step::Chain };
    let settings = Settings { timeout: Duration::from_secs(2), ..Settings::default() };
    let attempts = Prober::new(&settings, Clock::system()).round(&target, Step::Chain).await;
    let (step, failure) = attempts[0].failure().unwrap();
    assert_eq!((step, failure.reason), (Step::Chain, ProbeReason::Intercepted), "{attempts:?}");
    assert_eq!(attempts[0].issuer.as_deref(), Some("Example Box"));
    assert!(attempts[0].closed().is_none());
}
