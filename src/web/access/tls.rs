//! From the files of a web-config to TLS.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use crate::config::web_access::{ClientAuth, TlsSettings};

/// TLS as the settings say.
///
/// # Errors
///
/// Says which file is wrong, or what does not fit together; never what is in a file.
pub(super) fn server(settings: &TlsSettings) -> Result<ServerConfig, String> {
    let provider = Arc::new(provider(&settings.cipher_suites)?);
    let versions: Vec<&'static SupportedProtocolVersion> =
        [(settings.tls12, &version::TLS12), (settings.tls13, &version::TLS13)]
            .into_iter()
            .filter_map(|(wanted, version)| wanted.then_some(version))
            .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|_| "cipher_suites: none of them is of a version that is spoken".to_owned())?;
    let builder = match (&settings.client_ca_file, settings.client_auth) {
        (Some(path), ClientAuth::IfGiven | ClientAuth::Required) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority).map_err(|_| unfit(path, "holds a certificate that cannot be an authority"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = match settings.client_auth {
                ClientAuth::IfGiven => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            builder.with_client_cert_verifier(verifier.build().map_err(|_| unfit(path, "holds no authority"))?)
        }
        _ => builder.with_no_client_auth(),
    };
    let chain = certificates(&settings.cert_file)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key_file)
        .map_err(|_| unfit(&settings.key_file, "holds no private key that could be read"))?;
    let mut config = builder.with_single_cert(chain, key).map_err(|_| {
        format!("{} and {} do not belong together", settings.cert_file.display(), settings.key_file.display())
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(path).map_err(|_| unfit(path, "cannot be read"))?;
    let chain: Vec<_> = read.collect::<Result<_, _>>().map_err(|_| unfit(path, "is damaged"))?;
    if chain.is_empty() { Err(unfit(path, "holds no certificate")) } else { Ok(chain) }
}

fn unfit(path: &Path, what: &str) -> String {
    format!("{} {what}", path.display())
}

/// With the suites that are named and good, if any are named. Those of TLS 1.3 cannot be chosen, as in Prometheus.
fn provider(names: &[String]) -> Result<CryptoProvider, String> {
    let mut provider = aws_lc_rs::default_provider();
    if names.is_empty() {
        return Ok(provider);
    }
    let is_named = |suite: &rustls::SupportedCipherSuite| {
        let name = format!("{:?}", suite.suite());
        names.iter().any(|wanted| wanted.strip_suffix("_SHA256").unwrap_or(wanted) == name || *wanted == name)
    };
    let is_old = |suite: &rustls::SupportedCipherSuite| suite.version() == &version::TLS12;
    provider.cipher_suites.retain(|suite| !is_old(suite) || is_named(suite));
    if provider.cipher_suites.iter().any(is_old) {
        return Ok(provider);
    }
    Err("tls_server_config.cipher_suites names none that is good: TLS_ECDHE_ with AES_GCM or CHACHA20_POLY1305 are"
        .to_owned())
}
