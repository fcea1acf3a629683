//! From a report to what stands: the conditions of the alert rules, by the same keys and with the same words.
//!
//! Nothing is judged here. A condition is what the report says; how long it must hold, whom it reaches and how often it is told
//! is the ledger's.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::facts::Facts;
use super::key::{Key, Severity};
use crate::evaluate::tenant::{TenantReport, Verdict};
use crate::evaluate::tokens::MOST;
use crate::evaluate::{NetworkReport, Report};
use crate::model::push::SILENT_RATIO;
use crate::model::{Finding, Notice, Phase, Reason, Role, Source};

/// The rules say of tokens and of our own logins that thirty days are soon.
const SOON: TimeDelta = TimeDelta::days(30);

/// Rounds of probes are late after so many intervals.
const LATE_ROUNDS: u32 = 3;

/// Why a condition that stands is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hush {
    /// Another one that stands says it better.
    Explained,
    /// Somebody has planned the renewal.
    Planned,
    /// The tenant is muted.
    Muted,
}

/// A condition that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Why it is not told, if it is not.
    pub hush: Option<Hush>,
    /// The value of the alert, where its words need one.
    pub value: f64,
}

/// The end of a condition that does not stand any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody can say now whether it is over.
    Unjudged,
    /// It is over.
    Over,
    /// It became worse, which is told instead.
    Superseded,
    /// What it was about left the configuration: nobody looks any more.
    Unwatched,
}

/// What stands at one moment, with what its words are made of.
#[derive(Debug)]
pub struct News<'a> {
    pub(super) facts: Facts<'a>,
    /// Where people reach the page.
    pub(super) page: Option<&'a url::Url>,
    /// Whether the way to Apple is probed.
    is_probing: bool,
    /// The name of this process among others.
    instance: &'a str,
    /// By key.
    pub standing: BTreeMap<Key, Standing>,
}

/// What news are made from, besides the report.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// When the configuration in force was read.
    pub since: DateTime<Utc>,
    /// Where people reach the page.
    pub page: Option<&'a url::Url>,
    /// Whether the way to Apple is probed.
    pub is_probing: bool,
    /// The name of this process among others.
    pub instance: &'a str,
    /// The channels that cannot be reached.
    pub failing: &'a BTreeSet<String>,
}

impl<'a> News<'a> {
    /// What a report says.
    #[must_use]
    pub fn new(report: &'a Report, around: &Around<'a>) -> Self {
        let mut news = Self {
            facts: Facts { report, since: around.since },
            page: around.page,
            is_probing: around.is_probing,
            instance: around.instance,
            standing: BTreeMap::new(),
        };
        for tenant in &report.tenants {
            news.certificate(tenant);
            news.mdm(tenant);
            news.sources(tenant);
            news.tokens(tenant);
        }
        for account in &report.accounts {
            for (duty, state) in account.duties.iter().filter(|(_, state)| state.due <= report.now) {
                let labels = [("account", account.id.as_str()), ("duty", duty.as_str())];
                news.add_valued("ApnsDutyDue", Severity::Info, &labels, None, seconds(state.due));
            }
        }
        if let Some(network) = &report.network {
            news.network(network);
        }
        news.daemon(report, around);
        news
    }

    fn add(&mut self, alert: &str, severity: Severity, labels: &[(&str, &str)], hush: Option<Hush>) {
        self.add_valued(alert, severity, labels, hush, 1.0);
    }

    fn add_valued(&mut self, alert: &str, severity: Severity, labels: &[(&str, &str)], hush: Option<Hush>, value: f64) {
        self.standing.insert(Key::new(alert, severity, labels), Standing { hush, value });
    }

    fn certificate(&mut self, tenant: &TenantReport) {
        let muted = tenant.muted.map(|_| Hush::Muted);
        let [name, mdm] = of(tenant);
        let expiry = match tenant.phase {
            Phase::Expired | Phase::Lost => Some(Severity::Critical),
            Phase::Renew => Some(Severity::Warning),
            Phase::Plan => Some(Severity::Info),
            Phase::Ok | Phase::None | Phase::Unknown => None,
        };
        if let Some(severity) = expiry {
            let is_planned = tenant.planned.as_ref().is_some_and(|said| said.plan.tier.as_str() == severity.as_str());
            let hush = muted.or_else(|| is_planned.then_some(Hush::Planned));
            self.add("ApnsCertificateExpiry", severity, &[name, mdm], hush);
        }
        if tenant.phase == Phase::Unknown && self.facts.report.clock_plausible {
            self.add("ApnsCertificateUnknown", Severity::Warning, &[name, mdm], muted);
        }
        for (source, verdict) in &tenant.drift {
            if let Verdict::Drifts(..) = verdict {
                let labels = [name, mdm, ("source", source.as_str())];
                self.add("ApnsTopicDrift", Severity::Critical, &labels, muted);
            }
        }
        if tenant.revoked {
            self.add("ApnsCertificateRevoked", Severity::Critical, &[name, mdm], muted);
        }
        for finding in tenant.findings.keys() {
            let labels = [name, mdm, ("finding", finding.as_str())];
            match finding {
                Finding::Removed => self.add("ApnsCertificateRemoved", Severity::Critical, &[name, mdm], muted),
                Finding::RenewalNotUploaded | Finding::RenewalUnconfirmed => {
                    self.add("ApnsRenewalNotUploaded", Severity::Warning, &labels, muted);
                }
                Finding::RenewalTooShort => self.add("ApnsRenewalTooShort", Severity::Warning, &[name, mdm], muted),
                _ => self.add("ApnsFinding", Severity::Warning, &labels, muted),
            }
        }
        // The MDM says of the same certificate what is known already.
        let is_known = |notice: Notice| match notice {
            Notice::WillExpire => matches!(expiry, Some(Severity::Critical | Severity::Warning)),
            Notice::Expired => expiry == Some(Severity::Critical),
            Notice::Revoked | Notice::ApnsUnreachable => false,
        };
        let notices = tenant.notices.iter().flatten().map(|(notice, _)| *notice);
        for notice in notices.filter(|notice| *notice != Notice::Revoked) {
            let hush = muted.or_else(|| is_known(notice).then_some(Hush::Explained));
            self.add("ApnsMdmNotice", Severity::Warning, &[name, mdm, ("notice", notice.as_str())], hush);
        }
    }

    fn mdm(&mut self, tenant: &TenantReport) {
        let muted = tenant.muted.map(|_| Hush::Muted);
        let [name, mdm] = of(tenant);
        if tenant.account_mismatch == Some(true) {
            self.add("ApnsAccountMismatch", Severity::Info, &[name, mdm], muted);
        }
        for (family, health) in tenant.push.iter().flat_map(|push| &push.families) {
            if let Some(ratio) = health.silent_ratio().filter(|ratio| *ratio > SILENT_RATIO) {
                let labels = [name, mdm, ("family", family.as_str())];
                self.add_valued("ApnsPushSilent", Severity::Warning, &labels, muted, ratio);
            }
        }
        if let Some(left) = tenant.credential_not_after.and_then(|end| self.time_left(end)).filter(|left| *left <= SOON)
        {
            self.add_valued("ApnsCredentialExpiry", Severity::Warning, &[name, mdm], muted, length(left));
        }
    }

    fn sources(&mut self, tenant: &TenantReport) {
        let muted = tenant.muted.map(|_| Hush::Muted);
        let [name, mdm] = of(tenant);
        for source in tenant.sources.iter().filter(|source| source.polled && !source.up) {
            let labels = [name, mdm, ("source", source.source.as_str())];
            let reason = source.failure.as_ref().map(|failure| failure.reason);
            let is_refused = matches!(reason, Some(Reason::Auth | Reason::Forbidden));
            if is_refused {
                self.add("ApnsCredentialRejected", Severity::Warning, &labels, muted);
            }
            let hush = muted.or_else(|| is_refused.then_some(Hush::Explained));
            self.add("ApnsSourceFailing", Severity::Warning, &labels, hush);
        }
    }

    fn tokens(&mut self, tenant: &TenantReport) {
        let muted = tenant.muted.map(|_| Hush::Muted);
        let [name, mdm] = of(tenant);
        for token in tenant.tokens.iter().take(MOST) {
            let labels = [name, mdm, ("kind", token.token.kind.as_str()), ("token", token.label.as_str())];
            let left = token.token.not_after.and_then(|end| self.time_left(end));
            if let Some(left) = left.filter(|left| *left <= SOON) {
                let is_over = left <= TimeDelta::zero();
                let severity = if is_over { Severity::Critical } else { Severity::Warning };
                self.add_valued("AppleTokenExpiry", severity, &labels, muted, length(left));
            }
            if token.token.usable == Some(false) {
                self.add("AppleTokenUnusable", Severity::Warning, &labels, muted);
            }
        }
    }

    fn network(&mut self, network: &NetworkReport) {
        let site = ("site", network.site.as_str());
        for path in &network.paths {
            let (down, degraded, severity) = match path.role {
                Role::Device => ("ApnsDevicePathDown", "ApnsDevicePathDegraded", Severity::Critical),
                Role::Server if network.site_runs_mdm => {
                    ("ApnsServerPathDown", "ApnsServerPathDegraded", Severity::Critical)
                }
                Role::Server => ("ApnsServerPathDown", "ApnsServerPathDegraded", Severity::Warning),
            };
            if path.up == Some(false) {
                self.add(down, severity, &[site], None);
            }
            if path.degraded == Some(true) {
                self.add(degraded, Severity::Info, &[site], None);
            }
            let late = TimeDelta::from_std(network.interval * LATE_ROUNDS).unwrap_or(TimeDelta::MAX);
            if path.last_round.is_none_or(|round| self.facts.report.now - round > late) {
                self.add("ApnsProbeStalled", Severity::Warning, &[site, ("role", path.role.as_str())], None);
            }
        }
        for target in &network.targets {
            let labels = [site, ("role", target.role.as_str()), ("target", target.target.as_str())];
            if target.intercepted == Some(true) {
                self.add("ApnsTlsIntercepted", Severity::Warning, &labels, None);
            }
            if target.outside_apple == Some(true) {
                self.add("ApnsDnsOutsideApple", Severity::Warning, &labels, None);
            }
        }
        if network.control_open == Some(true) {
            self.add("ApnsProbeUntrusted", Severity::Warning, &[site], None);
        }
    }

    fn daemon(&mut self, report: &Report, around: &Around<'_>) {
        let here = [("instance", around.instance)];
        let is_idle = report.tenants.is_empty() && !around.is_probing;
        for (alert, stands, value) in [
            ("ApnswatchReloadFailed", report.is_outdated, 0.0),
            ("ApnswatchConfigErrors", report.config_errors > 0, count(report.config_errors)),
            ("ApnswatchTenantsDropped", report.missing > 0, count(report.missing)),
            ("ApnswatchStoreDown", !report.store_up, 0.0),
            ("ApnswatchClockImplausible", !report.clock_plausible, 0.0),
            ("ApnswatchNothingWatched", is_idle, 0.0),
        ] {
            if stands {
                self.add_valued(alert, Severity::Warning, &here, None, value);
            }
        }
        // It is the same whichever replica says so.
        if report.letter.as_ref().and_then(|letter| letter.unconfirmed) == Some(true) {
            self.add("ApnswatchLetterUnconfirmed", Severity::Warning, &[], None);
        }
        for channel in around.failing {
            let labels = [here[0], ("channel", channel.as_str())];
            self.add("ApnswatchNotifyFailing", Severity::Warning, &labels, None);
        }
        for drill in &report.drills {
            let severity = match drill.severity {
                crate::model::DrillSeverity::Critical => Severity::Critical,
                crate::model::DrillSeverity::Warning => Severity::Warning,
                crate::model::DrillSeverity::Info => Severity::Info,
            };
            self.add("ApnswatchDrill", severity, &[("severity", severity.as_str())], None);
        }
    }

    /// What became of a condition that stood and is not there any more. What nobody can judge now is not over.
    #[must_use]
    pub fn fate(&self, key: &Key) -> Fate {
        let report = self.facts.report;
        let of_clock = key.alert == "ApnswatchClockImplausible" || key.is_drill();
        if !report.clock_plausible && !of_clock {
            return Fate::Unjudged;
        }
        // Another replica said so of itself. That we send now says nothing of it.
        if key.label("instance").is_some_and(|instance| instance != self.instance) {
            return Fate::Unwatched;
        }
        if let Some(name) = key.label("tenant") {
            let Some(tenant) = self.tenant(name) else { return Fate::Unwatched };
            let source = |source: &str| tenant.sources.iter().find(|known| known.source.as_str() == source);
            if let Some(teller) = teller(key, tenant) {
                match source(teller) {
                    None => return Fate::Unwatched,
                    // Somebody else is asked now, who has not said anything yet. Whether it answers is known all the same.
                    Some(teller) if teller.polled && teller.told.is_none() && !is_of_source(key) => {
                        return Fate::Unjudged;
                    }
                    Some(_) => {}
                }
            }
            let is_unjudged = match key.alert.as_str() {
                "ApnsCertificateExpiry" => tenant.phase == Phase::Unknown,
                // It fails otherwise now, and whether the login would be taken nobody knows.
                "ApnsCredentialRejected" => key.label("source").and_then(source).is_some_and(|source| !source.up),
                "AppleTokenExpiry" | "AppleTokenUnusable" => {
                    tenant.tokens.is_empty() && source(Source::Tokens.as_str()).is_some_and(|source| !source.up)
                }
                _ => false,
            };
            if is_unjudged {
                return Fate::Unjudged;
            }
        }
        if key.alert == "ApnswatchLetterUnconfirmed" {
            match &report.letter {
                None => return Fate::Unwatched,
                Some(letter) if letter.unconfirmed.is_none() => return Fate::Unjudged,
                Some(_) => {}
            }
        }
        if key.labels.contains_key("site") && self.is_probing && self.is_silent(key) {
            return Fate::Unjudged;
        }
        let worse = |severity: Severity| Key { severity, ..key.clone() };
        let is_worse = [Severity::Critical, Severity::Warning]
            .into_iter()
            .any(|severity| severity < key.severity && self.standing.contains_key(&worse(severity)));
        if is_worse { Fate::Superseded } else { Fate::Over }
    }

    /// Whether no round says anything of what the condition is about.
    fn is_silent(&self, key: &Key) -> bool {
        let Some(network) = &self.facts.report.network else { return true };
        let target = || {
            let is_meant = |target: &&crate::evaluate::network::TargetReport| {
                Some(target.role.as_str()) == key.label("role") && Some(target.target.as_str()) == key.label("target")
            };
            network.targets.iter().find(is_meant)
        };
        match key.alert.as_str() {
            "ApnsDevicePathDown" => network.path(Role::Device).is_some_and(|path| path.up.is_none()),
            "ApnsServerPathDown" => network.path(Role::Server).is_some_and(|path| path.up.is_none()),
            "ApnsDevicePathDegraded" => network.path(Role::Device).is_some_and(|path| path.degraded.is_none()),
            "ApnsServerPathDegraded" => network.path(Role::Server).is_some_and(|path| path.degraded.is_none()),
            "ApnsTlsIntercepted" => target().is_some_and(|target| target.intercepted.is_none()),
            "ApnsDnsOutsideApple" => target().is_some_and(|target| target.outside_apple.is_none()),
            _ => false,
        }
    }

    /// How long it is until then; `None` by a clock that cannot be right.
    fn time_left(&self, end: DateTime<Utc>) -> Option<TimeDelta> {
        self.is_clock_plausible().then_some(end - self.facts.report.now)
    }

    /// Whether the clock can be right.
    pub(super) fn is_clock_plausible(&self) -> bool {
        self.facts.report.clock_plausible
    }

    pub(super) fn tenant(&self, name: &str) -> Option<&'a TenantReport> {
        let tenants = &self.facts.report.tenants;
        let at = tenants.binary_search_by(|tenant| tenant.name.as_str().cmp(name)).ok()?;
        tenants.get(at)
    }

    /// Whether whom it is about is muted.
    #[must_use]
    pub fn is_muted(&self, key: &Key) -> bool {
        key.label("tenant").and_then(|name| self.tenant(name)).is_some_and(|tenant| tenant.muted.is_some())
    }
}

/// What says better what a condition says, where [`Hush::Explained`] is why that is not told. Nobody heard of it until it was told
/// itself.
pub(super) fn better(key: &Key) -> Vec<Key> {
    match key.alert.as_str() {
        "ApnsSourceFailing" => vec![Key { alert: "ApnsCredentialRejected".to_owned(), ..key.clone() }],
        "ApnsMdmNotice" => {
            let labels = ["tenant", "mdm"].map(|name| (name, key.label(name).unwrap_or_default()));
            [Severity::Critical, Severity::Warning]
                .map(|severity| Key::new("ApnsCertificateExpiry", severity, &labels))
                .to_vec()
        }
        _ => Vec::new(),
    }
}

/// The source without which nobody can say whether it is over.
fn teller<'k>(key: &'k Key, tenant: &TenantReport) -> Option<&'k str> {
    match key.alert.as_str() {
        "ApnsMdmNotice" | "ApnsAccountMismatch" | "ApnsCertificateRevoked" | "ApnsCertificateRemoved" => {
            Some(Source::Api.as_str())
        }
        "ApnsPushSilent" => Some(Source::Push.as_str()),
        "AppleTokenExpiry" | "AppleTokenUnusable" => {
            let is_it = |label: &str| key.label("token") == Some(label);
            let is_there = tenant.tokens.iter().any(|token| is_it(&token.label));
            (!is_there).then_some(Source::Tokens.as_str())
        }
        _ => key.label("source"),
    }
}

/// Whether it is about a source itself, and not about what that tells.
fn is_of_source(key: &Key) -> bool {
    matches!(key.alert.as_str(), "ApnsSourceFailing" | "ApnsCredentialRejected")
}

fn of(tenant: &TenantReport) -> [(&'static str, &str); 2] {
    [("tenant", tenant.name.as_str()), ("mdm", tenant.mdm.as_str())]
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a date")]
fn seconds(moment: DateTime<Utc>) -> f64 {
    moment.timestamp() as f64
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a certificate")]
fn length(left: TimeDelta) -> f64 {
    left.num_seconds() as f64
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 tenants")]
fn count(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
