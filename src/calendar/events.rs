//! What ends, and what is due: the events, in words.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use url::Url;

use super::text::name;
use super::{Event, day, uid};
use crate::address;
use crate::evaluate::account::AccountReport;
use crate::evaluate::certificate::Known;
use crate::evaluate::tenant::Verdict;
use crate::evaluate::tokens::{MOST, TokenReport};
use crate::evaluate::{Planned, Report, TenantReport};
use crate::model::{Phase, Precision, Source};

/// The first days of phases that are longer ago matter to nobody. An end stays, however long ago it is.
const OLD: TimeDelta = TimeDelta::days(365);

/// What a tenant's certificate, its tokens and our login at its MDM bring about, in an order that stays.
pub(super) fn of_tenant(tenant: &TenantReport, report: &Report, base: Option<&Url>) -> Vec<Event> {
    let about = About { tenant, report, base };
    let mut events = Vec::new();
    if let Some(known) = &tenant.effective {
        about.certificate(known, &mut events);
    }
    events.extend(tenant.planned.as_ref().and_then(|planned| about.planned(planned)));
    events.extend(tenant.tokens.iter().take(MOST).filter_map(|token| about.token(token)));
    events.extend(tenant.credential_not_after.and_then(|end| about.login(end)));
    events
}

/// What must be done with an Apple Account.
pub(super) fn of_account(account: &AccountReport, report: &Report, base: Option<&Url>) -> Vec<Event> {
    let event = |(duty, state): (&String, &crate::evaluate::account::DutyReport)| {
        let done = match state.done {
            Some(done) => {
                format!("Last done {}, as people attested it or the configuration says.", done.format("%Y-%m-%d"))
            }
            None => "Nobody ever said that it was done, so it is due today.".to_owned(),
        };
        let whose = name(account.id.as_str());
        Some(Event {
            uid: uid(&["duty", account.id.as_str(), duty]),
            day: day(state.due)?,
            category: "duty",
            summary: format!("Apple Account {whose}: {} is due", name(duty)),
            description: vec![
                format!("Duty {} of the Apple Account {whose} is due {}.", name(duty), state.due.format("%Y-%m-%d")),
                done,
                "When it is done, say so: apnswatch duty done.".to_owned(),
            ],
            url: base.map(Url::to_string),
            is_exact: true,
            is_muted: false,
        })
    };
    // Where the clock cannot be right, "never done" is due on a day that nobody can name.
    let is_datable =
        |(_, state): &(&String, &crate::evaluate::account::DutyReport)| report.clock_plausible || state.done.is_some();
    account.duties.iter().filter(is_datable).filter_map(event).collect()
}

/// A tenant, and what is needed to speak of it.
#[derive(Clone, Copy)]
struct About<'a> {
    tenant: &'a TenantReport,
    report: &'a Report,
    base: Option<&'a Url>,
}

impl About<'_> {
    fn certificate(self, known: &Known, events: &mut Vec<Event>) {
        let (whose, end) = (self.name(), known.not_after);
        let doubt = doubt(known.precision);
        let tiers = self.tenant.policy.tiers(end).into_iter();
        let is_old = |begins: DateTime<Utc>| self.report.clock_plausible && begins < self.report.now - OLD;
        for (phase, begins) in tiers.filter(|(_, begins)| !is_old(*begins)) {
            let left = (end - begins).num_days();
            let (what, advice) = match phase {
                Phase::Plan => ("plan the renewal of", "Find the Apple Account it was made with, and plan the day."),
                _ => ("renew", "Renew the original row, with the same Apple Account. Never create another."),
            };
            let summary = format!("{whose}: {what} the push certificate, {left} days left{doubt}");
            let lines = vec![format!("{left} days before the end. {advice}"), self.ends("It", end), self.says(known)];
            events.extend(self.event(&["certificate", phase.as_str()], "certificate", begins, summary, lines, known));
        }
        let ends = if self.is_past(end) { "ended" } else { "ends" };
        let summary = format!("{whose}: push certificate {ends}{doubt}");
        let lines = vec![
            format!(
                "{} Without it no device of this tenant is reached.",
                self.ends("The APNs MDM push certificate", end)
            ),
            self.says(known),
        ];
        events.extend(self.event(&["certificate", "end"], "certificate", end, summary, lines, known));
    }

    fn event(
        self,
        what: &[&str],
        category: &'static str,
        at: DateTime<Utc>,
        summary: String,
        mut lines: Vec<String>,
        known: &Known,
    ) -> Option<Event> {
        let tenant = self.tenant;
        if tenant.revoked {
            lines.push("The MDM says that it was revoked.".to_owned());
        }
        if tenant.drift.values().any(|verdict| matches!(verdict, Verdict::Drifts(..))) {
            lines.push(
                "A source tells another topic than the one that must stay: read the page before anything is renewed."
                    .to_owned(),
            );
        }
        if !tenant.findings.is_empty() {
            let findings: Vec<&str> = tenant.findings.keys().map(|finding| finding.as_str()).collect();
            lines.push(format!("Findings: {}.", findings.join(", ")));
        }
        lines.push(match &tenant.account {
            Some(account) => format!("Apple Account: {}.", name(account.as_str())),
            None => "Nobody wrote down with which Apple Account it must be renewed.".to_owned(),
        });
        self.of(what, category, at, summary, lines, known.precision == Precision::Exact)
    }

    /// The day that somebody has taken on. It goes with the plan, which ends with its day.
    fn planned(self, planned: &Planned) -> Option<Event> {
        let Planned { plan, by, .. } = planned;
        let who = name(&plan.who);
        let summary = format!("{}: renewal planned, by {who}", self.name());
        let lines = vec![
            format!("{who} renews the push certificate on {}, says {}.", plan.on, name(by)),
            self.ends("The certificate", plan.not_after),
        ];
        self.of(&["planned"], "certificate", plan.on.and_time(NaiveTime::MIN).and_utc(), summary, lines, true)
    }

    fn token(self, token: &TokenReport) -> Option<Event> {
        let (kind, end) = (token.token.kind, token.token.not_after?);
        let short = kind.as_str().to_ascii_uppercase();
        let ends = if self.is_past(end) { "ended" } else { "ends" };
        let label = name(&token.label);
        let doubt = if token.is_declared { doubt(Precision::Declared) } else { "" };
        let mut lines = vec![self.ends(&format!("{short} token {label}"), end)];
        lines.push(if token.is_declared {
            format!("Source: {}.", meaning(Precision::Declared))
        } else {
            format!("Source: {}{}.", Source::Tokens, self.heard(Source::Tokens))
        });
        if token.token.usable == Some(false) {
            lines.push("The MDM says that it does not work.".to_owned());
        }
        let summary = format!("{}: {short} token {label} {ends}{doubt}", self.name());
        self.of(&["token", kind.as_str(), &token.label], "token", end, summary, lines, !token.is_declared)
    }

    fn login(self, end: DateTime<Utc>) -> Option<Event> {
        let ends = if self.is_past(end) { "ended" } else { "ends" };
        let source = self.tenant.credential_source.unwrap_or(Source::Declared);
        let is_declared = source == Source::Declared;
        let doubt = if is_declared { doubt(Precision::Declared) } else { "" };
        let summary = format!("{}: the login of apnswatch at the MDM {ends}{doubt}", self.name());
        let says = if is_declared {
            meaning(Precision::Declared).to_owned()
        } else {
            format!("{source}{}", self.heard(source))
        };
        let lines = vec![
            format!("{} Without it this tenant's MDM cannot be asked.", self.ends("Our own login", end)),
            format!("Source: {says}."),
        ];
        self.of(&["login"], "login", end, summary, lines, !is_declared)
    }

    fn of(
        self,
        what: &[&str],
        category: &'static str,
        at: DateTime<Utc>,
        summary: String,
        mut lines: Vec<String>,
        is_exact: bool,
    ) -> Option<Event> {
        let tenant = self.tenant;
        lines.push(format!("Tenant {}, MDM {}.", self.name(), tenant.mdm));
        if let Some(until) = tenant.muted {
            lines.push(format!("Muted until {until}: no alert before that day."));
        }
        let url =
            self.base.map(|base| base.as_str().trim_end_matches('/').to_owned() + &address::of_tenant(&tenant.name));
        lines.extend(url.clone());
        // A tenant that has another name now keeps its events.
        let whose = tenant.formerly.first().unwrap_or(&tenant.name).as_str();
        let parts: Vec<&str> = what[..1].iter().chain([&whose]).chain(&what[1..]).copied().collect();
        Some(Event {
            uid: uid(&parts),
            day: day(at)?,
            category,
            summary,
            description: lines,
            url,
            is_exact,
            is_muted: tenant.muted.is_some(),
        })
    }

    fn name(self) -> String {
        name(self.tenant.name.as_str())
    }

    /// Whether a moment has passed. Where the clock cannot be right, nobody can say so.
    fn is_past(self, moment: DateTime<Utc>) -> bool {
        self.report.clock_plausible && moment <= self.report.now
    }

    fn ends(self, what: &str, end: DateTime<Utc>) -> String {
        let ends = if self.is_past(end) { "ended" } else { "ends" };
        format!("{what} {ends} {}.", end.format("%Y-%m-%d %H:%M UTC"))
    }

    /// Who says so, and how well it is known.
    fn says(self, known: &Known) -> String {
        let heard = self.heard(known.source);
        match known.precision {
            Precision::Exact => format!("Source: {}, exact{heard}.", known.source),
            Precision::Declared => format!("Source: {}.", meaning(Precision::Declared)),
            Precision::Estimate => format!("Source: {}, {}{heard}.", known.source, meaning(Precision::Estimate)),
        }
    }

    /// When a source told what it told last, and whether it still answers.
    fn heard(self, source: Source) -> String {
        let Some(state) = self.tenant.sources.iter().find(|state| state.source == source) else { return String::new() };
        let told = state.told.map(|told| format!(", told last {}", told.format("%Y-%m-%d"))).unwrap_or_default();
        let silent = if state.polled && !state.up { "; it does not answer now" } else { "" };
        format!("{told}{silent}")
    }
}

/// What stands behind a date in a title, where it is less than exact.
fn doubt(precision: Precision) -> &'static str {
    match precision {
        Precision::Exact => "",
        Precision::Declared => " (only declared)",
        Precision::Estimate => " (an estimate)",
    }
}

fn meaning(precision: Precision) -> &'static str {
    match precision {
        Precision::Exact => "exact",
        Precision::Declared => "declared: somebody typed it into the configuration, and nobody checked it",
        Precision::Estimate => "an estimate: reckoned from a notice of the MDM, good to a day or two",
    }
}
