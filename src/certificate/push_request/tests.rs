//! The cases of the field that are about push requests: R-A01, R-A11, R-A30, R-A33, R-A37. Certificates and signatures
//! are made by the real openssl, property lists by the plist crate and by python's plistlib.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::certificate::sample::pem as pem_of;
use crate::certificate::{Kind, pem};
use crate::model::Topic;

const ROOT: &str = "/C=US/O=Apple Inc./OU=Apple Certification Authority/CN=Apple Root CA";
const WWDR: &str = "/C=US/O=Apple Inc./OU=G3/CN=Apple Worldwide Developer Relations Certification Authority";
const VENDOR: &str = "/CN=MDM Vendor: Example MDM Inc/O=Example MDM Inc/C=US";

/// Certificates as PEM, and a request with its signatures.
struct Made {
    root: String,
    wwdr: String,
    /// Issued by the root, named as `wwdr`, with another key.
    other_wwdr: String,
    vendor: String,
    csr_pem: String,
    csr: Vec<u8>,
    sha256: Vec<u8>,
    sha1: Vec<u8>,
}

fn openssl(folder: &Path, arguments: &str) {
    let arguments = arguments.split('|').map(str::trim);
    let output = Command::new("openssl").current_dir(folder).args(arguments.clone()).output().unwrap();
    let shown: Vec<_> = arguments.collect();
    assert!(output.status.success(), "{shown:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Made once: a key takes a while.
static MADE: LazyLock<Made> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = |arguments: &str| openssl(folder, arguments);
    std::fs::write(folder.join("ca"), "basicConstraints=critical,CA:TRUE\n").unwrap();
    run(&format!("req|-x509|-newkey|rsa:2048|-nodes|-days|7300|-subj|{ROOT}|-keyout|root.key|-out|root"));
    let request = |name: &str, subject: &str| {
        run(&format!("req|-new|-newkey|rsa:2048|-nodes|-subj|{subject}|-keyout|{name}.key|-out|{name}.csr"));
    };
    request("wwdr", WWDR);
    run("x509|-req|-in|wwdr.csr|-CA|root|-CAkey|root.key|-set_serial|2|-days|3650|-extfile|ca|-out|wwdr");
    request("vendor", VENDOR);
    run("x509|-req|-in|vendor.csr|-CA|wwdr|-CAkey|wwdr.key|-set_serial|3|-days|365|-out|vendor");
    request("customer", "/CN=Example School/emailAddress=push@example.org/C=US");
    run(&format!("req|-new|-key|customer.key|-subj|{WWDR}|-out|other.csr"));
    run("x509|-req|-in|other.csr|-CA|root|-CAkey|root.key|-set_serial|4|-days|3650|-extfile|ca|-out|other");
    run("req|-in|customer.csr|-outform|DER|-out|customer.der");
    run("dgst|-sha256|-sign|vendor.key|-out|sha256|customer.der");
    run("dgst|-sha1|-sign|vendor.key|-out|sha1|customer.der");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let bytes = |name: &str| std::fs::read(folder.join(name)).unwrap();
    Made {
        root: text("root"),
        wwdr: text("wwdr"),
        other_wwdr: text("other"),
        vendor: text("vendor"),
        csr_pem: text("customer.csr"),
        csr: bytes("customer.der"),
        sha256: bytes("sha256"),
        sha1: bytes("sha1"),
    }
});

/// The three values; what is `None` is left out.
struct Sample {
    request: Option<String>,
    chain: Option<String>,
    signature: Option<String>,
}

impl Sample {
    fn good() -> Self {
        Self {
            request: Some(STANDARD.encode(&MADE.csr)),
            chain: Some(format!("{}{}{}", MADE.vendor, MADE.wwdr, MADE.root)),
            signature: Some(STANDARD.encode(&MADE.sha256)),
        }
    }

    fn with_chain(chain: String) -> Self {
        Self { chain: Some(chain), ..Self::good() }
    }

    fn with_request(request: String) -> Self {
        Self { request: Some(request), ..Self::good() }
    }

    fn value(&self) -> ::plist::Value {
        let mut dictionary = ::plist::Dictionary::new();
        for (key, value) in [
            ("PushCertRequestCSR", &self.request),
            ("PushCertCertificateChain", &self.chain),
            ("PushCertSignature", &self.signature),
        ] {
            if let Some(value) = value {
                dictionary.insert(key.to_owned(), value.clone().into());
            }
        }
        dictionary.into()
    }

    fn xml(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.value().to_writer_xml(&mut out).unwrap();
        out
    }

    fn binary(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.value().to_writer_binary(&mut out).unwrap();
        out
    }

    fn read(&self) -> PushRequest {
        found(STANDARD.encode(self.xml()).as_bytes())
    }
}

fn found(bytes: &[u8]) -> PushRequest {
    read(bytes).unwrap().unwrap()
}

fn wrapped(text: &str, width: usize, end: &str) -> String {
    text.as_bytes().chunks(width).map(|line| format!("{}{end}", std::str::from_utf8(line).unwrap())).collect()
}

/// A certificate as PEM in lines of another width.
fn rewrapped(text: &str, width: usize) -> String {
    let der = pem::blocks(text.as_bytes()).0[0].decode().unwrap();
    let digits = wrapped(&STANDARD.encode(der), width, "\n");
    format!("-----BEGIN CERTIFICATE-----\n{digits}-----END CERTIFICATE-----\n")
}

/// The only finding.
fn only(found: &PushRequest) -> &str {
    assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
    &found.findings[0]
}

#[test]
fn a_good_one_has_no_finding() {
    let found = Sample::good().read();
    assert_eq!(found.findings, Vec::<String>::new());
    assert_eq!((found.signature, found.vendor, found.chain_is_whole), (Signature::Good, Some(0), true));
    assert_eq!(found.chain.len(), 3);
    assert_eq!(found.chain[0].kind, Kind::MdmVendorCertificate);
    let request = found.request.as_ref().unwrap();
    assert_eq!((request.key.name.as_str(), request.subject.contains("Example School")), ("RSA 2048", true));
    let now = found.chain[0].not_before + TimeDelta::days(1);
    assert_eq!(found.findings_at(now), Vec::<String>::new());
    assert!(found.chain.iter().all(|certificate| certificate.uids == Vec::<Topic>::new()));
}

#[test]
fn an_expired_vendor_certificate_is_told_with_its_date() {
    let mut found = Sample::good().read();
    let end = found.chain[0].not_after;
    let day = |moment: DateTime<Utc>| moment.format("%Y-%m-%d").to_string();
    let told = found.findings_at(end + TimeDelta::days(1));
    let words = format!(
        "the vendor certificate inside expired on {}: the portal refuses every request signed with it; the MDM vendor \
         must renew it",
        day(end)
    );
    assert_eq!(told, std::slice::from_ref(&words));
    assert_eq!(found.findings_at(end), [words]);
    let told = found.findings_at(end - TimeDelta::days(10));
    assert_eq!(told.len(), 1);
    assert!(
        told[0].starts_with(&format!("the vendor certificate inside expires in 10 days, on {}", day(end))),
        "{told:?}"
    );
    assert_eq!(found.findings_at(end - TimeDelta::days(31)), Vec::<String>::new());
    let early = found.findings_at(found.chain[0].not_before - TimeDelta::hours(1));
    assert!(early[0].contains("is not valid before"), "{early:?}");
    // The vendor's comes first, wherever it stands, and the rest behind those of the clock.
    found.findings = vec!["x".to_owned()];
    let late = found.findings_at(found.chain[2].not_after);
    assert_eq!(late.len(), 4);
    assert!(late[0].starts_with("the vendor certificate inside expired"));
    assert!(late[1].starts_with("the certificate of \"Apple Worldwide Developer Relations"), "{late:?}");
    assert_eq!(late[3], "x");
}

#[test]
fn lines_of_another_length_and_a_missing_root_are_one_warning_each() {
    let chain = [&MADE.vendor, &MADE.wwdr, &MADE.root].map(|text| rewrapped(text, 76)).concat();
    let lines = chain.lines().filter(|line| line.len() == 76).count();
    let found = Sample::with_chain(chain).read();
    assert!(only(&found).contains("not 64 characters long"), "{:?}", found.findings);
    let told: usize = only(&found).split(' ').next().unwrap().parse().unwrap();
    assert!(told == lines, "{told} of {lines}");
    assert_eq!((found.signature, found.chain_is_whole), (Signature::Good, true));

    let found = Sample::with_chain(format!("{}{}", MADE.vendor, MADE.wwdr)).read();
    assert!(only(&found).contains("Apple Root CA"), "{:?}", found.findings);
    assert!(only(&found).contains("is missing; Apple asks for all of them up to and including the root"));
    assert!(!found.chain_is_whole);

    let both = [&MADE.vendor, &MADE.wwdr].map(|text| rewrapped(text, 76)).concat();
    assert_eq!(Sample::with_chain(both).read().findings.len(), 2);
    // All in one line, or with a blank behind each line.
    let one = found_chain(&MADE.vendor.replace('\n', " "));
    assert!(one.iter().any(|finding| finding.contains("not separate")), "{one:?}");
    let blanks = found_chain(&MADE.vendor.replace('\n', " \n"));
    assert!(blanks.iter().any(|finding| finding.contains("not 64 characters")), "{blanks:?}");
}

/// The findings about a chain of the vendor's certificate, rewritten, and the others.
fn found_chain(vendor: &str) -> Vec<String> {
    Sample::with_chain(format!("{vendor}\n{}{}", MADE.wwdr, MADE.root)).read().findings
}

#[test]
fn line_ends_of_windows_and_a_short_last_line_are_allowed() {
    assert_eq!(found_chain(&MADE.vendor.replace('\n', "\r\n")), Vec::<String>::new());
    let text = |lines: &[&str]| {
        [&["-----BEGIN CERTIFICATE-----"][..], lines, &["-----END CERTIFICATE-----"]].concat().join("\n")
    };
    let (full, short, long) = ("x".repeat(64), "x".repeat(8), "x".repeat(65));
    for (lines, odd) in [
        (&[&*full, &full, &short][..], None),
        (&[&full, &full], None),
        (&[&short], None),
        (&[&full, &short, &full], Some("1 line of the chain is")),
        (&[&long, &long], Some("2 lines of the chain are")),
        (&[&full, "", &full, ""], Some("2 lines")),
    ] {
        let (_, findings) = chain::read(text(lines).as_bytes());
        let told = findings.iter().find(|finding| finding.contains("64 characters"));
        match odd {
            None => assert_eq!(told, None, "{lines:?}"),
            Some(odd) => assert!(told.unwrap().starts_with(odd), "{told:?}"),
        }
    }
}

#[test]
fn the_order_and_strangers_are_told() {
    let Made { root, wwdr, vendor, other_wwdr, .. } = &*MADE;
    let reversed = Sample::with_chain(format!("{root}{wwdr}{vendor}")).read();
    assert!(only(&reversed).starts_with("the order of the chain is wrong"));
    assert_eq!((reversed.vendor, reversed.signature), (Some(2), Signature::Good));
    assert!(reversed.chain_is_whole);
    let stranger = Sample::with_chain(format!("{vendor}{wwdr}{other_wwdr}{root}")).read();
    assert!(only(&stranger).starts_with("1 certificate in the chain did not issue"), "{:?}", stranger.findings);
    // The intermediate of another generation under the same name: the portal says only that the signature is invalid.
    let other = Sample::with_chain(format!("{vendor}{other_wwdr}{root}")).read();
    assert!(only(&other).contains("the same name and another key"), "{:?}", other.findings);
    assert!(!other.chain_is_whole);
    let middle = Sample::with_chain(format!("{vendor}{root}")).read();
    assert!(only(&middle).contains("Worldwide Developer Relations"), "{:?}", middle.findings);
    let many = Sample::with_chain(format!("{vendor}{wwdr}{}", root.repeat(20))).read();
    assert_eq!(many.chain.len(), 16);
    assert!(many.findings.iter().any(|finding| finding.contains("more than 16")), "{:?}", many.findings);
    let own = Sample::with_chain(root.clone()).read();
    assert!(own.findings.iter().any(|finding| finding.contains("signed by itself")), "{:?}", own.findings);
}

#[test]
fn a_chain_that_is_none_is_told() {
    let Made { root, wwdr, vendor, .. } = &*MADE;
    for (chain, told) in [
        ("nothing".to_owned(), "no certificate is in the chain"),
        (format!("{vendor}{wwdr}{root}{}", pem_of("RSA PRIVATE KEY", b"key")), "a private key is in the chain"),
        (format!("{vendor}{wwdr}{root}{}", pem_of("PKCS7", b"x")), "a block labelled PKCS7 is in the chain"),
        (format!("{vendor}{wwdr}{root}{}", pem_of("CERTIFICATE", b"x")), "block 4 of the chain cannot be read"),
        (format!("{vendor}{wwdr}{root}-----END CERTIFICATE-----"), "END CERTIFICATE without a BEGIN"),
    ] {
        let found = Sample::with_chain(chain).read();
        assert!(found.findings.iter().any(|finding| finding.contains(told)), "{told}: {:?}", found.findings);
    }
}

#[test]
fn the_signature_is_checked() {
    let with = |signature: Option<String>| Sample { signature, ..Sample::good() }.read();
    let old = with(Some(STANDARD.encode(&MADE.sha1)));
    assert_eq!((old.signature, old.vendor), (Signature::GoodSha1, Some(0)));
    assert!(only(&old).starts_with("signed with SHA-1"));
    let mut wrong = MADE.sha256.clone();
    wrong[9] ^= 1;
    for bad in [wrong, b"short".to_vec(), MADE.csr.clone()] {
        let found = with(Some(STANDARD.encode(bad)));
        assert_eq!((found.signature, found.vendor), (Signature::Bad, Some(0)));
        assert!(only(&found).starts_with("the signature does not fit"));
    }
    let none = Sample::with_chain(format!("{}{}", MADE.wwdr, MADE.root)).read();
    assert_eq!(none.signature, Signature::Bad);
    for (signature, why) in
        [(None, "missing"), (Some(" "), "missing"), (Some("!"), "not base64"), (Some("QUJD!"), "not base64")]
    {
        let found = with(signature.map(str::to_owned));
        assert!(matches!(found.signature, Signature::NotChecked(told) if told.contains(why)), "{found:?}");
        assert!(found.findings[0].contains(why));
    }
}

#[test]
fn the_request_may_be_pem_and_its_key_is_judged() {
    let renamed = MADE.csr_pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST");
    for text in [&MADE.csr_pem, &renamed, &STANDARD.encode(&MADE.csr_pem), &MADE.csr_pem.replace('\n', "\r\n")] {
        let found = Sample::with_request(text.clone()).read();
        assert!(only(&found).starts_with("PushCertRequestCSR is PEM"), "{:?}", found.findings);
        assert_eq!(found.signature, Signature::Good);
    }
    let wrapped = Sample::with_request(wrapped(&STANDARD.encode(&MADE.csr), 76, "\r\n")).read();
    assert_eq!(wrapped.findings, Vec::<String>::new());

    let folder = tempfile::tempdir().unwrap();
    let new = "req|-new|-nodes|-subj|/CN=a|-outform|DER|-keyout|key|-out|csr";
    for kind in ["-newkey|rsa:1024", "-newkey|ec|-pkeyopt|ec_paramgen_curve:P-256"] {
        openssl(folder.path(), &format!("{new}|{kind}"));
        let csr = std::fs::read(folder.path().join("csr")).unwrap();
        let found = Sample::with_request(STANDARD.encode(csr)).read();
        assert_eq!(found.findings.len(), 2, "{:?}", found.findings);
        assert!(found.findings[1].contains("RSA of 2048 bits or more"), "{:?}", found.findings);
    }
    let mut changed = MADE.csr.clone();
    let at = changed.windows(7).position(|window| window == b"Example").unwrap();
    changed[at] = b'X';
    let found = Sample::with_request(STANDARD.encode(changed)).read();
    assert!(found.findings[1].starts_with("the request does not fit its own signature"), "{:?}", found.findings);
    let behind = Sample::with_request(STANDARD.encode([&MADE.csr[..], b"xx"].concat())).read();
    assert!(behind.findings.iter().any(|finding| finding.starts_with("2 bytes stand behind")), "{:?}", behind.findings);
    for (odd, why) in [
        ("!", "not base64"),
        ("QUJD", "damaged"),
        (&*MADE.vendor, "CERTIFICATE stands in its place"),
        ("QUJ!", "line 1"),
    ] {
        let found = Sample::with_request(odd.to_owned()).read();
        assert_eq!(found.request, None);
        assert!(found.findings.iter().any(|finding| finding.contains(why)), "{why}: {:?}", found.findings);
    }
}

#[test]
fn every_missing_key_is_named() {
    let good = Sample::good;
    for (sample, key) in [
        (Sample { request: None, ..good() }, "PushCertRequestCSR is missing"),
        (Sample { chain: None, ..good() }, "PushCertCertificateChain is missing"),
        (Sample { signature: None, ..good() }, "PushCertSignature is missing"),
        (Sample { chain: Some("\n".to_owned()), ..good() }, "PushCertCertificateChain is empty"),
    ] {
        let found = sample.read();
        assert!(found.findings.iter().any(|finding| finding == key), "{key}: {:?}", found.findings);
    }
    let none = Sample { request: None, chain: None, signature: None };
    assert_eq!(read(STANDARD.encode(none.xml()).as_bytes()), None);
}

#[test]
fn the_file_may_be_written_in_many_ways() {
    let good = Sample::good();
    let expected = good.read();
    let base64 = STANDARD.encode(good.xml());
    for text in [
        wrapped(&base64, 64, "\n"),
        wrapped(&base64, 76, "\r\n"),
        wrapped(&base64, 72, "\r"),
        format!("\n {base64} \n\n"),
        base64.trim_end_matches('=').to_owned(),
        format!("\u{feff}{base64}"),
        STANDARD.encode([b"\xef\xbb\xbf\n", &good.xml()[..]].concat()),
    ] {
        assert_eq!(found(text.as_bytes()), expected);
    }
    let le: Vec<u8> = base64.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = base64.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for utf16 in [[b"\xff\xfe", &le[..]].concat(), [b"\xfe\xff", &be[..]].concat(), le] {
        assert!(only(&found(&utf16)).contains("UTF-16"));
    }
    let bare = found(&good.xml());
    assert!(only(&bare).starts_with("a bare property list, which the portal refuses"));
    assert_eq!(bare.signature, Signature::Good);
    assert!(only(&found(&[b"\n\n", &good.xml()[..]].concat())).starts_with("a bare property list"));
    assert!(only(&found(STANDARD.encode(good.binary()).as_bytes())).contains("is binary"));
    assert_eq!(found(&good.binary()).findings.len(), 2);
    let inner: Vec<u8> = String::from_utf8(good.xml()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(found(STANDARD.encode([b"\xff\xfe", &inner[..]].concat()).as_bytes()), expected);
}

#[test]
fn what_plistlib_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("chain", format!("{}{}{}", MADE.vendor, MADE.wwdr, MADE.root).as_bytes());
    write("csr", &MADE.csr);
    write("signature", &MADE.sha256);
    let program = "import plistlib, sys, base64
r = lambda name: open(name, 'rb').read()
b = lambda name: base64.b64encode(r(name)).decode()
text = {'PushCertRequestCSR': b('csr'), 'PushCertCertificateChain': r('chain').decode(), 'PushCertSignature': b('signature')}
data = {'PushCertRequestCSR': r('csr'), 'PushCertCertificateChain': r('chain'), 'PushCertSignature': r('signature')}
for name, root, form in [('a', text, plistlib.FMT_XML), ('b', text, plistlib.FMT_BINARY), ('c', data, plistlib.FMT_XML)]:
    open(name, 'wb').write(base64.b64encode(plistlib.dumps(root, fmt=form)))";
    let output = Command::new("python3").current_dir(folder.path()).args(["-c", program]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = |name: &str| found(&std::fs::read(folder.path().join(name)).unwrap());
    assert_eq!(told("a"), Sample::good().read());
    assert_eq!(told("b").findings.len(), 1);
    let data = told("c");
    assert_eq!(data.findings.len(), 3, "{:?}", data.findings);
    assert!(data.findings.iter().all(|finding| finding.ends_with("is data, where Apple asks for a string")));
    assert_eq!(data.signature, Signature::Good);
}

#[test]
fn something_else_is_none_and_a_damaged_one_is_told() {
    let plist = |inside: &str| format!("<?xml version=\"1.0\"?><plist version=\"1.0\">{inside}</plist>");
    let nested = plist("<dict><key>a</key><dict><key>PushCertSignature</key><string>x</string></dict></dict>");
    for other in [
        "",
        "text",
        "MIIB",
        "QUJDREVGR0hJSktM",
        "<html>PushCertSignature</html>",
        "<?xml version=\"1.0\"?><rss/>",
        &plist("<dict><key>PayloadType</key><string>Configuration</string></dict>"),
        &plist("<array><dict><key>PushCertSignature</key><string>x</string></dict></array>"),
        &plist("<string>PushCertSignature</string>"),
        &nested,
        &MADE.vendor,
        &MADE.csr_pem,
    ] {
        assert_eq!(read(other.as_bytes()), None, "{other}");
        assert_eq!(read(STANDARD.encode(other).as_bytes()), None, "{other}");
    }
    let good = Sample::good();
    let base64 = wrapped(&STANDARD.encode(good.xml()), 64, "\n");
    let error = |text: &str| read(text.as_bytes()).unwrap().unwrap_err();
    assert!(error(&base64[..base64.len() / 65 * 65 - 130]).contains("damaged or cut off"));
    let mut odd = base64.clone();
    odd.replace_range(650..651, "!");
    assert_eq!(error(&odd), "line 11 has a character in it that is not base64");
    let cdata = plist("<dict><key>PushCertSignature</key><string><![CDATA[x]]></string></dict>");
    assert!(error(&cdata).contains("CDATA"));
    let twice = plist(&"<key>PushCertSignature</key><string>QUJD</string>".repeat(2));
    let twice = twice.replacen("<key>", "<dict><key>", 1).replace("</plist>", "</dict></plist>");
    assert!(found(twice.as_bytes()).findings.iter().any(|finding| finding.contains("is in it twice")));
    let odd = plist("<dict><key>PushCertSignature</key><array><string>a</string></array></dict>");
    assert!(found(odd.as_bytes()).findings.iter().any(|finding| finding == "PushCertSignature is no string"));
}

#[test]
fn size_and_depth_have_an_end() {
    let plist = |inside: &str| format!("<plist><dict><key>PushCertSignature</key>{inside}</dict></plist>");
    for much in [
        format!("{}{}", "<array>".repeat(100_000), "</array>".repeat(100_000)),
        format!("<array>{}</array>", "<string>a</string>".repeat(20_000)),
        format!("<string>{}</string>", "x".repeat(5 * 1024 * 1024)),
    ] {
        let told = read(plist(&much).as_bytes()).unwrap().unwrap_err();
        assert!(told.contains("more in it than in any push request"), "{told}");
    }
}

#[test]
fn no_cut_and_no_flipped_byte_makes_it_panic() {
    let good = Sample::good();
    let expected = good.read();
    let base64 = STANDARD.encode(good.xml()).into_bytes();
    for (file, step) in [(base64, 13), (good.xml(), 11), (good.binary(), 7)] {
        for cut in (0..file.len()).step_by(step) {
            if let Some(Ok(found)) = read(&file[..cut]) {
                assert!(found.chain.len() <= expected.chain.len());
            }
        }
        for at in (0..file.len()).step_by(step) {
            let mut broken = file.clone();
            broken[at] ^= [1, 0x20, 0x80, 0xff][at % 4];
            let _ = read(&broken);
        }
    }
}
