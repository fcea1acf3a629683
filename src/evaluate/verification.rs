//! After a renewal: what machines see of it, what they cannot see, and what people said.

use chrono::{DateTime, TimeDelta, Utc};

use super::certificate::standing_file;
use super::tenant::{Level, TenantReport, Verdict};
use crate::model::{
    Attestation, Family, HumanStep, MdmKind, Memory, PinOrigin, Precision, PushCertificate, Reason, Source, Statement,
};
use crate::words::{clean, span, until};

/// A renewal is verified on its day or soon after. What was seen or said earlier was about an earlier one.
const RECENT: TimeDelta = TimeDelta::days(30);

/// Whether something is as it must be after a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is.
    Good,
    /// Not yet; it is worth waiting.
    Waiting,
    /// It is not, and waiting will not help.
    Bad,
    /// Nobody here can see it.
    CannotTell,
}

impl State {
    /// The value in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Waiting => "waiting",
            Self::Bad => "bad",
            Self::CannotTell => "cannot_tell",
        }
    }
}

/// One thing that a machine looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name in documents.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// How it stands.
    pub state: State,
    /// Why: lower case, no full stop.
    pub sentence: String,
    /// How bad it is when it is [`State::Bad`].
    level: Level,
}

/// One thing that only a person sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub step: HumanStep,
    /// Who said so, and when; `None` while nobody did.
    pub said: Option<(String, DateTime<Utc>)>,
    /// Why nobody has to.
    pub needless: Option<&'static str>,
}

/// How a renewal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// What machines look at.
    pub checks: Vec<Check>,
    /// What people see.
    pub steps: Vec<Step>,
}

impl Verification {
    /// Whether waiting could change anything.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.checks.iter().any(|check| check.state == State::Waiting)
    }

    /// How bad it is: critical where devices are or will be lost, a warning while anything is open.
    #[must_use]
    pub fn level(&self) -> Level {
        let checks = self.checks.iter().map(|check| match check.state {
            State::Good | State::CannotTell => Level::Ok,
            State::Waiting => Level::Warning,
            State::Bad => check.level,
        });
        let is_open = self.steps.iter().any(|step| step.said.is_none() && step.needless.is_none());
        checks.chain(is_open.then_some(Level::Warning)).min().unwrap_or(Level::Ok)
    }
}

/// Judges a renewal. `start` is when somebody began to look: a check-in after the renewal counts, one before does not.
#[must_use]
pub fn verify(tenant: &TenantReport, memory: &Memory, start: DateTime<Utc>, now: DateTime<Utc>) -> Verification {
    let case = Case { tenant, memory, start, now };
    let tells = tenant.mdm.tells_certificate();
    let checks =
        vec![case.end(tells), case.topic(tells), case.life(tells), case.serial(tells), case.paths(), case.checkins()];
    let steps = HumanStep::ALL.into_iter().map(|step| case.step(step, tells)).collect();
    Verification { checks, steps }
}

struct Case<'a> {
    tenant: &'a TenantReport,
    memory: &'a Memory,
    start: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl Case<'_> {
    /// Why the MDM's word is missing at this moment.
    fn silence(&self) -> Option<String> {
        let api = self.tenant.sources.iter().find(|source| source.source == Source::Api)?;
        let failure = api.failure.as_ref()?;
        Some(format!("the MDM could not be asked ({}): {}", failure.reason, clean(&failure.message, 500)))
    }

    /// Since when the renewal has been there: seen at the MDM or said by a person. `None` where nobody knows.
    fn since(&self) -> Option<DateTime<Utc>> {
        // A newer file that nobody has confirmed is a renewal that has only begun: what was said is about the one before.
        standing_file(self.memory).is_none_or(|standing| standing.unconfirmed.is_none()).then_some(())?;
        let renewed = self.tenant.effective.as_ref().and_then(|known| known.renewed);
        let uploads =
            self.memory.attestations.iter().filter(|said| matches!(said.statement, Statement::Uploaded { .. }));
        let said = uploads.map(|said| said.at).max();
        renewed.max(said).filter(|since| *since > self.now - RECENT)
    }

    fn end(&self, tells: bool) -> Check {
        let of = |state, sentence| Check {
            name: "new_end",
            title: "new end at the MDM",
            state,
            sentence,
            level: Level::Warning,
        };
        if !tells {
            return of(State::CannotTell, self.dumb("the end of its certificate"));
        }
        if let Some(silence) = self.silence() {
            return of(State::Waiting, silence);
        }
        let exact =
            |known: &&super::certificate::Known| known.precision == Precision::Exact && known.source == Source::Api;
        let Some(known) = self.tenant.effective.as_ref().filter(exact) else {
            return of(State::Waiting, "the MDM shows no certificate".to_owned());
        };
        let shown = format!("{} ({})", known.not_after.format("%Y-%m-%d %H:%M UTC"), until(known.not_after, self.now));
        // What is not looked at any more, such as a certificate that was added and taken away again, is waited for by nobody.
        let file = self.tenant.sources.iter().find(|source| source.source == Source::File);
        let file = file.and_then(|file| file.certificate());
        // A file that ends later is what is waited for, whatever the MDM changed before.
        if let Some(end) = file.and_then(|file| file.not_after).filter(|end| *end > known.not_after) {
            let wanted = end.format("%Y-%m-%d %H:%M UTC");
            return of(State::Waiting, format!("the MDM still shows {shown}; the file ends {wanted}"));
        }
        if known.renewed.is_some_and(|renewed| renewed > self.now - RECENT) {
            return of(State::Good, format!("the MDM shows {shown}"));
        }
        // A file that says the same is as old as what the MDM shows, unless it is a new one itself.
        let is_new = |file: &PushCertificate| file.not_before.is_some_and(|begun| begun > self.now - RECENT);
        let same = file.filter(|file| file.is_same_as(&known.certificate) && known.renewed.is_none());
        if same.is_some_and(is_new) {
            return of(State::Good, format!("the MDM shows {shown}, as the file says; the one before was not seen"));
        }
        of(State::Waiting, format!("the MDM still shows {shown}"))
    }

    fn topic(&self, tells: bool) -> Check {
        let of = |state, sentence| Check {
            name: "topic",
            title: "topic unchanged",
            state,
            sentence,
            level: Level::Critical,
        };
        if let Some((source, Verdict::Drifts(topic, ..))) =
            self.tenant.drift.iter().find(|(_, verdict)| matches!(verdict, Verdict::Drifts(..)))
        {
            let is_over = self.memory.sources.get(source).and_then(|state| state.drift.as_ref());
            if is_over.is_some_and(|drift| drift.agreeing > 0) {
                let topic = clean(topic.as_str(), 256);
                let sentence =
                    format!("{source} told {topic} before and tells the pinned one again: once more, and it counts");
                return of(State::Waiting, sentence);
            }
            return of(
                State::Bad,
                format!(
                    "{source} tells another topic, {}: no enrolled device is reached. Renew the original row with the \
                     original account and upload that",
                    clean(topic.as_str(), 256)
                ),
            );
        }
        let Some(pin) = &self.tenant.pin else {
            return of(State::CannotTell, "no topic is pinned, so there is nothing to compare with".to_owned());
        };
        // Before the upload nobody looked, so this may be the topic of the wrong certificate.
        if pin.origin == PinOrigin::FirstSeen && pin.since >= self.start {
            let topic = clean(pin.topic.as_str(), 256);
            let sentence =
                format!("{topic} was seen just now for the first time, so there is nothing to compare it with");
            return of(State::CannotTell, sentence);
        }
        match (tells, self.tenant.drift.get(&Source::Api).filter(|_| self.silence().is_none())) {
            (false, _) => of(State::CannotTell, self.dumb("the topic of its certificate")),
            (true, Some(_)) => of(State::Good, format!("it is {}, as it must be", clean(pin.topic.as_str(), 256))),
            (true, None) => {
                of(State::Waiting, self.silence().unwrap_or_else(|| "the MDM has not told it yet".to_owned()))
            }
        }
    }

    fn life(&self, tells: bool) -> Check {
        let of =
            |state, sentence| Check { name: "life", title: "about 365 days", state, sentence, level: Level::Warning };
        if !tells {
            return of(State::CannotTell, self.dumb("the life of its certificate"));
        }
        let is_new = self.end(tells).state == State::Good;
        match self.tenant.effective.as_ref().filter(|_| is_new) {
            None => of(State::Waiting, "the new certificate is not there yet".to_owned()),
            Some(known) if known.is_short() => {
                let life = known.life.map(span).unwrap_or_default();
                of(State::Bad, format!("it lives for {life} only: is this the certificate that was downloaded last?"))
            }
            Some(known) => match known.life {
                Some(life) => of(State::Good, format!("it lives for {}", span(life))),
                None => of(State::CannotTell, "nobody saw it begin".to_owned()),
            },
        }
    }

    fn serial(&self, tells: bool) -> Check {
        let of =
            |state, sentence| Check { name: "serial", title: "new serial", state, sentence, level: Level::Warning };
        if !tells {
            return of(State::CannotTell, self.dumb("the serial number of its certificate"));
        }
        if self.end(tells).state != State::Good {
            return of(State::Waiting, "the new certificate is not there yet".to_owned());
        }
        let known = self.tenant.effective.as_ref();
        match known.and_then(|known| Some((known.certificate.serial.as_ref()?, known.renewed))) {
            None => of(State::CannotTell, "the MDM shows none".to_owned()),
            Some((serial, Some(_))) => of(State::Good, format!("{serial}, another one than before")),
            Some((serial, None)) => of(State::Good, format!("{serial}, as the file says")),
        }
    }

    fn paths(&self) -> Check {
        let of = |state, sentence: &str| Check {
            name: "paths",
            title: "paths to Apple open",
            state,
            sentence: sentence.to_owned(),
            level: Level::Critical,
        };
        match self.tenant.way_out {
            Some(true) => of(State::Good, "pushes can get out from here"),
            Some(false) => of(State::Bad, "pushes cannot get out from here: see doctor, and check the firewall first"),
            None => of(
                State::CannotTell,
                "nothing here probes the way to Apple: set probe, or run doctor where the MDM stands",
            ),
        }
    }

    fn checkins(&self) -> Check {
        let of = |state, sentence| Check {
            name: "checkins",
            title: "devices still check in",
            state,
            sentence,
            level: Level::Warning,
        };
        let source = self.tenant.sources.iter().find(|source| source.source == Source::Push && source.polled);
        let Some(source) = source else {
            return of(State::CannotTell, "nothing here reads the check-ins of this tenant".to_owned());
        };
        if let Some(failure) = &source.failure {
            // A right that is missing will not come by waiting.
            let state = if failure.reason == Reason::Forbidden { State::CannotTell } else { State::Waiting };
            return of(state, format!("the check-ins could not be read ({})", failure.reason));
        }
        let since = self.since().unwrap_or(self.start);
        let newest = self.tenant.push.iter().flat_map(|push| &push.families);
        let newest = newest.filter_map(|(family, health)| Some((health.last_checkin?, family))).max();
        match newest {
            Some((at, family)) if at > since => of(
                State::Good,
                format!(
                    "the newest is of the family {family}, {} ago; a check-in alone is no proof of a push",
                    span(self.now - at)
                ),
            ),
            Some((at, _)) => {
                of(State::Waiting, format!("none since the renewal, the newest {} ago", span(self.now - at)))
            }
            None => of(State::CannotTell, "the MDM shows no device that ever checked in".to_owned()),
        }
    }

    fn step(&self, step: HumanStep, tells: bool) -> Step {
        // Somebody may have looked at the console in the morning and at a Mac in the afternoon.
        let from = self.since().unwrap_or(self.start).min(self.start) - TimeDelta::days(1);
        let is_this = |said: &&Attestation| said.at >= from && said.statement == Statement::Verified { step };
        let said = self.memory.attestations.iter().rev().find(is_this).map(|said| (said.by.clone(), said.at));
        // What an answer in part, or an old one, does not name may be there all the same.
        let push = self.tenant.sources.iter().find(|source| source.source == Source::Push);
        let is_whole =
            self.tenant.mdm.tells_every_family() && push.is_some_and(|source| source.up && source.failure.is_none());
        let devices = |families: &[Family]| {
            let push = self.tenant.push.as_ref().filter(|_| is_whole)?;
            let known = push.families.iter().filter(|(family, _)| families.contains(family));
            Some(known.map(|(_, health)| health.devices).sum::<u64>())
        };
        let needless = match step {
            HumanStep::Console => tells.then_some("the MDM tells it by itself"),
            // What is neither is counted among "other", and may be one.
            HumanStep::Mobile => (devices(&[Family::Iphone, Family::Ipad, Family::Other]) == Some(0))
                .then_some("no iPhone or iPad is managed"),
            HumanStep::Mac => (devices(&[Family::Mac, Family::Other]) == Some(0)).then_some("no Mac is managed"),
        };
        Step { step, said, needless }
    }

    fn dumb(&self, what: &str) -> String {
        match self.tenant.mdm {
            MdmKind::None => format!("nobody asks this MDM, so nobody here sees {what}"),
            kind => format!("an MDM of the kind {kind} does not tell {what}"),
        }
    }
}
