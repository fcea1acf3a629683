//! A tenant in short: what nobody watches, how urgent it is, and one sentence.

use chrono::{DateTime, TimeDelta, Utc};

use super::findings::day;
use super::network;
use super::report::{Moment, polled_sources};
use super::tenant::{Level, TenantReport, Verdict};
use super::tokens;
use crate::config::{Config, Mdm, Tenant};
use crate::model::push::SILENT_RATIO;
use crate::model::{Family, FamilyHealth, Finding, Notice, Phase, PinOrigin, Question, Source};
use crate::words;

/// Tokens and logins that end within this are told; the alerts have the same number.
const ENDS_SOON: TimeDelta = TimeDelta::days(30);

/// The questions that nothing answers.
pub(super) fn blind_spots(report: &TenantReport) -> Vec<Question> {
    let is_absent = report.phase == Phase::None;
    let is_blind = |question: &Question| match question {
        Question::Expiry => report.effective.is_none() && !is_absent,
        // Where there is no certificate, there is no topic to keep and nothing to push with.
        Question::Lineage => report.drift.keys().all(|source| *source == Source::Declared) && !is_absent,
        Question::WayOut => report.way_out.is_none(),
        Question::Arrival => !report.push_is_judged,
        Question::Renewable => report.not_renewable.is_some(),
    };
    Question::ALL.into_iter().filter(is_blind).collect()
}

/// The questions that nothing in the configuration could ever answer for a tenant.
#[must_use]
pub fn cannot_know(tenant: &Tenant, config: &Config) -> Vec<Question> {
    let sources: Vec<Source> = polled_sources(tenant, None).into_iter().map(|(source, _)| source).collect();
    let has_any = |wanted: &[Source]| sources.iter().any(|source| wanted.contains(source));
    let declared_end = tenant.certificate.declared.as_ref().and_then(|declared| declared.not_after);
    let tells = tenant.mdm.kind().tells_certificate();
    let is_out_of_reach = |question: &Question| match question {
        Question::Expiry => !tells && !has_any(&[Source::File]) && declared_end.is_none(),
        Question::Lineage => !tells && !has_any(&[Source::Profile, Source::File, Source::Device]),
        Question::WayOut => !config.probe.as_ref().is_some_and(network::can_know),
        // Only a Mac's agent is a control, and only two vendors tell of it.
        Question::Arrival => match &tenant.mdm {
            Mdm::Kandji(settings) => !settings.push,
            Mdm::Mosyle(settings) => !settings.push,
            Mdm::Intune(_) | Mdm::Jamf(_) | Mdm::None => true,
        },
        Question::Renewable => tenant.account.is_none(),
    };
    Question::ALL.into_iter().filter(is_out_of_reach).collect()
}

/// How urgently a person is needed.
pub(super) fn level(report: &TenantReport) -> Level {
    let drifts = report.drift.values().any(|verdict| matches!(verdict, Verdict::Drifts(..)));
    if drifts || report.revoked || report.findings.contains_key(&Finding::Removed) {
        return Level::Critical;
    }
    let is_failing = report.sources.iter().any(|source| source.polled && !source.up);
    let is_token_bad = report.tokens.iter().any(|token| token.token.usable == Some(false));
    let is_noticed = report.notices.as_ref().is_some_and(|notices| !notices.is_empty());
    let is_silent = !silent_families(report).is_empty();
    let is_bad = is_token_bad || !report.ending.is_empty() || is_noticed || is_silent || !report.findings.is_empty();
    match report.phase {
        Phase::Expired | Phase::Lost => Level::Critical,
        Phase::Renew => Level::Warning,
        _ if is_bad => Level::Warning,
        // What fails is why nobody can say, and no second trouble.
        Phase::Unknown => Level::Unknown,
        Phase::Ok | Phase::Plan | Phase::None if is_failing => Level::Warning,
        Phase::Ok | Phase::Plan | Phase::None => Level::Ok,
    }
}

/// What else ends soon, or has ended.
pub(super) fn ending(report: &TenantReport, moment: Moment) -> Vec<String> {
    let is_near = |not_after: DateTime<Utc>| moment.is_plausible() && not_after - moment.now <= ENDS_SOON;
    let words = |what: String, not_after: DateTime<Utc>| format!("{what} {}", words::until(not_after, moment.now));
    let tokens = report.tokens.iter().filter_map(|token| {
        let not_after = token.token.not_after.filter(|not_after| is_near(*not_after))?;
        Some(words(format!("{} token {}", token.token.kind, token.label), not_after))
    });
    let login = report.credential_not_after.filter(|not_after| is_near(*not_after));
    tokens.chain(login.map(|not_after| words("our own login".to_owned(), not_after))).collect()
}

/// The families of which most living devices are silent.
pub(super) fn silent_families(report: &TenantReport) -> Vec<Family> {
    let families = report.push.iter().flat_map(|push| &push.families);
    let is_silent = |health: &FamilyHealth| health.silent_ratio().is_some_and(|ratio| ratio > SILENT_RATIO);
    families.filter(|(_, health)| is_silent(health)).map(|(family, _)| *family).collect()
}

impl TenantReport {
    /// All of it in one sentence. A tenant with a blind spot is never plainly "ok". Made when it is asked for: a scrape judges
    /// every tenant and shows the sentence of none.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(self)
    }
}

/// See [`TenantReport::sentence`].
fn sentence(report: &TenantReport) -> String {
    let mut parts: Vec<String> = Vec::new();
    for (source, verdict) in &report.drift {
        if let Verdict::Drifts(topic, _, owner) = verdict {
            let owner =
                owner.as_ref().map(|owner| format!(", which is the topic of tenant {owner}")).unwrap_or_default();
            parts.push(format!("topic drift: source {source} tells {topic}{owner}"));
        }
    }
    if report.revoked {
        parts.push("the MDM says that the certificate was revoked".to_owned());
    }
    let is_closed = report.way_out == Some(false);
    let is_calm = report.level == Level::Ok && !is_closed;
    let is_to_come = report.findings.contains_key(&Finding::NotYetValid);
    parts.push(match (report.phase, &report.effective) {
        // The finding says it better than "in date" would.
        (Phase::Ok | Phase::Plan, _) if is_to_come => "not valid yet".to_owned(),
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
    if report.notices.as_ref().is_some_and(|notices| notices.contains_key(&Notice::ApnsUnreachable)) {
        parts.push("the MDM says that it does not reach Apple".to_owned());
    }
    if report.account_mismatch == Some(true) {
        parts.push("the MDM shows another Apple Account than the configured one".to_owned());
    }
    for family in silent_families(report) {
        parts.push(format!("most living devices ({family}) do not check in: pushes may not arrive"));
    }
    if let Some(site) = &report.closed_from {
        // Told with every tenant and no trouble of any: it is the network's, and has an alert of its own.
        parts.push(format!("seen from {site}, the way to Apple is closed"));
    }
    parts.extend(report.findings.values().cloned());
    parts.extend(report.ending.iter().cloned());
    if report.tokens.len() > tokens::MOST {
        parts.push(format!("of {} tokens only the {} most urgent are exported", report.tokens.len(), tokens::MOST));
    }
    for token in report.tokens.iter().filter(|token| token.token.usable == Some(false)) {
        parts.push(format!("{} token {} does not work", token.token.kind, token.label));
    }
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
    // That nobody can say the end stands there already, and is no good news to say "but" to.
    let is_said = |question: &Question| *question == Question::Expiry && report.phase == Phase::Unknown;
    let unwatched = report.blind_spots.iter().filter(|question| !is_said(question));
    let unwatched: Vec<&str> = unwatched.map(|question| question.unwatched()).collect();
    if !unwatched.is_empty() {
        sentence.push_str(if report.phase == Phase::Unknown { "; nobody watches " } else { ", but nobody watches " });
        sentence.push_str(&unwatched.join(", "));
    }
    sentence
}
