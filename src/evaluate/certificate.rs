//! Which certificate is the effective one, and what its life says.

use chrono::{DateTime, TimeDelta, Utc};

use crate::certificate::SHORT_LIFE;
use crate::config::Declared;
use crate::model::{Memory, Precision, Presence, PushCertificate, Seen, Source, Statement};

/// The answer to "which certificate is in force?".
#[derive(Clone, Debug, PartialEq)]
pub enum Effective {
    /// This one.
    Known(Box<Known>),
    /// The MDM says that there is none.
    Absent,
    /// Nobody can say.
    Unknown,
}

/// An effective certificate.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Who told it.
    pub source: Source,
    /// How well its end is known.
    pub precision: Precision,
    /// The certificate. Its end is known.
    pub certificate: PushCertificate,
    /// Its end.
    pub not_after: DateTime<Utc>,
    /// When it was told last; `None` for what stands in the configuration.
    pub told: Option<DateTime<Utc>>,
    /// When it took the place of an earlier certificate of the same topic.
    pub renewed: Option<DateTime<Utc>>,
    /// Its life, if that is known, or seen well enough to be judged.
    pub life: Option<TimeDelta>,
    /// An earlier-ending certificate came back after this much later end had been seen.
    pub rolled_back_from: Option<DateTime<Utc>>,
}

impl Known {
    /// Whether it lives so short that something other than a renewal made it.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.life.is_some_and(|life| life < SHORT_LIFE)
    }
}

/// The effective certificate of a tenant whose polled sources are `sources`: what the MDM tells exactly (also while it
/// fails to), else the file that stands, else what was declared, else what its notices let reckon.
#[must_use]
pub fn effective(memory: &Memory, sources: &[Source], declared: Option<&Declared>) -> Effective {
    if sources.contains(&Source::Api)
        && let Some(state) = memory.sources.get(&Source::Api)
        && let Some(observation) = &state.last_good
    {
        match &observation.facts.certificate {
            Some(Presence::Absent) => return Effective::Absent,
            Some(Presence::Present(certificate)) => {
                // One that is told without its end does not make a file the MDM's word: the last end it told stands.
                let dated = state.seen.iter().filter(|seen| end(seen).is_some()).max_by_key(|seen| seen.last_seen);
                let told = match certificate.not_after {
                    Some(not_after) => Some((certificate, not_after, observation.at)),
                    None => dated.and_then(|seen| Some((&seen.certificate, end(seen)?, seen.last_seen))),
                };
                if let Some((certificate, not_after, told)) = told {
                    let rolled_back_from = later_end(&state.seen, certificate);
                    return known(Source::Api, certificate, not_after, told, &state.seen, rolled_back_from);
                }
            }
            None => {}
        }
    }
    if sources.contains(&Source::File)
        && let Some(state) = memory.sources.get(&Source::File)
        && let Some(standing) = standing_file(memory)
        && let Some(not_after) = standing.seen.certificate.not_after
    {
        let Seen { certificate, last_seen, .. } = standing.seen;
        return known(Source::File, certificate, not_after, *last_seen, &state.seen, standing.rolled_back_from);
    }
    if let Some(not_after) = declared.and_then(|declared| declared.not_after) {
        let certificate = PushCertificate {
            topic: declared.and_then(|declared| declared.topic.clone()),
            not_after: Some(not_after),
            ..PushCertificate::default()
        };
        return Effective::Known(Box::new(Known {
            source: Source::Declared,
            precision: Precision::Declared,
            certificate,
            not_after,
            told: None,
            renewed: None,
            life: None,
            rolled_back_from: None,
        }));
    }
    if sources.contains(&Source::Api)
        && let Some(estimate) = memory.sources.get(&Source::Api).and_then(|state| state.estimate.as_ref())
        && !is_uploaded_since(memory, estimate.told)
    {
        return Effective::Known(Box::new(Known {
            source: Source::Api,
            precision: Precision::Estimate,
            certificate: PushCertificate { not_after: Some(estimate.not_after), ..PushCertificate::default() },
            not_after: estimate.not_after,
            told: Some(estimate.told),
            renewed: None,
            life: None,
            rolled_back_from: None,
        }));
    }
    Effective::Unknown
}

/// Whether somebody attested an upload after this moment: what was reckoned before is about another certificate.
fn is_uploaded_since(memory: &Memory, told: DateTime<Utc>) -> bool {
    let is_upload = |statement: &Statement| matches!(statement, Statement::Uploaded { .. });
    memory.attestations.iter().any(|attestation| attestation.at > told && is_upload(&attestation.statement))
}

fn known(
    source: Source,
    certificate: &PushCertificate,
    not_after: DateTime<Utc>,
    told: DateTime<Utc>,
    seen: &[Seen],
    rolled_back_from: Option<DateTime<Utc>>,
) -> Effective {
    let this = seen.iter().find(|other| other.certificate.is_same_as(certificate));
    // The one it replaced: of the earlier-ending ones that were there before it, the one that was seen last.
    let replaced = this.and_then(|this| {
        let is_before = |other: &&Seen| end(other) < Some(not_after) && other.first_seen < this.first_seen;
        same_topic(seen, certificate).filter(is_before).max_by_key(|other| other.last_seen)
    });
    let life = match certificate.not_before {
        Some(not_before) => Some(not_after - not_before),
        // Without a start the moment of the change serves, if the change was watched: from the last sight of the old
        // certificate to the end of the new one is the longest that the new one can serve here. An old one that came back for
        // a while changes nothing of that.
        None => replaced.zip(this).map(|(replaced, this)| not_after - replaced.last_seen.min(this.first_seen)),
    };
    Effective::Known(Box::new(Known {
        source,
        precision: Precision::Exact,
        certificate: certificate.clone(),
        not_after,
        told: Some(told),
        renewed: replaced.and(this).map(|this| this.first_seen),
        life,
        rolled_back_from,
    }))
}

/// The latest end that was seen for the topic of `certificate`, if it is later than its own.
fn later_end(seen: &[Seen], certificate: &PushCertificate) -> Option<DateTime<Utc>> {
    same_topic(seen, certificate).filter_map(end).max().filter(|latest| Some(*latest) > certificate.not_after)
}

fn same_topic<'a>(seen: &'a [Seen], certificate: &'a PushCertificate) -> impl Iterator<Item = &'a Seen> {
    seen.iter().filter(|other| is_same_topic(&other.certificate, certificate))
}

/// Two missing topics are never the same one.
fn is_same_topic(one: &PushCertificate, other: &PushCertificate) -> bool {
    one.topic.is_some() && one.topic == other.topic
}

fn end(seen: &Seen) -> Option<DateTime<Utc>> {
    seen.certificate.not_after
}

/// The certificate file that stands, and a newer one that is not confirmed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StandingFile<'a> {
    /// The one that stands.
    pub seen: &'a Seen,
    /// A newer one of the same topic, of which nobody said that it was uploaded.
    pub unconfirmed: Option<&'a Seen>,
    /// The end of the later one that it took the place of again.
    pub rolled_back_from: Option<DateTime<Utc>>,
}

/// Which file stands. A file is not the MDM's word: the first one seen is effective at once, a newer one only when a
/// person or the MDM confirms that it was uploaded. An older one of the same topic is bad news and believed at once.
///
/// Where a topic is pinned, only files of that topic can stand: one of another topic is drift, and neither the first
/// nor a renewal that somebody should confirm.
#[must_use]
pub fn standing_file(memory: &Memory) -> Option<StandingFile<'_>> {
    let state = memory.sources.get(&Source::File)?;
    let pin = memory.pin.as_ref().map(|pin| &pin.topic);
    let is_lineage = |seen: &&Seen| pin.is_none() || seen.certificate.topic.as_ref() == pin;
    // While files cannot be read, nobody looks again at one that was handed over and taken away since.
    let is_here = |seen: &&Seen| !is_taken_away(memory, seen);
    let lineage: Vec<&Seen> = state.seen.iter().filter(is_lineage).filter(is_here).collect();
    let acceptance = |seen: &Seen| acceptance(memory, lineage.first().copied(), seen);
    let last = lineage.iter().filter(|seen| acceptance(seen).is_some()).max_by_key(|seen| acceptance(seen)).copied()?;
    let standing = |seen| StandingFile { seen, unconfirmed: None, rolled_back_from: None };
    let current = state.present()?;
    let Some(current) = lineage.iter().find(|seen| seen.certificate.is_same_as(current)).copied() else {
        return Some(standing(last));
    };
    let is_same_topic = is_same_topic(&current.certificate, &last.certificate);
    if is_same_topic && end(current) < end(last) {
        return Some(StandingFile { rolled_back_from: end(last), ..standing(current) });
    }
    if acceptance(current).is_some() {
        return Some(standing(current));
    }
    Some(StandingFile { unconfirmed: is_same_topic.then_some(current), ..standing(last) })
}

/// Whether a person took a certificate away after it was last seen.
fn is_taken_away(memory: &Memory, seen: &Seen) -> bool {
    let is_it = |statement: &Statement| match statement {
        Statement::CertificateRemoved { sha256 } => Some(sha256) == seen.certificate.sha256.as_ref(),
        _ => false,
    };
    memory.attestations.iter().any(|said| said.at > seen.last_seen && is_it(&said.statement))
}

/// When a certificate file became effective, if it did; `first` is the first one of its lineage.
fn acceptance(memory: &Memory, first: Option<&Seen>, seen: &Seen) -> Option<DateTime<Utc>> {
    let attested = memory
        .attestations
        .iter()
        .filter(|attestation| attestation.statement.is_upload_of(&seen.certificate))
        .map(|attestation| attestation.at)
        .max();
    let told_by_mdm = memory
        .sources
        .get(&Source::Api)
        .and_then(|api| api.seen.iter().find(|told| told.certificate.is_same_as(&seen.certificate)))
        .map(|told| told.first_seen);
    let first = first.filter(|first| first.certificate.is_same_as(&seen.certificate)).map(|first| first.first_seen);
    attested.max(told_by_mdm).max(first)
}
