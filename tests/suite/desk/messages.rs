//! What is no certificate: requests, profiles, tokens, keys, pages, and nothing at all.

use super::table::{CANNOT_TELL, CSR, EMPTY, KEY, NO, OLD, PROFILE, PUSH_REQUEST, Row, UNKNOWN, row};

const ADE: &str = "ade_token";
const VPP: &str = "vpp_token";
const TOPIC: &str = "topic    com.apple.mgmt.External.11111111-2222-4333-8444-555555555555";
const NO_TOPIC: &str = "no topic in profile";
const IS_REQUEST: &str = "is a certificate request";
const IS_PUSH_REQUEST: &str = "is a signed push request";
const IS_PROFILE: &str = "is a configuration profile";
const IS_KEY: &str = "is a private key";
const IS_ADE: &str = "is a server token of Automated Device Enrolment";
const IS_VPP: &str = "is a content token of Apps and Books";
const OPEN: &str = "a private key without a password is in it; it was not read";
const LOCKED: &str = "an encrypted private key is in it; it was not read";

pub(super) const ROWS: &[Row] = &[
    row("", "k1.csr", CSR, 0, "CN=Example customer", OLD, NO, IS_REQUEST),
    row("", "k1.csr.der", CSR, 0, "key      RSA 2048", OLD, NO, IS_REQUEST),
    row("R-A33", "new-label.csr", CSR, 0, "CN=Example customer", OLD, NO, IS_REQUEST),
    row("R-A01", "mark.csr", CSR, 0, "CN=Example customer", OLD, NO, IS_REQUEST),
    row("R-A01", "utf16.csr", CSR, 0, "UTF-16 text", OLD, NO, IS_REQUEST),
    row("", "push-request.b64", PUSH_REQUEST, 0, "signed   good", OLD, NO, IS_PUSH_REQUEST),
    row("", "push-request.csr", PUSH_REQUEST, 0, "whole, up to the root", OLD, NO, IS_PUSH_REQUEST),
    row("", "push-request.plist", PUSH_REQUEST, 0, "which the portal refuses", OLD, NO, IS_PUSH_REQUEST),
    row(
        "R-A11",
        "push-request-expired.b64",
        PUSH_REQUEST,
        0,
        "certificate inside expired on 2",
        OLD,
        NO,
        IS_PUSH_REQUEST,
    ),
    row("R-A11", "push-request-ten-days.b64", PUSH_REQUEST, 0, "expires in 10 days", OLD, NO, IS_PUSH_REQUEST),
    row("R-A30", "push-request-76.b64", PUSH_REQUEST, 0, "are not 64 characters long", OLD, NO, IS_PUSH_REQUEST),
    row("R-A30", "push-request-no-root.b64", PUSH_REQUEST, 0, "up to and including the root", OLD, NO, IS_PUSH_REQUEST),
    row("", "push-request-turned.b64", PUSH_REQUEST, 0, "the order of the chain is wrong", OLD, NO, IS_PUSH_REQUEST),
    row("", "push-request-bad-signature.b64", PUSH_REQUEST, 0, "signature does not fit", OLD, NO, IS_PUSH_REQUEST),
    // Profiles.
    row("", "enrol.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A37", "enrol-binary.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A37", "enrol-mark.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A37", "enrol-line-feeds.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A37", "enrol-stray-bytes.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A37", "enrol-utf16.mobileconfig", PROFILE, 0, "UTF-16 text", OLD, NO, IS_PROFILE),
    row("R-A34", "enrol-signed-der.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A34", "enrol-signed-pem.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A34", "enrol-signed-stream.mobileconfig", PROFILE, 0, "signature was not checked", OLD, NO, IS_PROFILE),
    row("R-A35", "enrol-signed-ber.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A35", "enrol-signed-ber-large.mobileconfig", PROFILE, 0, TOPIC, OLD, NO, IS_PROFILE),
    row("R-A35", "garbage.pem", UNKNOWN, 2, "neither PEM nor DER", OLD, CANNOT_TELL, "neither PEM nor DER"),
    row("R-A12", "enrol-empty-topic.mobileconfig", PROFILE, 0, NO_TOPIC, OLD, NO, IS_PROFILE),
    row("R-A12", "enrol-blank-topic.mobileconfig", PROFILE, 0, NO_TOPIC, OLD, NO, IS_PROFILE),
    row("R-A12", "enrol-no-topic.mobileconfig", PROFILE, 0, NO_TOPIC, OLD, NO, IS_PROFILE),
    row("", "enrol-two-topics.mobileconfig", PROFILE, 0, "it names different topics", OLD, NO, IS_PROFILE),
    row("", "enrols-nobody.mobileconfig", PROFILE, 0, "it enrols nobody", OLD, NO, IS_PROFILE),
    row("", "enrol-encrypted.mobileconfig", PROFILE, 0, "encrypted for one device", OLD, NO, IS_PROFILE),
    row("", "no-profile.plist", UNKNOWN, 2, "neither a profile nor", OLD, CANNOT_TELL, "neither a profile nor"),
    // Tokens.
    row("", "server-token-smime.p7m", ADE, 0, "as Apple gives it (S/MIME)", OLD, NO, IS_ADE),
    row("", "server-token-der.p7m", ADE, 0, "for      the key of the certificate", OLD, NO, IS_ADE),
    row("", "server-token-pem.p7m", ADE, 0, "PEM, encrypted for the MDM", OLD, NO, IS_ADE),
    row("", "server-token-decrypted.txt", ADE, 0, "a plain secret", OLD, NO, IS_ADE),
    row("", "content-token.vpptoken", VPP, 0, "of       Example School", OLD, NO, IS_VPP),
    row("", "content-token-expired.vpptoken", VPP, 0, "expired 10 days ago", OLD, NO, IS_VPP),
    // Keys.
    row("", "k1-pkcs1.pem", KEY, 0, OPEN, OLD, NO, IS_KEY),
    row("", "k1-pkcs1.der", KEY, 0, OPEN, OLD, NO, IS_KEY),
    row("", "k1.key", KEY, 0, OPEN, OLD, NO, IS_KEY),
    row("", "k1-pkcs8.der", KEY, 0, OPEN, OLD, NO, IS_KEY),
    row("", "k1-pkcs8-encrypted.pem", KEY, 0, LOCKED, OLD, NO, IS_KEY),
    row("", "k1-pkcs8-encrypted.der", KEY, 0, LOCKED, OLD, NO, IS_KEY),
    row("", "k1-proc-type.pem", KEY, 0, LOCKED, OLD, NO, IS_KEY),
    row("", "ec.pem", KEY, 0, OPEN, OLD, NO, IS_KEY),
    row("", "openssh.key", KEY, 0, "a private key is in it; it was not read", OLD, NO, IS_KEY),
    // The rest.
    row("", "page.pem", "html", 0, "its title is \"Sign in\"", OLD, NO, "sign in again and download"),
    row("", "portal.json", "json", 0, "Certificate Signature Verification failed", OLD, NO, "(error -80018)"),
    row("", "empty.pem", EMPTY, 2, "empty", OLD, CANNOT_TELL, "the file is empty"),
    row("", "blanks.pem", EMPTY, 2, "there is nothing in it", OLD, CANNOT_TELL, "the file is empty"),
    row("", "zeros.pem", UNKNOWN, 2, "nothing but zero bytes", OLD, CANNOT_TELL, "nothing but zero bytes"),
    row("", "notes.txt", UNKNOWN, 2, "not recognised", OLD, CANNOT_TELL, "neither PEM nor DER"),
    row("", "revoked.crl", UNKNOWN, 2, "labelled X509 CRL is not supported", OLD, CANNOT_TELL, "X509 CRL"),
    row("", "gone.pem", UNKNOWN, 2, "gone.pem", OLD, CANNOT_TELL, "gone.pem"),
    row("", "a folder", UNKNOWN, 2, "a folder", OLD, CANNOT_TELL, "a folder"),
];
