//! Certificates for tests, put together byte by byte, so that a subject can be as odd as those found in the field.
//! Their signatures are not signatures; nothing here checks one.

use base64::Engine;

pub(crate) const T1: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
pub(crate) const T2: &str = "com.apple.mgmt.External.aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

pub(crate) const UTF8: u8 = 0x0c;
pub(crate) const PRINTABLE: u8 = 0x13;
pub(crate) const T61: u8 = 0x14;
pub(crate) const IA5: u8 = 0x16;
pub(crate) const BMP: u8 = 0x1e;

pub(crate) const UID: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1];
pub(crate) const CN: &[u8] = &[0x55, 4, 3];
pub(crate) const C: &[u8] = &[0x55, 4, 6];
pub(crate) const O: &[u8] = &[0x55, 4, 10];

/// One field: tag, length, content.
pub(crate) fn field(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        0x100..0x10000 => out.extend([0x82, (length >> 8) as u8, length as u8]),
        _ => out.extend([0x83, (length >> 16) as u8, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}

pub(crate) fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    field(0x30, &[field(6, oid), field(tag, value)].concat())
}

/// A name of the RDNs, each one or several attributes.
pub(crate) fn name(rdns: &[&[Vec<u8>]]) -> Vec<u8> {
    field(0x30, &rdns.iter().flat_map(|rdn| field(0x31, &rdn.concat())).collect::<Vec<u8>>())
}

/// The subject as Apple writes it.
pub(crate) fn subject(topic: &str) -> Vec<u8> {
    let common_name = format!("APSP:{}", topic.rsplit('.').next().unwrap());
    name(&[
        &[attribute(UID, UTF8, topic.as_bytes())],
        &[attribute(CN, UTF8, common_name.as_bytes())],
        &[attribute(C, PRINTABLE, b"US")],
    ])
}

/// What a certificate is made of. Starts as `leaf(T1)` of the cases: one year, Apple's issuer by name.
pub(crate) struct Sample {
    pub(crate) subject: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    /// UTCTime if 13 characters long, else GeneralizedTime.
    pub(crate) not_before: &'static str,
    pub(crate) not_after: &'static str,
    pub(crate) client_auth: bool,
    pub(crate) ca: bool,
    /// Extension numbers below 1.2.840.113635.100, content NULL.
    pub(crate) apple: Vec<&'static [u8]>,
}

impl Sample {
    pub(crate) fn leaf(topic: &str) -> Self {
        Self {
            subject: subject(topic),
            issuer: name(&[
                &[attribute(CN, UTF8, b"Apple Application Integration 2 Certification Authority")],
                &[attribute(O, UTF8, b"Apple Inc.")],
            ]),
            serial: vec![0x05, 0x52, 0x81, 0x8d, 0xf2, 0x67, 0x90, 0x3f],
            not_before: "260901101112Z",
            not_after: "270901101111Z",
            client_auth: true,
            ca: false,
            apple: vec![&[6, 3, 2]],
        }
    }

    pub(crate) fn ca() -> Self {
        let subject = name(&[&[attribute(CN, UTF8, b"Test CA")]]);
        Self { subject, not_after: "20990101000000Z", client_auth: false, ca: true, apple: vec![], ..Self::leaf(T1) }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let time = |text: &str| field(if text.len() == 13 { 0x17 } else { 0x18 }, text.as_bytes());
        let rsa = field(0x30, &[field(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]), field(5, &[])].concat());
        let signature =
            field(0x30, &[field(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]), field(5, &[])].concat());
        let modulus = [&[0][..], &[0xc5; 256]].concat();
        let key = field(0x30, &[field(2, &modulus), field(2, &[1, 0, 1])].concat());
        let key = field(0x30, &[rsa, field(3, &[&[0][..], &key].concat())].concat());

        let extension = |oid: &[u8], value: &[u8]| field(0x30, &[field(6, oid), field(4, value)].concat());
        let mut extensions = Vec::new();
        let constraints = if self.ca { field(0x30, &field(1, &[0xff])) } else { field(0x30, &[]) };
        extensions.extend(extension(&[0x55, 0x1d, 19], &constraints));
        if self.client_auth {
            let usage = field(0x30, &field(6, &[0x2b, 6, 1, 5, 5, 7, 3, 2]));
            extensions.extend(extension(&[0x55, 0x1d, 37], &usage));
        }
        for number in &self.apple {
            let oid = [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x63, 0x64][..], number].concat();
            extensions.extend(extension(&oid, &field(5, &[])));
        }

        let validity = field(0x30, &[time(self.not_before), time(self.not_after)].concat());
        let content = [
            field(0xa0, &field(2, &[2])),
            field(2, &self.serial),
            signature.clone(),
            self.issuer.clone(),
            validity,
            self.subject.clone(),
            key,
            field(0xa3, &field(0x30, &extensions)),
        ];
        let bits = field(3, &[0u8; 257]);
        field(0x30, &[field(0x30, &content.concat()), signature, bits].concat())
    }

    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der())
    }
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let digits = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = digits.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
