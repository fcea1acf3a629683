//! Certificates shaped like Apple's, made anew at every start. No real one is shipped.

use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};

/// UID (RFC 4519, 2.39), the attribute that carries the topic.
const UID: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 1];

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
        let guid = leaf.topic.rsplit('.').next().unwrap_or_default();
        let mut name = DistinguishedName::new();
        name.push(DnType::CustomDnType(UID.to_vec()), DnValue::Utf8String(leaf.topic.clone()));
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
        Ok(params.signed_by(&KeyPair::generate()?, &self.issuer)?.pem())
    }
}

fn moment(moment: DateTime<Utc>) -> Result<time::OffsetDateTime, rcgen::Error> {
    time::OffsetDateTime::from_unix_timestamp(moment.timestamp()).map_err(|_| rcgen::Error::Time)
}
