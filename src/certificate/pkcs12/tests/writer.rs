//! A writer for containers that OpenSSL does not make: the other form of the empty password, BER, PBMAC1, bags in bags.

use aws_lc_rs::{digest, hmac, pbkdf2};
use cbc::Encryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeEncrypt, KeyIvInit};
use des::TdesEde3;
use x509_parser::asn1_rs::Oid;

use super::super::kdf::{Pkcs12, Purpose};
use super::*;
use crate::certificate::pkcs12::fields::{NULL, OID, SET};
use crate::certificate::sample::field;

const SALT: &[u8] = b"eight by";

/// How a constructed field is wrapped: [`field`] for DER.
pub(super) type Wrap = fn(u8, &[u8]) -> Vec<u8>;

/// With an indefinite length.
pub(super) fn indefinite(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], content, &[0, 0]].concat()
}

/// What a container is made of.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) wrap: Wrap,
    /// The password as the derivation of PKCS#12 gets it.
    pub(super) form: Vec<u8>,
    pub(super) has_mac: bool,
    /// The content of the INTEGER.
    pub(super) iterations: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { wrap: field, form: b"\0x\0\0".to_vec(), has_mac: true, iterations: vec![1] }
    }
}

pub(super) fn oid(oid: &Oid<'_>) -> Vec<u8> {
    field(OID, oid.as_bytes())
}

impl Writer {
    pub(super) fn wrap(&self, tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
        (self.wrap)(tag, &parts.concat())
    }

    /// In one piece in DER, else in three.
    pub(super) fn octets(&self, content: &[u8]) -> Vec<u8> {
        let is_der = self.wrap(SEQUENCE, &[])[1] == 0;
        if is_der { field(OCTETS, content) } else { self.wrap(OCTETS | 0x20, &self.chunks(content)) }
    }

    fn chunks(&self, content: &[u8]) -> Vec<Vec<u8>> {
        content.chunks(content.len() / 3 + 1).map(|chunk| field(OCTETS, chunk)).collect()
    }

    pub(super) fn bag(&self, kind: &Oid<'_>, value: Vec<u8>, attributes: &[Vec<u8>]) -> Vec<u8> {
        let attributes = if attributes.is_empty() { vec![] } else { self.wrap(SET, attributes) };
        self.wrap(SEQUENCE, &[oid(kind), self.wrap(EXPLICIT_0, &[value]), attributes])
    }

    pub(super) fn certificate(&self, der: &[u8]) -> Vec<u8> {
        let value = self.wrap(EXPLICIT_0, &[self.octets(der)]);
        self.bag(&oids::CERT_BAG, self.wrap(SEQUENCE, &[oid(&oids::X509_CERTIFICATE), value]), &[])
    }

    /// A key that is none: nobody is to look.
    fn key(&self, id: &[u8]) -> Vec<u8> {
        let id = self.wrap(SEQUENCE, &[oid(&oids::LOCAL_KEY_ID), self.wrap(SET, &[self.octets(id)])]);
        self.bag(&oids::SHROUDED_KEY_BAG, field(NULL, &[]), &[id])
    }

    pub(super) fn plain(&self, bags: &[Vec<u8>]) -> Vec<u8> {
        let contents = self.octets(&self.wrap(SEQUENCE, bags));
        self.wrap(SEQUENCE, &[oid(&oids::DATA), self.wrap(EXPLICIT_0, &[contents])])
    }

    fn derive(&self, purpose: Purpose, length: usize) -> Vec<u8> {
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        let iterations = self.iterations.iter().fold(0, |sum, digit| sum << 8 | u64::from(*digit));
        // Where so many are asked for that nobody counts on, any key will do.
        let derivation = Pkcs12 { hash, salt: SALT, iterations: if iterations > 5000 { 1 } else { iterations } };
        derivation.derive(purpose, &self.form, length, &mut Budget::default()).unwrap().to_vec()
    }

    pub(super) fn encrypted(&self, bags: &[Vec<u8>]) -> Vec<u8> {
        let (key, iv) = (self.derive(Purpose::Key, 24), self.derive(Purpose::Iv, 8));
        let plain = self.wrap(SEQUENCE, bags);
        let mut data = vec![0; plain.len() + 8];
        let cipher = Encryptor::<TdesEde3>::new_from_slices(&key, &iv).unwrap();
        let length = cipher.encrypt_padded_b2b::<Pkcs7>(&plain, &mut data).unwrap().len();
        data.truncate(length);
        let settings = self.wrap(SEQUENCE, &[self.octets(SALT), field(INTEGER, &self.iterations)]);
        let algorithm = self.wrap(SEQUENCE, &[oid(&oids::SHA1_3DES_3), settings]);
        let is_der = self.wrap(SEQUENCE, &[])[1] == 0;
        let data = if is_der { field(IMPLICIT_0, &data) } else { self.wrap(EXPLICIT_0, &self.chunks(&data)) };
        let content = self.wrap(SEQUENCE, &[oid(&oids::DATA), algorithm, data]);
        let value = self.wrap(SEQUENCE, &[field(INTEGER, &[0]), content]);
        self.wrap(SEQUENCE, &[oid(&oids::ENCRYPTED_DATA), self.wrap(EXPLICIT_0, &[value])])
    }

    pub(super) fn container(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        let content = self.wrap(SEQUENCE, parts);
        let mac = if self.has_mac { self.mac(&content) } else { vec![] };
        self.around(&content, mac)
    }

    pub(super) fn around(&self, content: &[u8], mac: Vec<u8>) -> Vec<u8> {
        let content = self.wrap(EXPLICIT_0, &[self.octets(content)]);
        self.wrap(SEQUENCE, &[field(INTEGER, &[3]), self.wrap(SEQUENCE, &[oid(&oids::DATA), content]), mac])
    }

    fn mac(&self, content: &[u8]) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.derive(Purpose::Mac, 20));
        let tag = hmac::sign(&key, content);
        let algorithm = self.wrap(SEQUENCE, &[oid(&oids::SHA1), field(NULL, &[])]);
        let info = self.wrap(SEQUENCE, &[algorithm, self.octets(tag.as_ref())]);
        self.wrap(SEQUENCE, &[info, self.octets(SALT), field(INTEGER, &self.iterations)])
    }
}

#[test]
fn both_forms_of_the_empty_password_open() {
    for form in [vec![], vec![0, 0]] {
        for (has_mac, wrap) in [(true, field as Wrap), (false, field), (true, indefinite)] {
            let writer = Writer { form: form.clone(), has_mac, wrap, iterations: vec![7] };
            let bytes = writer.container(&[writer.encrypted(&[writer.certificate(b"certificate")])]);
            for password in [None, Some("")] {
                let found = open(&bytes, password).unwrap();
                assert_eq!(
                    (&found.certificates[..], found.is_authenticated),
                    (&[b"certificate".to_vec()][..], has_mac)
                );
            }
            assert_eq!(open(&bytes, Some("x")), Err(Pkcs12Error::WrongPassword));
        }
        // OpenSSL is of the same mind about both.
        let writer = Writer { form, ..Writer::default() };
        let bytes = writer.container(&[writer.encrypted(&[writer.certificate(&certificates("leaf.pem")[0])])]);
        let path = MADE.path().join(format!("empty-{}.p12", writer.form.len()));
        std::fs::write(&path, bytes).unwrap();
        let shown = openssl(MADE.path(), &["pkcs12", "-in", path.to_str().unwrap(), "-passin", "pass:", "-nokeys"]);
        assert!(String::from_utf8_lossy(&shown).contains("BEGIN CERTIFICATE"));
    }
    // One form for the MAC, the other one for what is encrypted.
    let [nothing, zeros] = [vec![], vec![0, 0]].map(|form| Writer { form, ..Writer::default() });
    let bytes = nothing.container(&[zeros.encrypted(&[zeros.certificate(b"certificate")])]);
    assert!(open(&bytes, None).unwrap().is_authenticated);
}

#[test]
fn two_passwords_in_one_file_are_told() {
    let [one, two] = [b'x', b'y'].map(|letter| Writer { form: vec![0, letter, 0, 0], ..Writer::default() });
    let part = two.encrypted(&[two.certificate(b"certificate")]);
    assert!(matches!(open(&one.container(std::slice::from_ref(&part)), Some("x")), Err(Pkcs12Error::Damaged(_))));
    // Without a MAC either is as wrong as the other where both are needed.
    let bytes = Writer { has_mac: false, ..one.clone() }.container(&[one.encrypted(&[]), part]);
    for password in ["x", "y"] {
        assert_eq!(open(&bytes, Some(password)), Err(Pkcs12Error::WrongPassword));
    }
}

#[test]
fn ber_is_read_as_der_is() {
    let opened = [field as Wrap, indefinite].map(|wrap| {
        let writer = Writer { wrap, ..Writer::default() };
        let certificates = [writer.certificate(&[7; 700]), writer.certificate(b"two")];
        let bytes = writer.container(&[writer.encrypted(&certificates), writer.plain(&[writer.key(b"one")])]);
        assert!(is_pkcs12(&bytes));
        open(&bytes, Some("x")).unwrap()
    });
    assert_eq!(opened[0].certificates, [vec![7; 700], b"two".to_vec()]);
    assert_eq!((opened[0].keys, opened[0].is_authenticated), (1, true));
    assert_eq!(opened[0], opened[1]);
}

#[test]
fn bags_are_counted_wherever_they_are() {
    let writer = Writer::default();
    let nested = |bags: Vec<u8>| writer.bag(&oids::SAFE_CONTENTS_BAG, writer.wrap(SEQUENCE, &[bags]), &[]);
    let (certificate, key) = (writer.certificate(b"a"), writer.key(b"one"));
    let inside = nested(nested([certificate.clone(), key.clone()].concat()));
    let odd = writer.bag(&oids::KEY_BAG, field(NULL, &[]), &[]);
    let other = writer.bag(&oids::DATA, field(NULL, &[]), &[]);
    let sdsi = writer.wrap(SEQUENCE, &[oid(&oids::DATA), field(EXPLICIT_0, &field(0x16, b"x"))]);
    let sdsi = writer.bag(&oids::CERT_BAG, sdsi, &[]);
    for (bags, keys, notes) in [
        (vec![inside.clone()], 1, vec![]),
        (vec![certificate.clone(), writer.key(b"one"), writer.key(b"two")], 2, vec!["2 private keys are in it"]),
        (vec![certificate.clone(), odd.clone(), odd], 2, vec!["2 private keys are in it"]),
        (vec![inside, key.clone()], 2, vec!["2 private keys are in it, the same one more than once"]),
        (vec![other, sdsi], 0, vec!["no certificate is in it", NO_KEY, "2 bags of another kind left out"]),
    ] {
        for parts in
            [vec![writer.encrypted(&bags)], bags.iter().map(|bag| writer.plain(std::slice::from_ref(bag))).collect()]
        {
            let found = open(&writer.container(&parts), Some("x")).unwrap();
            assert_eq!((found.keys, super::notes(&found)), (keys, notes.clone()));
        }
    }
}

#[test]
fn what_follows_behind_is_told_unless_blank() {
    let writer = Writer::default();
    let bytes = writer.container(&[writer.plain(&[writer.certificate(b"a"), writer.key(b"one")])]);
    let notes = |behind: &[u8]| open(&[&bytes, behind].concat(), Some("x")).unwrap().notes;
    assert!(notes(b"\r\n").is_empty());
    assert_eq!(notes(b"xyz"), ["3 bytes behind it left out"]);
}

#[test]
fn pbmac1_is_checked() {
    let writer = Writer::default();
    let content = writer.wrap(SEQUENCE, &[writer.plain(&[writer.certificate(b"a"), writer.key(b"one")])]);
    let password = UMLAUT;
    let made = |length: u8, is_said: bool| {
        let mut key = vec![0; usize::from(length)];
        let iterations = 3.try_into().unwrap();
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, iterations, SALT, password.as_bytes(), &mut key);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &content);
        let function = field(SEQUENCE, &[oid(&oids::HMAC_SHA512), field(NULL, &[])].concat());
        let said = if is_said { field(INTEGER, &[length]) } else { vec![] };
        let settings = [field(OCTETS, SALT), field(INTEGER, &[3]), said, function].concat();
        let derivation = field(SEQUENCE, &[oid(&oids::PBKDF2), field(SEQUENCE, &settings)].concat());
        let scheme = field(SEQUENCE, &[oid(&oids::HMAC_SHA256), field(NULL, &[])].concat());
        let algorithm = [oid(&oids::PBMAC1), field(SEQUENCE, &[derivation, scheme].concat())].concat();
        let info = [field(SEQUENCE, &algorithm), field(OCTETS, tag.as_ref())].concat();
        // What stands in the places of the old settings is not to be used.
        let mac = [field(SEQUENCE, &info), field(OCTETS, b"NOT USED"), field(INTEGER, &[0])].concat();
        writer.around(&content, field(SEQUENCE, &mac))
    };
    let found = open(&made(32, true), Some(password)).unwrap();
    assert_eq!((found.certificates.len(), found.keys, found.is_authenticated), (1, 1, true));
    assert_eq!(open(&made(32, true), Some("x")), Err(Pkcs12Error::WrongPassword));
    assert_eq!(open(&made(32, true), None), Err(Pkcs12Error::PasswordNeeded));
    for odd in [made(32, false), made(19, true)] {
        assert!(matches!(open(&odd, Some(password)), Err(Pkcs12Error::Damaged(_))));
    }
}
