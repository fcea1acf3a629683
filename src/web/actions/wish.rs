//! What a form says.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;

use crate::attest::{Case, Kept, NAME, NOTE, NewTopic, PlanWish, Refusal, Remarks, found_in};
use crate::certificate::Certificate;
use crate::evaluate::TenantReport;
use crate::model::{HumanStep, Memory, Serial, TenantName, Tier, Topic};
use crate::web::parts::Parts;
use crate::web::problem::Problem;
use crate::words::clean;

/// What somebody says of a tenant.
pub(super) enum Wish {
    /// An enrolled device listens on this topic.
    Pin(Topic),
    /// This topic is the right one from now on.
    Accept(NewTopic),
    /// This certificate was uploaded; without a serial number, the newest file.
    Uploaded(Option<Serial>),
    /// This was seen after a renewal. With the SHA-256 of the file that counts as uploaded then, as it was shown.
    Verified(HumanStep, Option<String>),
    /// It will be renewed then.
    Planned(PlanWish),
    /// It will not.
    Unplanned,
    /// Keep this certificate.
    Certificate {
        /// The certificate.
        found: Box<Certificate>,
        /// Whether that is said of one that was judged in the renewal room, and may not be uploaded yet.
        is_judged: bool,
    },
    /// Keep that certificate no more.
    Removed(Serial),
}

impl Wish {
    /// The parts of every form.
    pub(super) const PARTS: [&str; 15] = [
        "token", "room", "topic", "serial", "step", "sha256", "on", "who", "tier", "name", "witness", "ticket", "note",
        "der", "file",
    ];

    /// What a form says that was sent to `word`.
    pub(super) fn read(word: &str, parts: &Parts) -> Result<Self, Problem> {
        Ok(match word {
            "pin" => Self::Pin(topic(parts)?),
            "topic" => Self::Accept(NewTopic {
                topic: topic(parts)?,
                reason: remarks(parts).note.unwrap_or_default(),
                typed: parts.typed("name").map(ToOwned::to_owned),
            }),
            "uploaded" => Self::Uploaded(serial(parts)?),
            "verified" => {
                let step = parts.typed("step");
                let step = HumanStep::ALL.into_iter().find(|known| Some(known.as_str()) == step);
                let step = step.ok_or_else(|| wrong("it is not said what was seen"))?;
                Self::Verified(step, parts.typed("sha256").map(ToOwned::to_owned))
            }
            "planned" => Self::Planned(PlanWish {
                on: day(parts, "on")?.ok_or_else(|| wrong("no day is named"))?,
                who: parts.typed("who").unwrap_or_default().to_owned(),
                tier: parts.typed("tier").map(tier).transpose()?,
            }),
            "unplanned" => Self::Unplanned,
            "certificate" => Self::Certificate {
                found: Box::new(certificate(parts)?),
                is_judged: parts.typed("room") == Some("renewal"),
            },
            "removed" => Self::Removed(serial(parts)?.ok_or_else(|| wrong("no serial number is named"))?),
            _ => return Err(Problem::new(StatusCode::NOT_FOUND, "nothing of this kind can be said of a tenant")),
        })
    }

    /// Asks whether it may be kept. `remembered` is what is remembered of each tenant.
    pub(super) fn put<'m>(
        self,
        case: &Case<'_>,
        tenant: &TenantReport,
        remembered: impl Fn(&TenantName) -> Option<&'m Memory>,
    ) -> Result<Kept, Refusal> {
        match self {
            Self::Pin(topic) => case.confirm_pin(topic),
            Self::Accept(wish) => case.accept_pin(wish, &tenant.drift, remembered),
            Self::Uploaded(serial) => case.uploaded(serial.as_ref()),
            Self::Verified(step, shown) => case.verified_as_shown(step, shown.as_deref()),
            Self::Planned(wish) => {
                case.plan(wish, tenant.phase, tenant.effective.as_ref().map(|known| known.not_after))
            }
            Self::Unplanned => Ok(case.unplan()),
            Self::Certificate { found, is_judged: true } => case.add_judged(&found, remembered),
            Self::Certificate { found, is_judged: false } => case.add_certificate(&found, remembered),
            Self::Removed(serial) => case.remove_certificate(&serial),
        }
    }
}

/// What a person adds in their own words.
pub(super) fn remarks(parts: &Parts) -> Remarks {
    let text = |name, limit| parts.typed(name).map(|text| clean(text, limit));
    Remarks { note: text("note", NOTE), witness: text("witness", NAME), ticket: text("ticket", NAME) }
}

fn tier(text: &str) -> Result<Tier, Problem> {
    Tier::ALL.into_iter().find(|tier| tier.as_str() == text).ok_or_else(|| wrong("nothing of this name is told"))
}

/// A day.
pub(super) fn day(parts: &Parts, name: &str) -> Result<Option<NaiveDate>, Problem> {
    let Some(text) = parts.typed(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| wrong("the day is no date such as 2027-03-01"))
}

fn topic(parts: &Parts) -> Result<Topic, Problem> {
    let topic = parts.typed("topic").and_then(Topic::parse_mdm);
    topic.ok_or_else(|| wrong("the topic is what the device prints, such as com.apple.mgmt.External. and a GUID"))
}

fn serial(parts: &Parts) -> Result<Option<Serial>, Problem> {
    let Some(text) = parts.typed("serial") else { return Ok(None) };
    let serial = Serial::parse_hex(text);
    serial.map(Some).ok_or_else(|| wrong("the serial number is hexadecimal, such as 0552818DF267903F"))
}

/// A certificate that is sent as a file, or one that was judged a moment ago.
fn certificate(parts: &Parts) -> Result<Certificate, Problem> {
    let judged = parts.typed("der").map(|der| STANDARD.decode(der));
    let judged = judged.transpose().map_err(|_| wrong("the certificate is damaged"))?;
    let bytes = match &judged {
        Some(judged) => judged,
        None => parts.required("file")?,
    };
    found_in(bytes, "the file").map_err(|why| wrong(&why.to_string()))
}

fn wrong(why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}
