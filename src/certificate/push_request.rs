//! The push request: what an MDM or its vendor gives to the admin, who uploads it to Apple's push portal
//! (identity.apple.com/pushcert).
//!
//! ```text
//! base64 -> property list -> PushCertRequestCSR        base64 of the DER of the customer's request
//!                            PushCertCertificateChain  PEM: the vendor's certificate, Apple's WWDR, Apple's root
//!                            PushCertSignature         base64 of the vendor's RSA signature over that DER
//! ```
//!
//! The rules are those of Apple, "Setting Up Push Notifications for Your MDM Customers" (SHA-256) and, before it, "MDM
//! Vendor CSR Signing Overview" (SHA-1). The portal answers nearly every broken one with the same words, "Certificate
//! Signature Verification failed", so each is told here on its own.
//!
//! Nothing in such a file is secret. Names, not trust: a chain is followed from certificate to issuer and its
//! signatures are checked, but that the root is Apple's is taken from its name.

mod chain;
mod plist;
mod request;
mod verify;

use chrono::{DateTime, TimeDelta, Utc};

use self::chain::Link;
use self::plist::{Part, Parts};
use self::request::Csr;
use self::verify::Digest;
use super::{Certificate, Request, bare};
use crate::words::until;

/// A vendor certificate that ends sooner than this is worth a word: whoever renews later may find the portal closed.
const SOON: TimeDelta = TimeDelta::days(30);

/// A push request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRequest {
    /// The customer's request; `None` if it is missing or cannot be read, and a finding says so.
    pub request: Option<Request>,
    /// The certificates of the chain, in the order of the file; at most 16, those that cannot be read left out.
    pub chain: Vec<Certificate>,
    /// The place in [`Self::chain`] of the certificate that signed. If the signature fits none, of the one that is
    /// meant to: the one named MDM Vendor, else the first that issues no others, else the first.
    pub vendor: Option<usize>,
    /// What the signature is worth.
    pub signature: Signature,
    /// What is wrong whatever the date is, one broken rule each, the gravest first: lower case, no full stop.
    pub findings: Vec<String>,
    /// Whether the issuers of the vendor's certificate are all there, in any order, up to one that is signed by
    /// itself.
    pub chain_is_whole: bool,
}

/// What the vendor's signature over the customer's request is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It fits a certificate of the chain, with SHA-256.
    Good,
    /// It fits a certificate of the chain, with SHA-1.
    GoodSha1,
    /// It fits none.
    Bad,
    /// It could not be checked, and why.
    NotChecked(&'static str),
}

/// Reads a push request: base64 of a property list, or the bare property list, in XML or binary. `None` if it is
/// something else altogether. Takes time in proportion to the length; how long a file may be is the caller's to say.
///
/// # Errors
///
/// For a push request of which nothing can be said: says what is wrong with it, never what stands in it.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Result<PushRequest, String>> {
    plist::open(bytes).map(|opened| opened.map(PushRequest::of))
}

impl PushRequest {
    fn of(parts: Parts) -> Self {
        let mut missing = Vec::new();
        let named = [
            ("PushCertRequestCSR", &parts.request),
            ("PushCertCertificateChain", &parts.chain),
            ("PushCertSignature", &parts.signature),
        ];
        for (key, part) in named {
            match part {
                None => missing.push(format!("{key} is missing")),
                Some(Part::Text(text)) if text.trim().is_empty() => missing.push(format!("{key} is empty")),
                Some(_) => {}
            }
        }
        let csr = parts.request.as_ref().and_then(Part::bytes).map(Csr::read);
        let csr_finding = match &csr {
            Some(Err(why)) => Some(format!("the request inside cannot be read: {why}")),
            _ => None,
        };
        let csr = csr.and_then(Result::ok);
        let (ders, chain_findings) = parts.chain.as_ref().and_then(Part::bytes).map(chain::read).unwrap_or_default();
        let links = chain::links(&ders);
        let (signature, signer) = check(csr.as_ref(), &links, parts.signature.as_ref());
        let vendor = signer.or_else(|| chain::likely_vendor(&links));
        let (chain_is_whole, order) = vendor.map(|vendor| chain::follow(&links, vendor)).unwrap_or_default();

        let mut findings = Vec::new();
        findings.extend(signature.finding());
        findings.extend(missing);
        findings.extend(csr_finding);
        findings.extend(csr.iter().flat_map(|csr| csr.findings.iter().cloned()));
        findings.extend(order);
        findings.extend(chain_findings);
        findings.extend(parts.findings);
        let chain = links.into_iter().map(|link| link.facts).collect();
        Self { request: csr.map(|csr| csr.request), chain, vendor, signature, findings, chain_is_whole }
    }

    /// All that should be known of it at this moment, the gravest first: the certificates that have ended or are about
    /// to, then [`Self::findings`].
    #[must_use]
    pub fn findings_at(&self, now: DateTime<Utc>) -> Vec<String> {
        let vendor = self.vendor.and_then(|place| self.chain.get(place)).map(|vendor| {
            let advice = "the portal refuses every request signed with it; the MDM vendor must renew it";
            ends("the vendor certificate inside", advice, vendor, now)
        });
        let others =
            self.chain.iter().enumerate().filter(|(place, _)| Some(*place) != self.vendor).map(|(_, other)| {
                let what = format!("the certificate of \"{}\" inside", chain::shown(other));
                ends(&what, "the MDM vendor must put the present one into the chain", other, now)
            });
        vendor.into_iter().chain(others).flatten().chain(self.findings.iter().cloned()).collect()
    }
}

/// Says that a certificate has ended, ends soon, or has not begun.
fn ends(what: &str, advice: &str, certificate: &Certificate, now: DateTime<Utc>) -> Option<String> {
    let day = |moment: DateTime<Utc>| moment.format("%Y-%m-%d");
    let end = certificate.not_after;
    if end <= now {
        Some(format!("{what} expired on {}: {advice}", day(end)))
    } else if end - now <= SOON {
        Some(format!("{what} {}, on {}; from then on {advice}", until(end, now), day(end)))
    } else if certificate.not_before > now {
        Some(format!("{what} is not valid before {}", day(certificate.not_before)))
    } else {
        None
    }
}

/// What the signature is worth, and the place of the certificate it fits.
fn check(csr: Option<&Csr>, links: &[Link<'_>], signature: Option<&Part>) -> (Signature, Option<usize>) {
    let not = |why| (Signature::NotChecked(why), None);
    let decoded;
    let signature: &[u8] = match signature {
        None | Some(Part::Other) => return not("it is missing"),
        Some(Part::Data(data)) => data,
        Some(Part::Text(text)) if text.trim().is_empty() => return not("it is missing"),
        Some(Part::Text(text)) => match bare::decode(text.as_bytes()) {
            Some(bare) if bare.damage.is_none() => {
                decoded = bare.bytes;
                &decoded
            }
            _ => return not("it is not base64"),
        },
    };
    let Some(csr) = csr else { return not("there is no request that could be read") };
    if !links.iter().any(|link| verify::is_checkable(link.fields.public_key(), Digest::Sha256)) {
        return not("there is no certificate with an RSA key of 1024 to 8192 bits");
    }
    for (digest, found) in [(Digest::Sha256, Signature::Good), (Digest::Sha1, Signature::GoodSha1)] {
        let signer = |link: &Link<'_>| verify::fits(link.fields.public_key(), digest, &csr.der, signature);
        if let Some(place) = links.iter().position(signer) {
            return (found, Some(place));
        }
    }
    (Signature::Bad, None)
}

impl Signature {
    fn finding(self) -> Option<String> {
        match self {
            Self::Good => None,
            Self::GoodSha1 => {
                Some("signed with SHA-1, as Apple asked for in the past; today it asks for SHA-256".to_owned())
            }
            Self::Bad => Some(
                "the signature does not fit: it was not made over this request with the key of a certificate in the \
                 chain"
                    .to_owned(),
            ),
            Self::NotChecked(why) => Some(format!("the signature was not checked: {why}")),
        }
    }
}

impl Part {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) if text.trim().is_empty() => None,
            Self::Text(text) => Some(text.as_bytes()),
            Self::Data(data) => Some(data),
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests;
