//! Tokens as they come: encrypted by the real openssl, in base64, decrypted, and broken.

use std::process::Command;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::certificate;
use crate::certificate::preflight::{Baseline, Evidence, Verdict, judge};
use crate::certificate::sample::{Sample, T1, field, pem as pem_of};
use crate::model::Topic;

const SECRET: &str = "CS_0123456789abcdef";
const DECRYPTED: &str = "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
     -----BEGIN MESSAGE-----\r\n{\"consumer_key\":\"CK_1\",\"consumer_secret\":\"CS_0123456789abcdef\",\
     \"access_token\":\"AT_1\",\"access_secret\":\"AS_1\",\"access_token_expiry\":\"2026-09-19T16:49:50Z\"}\r\n\
     -----END MESSAGE-----\r\n";

/// The same message encrypted for the same certificate, in the three forms that openssl writes.
struct Made {
    mime: Vec<u8>,
    der: Vec<u8>,
    pem: Vec<u8>,
    by_key_id: Vec<u8>,
    signed: Vec<u8>,
}

static MADE: LazyLock<Made> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("in"), DECRYPTED).unwrap();
    let run = |arguments: &str| {
        let arguments: Vec<_> = arguments.split('|').collect();
        let output = Command::new("openssl").current_dir(folder.path()).args(&arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(
        "req|-x509|-newkey|rsa:2048|-nodes|-subj|/CN=Example MDM/O=Example|-set_serial|0xC7F6|-keyout|key|-out|certificate",
    );
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let encrypt = |form: &str| {
        run(&format!("smime|-encrypt|-aes256|-in|in|-out|out|-outform|{form}|certificate"));
        read("out")
    };
    let (mime, der, pem) = (encrypt("SMIME"), encrypt("DER"), encrypt("PEM"));
    run("cms|-encrypt|-aes256|-keyid|-in|in|-out|keyid|-outform|DER|certificate");
    run("smime|-sign|-nodetach|-in|in|-out|signed|-signer|certificate|-inkey|key");
    Made { mime, der, pem, by_key_id: read("keyid"), signed: read("signed") }
});

fn ade(bytes: &[u8]) -> AdeToken {
    match read(bytes) {
        Some(Token::Ade(token)) => token,
        other => panic!("{other:?}"),
    }
}

fn vpp(bytes: &[u8]) -> VppToken {
    match read(bytes) {
        Some(Token::Vpp(token)) => token,
        other => panic!("{other:?}"),
    }
}

fn at(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc))
}

#[test]
fn an_encrypted_server_token_tells_whom_it_is_for() {
    let Made { mime, der, pem, .. } = &*MADE;
    for (bytes, form) in [(mime, AdeForm::Mime), (der, AdeForm::Der), (pem, AdeForm::Pem)] {
        let token = ade(bytes);
        assert_eq!(token.form, form);
        let recipient = token.recipient.as_ref().unwrap();
        assert_eq!(recipient.serial.to_string(), "C7F6");
        assert_eq!(recipient.issuer, "CN=Example MDM, O=Example");
        assert_eq!(token.not_after, None);
        let findings = token.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("its end cannot be read from the file"));
    }
}

#[test]
fn mime_is_read_as_mail_programs_write_it() {
    let Made { mime, der, .. } = &*MADE;
    let text = String::from_utf8(mime.clone()).unwrap();
    let body = STANDARD.encode(der);
    let head = "Content-Type: application/pkcs7-mime; name=smime.p7m; smime-type=enveloped-data";
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [
        text.replace("\r\n", "\n").replace('\n', "\r\n").into_bytes(),
        text.replace("\r\n", "\n").replace('\n', "\r").into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        [b"\xff\xfe", &le[..]].concat(),
        format!("{head}\n\n{body}").into_bytes(),
        format!("MIME-Version: 1.0\n{}\n\n{body}\n", head.replace(" smime", "\n\tsmime")).into_bytes(),
        format!("content-type: application/x-pkcs7-mime; name=\"smime.p7m\"\n\n{body}").into_bytes(),
        [format!("{head}\nContent-Transfer-Encoding: binary\n\n").as_bytes(), der].concat(),
    ] {
        let token = ade(&bytes);
        assert!(token.recipient.is_some(), "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(token.findings().len(), 1);
    }
}

#[test]
fn a_damaged_one_is_told() {
    let Made { mime, by_key_id, .. } = &*MADE;
    let cut = ade(&mime[..mime.len() / 2]);
    assert!(cut.findings()[0].starts_with("it is damaged or cut off"));
    let text = String::from_utf8(mime.clone()).unwrap();
    let broken = ade(format!("{}!", text.trim_end()).as_bytes());
    assert!(broken.findings()[0].starts_with("it is damaged"));
    let empty = ade(b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\n\n");
    assert_eq!((empty.recipient.clone(), empty.findings().len()), (None, 2));
    // A recipient that is named by its key.
    let token = ade(by_key_id);
    assert_eq!((token.recipient.clone(), token.findings().len()), (None, 1));
}

#[test]
fn indefinite_lengths_are_read() {
    // As programs write it that encrypt in a stream.
    let open = |tag: u8, inside: &[u8]| [&[tag, 0x80], inside, &[0, 0]].concat();
    let oid = |last: u8| field(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, last]);
    let name = certificate::sample::subject("x.y");
    let id = field(0x30, &[name, field(2, &[0, 0xc7, 0xf6])].concat());
    let recipient = field(0x30, &[field(2, &[0]), id, field(0x30, &[]), field(4, b"key")].concat());
    let content = open(0x30, &[oid(1), field(0x30, &[]), open(0xa0, &field(4, b"secret"))].concat());
    for sender in [vec![], open(0xa0, &[]), field(0xa0, &field(0xa0, b"certificates"))] {
        let inner = [field(2, &[0]), sender, field(0x31, &recipient), content.clone()].concat();
        let cms = open(0x30, &[oid(3), open(0xa0, &open(0x30, &inner))].concat());
        let token = ade(&cms);
        assert_eq!(token.recipient.as_ref().unwrap().serial.to_string(), "C7F6");
        assert_eq!(token.findings().len(), 1);
        assert_eq!(ade(&cms[..cms.len() - 1]).findings().len(), 2);
    }
}

#[test]
fn a_decrypted_server_token_has_an_end_and_is_a_secret() {
    let json = DECRYPTED.split("-----").nth(2).unwrap().trim();
    for text in [
        DECRYPTED,
        json,
        &DECRYPTED.replace("\r\n", "\n"),
        &format!("\u{feff}{json}"),
        &DECRYPTED.replace("key", "k\r\ney"),
    ] {
        let token = ade(text.as_bytes());
        assert_eq!((token.form, token.not_after), (AdeForm::Decrypted, at("2026-09-19T16:49:50Z")));
        assert_eq!(read(text.as_bytes()).unwrap().not_after(), token.not_after);
        let findings = token.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("plain secret"));
        assert!(!format!("{token:?} {findings:?}").contains(SECRET));
    }
    for odd in ["soon", "", "0001-01-01T00:00:00Z"] {
        let token = ade(DECRYPTED.replace("2026-09-19T16:49:50Z", odd).as_bytes());
        assert_eq!((token.not_after, token.findings().len()), (None, 2), "{odd}");
    }
    for odd in ["7", "null", "{}", "[\"2026-09-19T16:49:50Z\"]"] {
        let token = ade(DECRYPTED.replace("\"2026-09-19T16:49:50Z\"", odd).as_bytes());
        assert_eq!(token.not_after, None, "{odd}");
    }
}

fn content(inside: &str) -> String {
    STANDARD.encode(format!("{{\"token\":\"{SECRET}\"{inside}}}"))
}

#[test]
fn a_content_token_is_read_with_every_form_of_date() {
    for (date, end) in [
        ("2026-05-01T10:00:00+0000", "2026-05-01T10:00:00Z"),
        ("2026-05-01T10:00:00Z", "2026-05-01T10:00:00Z"),
        ("2026-05-01T10:00:00+00:00", "2026-05-01T10:00:00Z"),
        ("2026-05-01T03:00:00-0700", "2026-05-01T10:00:00Z"),
        ("2026-05-01T03:00:00.000-0700", "2026-05-01T10:00:00Z"),
        (" 2026-05-01T10:00:00.5Z ", "2026-05-01T10:00:00.5Z"),
    ] {
        let text = content(&format!(",\"expDate\":\"{date}\",\"orgName\":\"Example School\""));
        let token = vpp(text.as_bytes());
        assert_eq!(token.not_after, at(end), "{date}");
        assert_eq!(token.organisation.as_deref(), Some("Example School"));
        assert_eq!(token.findings().len(), 1);
        let json = STANDARD.decode(&text).unwrap();
        assert_eq!(vpp(&json), token);
        assert_eq!(read(&json).unwrap().not_after(), at(end));
        assert!(!format!("{token:?} {:?}", token.findings()).contains(SECRET));
    }
    for odd in [
        "\"soon\"",
        "7",
        "null",
        "{}",
        "\"2026-05-01T10:00:00\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"+262143-01-01T00:00:00Z\"",
    ] {
        let token = vpp(content(&format!(",\"expDate\":{odd},\"orgName\":\"a\"")).as_bytes());
        assert_eq!(token.not_after, None, "{odd}");
        assert!(token.findings()[1].contains("expDate"), "{odd}");
    }
}

#[test]
fn a_content_token_may_lack_all_but_one_thing() {
    let undated = vpp(content(",\"orgName\":\"a\"").as_bytes());
    assert_eq!(undated.findings()[1], "it has no expDate, so its end is not known");
    let unnamed = vpp(content(",\"expDate\":\"2026-05-01T10:00:00Z\"").as_bytes());
    assert_eq!(unnamed.organisation, None);
    for name in ["\"\"", "\" \"", "7"] {
        let token = vpp(content(&format!(",\"expDate\":\"2026-05-01T10:00:00Z\",\"orgName\":{name}")).as_bytes());
        assert_eq!(token.organisation, None, "{name}");
    }
    let odd = vpp(content(",\"orgName\":\"a\\u001b[2J\\nb\\u202e\"").as_bytes());
    assert_eq!(odd.organisation.as_deref(), Some("a\\u{1b}[2J\\nb\\u{202e}"));
    let long = vpp(content(&format!(",\"orgName\":\"{}\"", "x".repeat(9999))).as_bytes());
    assert_eq!(long.organisation.unwrap().chars().count(), 257);
    let lines = content(",\"orgName\":\"a\"").as_bytes().chunks(20).map(|l| l.to_vec()).collect::<Vec<_>>();
    assert_eq!(vpp(&lines.join(&b"\r\n"[..])).organisation.as_deref(), Some("a"));
}

#[test]
fn something_else_is_no_token() {
    let other_json =
        ["{}", "[]", "{\"token\":\"a\"}", "{\"expDate\":\"2026-05-01T10:00:00Z\"}", "{\"consumer_key\":1}", "[1,2,3]"];
    for other in other_json {
        assert_eq!(read(other.as_bytes()), None, "{other}");
        assert_eq!(read(STANDARD.encode(other).as_bytes()), None, "{other}");
        let message = format!("-----BEGIN MESSAGE-----{other}-----END MESSAGE-----");
        assert_eq!(read(message.as_bytes()), None, "{other}");
    }
    assert_eq!(read(b"{\"token\":\"a\",\"orgName\":\"b\"}"), None);
    let pem = pem_of("CERTIFICATE", &MADE.der);
    let mail = "From: a@example.org\nContent-Type: text/plain\n\napplication/pkcs7-mime";
    for other in ["", "\n", "text", "MIIB", &pem, mail, "-----BEGIN MESSAGE-----"] {
        assert_eq!(read(other.as_bytes()), None, "{other}");
    }
    assert_eq!(read(&MADE.signed), None);
    assert_eq!(read(&[0x30, 0x80]), None);
}

#[test]
fn no_cut_and_no_flipped_byte_makes_it_panic() {
    let Made { mime, der, pem, .. } = &*MADE;
    let vpp = content(",\"expDate\":\"2026-05-01T10:00:00+0000\",\"orgName\":\"a\\u00fc\"");
    for file in [mime, der, pem, DECRYPTED.as_bytes(), vpp.as_bytes()] {
        for at in 0..file.len() {
            let findings = |bytes: &[u8]| read(bytes).map(|token| token.findings());
            findings(&file[..at]);
            for flip in [1, 0x20, 0x80, 0xff] {
                let mut broken = file.to_vec();
                broken[at] ^= flip;
                findings(&broken);
            }
        }
    }
}

#[test]
fn a_certificate_beside_a_token_is_still_a_certificate() {
    let leaf = Sample::leaf(T1).pem();
    let token = String::from_utf8(MADE.pem.clone()).unwrap();
    for (token, label) in [(token.as_str(), "PKCS7"), (DECRYPTED.split("\r\n\r\n").nth(1).unwrap(), "MESSAGE")] {
        assert!(read(token.as_bytes()).is_some(), "{label}");
        for text in [format!("{leaf}{token}"), format!("{token}{leaf}")] {
            let contents = certificate::read(text.as_bytes());
            assert_eq!(contents.push_certificates().count(), 1, "{contents:?}");
            let flaw = format!("one block labelled {label} is not supported");
            assert!(contents.flaws.iter().any(|found| found.message == flaw), "{contents:?}");
            let baseline = Baseline { topic: Topic::parse(T1), ..Baseline::default() };
            let now = "2026-09-02T00:00:00Z".parse().unwrap();
            let judged = judge(&contents, &baseline, &Evidence::default(), now);
            assert_eq!(judged.verdict, Verdict::Warning, "{judged:?}");
        }
    }
}
