//! `/tenants/{name}/renewal`: the room for renewal day.

use maud::{Markup, html};

use super::layout::{Place, page_at as layout};
use super::parts::tenant_badge;
use super::{Desk, Room, forms};
use crate::address;
use crate::attest::Case;
use crate::certificate::Certificate;
use crate::certificate::preflight::{Preflight, Verdict};
use crate::config::Config;
use crate::evaluate::verification::{State, verify};
use crate::evaluate::{Report, TenantReport};
use crate::guide::{self, Part, StepId, Values};
use crate::model::Memory;
use crate::web::preflight::Judged;
use crate::web::problem::Problem;

/// The page, with the verdict on a file that was just sent.
pub(super) fn page(
    tenant: &TenantReport,
    memory: &Memory,
    report: &Report,
    config: &Config,
    desk: &Desk,
    verdict: Option<Result<Judged, Problem>>,
) -> Markup {
    let configured = config.tenants.get(&tenant.name);
    let account = tenant.account.as_ref().and_then(|id| config.accounts.get(id));
    let mut values = configured.map(|tenant| Values::of(tenant, account, Some(report))).unwrap_or_default();
    values.today = Some(report.now.date_naive());
    values.person = desk.hand.actor().map(|actor| actor.by.clone());
    if let Some(uploaded) = forms::last_upload(memory, report.now) {
        values.ticket.clone_from(&uploaded.ticket);
        values.witness.clone_from(&uploaded.witness);
    }
    let main = html! {
        (forms::refusal(desk))
        div data-part="outcome" { (forms::outcome(tenant, memory, report, config, desk)) }
        p.back { a href=(address::of_tenant(&tenant.name)) { (tenant.name) } }
        h1 data-part="headline" { "Renewal of " (tenant.name) " " (tenant_badge(tenant)) }
        p { strong { (guide::IN_SHORT) } }
        div data-part="plan" { @if let Some(planned) = &tenant.planned { div.note { (forms::planned(planned)) (forms::unplan(tenant, desk)) } } }
        section aria-label="The file" {
            @if let Some(verdict) = &verdict { (told(verdict, |found| forms::judged(tenant, found, memory, report, config, desk))) }
            form.drop data-judge="" method="post" enctype="multipart/form-data" action=(Room::Renewal.address(&tenant.name)) {
                label for="file" { strong { "Before the upload: " } "drop the new certificate here, or choose it. It is judged and not kept. Never send a private key." }
                p { input type="file" id="file" name="file" required; " " button.main type="submit" { "Is it a renewal?" } }
            }
            (forms::plan(tenant, report, desk))
        }
        h2 { "Step by step, for " (guide::product(tenant.mdm)) }
        ol.steps { @for step in guide::steps(tenant.mdm, &values) { li id=(step.id.as_str()) {
            h3 { (step.title) }
            @for parts in step.parts.chunk_by(|a, b| is_item(a) && is_item(b)) {
                @if parts.iter().all(is_item) { ul { @for part in parts { li { (piece(part)) } } } }
                @else { @for part in parts { (piece(part)) } }
            }
            @if step.id == StepId::Preflight { p { a href="#file" { "Try the file above." } } }
            @if step.id == StepId::Attest && desk.hand.actor().is_some() { p { a href="#after" { "Say it below." } } }
        } } }
        h2 id="after" { "After the upload" }
        @if desk.hand.actor().is_some() { div.card { (forms::uploaded(tenant, memory, report, config, desk)) } }
        (state(tenant, memory, report, config, desk))
    };
    let here = Room::Renewal.address(&tenant.name);
    layout(Some(&here), &format!("Renewal of {}", tenant.name), Place::Tenant, report, &main)
}

/// The verdict; `keep` is the way to keep the certificate if it is a renewal.
fn told(verdict: &Result<Judged, Problem>, keep: impl Fn(&Certificate) -> Markup) -> Markup {
    html! {
        @match verdict {
            Ok(Judged { preflight, certificate }) => div class={ "verdict " (preflight.verdict.as_str()) } role="status" {
                p { strong { (preflight.verdict.headline()) } }
                ul { @for reason in &preflight.reasons { li.said { (reason) } } }
                p { strong { "Next: " } (preflight.next) }
                @if let Some(found) = certificate.as_ref().filter(|_| is_renewal(preflight)) { (keep(found)) }
            },
            Err(problem) => div.verdict.do_not_upload role="status" {
                p { strong { "Not judged" } }
                p.said { (problem.detail()) "." }
            },
        }
    }
}

fn is_renewal(preflight: &Preflight) -> bool {
    matches!(preflight.verdict, Verdict::Renewal | Verdict::Warning)
}

fn is_item(part: &Part) -> bool {
    matches!(part, Part::Item(_))
}

fn piece(part: &Part) -> Markup {
    html! {
        @match part {
            Part::Text(text) => p { (text) },
            Part::Item(text) => (text),
            Part::Command(command) => pre { (command) },
            Part::Verbatim(lines) => pre { @for line in lines { (line) "\n" } },
        }
    }
}

/// What can be seen of the renewal now; the command line waits for it.
fn state(tenant: &TenantReport, memory: &Memory, report: &Report, config: &Config, desk: &Desk) -> Markup {
    let case = Case { config, name: &tenant.name, memory, by: "", now: report.now };
    let awaited = case.awaited_file(tenant.effective.as_ref().map(|known| &known.certificate));
    let verification = verify(tenant, memory, report.now, report.now);
    html! {
        div data-part="verification" {
            h3 { "What can be seen now" }
            div.scroll { table.stack {
                thead { tr { th { "What" } th { "State" } th { "Why" } } }
                tbody {
                    @for check in &verification.checks { tr {
                        th scope="row" { (check.title) }
                        td { (word(check.state)) }
                        td { (check.sentence) }
                    } }
                    @for step in &verification.steps { tr {
                        th scope="row" { "A person saw" }
                        td { @match (&step.said, step.needless) {
                            (Some(_), _) => span.badge.good { "said" },
                            (None, Some(_)) => span.badge { "needless" },
                            (None, None) => span.badge.attention { "open" },
                        } }
                        td { (step.step.sentence())
                            @if let Some((by, at)) = &step.said { ", says " (by) " on " (at.format("%Y-%m-%d %H:%M UTC")) }
                            @else if let Some(why) = step.needless { ": " (why) }
                            @else { (forms::step(tenant, step, awaited.as_ref(), desk)) } }
                    } }
                }
            } }
        }
    }
}

fn word(state: State) -> Markup {
    let (class, words) = match state {
        State::Good => ("good", "good"),
        State::Waiting => ("attention", "not yet"),
        State::Bad => ("bad", "bad"),
        State::CannotTell => ("", "not seen"),
    };
    html! { span class={ "badge " (class) } { (words) } }
}
