//! Public certificates of the field, read where they lie beside the project. Their dates pass, so no row hangs on one.

use std::path::PathBuf;

use super::table::{CA, CERTIFICATE, NO, PROFILE, PUSH, Row, row};
use crate::support::project;

/// Stands in front of the name of a file in that folder.
pub(super) const MARK: &str = "shared:";

pub(super) fn folder() -> PathBuf {
    project("../shared/certs")
}

const OLD: &str = "--against shared:mdm-push-2024.pem";
const APP: &str = "app_push_certificate";

pub(super) const ROWS: &[Row] = &[
    row("", "shared:mdm-push-2021.pem", PUSH, 0, "734DF9C0BB2703FD", OLD, NO, "it expired"),
    row("", "shared:mdm-push-2024.pem", PUSH, 0, "680E7B663005A423", OLD, NO, "it expired"),
    row("R-A18", "shared:mdm-push-2026.pem", PUSH, 0, "0552818DF267903F", OLD, NO, "the original row"),
    row("", "shared:app-push-sandbox-2024.pem", APP, 0, "of no use to an MDM", OLD, NO, "is an app push certificate"),
    row("", "shared:apple-aai2-ca.pem", CA, 0, "issues other", OLD, NO, "Apple Application Integration 2"),
    row("", "shared:apple-root-ca.pem", CA, 0, "issuer   itself", OLD, NO, "(Apple Root CA)"),
    row("", "shared:apple-server-auth-ca.pem", CA, 0, "issues other", OLD, NO, "Apple Server Authentication CA"),
    row("R-A21", "shared:mock-selfsigned-lookalike.pem", CERTIFICATE, 0, "never upload it", OLD, NO, "never upload it"),
    row("", "shared:mock-wrong-uid-prefix.pem", CERTIFICATE, 0, "does not start", OLD, NO, "does not start with"),
    row(
        "",
        "shared:enroll-unsigned.mobileconfig",
        PROFILE,
        0,
        "an enrolment profile",
        OLD,
        NO,
        "is a configuration profile",
    ),
];
