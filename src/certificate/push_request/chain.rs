//! The chain in a push request, and Apple's rules for it.

use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::nom::Parser;

use super::verify;
use crate::certificate::{Certificate, Kind, name, pem, x509};
use crate::words::{clean, counted};

/// A chain has three. More than this are not read, so that comparing all with all stays cheap.
const MAX_CERTIFICATES: usize = 16;

/// Apple: each line but the last has exactly this many characters, the last at most.
const LINE: usize = 64;

/// Reads the certificates of a chain: their DER, and what is wrong with the text.
pub(super) fn read(text: &[u8]) -> (Vec<Vec<u8>>, Vec<String>) {
    let mut ders = Vec::new();
    let mut findings = Vec::new();
    let (blocks, strays) = pem::blocks(text);
    for block in &blocks {
        if block.is_private_key() {
            findings.insert(0, "a private key is in the chain: never upload that; it was not read".to_owned());
            continue;
        }
        if ders.len() == MAX_CERTIFICATES {
            findings.push(format!("more than {MAX_CERTIFICATES} certificates in the chain, the rest was not read"));
            break;
        }
        if !matches!(block.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE") {
            findings.push(format!("a block labelled {} is in the chain", block.label));
            continue;
        }
        let read = block.decode().and_then(|mut der| {
            let (_, taken) = x509::certificate(&der)?;
            der.truncate(taken);
            Ok(der)
        });
        match read {
            Ok(der) => ders.push(der),
            Err(why) => findings.push(format!("block {} of the chain cannot be read: {why}", block.number)),
        }
    }
    if let Some(stray) = strays.first() {
        findings.push(format!("line {} of the chain: {}", stray.line, stray.message));
    }
    if ders.is_empty() {
        findings.push("no certificate is in the chain".to_owned());
    }
    // One sentence each is enough; a hostile file may have a million of them.
    findings.truncate(MAX_CERTIFICATES);
    findings.extend(line_finding(text));
    (ders, findings)
}

/// Counts the lines that break the rule of PEM as Apple tells it.
fn line_finding(text: &[u8]) -> Option<String> {
    let mut odd = 0u64;
    // The length of the line before this one, inside a block.
    let mut previous: Option<usize> = None;
    let mut is_inside = false;
    let mut are_markers_alone = true;
    for line in text.split(|byte| *byte == b'\n') {
        let trimmed = line.trim_ascii_end();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"-----BEGIN ") {
            (is_inside, previous) = (true, None);
            // The only marker of its line; several come from a text whose line feeds were lost.
            are_markers_alone &=
                trimmed.ends_with(b"-----") && trimmed.windows(5).filter(|five| *five == b"-----").count() == 2;
        } else if line.starts_with(b"-----END ") {
            odd += u64::from(previous.is_some_and(|length| length > LINE || length == 0));
            is_inside = false;
        } else if is_inside {
            odd += u64::from(previous.is_some_and(|length| length != LINE));
            previous = Some(line.len());
        }
    }
    if !are_markers_alone {
        return Some(
            "the lines of the chain are not separate; Apple asks for PEM in lines of 64 characters".to_owned(),
        );
    }
    (odd > 0).then(|| {
        format!(
            "{} of the chain {} not 64 characters long, which Apple asks of all but the last of each certificate",
            counted(odd, "line"),
            if odd == 1 { "is" } else { "are" }
        )
    })
}

/// A certificate as its facts and as its fields.
pub(super) struct Link<'a> {
    pub(super) facts: Certificate,
    pub(super) fields: X509Certificate<'a>,
}

/// The certificates of [`read`], parsed.
pub(super) fn links(ders: &[Vec<u8>]) -> Vec<Link<'_>> {
    let parse = |der| {
        let (facts, _) = x509::certificate(der).ok()?;
        let (_, fields) = X509CertificateParser::new().with_deep_parse_extensions(false).parse(der).ok()?;
        Some(Link { facts, fields })
    };
    ders.iter().filter_map(|der| parse(der.as_slice())).collect()
}

/// The place of the certificate that is meant to have signed: named MDM Vendor, else one that issues no others, else
/// the first. `None` for an empty chain.
pub(super) fn likely_vendor(links: &[Link<'_>]) -> Option<usize> {
    let place = |test: fn(&Certificate) -> bool| links.iter().position(|link| test(&link.facts));
    place(|facts| facts.kind == Kind::MdmVendorCertificate)
        .or_else(|| place(|facts| !facts.is_ca))
        .or_else(|| (!links.is_empty()).then_some(0))
}

/// Follows the issuers from the vendor's certificate up. True if that ends at a root; and the broken rules.
pub(super) fn follow(links: &[Link<'_>], vendor: usize) -> (bool, Vec<String>) {
    let mut findings = Vec::new();
    let mut path = vec![vendor];
    let mut at = vendor;
    let is_whole = loop {
        let Some(link) = links.get(at) else { break false };
        if link.is_self_issued() {
            if path.len() == 1 {
                findings.push("the vendor certificate is signed by itself and not by Apple".to_owned());
            } else if !name::is_apple(link.fields.subject()) {
                findings.push(format!("the root is not Apple's: it calls itself \"{}\"", link.shown()));
            }
            break true;
        }
        let named: Vec<usize> = (0..links.len())
            .filter(|other| {
                !path.contains(other) && links[*other].fields.subject().as_raw() == link.fields.issuer().as_raw()
            })
            .collect();
        let Some(next) = named.iter().copied().find(|other| link.is_issued_by(&links[*other])) else {
            let issuer = clean(&link.facts.issuer.name, 200);
            findings.push(if named.is_empty() {
                format!(
                    "the chain is not whole: the certificate of \"{issuer}\" is missing; Apple asks for all of them up \
                     to and including the root"
                )
            } else {
                format!(
                    "the certificate of \"{issuer}\" in the chain is not the one that issued \"{}\": it has the same \
                     name and another key",
                    link.shown()
                )
            });
            break false;
        };
        path.push(next);
        at = next;
    };
    if vendor != 0 || !path.is_sorted() {
        findings.push(
            "the order of the chain is wrong: the vendor certificate comes first, then each one's issuer, the root last"
                .to_owned(),
        );
    }
    let others = links.len() - path.len();
    if is_whole && others > 0 {
        let others = counted(others as u64, "certificate");
        findings.push(format!("{others} in the chain did not issue any other of it and should not be there"));
    }
    (is_whole, findings)
}

impl Link<'_> {
    fn is_self_issued(&self) -> bool {
        self.fields.issuer().as_raw() == self.fields.subject().as_raw()
    }

    /// False if the signature tells so; a signature that is not checked here does not.
    fn is_issued_by(&self, issuer: &Self) -> bool {
        verify::is_signed_by(
            issuer.fields.public_key(),
            &self.fields.signature_algorithm,
            self.fields.tbs_certificate.as_ref(),
            &self.fields.signature_value.data,
        ) != Some(false)
    }

    /// Its name for people.
    pub(super) fn shown(&self) -> String {
        shown(&self.facts)
    }
}

/// The name of a certificate for people, short.
pub(super) fn shown(certificate: &Certificate) -> String {
    clean(certificate.common_name.as_deref().unwrap_or(&certificate.subject), 200)
}
