//! Certificates of every kind, and push certificates that differ from a good renewal in one thing.

use super::table::{CA, CANNOT_TELL, CERTIFICATE, NO, OLD, PUSH, RENEWAL, Row, SAME, WARNING, row};

const LATER: &str = "later than the one in use";
const AMBIGUOUS: &str = "two different UIDs";

pub(super) const ROWS: &[Row] = &[
    row("", "old.pem", PUSH, 0, "serial   0552818DF267903F", OLD, NO, "in use already"),
    row("R-A22", "renewed.pem", PUSH, 0, SAME, OLD, RENEWAL, "was not checked: give the request (--csr) or the key"),
    row("", "renewed.der", PUSH, 0, SAME, OLD, RENEWAL, LATER),
    row("R-A17", "same-key.pem", PUSH, 0, "expires in", OLD, RENEWAL, "its key is the one of the certificate in use"),
    row("R-A17", "renewed.pem", PUSH, 0, SAME, "--against same-key.pem", NO, "it is an older one"),
    row("R-A17", "seen.pem", PUSH, 0, "expires in", "--against same-key.pem", RENEWAL, LATER),
    // What is another certificate.
    row("", "app-push.pem", "app_push_certificate", 0, "of no use to an MDM", OLD, NO, "is an app push certificate"),
    row("", "vendor.pem", "mdm_vendor_certificate", 0, "signs the requests", OLD, NO, "is an MDM vendor certificate"),
    row("", "pass.pem", "pass_certificate", 0, "signs passes for Wallet", OLD, NO, "is a Pass Type ID certificate"),
    row("", "device.pem", "device_identity", 0, "people take it for", OLD, NO, "It belongs to one device"),
    row("", "server.pem", CERTIFICATE, 0, "not one for MDM push", OLD, NO, "is a certificate (mdm.example.com)"),
    row("", "ca.pem", CA, 0, "issues other certificates", OLD, NO, "is a CA certificate (Push CA made for a test)"),
    row("", "root.pem", CA, 0, "issuer   itself", OLD, NO, "is a CA certificate (Root CA made for a test)"),
    row(
        "R-A24",
        "scep-ca.pem",
        CA,
        0,
        "issues other certificates",
        "--against old.pem --key k1.key",
        NO,
        "\n  - the file is a CA certificate (SCEP CA of an MDM): issues other certificates, its dates say nothing about a \
         push certificate\n  - its key is not that of the private key",
    ),
    row("", "server-macos.pem", PUSH, 0, "Profile Manager", OLD, NO, "another topic"),
    // Whose it is.
    row("", "created.pem", PUSH, 0, "99999999", OLD, NO, "made with Create instead of Renew & Nothing is lost yet"),
    row("R-A09", "two-uids.pem", PUSH, 0, "ambiguous topic", OLD, NO, AMBIGUOUS),
    row("R-A09", "two-uids-turned.pem", PUSH, 0, "ambiguous topic", OLD, NO, AMBIGUOUS),
    row(
        "R-A09",
        "renewed.pem",
        PUSH,
        0,
        SAME,
        "--against two-uids.pem",
        CANNOT_TELL,
        "no single topic to compare with",
    ),
    row("R-A10", "uid-in-a-set.pem", PUSH, 0, "topic    com.apple.mgmt.External.11111111", OLD, RENEWAL, LATER),
    row("R-A12", "no-uid.pem", CERTIFICATE, 0, "no UID and so no topic", OLD, NO, "no UID and so no topic"),
    row("R-A12", "empty-uid.pem", CERTIFICATE, 0, "no UID and so no topic", OLD, NO, "no UID and so no topic"),
    row("R-A19", "odd-organisation.pem", PUSH, 0, "A, B + \\\"C\\\"", OLD, RENEWAL, LATER),
    row("", "wrong-prefix.pem", CERTIFICATE, 0, "does not start with", OLD, NO, "does not start with com.apple.mgmt."),
    row("", "server-only.pem", CERTIFICATE, 0, "and so is none", OLD, NO, "not allowed for client authentication"),
    row("", "other-guid.pem", PUSH, 0, "is not the one in its common name", OLD, RENEWAL, LATER),
    row("", "in-country.pem", PUSH, 0, "country  IN", OLD, RENEWAL, LATER),
    // Who signed it.
    row("R-A21", "signed-by-itself.pem", PUSH, 0, "never upload it", OLD, NO, "signed by itself and not by Apple"),
    row("R-A21", "strange-signer.pem", PUSH, 0, "Apple by name", OLD, RENEWAL, "the signature was not checked"),
    row(
        "R-A21",
        "strange-signer.pem",
        PUSH,
        0,
        "Apple by name",
        "--against old.pem --push-ca ca.pem",
        NO,
        "not issued by the push CA that was given",
    ),
    row("", "renewed.pem", PUSH, 0, SAME, "--against old.pem --push-ca ca.pem", RENEWAL, "signed by Push CA made for"),
    row("", "renewed.pem", PUSH, 0, SAME, "--against old.pem --push-ca old.pem", WARNING, "CA could not be used"),
    row(
        "",
        "strange-issuer.pem",
        PUSH,
        0,
        "does not call itself Apple",
        OLD,
        WARNING,
        "does not call itself Apple Inc.",
    ),
    // When.
    row("", "older.pem", PUSH, 0, "expires in", OLD, NO, "it is an older one"),
    row("", "short.pem", PUSH, 0, "valid for only 60 days", OLD, WARNING, "it lives for 60 days"),
    row("", "future.pem", PUSH, 0, "not yet valid", OLD, WARNING, "until then no device is reached by it"),
    row("", "skewed.pem", PUSH, 0, "a slow clock", OLD, RENEWAL, LATER),
    row("R-A32", "expired-second.pem", PUSH, 0, "nobody promises a late renewal", OLD, NO, "it expired"),
    row("R-A32", "expired-29.pem", PUSH, 0, "nobody promises a late renewal", OLD, NO, "it expired 29 days ago"),
    row("R-A32", "expired-31.pem", PUSH, 0, "nobody promises a late renewal", OLD, NO, "it expired 31 days ago"),
    row("R-A32", "expired-400.pem", PUSH, 0, "renew it now", OLD, NO, "it expired 400 days ago"),
    // Serial numbers.
    row("R-A18", "leading-zero.pem", PUSH, 0, "serial   12345678ABCDEF\n", OLD, RENEWAL, LATER),
    row("R-A18", "leading-zero.pem", PUSH, 0, "serial", "--against leading-zero.pem", NO, "in use already"),
    row("R-A18", "text-first.pem", PUSH, 0, SAME, "--against renewed.der", NO, "in use already"),
    row("", "negative.pem", PUSH, 0, "is negative", OLD, RENEWAL, LATER),
    row("", "zero.pem", PUSH, 0, "is zero", OLD, RENEWAL, LATER),
    row("", "long.pem", PUSH, 0, "has 20 bytes", OLD, RENEWAL, LATER),
    // What else is in the file.
    row("", "two-topics.pem", PUSH, 0, "several push certificates", OLD, NO, "certificates of two topics in it"),
    row("", "old-and-new.pem", PUSH, 0, "several push certificates", OLD, WARNING, "more than one certificate"),
    row("", "same-twice.pem", PUSH, 0, SAME, OLD, RENEWAL, LATER),
];
