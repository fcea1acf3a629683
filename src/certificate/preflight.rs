//! Is a file the renewal of a certificate, or a disaster? Said before the upload, by comparing one line: the topic.
//! What else is at hand (the request, the key, the CA) is weighed after it.

mod evidence;

use chrono::{DateTime, TimeDelta, Utc};

pub use self::evidence::{Evidence, Given};
use super::findings::{SHORT_LIFE, not_apples};
use super::{Certificate, Contents, Item, Kind, PublicKey, What};
use crate::model::{IssuerLevel, Serial, Topic};
use crate::words::{clean, span, until};

/// A clock that is wrong by no more than this explains a start in the future.
const SKEW: TimeDelta = TimeDelta::minutes(15);

/// A new certificate begins when it is made, and is uploaded soon after. One that began longer ago may be the one in use.
const RECENT: TimeDelta = TimeDelta::days(30);

/// What a new certificate is compared with. Whatever is not known is not compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// The topic that must stay.
    pub topic: Option<Topic>,
    /// Whether that topic was only taken at first sight, and nobody compared it with a device.
    pub is_unconfirmed: bool,
    /// The end of the present certificate, where it is known exactly.
    pub not_after: Option<DateTime<Utc>>,
    /// The serial number of the present certificate.
    pub serial: Option<Serial>,
    /// The public key of the present certificate.
    pub key: Option<PublicKey>,
    /// Serial numbers that were seen before.
    pub seen: Vec<Serial>,
    /// Whose the topic of the new certificate is, if it is another tenant's.
    pub owner: Option<String>,
    /// The address of the Apple Account with which it must be renewed.
    pub account: Option<String>,
    /// Where this MDM takes the new certificate, in sentences.
    pub upload: Option<String>,
}

/// What to do with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A renewal: upload it.
    Renewal,
    /// A renewal, and something about it should be known first.
    Warning,
    /// Whatever it is, no device would be reached by it, or by nothing else than before.
    DoNotUpload,
    /// Nobody can say.
    CannotTell,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Renewal, Self::Warning, Self::DoNotUpload, Self::CannotTell];

    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Renewal => "renewal",
            Self::Warning => "renewal_with_warning",
            Self::DoNotUpload => "do_not_upload",
            Self::CannotTell => "cannot_tell",
        }
    }

    /// For a person, as a headline.
    #[must_use]
    pub fn headline(self) -> &'static str {
        match self {
            Self::Renewal => "RENEWAL: it may be uploaded",
            Self::Warning => "RENEWAL, WITH A WARNING: read on before it is uploaded",
            Self::DoNotUpload => "DO NOT UPLOAD",
            Self::CannotTell => "CANNOT TELL",
        }
    }
}

/// A verdict with its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, one sentence each, the gravest first: lower case, no full stop.
    pub reasons: Vec<String>,
    /// What to do now.
    pub next: String,
}

impl Preflight {
    fn new(verdict: Verdict, reason: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict, reasons: vec![reason.into()], next: next.into() }
    }
}

const WANTED: &str = "the wanted file is the certificate that Apple's push portal (identity.apple.com/pushcert) offers for \
                      download behind the renewed row, a .pem file";

/// The answer where the clock cannot be right: whether a file is in force could not be said.
#[must_use]
pub fn without_clock(now: DateTime<Utc>) -> Preflight {
    Preflight::new(
        Verdict::CannotTell,
        format!("the clock of this machine says {}, which cannot be right", now.format("%Y-%m-%d %H:%M UTC")),
        "Set the clock first.",
    )
}

/// Judges what a file holds.
#[must_use]
pub fn judge(new: &Contents, baseline: &Baseline, evidence: &Evidence, now: DateTime<Utc>) -> Preflight {
    evidence::weigh(compare(new, baseline, now), new, baseline, evidence)
}

/// The push certificate that a file is about: the one that ends last.
#[must_use]
pub fn newest(contents: &Contents) -> Option<&Certificate> {
    contents.push_certificates().max_by_key(|certificate| certificate.not_after)
}

fn compare(new: &Contents, baseline: &Baseline, now: DateTime<Utc>) -> Preflight {
    let Some(certificate) = newest(new) else {
        return if new.is_unreadable() {
            Preflight::new(
                Verdict::CannotTell,
                format!("the file {}", new.description()),
                format!("Try again: {WANTED}."),
            )
        } else {
            wrong_kind(new, baseline)
        };
    };
    if new.push_certificates().any(|other| other.topic() != certificate.topic()) {
        let next = "Take a file with the new certificate alone.";
        return Preflight::new(Verdict::DoNotUpload, "there are certificates of two topics in it", next);
    }
    let again = format!("Renew the original row in the push portal, and download again: {WANTED}.");
    let no = |reason: &str| Preflight::new(Verdict::DoNotUpload, reason, again.clone());
    if certificate.topic_ambiguous() {
        return no("its subject carries two different UIDs, so nobody can say which topic it has");
    }
    let Some(topic) = certificate.topic() else { return no("its subject has no topic") };
    if certificate.issuer.level == IssuerLevel::SelfSigned {
        return no("it is signed by itself and not by Apple");
    }
    if certificate.not_after <= now {
        return no(&format!("it {}", until(certificate.not_after, now)));
    }
    let Some(expected) = &baseline.topic else {
        return Preflight::new(
            Verdict::CannotTell,
            format!("there is nothing to compare it with; its topic is {}", shown(topic)),
            "Give the certificate that is in use (--against), its topic (--topic) or a tenant whose topic is known \
             (--tenant). It stands on an enrolled Mac, too.",
        );
    };
    if topic != expected {
        return another_topic(topic, expected, baseline);
    }
    same_topic(certificate, baseline, now)
}

fn wrong_kind(new: &Contents, baseline: &Baseline) -> Preflight {
    let kind = new.kind();
    let next = match kind {
        Kind::Csr => {
            "It goes to the push portal, after the MDM or its vendor has signed it; what comes back is uploaded."
        }
        Kind::PushRequest => {
            "It goes to the push portal (identity.apple.com/pushcert), behind Renew of the row it is for; what is offered there \
             for download afterwards is uploaded to the MDM."
        }
        Kind::DeviceIdentity => "It belongs to one device; leave it there.",
        Kind::AdeToken | Kind::VppToken => "It belongs into another place of the MDM, and has a renewal of its own.",
        Kind::Html => "The page was saved in the place of the file; sign in again and download.",
        Kind::Json => "The portal gives such a file when the request was not signed; make the request anew in the MDM.",
        Kind::PrivateKey => "Keep it where it is; no MDM asks for it beside its own request.",
        _ => "Look for another file.",
    };
    let mut preflight = Preflight::new(
        Verdict::DoNotUpload,
        format!("the file {}: {}", new.description(), kind.purpose()),
        format!("{next} In any case {WANTED}.{}", place(baseline)),
    );
    // What looks like the right one is told by what it lacks: the topic, or what it is allowed for.
    if let Some(Item { what: What::Certificate(found), .. }) = new.main() {
        preflight.reasons.extend(found.findings.iter().cloned());
    }
    preflight
}

fn another_topic(topic: &Topic, expected: &Topic, baseline: &Baseline) -> Preflight {
    let account = baseline.account.as_ref().map(|account| format!(" with the account {}", clean(account, 256)));
    let account = account.unwrap_or_else(|| " with the Apple Account that made it".to_owned());
    let cause = match &baseline.owner {
        Some(owner) => format!("this is the certificate of tenant {}: the wrong row was renewed", clean(owner, 128)),
        None => "it was made with Create instead of Renew, or with another Apple Account".to_owned(),
    };
    Preflight {
        verdict: Verdict::DoNotUpload,
        reasons: vec![
            format!("another topic: it is {} and must be {}", shown(topic), shown(expected)),
            cause,
            "uploaded, it would make every enrolled device deaf, while the MDM stays green".to_owned(),
        ],
        next: format!(
            "Nothing is lost yet. Leave the MDM as it is, and renew the original row, whose UID is {}, in the push \
             portal{account}.",
            shown(expected)
        ),
    }
}

fn same_topic(certificate: &Certificate, baseline: &Baseline, now: DateTime<Utc>) -> Preflight {
    let is_present = certificate.serial.is_some() && certificate.serial == baseline.serial;
    if is_present {
        let next = "Nothing was renewed: renew it in the push portal, or take the file that was downloaded last.";
        return Preflight::new(Verdict::DoNotUpload, "it is the certificate that is in use already", next);
    }
    if let Some(end) = baseline.not_after.filter(|end| certificate.not_after <= *end) {
        let days = |moment: DateTime<Utc>| moment.format("%Y-%m-%d").to_string();
        let reason = format!(
            "it ends on {}, and the one in use does not end before {}: it is an older one",
            days(certificate.not_after),
            days(end)
        );
        return Preflight::new(Verdict::DoNotUpload, reason, "Take the file that was downloaded last.");
    }
    let mut warnings = Vec::new();
    let life = certificate.not_after - certificate.not_before;
    if life < SHORT_LIFE {
        warnings.push(format!("it lives for {}, where a renewal lives for 365 days", span(life)));
    }
    if certificate.not_before > now + SKEW {
        warnings.push(format!(
            "it begins in {}: until then no device is reached by it",
            span(certificate.not_before - now)
        ));
    }
    // Where the end of the one in use is known, what ends later is not that one.
    if baseline.not_after.is_none() && certificate.not_before < now - RECENT {
        warnings.push(format!(
            "it began {} ago, and nothing here knows the certificate in use: is it that one, and nothing was renewed?",
            span(now - certificate.not_before)
        ));
    }
    warnings.extend(not_apples(certificate));
    if certificate.serial.as_ref().is_some_and(|serial| baseline.seen.contains(serial)) {
        warnings.push("it was seen for this tenant before: it is not new".to_owned());
    }
    let verdict = if warnings.is_empty() { Verdict::Renewal } else { Verdict::Warning };
    let mut reasons = warnings;
    reasons.push("the topic is the one that must stay".to_owned());
    if let Some(end) = baseline.not_after {
        reasons.push(format!("it ends {} later than the one in use", span(certificate.not_after - end)));
    } else {
        reasons.push("the end of the one in use is not known, so only the topic was compared".to_owned());
    }
    reasons.push(format!("it {}", until(certificate.not_after, now)));
    Preflight {
        verdict,
        reasons,
        next: format!(
            "Keep the old file. Upload this one to the existing entry of the MDM, which asks for it in its renewal, then see \
             that the MDM shows the new end (apnswatch verify).{}",
            place(baseline)
        ),
    }
}

/// Where this MDM takes the file, as a further sentence.
fn place(baseline: &Baseline) -> String {
    baseline.upload.as_ref().map(|place| format!(" {place}")).unwrap_or_default()
}

fn shown(topic: &Topic) -> String {
    clean(topic.as_str(), 256)
}

#[cfg(test)]
mod tests;
