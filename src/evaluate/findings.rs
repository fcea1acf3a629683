//! The findings: what a person should know, each with a sentence.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::account::{is_of_domain, is_personal};
use super::certificate::{Effective, Known, standing_file};
use super::learn::{Expectations, candidates};
use super::report::Moment;
use super::tenant::{Case, START_SKEW};
use crate::model::{Finding, Notice, Precision, PushCertificate, Source, SourceMemory, Topic};
use crate::words::{clean, counted};

/// A newer file is no news when its end differs by less: vendors cut seconds, and nobody renews twice a day.
const SAME_END: TimeDelta = TimeDelta::minutes(5);

/// A notice counts whole days, at an hour nobody knows; an end that is further off is another certificate's.
const SAME_DAY: TimeDelta = TimeDelta::days(2);

type Findings = BTreeMap<Finding, String>;

impl Case<'_> {
    /// Everything that stands.
    pub(super) fn findings(&self, effective: &Effective, moment: Moment) -> Findings {
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
        let ambiguous = |source: &&(Source, Duration)| {
            self.memory.sources.get(&source.0).and_then(|state| state.present()).is_some_and(|c| c.topic_ambiguous)
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
        self.findings_of_account(&mut findings);
        self.findings_of_devices(effective, &mut findings);
        findings
    }

    /// Whether the address belongs to the team. It is the one that the MDM shows, where it shows one, else the
    /// configured one.
    fn findings_of_account(&self, findings: &mut Findings) {
        let policy = &self.tenant.account_policy;
        let shown = self.account_reported();
        let Some(address) = shown.as_deref().or_else(|| self.account.map(|account| account.address.as_str())) else {
            return;
        };
        if !is_of_domain(address, policy) {
            findings.insert(
                Finding::AccountDomain,
                format!("the account {} is in none of {}", clean(address, 128), policy.domains.join(", ")),
            );
        }
        if is_personal(address, policy) {
            findings.insert(
                Finding::PersonalAccount,
                format!("the account {} looks like a person's: who leaves takes it along", clean(address, 128)),
            );
        }
    }

    fn findings_of_devices(&self, effective: &Effective, findings: &mut Findings) {
        if let Some(off) = self.devices_off_topic().filter(|off| *off > 0) {
            let devices = counted(off, "device");
            findings.insert(
                Finding::DevicesOffTopic,
                format!(
                    "{devices} listen on other topics than the pinned one and are not reached until they enrol again"
                ),
            );
        }
        let certificate = match effective {
            Effective::Known(known) => known.certificate.topic.as_ref(),
            Effective::Absent | Effective::Unknown => None,
        };
        let wanted = certificate.or_else(|| self.memory.pin.as_ref().map(|pin| &pin.topic));
        if let (Some(wanted), Some(given)) = (wanted, self.facts(Source::Profile)) {
            let mut given = given.present().into_iter().chain(&given.others).filter_map(|c| c.topic.as_ref());
            if let Some(given) = given.find(|given| *given != wanted) {
                findings.insert(
                    Finding::ProfileDisagrees,
                    format!("an enrolment profile gives new devices {given}, and the certificate has {wanted}"),
                );
            }
        }
    }

    /// A notice that does not fit: "it ends in 12 days" beside a file that has 200.
    fn notice_disagrees(&self, known: &Known, moment: Moment) -> Option<String> {
        if known.precision == Precision::Estimate || !moment.is_plausible() {
            return None;
        }
        let state = self.state(Source::Api)?;
        let notices = state.last_good.as_ref()?.facts.notices.as_ref()?;
        let shown = day(known.not_after);
        if notices.contains_key(&Notice::Expired) && moment.now < known.not_after {
            return Some(format!("the MDM says that the certificate has expired, and {} says {shown}", known.source));
        }
        let told = state.estimate.as_ref().filter(|_| notices.contains_key(&Notice::WillExpire))?.not_after;
        ((told - known.not_after).abs() > SAME_DAY)
            .then(|| format!("the MDM warns of {}, and {} says {shown}", told.format("%Y-%m-%d"), known.source))
    }

    fn findings_of_effective(&self, known: &Known, moment: Moment, findings: &mut Findings) {
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
        if let Some(text) = self.notice_disagrees(known, moment) {
            findings.insert(Finding::NoticeDisagrees, text);
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

fn named(certificate: &PushCertificate) -> String {
    let serial = certificate.serial.as_ref().map(|serial| format!("serial {serial}"));
    let end = certificate.not_after.map(|end| format!("ends {}", day(end)));
    match (serial, end) {
        (Some(serial), Some(end)) => format!("{serial} ({end})"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "without serial and end".to_owned(),
    }
}

pub(super) fn day(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}

fn join(topics: &[Topic]) -> String {
    topics.iter().map(Topic::as_str).collect::<Vec<_>>().join(", ")
}
