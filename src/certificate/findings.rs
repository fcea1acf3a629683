//! What a person should know about a certificate, one sentence each: facts about it and never reasons to ignore it.

use chrono::TimeDelta;

use super::{Certificate, Kind};
use crate::model::{IssuerLevel, Topic};
use crate::words::{clean, span};

/// Apple's live 365 days. Less than this is called short everywhere in the program.
pub const SHORT_LIFE: TimeDelta = TimeDelta::days(350);
/// More than this never came from Apple's push portal.
const LONG_LIFE: TimeDelta = TimeDelta::days(400);

/// Everything worth saying that does not depend on the present moment. The gravest come first.
pub(super) fn of(certificate: &Certificate) -> Vec<String> {
    let mut out = Vec::new();
    let pretends = certificate.uids.iter().any(Topic::is_mdm)
        || certificate.common_name.as_deref().is_some_and(|name| name.starts_with("APSP:"));
    if pretends {
        pretender(certificate, &mut out);
    }
    serial(certificate, &mut out);
    if certificate.not_after < certificate.not_before {
        out.push("it ends before it begins".to_owned());
    }
    out
}

/// For a certificate that is an MDM push certificate or looks like one.
fn pretender(certificate: &Certificate, out: &mut Vec<String>) {
    let is_push = certificate.kind == Kind::MdmPushCertificate;
    if !is_push {
        match certificate.uids.first() {
            Some(uid) if !uid.is_mdm() => out.push(format!(
                "it looks like an MDM push certificate, but its UID {} does not start with com.apple.mgmt.",
                clean(uid.as_str(), 80)
            )),
            Some(_) => out.push(
                "it has the topic of an MDM push certificate, but it is not allowed for client authentication and so \
                 is none"
                    .to_owned(),
            ),
            None => {
                out.push("it looks like an MDM push certificate, but its subject has no UID and so no topic".to_owned())
            }
        }
    }
    if certificate.topic_ambiguous() {
        let all: Vec<_> = certificate.uids.iter().map(|uid| clean(uid.as_str(), 80)).collect();
        out.push(format!("ambiguous topic: its subject has different UIDs ({})", all.join(", ")));
    }
    if certificate.odd_uids > 0 {
        out.push(
            "its subject has a UID that can be no topic: unreadable, too long, or with blanks around it".to_owned(),
        );
    }
    match certificate.issuer.level {
        IssuerLevel::Apple => {}
        IssuerLevel::SelfSigned => out.push("signed by itself: not issued by Apple, never upload it".to_owned()),
        IssuerLevel::Unknown => {}
    }
    out.extend(not_apples(certificate));
    if is_push && certificate.guid_matches.is_none() {
        out.push("its common name is not APSP: and the GUID of its topic, as in Apple's".to_owned());
    }
    if certificate.uids.iter().any(|uid| has_start(uid, "com.apple.mgmt.xserver.")) {
        out.push("made by Profile Manager of macOS Server, whose renewals ended on 29 October 2024".to_owned());
    }
    let life = certificate.not_after - certificate.not_before;
    if life < SHORT_LIFE && life > TimeDelta::zero() {
        out.push(format!("valid for only {} in all; Apple's live one year", span(life)));
    }
}

/// Why a certificate with the topic of an MDM did not come from Apple's push portal. Whoever is about to upload it must know that.
pub(super) fn not_apples(certificate: &Certificate) -> Vec<String> {
    let mut out = Vec::new();
    if certificate.issuer.level == IssuerLevel::Unknown {
        out.push("its issuer does not call itself Apple Inc.".to_owned());
    }
    if certificate.guid_matches == Some(false) {
        out.push("the GUID in its UID is not the one in its common name; in Apple's they are the same".to_owned());
    }
    if certificate.kind == Kind::MdmPushCertificate {
        if !certificate.apns_marker {
            out.push("Apple's push marker (1.2.840.113635.100.6.3.2) is missing".to_owned());
        }
        if certificate.is_ca {
            out.push("it is marked as a CA, which Apple's never are".to_owned());
        }
    }
    let life = certificate.not_after - certificate.not_before;
    if life > LONG_LIFE {
        out.push(format!("valid for {} in all; Apple's live one year", span(life)));
    }
    out
}

/// RFC 5280, 4.1.2.2: positive, at most 20 bytes. Apple's have 8.
fn serial(certificate: &Certificate, out: &mut Vec<String>) {
    let Some(serial) = &certificate.serial else {
        out.push("it has no serial number".to_owned());
        return;
    };
    let digits = serial.to_string();
    let bytes = digits.trim_start_matches('-').len() / 2;
    if digits.starts_with('-') {
        out.push("its serial number is negative".to_owned());
    } else if !serial.is_positive() {
        out.push("its serial number is zero".to_owned());
    }
    if bytes >= 20 {
        out.push(format!("its serial number has {bytes} bytes"));
    }
}

fn has_start(topic: &Topic, start: &str) -> bool {
    topic.as_str().get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}
