//! The assertion with which a certificate logs in.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use crate::model::{Failure, Reason};

/// Microsoft recommends five to ten minutes; the longer one forgives a clock that is a little off.
const LIFE_SECONDS: i64 = 600;

/// A certificate and its key, with the paths that a message may name.
pub(super) struct KeyPair<'a> {
    pub(super) certificate_pem: &'a [u8],
    pub(super) certificate_path: &'a Path,
    pub(super) key_pem: &'a [u8],
    pub(super) key_path: &'a Path,
}

/// A signed assertion of a client for a token endpoint.
///
/// # Errors
///
/// `malformed`, naming the file: no certificate in it, a key that is encrypted, is not RSA, is no key at all, or is
/// not the one of the certificate.
pub(super) fn sign(
    pair: &KeyPair<'_>,
    client_id: &str,
    endpoint: &str,
    now: DateTime<Utc>,
) -> Result<Zeroizing<String>, Failure> {
    let certificate = certificate_of(pair)?;
    let key = key_of(pair)?;
    let header = Header {
        x5t_s256: Some(URL_SAFE_NO_PAD.encode(Sha256::digest(&certificate))),
        ..Header::new(Algorithm::PS256)
    };
    let issued = now.timestamp();
    let claims = serde_json::json!({
        "aud": endpoint,
        "iss": client_id,
        "sub": client_id,
        "jti": uuid::Uuid::new_v4().to_string(),
        "nbf": issued,
        "iat": issued,
        "exp": issued + LIFE_SECONDS,
    });
    let unusable = || wrong(pair.key_path, "holds an RSA key that cannot sign (2048 bits at least)");
    let assertion = Zeroizing::new(jsonwebtoken::encode(&header, &claims, &key).map_err(|_| unusable())?);
    check_match(pair, &certificate, &assertion)?;
    Ok(assertion)
}

/// The end of the certificate in a PEM file, if there is one that can be read.
pub(super) fn not_after(certificate_pem: &[u8]) -> Option<DateTime<Utc>> {
    let block =
        Pem::iter_from_buffer(certificate_pem).filter_map(Result::ok).find(|block| block.label == "CERTIFICATE")?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&block.contents).ok()?;
    DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)
}

/// A key of another certificate would only earn a refusal that says nothing about files.
fn check_match(pair: &KeyPair<'_>, certificate: &[u8], assertion: &str) -> Result<(), Failure> {
    let not_rsa = || wrong(pair.certificate_path, "holds a certificate that is not for an RSA key");
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| wrong(pair.certificate_path, "holds a certificate that cannot be read"))?;
    let info = certificate.public_key();
    if !matches!(info.parsed(), Ok(x509_parser::public_key::PublicKey::RSA(_))) {
        return Err(not_rsa());
    }
    let public = DecodingKey::from_rsa_der(&info.subject_public_key.data);
    let matches = assertion.rsplit_once('.').is_some_and(|(message, signature)| {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &public, Algorithm::PS256).unwrap_or(false)
    });
    if matches {
        return Ok(());
    }
    let certificate = pair.certificate_path.display();
    Err(wrong(pair.key_path, &format!("is not the key of the certificate in {certificate}")))
}

fn certificate_of(pair: &KeyPair<'_>) -> Result<Vec<u8>, Failure> {
    Pem::iter_from_buffer(pair.certificate_pem)
        .filter_map(Result::ok)
        .find(|block| block.label == "CERTIFICATE")
        .map(|block| block.contents)
        .ok_or_else(|| wrong(pair.certificate_path, "holds no certificate in PEM form"))
}

/// PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
fn key_of(pair: &KeyPair<'_>) -> Result<EncodingKey, Failure> {
    let text = String::from_utf8_lossy(pair.key_pem);
    let begins = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
    if begins("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(wrong(
            pair.key_path,
            "holds an encrypted key; a plain one is needed (openssl pkey -in ... -out ...)",
        ));
    }
    if begins("EC PRIVATE KEY") {
        return Err(wrong(pair.key_path, "holds a key that is not RSA; Entra takes RSA only"));
    }
    let label = if begins("PRIVATE KEY") { "PRIVATE KEY" } else { "RSA PRIVATE KEY" };
    // A file may hold the certificate in front of the key.
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let block = text.find(&begin).and_then(|start| {
        let length = text[start..].find(&end)?;
        Some(&text[start..start + length + end.len()])
    });
    let Some(block) = block else {
        return Err(wrong(pair.key_path, "holds no private key in PEM form"));
    };
    EncodingKey::from_rsa_pem(block.as_bytes())
        .map_err(|_| wrong(pair.key_path, "holds a key that is not RSA or is damaged; Entra takes RSA only"))
}

fn wrong(path: &Path, what: &str) -> Failure {
    Failure::new(Reason::Malformed, format!("the file {} {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair as Key, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

    use super::*;

    fn try_sign(certificate: &str, key: &str) -> Result<Zeroizing<String>, Failure> {
        let pair = KeyPair {
            certificate_pem: certificate.as_bytes(),
            certificate_path: Path::new("app.crt"),
            key_pem: key.as_bytes(),
            key_path: Path::new("app.key"),
        };
        let now = "2026-09-01T00:00:00Z".parse().unwrap();
        sign(&pair, "app", "https://login.example.com/d/oauth2/v2.0/token", now)
    }

    fn made(algorithm: &'static rcgen::SignatureAlgorithm) -> (String, String) {
        let key = Key::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// PKCS#1 out of PKCS#8: version, algorithm, and then an octet string that holds it.
    fn pkcs1(pkcs8_pem: &str) -> String {
        let der = Pem::iter_from_buffer(pkcs8_pem.as_bytes()).next().unwrap().unwrap().contents;
        let start = 26;
        assert_eq!(der[start - 4..start - 2], [0x04, 0x82]);
        let text = base64::engine::general_purpose::STANDARD.encode(&der[start..]);
        let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn both_forms_of_an_rsa_key_sign_and_other_files_are_told_apart() {
        let (certificate, key) = made(&PKCS_RSA_SHA256);
        let (_, other) = made(&PKCS_RSA_SHA256);
        let (ec_certificate, ec_key) = made(&PKCS_ECDSA_P256_SHA256);
        try_sign(&certificate, &key).unwrap();
        try_sign(&certificate, &pkcs1(&key)).unwrap();
        try_sign(&format!("{certificate}{key}"), &format!("{certificate}{key}")).unwrap();
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n";
        for (certificate, key, expected) in [
            (certificate.as_str(), other.as_str(), "the file app.key is not the key of the certificate in app.crt"),
            (&certificate, &encrypted, "the file app.key holds an encrypted key"),
            (&certificate, traditional, "the file app.key holds an encrypted key"),
            (&certificate, &ec_key, "the file app.key holds a key that is not RSA"),
            (&ec_certificate, &key, "the file app.crt holds a certificate that is not for an RSA key"),
            (&certificate, &certificate, "the file app.key holds no private key"),
            (&key, &key, "the file app.crt holds no certificate"),
            ("", "", "the file app.crt holds no certificate"),
        ] {
            let failure = try_sign(certificate, key).unwrap_err();
            assert_eq!(failure.reason, Reason::Malformed);
            assert!(failure.message.starts_with(expected), "{failure}");
        }
    }
}
