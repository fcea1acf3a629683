//! What is true of one tenant.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::certificate::{Effective, Known, effective, standing_file};
use super::learn::{Expectations, candidates};
use super::report::Moment;
use crate::config::{Account, Tenant};
use crate::model::{
    AccountId, Failure, Finding, MdmKind, Memory, Phase, Pin, PinOrigin, Presence, PushCertificate, Question, Source,
    SourceMemory, TenantName, Topic,
};

/// A start this little in the future is a clock that differs, not a certificate that is not valid yet.
const START_SKEW: TimeDelta = TimeDelta::minutes(5);

/// A newer file is no news when its end differs by less: vendors cut seconds, and nobody renews twice a day.
const SAME_END: TimeDelta = TimeDelta::minutes(5);

/// After this many intervals without a success, what a source said well is withdrawn.
const STALE_INTERVALS: i32 = 3;

/// Everything a face may show of one tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantReport {
    /// Its name.
    pub name: TenantName,
    /// Its MDM.
    pub mdm: MdmKind,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The account it is configured with.
    pub account: Option<AccountId>,
    /// Muted until this day.
    pub muted: Option<NaiveDate>,
    /// The phase of the effective certificate.
    pub phase: Phase,
    /// The effective certificate.
    pub effective: Option<Known>,
    /// The topic that must stay.
    pub pin: Option<Pin>,
    /// By source, for those whose word can be compared with the pin now.
    pub drift: BTreeMap<Source, Verdict>,
    /// Whether the account that the MDM shows is another than the configured one, where both are known.
    pub account_mismatch: Option<bool>,
    /// The account that the MDM shows.
    pub account_reported: Option<String>,
    /// What a person should know, with a sentence each.
    pub findings: BTreeMap<Finding, String>,
    /// The questions that nothing answers.
    pub blind_spots: Vec<Question>,
    /// The sources, polled or declared.
    pub sources: Vec<SourceReport>,
    /// How urgently a person is needed.
    pub level: Level,
    /// All of it in one sentence.
    pub sentence: String,
}

/// Whether a source tells the pinned topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It tells the pinned topic.
    Agrees,
    /// It told this one instead, first at that moment.
    Drifts(Topic, DateTime<Utc>),
}

/// What is known of one source of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceReport {
    /// Which.
    pub source: Source,
    /// Whether it is polled; what was declared is not.
    pub polled: bool,
    /// Whether its last poll went well, within three intervals. False before the first.
    pub up: bool,
    /// Why the last poll failed.
    pub failure: Option<Failure>,
    /// Since when it has been failing without a break.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it last answered without a failure.
    pub last_success: Option<DateTime<Utc>>,
    /// From the end of one poll to the next.
    pub interval: Option<std::time::Duration>,
    /// The certificate it told of last.
    pub certificate: Option<PushCertificate>,
    /// It says that there is no certificate.
    pub absent: bool,
    /// When it told that.
    pub told: Option<DateTime<Utc>>,
    /// Where that came from.
    pub origin: String,
    /// What a person should know about its answer.
    pub remarks: Vec<String>,
}

/// How urgently a person is needed. The order is the one of a list that begins with the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Devices are not reached, or will be lost.
    Critical,
    /// Something has to be done, in office hours.
    Warning,
    /// Nobody can say.
    Unknown,
    /// Nothing to do today.
    Ok,
}

impl Level {
    /// The word in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Ok => "ok",
        }
    }
}

/// A tenant with what is needed to judge it.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its configuration.
    pub tenant: &'a Tenant,
    /// Its account, looked up.
    pub account: Option<&'a Account>,
    /// What is remembered of it.
    pub memory: &'a Memory,
    /// The sources that are polled, with their intervals.
    pub polled: &'a [(Source, std::time::Duration)],
}

impl Case<'_> {
    fn state(&self, source: Source) -> Option<&SourceMemory> {
        self.memory.sources.get(&source).filter(|_| self.is_polled(source))
    }

    fn is_polled(&self, source: Source) -> bool {
        self.polled.iter().any(|(polled, _)| *polled == source)
    }

    fn sources(&self) -> Vec<Source> {
        self.polled.iter().map(|(source, _)| *source).collect()
    }

    /// Judges the tenant.
    #[must_use]
    pub fn report(&self, moment: Moment) -> TenantReport {
        let tenant = self.tenant;
        let effective = effective(self.memory, &self.sources(), tenant.certificate.declared.as_ref());
        let phase = self.phase(&effective, moment);
        let findings = self.findings(&effective, moment);
        let drift = self.drift(moment);
        let account_reported =
            self.state(Source::Api).and_then(|s| s.last_good.as_ref()).and_then(|o| o.facts.account.clone());
        let account_mismatch = match (self.account, &account_reported) {
            (Some(account), Some(reported)) => Some(!account.address.trim().eq_ignore_ascii_case(reported.trim())),
            (Some(_) | None, None) | (None, Some(_)) => None,
        };
        let mut report = TenantReport {
            name: tenant.name.clone(),
            mdm: tenant.mdm.kind(),
            labels: tenant.labels.clone(),
            account: tenant.account.clone(),
            // A clock that cannot be right must not make anybody quiet again whose mute has ended.
            muted: tenant
                .muted
                .as_ref()
                .map(|muted| muted.until)
                .filter(|until| moment.is_plausible() && moment.now.date_naive() < *until),
            phase,
            blind_spots: blind_spots(&effective, &drift),
            effective: match effective {
                Effective::Known(known) => Some(*known),
                Effective::Absent | Effective::Unknown => None,
            },
            pin: self.memory.pin.clone(),
            drift,
            account_mismatch,
            account_reported,
            findings,
            sources: self.source_reports(moment),
            level: Level::Ok,
            sentence: String::new(),
        };
        report.level = level(&report);
        report.sentence = sentence(&report);
        report
    }

    fn phase(&self, effective: &Effective, moment: Moment) -> Phase {
        match effective {
            Effective::Absent => Phase::None,
            Effective::Known(known) if moment.is_plausible() => self.tenant.policy.phase(known.not_after, moment.now),
            Effective::Known(_) | Effective::Unknown => Phase::Unknown,
        }
    }

    /// A drift stays whatever happens to its source. Agreement holds only while the source is alive.
    fn drift(&self, moment: Moment) -> BTreeMap<Source, Verdict> {
        let Some(pin) = &self.memory.pin else { return BTreeMap::new() };
        let mut verdicts = BTreeMap::new();
        for (source, interval) in self.polled {
            let Some(state) = self.memory.sources.get(source) else { continue };
            if let Some(drift) = &state.drift {
                verdicts.insert(*source, Verdict::Drifts(drift.topic.clone(), drift.since));
                continue;
            }
            let tells_pin = state.present().is_some_and(|certificate| certificate.topic.as_ref() == Some(&pin.topic));
            if tells_pin && is_fresh(state.last_success, *interval, moment.now) {
                verdicts.insert(*source, Verdict::Agrees);
            }
        }
        if let Some(topic) = self.tenant.certificate.declared.as_ref().and_then(|declared| declared.topic.as_ref()) {
            let verdict = if *topic == pin.topic { Verdict::Agrees } else { Verdict::Drifts(topic.clone(), pin.since) };
            verdicts.insert(Source::Declared, verdict);
        }
        verdicts
    }

    fn findings(&self, effective: &Effective, moment: Moment) -> BTreeMap<Finding, String> {
        let mut findings = BTreeMap::new();
        let api = self.state(Source::Api);
        let file = self.state(Source::File);
        if let Effective::Known(known) = effective {
            self.findings_of_effective(known, moment, &mut findings);
        }
        if matches!(effective, Effective::Absent) {
            let last = api.and_then(|api| api.seen.iter().max_by_key(|seen| seen.last_seen));
            let removed = match (last, &self.memory.pin) {
                (Some(last), _) => Some(format!(
                    "it was removed: until {} there was {}",
                    day(last.last_seen),
                    named(&last.certificate)
                )),
                (None, Some(pin)) => Some(format!("there should be one with the topic {}", pin.topic)),
                (None, None) => None,
            };
            findings.extend(removed.map(|text| (Finding::Removed, text)));
            if let Some(file) = file.and_then(SourceMemory::present) {
                let text = format!("the file {} is there, and the MDM has no certificate", named(file));
                findings.insert(Finding::RenewalNotUploaded, text);
            }
        }
        if let Some((told, newer)) = self.not_uploaded(api, file) {
            findings.insert(
                Finding::RenewalNotUploaded,
                format!("the file {} is newer than what the MDM told, which is {}", named(newer), named(told)),
            );
        }
        if let Some(topics) = file.and_then(disagreeing_topics) {
            findings.insert(Finding::FilesDisagree, format!("the files carry different topics: {}", join(&topics)));
        }
        let ambiguous = |source: &&(Source, std::time::Duration)| {
            self.memory.sources.get(&source.0).and_then(SourceMemory::present).is_some_and(|c| c.topic_ambiguous)
        };
        if let Some((source, _)) = self.polled.iter().find(ambiguous) {
            findings.insert(
                Finding::TopicAmbiguous,
                format!("the certificate of source {source} has two different UIDs in its subject"),
            );
        }
        if let Some(source) = self.silent_source() {
            let text = format!(
                "source {source} tells a certificate and no topic, so nobody can say whether it is still the same"
            );
            findings.entry(Finding::TopicAmbiguous).or_insert(text);
        }
        if self.memory.pin.is_none() {
            let expectations = Expectations { sources: self.sources(), may_pin: true };
            let topics = candidates(self.memory, &expectations);
            if topics.len() > 1 {
                findings.insert(
                    Finding::PinAmbiguous,
                    format!("no topic could be pinned, for the sources tell different ones: {}", join(&topics)),
                );
            }
        }
        findings
    }

    fn findings_of_effective(&self, known: &Known, moment: Moment, findings: &mut BTreeMap<Finding, String>) {
        if known.source == Source::File
            && let Some(newer) = standing_file(self.memory).and_then(|standing| standing.unconfirmed)
        {
            findings.insert(
                Finding::RenewalUnconfirmed,
                format!(
                    "the newer file {} is there; nobody confirmed that it was uploaded, so the old end stands",
                    named(&newer.certificate)
                ),
            );
        }
        if known.is_short() {
            let days = known.life.map_or(0, |life| life.num_days());
            findings
                .insert(Finding::RenewalTooShort, format!("the certificate lives {days} days; a renewal gives 365"));
        }
        if let Some(later) = known.rolled_back_from {
            findings.insert(
                Finding::RolledBack,
                format!("an older certificate came back: one that ends {} was seen before", day(later)),
            );
        }
        if let Some(start) = known.certificate.not_before
            && moment.is_plausible()
            && start > moment.now + START_SKEW
        {
            findings.insert(Finding::NotYetValid, format!("the certificate is not valid before {}", day(start)));
        }
    }

    /// A source that tells a certificate without any topic, though one is pinned.
    fn silent_source(&self) -> Option<Source> {
        self.memory.pin.as_ref()?;
        let is_silent = |source: &Source| {
            self.state(*source).and_then(SourceMemory::present).is_some_and(|certificate| certificate.topic.is_none())
        };
        self.polled.iter().map(|(source, _)| *source).find(is_silent)
    }

    /// A file of the same topic that ends later than what the MDM told: renewed, and never uploaded.
    fn not_uploaded<'a>(
        &self,
        api: Option<&'a SourceMemory>,
        file: Option<&'a SourceMemory>,
    ) -> Option<(&'a PushCertificate, &'a PushCertificate)> {
        let told = api?.present()?;
        let newer = file?.present()?;
        let is_lineage = |topic: &Topic| {
            told.topic.as_ref() == Some(topic) || self.memory.pin.as_ref().is_some_and(|pin| pin.topic == *topic)
        };
        let is_newer = newer.not_after? > told.not_after? + SAME_END && !newer.is_same_as(told);
        (is_newer && newer.topic.as_ref().is_some_and(is_lineage)).then_some((told, newer))
    }

    fn source_reports(&self, moment: Moment) -> Vec<SourceReport> {
        let mut reports: Vec<SourceReport> = self
            .polled
            .iter()
            .map(|(source, interval)| {
                let state = self.memory.sources.get(source).cloned().unwrap_or_default();
                let attempt = state.last_attempt.as_ref();
                let facts = state.last_good.as_ref().map(|observation| &observation.facts);
                SourceReport {
                    source: *source,
                    polled: true,
                    up: attempt.is_some_and(|attempt| attempt.failure.is_none())
                        && is_fresh(state.last_success, *interval, moment.now),
                    failure: state.failure().cloned(),
                    failing_since: attempt.and_then(|attempt| attempt.failing_since),
                    last_success: state.last_success,
                    interval: Some(*interval),
                    certificate: state.present().cloned(),
                    absent: facts.is_some_and(|facts| facts.certificate == Some(Presence::Absent)),
                    told: state.last_good.as_ref().map(|observation| observation.at),
                    origin: facts.map(|facts| facts.origin.clone()).unwrap_or_default(),
                    remarks: facts.map(|facts| facts.remarks.clone()).unwrap_or_default(),
                }
            })
            .collect();
        if let Some(declared) = &self.tenant.certificate.declared {
            reports.push(SourceReport {
                source: Source::Declared,
                polled: false,
                up: true,
                failure: None,
                failing_since: None,
                last_success: None,
                interval: None,
                certificate: Some(PushCertificate {
                    topic: declared.topic.clone(),
                    not_after: declared.not_after,
                    ..PushCertificate::default()
                }),
                absent: false,
                told: None,
                origin: "the configuration".to_owned(),
                remarks: Vec::new(),
            });
        }
        reports
    }
}

/// A success counts for three intervals. One in the future was dated by a clock that was wrong, and counts for nothing.
fn is_fresh(last_success: Option<DateTime<Utc>>, interval: std::time::Duration, now: DateTime<Utc>) -> bool {
    let Some(last_success) = last_success else { return false };
    let Ok(interval) = TimeDelta::from_std(interval) else { return false };
    let age = now - last_success;
    -START_SKEW <= age && age <= interval * STALE_INTERVALS
}

fn disagreeing_topics(file: &SourceMemory) -> Option<Vec<Topic>> {
    let facts = &file.last_good.as_ref()?.facts;
    let mut topics: Vec<Topic> = Vec::new();
    for topic in facts.present().into_iter().chain(&facts.others).filter_map(|c| c.topic.clone()) {
        if !topics.contains(&topic) {
            topics.push(topic);
        }
    }
    (topics.len() > 1).then_some(topics)
}

/// The questions that nothing answers. The last three have no source yet.
fn blind_spots(effective: &Effective, drift: &BTreeMap<Source, Verdict>) -> Vec<Question> {
    let is_blind = |question: &Question| match question {
        Question::Expiry => matches!(effective, Effective::Unknown),
        // Where there is no certificate, there is no topic to keep.
        Question::Lineage => drift.keys().all(|source| *source == Source::Declared) && *effective != Effective::Absent,
        Question::WayOut | Question::Arrival | Question::Renewable => true,
    };
    Question::ALL.into_iter().filter(is_blind).collect()
}

/// The questions that nothing in a tenant's configuration could ever answer.
#[must_use]
pub fn cannot_know(tenant: &Tenant) -> Vec<Question> {
    let polled = super::report::polled_sources(tenant);
    let declared_end = tenant.certificate.declared.as_ref().and_then(|declared| declared.not_after);
    let is_out_of_reach = |question: &Question| match question {
        Question::Expiry => polled.is_empty() && declared_end.is_none(),
        Question::Lineage => polled.is_empty(),
        Question::WayOut | Question::Arrival | Question::Renewable => true,
    };
    Question::ALL.into_iter().filter(is_out_of_reach).collect()
}

fn level(report: &TenantReport) -> Level {
    let drifts = report.drift.values().any(|verdict| matches!(verdict, Verdict::Drifts(..)));
    if drifts || report.findings.contains_key(&Finding::Removed) {
        return Level::Critical;
    }
    match report.phase {
        Phase::Expired | Phase::Lost => Level::Critical,
        Phase::Renew => Level::Warning,
        Phase::Unknown => Level::Unknown,
        Phase::Ok | Phase::Plan | Phase::None => {
            let is_failing = report.sources.iter().any(|source| source.polled && !source.up);
            if is_failing || !report.findings.is_empty() { Level::Warning } else { Level::Ok }
        }
    }
}

/// The state in one sentence. A tenant with a blind spot is never plainly "ok".
fn sentence(report: &TenantReport) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (source, verdict) in &report.drift {
        if let Verdict::Drifts(topic, _) = verdict {
            parts.push(format!("topic drift: source {source} tells {topic}"));
        }
    }
    let is_calm = report.level == Level::Ok;
    parts.push(match (report.phase, &report.effective) {
        // Beside trouble the word would be read alone, and taken for the whole.
        (Phase::Ok, _) => if is_calm { "ok" } else { "the certificate is in date" }.to_owned(),
        (Phase::Plan, _) => "plan the renewal".to_owned(),
        (Phase::Renew, _) => "renew now".to_owned(),
        (Phase::Expired, _) => "expired: no device is reached".to_owned(),
        (Phase::Lost, _) => "expired long ago".to_owned(),
        (Phase::None, _) => "the MDM says that it has no push certificate".to_owned(),
        (Phase::Unknown, Some(_)) => "unknown: the clock of this machine cannot be right".to_owned(),
        (Phase::Unknown, None) => "unknown: nobody can say when it ends".to_owned(),
    });
    parts.extend(report.findings.values().cloned());
    for source in report.sources.iter().filter(|source| source.polled && !source.up) {
        parts.push(match &source.failure {
            Some(failure) => format!("source {} is failing: {failure}", source.source),
            None => match source.last_success {
                None => format!("source {} was not asked yet", source.source),
                Some(last) => format!("source {} was last heard {}", source.source, day(last)),
            },
        });
    }
    if report.pin.as_ref().is_some_and(|pin| pin.origin == PinOrigin::FirstSeen) {
        parts.push("the topic is unconfirmed".to_owned());
    }
    let mut sentence = parts.join("; ");
    if !report.blind_spots.is_empty() {
        let unwatched: Vec<&str> = report.blind_spots.iter().map(|question| question.unwatched()).collect();
        sentence.push_str(", but nobody watches ");
        sentence.push_str(&unwatched.join(", "));
    }
    sentence
}

fn named(certificate: &PushCertificate) -> String {
    let serial = certificate.serial.as_ref().map(|serial| format!("serial {serial}"));
    let end = certificate.not_after.map(|end| format!("ends {}", day(end)));
    match (serial, end) {
        (Some(serial), Some(end)) => format!("{serial} ({end})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "without serial and end".to_owned(),
    }
}

fn day(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn join(topics: &[Topic]) -> String {
    topics.iter().map(Topic::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
