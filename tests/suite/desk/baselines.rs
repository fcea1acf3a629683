//! One good certificate, compared with everything: baselines, requests, keys, tenants.

use super::table::{CANNOT_TELL, CERTIFICATE, NO, OLD, PUSH, RENEWAL, Row, SAME, WARNING, row};

const T1: &str = "--topic com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
const T2: &str = "--topic com.apple.mgmt.External.99999999-8888-4777-8666-555555555555";
const NORTH: &str = "--config apnswatch.yaml --tenant north";
const SOUTH: &str = "--config apnswatch.yaml --tenant south";
const LOCKED: &str = "the key is encrypted, a password is needed";
const FITS: &str = "its key is that of the private key";

const fn renewed(case: &'static str, with: &'static str, verdict: u8, because: &'static str) -> Row {
    row(case, "renewed.pem", PUSH, 0, SAME, with, verdict, because)
}

pub(super) const ROWS: &[Row] = &[
    renewed("", T1, RENEWAL, "only the topic was compared"),
    renewed("", T2, NO, "another topic & whose UID is com.apple.mgmt.External.99999999"),
    // Nothing to compare with, and nothing that could be read: two texts, and neither is leave to upload.
    renewed("R-A03", "", CANNOT_TELL, "there is nothing to compare it with; its topic is"),
    row("R-A03", "cut.der", "unknown", 2, "cut off", "", CANNOT_TELL, "the file holds nothing that could be read"),
    renewed("R-A03", "--against gone.pem", CANNOT_TELL, "nothing to compare it with & gone.pem"),
    renewed("R-A03", "--config apnswatch.yaml --tenant nothing-known", CANNOT_TELL, "and file failed & gone.pem"),
    renewed("R-A03", "--config apnswatch.yaml --tenant refused", CANNOT_TELL, "and api failed & refused"),
    renewed("", "--against page.pem", CANNOT_TELL, "is HTML"),
    renewed("", "--against two-topics.pem", CANNOT_TELL, "no single topic to compare with"),
    // Two that have no topic are not the same one.
    renewed("R-A12", "--against enrol-empty-topic.mobileconfig", CANNOT_TELL, "nothing to compare it with"),
    row(
        "R-A12",
        "no-uid.pem",
        CERTIFICATE,
        0,
        "no UID and so no topic",
        "--against enrol-empty-topic.mobileconfig",
        NO,
        "no UID and so no topic",
    ),
    row("R-A12", "empty-uid.pem", CERTIFICATE, 0, "no topic", "--against no-uid.pem", NO, "no UID and so no topic"),
    row("", "expired-29.pem", PUSH, 0, "expired", "--against gone.pem", NO, "it expired 29 days ago"),
    // Keys.
    renewed("R-A15", "--against old.pem --key k1-pkcs1.pem", RENEWAL, FITS),
    renewed("R-A15", "--against old.pem --key k1.key", RENEWAL, FITS),
    renewed("R-A15", "--against old.pem --key k1-pkcs8.der", RENEWAL, FITS),
    renewed("R-A15", "--against old.pem --key k1-pkcs1.der", RENEWAL, FITS),
    renewed("R-A15", "--against old.pem --key k1-pkcs8-encrypted.pem", WARNING, LOCKED),
    renewed("R-A15", "--against old.pem --key k1-pkcs8-encrypted.der", WARNING, LOCKED),
    renewed("R-A15", "--against old.pem --key k1-proc-type.pem", WARNING, LOCKED),
    renewed("", "--against old.pem --key key-and-certificate.pem", RENEWAL, FITS),
    renewed("", "--against old.pem --key openssh.key", WARNING, "a key of OpenSSH is no key of a certificate"),
    renewed("", "--against old.pem --key page.pem", WARNING, "no private key is in it"),
    renewed("", "--against old.pem --key gone.pem", WARNING, "the private key could not be compared"),
    renewed("", "--against old.pem --key ec.pem", NO, "its key is not that of the private key"),
    renewed("", "--against old.pem --key old.key", NO, "in the certificate and & in the private key"),
    // Requests.
    renewed("", "--against old.pem --csr k1.csr", RENEWAL, "its key is that of the request"),
    renewed("", "--against old.pem --csr k1.csr.der", RENEWAL, "its key is that of the request"),
    renewed("R-A33", "--against old.pem --csr new-label.csr", RENEWAL, "its key is that of the request"),
    renewed("R-A01", "--against old.pem --csr utf16.csr", RENEWAL, "its key is that of the request"),
    renewed("", "--against old.pem --csr push-request.b64", RENEWAL, "its key is that of the request"),
    renewed("", "--against old.pem --csr old.csr", NO, "SHA-256 of the public key is & in the certificate and"),
    renewed("", "--against old.pem --csr page.pem", WARNING, "the request could not be compared"),
    renewed(
        "",
        "--against old.pem --csr k1.csr --key k1.key --push-ca ca.pem",
        RENEWAL,
        "request & private key & Push CA",
    ),
    // Tenants. What was seen of the first, and taken back, is not new.
    renewed("", NORTH, RENEWAL, "later than the one in use"),
    row("", "seen.pem", PUSH, 0, "expires in", NORTH, WARNING, "it was seen for this tenant before"),
    row("R-A18", "old.pem", PUSH, 0, "expires in", NORTH, NO, "in use already"),
    row(
        "R-A07",
        "created.pem",
        PUSH,
        0,
        "99999999",
        NORTH,
        NO,
        "this is the certificate of tenant south: the wrong row was renewed & with the account apns@example.com",
    ),
    renewed("R-A07", SOUTH, NO, "this is the certificate of tenant north: the wrong row was renewed"),
    row("R-A07", "created.pem", PUSH, 0, "99999999", SOUTH, RENEWAL, "later than the one in use"),
    row("", "page.pem", "html", 0, "a web page", NORTH, NO, "is HTML"),
    row("", "gone.pem", "unknown", 2, "gone.pem", NORTH, CANNOT_TELL, "gone.pem"),
    row(
        "",
        "created.pem",
        PUSH,
        0,
        "99999999",
        "--config apnswatch.yaml --tenant nothing-known",
        CANNOT_TELL,
        "no topic of tenant nothing-known",
    ),
    row("", "renewed.der", PUSH, 0, SAME, "--against two-uids-turned.pem", CANNOT_TELL, "no single topic"),
    row("", "created.pem", PUSH, 0, "99999999", OLD, NO, "would make every enrolled device deaf"),
];
