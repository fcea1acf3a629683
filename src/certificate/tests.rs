//! The cases of the field that are about bytes: R-A01 to R-A33, R-B02, R-B09, R-B14, R-B16.

use super::sample::{self, BMP, C, CN, IA5, O, PRINTABLE, Sample, T1, T2, T61, UID, UTF8, attribute, name, pem};
use super::*;
use crate::model::IssuerLevel;

fn only(bytes: &[u8]) -> Certificate {
    let contents = read(bytes);
    assert_eq!(contents.flaws, [], "{contents:?}");
    let mut all = contents.certificates();
    let found = all.next().unwrap_or_else(|| panic!("{contents:?}")).clone();
    assert_eq!(all.next(), None);
    found
}

fn topic_of(subject: Vec<u8>) -> Option<String> {
    let found = only(&Sample { subject, ..Sample::leaf(T1) }.der());
    assert_eq!(found.kind, Kind::MdmPushCertificate);
    found.topic().map(ToString::to_string)
}

#[test]
fn every_fact_of_a_good_leaf_is_told() {
    let found = only(&Sample::leaf(T1).der());
    assert_eq!(found.kind, Kind::MdmPushCertificate);
    assert_eq!(found.topic().unwrap().as_str(), T1);
    assert_eq!(found.serial.as_ref().unwrap().to_string(), "0552818DF267903F");
    assert_eq!(found.not_before.to_rfc3339(), "2026-09-01T10:11:12+00:00");
    assert_eq!(found.not_after.to_rfc3339(), "2027-09-01T10:11:11+00:00");
    assert_eq!(found.issuer.level, IssuerLevel::Apple);
    assert_eq!(found.issuer.name, "CN=Apple Application Integration 2 Certification Authority, O=Apple Inc.");
    assert_eq!(found.country.as_deref(), Some("US"));
    assert_eq!(found.key.name, "RSA 2048");
    assert_eq!((found.apns_marker, found.guid_matches, found.is_ca), (true, Some(true), false));
    assert_eq!(found.findings, [""; 0]);
    let told = found.to_push_certificate();
    assert_eq!(told.topic.unwrap().as_str(), T1);
    assert_eq!(told.sha256.unwrap().len(), 64);
    assert!(!told.topic_ambiguous);
}

#[test]
fn the_way_a_text_travelled_does_not_count() {
    let leaf = Sample::leaf(T1);
    let (der, pem) = (leaf.der(), leaf.pem());
    let want = only(&der);
    let utf16 = |unit: fn(u16) -> [u8; 2]| pem.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
    let body = pem.replace("-----BEGIN CERTIFICATE-----\n", "").replace("\n-----END CERTIFICATE-----\n", "");
    for (what, bytes) in [
        ("plain", pem.clone().into_bytes()),
        ("A01 UTF-8 mark", [b"\xef\xbb\xbf", pem.as_bytes()].concat()),
        ("A01 UTF-16LE with mark", [b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat()),
        ("A01 UTF-16BE with mark", [b"\xfe\xff".to_vec(), utf16(u16::to_be_bytes)].concat()),
        ("A01 UTF-16LE without", utf16(u16::to_le_bytes)),
        ("A05 X509", sample::pem("X509 CERTIFICATE", &der).into_bytes()),
        (
            "A05 TRUSTED with OpenSSL's settings behind",
            sample::pem("TRUSTED CERTIFICATE", &[&der[..], &[0x30, 2, 0x30, 0]].concat()).into_bytes(),
        ),
        (
            "A06 blanks for line feeds",
            format!("-----BEGIN CERTIFICATE----- {} -----END CERTIFICATE-----", body.replace('\n', " ")).into_bytes(),
        ),
        ("A06 empty line in the body", pem.replacen('\n', "\n\n", 3).into_bytes()),
        ("A16 CRLF", pem.replace('\n', "\r\n").into_bytes()),
        ("A16 mixed", pem.replacen('\n', "\r\n", 4).into_bytes()),
        ("A16 bare CR", pem.replace('\n', "\r").into_bytes()),
        ("A20 blanks behind markers", pem.replace("-----\n", "-----  \t\n").into_bytes()),
        ("A20 empty tail", format!("{pem}\n\n\n").into_bytes()),
        ("A20 no last newline", pem.trim_end().to_owned().into_bytes()),
        (
            "bag attributes in Latin-1",
            [&b"Bag Attributes\r\n    friendlyName: Gesch\xe4ft\r\nsubject=/UID=x\r\n"[..], pem.as_bytes(), b"tail"]
                .concat(),
        ),
        ("text that begins with the digit of DER", format!("0 s:UID=x\n{pem}").into_bytes()),
        ("DER with a line feed behind", [&der[..], b"\r\n"].concat()),
    ] {
        assert_eq!(only(&bytes), want, "{what}");
    }
    let notes = read(&[b"\xff\xfe".to_vec(), utf16(u16::to_le_bytes)].concat()).notes;
    assert_eq!(notes, ["UTF-16 text"]);
}

#[test]
fn escaped_line_feeds_and_strange_labels_are_named() {
    let leaf = Sample::leaf(T1);
    let escaped = read(leaf.pem().replace('\n', "\\n").as_bytes());
    assert_eq!(escaped.kind(), Kind::Unknown);
    assert!(escaped.description().contains("line feeds are escaped"), "{}", escaped.description());
    let json = read(format!("{{\"pem\":\"{}\"}}", leaf.pem().replace('\n', "\\n")).as_bytes());
    assert_eq!(json.kind(), Kind::Json);
    assert!(json.description().contains("line feeds are escaped"), "{}", json.description());
    let strange = read(pem("PKCS7", &leaf.der()).as_bytes());
    assert_eq!(strange.kind(), Kind::Unknown);
    assert_eq!(strange.flaws[0].to_string(), "block 1 at line 1: one block labelled PKCS7 is not supported");
}

#[test]
fn chains_are_read_in_any_order_and_fused() {
    let (leaf, ca) = (Sample::leaf(T1), Sample::ca());
    let want = only(&leaf.der());
    for text in [
        leaf.pem() + &ca.pem(),
        ca.pem() + &leaf.pem(),
        ca.pem().trim_end().to_owned() + &leaf.pem(),
        leaf.pem().replace('\n', "\r\n") + &ca.pem(),
    ] {
        let contents = read(text.as_bytes());
        assert_eq!(contents.kind(), Kind::MdmPushCertificate);
        assert_eq!(contents.push_certificates().collect::<Vec<_>>(), [&want]);
        assert_eq!(contents.certificates().count(), 2);
        assert_eq!(contents.flaws, []);
    }
    let both = read(&[ca.der(), leaf.der()].concat());
    assert_eq!(both.push_certificates().collect::<Vec<_>>(), [&want]);
    assert_eq!(both.certificates().count(), 2);
}

#[test]
fn of_two_generations_the_later_is_what_the_file_is_about() {
    let old = Sample { not_after: "260901101111Z", not_before: "250901101112Z", ..Sample::leaf(T1) };
    let new = Sample::leaf(T1);
    for text in [old.pem() + &new.pem(), new.pem() + &old.pem()] {
        let contents = read(text.as_bytes());
        assert_eq!(contents.push_certificates().count(), 2);
        let What::Certificate(main) = &contents.main().unwrap().what else { panic!() };
        assert_eq!(main.not_after.to_rfc3339(), "2027-09-01T10:11:11+00:00");
    }
}

#[test]
fn a_good_leaf_outlives_a_damaged_neighbour() {
    let leaf = Sample::leaf(T1);
    let lines = leaf.pem().lines().count();
    let der = leaf.der();
    let half = pem("CERTIFICATE", &der[..der.len() / 2]);
    for (damaged, why) in [
        (half.clone(), "cut off"),
        ("-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n".to_owned(), "not base64"),
        (half.lines().take(5).collect::<Vec<_>>().join("\n"), "END line is missing"),
    ] {
        let contents = read((leaf.pem() + &damaged).as_bytes());
        assert_eq!(contents.push_certificates().count(), 1, "{why}");
        assert_eq!(contents.flaws[0].place, Place::Block { number: 2, line: lines + 1 });
        assert!(contents.flaws[0].message.contains(why), "{}", contents.flaws[0]);
    }
}

#[test]
fn the_topic_is_found_by_its_number_wherever_it_stands() {
    let uid = |tag, topic: &str| attribute(UID, tag, topic.as_bytes());
    let cn = || attribute(CN, UTF8, b"APSP:x");
    let bmp: Vec<u8> = T1.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for subject in [
        name(&[&[cn(), uid(UTF8, T1)]]),
        name(&[&[uid(PRINTABLE, T1)]]),
        name(&[&[uid(IA5, T1)]]),
        name(&[&[uid(T61, T1)]]),
        name(&[&[attribute(UID, BMP, &bmp)]]),
        name(&[&[uid(UTF8, T1)], &[uid(IA5, &T1.to_uppercase())]]),
        name(&[&[attribute(O, UTF8, b"A, \"B\" + C, UID=com.apple.mgmt.External.0")], &[uid(UTF8, T1)]]),
    ] {
        assert_eq!(topic_of(subject).as_deref(), Some(T1));
    }
}

#[test]
fn two_topics_are_none() {
    for (first, second) in [(T1, T2), (T2, T1), (T1, "com.example.app")] {
        let subject = name(&[&[attribute(UID, UTF8, first.as_bytes())], &[attribute(UID, UTF8, second.as_bytes())]]);
        let found = only(&Sample { subject, ..Sample::leaf(T1) }.der());
        assert_eq!(found.kind, Kind::MdmPushCertificate);
        let told = found.to_push_certificate();
        assert_eq!((told.topic, told.topic_ambiguous), (None, true));
        assert!(found.findings.iter().any(|finding| finding.starts_with("ambiguous topic")), "{:?}", found.findings);
    }
}

#[test]
fn an_unreadable_uid_is_no_topic() {
    for odd in [
        b"com.apple.mgmt.External.\xff\xfe".to_vec(),
        b"com.apple.mgmt.x\0".to_vec(),
        vec![b'x'; 300],
        vec![],
        b" com.apple.mgmt.External.x".to_vec(),
    ] {
        let found = only(&Sample { subject: name(&[&[attribute(UID, UTF8, &odd)]]), ..Sample::leaf(T1) }.der());
        assert_eq!((found.uids.len(), found.odd_uids, found.topic()), (0, 1, None));
        assert_eq!(found.kind, Kind::Certificate);
    }
}

#[test]
fn old_string_types_are_shown_and_harm_nothing() {
    let bmp: Vec<u8> = "Schule \u{fc}".encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (tag, value, shown) in [
        (BMP, &bmp[..], "Schule \u{fc}"),
        (BMP, &bmp[..bmp.len() - 1], "Schule \u{fffd}"),
        (T61, b"Espa\xd1a", "Espa\u{fffd}a"),
        (UTF8, b"a\xff\xfeb", "a\u{fffd}\u{fffd}b"),
        (UTF8, b"a\x1b[2Jb\n", "a\\u{1b}[2Jb\\n"),
    ] {
        let subject = name(&[&[attribute(O, tag, value)], &[attribute(UID, UTF8, T1.as_bytes())]]);
        let found = only(&Sample { subject, ..Sample::leaf(T1) }.der());
        assert_eq!(found.organisation.as_deref(), Some(shown));
        assert_eq!(found.topic().unwrap().as_str(), T1);
    }
    let comma = name(&[&[attribute(O, UTF8, b"A, \"B\" + C"), attribute(C, PRINTABLE, b"NO")]]);
    let found = only(&Sample { subject: comma, ..Sample::leaf(T1) }.der());
    assert_eq!(found.subject, "O=\"A, \\\"B\\\" + C\"+C=NO");
}

#[test]
fn odd_serials_are_watched_with_a_note() {
    let twenty = [&[0][..], &[0xc7; 20]].concat();
    for (serial, shown, note) in [
        (&[0xc7, 0xf6][..], "-380A", Some("its serial number is negative")),
        (&[0], "00", Some("its serial number is zero")),
        (&twenty, &"C7".repeat(20), Some("its serial number has 20 bytes")),
        (&[0, 0xc7, 0xf6, 0x65, 0x77, 0x3b, 0x59, 0xfb, 0x4b], "C7F665773B59FB4B", None),
    ] {
        let found = only(&Sample { serial: serial.to_vec(), ..Sample::leaf(T1) }.der());
        assert_eq!(found.kind, Kind::MdmPushCertificate);
        assert_eq!(found.serial.as_ref().unwrap().to_string(), shown);
        assert_eq!(found.serial_der, serial);
        assert_eq!(found.findings.first().map(String::as_str), note);
    }
}

#[test]
fn dates_are_exact_whatever_their_form() {
    for (text, shown) in [
        ("491231235959Z", "2049-12-31T23:59:59+00:00"),
        ("500101000000Z", "1950-01-01T00:00:00+00:00"),
        ("20270911095245Z", "2027-09-11T09:52:45+00:00"),
        ("99991231235959Z", "9999-12-31T23:59:59+00:00"),
    ] {
        assert_eq!(only(&Sample { not_after: text, ..Sample::leaf(T1) }.der()).not_after.to_rfc3339(), shown);
    }
    let broken = read(&Sample { not_after: "271332000000Z", ..Sample::leaf(T1) }.der());
    assert_eq!(broken.items, []);
    assert!(broken.flaws[0].message.contains("invalid date"), "{:?}", broken.flaws);
}

#[test]
fn neighbours_are_told_apart() {
    let cn = |text: &str| name(&[&[attribute(CN, UTF8, text.as_bytes())], &[attribute(UID, UTF8, b"com.example.app")]]);
    let like = |subject, apple| Sample { subject, apple, ..Sample::leaf(T1) };
    for (sample, kind) in [
        (like(cn("x"), vec![&[6, 3, 6]]), Kind::AppPushCertificate),
        (like(cn("Apple Push Services: com.example.app"), vec![]), Kind::AppPushCertificate),
        (like(cn("x"), vec![&[6, 1, 16], &[6, 3, 2]]), Kind::PassCertificate),
        (like(cn("MDM Vendor: Example"), vec![]), Kind::MdmVendorCertificate),
        (like(cn("x"), vec![&[6, 3, 2]]), Kind::Certificate),
        (Sample::ca(), Kind::CaCertificate),
        (Sample { client_auth: false, ..Sample::leaf(T1) }, Kind::Certificate),
        (like(sample::subject("com.apple.mgmt.XServer.x"), vec![]), Kind::MdmPushCertificate),
    ] {
        let found = only(&sample.der());
        assert_eq!(found.kind, kind, "{found:?}");
        assert_eq!(read(&sample.der()).push_certificates().count(), usize::from(kind == Kind::MdmPushCertificate));
    }
}

#[test]
fn a_look_alike_says_what_it_is() {
    let leaf = Sample::leaf(T1);
    let alike = Sample { issuer: leaf.subject.clone(), not_after: "20760901000000Z", apple: vec![], ..leaf };
    let found = only(&alike.der());
    assert_eq!((found.kind, found.issuer.level), (Kind::MdmPushCertificate, IssuerLevel::SelfSigned));
    let all = found.findings.join("; ");
    assert!(all.contains("signed by itself") && all.contains("valid for 50 years") && all.contains("marker"), "{all}");
    let stranger = Sample { issuer: name(&[&[attribute(O, UTF8, b"Apple Inc")]]), ..Sample::leaf(T1) };
    assert_eq!(only(&stranger.der()).issuer.level, IssuerLevel::Unknown);
}

#[test]
fn private_keys_are_seen_and_left_alone() {
    let leaf = Sample::leaf(T1);
    let key = |label: &str| format!("-----BEGIN {label}-----\nc2VjcmV0\n-----END {label}-----\n");
    let old =
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nc2Vj\n-----END RSA PRIVATE KEY-----\n";
    for (text, protection) in [
        (key("PRIVATE KEY"), KeyProtection::Plain),
        (key("RSA PRIVATE KEY"), KeyProtection::Plain),
        (key("EC PRIVATE KEY"), KeyProtection::Plain),
        (key("ENCRYPTED PRIVATE KEY"), KeyProtection::Encrypted),
        (key("OPENSSH PRIVATE KEY"), KeyProtection::Unknown),
        (old.to_owned(), KeyProtection::Encrypted),
        (old.lines().take(4).collect::<Vec<_>>().join("\n"), KeyProtection::Encrypted),
    ] {
        let alone = read(text.as_bytes());
        assert_eq!((alone.kind(), alone.private_key, alone.items.len()), (Kind::PrivateKey, Some(protection), 0));
        let beside = read((text.trim_end().to_owned() + &leaf.pem()).as_bytes());
        assert_eq!((beside.kind(), beside.private_key), (Kind::MdmPushCertificate, Some(protection)), "{text}");
        assert!(!format!("{beside:?}{}", alone.description()).contains("c2Vj"));
    }
    let der = read(&[0x30, 6, 2, 1, 0, 0x30, 1, 5]);
    assert_eq!((der.kind(), der.private_key), (Kind::PrivateKey, Some(KeyProtection::Plain)));
}

#[test]
fn what_is_no_certificate_is_named() {
    for (bytes, kind, words) in [
        (&b""[..], Kind::Empty, "is empty"),
        (b"\xef\xbb\xbf \r\n\t", Kind::Empty, "is empty"),
        (b"\xff\xfe", Kind::Empty, "is empty"),
        (&[0; 4096], Kind::Unknown, "zero bytes"),
        (b"hello", Kind::Unknown, "neither PEM nor DER"),
        (b"0123456789", Kind::Unknown, "neither PEM nor DER"),
        (b"\n<!DOCTYPE HTML>\n<html><body>Sign in", Kind::Html, "HTML"),
        (b"{\"error\": [1]}", Kind::Json, "JSON"),
        (b"{\"error\": ", Kind::Unknown, "neither"),
        (b"MIIFdjCCBF6gAwIBAgIIBVKBjfJnkD8w", Kind::Unknown, "base64 without"),
        ("\u{2013}\u{2013}BEGIN CERTIFICATE\u{2013}\n".as_bytes(), Kind::Unknown, "hyphens"),
        (b"<?xml version=\"1.0\"?><plist version=\"1.0\"/>", Kind::Unknown, "property list"),
        (&[0x30, 0x82, 1, 0, 2, 1, 3, 0x30], Kind::Unknown, "cut off"),
        (&Sample::leaf(T1).der()[..500], Kind::Unknown, "cut off"),
    ] {
        let contents = read(bytes);
        assert_eq!(contents.kind(), kind, "{contents:?}");
        assert!(contents.description().contains(words), "{}", contents.description());
    }
}

/// Every byte of a leaf changed, every prefix of it, and much of a hostile text: nothing panics, nothing is slow.
#[test]
fn no_bytes_make_it_fail() {
    let der = Sample::leaf(T1).der();
    for at in 0..der.len() {
        for value in [0, 0x30, 0x7f, 0x80, 0xff, der[at].wrapping_add(1)] {
            let mut changed = der.clone();
            changed[at] = value;
            let _ = read(&changed).description();
        }
        let _ = read(&der[..at]).description();
        let _ = read(pem("CERTIFICATE", &der[..at]).as_bytes()).description();
    }
    for piece in ["-----BEGIN ", "-----BEGIN X-----", "-----END X-----", "-", "\r", "[", "{\"a\":", "0", "\0-"] {
        let text = piece.repeat(1024 * 1024 / piece.len());
        let _ = read(text.as_bytes()).description();
    }
}

#[test]
fn a_private_key_is_refused_wherever_it_stands() {
    let key = pem("PRIVATE KEY", b"never read");
    let behind = [Sample::leaf(T1).der(), key.clone().into_bytes()].concat();
    let damaged = Sample::leaf(T1).pem() + &key.replace("KEY-----", "KEY----");
    for file in [behind, damaged.into_bytes()] {
        assert!(read_public(&file).is_err(), "{:?}", read(&file).flaws);
    }
    assert!(read_public(Sample::leaf(T1).pem().as_bytes()).is_ok());
}

#[test]
fn an_overlong_number_is_not_written_out() {
    let overlong = [&[0x2a][..], &[0xff; 400_000], &[1]].concat();
    let subject = name(&[&[attribute(&overlong, UTF8, b"x")], &[attribute(UID, UTF8, T1.as_bytes())]]);
    let found = only(&Sample { subject, ..Sample::leaf(T1) }.der());
    assert_eq!(found.subject, format!("(an overlong number)=x, UID={T1}"));
}
