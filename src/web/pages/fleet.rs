//! `/`, `/findings`, `/ahead`: all tenants, what needs a human first.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};
use maud::{Markup, html};

use super::filter::{Choices, Filter, PAGE};
use super::layout::{Place, page as layout};
use super::network::state;
use super::parts::{badge, calendar, days, gaps_badge, questions, tenant_badge, year};
use crate::address;
use crate::evaluate::{Level, Report, TenantReport};
use crate::model::AccountId;
use crate::words;

/// How far the page of what is ahead looks.
const WEEKS: i64 = 26;

/// How many renewals that page has at once: each may be a row of its own.
const AHEAD: usize = 400;

/// `/`.
pub(super) fn page(report: &Report, filter: &Filter) -> Markup {
    let tenants = filter.apply(report);
    let (shown, number, pages) = cut(&tenants, filter, PAGE);
    let main = html! {
        h1 data-part="headline" { (headline(report)) }
        (counts(report))
        @if let Some(network) = &report.network {
            div data-part="network" {
                ul.paths aria-label="The way to Apple" { @for path in &network.paths { li {
                    (state(path.up, path.degraded)) " " a href="/network" { "Role " (path.role) } ": " (path.sentence) "."
                } } }
            }
        }
        @if report.tenants.is_empty() {
            p { @if report.network.is_some() { "No tenant is watched: this site only probes the way to Apple." }
                @else { strong { "No tenant is watched." } } }
        } @else {
            (form(report, filter, "/"))
            div data-part="tenants" {
                p.soft.small aria-live="polite" {
                    (words::counted(tenants.len() as u64, "tenant"))
                    @if pages > 1 { ", page " (number) " of " (pages) }
                    ". " a href={ "/tenants.csv" (filter.query(1)) } { "As CSV" }
                }
                ul.tenants { @for tenant in shown { (row(tenant, report)) } }
                @if tenants.is_empty() { p { "None fits this filter." } }
                (pager("/", filter, number, pages))
            }
        }
        div data-part="changes" { (changes(report)) }
        div data-part="strays" {
            @if !report.strays.is_empty() {
                h2 { "Files in the pool that belong to no tenant" }
                ul { @for stray in report.strays.iter().take(PAGE) { li {
                    (stray.path.to_string_lossy()) ": "
                    (stray.topic.as_ref().map_or("no single topic", |topic| topic.as_str())) ", ends "
                    (stray.not_after.format("%Y-%m-%d"))
                } } }
            }
        }
    };
    layout("Tenants", Place::Fleet, report, &main)
}

/// The topics that people changed lately, whatever the filter: of a fleet on many pages, too, everybody sees it.
fn changes(report: &Report) -> Markup {
    let all = report.tenants.iter().flat_map(|tenant| tenant.pin_changes.iter().map(move |change| (tenant, change)));
    let mut all: Vec<_> = all.collect();
    all.sort_by_key(|(_, change)| std::cmp::Reverse(change.at));
    html! {
        @if !all.is_empty() {
            h2 { "Topics that were changed in the last seven days" }
            ul { @for (tenant, change) in all.iter().take(PAGE) { li {
                a href=(address::of_tenant(&tenant.name)) { (tenant.name) } ": " (change.sentence(report.now)) "."
            } } }
            @if all.len() > PAGE { p.soft { "The latest " (PAGE) " of " (all.len()) "." } }
        }
    }
}

/// The part of a list that is asked for, its number, and how many parts there are.
fn cut<'l, T>(all: &'l [T], filter: &Filter, size: usize) -> (&'l [T], usize, usize) {
    let pages = all.len().div_ceil(size).max(1);
    let number = filter.number().min(pages);
    (all.chunks(size).nth(number - 1).unwrap_or_default(), number, pages)
}

fn pager(path: &str, filter: &Filter, number: usize, pages: usize) -> Markup {
    html! {
        @if pages > 1 {
            nav.pages aria-label="Pages of the list" {
                @if number > 1 { a href={ (path) (filter.query(number - 1)) } { "Previous" } }
                span { (number) " / " (pages) }
                @if number < pages { a href={ (path) (filter.query(number + 1)) } { "Next" } }
            }
        }
    }
}

/// The state of everything in one sentence. It is calm only where the tenants, the way out and this program itself are.
fn headline(report: &Report) -> String {
    let of = |level, is_muted| {
        let is_meant = |tenant: &&TenantReport| tenant.muted.is_some() == is_muted && tenant.level == level;
        report.tenants.iter().filter(is_meant).count() as u64
    };
    let network = report.network.as_ref().map(|network| network.level);
    let (critical, warning, unknown) =
        (of(Level::Critical, false), of(Level::Warning, false), of(Level::Unknown, false));
    let act = words::counted(critical, "tenant");
    match (critical, network == Some(Level::Critical)) {
        (0, false) => {}
        (0, true) => return "Pushes do not get out from here".to_owned(),
        (_, false) => return format!("Act now for {act}"),
        (_, true) => return format!("Act now for {act}, and pushes do not get out from here"),
    }
    if warning > 0 {
        return format!("Something to do for {}", words::counted(warning, "tenant"));
    }
    if network == Some(Level::Warning) {
        return "Something to do on the way to Apple".to_owned();
    }
    let is_unread = report.letter.as_ref().is_some_and(|letter| letter.unconfirmed == Some(true));
    if !report.clock_plausible || !report.store_up || report.config_errors > 0 || report.missing > 0 || is_unread {
        return "Something to do for apnswatch itself".to_owned();
    }
    if unknown > 0 {
        return format!("Nobody can say for {}", words::counted(unknown, "tenant"));
    }
    if report.tenants.is_empty() && network.is_none() {
        return "Nothing is watched".to_owned();
    }
    if network == Some(Level::Unknown) {
        return "Nobody can say whether pushes get out from here".to_owned();
    }
    let muted = of(Level::Critical, true) + of(Level::Warning, true) + of(Level::Unknown, true);
    if muted > 0 {
        return format!("Nothing to do today, but for {} muted", words::counted(muted, "tenant"));
    }
    // A tenant with a blind spot is never plainly well.
    if report.tenants.iter().any(|tenant| !tenant.blind_spots.is_empty()) {
        return "Nothing to do today, as far as anybody watches".to_owned();
    }
    "Nothing to do today".to_owned()
}

fn counts(report: &Report) -> Markup {
    let of = |level| report.tenants.iter().filter(move |tenant| tenant.level == level);
    let gaps = of(Level::Ok).filter(|tenant| !tenant.blind_spots.is_empty()).count();
    let counted = [Level::Critical, Level::Warning, Level::Unknown]
        .map(|level| (of(level).count(), badge(level)))
        .into_iter()
        .chain([(gaps, gaps_badge()), (of(Level::Ok).count() - gaps, badge(Level::Ok))]);
    html! {
        ul.counts data-part="counts" {
            @for (count, badge) in counted { li { b { (count) } (badge) } }
        }
    }
}

fn form(report: &Report, filter: &Filter, action: &str) -> Markup {
    let Choices { mdms, teams, phases, findings } = Choices::of(report);
    let select = |name: &str, title: &str, chosen: &str, all: &std::collections::BTreeSet<&str>| {
        html! {
            label { (title) select name=(name) {
                option value="" { "all" }
                @for value in all { option value=(value) selected[*value == chosen] { (value) } }
            } }
        }
    };
    html! {
        form.filter method="get" action=(action) role="search" {
            label.wide { "Search" input type="search" name="q" value=(filter.q) placeholder="name, topic, serial, account"; }
            (select("mdm", "MDM", &filter.mdm, &mdms))
            @if !teams.is_empty() { (select("team", "Team", &filter.team, &teams)) }
            (select("phase", "Phase", &filter.phase, &phases))
            @if !findings.is_empty() { (select("finding", "Finding", &filter.finding, &findings)) }
            label { "Order" select name="sort" {
                @for (value, title) in [("", "urgency"), ("end", "end"), ("name", "name")] {
                    option value=(value) selected[value == filter.sort] { (title) }
                }
            } }
            button type="submit" { "Show" }
        }
    }
}

fn row(tenant: &TenantReport, report: &Report) -> Markup {
    html! {
        li class={ "tenant " (tenant.level.as_str()) } {
            (days(tenant, report))
            div {
                div.name { a href=(address::of_tenant(&tenant.name)) { (tenant.name) } " " (tenant_badge(tenant))
                    @if let Some(until) = tenant.muted { " " span.badge { "muted until " (until) } }
                    @if !tenant.pin_changes.is_empty() { " " span.badge.attention { "topic changed" } }
                    @if let Some(planned) = &tenant.planned { " " span.badge { "planned for " (planned.plan.on) } } }
                div.soft.small { (tenant.mdm) ", phase " (tenant.phase)
                    @for (name, value) in tenant.labels.iter() { ", " (name) " " (value) } }
                (year(tenant, report))
                div.small.said { (tenant.sentence()) "." }
            }
            (questions(tenant))
        }
    }
}

/// `/findings`: everything that a person should know, in one list.
pub(super) fn findings(report: &Report, filter: &Filter) -> Markup {
    let tenants = filter.apply(report);
    let all: Vec<_> = tenants
        .iter()
        .flat_map(|tenant| tenant.findings.iter().map(move |(finding, sentence)| (tenant, finding, sentence)))
        .collect();
    let (shown, number, pages) = cut(&all, filter, PAGE);
    let main = html! {
        h1 { "Findings" }
        (form(report, filter, "/findings"))
        div data-part="findings" {
            p.soft.small { (words::counted(all.len() as u64, "finding")) @if pages > 1 { ", page " (number) " of " (pages) } }
            @if all.is_empty() { p {
                @if *filter == Filter::default() { "None stands." } @else { "None fits this filter." }
            } }
            p.soft.small { "Ends, drift, revocation and sources that fail are no findings: they stand with the tenants." }
            @if !all.is_empty() { div.scroll { table.stack {
                thead { tr { th { "Tenant" } th { "Finding" } th { "In words" } } }
                tbody { @for (tenant, finding, sentence) in shown { tr {
                    th.name scope="row" { a href=(address::of_tenant(&tenant.name)) { (tenant.name) } }
                    td { code { (finding.as_str()) } }
                    td.said { (sentence) "." }
                } } }
            } } }
            (pager("/findings", filter, number, pages))
        }
    };
    layout("Findings", Place::Findings, report, &main)
}

/// A renewal ahead: year and week, team, account, tenant.
type Ahead<'r> = ((i32, u32), &'r str, &'r str, &'r TenantReport);

/// `/ahead`: renewals by week, team and account.
pub(super) fn ahead(report: &Report, filter: &Filter) -> Markup {
    let horizon = report.now + TimeDelta::weeks(WEEKS);
    let tenants = filter.apply(report);
    let undated = tenants.iter().filter(|tenant| tenant.effective.is_none()).count() as u64;
    let mut all: Vec<Ahead<'_>> = Vec::new();
    let mut weeks: BTreeMap<(i32, u32), u64> = BTreeMap::new();
    for tenant in tenants {
        let Some(known) = tenant.effective.as_ref().filter(|known| known.not_after <= horizon) else { continue };
        // What has ended already is due this week.
        let week = known.not_after.max(report.now).iso_week();
        let week = (week.year(), week.week());
        let team = tenant.labels.get("team").map_or("no team", String::as_str);
        let account = tenant.account.as_ref().map_or("no account", AccountId::as_str);
        *weeks.entry(week).or_default() += 1;
        all.push((week, team, account, tenant));
    }
    // Within a team and account the order is the one that was asked for.
    all.sort_by_key(|(week, team, account, _)| (*week, *team, *account));
    let (shown, number, pages) = cut(&all, filter, AHEAD);
    let main = html! {
        h1 { "Renewals ahead" }
        p.soft { "By the week in which the certificate ends, for half a year. Renew well before that." }
        p.soft.small { "Subscribe: "
            @if filter.team.is_empty() { a href="/calendar.ics" { "these dates as a calendar" } }
            @else { a href=(calendar("team", &filter.team)) { "the dates of team " (filter.team) " as a calendar" } }
            ", with those of tokens, logins and duties; each tenant's page has its own. A program that cannot log in needs the key "
            "of " code { "web.calendar_key_file" } " in the address." }
        (form(report, filter, "/ahead"))
        div data-part="ahead" {
            @if all.is_empty() { p { "None ends within half a year, as far as anybody knows." } }
            @if undated > 0 { p { "Of " (words::counted(undated, "tenant")) " nobody knows an end, so they are not here." } }
            @if pages > 1 { p.soft.small { (words::counted(all.len() as u64, "renewal")) ", page " (number) " of " (pages) } }
            @for week in shown.chunk_by(|a, b| a.0 == b.0) {
                @let (year, of_year) = week[0].0;
                h2 { @if let Some(monday) = NaiveDate::from_isoywd_opt(year, of_year, Weekday::Mon) { "Week of " (monday) ": " }
                    (words::counted(weeks.get(&week[0].0).copied().unwrap_or_default(), "renewal")) " "
                    span.soft.small { (year) ", week " (of_year) } }
                div.scroll { table.stack.people {
                    thead { tr { th { "Team" } th { "Account" } th { "Tenants" } } }
                    tbody { @for people in week.chunk_by(|a, b| (a.1, a.2) == (b.1, b.2)) { tr {
                        td data-label="Team" { (people[0].1) } td data-label="Account" { (people[0].2) }
                        td.names data-label="Tenants" { @for (_, _, _, tenant) in people { a href=(address::of_tenant(&tenant.name)) { (tenant.name) } " " } }
                    } } }
                } }
            }
            (pager("/ahead", filter, number, pages))
        }
    };
    layout("Ahead", Place::Ahead, report, &main)
}

/// `/tenants.csv`: the same tenants for a spreadsheet.
pub(super) fn csv(report: &Report, filter: &Filter) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record([
        "tenant",
        "mdm",
        "team",
        "account",
        "level",
        "phase",
        "not_after",
        "precision",
        "source",
        "topic",
        "findings",
        "sentence",
    ])?;
    for tenant in filter.apply(report) {
        let known = tenant.effective.as_ref();
        let findings: Vec<&str> = tenant.findings.keys().map(|finding| finding.as_str()).collect();
        let fields = [
            tenant.name.to_string(),
            tenant.mdm.to_string(),
            tenant.labels.get("team").cloned().unwrap_or_default(),
            tenant.account.as_ref().map(ToString::to_string).unwrap_or_default(),
            tenant.level.as_str().to_owned(),
            tenant.phase.to_string(),
            known.map(|known| crate::status::time(known.not_after)).unwrap_or_default(),
            known.map(|known| known.precision.as_str().to_owned()).unwrap_or_default(),
            known.map(|known| known.source.to_string()).unwrap_or_default(),
            tenant.pin.as_ref().map(|pin| pin.topic.to_string()).unwrap_or_default(),
            findings.join(" "),
            tenant.sentence(),
        ];
        out.write_record(fields.map(|field| harmless(&field)))?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

/// A spreadsheet takes what begins so for a formula.
fn harmless(field: &str) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{field}") } else { field.to_owned() }
}
