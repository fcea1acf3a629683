//! `/tenants/{name}`: everything that is known of one tenant, and who says so.

use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::layout::{Place, page_at as layout};
use super::parts::{ago, calendar, days, questions, tenant_badge, year};
use super::{Desk, Room, forms};
use crate::config::Config;
use crate::evaluate::history::{Event, history};
use crate::evaluate::tenant::{SourceReport, Verdict};
use crate::evaluate::{Report, TenantReport};
use crate::guide;
use crate::model::{Memory, PinOrigin, PushCertificate};
use crate::words;

/// How much of the history is shown.
const MOST_EVENTS: usize = 200;

/// The page.
pub(super) fn page(tenant: &TenantReport, memory: &Memory, report: &Report, config: &Config, desk: &Desk) -> Markup {
    let main = html! {
        (forms::refusal(desk))
        div data-part="outcome" { (forms::outcome(tenant, memory, report, config, desk)) }
        div data-part="tenant" {
            h1 { (tenant.name) " " (tenant_badge(tenant)) @if let Some(until) = tenant.muted { " " span.badge { "muted until " (until) } } }
            @if !tenant.formerly.is_empty() { p.small { "Formerly " (former(tenant)) "." } }
            p { (words::sentence(&tenant.sentence())) }
            div.card.glance { (days(tenant, report)) (year(tenant, report)) (questions(tenant)) }
            @for change in &tenant.pin_changes { p.alarm.warn { (words::sentence(&change.sentence(report.now))) } }
            @if let Some(planned) = &tenant.planned { p.note { (forms::planned(planned)) } }
            p.go { a.button.main href=(Room::Renewal.address(&tenant.name)) { "Renewal: step by step" } " "
                a href=(calendar("tenant", tenant.name.as_str())) { "Its dates as a calendar" } }
            @if !tenant.findings.is_empty() {
                h2 { "Findings" }
                @for (finding, sentence) in &tenant.findings { div.alarm.warn { p { (words::sentence(sentence)) } p.small { code { (finding.as_str()) } } } }
            }
            (certificate(tenant, report, desk))
        }
        (forms::certificate(tenant, memory, desk))
        div data-part="pin" { (pin(tenant, report)) }
        @if tenant.pin.as_ref().is_some_and(|pin| pin.origin == PinOrigin::FirstSeen) { (forms::pin(tenant, desk)) }
        (forms::accept(tenant, desk))
        div data-part="more" {
            (drift(tenant))
            (sources(tenant, report))
            (more(tenant, report))
            (account(tenant, report, config, desk))
            (timeline(memory, report))
        }
    };
    let here = Room::Tenant.address(&tenant.name);
    layout(Some(&here), tenant.name.as_str(), Place::Tenant, report, &main)
}

/// The names it had before, the latest first.
fn former(tenant: &TenantReport) -> String {
    let names: Vec<&str> = tenant.formerly.iter().rev().map(crate::model::TenantName::as_str).collect();
    names.join(", ")
}

fn certificate(tenant: &TenantReport, report: &Report, desk: &Desk) -> Markup {
    html! {
        h2 { "The certificate" }
        @match &tenant.effective {
            None => {
                p { @if tenant.phase == crate::model::Phase::None { "The MDM says that there is none." }
                    @else { "Nobody knows when it ends. Put the certificate (never its key) into a file that certificate.files names, or "
                        "hand it over: " @if desk.hand.actor().is_some() { "below" }
                            @else { code { "apnswatch certificate add --tenant NAME FILE" } }
                        ". It can be downloaded from the row in Apple's push portal, identity.apple.com/pushcert." } }
            }
            Some(known) => {
                dl.facts {
                    dt { "Ends" } dd { (exact(known.not_after))
                        @if report.clock_plausible { ", " (words::until(known.not_after, report.now)) } }
                    dt { "Says" } dd { "source " (known.source) ", " (known.precision.as_str())
                        @if let Some(told) = known.told { ", told " (ago(told, report.now)) } }
                    @if let Some(topic) = &known.certificate.topic { dt { "Topic" } dd.mono { (topic) } }
                    @if let Some(serial) = &known.certificate.serial { dt { "Serial" } dd.mono { (serial) } }
                    @if let Some(start) = known.certificate.not_before { dt { "Began" } dd { (exact(start)) } }
                    @if let Some(issuer) = &known.certificate.issuer { dt { "Issuer" } dd { (issuer.level.as_str()) ": " (issuer.name) } }
                    @if let Some(renewed) = known.renewed { dt { "Renewed" } dd { "seen " (ago(renewed, report.now)) } }
                    @if let Some(life) = known.life { dt { "Lives for" } dd { (words::span(life)) } }
                }
            }
        }
    }
}

fn pin(tenant: &TenantReport, report: &Report) -> Markup {
    html! {
        h2 { "The topic that must stay" }
        @match &tenant.pin {
            None => p { "None is pinned yet: the sources have not all been tried, or they do not agree." },
            Some(pin) => {
                p.mono { (pin.topic) }
                p { @match pin.origin {
                    PinOrigin::Config => "The configuration says so.",
                    PinOrigin::Confirmed => { "Confirmed" @if let Some(by) = &pin.by { " by " (by) } ", " (ago(pin.since, report.now)) "." }
                    PinOrigin::FirstSeen => {
                        "First seen " (ago(pin.since, report.now)) ", unconfirmed."
                    }
                } }
            }
        }
    }
}

fn drift(tenant: &TenantReport) -> Markup {
    html! {
        @for (source, verdict) in &tenant.drift {
            @if let Verdict::Drifts(topic, since, _) = verdict {
                p.alarm { strong { "Source " (source) " tells another topic" } " since " (exact(*since)) ": "
                    span.mono { (topic) } ". Enrolled devices do not listen on it. Renew the original row with the original account and upload that." }
            }
        }
    }
}

fn sources(tenant: &TenantReport, report: &Report) -> Markup {
    html! {
        h2 { "Who says what" }
        div.scroll { table.stack {
            thead { tr { th { "Source" } th { "State" } th { "End" } th { "Serial" } th { "Topic" } th { "Told" } th { "Where from" } } }
            tbody { @for source in &tenant.sources { (source_row(tenant, source, report)) } }
        } }
        @for source in &tenant.sources { @if !source.remarks().is_empty() {
            details { summary { "Remarks of source " (source.source) }
                ul { @for remark in source.remarks() { li { (remark) } } } }
        } }
    }
}

fn source_row(tenant: &TenantReport, source: &SourceReport, report: &Report) -> Markup {
    let known = source.certificate();
    let differs = known.is_some_and(|found| is_other(found, tenant));
    html! {
        tr {
            th scope="row" { (source.source) }
            td data-label="State" {
                @match (source.polled, source.up, &source.failure) {
                    (false, ..) => span.badge.declared { "declared" },
                    (true, true, _) => span.badge.good { "up" },
                    (true, false, Some(failure)) => {
                        span.badge.bad { "failing" } " " code { (failure.reason) } " " (failure.message)
                        @if let Some(since) = source.failing_since { span.soft { " since " (exact(since)) } }
                    }
                    (true, false, None) => span.badge { "not heard" },
                }
            }
            td data-label="End" { @if source.is_absent() { "says there is none" }
                @else if let Some(end) = known.and_then(|found| found.not_after) { (exact(end)) } @else { "–" }
                @if differs { " " span.badge.attention { "differs" } } }
            td.mono data-label="Serial" { (known.and_then(|found| found.serial.as_ref()).map_or_else(|| "–".to_owned(), ToString::to_string)) }
            td.mono data-label="Topic" { (known.and_then(|found| found.topic.as_ref()).map_or("–", |topic| topic.as_str()))
                @match tenant.drift.get(&source.source) {
                    Some(Verdict::Agrees) => { " " span.badge.good { "as pinned" } }
                    Some(Verdict::Drifts(..)) => { " " span.badge.bad { "another" } }
                    None => {}
                } }
            td data-label="Told" { @if let Some(told) = source.told { (ago(told, report.now)) } @else { "–" } }
            td data-label="Where from" { (source.origin()) }
        }
    }
}

/// Whether a source tells of another certificate than the effective one.
fn is_other(found: &PushCertificate, tenant: &TenantReport) -> bool {
    let dated = found.not_after.is_some() || found.serial.is_some();
    dated && tenant.effective.as_ref().is_none_or(|known| !known.certificate.is_same_as(found))
}

fn more(tenant: &TenantReport, report: &Report) -> Markup {
    html! {
        @if !tenant.tokens.is_empty() {
            h2 { "Tokens" }
            div.scroll { table {
                thead { tr { th { "Kind" } th { "Name" } th { "Ends" } th { "Works" } } }
                tbody { @for token in &tenant.tokens { tr {
                    td { (token.token.kind.as_str()) } td { (token.label) }
                    td { @match token.token.not_after { Some(end) => { (exact(end)) ", " (words::until(end, report.now)) } None => "not known" } }
                    td { @match token.token.usable { Some(true) => "yes", Some(false) => span.badge.bad { "no" }, None => "not known" } }
                } } }
            } }
        }
        @if let Some(push) = &tenant.push {
            h2 { "Check-ins" }
            div.scroll { table {
                thead { tr { th { "Family" } th.number { "Devices" } th.number { "Alive" } th.number { "Silent" } th { "Newest check-in" } } }
                tbody { @for (family, health) in &push.families { tr {
                    td { (family) } td.number { (health.devices) }
                    td.number { (health.alive.map_or_else(|| "–".to_owned(), |alive| alive.to_string())) }
                    td.number { (health.silent.map_or_else(|| "–".to_owned(), |silent| silent.to_string())) }
                    td { @match health.last_checkin { Some(at) => (ago(at, report.now)), None => "none" } }
                } } }
            } }
        }
    }
}

fn account(tenant: &TenantReport, report: &Report, config: &Config, desk: &Desk) -> Markup {
    let known = tenant.account.as_ref();
    let configured = known.and_then(|id| config.accounts.get(id));
    let duties = known.and_then(|id| report.accounts.iter().find(|account| account.id == *id));
    html! {
        h2 id="account" { "The Apple Account" }
        @match configured {
            None => p { "None is configured, so nobody knows with which account it must be renewed." },
            Some(account) => {
                dl.facts {
                    dt { "Address" } dd { (account.address) }
                    @if let Some(owner) = &account.owner { dt { "Owner" } dd { (owner) } }
                    @if let Some(item) = &account.vault_item { dt { "Vault" } dd { (item) } }
                    @if !account.second_factor.is_empty() { dt { "Second factor" } dd { (account.second_factor.join(", ")) } }
                }
            }
        }
        @if let Some(shown) = &tenant.account_reported { p { "The MDM shows " strong { (shown) } ", as somebody typed it." } }
        @if let Some(why) = tenant.not_renewable { p.soft { "Whether it could be renewed today: " (why) "." } }
        @if let Some(account) = duties { @if !account.duties.is_empty() {
            div.scroll { table.stack {
                thead { tr { th { "Duty" } th { "Due" } th { "Last done" } @if desk.hand.actor().is_some() { th { "Say so" } } } }
                tbody { @for (name, duty) in &account.duties { tr {
                    th scope="row" { (name) }
                    td data-label="Due" { (duty.due.format("%Y-%m-%d")) @if duty.due <= report.now { " " span.badge.attention { "due" } } }
                    td data-label="Last done" { @match duty.done { Some(done) => { (done.format("%Y-%m-%d")) @if let Some(by) = &duty.by { " by " (by) } } None => "never" } }
                    @if desk.hand.actor().is_some() { td data-label="Say so" { (forms::duty(tenant, &account.id, name, desk)) } }
                } } }
            } }
        } }
        p.soft.small { "MDM: " (guide::product(tenant.mdm)) }
    }
}

fn timeline(memory: &Memory, report: &Report) -> Markup {
    html! {
        h2 { "What happened" }
        @let events = history(memory);
        @if events.is_empty() { p.soft { "Nothing yet, as far as anybody saw." } }
        @if events.len() > MOST_EVENTS { p.soft { "The latest " (MOST_EVENTS) " of " (events.len()) ": the API has all." } }
        ol.timeline { @for Event { at, sentence, by, note, witness, ticket } in events.into_iter().take(MOST_EVENTS) { li {
            (ago(at, report.now))
            @if let Some(by) = by { strong { (by) } ": " }
            (sentence)
            @if let Some(witness) = witness { ", " (witness) " looked on" }
            @if let Some(ticket) = ticket { ", ticket " (ticket) }
            @if let Some(note) = note { " " span.soft { "(" (note) ")" } }
        } } }
    }
}

fn exact(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M UTC").to_string()
}
