//! The customer's request inside a push request.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer;

use super::verify;
use crate::certificate::{Request, bare, pem, x509};

/// The length of the keys in all push certificates that were seen.
const MIN_BITS: u32 = 2048;

/// A request, and the bytes that the vendor signed.
pub(super) struct Csr {
    /// The DER.
    pub(super) der: Vec<u8>,
    /// Its facts.
    pub(super) request: Request,
    /// The rules it breaks.
    pub(super) findings: Vec<String>,
}

impl Csr {
    /// Reads the value of `PushCertRequestCSR`: base64 of DER. PEM, base64 of PEM and bare DER are read too, the first
    /// two with a finding.
    ///
    /// # Errors
    ///
    /// Says what is wrong, never what stands there.
    pub(super) fn read(value: &[u8]) -> Result<Self, String> {
        let mut findings = Vec::new();
        let decoded;
        let der = if value.first() == Some(&0x30) && x509::request(value).is_ok() {
            value.to_vec()
        } else if let Some(der) = from_pem(value, &mut findings) {
            der?
        } else {
            decoded = bare::decode(value).ok_or("it is not base64")?;
            if let Some(damage) = decoded.damage {
                return Err(damage);
            }
            from_pem(&decoded.bytes, &mut findings).unwrap_or_else(|| Ok(decoded.bytes.to_vec()))?
        };
        let (request, taken) = x509::request(&der)?;
        if taken < der.len() {
            findings.push(format!("{} bytes stand behind the request inside", der.len() - taken));
        }
        let bits = request.key.name.strip_prefix("RSA ").and_then(|bits| bits.parse::<u32>().ok());
        if bits.is_none_or(|bits| bits < MIN_BITS) {
            findings.push(format!(
                "the key of the request is {}; for a push certificate it has to be RSA of {MIN_BITS} bits or more",
                request.key.name
            ));
        }
        if is_changed(&der) {
            findings.push(
                "the request does not fit its own signature: it was damaged or changed after it was made".to_owned(),
            );
        }
        Ok(Self { der, request, findings })
    }
}

/// The request in a PEM text; `None` if it is no PEM.
fn from_pem(text: &[u8], findings: &mut Vec<String>) -> Option<Result<Vec<u8>, String>> {
    let (blocks, _) = pem::blocks(text);
    let first = blocks.first()?;
    let label =
        |block: &&pem::Block<'_>| matches!(block.label.as_str(), "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST");
    findings.push("PushCertRequestCSR is PEM, where Apple asks for base64 of the DER alone".to_owned());
    Some(match blocks.iter().find(label) {
        Some(block) => block.decode(),
        None => Err(format!("a block labelled {} stands in its place", first.label)),
    })
}

/// Whether the signature that a request carries, made with its own key, does not fit. False where it is not RSA.
fn is_changed(der: &[u8]) -> bool {
    let Ok((_, parsed)) = X509CertificationRequest::from_der(der) else { return false };
    let info = &parsed.certification_request_info;
    verify::is_signed_by(&info.subject_pki, &parsed.signature_algorithm, info.raw, &parsed.signature_value.data)
        == Some(false)
}
