//! Many push certificates that differ, and the two ways to read one that are compared.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use apnswatch::certificate::{self, Contents};
use apnswatch::source::file;
use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, SerialNumber,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer as _;

/// What they are for, all of them.
pub(crate) const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

/// The serial number of the one that was really signed; each other one has its own in this place.
const SERIAL: [u8; 8] = [0x05, 0x52, 0x81, 0x8d, 0xf2, 0x67, 0x90, 0x3f];

/// How certificates are written down.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Text.
    Pem,
    /// Binary.
    Der,
}

/// Writes `count` certificates as Apple's are (RSA 2048), each with its own serial number, and gives their names. Only
/// one is signed, for that is costly, and no reader here checks it.
pub(crate) fn write(folder: &Path, form: Form, count: u32) -> anyhow::Result<Vec<PathBuf>> {
    let model = model()?;
    let at = model.windows(8).position(|window| window == SERIAL).context("its serial number is somewhere")?;
    let paths = (0..count).map(|number| {
        let mut der = model.clone();
        der[at + 4..at + 8].copy_from_slice(&number.to_be_bytes());
        let (name, bytes) = match form {
            Form::Pem => (format!("{number}.pem"), pem(&der)),
            Form::Der => (format!("{number}.cer"), der),
        };
        let path = folder.join(name);
        std::fs::write(&path, bytes)?;
        Ok(path)
    });
    paths.collect()
}

fn model() -> anyhow::Result<Vec<u8>> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name = DistinguishedName::new();
    ca.distinguished_name.push(DnType::CommonName, "Apple Application Integration 2 Certification Authority");
    ca.distinguished_name.push(DnType::OrganizationName, "Apple Inc.");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let key = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
    let issuer = Issuer::new(ca, &key);
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = DistinguishedName::new();
    let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    leaf.distinguished_name.push(uid, DnValue::Utf8String(TOPIC.to_owned()));
    let guid = TOPIC.rsplit('.').next().unwrap_or_default();
    leaf.distinguished_name.push(DnType::CommonName, format!("APSP:{guid}"));
    leaf.distinguished_name.push(DnType::CountryName, "US");
    leaf.serial_number = Some(SerialNumber::from_slice(&SERIAL));
    leaf.not_before = rcgen::date_time_ymd(2026, 9, 1);
    leaf.not_after = rcgen::date_time_ymd(2027, 9, 1);
    leaf.use_authority_key_identifier_extension = true;
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.custom_extensions =
        vec![CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 6, 3, 2], vec![0x05, 0x00])];
    // The key of the CA serves for both; to make another would take longer than to read thousands.
    Ok(leaf.signed_by(&key, &issuer)?.der().to_vec())
}

fn pem(der: &[u8]) -> Vec<u8> {
    let digits = base64::engine::general_purpose::STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in digits.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text.into_bytes()
}

/// The floor: reads the bytes and lets the parser find the fields, once. Gives the content of the serial number.
pub(crate) fn plain(path: &Path, form: Form) -> anyhow::Result<Vec<u8>> {
    let bytes = std::fs::read(path)?;
    let serial = |der: &[u8]| {
        X509Certificate::from_der(der).map(|(_, found)| found.raw_serial().to_vec()).map_err(|error| anyhow!("{error}"))
    };
    match form {
        Form::Der => serial(&bytes),
        Form::Pem => {
            let (_, block) = parse_x509_pem(&bytes).map_err(|error| anyhow!("{error}"))?;
            serial(&block.contents)
        }
    }
}

/// What `inspect` does with a file before it writes a line.
pub(crate) fn ours(path: &Path) -> anyhow::Result<Contents> {
    let bytes = file::read(path).map_err(|failure| anyhow!("{}", failure.message))?;
    Ok(certificate::read(&bytes))
}

/// Reads each file in both ways. Fails unless each is a push certificate of the topic and both tell the same serial
/// number.
pub(crate) fn compare(paths: &[PathBuf], form: Form) -> anyhow::Result<()> {
    for path in paths {
        let contents = ours(path)?;
        let found = contents.push_certificates().next().context("no push certificate")?;
        ensure!(contents.items.len() == 1 && contents.flaws.is_empty(), "{}: {:?}", path.display(), contents.flaws);
        ensure!(found.topic().is_some_and(|topic| topic.as_str() == TOPIC), "{}: another topic", path.display());
        ensure!(found.findings.is_empty(), "{}: {:?}", path.display(), found.findings);
        ensure!(found.serial_der == plain(path, form)?, "{}: another serial number", path.display());
    }
    Ok(())
}
