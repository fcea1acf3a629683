//! Containers made by OpenSSL. What it cannot make, and what nobody should, is in [`writer`] and [`hostile`].

mod hostile;
mod writer;

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::*;
use crate::certificate::pem;

const NO_KEY: &str = "no private key is in it";
const NO_MAC: &str = "its integrity is not protected: it has no MAC";
const UMLAUT: &str = "Pa\u{df}wort \u{fc}ber \u{1f511} \u{20ac}";

/// A leaf with its key, `leaf.pem` and `leaf.key`, and two certificates of others, `chain.pem`.
static MADE: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    for name in ["leaf", "one", "two"] {
        let (key, cert, subject) = (format!("{name}.key"), format!("{name}.pem"), format!("/CN={name}"));
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", &subject];
        openssl(dir.path(), &[&["req", "-x509", "-keyout", &key, "-out", &cert], &curve[..]].concat());
    }
    let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    std::fs::write(dir.path().join("chain.pem"), [read("one.pem"), read("two.pem")].concat()).unwrap();
    dir
});

fn openssl(dir: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("openssl").current_dir(dir).args(arguments).output().expect("openssl is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The certificates in a file of [`MADE`], DER.
fn certificates(name: &str) -> Vec<Vec<u8>> {
    let text = std::fs::read(MADE.path().join(name)).unwrap();
    pem::blocks(&text).0.iter().map(|block| block.decode().unwrap()).collect()
}

/// The leaf with its key and these options, under a password.
fn export(password: &str, options: &[&str]) -> Vec<u8> {
    let password = format!("pass:{password}");
    let fixed = ["pkcs12", "-export", "-in", "leaf.pem", "-inkey", "leaf.key", "-passout", &password];
    openssl(MADE.path(), &[&fixed, options].concat())
}

fn notes(container: &Container) -> Vec<&str> {
    container.notes.iter().map(String::as_str).collect()
}

#[test]
fn every_kind_of_encryption_and_of_mac_is_read() {
    for options in [
        &[][..],
        &["-certpbe", "AES-128-CBC"],
        &["-certpbe", "AES-192-CBC"],
        &["-certpbe", "AES-256-CBC"],
        &["-certpbe", "DES-EDE3-CBC"],
        &["-legacy"],
        &["-legacy", "-certpbe", "PBE-SHA1-RC2-40"],
        &["-legacy", "-certpbe", "PBE-SHA1-RC2-128"],
        &["-certpbe", "PBE-SHA1-3DES"],
        &["-certpbe", "PBE-SHA1-2DES"],
        &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1", "-iter", "1"],
        &["-certpbe", "NONE"],
        &["-certpbe", "NONE", "-keypbe", "NONE"],
        &["-macalg", "sha1"],
        &["-macalg", "sha224"],
        &["-macalg", "sha256"],
        &["-macalg", "sha384"],
        &["-macalg", "sha512"],
        &["-iter", "1"],
        &["-iter", "10000"],
        &["-noiter"],
        &["-nomaciter"],
        &["-name", "a friendly name", "-LMK"],
    ] {
        for password in ["secret", UMLAUT] {
            let bytes = export(password, options);
            assert!(is_pkcs12(&bytes), "{options:?}");
            let found = open(&bytes, Some(password)).unwrap_or_else(|error| panic!("{options:?}: {error}"));
            let certificates = certificates("leaf.pem");
            assert_eq!(
                found,
                Container { certificates, keys: 1, is_authenticated: true, notes: vec![] },
                "{options:?}"
            );
            assert_eq!(open(&bytes, Some("another")), Err(Pkcs12Error::WrongPassword), "{options:?}");
            assert_eq!(open(&bytes, Some("")), Err(Pkcs12Error::WrongPassword), "{options:?}");
            assert_eq!(open(&bytes, None), Err(Pkcs12Error::PasswordNeeded), "{options:?}");
        }
    }
}

#[test]
fn without_a_mac_a_wrong_password_is_told_too() {
    for (options, certpbe) in
        [(&[][..], "AES-256-CBC"), (&[], "PBE-SHA1-3DES"), (&["-legacy"], "PBE-SHA1-RC2-40"), (&[], "DES-EDE3-CBC")]
    {
        // In this order: "-nomac" switches the encryption of certificates off, "-iter" the MAC on.
        let bytes = export("secret", &[options, &["-iter", "1", "-nomac", "-certpbe", certpbe]].concat());
        let found = open(&bytes, Some("secret")).unwrap();
        assert_eq!((found.keys, found.is_authenticated, notes(&found)), (1, false, vec![NO_MAC]));
        assert_eq!(found.certificates, certificates("leaf.pem"));
        assert_eq!(open(&bytes, None), Err(Pkcs12Error::PasswordNeeded));
        // So many that padding looks right for some of them.
        for n in 0..2000 {
            assert_eq!(open(&bytes, Some(&format!("wrong {n}"))), Err(Pkcs12Error::WrongPassword));
        }
    }
    let bytes = export("secret", &["-nomac", "-certpbe", "NONE"]);
    assert_eq!(notes(&open(&bytes, None).unwrap()), [NO_MAC], "nothing to decrypt, nothing to check");
}

#[test]
fn what_a_keychain_exports_is_read() {
    let chain = export("secret", &["-certfile", "chain.pem"]);
    let found = open(&chain, Some("secret")).unwrap();
    assert_eq!(found.certificates, [certificates("leaf.pem"), certificates("chain.pem")].concat());
    assert_eq!((found.keys, notes(&found)), (1, vec![]));

    let dir = MADE.path();
    let alone = openssl(dir, &["pkcs12", "-export", "-in", "leaf.pem", "-nokeys", "-passout", "pass:secret"]);
    let found = open(&alone, Some("secret")).unwrap();
    assert_eq!((found.certificates, found.keys, found.notes), (certificates("leaf.pem"), 0, vec![NO_KEY.to_owned()]));

    let many = ["pkcs12", "-export", "-in", "chain.pem", "-nokeys", "-passout", "pass:secret"];
    assert_eq!(open(&openssl(dir, &many), Some("secret")).unwrap().certificates, certificates("chain.pem"));
}

#[test]
fn the_empty_password_needs_not_be_given() {
    for options in [
        &[][..],
        &["-certpbe", "PBE-SHA1-3DES"],
        &["-legacy"],
        &["-nomac", "-certpbe", "AES-256-CBC"],
        &["-legacy", "-nomac", "-certpbe", "PBE-SHA1-RC2-40"],
    ] {
        let bytes = export("", options);
        for password in [None, Some("")] {
            let found = open(&bytes, password).unwrap_or_else(|error| panic!("{options:?}: {error}"));
            assert_eq!(found.certificates, certificates("leaf.pem"));
        }
        assert_eq!(open(&bytes, Some("x")), Err(Pkcs12Error::WrongPassword));
    }
}

#[test]
fn a_password_may_be_in_the_form_of_old_programs() {
    // What they would make of these two letters, OpenSSL makes of the four characters that their bytes are in Latin-1.
    let bytes = export("\u{c3}\u{bc}\u{c3}\u{9f}", &["-certpbe", "PBE-SHA1-3DES"]);
    assert_eq!(open(&bytes, Some("\u{fc}\u{df}")).unwrap().certificates, certificates("leaf.pem"));
    assert_eq!(open(&bytes, Some("\u{fc}")), Err(Pkcs12Error::WrongPassword));
}

/// PKCS#8 encrypts in the same ways, and there OpenSSL can be told the function within PBKDF2.
#[test]
fn every_function_within_pbkdf2_is_known() {
    let dir = MADE.path();
    let plain = openssl(dir, &["pkcs8", "-topk8", "-in", "leaf.key", "-nocrypt", "-outform", "DER"]);
    for options in [
        &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"][..],
        &["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA256"],
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA384"],
        &["-v2", "des3", "-v2prf", "hmacWithSHA512"],
        &["-v1", "PBE-SHA1-2DES"],
    ] {
        let fixed = ["pkcs8", "-topk8", "-in", "leaf.key", "-outform", "DER", "-passout", "pass:secret"];
        let bytes = openssl(dir, &[&fixed, options].concat());
        let mut fields = Fields::new(&bytes).enter(SEQUENCE).unwrap();
        let scheme = Scheme::read(fields.enter(SEQUENCE).unwrap()).unwrap();
        let data = fields.take(OCTETS).unwrap();
        let told = scheme.decrypt(data, &Passwords::new(Some("secret")), 0, &mut Budget::default()).unwrap();
        assert_eq!(told.unwrap()[..], plain, "{options:?}");
    }
    let fixed = ["pkcs8", "-topk8", "-in", "leaf.key", "-outform", "DER", "-passout", "pass:secret"];
    for (options, told) in [
        (&["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA224"][..], "PBKDF2 with the function 1.2.840.113549.2.8"),
        (&["-scrypt", "-scrypt_N", "2"], "the key derivation scrypt"),
        (&["-v1", "PBE-SHA1-RC4-40", "-provider", "legacy", "-provider", "default"], "the encryption RC4"),
        (&["-v2", "camellia-128-cbc"], "the encryption 1.2.392.200011.61.1.1.1.2 in PBES2"),
    ] {
        let bytes = openssl(dir, &[&fixed, options].concat());
        let mut fields = Fields::new(&bytes).enter(SEQUENCE).unwrap();
        let error = Scheme::read(fields.enter(SEQUENCE).unwrap()).err().unwrap();
        assert_eq!(error, Pkcs12Error::Unsupported(told.to_owned()), "{options:?}");
    }
}
