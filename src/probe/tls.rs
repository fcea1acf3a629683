//! The greeting: who is at the other end, and does it speak the protocol of APNs? The certificate is taken as it comes
//! here and judged afterwards, for a verdict says more than a broken handshake.

use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::model::{ProbeFailure, ProbeReason, Role};

/// What a greeting led to.
#[derive(Debug)]
pub(super) struct Greeted {
    /// The session; none with a certificate that nobody can use, which is to be judged all the same.
    pub(super) stream: Option<TlsStream<TcpStream>>,
    /// Whether the protocol was agreed on, where it came to that.
    pub(super) is_protocol_agreed: Option<bool>,
    /// The certificates that were presented, the host's own first.
    pub(super) chain: Vec<CertificateDer<'static>>,
}

/// The protocol that is spoken with Apple. A courier with `apns-security-v3` asks for no client certificate.
pub(super) fn protocol(role: Role) -> &'static str {
    match role {
        Role::Device => "apns-security-v3",
        Role::Server => "h2",
    }
}

/// Says hello under `name`.
pub(super) async fn greet(stream: TcpStream, role: Role, name: &str) -> Result<Greeted, ProbeFailure> {
    let presented = Arc::new(OnceLock::new());
    let connector = TlsConnector::from(config(role, Arc::clone(&presented)).map_err(|error| told(&error))?);
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| ProbeFailure::new(ProbeReason::TlsFailure, "the name cannot stand in a certificate"))?;
    let stream = match connector.connect(name, stream).await {
        Ok(stream) => stream,
        Err(error) => {
            // A certificate of a form or a key that is not accepted: mostly one that an inspection made.
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
            return match (inner, presented.get()) {
                (Some(Error::InvalidCertificate(_)), Some(chain)) => {
                    Ok(Greeted { stream: None, is_protocol_agreed: None, chain: Vec::clone(chain) })
                }
                _ => Err(broken(&error)),
            };
        }
    };
    let (_, session) = stream.get_ref();
    let is_protocol_agreed = Some(session.alpn_protocol() == Some(protocol(role).as_bytes()));
    let chain = session.peer_certificates().unwrap_or_default().iter().map(|one| one.clone().into_owned()).collect();
    Ok(Greeted { stream: Some(stream), is_protocol_agreed, chain })
}

fn config(role: Role, presented: Chain) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any { provider, presented }))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol(role).as_bytes().to_vec()];
    Ok(Arc::new(config))
}

/// What was presented, as soon as it was.
type Chain = Arc<OnceLock<Vec<CertificateDer<'static>>>>;

/// Accepts every certificate, of whose key the other end must have the secret half.
#[derive(Debug)]
struct Any {
    provider: Arc<CryptoProvider>,
    presented: Chain,
}

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let all = std::iter::once(end_entity).chain(intermediates);
        // A session presents once.
        let _ = self.presented.set(all.map(|one| one.clone().into_owned()).collect());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn broken(error: &io::Error) -> ProbeFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match (inner, error.kind()) {
        (Some(error), _) => told(error),
        (
            None,
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::NotConnected,
        ) => ProbeFailure::new(ProbeReason::Reset, "it opens, and is cut when TLS begins"),
        (None, ErrorKind::TimedOut) => {
            ProbeFailure::new(ProbeReason::Timeout, "it opens, and nothing answers the TLS greeting")
        }
        (None, _) => ProbeFailure::new(ProbeReason::Reset, format!("it opens, and breaks when TLS begins: {error}")),
    }
}

fn told(error: &Error) -> ProbeFailure {
    match error {
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            ProbeFailure::new(ProbeReason::AlpnMissing, "TLS is spoken, and the protocol of APNs is refused")
        }
        Error::AlertReceived(alert) => {
            ProbeFailure::new(ProbeReason::TlsFailure, format!("TLS is refused with the alert {alert:?}"))
        }
        Error::InvalidMessage(_) => {
            ProbeFailure::new(ProbeReason::NotTls, "something answers that is not TLS: a portal or a proxy")
        }
        other => ProbeFailure::new(ProbeReason::TlsFailure, format!("no TLS session: {other}")),
    }
}
