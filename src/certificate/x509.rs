//! One certificate or request, from DER to facts.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::error::X509Error;
use x509_parser::extensions::{BasicConstraints, ExtendedKeyUsage};
use x509_parser::nom::{self, Parser};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey as KnownKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::{Certificate, Kind, PublicKey, Request, der, findings, name};
use crate::model::{Issuer, IssuerLevel, Serial, Topic};

/// Known as the marker of APNs production; in Pass Type ID certificates too, so no proof of MDM.
const APNS_MARKER: Oid<'static> = oid!(1.2.840.113635.100.6.3.2);
/// In APNs certificates of apps: sandbox, and the list of topics.
const APP_PUSH: [Oid<'static>; 2] = [oid!(1.2.840.113635.100.6.3.1), oid!(1.2.840.113635.100.6.3.6)];
const PASS_TYPE_ID: Oid<'static> = oid!(1.2.840.113635.100.6.1.16);
const BASIC_CONSTRAINTS: Oid<'static> = oid!(2.5.29.19);
const EXTENDED_KEY_USAGE: Oid<'static> = oid!(2.5.29.37);

/// What app push certificates are called, those of a single environment (before 2016) too.
const APP_PUSH_NAMES: [&str; 6] = [
    "Apple Push Services:",
    "Apple Sandbox Push Services:",
    "Apple Development IOS Push Services:",
    "Apple Production IOS Push Services:",
    "Apple Development Mac Push Services:",
    "Apple Production Mac Push Services:",
];

/// X.520 gives a UID at most 256 characters. More, control characters or blanks around it are no topic any device
/// listens on, and must not become a label value.
const MAX_UID: usize = 256;

/// Reads the certificate at the start of `bytes` and tells how many bytes it took.
pub(super) fn certificate(bytes: &[u8]) -> Result<(Certificate, usize), String> {
    // The contents of most extensions are of no interest here, and an odd one must not make a certificate unreadable.
    let (rest, parsed) =
        X509CertificateParser::new().with_deep_parse_extensions(false).parse(bytes).map_err(|e| why(bytes, e))?;
    let taken = bytes.len() - rest.len();
    let der = &bytes[..taken];
    let subject = parsed.subject();
    let common_name = name::common_name(subject);
    let extensions = Extensions::of(&parsed);
    let (uids, odd_uids) = uids(&parsed);

    let self_signed = parsed.issuer().as_raw() == subject.as_raw();
    let level = if self_signed {
        IssuerLevel::SelfSigned
    } else if name::is_apple(parsed.issuer()) {
        IssuerLevel::Apple
    } else {
        IssuerLevel::Unknown
    };
    let guid_matches = common_name.as_deref().and_then(|name| name.strip_prefix("APSP:")).and_then(|guid| {
        let (_, uid_guid) = uids.first()?.as_str().rsplit_once('.')?;
        Some(uid_guid.eq_ignore_ascii_case(guid))
    });
    let mut certificate = Certificate {
        kind: kind(&extensions, &uids, odd_uids, common_name.as_deref()),
        uids,
        odd_uids,
        serial: Serial::from_der_integer(parsed.raw_serial()),
        serial_der: parsed.raw_serial().to_vec(),
        not_before: moment(&parsed.validity().not_before)?,
        not_after: moment(&parsed.validity().not_after)?,
        issuer: Issuer { level, name: name::shown(parsed.issuer()) },
        subject: name::shown(subject),
        common_name,
        country: name::country(subject),
        organisation: name::organisation(subject),
        key: key(parsed.public_key()),
        der: der.to_vec(),
        sha256: hex::encode_upper(Sha256::digest(der)),
        apns_marker: extensions.apns_marker,
        guid_matches,
        is_ca: extensions.is_ca,
        client_auth: extensions.client_auth,
        extended_key_usages: extensions.usages,
        findings: Vec::new(),
    };
    certificate.findings = findings::of(&certificate);
    Ok((certificate, taken))
}

/// Reads the request at the start of `bytes`.
pub(super) fn request(bytes: &[u8]) -> Result<(Request, usize), String> {
    let (rest, parsed) = X509CertificationRequest::from_der(bytes).map_err(|e| why(bytes, e))?;
    let info = &parsed.certification_request_info;
    let request = Request { subject: name::shown(&info.subject), key: key(&info.subject_pki) };
    Ok((request, bytes.len() - rest.len()))
}

fn kind(extensions: &Extensions, uids: &[Topic], odd_uids: usize, common_name: Option<&str>) -> Kind {
    let named = |start: &str| common_name.is_some_and(|name| name.starts_with(start));
    // What calls itself a push certificate and has no topic is no device's.
    let may_be_a_device = uids.len() + odd_uids == 0 && !named("APSP:");
    if extensions.client_auth && uids.iter().any(Topic::is_mdm) {
        Kind::MdmPushCertificate
    } else if extensions.pass || named("Pass Type ID:") {
        Kind::PassCertificate
    } else if extensions.app_push || APP_PUSH_NAMES.iter().any(|start| named(start)) {
        Kind::AppPushCertificate
    } else if named("MDM Vendor:") {
        Kind::MdmVendorCertificate
    } else if extensions.is_ca {
        Kind::CaCertificate
    } else if extensions.client_auth && !extensions.server_auth && may_be_a_device {
        Kind::DeviceIdentity
    } else {
        Kind::Certificate
    }
}

/// The different UIDs of the subject, case not counted, and how many more there are that no device could listen on.
fn uids(certificate: &X509Certificate<'_>) -> (Vec<Topic>, usize) {
    let mut known: Vec<Topic> = Vec::new();
    let mut odd = 0;
    for value in name::uids(certificate.subject()) {
        let text = value.text.as_str();
        let is_exact = !value.lossy && text.trim() == text && !text.chars().any(char::is_control);
        let fits = is_exact && text.chars().count() <= MAX_UID;
        match Topic::parse(text).filter(|_| fits) {
            Some(topic) if known.contains(&topic) => {}
            // A subject has one UID; a certificate with hundreds of them is a joke, and comparing all with all
            // would be its point.
            Some(topic) if known.len() < 8 => known.push(topic),
            Some(_) | None => odd += 1,
        }
    }
    (known, odd)
}

#[derive(Default)]
struct Extensions {
    apns_marker: bool,
    app_push: bool,
    pass: bool,
    is_ca: bool,
    client_auth: bool,
    server_auth: bool,
    usages: Vec<String>,
}

impl Extensions {
    fn of(certificate: &X509Certificate<'_>) -> Self {
        let mut out = Self::default();
        for extension in certificate.extensions() {
            let oid = &extension.oid;
            out.apns_marker |= *oid == APNS_MARKER;
            out.app_push |= APP_PUSH.contains(oid);
            out.pass |= *oid == PASS_TYPE_ID;
            if *oid == BASIC_CONSTRAINTS {
                out.is_ca |= BasicConstraints::from_der(extension.value).is_ok_and(|(_, found)| found.ca);
            }
            if *oid == EXTENDED_KEY_USAGE
                && let Ok((_, found)) = ExtendedKeyUsage::from_der(extension.value)
            {
                out.client_auth |= found.client_auth;
                out.server_auth |= found.server_auth || found.any;
                out.usages.extend(usages(&found));
            }
        }
        out
    }
}

fn usages(found: &ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (found.any, "any"),
        (found.client_auth, "client authentication"),
        (found.server_auth, "server authentication"),
        (found.code_signing, "code signing"),
        (found.email_protection, "e-mail protection"),
        (found.time_stamping, "time stamping"),
        (found.ocsp_signing, "OCSP signing"),
    ];
    let known = known.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned());
    known.chain(found.other.iter().take(16).map(name::dotted)).collect()
}

fn moment(time: &ASN1Time) -> Result<DateTime<Utc>, String> {
    DateTime::from_timestamp(time.timestamp(), 0).ok_or_else(|| "invalid date".to_owned())
}

/// What is known of a public key.
fn key(info: &SubjectPublicKeyInfo<'_>) -> PublicKey {
    PublicKey {
        name: key_name(info),
        sha256: hex::encode_upper(Sha256::digest(info.raw)),
        alone: Sha256::digest(&info.subject_public_key.data).into(),
    }
}

/// Reads a `SubjectPublicKeyInfo`.
pub(super) fn public_key(der: &[u8]) -> Option<PublicKey> {
    SubjectPublicKeyInfo::from_der(der).ok().map(|(_, info)| key(&info))
}

/// Whether the key of `ca` made the signature on `certificate`. False also for what cannot be read or checked.
pub(super) fn is_signed_by(certificate: &[u8], ca: &[u8]) -> bool {
    let parse = |der| X509CertificateParser::new().with_deep_parse_extensions(false).parse(der).ok();
    let (Some((_, certificate)), Some((_, ca))) = (parse(certificate), parse(ca)) else { return false };
    certificate.issuer().as_raw() == ca.subject().as_raw()
        && certificate.verify_signature(Some(ca.public_key())).is_ok()
}

/// "RSA 2048", "EC P-256", else the number of the algorithm.
fn key_name(info: &SubjectPublicKeyInfo<'_>) -> String {
    static CURVES: [(Oid<'static>, &str); 3] =
        [(oid!(1.2.840.10045.3.1.7), "P-256"), (oid!(1.3.132.0.34), "P-384"), (oid!(1.3.132.0.35), "P-521")];
    const ED25519: Oid<'static> = oid!(1.3.101.112);
    match info.parsed() {
        Ok(KnownKey::RSA(rsa)) => format!("RSA {}", bits(rsa.modulus)),
        Ok(KnownKey::EC(_)) => {
            let curve = info.algorithm.parameters().and_then(|parameters| parameters.as_oid().ok());
            let known = curve.as_ref().and_then(|curve| CURVES.iter().find(|(oid, _)| oid == curve));
            match (known, curve) {
                (Some((_, name)), _) => format!("EC {name}"),
                (None, Some(curve)) => format!("EC {}", name::dotted(&curve)),
                (None, None) => "EC".to_owned(),
            }
        }
        _ if info.algorithm.algorithm == ED25519 => "Ed25519".to_owned(),
        _ => name::dotted(&info.algorithm.algorithm),
    }
}

fn bits(modulus: &[u8]) -> usize {
    let start = modulus.iter().position(|byte| *byte != 0).unwrap_or(modulus.len());
    match modulus.get(start) {
        Some(first) => (modulus.len() - start) * 8 - first.leading_zeros() as usize,
        None => 0,
    }
}

fn why(bytes: &[u8], error: nom::Err<X509Error>) -> String {
    if der::is_cut_off(bytes) {
        return "cut off: it says it is longer than it is".to_owned();
    }
    match error {
        // Both texts are for programmers.
        nom::Err::Incomplete(_)
        | nom::Err::Error(X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic)
        | nom::Err::Failure(X509Error::Der(_) | X509Error::NomError(_) | X509Error::Generic) => {
            "damaged: not built as it should be".to_owned()
        }
        nom::Err::Error(error) | nom::Err::Failure(error) => format!("damaged: {error}"),
    }
}
