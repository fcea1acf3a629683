//! Files that somebody made to do harm, and files that something damaged.

use std::time::{Duration, Instant};

use super::super::bags::{MAX_BAGS, MAX_NESTING};
use super::super::kdf::MAX_ITERATIONS;
use super::writer::{Wrap, Writer, indefinite, oid};
use super::*;
use crate::certificate::sample::field;

#[test]
fn iterations_have_an_end() {
    let huge = [&[0x7f][..], &[0xff; 199]].concat();
    for (iterations, told) in [
        (vec![0, 0x80, 0, 0, 0], 1 << 31),
        (vec![0x0f, 0x42, 0x41], MAX_ITERATIONS + 1),
        ([&[0][..], &[0xff; 8]].concat(), u64::MAX),
        (huge, u64::MAX),
    ] {
        for has_mac in [true, false] {
            let writer = Writer { iterations: iterations.clone(), has_mac, ..Writer::default() };
            let bytes = writer.container(&[writer.encrypted(&[writer.certificate(b"a")])]);
            assert_eq!(open(&bytes, Some("x")), Err(Pkcs12Error::TooCostly(told)));
        }
    }
    for iterations in [vec![0], vec![0xff], vec![]] {
        let writer = Writer { iterations: vec![1], ..Writer::default() };
        let content = writer.wrap(SEQUENCE, &[writer.plain(&[])]);
        let info = [field(SEQUENCE, &oid(&oids::SHA1)), field(OCTETS, &[0; 20])].concat();
        let mac = [field(SEQUENCE, &info), field(OCTETS, b"salt"), field(INTEGER, &iterations)].concat();
        let told = open(&writer.around(&content, field(SEQUENCE, &mac)), Some("x"));
        assert!(matches!(told, Err(Pkcs12Error::Damaged(_))), "{iterations:?}");
    }
}

#[test]
fn many_parts_cannot_multiply_iterations() {
    // 5,000 iterations for each of three blocks in 500 parts are nearly twice of what is allowed.
    let writer = Writer { iterations: vec![0x13, 0x88], has_mac: false, ..Writer::default() };
    let part = writer.encrypted(&[writer.certificate(b"a")]);
    let start = Instant::now();
    assert!(matches!(open(&writer.container(&vec![part; 500]), Some("x")), Err(Pkcs12Error::TooCostly(_))));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn numbers_and_depth_have_an_end() {
    let writer = Writer::default();
    let certificate = writer.certificate(b"a");
    let opened = |parts: &[Vec<u8>]| open(&writer.container(parts), Some("x"));
    let unsupported = |told: &str| Err(Pkcs12Error::Unsupported(told.to_owned()));

    let full = vec![certificate.clone(); MAX_BAGS];
    assert_eq!(opened(&[writer.encrypted(&full)]).unwrap().certificates.len(), MAX_BAGS);
    let above = [writer.encrypted(&full), writer.encrypted(std::slice::from_ref(&certificate))];
    assert_eq!(opened(&above), unsupported("more than 1000 bags"));
    let empty = writer.plain(&[]);
    assert!(opened(&vec![empty.clone(); MAX_PARTS]).is_ok());
    assert_eq!(opened(&vec![empty; MAX_PARTS + 1]), unsupported("more than 1000 parts"));

    let nested = |levels: usize| {
        let wrapped = |inside: Vec<u8>, _| writer.bag(&oids::SAFE_CONTENTS_BAG, writer.wrap(SEQUENCE, &[inside]), &[]);
        [writer.plain(&[(0..levels).fold(certificate.clone(), wrapped)])]
    };
    assert!(opened(&nested(MAX_NESTING)).is_ok());
    assert_eq!(opened(&nested(MAX_NESTING + 1)), unsupported("bags within more than 8 others"));

    for wrap in [field as Wrap, indefinite] {
        let deep = (0..10_000).fold(vec![], |inside, _| wrap(SEQUENCE, &inside));
        for bytes in
            [deep.clone(), writer.container(std::slice::from_ref(&deep)), writer.container(&[writer.plain(&[deep])])]
        {
            assert!(matches!(open(&bytes, Some("x")), Err(Pkcs12Error::Damaged(_))));
        }
    }
}

#[test]
fn a_long_salt_or_name_costs_nothing() {
    let long = vec![0x81; 1 << 20];
    let writer = Writer::default();
    let name = field(SEQUENCE, &[field(fields::OID, &long), field(EXPLICIT_0, &field(OCTETS, b""))].concat());
    let info = [field(SEQUENCE, &oid(&oids::SHA1)), field(OCTETS, &[0; 20])].concat();
    let salted = [field(SEQUENCE, &info), field(OCTETS, &long), field(INTEGER, &[1])].concat();
    let start = Instant::now();
    for bytes in [writer.container(&[name]), writer.around(&[], field(SEQUENCE, &salted))] {
        assert!(matches!(open(&bytes, Some("x")), Err(Pkcs12Error::Unsupported(_))));
    }
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn what_is_no_container_is_told() {
    for bytes in [&b""[..], b"0", b"plain text", &[0x30, 0x80], &[0x30, 3, 2, 1, 3], &[0x30, 6, 2, 1, 3, 0x30, 1, 6]] {
        assert!(!is_pkcs12(bytes), "{bytes:?}");
        assert!(matches!(open(bytes, None), Err(Pkcs12Error::Damaged(_))), "{bytes:?}");
    }
    for name in ["leaf.pem", "leaf.key"] {
        assert!(!is_pkcs12(&std::fs::read(MADE.path().join(name)).unwrap()));
    }
    let der = openssl(MADE.path(), &["x509", "-in", "leaf.pem", "-outform", "DER"]);
    assert!(!is_pkcs12(&der));

    let signed = field(SEQUENCE, &[oid(&oids::SIGNED_DATA), field(EXPLICIT_0, &[])].concat());
    let signed = field(SEQUENCE, &[field(INTEGER, &[3]), signed].concat());
    assert!(is_pkcs12(&signed));
    let told = open(&signed, None).unwrap_err().to_string();
    assert_eq!(told, "it uses a signature instead of a password for its integrity, which is not supported");
}

#[test]
fn every_cut_and_every_flipped_byte_ends_without_a_panic() {
    let made = |wrap: Wrap, has_mac: bool| {
        let writer = Writer { wrap, has_mac, ..Writer::default() };
        writer.container(&[writer.encrypted(&[writer.certificate(b"certificate")]), writer.plain(&[])])
    };
    let mut files = vec![made(field, true), made(field, false), made(indefinite, true), made(indefinite, false)];
    files.push(export("x", &["-iter", "1", "-nomac", "-certpbe", "AES-128-CBC"]));
    files.push(export("x", &["-iter", "1", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]));
    for bytes in files {
        let whole = open(&bytes, Some("x")).unwrap();
        assert_eq!(whole.certificates.len(), 1);
        for cut in 0..bytes.len() {
            assert!(open(&bytes[..cut], Some("x")).is_err(), "{cut}");
            let _ = is_pkcs12(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                let start = Instant::now();
                if let Ok(found) = open(&broken, Some("x")) {
                    let is_same = found.certificates == whole.certificates;
                    assert!(is_same || !found.is_authenticated, "byte {at} was changed, and the MAC says it was not");
                }
                assert!(start.elapsed() < Duration::from_secs(60), "byte {at}: {:?}", start.elapsed());
            }
        }
    }
}
