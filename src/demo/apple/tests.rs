use std::net::Ipv4Addr;

use super::*;
use crate::clock::Clock;
use crate::model::probe::Attempt;
use crate::model::{ProbeReason, Step};
use crate::probe::{Host, Prober, Settings, Target};

/// What a probe of a simulator that behaves so finds.
async fn probed(role: Role, behaviour: Behaviour) -> (Attempt, Simulator) {
    let certificates = Certificates::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, certificates.ca_pem()).unwrap();
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let simulator = Simulator::start(any, role, &certificates, behaviour).await.unwrap();
    let depth = if role == Role::Device { Step::Chain } else { Step::Http2 };
    let address = simulator.address();
    let target = Target { role, host: Host::Address(address.ip()), ports: vec![address.port()], depth };
    let settings = Settings {
        timeout: std::time::Duration::from_millis(500),
        targets: vec![target.clone()],
        courier_ca_file: Some(ca.clone()),
        api_ca_file: Some(ca),
        ..Settings::default()
    };
    let attempts = Prober::new(&settings, Clock::system()).round(&target, Step::Http2).await;
    let [attempt] = <[Attempt; 1]>::try_from(attempts).unwrap();
    (attempt, simulator)
}

fn found(attempt: &Attempt) -> Option<(Step, ProbeReason)> {
    attempt.failure().map(|(step, failure)| (step, failure.reason))
}

#[tokio::test]
async fn every_behaviour_is_found_to_be_what_it_is() {
    for (behaviour, expected) in [
        (Behaviour::Open, None),
        (Behaviour::Reset, Some((Step::Tls, ProbeReason::Reset))),
        (Behaviour::Page, Some((Step::Tls, ProbeReason::NotTls))),
        (Behaviour::Silent, Some((Step::Tls, ProbeReason::Timeout))),
        (Behaviour::Alert, Some((Step::Tls, ProbeReason::TlsFailure))),
        (Behaviour::Intercepted, Some((Step::Chain, ProbeReason::Intercepted))),
        (Behaviour::WrongHost, Some((Step::Chain, ProbeReason::WrongHost))),
        (Behaviour::WithoutAlpn, Some((Step::Alpn, ProbeReason::AlpnMissing))),
    ] {
        for role in Role::ALL {
            let (attempt, simulator) = probed(role, behaviour).await;
            assert_eq!(found(&attempt), expected, "{role} {behaviour:?}: {attempt:?}");
            assert_eq!(simulator.connections(), 1);
            let issuer = (behaviour == Behaviour::Intercepted).then_some("Example Inspection CA");
            assert_eq!(attempt.issuer.as_deref(), issuer);
        }
    }
}

#[tokio::test]
async fn the_api_is_asked_once_without_credentials_and_known_by_its_answer() {
    let (attempt, simulator) = probed(Role::Server, Behaviour::Open).await;
    let steps: Vec<Step> = attempt.steps.iter().map(|taken| taken.step).collect();
    assert_eq!(steps, [Step::Tcp, Step::Tls, Step::Alpn, Step::Chain, Step::Http2]);
    assert_eq!(simulator.requests(), [format!("POST /3/device/{}", "0".repeat(64))]);
    let (attempt, _simulator) = probed(Role::Server, Behaviour::Unavailable).await;
    assert_eq!(found(&attempt), Some((Step::Http2, ProbeReason::HttpFailure)));
    let (attempt, simulator) = probed(Role::Server, Behaviour::Intercepted).await;
    assert!(attempt.step(Step::Http2).is_none(), "nobody is asked over a way that is not Apple's");
    assert_eq!(simulator.requests(), [""; 0]);
    // An alpn that is missing hides nothing: the chain was looked at, and is right.
    let (attempt, _simulator) = probed(Role::Device, Behaviour::WithoutAlpn).await;
    assert!(attempt.step(Step::Chain).unwrap().failure.is_none());
    assert!(attempt.closed().is_none());
}

#[tokio::test]
async fn what_stopped_refuses() {
    let (_, mut simulator) = probed(Role::Device, Behaviour::Open).await;
    simulator.stop().await;
    assert!(tokio::net::TcpStream::connect(simulator.address()).await.is_err());
}
