//! Certificates for couriers and the API, made anew at every start, and those of an inspection that replaces them.

use std::fmt;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::model::Role;
use crate::probe::{API_NAME, COURIER_NAME};

/// Who issues in the place of Apple when TLS is broken open.
const INSPECTION: &str = "Example Inspection CA";

/// Two authorities: one that stands for Apple's, one that does not.
pub struct Certificates {
    apple: Authority,
    inspection: Authority,
}

impl fmt::Debug for Certificates {
    /// The keys are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificates").finish_non_exhaustive()
    }
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// What is presented with a certificate: the authority's own, and the root above it.
    chain: Vec<CertificateDer<'static>>,
    root: String,
}

/// The TLS side of a simulator.
#[derive(Debug)]
pub(super) struct Identities {
    pub(super) right: Arc<ServerConfig>,
    pub(super) without_alpn: Arc<ServerConfig>,
    pub(super) wrong_host: Arc<ServerConfig>,
    pub(super) inspection: Arc<ServerConfig>,
}

impl Certificates {
    /// Makes the authorities. Their names say that they are none of Apple's.
    ///
    /// # Errors
    ///
    /// If no key can be made.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            apple: Authority::new("Simulated Root CA", "Simulated Server Authentication CA")?,
            inspection: Authority::new("Example Inspection Root", INSPECTION)?,
        })
    }

    /// The root that stands for Apple's, PEM: for `courier_ca_file` and `api_ca_file`.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.apple.root
    }

    pub(super) fn identities(&self, role: Role) -> anyhow::Result<Identities> {
        let (names, protocol) = match role {
            Role::Device => (&[COURIER_NAME, "courier2.push.apple.com"][..], &b"apns-security-v3"[..]),
            Role::Server => (&[API_NAME][..], &b"h2"[..]),
        };
        Ok(Identities {
            right: self.apple.identity(names, Some(protocol))?,
            without_alpn: self.apple.identity(names, None)?,
            wrong_host: self.apple.identity(&["portal.example.com"], Some(protocol))?,
            inspection: self.inspection.identity(names, Some(protocol))?,
        })
    }
}

impl Authority {
    fn new(root: &str, name: &str) -> Result<Self, rcgen::Error> {
        let root_key = KeyPair::generate()?;
        let root = params_of_ca(root);
        let root_certificate = root.self_signed(&root_key)?;
        let root_issuer = Issuer::new(root, root_key);
        let key = KeyPair::generate()?;
        let params = params_of_ca(name);
        let certificate = params.signed_by(&key, &root_issuer)?;
        Ok(Self {
            chain: vec![certificate.der().clone(), root_certificate.der().clone()],
            root: root_certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// A server with a certificate for these names, which agrees on this protocol.
    fn identity(&self, names: &[&str], protocol: Option<&[u8]>) -> anyhow::Result<Arc<ServerConfig>> {
        let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.distinguished_name = subject(names.first().copied().unwrap_or_default());
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &self.issuer)?;
        let chain: Vec<CertificateDer<'static>> =
            std::iter::once(leaf.der().clone()).chain(self.chain.iter().cloned()).collect();
        let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        Ok(Arc::new(config))
    }
}

fn params_of_ca(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn subject(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject.push(DnType::OrganizationName, "apnswatch demo");
    subject
}
