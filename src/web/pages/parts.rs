//! Pieces that several pages show.

use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

use crate::address::piece;
use crate::evaluate::answers::{Answer, answers};
use crate::evaluate::{Level, Report, TenantReport};
use crate::model::{Precision, Question};
use crate::words;

/// The address of a calendar, cut to a tenant (`tenant`) or to a team (`team`).
pub(super) fn calendar(by: &str, value: &str) -> String {
    format!("/calendar.ics?{by}={}", piece(value))
}

/// How urgent it is, in a word.
pub(super) fn badge(level: Level) -> Markup {
    let words = match level {
        Level::Critical => "act now",
        Level::Warning => "to do",
        Level::Unknown => "unknown",
        Level::Ok => "fine",
    };
    html! { span class={ "badge " (level.as_str()) } { (words) } }
}

/// How urgent a tenant is. Where nobody watches something, nothing is plainly fine.
pub(super) fn tenant_badge(tenant: &TenantReport) -> Markup {
    if tenant.level == Level::Ok && !tenant.blind_spots.is_empty() {
        return gaps_badge();
    }
    badge(tenant.level)
}

/// Nothing is wrong, as far as anybody watches.
pub(super) fn gaps_badge() -> Markup {
    html! { span.badge.declared { "fine, with gaps" } }
}

/// The days that are left, as a large number; what is not known is a dash.
pub(super) fn days(tenant: &TenantReport, report: &Report) -> Markup {
    let known = tenant.effective.as_ref().filter(|_| report.clock_plausible);
    html! {
        div.days {
            @match known {
                // Less than a day is told in hours: an expired one must never read as "0 days".
                Some(known) => {
                    @let left = known.not_after - report.now;
                    @let (number, unit) = if left.num_days() == 0 { (left.num_hours(), " h") } else { (left.num_days(), "") };
                    b { (approximately(known.precision)) @if left <= TimeDelta::zero() { "−" } (number.abs()) small { (unit) } }
                    span.soft.small {
                        @if left > TimeDelta::zero() && unit.is_empty() { "days left" } @else { (words::until(known.not_after, report.now)) }
                    }
                }
                None => { b { "–" } span.soft.small { "no date" } }
            }
        }
    }
}

fn approximately(precision: Precision) -> &'static str {
    if precision == Precision::Estimate { "~" } else { "" }
}

/// The year of the certificate: what is left of it, and the marks at 180, 30, 0 and -30 days.
pub(super) fn year(tenant: &TenantReport, report: &Report) -> Markup {
    let Some(known) = tenant.effective.as_ref().filter(|_| report.clock_plausible) else { return html! {} };
    let left = (known.not_after - report.now).num_days().clamp(-30, 365);
    // A unit is a day: 365 of the year and 30 behind it.
    let at = |days: i64| 365 - days;
    let label = format!(
        "{}; marks at 180, 30 and 0 days before the end and 30 days after it",
        words::until(known.not_after, report.now)
    );
    html! {
        svg class={ "year " (tenant.level.as_str()) } viewBox="0 0 395 18" preserveAspectRatio="none" role="img" aria-label=(label) {
            rect.ground x="0" y="6" width="395" height="6" rx="3" {}
            rect.past x="0" y="6" width=(at(left)) height="6" rx="3" {}
            @if left > 0 { rect.left x=(at(left)) y="6" width=(left) height="6" rx="3" {} }
            @for days in [180, 30, 0, -30] { line x1=(at(days)) x2=(at(days)) y1="3" y2="15" {} }
            rect.now x=(at(left) - 1) y="1" width="3" height="16" rx="1" {}
        }
    }
}

/// The five questions, each with its answer.
pub(super) fn questions(tenant: &TenantReport) -> Markup {
    html! {
        ul.questions aria-label="The five questions" {
            @for Answer { question, standing, words } in answers(tenant) {
                li { span { (asked(question)) } span class={ "badge " (standing.as_str()) } { (words) } }
            }
        }
    }
}

fn asked(question: Question) -> &'static str {
    match question {
        Question::Expiry => "End",
        Question::Lineage => "Topic",
        Question::WayOut => "Way out",
        Question::Arrival => "Arrival",
        Question::Renewable => "Renewable",
    }
}

/// "3 hours ago", with the moment behind it.
pub(super) fn ago(moment: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    let exact = moment.format("%Y-%m-%d %H:%M UTC").to_string();
    html! { time datetime=(moment.to_rfc3339()) title=(exact) { (words::span(now - moment)) " ago" } }
}
