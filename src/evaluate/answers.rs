//! The five questions of a tenant, each with its answer for the eye: how it stands, and who says so.

use super::summary::silent_families;
use super::tenant::{TenantReport, Verdict};
use crate::model::{Finding, Notice, Phase, Precision, Question, Source};

/// How a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Well.
    Good,
    /// Something is to be done.
    Attention,
    /// Devices are not reached, or will be lost.
    Bad,
    /// Only the configuration, a reckoning or the first sight says so: nobody measured or compared it.
    Declared,
    /// Nobody watches it.
    Nobody,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 5] = [Self::Good, Self::Attention, Self::Bad, Self::Declared, Self::Nobody];

    /// The word in documents and style sheets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Attention => "attention",
            Self::Bad => "bad",
            Self::Declared => "declared",
            Self::Nobody => "nobody",
        }
    }
}

/// One question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// How it stands.
    pub standing: Standing,
    /// The answer in a word or three.
    pub words: &'static str,
}

/// The answers, in the order of [`Question::ALL`].
#[must_use]
pub fn answers(tenant: &TenantReport) -> [Answer; 5] {
    Question::ALL.map(|question| {
        let (standing, words) = match question {
            Question::Expiry => expiry(tenant),
            Question::Lineage => lineage(tenant),
            Question::WayOut => match tenant.way_out {
                // What this place sees says nothing about where the MDM stands.
                Some(true) | None if is_cut_off(tenant) => (Standing::Attention, "not for the MDM"),
                Some(true) => (Standing::Good, "open"),
                Some(false) => (Standing::Bad, "closed"),
                None => NOBODY,
            },
            Question::Arrival => arrival(tenant),
            Question::Renewable => renewable(tenant),
        };
        Answer { question, standing, words }
    })
}

fn is_cut_off(tenant: &TenantReport) -> bool {
    tenant.notices.as_ref().is_some_and(|notices| notices.contains_key(&Notice::ApnsUnreachable))
}

const NOBODY: (Standing, &str) = (Standing::Nobody, "nobody watches");

fn expiry(tenant: &TenantReport) -> (Standing, &'static str) {
    if tenant.revoked {
        return (Standing::Bad, "revoked");
    }
    if tenant.findings.contains_key(&Finding::Removed) {
        return (Standing::Bad, "removed");
    }
    let told_by = tenant.effective.as_ref().map_or(Source::Api, |known| known.source);
    let is_old = tenant.sources.iter().any(|source| source.source == told_by && source.polled && !source.up);
    let precision = tenant.effective.as_ref().map(|known| known.precision);
    let standing = match tenant.phase {
        Phase::Expired | Phase::Lost => return (Standing::Bad, "expired"),
        Phase::Unknown => return NOBODY,
        Phase::None if is_old => return (Standing::Attention, "not heard lately"),
        Phase::None => return (Standing::Good, "no certificate"),
        Phase::Renew => (Standing::Attention, "renew now"),
        Phase::Plan => (Standing::Attention, "plan it"),
        Phase::Ok if tenant.findings.contains_key(&Finding::NotYetValid) => (Standing::Attention, "not valid yet"),
        Phase::Ok if tenant.findings.contains_key(&Finding::NoticeDisagrees) => (Standing::Attention, "MDM disagrees"),
        // The date stands, and nobody has said lately that it is still that certificate.
        Phase::Ok if is_old => (Standing::Attention, "not heard lately"),
        Phase::Ok => (Standing::Good, "far away"),
    };
    match precision {
        Some(Precision::Declared) if standing.0 == Standing::Good => (Standing::Declared, "only declared"),
        Some(Precision::Estimate) if standing.0 == Standing::Good => (Standing::Declared, "only estimated"),
        _ => standing,
    }
}

fn lineage(tenant: &TenantReport) -> (Standing, &'static str) {
    if tenant.drift.values().any(|verdict| matches!(verdict, Verdict::Drifts(..))) {
        return (Standing::Bad, "another topic");
    }
    if tenant.findings.contains_key(&Finding::DevicesOffTopic) {
        return (Standing::Bad, "devices off topic");
    }
    let is_disputed = |finding: &Finding| tenant.findings.contains_key(finding);
    if [Finding::TopicAmbiguous, Finding::ProfileDisagrees, Finding::FilesDisagree].iter().any(is_disputed) {
        return (Standing::Attention, "sources disagree");
    }
    if tenant.blind_spots.contains(&Question::Lineage) {
        let declared = tenant.drift.contains_key(&Source::Declared);
        return if declared { (Standing::Declared, "only declared") } else { NOBODY };
    }
    if tenant.phase == Phase::None {
        return (Standing::Good, "no certificate");
    }
    let is_confirmed = tenant.pin.as_ref().is_some_and(|pin| pin.origin != crate::model::PinOrigin::FirstSeen);
    // What was taken at first sight may have been wrong then already.
    if is_confirmed { (Standing::Good, "same") } else { (Standing::Declared, "same, unconfirmed") }
}

fn arrival(tenant: &TenantReport) -> (Standing, &'static str) {
    // Bad news stays when whoever told it is not heard any more.
    if !silent_families(tenant).is_empty() {
        return (Standing::Attention, "devices silent");
    }
    if tenant.blind_spots.contains(&Question::Arrival) { NOBODY } else { (Standing::Good, "devices check in") }
}

fn renewable(tenant: &TenantReport) -> (Standing, &'static str) {
    if tenant.not_renewable.is_some() {
        return (Standing::Nobody, "nobody knows");
    }
    (Standing::Good, "ready")
}
