//! `inspect` against the real `openssl`: on the public certificates beside the project where they are there, and on
//! certificates made on the spot.

use std::path::{Path, PathBuf};
use std::process::Command;

use apnswatch::cli::inspect;
use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::Value;
use tempfile::TempDir;

const TOPIC: &str = "com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_600_000, 0).unwrap()
}

fn json(paths: &[PathBuf]) -> (Value, u8) {
    let mut out = Vec::new();
    let status = inspect::run(paths, None, true, now(), &mut out).unwrap();
    let document: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["schema"], "apnswatch.inspect.v1");
    (document, status)
}

fn json_of(path: &Path) -> Value {
    json(&[path.to_owned()]).0["files"][0].clone()
}

fn text_of(path: &Path) -> (String, u8) {
    let mut out = Vec::new();
    let status = inspect::run(&[path.to_owned()], None, false, now(), &mut out).unwrap();
    (String::from_utf8(out).unwrap(), status)
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What `openssl x509` says of a certificate: serial, start, end, fingerprint, UID.
struct Told {
    serial: String,
    not_before: String,
    not_after: String,
    sha256: String,
    uid: Option<String>,
}

fn told(path: &Path) -> Told {
    let path = path.to_str().unwrap();
    let text = openssl(&[
        "x509",
        "-noout",
        "-in",
        path,
        "-serial",
        "-startdate",
        "-enddate",
        "-fingerprint",
        "-sha256",
        "-subject",
        "-nameopt",
        "sep_multiline,utf8",
    ]);
    let value = |key: &str| text.lines().find_map(|line| line.trim().strip_prefix(key)).map(ToOwned::to_owned);
    let moment = |key: &str| {
        let text = value(key).unwrap();
        let naive = NaiveDateTime::parse_from_str(&text, "%b %e %H:%M:%S %Y GMT").unwrap();
        naive.and_utc().format("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    Told {
        serial: value("serial=").unwrap(),
        not_before: moment("notBefore="),
        not_after: moment("notAfter="),
        sha256: value("sha256 Fingerprint=").unwrap().replace(':', ""),
        uid: value("UID="),
    }
}

fn agrees_with_openssl(path: &Path) -> Value {
    let (ours, theirs) = (json_of(path), told(path));
    assert_eq!(ours["serial"], theirs.serial, "{}", path.display());
    assert_eq!(ours["not_before"], theirs.not_before, "{}", path.display());
    assert_eq!(ours["not_after"], theirs.not_after, "{}", path.display());
    assert_eq!(ours["sha256"], theirs.sha256, "{}", path.display());
    let topic = theirs.uid.filter(|uid| uid.starts_with("com.apple.mgmt."));
    assert_eq!(ours["topic"].as_str(), topic.as_deref(), "{}", path.display());
    ours
}

fn findings(file: &Value) -> String {
    file["findings"].as_array().unwrap().iter().map(|finding| finding.as_str().unwrap()).collect::<Vec<_>>().join("; ")
}

#[test]
fn the_public_certificates_are_what_openssl_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/certs");
    if !folder.is_dir() {
        println!("skipped the_public_certificates_are_what_openssl_says: ../shared/certs is missing");
        return;
    }
    let mut kinds = std::collections::BTreeMap::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "pem"));
    for path in &paths {
        let file = agrees_with_openssl(path);
        let name = path.file_stem().unwrap().to_str().unwrap();
        let found = findings(&file);
        match name {
            "app-push-sandbox-2024" => assert_eq!(file["kind"], "app_push_certificate"),
            "mock-selfsigned-lookalike" => {
                assert_eq!(file["issuer"]["level"], "self_signed");
                for words in ["never upload it", "GUID", "valid for 50 years", "client authentication"] {
                    assert!(found.contains(words), "{found}");
                }
            }
            "mock-wrong-uid-prefix" => assert!(found.contains("does not start with com.apple.mgmt."), "{found}"),
            _ if name.starts_with("mdm-push-") => {
                assert_eq!((&file["issuer"]["level"], &file["key"]), (&"apple".into(), &"RSA 2048".into()));
                let year = &name[name.len() - 4..];
                assert!(year == "2026" && found.is_empty() || found.starts_with("expired "), "{name}: {found}");
            }
            _ => {}
        }
        *kinds.entry(file["kind"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    let counted = [("app_push_certificate", 1), ("ca_certificate", 3), ("certificate", 2), ("mdm_push_certificate", 3)];
    assert_eq!(kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect::<Vec<_>>(), counted);
    assert_eq!(json(&paths).1, inspect::EXIT_OK);
}

/// A CA and a leaf made by `openssl`, in a folder.
struct Made {
    folder: TempDir,
}

impl Made {
    fn new() -> Self {
        let made = Self { folder: tempfile::tempdir().unwrap() };
        let at = |name: &str| made.path(name).to_str().unwrap().to_owned();
        std::fs::write(
            at("ext.cnf"),
            "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\nkeyUsage=digitalSignature\n\
             1.2.840.113635.100.6.3.2=DER:0500\n",
        )
        .unwrap();
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            &at("ca.key"),
            "-out",
            &at("ca.pem"),
            "-days",
            "4000",
            "-subj",
            "/CN=Made for a test/O=Apple Inc.",
        ]);
        let subject = format!("/UID={TOPIC}/CN=APSP:11111111-2222-4333-8444-555555555555/C=NO");
        openssl(&[
            "req",
            "-new",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            &at("leaf.key"),
            "-out",
            &at("leaf.csr"),
            "-subj",
            &subject,
        ]);
        made.sign("leaf.pem", "0x0552818DF267903F");
        made
    }

    fn sign(&self, name: &str, serial: &str) -> PathBuf {
        let at = |name: &str| self.path(name).to_str().unwrap().to_owned();
        openssl(&[
            "x509",
            "-req",
            "-in",
            &at("leaf.csr"),
            "-CA",
            &at("ca.pem"),
            "-CAkey",
            &at("ca.key"),
            "-days",
            "365",
            "-set_serial",
            serial,
            "-extfile",
            &at("ext.cnf"),
            "-out",
            &at(name),
        ]);
        self.path(name)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }
}

#[test]
fn certificates_made_by_openssl_are_read_as_openssl_reads_them() {
    let made = Made::new();
    let leaf = agrees_with_openssl(&made.path("leaf.pem"));
    assert_eq!((&leaf["kind"], &leaf["topic"]), (&"mdm_push_certificate".into(), &TOPIC.into()));
    assert_eq!((&leaf["issuer"]["level"], &leaf["country"]), (&"apple".into(), &"NO".into()));
    assert_eq!(agrees_with_openssl(&made.path("ca.pem"))["kind"], "ca_certificate");
    for (name, serial) in [("negative", "-291"), ("zero", "0"), ("long", "0xC7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7C7")]
    {
        let file = agrees_with_openssl(&made.sign(&format!("{name}.pem"), serial));
        assert_eq!(file["kind"], "mdm_push_certificate");
        assert!(findings(&file).contains("serial number"), "{name}: {}", findings(&file));
    }

    let (pem, ca) = (made.text("leaf.pem"), made.text("ca.pem"));
    let at = |name: &str| made.path(name).to_str().unwrap().to_owned();
    openssl(&["x509", "-in", &at("leaf.pem"), "-outform", "DER", "-out", &at("der in.pem")]);
    openssl(&["x509", "-in", &at("leaf.pem"), "-trustout", "-addtrust", "clientAuth", "-out", &at("trusted.pem")]);
    openssl(&[
        "pkcs12",
        "-export",
        "-in",
        &at("leaf.pem"),
        "-inkey",
        &at("leaf.key"),
        "-passout",
        "pass:x",
        "-out",
        &at("leaf.p12"),
    ]);
    openssl(&["pkcs12", "-in", &at("leaf.p12"), "-passin", "pass:x", "-passout", "pass:y", "-out", &at("bag.pem")]);
    made.write("key first.pem", made.text("leaf.key").trim_end().to_owned() + pem.trim_end());
    made.write("chain.pem", ca.clone() + &pem);
    made.write("\u{fc}ber (1).cer", pem.replace('\n', "\r\n"));
    for name in ["der in.pem", "trusted.pem", "bag.pem", "key first.pem", "chain.pem", "\u{fc}ber (1).cer"] {
        let file = json_of(&made.path(name));
        assert_eq!((&file["kind"], &file["sha256"]), (&leaf["kind"], &leaf["sha256"]), "{name}");
        assert!(text_of(&made.path(name)).0.starts_with(&at(name)));
    }
    assert_eq!(json_of(&made.path("chain.pem"))["certificates"].as_array().unwrap().len(), 2);
    assert!(findings(&json_of(&made.path("bag.pem"))).contains("an encrypted private key is in it"));
    assert!(findings(&json_of(&made.path("key first.pem"))).contains("without a password"));
}

#[test]
fn requests_and_keys_are_told_and_nothing_of_a_key_is_shown() {
    let made = Made::new();
    let at = |name: &str| made.path(name).to_str().unwrap().to_owned();
    openssl(&["req", "-in", &at("leaf.csr"), "-outform", "DER", "-out", &at("csr.der")]);
    made.write("new.csr", made.text("leaf.csr").replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"));
    for name in ["leaf.csr", "new.csr", "csr.der"] {
        let file = json_of(&made.path(name));
        assert_eq!((&file["kind"], &file["key"]), (&"csr".into(), &"RSA 2048".into()), "{name}");
        let (text, status) = text_of(&made.path(name));
        assert!(text.contains(&format!("UID={TOPIC}")) && status == inspect::EXIT_OK, "{text}");
    }
    openssl(&["pkey", "-in", &at("leaf.key"), "-outform", "DER", "-out", &at("pkcs8.der")]);
    openssl(&["pkey", "-in", &at("leaf.key"), "-traditional", "-out", &at("pkcs1.pem")]);
    openssl(&["rsa", "-in", &at("leaf.key"), "-traditional", "-aes128", "-passout", "pass:x", "-out", &at("old.pem")]);
    openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        &at("leaf.key"),
        "-passout",
        "pass:x",
        "-outform",
        "DER",
        "-out",
        &at("pkcs8e.der"),
    ]);
    for (name, words) in [
        ("leaf.key", "without a password"),
        ("pkcs8.der", "without a password"),
        ("pkcs1.pem", "without a password"),
        ("old.pem", "an encrypted private key"),
        ("pkcs8e.der", "an encrypted private key"),
    ] {
        let file = json_of(&made.path(name));
        assert_eq!(file["kind"], "private_key", "{name}");
        assert!(findings(&file).contains(words), "{name}: {}", findings(&file));
        let shown = file.to_string() + &text_of(&made.path(name)).0;
        let key = made.text("leaf.key");
        assert!(key.lines().filter(|line| line.len() == 64).all(|line| !shown.contains(line)), "{name}");
    }
}

#[test]
fn what_is_unknown_empty_or_missing_ends_with_two() {
    let made = Made::new();
    let leaf = made.path("leaf.pem");
    let directory = made.folder.path().to_owned();
    for (path, kind) in [
        (made.write("empty", ""), "empty"),
        (made.write("garbage", [0x93; 99]), "unknown"),
        (made.path("gone"), "unknown"),
        (directory, "unknown"),
    ] {
        let (document, status) = json(&[leaf.clone(), path.clone()]);
        assert_eq!((&document["files"][1]["kind"], status), (&kind.into(), inspect::EXIT_UNKNOWN));
        let (text, status) = text_of(&path);
        assert!(text.contains(path.to_str().unwrap()) && status == inspect::EXIT_UNKNOWN, "{text}");
    }
    assert_eq!(json_of(&made.write("page.pem", "<html><body>"))["kind"], "html");
    assert_eq!(json_of(&made.write("answer.pem", "{}"))["kind"], "json");
}

#[test]
fn an_end_is_told_in_words_and_never_as_zero_days() {
    let made = Made::new();
    let path = made.path("leaf.pem");
    let end: DateTime<Utc> = json_of(&path)["not_after"].as_str().unwrap().parse().unwrap();
    for (left, words) in [
        (TimeDelta::days(289), "expires in 289 days"),
        (TimeDelta::hours(12), "expires in 12 hours"),
        (TimeDelta::zero(), "expired less than a minute ago"),
        (-TimeDelta::hours(5), "expired 5 hours ago"),
        (-TimeDelta::days(1100), "expired 3 years ago"),
    ] {
        let mut out = Vec::new();
        inspect::run(std::slice::from_ref(&path), None, false, end - left, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(words) && !text.contains(" 0 days"), "{text}");
    }
}

#[test]
fn an_enrolment_profile_shows_its_topic_and_none_of_its_secrets() {
    let made = Made::new();
    let payload = |topic: &str| {
        format!(
            "<dict><key>PayloadType</key><string>com.apple.mdm</string><key>Topic</key><string>{topic}</string></dict>"
        )
    };
    let profile = |payloads: &str| {
        format!(
            "<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>PayloadType</key><string>Configuration</string>\
             <key>Challenge</key><string>s3cret</string><key>PayloadContent</key><array>{payloads}</array></dict></plist>"
        )
    };
    let plain = made.write("enrol.mobileconfig", profile(&payload(TOPIC)));
    let signed = made.path("signed.mobileconfig");
    let (key, leaf) = (made.path("leaf.key"), made.path("leaf.pem"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let sign = ["cms", "-sign", "-nodetach", "-binary", "-stream", "-outform", "DER"];
    let with = ["-signer", &text(&leaf), "-inkey", &text(&key), "-in", &text(&plain), "-out", &text(&signed)];
    openssl(&[&sign[..], &with].concat());
    for (path, is_signed) in [(&plain, false), (&signed, true)] {
        let (shown, status) = text_of(path);
        assert_eq!(status, inspect::EXIT_OK, "{shown}");
        assert!(
            shown.contains("an enrolment profile") && shown.contains(TOPIC) && !shown.contains("s3cret"),
            "{shown}"
        );
        assert_eq!(shown.contains("the signature was not checked"), is_signed, "{shown}");
        let file = json_of(path);
        assert_eq!((&file["kind"], &file["topic"]), (&"profile".into(), &TOPIC.into()));
        assert_eq!(file["signed"], is_signed);
    }
    for (payloads, words) in [
        (payload(" "), "no topic in profile"),
        (payload(TOPIC) + &payload("com.apple.mgmt.External.other"), "different topics"),
        (String::new(), "it enrols nobody"),
    ] {
        let file = json_of(&made.write("other.mobileconfig", profile(&payloads)));
        assert!(file.get("topic").is_none() && findings(&file).contains(words), "{file}");
    }
}
