//! What is true of one tenant.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::account::{AccountReport, not_renewable};
use super::certificate::{Effective, Known, effective};
use super::changed::{PinChanged, changed};
use super::network::NetworkReport;
use super::planned::{Planned, planned};
use super::report::{Moment, Owners};
use super::summary::{blind_spots, ending, level};
use super::tokens::{self, TokenReport};
use crate::config::{Account, Tenant};
use crate::model::{
    AccountId, Facts, Failure, Finding, Labels, MdmKind, Memory, Notice, Notices, Phase, Pin, PinOrigin, Policy,
    Presence, PushCertificate, PushHealth, Question, Source, SourceMemory, Statement, TenantName, Topic,
};

/// A start this little in the future is a clock that differs, not a certificate that is not valid yet.
pub(super) const START_SKEW: TimeDelta = TimeDelta::minutes(5);

/// After this many intervals without a success, what a source said well is withdrawn.
const STALE_INTERVALS: i32 = 3;

/// Where a declared certificate comes from.
static CONFIGURATION: LazyLock<Arc<str>> = LazyLock::new(|| "the configuration".into());

/// Everything a face may show of one tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantReport {
    /// Its name.
    pub name: TenantName,
    /// The names it had before, the oldest first.
    pub formerly: Vec<TenantName>,
    /// Its MDM.
    pub mdm: MdmKind,
    /// Its labels.
    pub labels: Labels,
    /// The account it is configured with.
    pub account: Option<AccountId>,
    /// Muted until this day.
    pub muted: Option<NaiveDate>,
    /// Who renews it when, if somebody said so.
    pub planned: Option<Planned>,
    /// Where its phases begin.
    pub policy: Policy,
    /// The phase of the effective certificate.
    pub phase: Phase,
    /// The effective certificate.
    pub effective: Option<Known>,
    /// The topic that must stay.
    pub pin: Option<Pin>,
    /// When people made it another one within the last seven days, the latest first.
    pub pin_changes: Vec<PinChanged>,
    /// By source, for those whose word can be compared with the pin now.
    pub drift: BTreeMap<Source, Verdict>,
    /// Whether the account that the MDM shows is another than the configured one, where both are known.
    pub account_mismatch: Option<bool>,
    /// The account that the MDM shows.
    pub account_reported: Option<String>,
    /// The notices that the MDM shows to this login, where it has any to show.
    pub notices: Option<Notices>,
    /// The MDM said that the certificate was revoked, and nothing has taken its place since.
    pub revoked: bool,
    /// Tokens, told or declared; at most [`tokens::MOST`].
    pub tokens: Vec<TokenReport>,
    /// What check-ins tell.
    pub push: Option<PushHealth>,
    /// Whether check-ins could say now that pushes do not arrive.
    pub push_is_judged: bool,
    /// Whether pushes get out from where this process stands; `None` if nobody can say.
    pub way_out: Option<bool>,
    /// The site from which they do not.
    pub closed_from: Option<String>,
    /// Devices that listen on another topic than the pinned one, where topics of devices are read.
    pub devices_off_topic: Option<u64>,
    /// The end of our own login, as far as it is known.
    pub credential_not_after: Option<DateTime<Utc>>,
    /// Who says so: the source that read it, or `declared`.
    pub credential_source: Option<Source>,
    /// Tokens and our own login, where they end within thirty days or have ended, in words.
    pub ending: Vec<String>,
    /// Why nobody can say that a renewal could be made today.
    pub not_renewable: Option<&'static str>,
    /// What a person should know, with a sentence each.
    pub findings: BTreeMap<Finding, String>,
    /// The questions that nothing answers.
    pub blind_spots: Vec<Question>,
    /// The sources, polled or declared.
    pub sources: Vec<SourceReport>,
    /// How urgently a person is needed.
    pub level: Level,
}

/// Whether a source tells the pinned topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It tells the pinned topic.
    Agrees,
    /// It told this one instead, first at that moment; with the other tenant that keeps it.
    Drifts(Topic, DateTime<Utc>, Option<TenantName>),
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
    /// What it told last.
    pub facts: Option<Arc<Facts>>,
    /// When it told that.
    pub told: Option<DateTime<Utc>>,
}

impl SourceReport {
    /// The certificate it told of last.
    #[must_use]
    pub fn certificate(&self) -> Option<&PushCertificate> {
        self.facts.as_ref()?.present()
    }

    /// It says that there is no certificate.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.certificate == Some(Presence::Absent))
    }

    /// Where that came from.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.facts.as_ref().map(|facts| &*facts.origin).unwrap_or_default()
    }

    /// What a person should know about its answer.
    #[must_use]
    pub fn remarks(&self) -> &[String] {
        self.facts.as_ref().map(|facts| facts.remarks.as_slice()).unwrap_or_default()
    }
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
    /// Every level, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Warning, Self::Unknown, Self::Ok];

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
    /// What is true of its account.
    pub account_report: Option<&'a AccountReport>,
    /// Whose topic is whose: the pinned topics of all tenants.
    pub owners: &'a Owners<'a>,
    /// The way to Apple from here, if it is probed.
    pub network: Option<&'a NetworkReport>,
    /// Whether the store can be used, so that what people say now is heard.
    pub store_up: bool,
}

impl Case<'_> {
    pub(super) fn state(&self, source: Source) -> Option<&SourceMemory> {
        self.memory.sources.get(&source).filter(|_| self.is_polled(source)).map(AsRef::as_ref)
    }

    fn is_polled(&self, source: Source) -> bool {
        self.polled.iter().any(|(polled, _)| *polled == source)
    }

    /// Whether a source has answered lately, so that what it told well still holds.
    fn is_heard(&self, source: Source, moment: Moment) -> bool {
        let interval = self.polled.iter().find(|(polled, _)| *polled == source).map(|(_, interval)| *interval);
        interval
            .zip(self.state(source))
            .is_some_and(|(interval, state)| is_fresh(state.last_success, interval, moment.now))
    }

    /// The facts that a source told last.
    pub(super) fn facts(&self, source: Source) -> Option<&Facts> {
        self.state(source)?.last_good.as_ref().map(|observation| observation.facts.as_ref())
    }

    pub(super) fn account_reported(&self) -> Option<String> {
        self.facts(Source::Api)?.account.as_deref().map(str::to_owned)
    }

    /// Devices on another topic than the pinned one.
    pub(super) fn devices_off_topic(&self) -> Option<u64> {
        let pin = self.memory.pin.as_ref()?;
        let counts = &self.facts(Source::Device)?.devices.as_ref()?.counts;
        Some(counts.iter().filter(|(topic, _)| **topic != pin.topic).map(|(_, count)| count).sum())
    }

    /// The pin; confirmed while devices are seen that listen on it.
    fn pin(&self, moment: Moment) -> Option<Pin> {
        let mut pin = self.memory.pin.clone()?;
        let is_seen = self
            .facts(Source::Device)
            .and_then(|facts| facts.devices.as_ref())
            .is_some_and(|devices| devices.counts.get(&pin.topic).is_some_and(|count| *count > 0));
        if pin.origin == PinOrigin::FirstSeen && is_seen && self.is_heard(Source::Device, moment) {
            pin.origin = PinOrigin::Confirmed;
        }
        Some(pin)
    }

    /// What check-ins told; that push is off for no device only while somebody still says so.
    fn push(&self, moment: Moment) -> Option<PushHealth> {
        let mut push = self.facts(Source::Push)?.push.as_deref().cloned()?;
        push.disabled = push.disabled.filter(|disabled| *disabled > 0 || self.is_heard(Source::Push, moment));
        Some(push)
    }

    /// Whether the certificate was revoked and no upload of another was attested since the MDM last said so.
    fn is_revoked(&self) -> bool {
        let Some(told) = self.state(Source::Api).and_then(|state| state.revoked) else { return false };
        let is_shown = self
            .facts(Source::Api)
            .and_then(|facts| facts.notices.as_ref())
            .is_some_and(|notices| notices.contains_key(&Notice::Revoked));
        // Saying once more that the revoked one was uploaded replaces nothing.
        let first = self.memory.sources.get(&Source::File).and_then(|file| file.seen.first());
        let was_in_force = |statement: &Statement| {
            first.is_some_and(|first| first.first_seen <= told && statement.is_upload_of(&first.certificate))
                || self.memory.attestations.iter().any(|said| said.at <= told && said.statement == *statement)
        };
        let is_replaced = self.memory.attestations.iter().any(|attestation| {
            let statement = &attestation.statement;
            matches!(statement, Statement::Uploaded { .. }) && attestation.at > told && !was_in_force(statement)
        });
        is_shown || !is_replaced
    }

    /// Whether a source that can judge pushes has done so lately.
    fn push_is_judged(&self, moment: Moment) -> bool {
        let push = self.facts(Source::Push).and_then(|facts| facts.push.as_ref());
        self.is_heard(Source::Push, moment)
            && push.is_some_and(|push| push.families.values().any(|family| family.silent_ratio().is_some()))
    }

    /// The earliest end of our own login that anybody tells, and who does.
    fn credential(&self) -> Option<(DateTime<Utc>, Source)> {
        let configured = self.tenant.mdm.credential_expires().map(|date| date.and_time(NaiveTime::MIN).and_utc());
        let read = |(source, _): &(Source, _)| Some((self.facts(*source)?.credential_not_after?, *source));
        // What was read comes first, and wins where both are the same.
        let all = self.polled.iter().filter_map(read).chain(configured.map(|end| (end, Source::Declared)));
        all.min_by_key(|(end, _)| *end)
    }

    pub(super) fn sources(&self) -> Vec<Source> {
        self.polled.iter().map(|(source, _)| *source).collect()
    }

    /// Judges the tenant.
    #[must_use]
    pub fn report(&self, moment: Moment) -> TenantReport {
        let tenant = self.tenant;
        let effective = effective(self.memory, &self.sources(), tenant.certificate.declared.as_deref());
        let phase = self.phase(&effective, moment);
        let findings = self.findings(&effective, moment);
        let drift = self.drift(moment);
        let credential = self.credential();
        let account_reported = self.account_reported();
        let account_mismatch = match (self.account, &account_reported) {
            (Some(account), Some(reported)) => Some(!account.address.trim().eq_ignore_ascii_case(reported.trim())),
            (Some(_) | None, None) | (None, Some(_)) => None,
        };
        let account_mismatch = account_mismatch.filter(|is_other| *is_other || self.is_heard(Source::Api, moment));
        let not_renewable = if account_mismatch == Some(true) {
            Some("the MDM shows another account than the configured one")
        } else {
            not_renewable(self.account, self.account_report, &tenant.account_policy, moment.now)
        };
        let effective = match effective {
            Effective::Known(known) => Some(*known),
            Effective::Absent | Effective::Unknown => None,
        };
        let way_out = self.network.and_then(NetworkReport::way_out);
        let mut report = TenantReport {
            name: tenant.name.clone(),
            mdm: tenant.mdm.kind(),
            formerly: tenant.formerly.clone(),
            labels: tenant.labels.clone(),
            account: tenant.account.clone(),
            // A clock that cannot be right must not make anybody quiet again whose mute has ended.
            muted: tenant
                .muted
                .as_ref()
                .map(|muted| muted.until)
                .filter(|until| moment.is_plausible() && moment.now.date_naive() < *until),
            // A plan that was withdrawn where it is not heard would go on keeping quiet what must be told.
            planned: planned(self.memory, phase, effective.as_ref(), moment.now).filter(|_| self.store_up),
            policy: tenant.policy,
            phase,
            blind_spots: Vec::new(),
            effective,
            pin: self.pin(moment),
            pin_changes: changed(self.memory, moment),
            drift,
            account_mismatch,
            account_reported,
            notices: self.facts(Source::Api).and_then(|facts| facts.notices.clone()),
            revoked: self.is_revoked(),
            tokens: tokens::report(self.facts(Source::Tokens), self.is_heard(Source::Tokens, moment), &tenant.tokens),
            push: self.push(moment),
            push_is_judged: self.push_is_judged(moment),
            way_out,
            closed_from: self.network.filter(|_| way_out == Some(false)).map(|network| network.site.clone()),
            devices_off_topic: self.devices_off_topic().filter(|off| *off > 0 || self.is_heard(Source::Device, moment)),
            credential_not_after: credential.map(|(end, _)| end),
            credential_source: credential.map(|(_, source)| source),
            ending: Vec::new(),
            not_renewable,
            findings,
            sources: self.source_reports(moment),
            level: Level::Ok,
        };
        report.ending = ending(&report, moment);
        report.blind_spots = blind_spots(&report);
        report.level = level(&report);
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
                verdicts.insert(*source, self.drifts(&drift.topic, drift.since));
                continue;
            }
            let tells_pin = state.present().is_some_and(|certificate| certificate.topic.as_ref() == Some(&pin.topic));
            if tells_pin && is_fresh(state.last_success, *interval, moment.now) {
                verdicts.insert(*source, Verdict::Agrees);
            }
        }
        if let Some(topic) = self.tenant.certificate.declared.as_deref().and_then(|declared| declared.topic.as_ref()) {
            let verdict = if *topic == pin.topic { Verdict::Agrees } else { self.drifts(topic, pin.since) };
            verdicts.insert(Source::Declared, verdict);
        }
        verdicts
    }

    fn drifts(&self, topic: &Topic, since: DateTime<Utc>) -> Verdict {
        let owner = self.owners.get(topic).filter(|owner| ***owner != self.tenant.name);
        Verdict::Drifts(topic.clone(), since, owner.map(|owner| (*owner).clone()))
    }

    fn source_reports(&self, moment: Moment) -> Vec<SourceReport> {
        let nothing = SourceMemory::default();
        let mut reports: Vec<SourceReport> = self
            .polled
            .iter()
            .map(|(source, interval)| {
                let state = self.memory.sources.get(source).map_or(&nothing, AsRef::as_ref);
                let attempt = state.last_attempt.as_ref();
                SourceReport {
                    source: *source,
                    polled: true,
                    up: attempt.is_some_and(|attempt| attempt.failure.is_none())
                        && is_fresh(state.last_success, *interval, moment.now),
                    failure: state.failure().cloned(),
                    failing_since: attempt.and_then(|attempt| attempt.failing_since),
                    last_success: state.last_success,
                    interval: Some(*interval),
                    facts: state.last_good.as_ref().map(|observation| Arc::clone(&observation.facts)),
                    told: state.last_good.as_ref().map(|observation| observation.at),
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
                facts: Some(Arc::new(Facts {
                    certificate: Some(Presence::from(PushCertificate {
                        topic: declared.topic.clone(),
                        not_after: declared.not_after,
                        ..PushCertificate::default()
                    })),
                    origin: Arc::clone(&CONFIGURATION),
                    ..Facts::default()
                })),
                told: None,
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

#[cfg(test)]
mod tests;
