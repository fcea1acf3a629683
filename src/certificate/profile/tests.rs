//! The cases of the field that are about profiles: R-A12, R-A34, R-A35, R-A37.

use std::path::Path;
use std::process::Command;

use super::*;
use crate::certificate::sample::{T1, T2, pem as pem_of};

/// An enrolment profile with this inside its MDM payload, beside a payload with a challenge and a decoy.
fn profile(topic: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
<key>PayloadContent</key><array>
<dict><key>PayloadContent</key><dict><key>Challenge</key><string>s3cret</string><key>Topic</key><string>{T2} </string></dict>
<key>PayloadType</key><string>com.apple.security.scep</string></dict>
<dict>{topic}<key>AccessRights</key><integer>8191</integer><key>PayloadType</key><string>com.apple.mdm</string></dict>
</array><key>PayloadType</key><string>Configuration</string></dict></plist>
"#
    )
}

fn good() -> String {
    profile(&named_in_xml(T1))
}

fn named_in_xml(topic: &str) -> String {
    format!("<key>Topic</key><string>{topic}</string>")
}

fn found(bytes: &[u8]) -> Option<String> {
    topic(bytes).unwrap().map(|topic| topic.as_str().to_owned())
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Signs with the real openssl, a signer that nobody knows, and these options.
fn sign(content: &[u8], options: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, certificate, from, to) = (path("key"), path("certificate"), path("from"), path("to"));
    std::fs::write(&from, content).unwrap();
    let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=nobody"];
    run("openssl", &[&new[..], &["-keyout", &key, "-out", &certificate]].concat());
    let sign = ["cms", "-sign", "-signer", &certificate, "-inkey", &key, "-in", &from, "-out", &to];
    run("openssl", &[&sign[..], options].concat());
    std::fs::read(to).unwrap()
}

/// As python's plistlib writes it.
fn binary(program: &str) -> Vec<u8> {
    let output = Command::new("python3")
        .args(["-c", &format!("import plistlib, sys\n{program}\nsys.stdout.buffer.write(plistlib.dumps(root, fmt=plistlib.FMT_BINARY))")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn the_topic_is_found_by_the_type_of_its_payload() {
    let found_in = read(good().as_bytes()).unwrap();
    let expected = Profile { topics: vec![Topic::parse(T1).unwrap()], enrols: true, ..Profile::default() };
    assert_eq!(found_in, expected);
    assert_eq!(found(profile(&named_in_xml(&format!("\n  {T1} \n"))).as_bytes()).as_deref(), Some(T1));
    // A payload inside a payload.
    let nested = format!(
        "<key>Deeper</key><array><dict><key>PayloadType</key><string>com.apple.mdm</string>{}</dict></array>",
        named_in_xml(T1)
    );
    assert_eq!(found(profile(&nested).as_bytes()).as_deref(), Some(T1));
}

#[test]
fn an_empty_topic_is_none() {
    for none in ["", &named_in_xml(""), &named_in_xml("  \n"), "<key>Topic</key><integer>7</integer>"] {
        assert_eq!(found(profile(none).as_bytes()), None, "{none}");
    }
    let plain = r#"<plist version="1.0"><dict><key>PayloadType</key><string>Configuration</string></dict></plist>"#;
    assert_eq!(read(plain.as_bytes()), Ok(Profile::default()));
    let encrypted = plain.replace("<dict>", "<dict><key>EncryptedPayloadContent</key><data>AAAA</data>");
    assert!(read(encrypted.as_bytes()).unwrap().is_encrypted);
}

#[test]
fn different_topics_are_told_and_equal_ones_are_one() {
    let twice = |other: &str| {
        let second = format!(
            "<key>B</key><dict><key>PayloadType</key><string>com.apple.mdm</string>{}</dict>",
            named_in_xml(other)
        );
        profile(&(second + &named_in_xml(T1)))
    };
    assert_eq!(topic(twice(&T1.to_uppercase()).as_bytes()), Ok(Topic::parse(T1)));
    assert_eq!(topic(twice(T2).as_bytes()), Err(ProfileError::Ambiguous(2)));
    assert_eq!(read(twice(T2).as_bytes()).unwrap().topics.len(), 2);
    let hidden = profile(&named_in_xml(&format!("<![CDATA[{T1}]]>")));
    assert!(topic(hidden.as_bytes()).unwrap_err().to_string().contains("CDATA"));
    for odd in ["a b", "\u{fc}", &"x".repeat(257)] {
        assert_eq!(topic(profile(&named_in_xml(odd)).as_bytes()), Err(ProfileError::OddTopic));
    }
}

#[test]
fn marks_blank_lines_and_other_encodings_are_read() {
    let good = good();
    let le: Vec<u8> = good.replace("UTF-8", "UTF-16").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = good.replace("UTF-8", "UTF-16").encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [
        [b"\xef\xbb\xbf", good.as_bytes()].concat(),
        [b"\n\n", good.as_bytes()].concat(),
        [b"\xef\xbb\xbf\r\n", good.as_bytes()].concat(),
        [b"\x00\x93 stray", good.as_bytes()].concat(),
        [good.as_bytes(), b"\0\0 trailing <"].concat(),
        [b"\xff\xfe", &le[..]].concat(),
        [b"\xfe\xff", &be[..]].concat(),
        le,
        be,
    ] {
        assert_eq!(found(&bytes).as_deref(), Some(T1), "{:?}", &bytes[..8]);
    }
}

#[test]
fn binary_property_lists_are_read() {
    let payloads = format!(
        "[{{'PayloadType': 'com.apple.security.scep', 'Challenge': 's3cret', 'Key': b'123', 'At': __import__('datetime').datetime(2026, 1, 1), 'N': -5, 'R': 1.5}}, {{'PayloadType': 'com.apple.mdm', 'Topic': '{T1}', 'Name': 'Sch\u{fc}le'}}]"
    );
    let bytes = binary(&format!("root = {{'PayloadType': 'Configuration', 'PayloadContent': {payloads}}}"));
    assert_eq!(found(&bytes).as_deref(), Some(T1));
    assert_eq!(found(&[b"\xef\xbb\xbf\n", &bytes[..]].concat()).as_deref(), Some(T1));
    assert_eq!(found(&sign(&bytes, &["-binary", "-nodetach", "-outform", "DER"])).as_deref(), Some(T1));
    for cut in 0..bytes.len() {
        assert!(topic(&bytes[..cut]).is_err(), "{cut}");
    }
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 0xff;
        let _ = topic(&broken);
    }
}

#[test]
fn signed_profiles_are_read_whoever_signed_them() {
    let large = profile(&format!("<key>Padding</key><data>{}</data>{}", "QUJD".repeat(60_000), named_in_xml(T1)));
    for content in [good(), large] {
        for options in [
            &["-nodetach", "-outform", "DER"][..],
            &["-nodetach", "-outform", "DER", "-stream"],
            &["-nodetach", "-outform", "DER", "-stream", "-binary"],
            &["-nodetach", "-outform", "PEM"],
        ] {
            let signed = sign(content.as_bytes(), options);
            if options.contains(&"-stream") {
                assert!(signed.starts_with(&[0x30, 0x80]), "openssl wrote no indefinite length");
            }
            let profile = read(&signed).unwrap();
            assert!(profile.is_signed);
            assert_eq!(found(&signed).as_deref(), Some(T1), "{options:?}");
            let half = topic(&signed[..signed.len() / 2]).unwrap_err();
            assert!(matches!(half, ProfileError::Cms(_) | ProfileError::Plist(_)), "{options:?}: {half}");
        }
    }
    let mut more = good().into_bytes();
    for _ in 0..=MAX_SIGNATURES {
        assert_eq!(found(&more).as_deref(), Some(T1));
        more = sign(&more, &["-binary", "-nodetach", "-outform", "DER"]);
    }
    assert!(topic(&more).unwrap_err().to_string().contains("too many times"));
}

#[test]
fn what_is_no_profile_is_named() {
    let detached = sign(good().as_bytes(), &["-outform", "DER"]);
    let request = good().replace("Configuration", "x").replace("com.apple.mdm", "y");
    for (bytes, told) in [
        (b"".to_vec(), "neither property list nor CMS"),
        (b"hello".to_vec(), "neither property list nor CMS"),
        (vec![0x93; 3000], "neither property list nor CMS"),
        (vec![0x30, 0x82, 0xff, 0xff, 1, 2], "neither property list nor CMS"),
        (vec![0x30, 0x80, 0x02, 0x01], "neither property list nor CMS"),
        (b"<?xml version='1.0'?><html></html>".to_vec(), "neither property list nor CMS"),
        (pem_of("CERTIFICATE", b"x").into_bytes(), "neither property list nor CMS"),
        (pem_of("PKCS7", b"x").into_bytes(), "neither property list nor CMS"),
        (detached, "CMS that cannot be read: nothing is in it"),
        (sign(b"hello", &["-nodetach", "-outform", "DER"]), "neither property list nor CMS"),
        (request.into_bytes(), "a property list, but not a configuration profile"),
        (b"<plist><string>x</string></plist>".to_vec(), "a property list, but not a configuration profile"),
        (good().as_bytes()[..700].to_vec(), "a property list that cannot be read: it is damaged or cut off"),
        (b"bplist00".to_vec(), "a property list that cannot be read: it is damaged or cut off"),
    ] {
        let error = topic(&bytes).unwrap_err().to_string();
        assert!(error.starts_with(told), "{told}: {error}");
        assert!(!error.contains("s3cret"));
    }
}

#[test]
fn depth_and_unfolding_have_an_end() {
    let deep = format!("<plist>{}", "<array>".repeat(140_000));
    assert_eq!(topic(deep.as_bytes()), Err(ProfileError::Plist("it is nested too deep")));
    let wide = format!("<plist><array>{}</array></plist>", "<true/>".repeat(300_000));
    assert!(topic(wide.as_bytes()).unwrap_err().to_string().contains("more in it"));
    // Each level names the one below it twice: 40 objects, 2^40 events.
    let doubled = binary("root = 'x'\nfor _ in range(40): root = [root, root]");
    assert!(doubled.len() < 1000);
    assert!(topic(&doubled).unwrap_err().to_string().contains("more in it"));
    // One long text, named often.
    let repeated = binary("text = 'x' * 500_000\nroot = [text] * 10_000");
    assert!(topic(&repeated).unwrap_err().to_string().contains("more in it"));
}

#[test]
fn the_public_profile_has_the_topic_of_its_authors() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/certs/enroll-unsigned.mobileconfig");
    let Ok(bytes) = std::fs::read(path) else {
        #[allow(clippy::print_stdout, reason = "a test says that it was skipped")]
        {
            println!("skipped the_public_profile_has_the_topic_of_its_authors: ../shared/certs is missing");
        }
        return;
    };
    assert_eq!(found(&bytes).as_deref(), Some("com.apple.mgmt.External.YOUR-PUSH-TOPIC-HERE"));
}

#[test]
fn the_first_step_over_the_air_is_a_profile_without_a_topic() {
    let service = r#"<plist version="1.0"><dict><key>PayloadType</key><string>Profile Service</string>
<key>PayloadContent</key><dict><key>URL</key><string>https://mdm.example.com/</string></dict></dict></plist>"#;
    assert_eq!(topic(service.as_bytes()), Ok(None));
}
