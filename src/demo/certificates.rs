//! Certificates shaped like Apple's, made anew at every start. No real one is shipped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};

/// UID (RFC 4519, 2.39), the attribute that carries the topic.
const UID: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 1];

/// The attribute beside it, which stands in for a second UID while a certificate is being made.
const OTHER_UID: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 2];

/// The same in DER; one less at the end is the UID's.
const OTHER_UID_DER: [u8; 12] = [0x06, 0x0a, 0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x02];

/// Apple's marker for certificates of the production environment. Its value is an ASN.1 NULL.
const MARKER: [u64; 8] = [1, 2, 840, 113_635, 100, 6, 3, 2];

/// An authority that issues push certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// What a push certificate is made of.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// The subject UID.
    pub topic: String,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// The first second.
    pub not_before: DateTime<Utc>,
    /// The last second.
    pub not_after: DateTime<Utc>,
}

impl Authority {
    /// An authority whose name says that it is none of Apple's.
    ///
    /// # Errors
    ///
    /// If no key can be made.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CommonName, "Simulated Application Integration CA");
        name.push(DnType::OrganizationName, "apnswatch demo");
        params.distinguished_name = name;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Issues a push certificate, PEM.
    ///
    /// # Errors
    ///
    /// If the serial is not hexadecimal or no key can be made.
    pub fn issue(&self, leaf: &Leaf) -> Result<String, rcgen::Error> {
        Ok(self.certificate(leaf, None)?.pem())
    }

    /// Issues a push certificate with a second UID in its subject, PEM. Nobody could say which topic it has.
    ///
    /// # Errors
    ///
    /// As [`Self::issue`].
    pub fn issue_ambiguous(&self, leaf: &Leaf, other_topic: &str) -> Result<String, rcgen::Error> {
        let mut der = self.certificate(leaf, Some(other_topic))?.der().to_vec();
        // A name here holds an attribute once, so the second one was written under a neighbour's number. The signature
        // does not fit any more; neither it nor this authority is anything that anybody trusts.
        if let Some(at) = der.windows(OTHER_UID_DER.len()).position(|window| window == OTHER_UID_DER) {
            der[at + OTHER_UID_DER.len() - 1] = 1;
        }
        let text = STANDARD.encode(der);
        let lines: Vec<String> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into()).collect();
        Ok(format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n")))
    }

    fn certificate(&self, leaf: &Leaf, other_topic: Option<&str>) -> Result<Certificate, rcgen::Error> {
        let guid = leaf.topic.rsplit('.').next().unwrap_or_default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CustomDnType(UID.to_vec()), DnValue::Utf8String(leaf.topic.clone()));
        if let Some(topic) = other_topic {
            name.push(DnType::CustomDnType(OTHER_UID.to_vec()), DnValue::Utf8String(topic.to_owned()));
        }
        name.push(DnType::CommonName, format!("APSP:{guid}"));
        name.push(DnType::CountryName, "US");
        let mut params = CertificateParams::default();
        params.distinguished_name = name;
        params.serial_number = Some(SerialNumber::from_slice(
            &hex::decode(&leaf.serial).map_err(|_| rcgen::Error::CouldNotParseCertificate)?,
        ));
        params.not_before = moment(leaf.not_before)?;
        params.not_after = moment(leaf.not_after)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.custom_extensions = vec![CustomExtension::from_oid_content(&MARKER, vec![0x05, 0x00])];
        params.signed_by(&KeyPair::generate()?, &self.issuer)
    }
}

fn moment(moment: DateTime<Utc>) -> Result<time::OffsetDateTime, rcgen::Error> {
    time::OffsetDateTime::from_unix_timestamp(moment.timestamp()).map_err(|_| rcgen::Error::Time)
}
