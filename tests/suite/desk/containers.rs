//! PKCS#12 containers. No MDM asks for one, so the best that can be said is a warning.

use super::table::{CANNOT_TELL, NO, OLD, P12, Row, SAME, WARNING, row};

const OPENED: &str = "--against old.pem --password-file password";
const WRONG: &str = "--against old.pem --password-file password-wrong";
const NONE_GIVEN: &str = "--against old.pem --password-file password-empty";
const ASKED_FOR: &str = "an MDM asks for the .pem file";

pub(super) const ROWS: &[Row] = &[
    row("", "aes.p12", P12, 0, SAME, OPENED, WARNING, ASKED_FOR),
    row("", "3des.p12", P12, 0, SAME, OPENED, WARNING, ASKED_FOR),
    row("", "rc2-40.p12", P12, 0, SAME, OPENED, WARNING, ASKED_FOR),
    row("", "rc2-128.p12", P12, 0, SAME, OPENED, WARNING, ASKED_FOR),
    row("", "aes.p12", P12, 2, "the password is wrong", WRONG, CANNOT_TELL, "the password is wrong"),
    row("", "aes.p12", P12, 2, "none was given", OLD, CANNOT_TELL, "protected by a password, and none was given"),
    row("", "aes.p12", P12, 2, "the password is wrong", NONE_GIVEN, CANNOT_TELL, "the password is wrong"),
    row("", "renewed.pem", "mdm_push_certificate", 0, SAME, "--against aes.p12 --password-file password", NO, "in use"),
    row("R-A13", "no-mac.p12", P12, 0, "its integrity is not protected: it has no MAC", OPENED, WARNING, ASKED_FOR),
    row("R-A13", "no-mac-hidden.p12", P12, 0, "it has no MAC", OPENED, WARNING, ASKED_FOR),
    row("R-A13", "no-mac-hidden.p12", P12, 2, "the password is wrong", WRONG, CANNOT_TELL, "the password is wrong"),
    row("R-A26", "empty-password.p12", P12, 0, SAME, OLD, WARNING, ASKED_FOR),
    row("R-A26", "empty-as-zeros.p12", P12, 0, SAME, OLD, WARNING, ASKED_FOR),
    row("R-A26", "empty-as-zeros.p12", P12, 0, SAME, NONE_GIVEN, WARNING, ASKED_FOR),
    row("R-A26", "empty-as-nothing.p12", P12, 0, SAME, OLD, WARNING, ASKED_FOR),
    row("R-A26", "empty-as-nothing.p12", P12, 0, SAME, NONE_GIVEN, WARNING, ASKED_FOR),
    row("R-A29", "no-key.p12", P12, 0, "no private key is in it", OPENED, WARNING, ASKED_FOR),
    row("R-A29", "key-twice.p12", P12, 0, "2 private keys are in it", OPENED, WARNING, ASKED_FOR),
    row("R-A29", "whole-chain.p12", P12, 0, SAME, OPENED, WARNING, ASKED_FOR),
    row("", "key-alone.p12", P12, 0, "no certificate is in it", OPENED, NO, "no certificate is in it"),
    row("", "app-push.p12", P12, 0, "with an app push certificate", OPENED, NO, "with an app push certificate"),
    row("", "cut.p12", P12, 2, "cut off", OPENED, CANNOT_TELL, "cut off"),
    row("", "billions.p12", P12, 2, "takes 2000000000 iterations or more", OPENED, CANNOT_TELL, "too costly"),
];
