//! What every page has.

use maud::{DOCTYPE, Markup, html};

use crate::evaluate::Report;
use crate::web::assets::{ICON_PATH, SCRIPT_PATH, STYLE_PATH};
use crate::web::problem::Problem;
use crate::words;

/// How often a page refreshes itself, in seconds.
const REFRESH: u32 = 30;

/// The places of the menu.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Fleet,
    Findings,
    Ahead,
    Network,
    Tenant,
    Elsewhere,
}

/// A whole page around its main part.
pub(super) fn page(title: &str, place: Place, report: &Report, main: &Markup) -> Markup {
    page_at(None, title, place, report, main)
}

/// A whole page that may also be the answer to a form: `address` is where it is refreshed from.
pub(super) fn page_at(address: Option<&str>, title: &str, place: Place, report: &Report, main: &Markup) -> Markup {
    let menu = [
        ("/", "Tenants", Place::Fleet),
        ("/findings", "Findings", Place::Findings),
        ("/ahead", "Ahead", Place::Ahead),
        ("/network", "Network", Place::Network),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · apnswatch" }
                link rel="icon" type="image/svg+xml" href=(*ICON_PATH);
                link rel="stylesheet" href=(*STYLE_PATH);
                script src=(*SCRIPT_PATH) defer {}
            }
            body data-address=[address] data-refresh=[(place != Place::Elsewhere).then_some(REFRESH)] {
                a.skip href="#main" { "To the content" }
                header.top { div {
                    a.brand href="/" { "apnswatch" }
                    nav aria-label="Pages" {
                        @for (path, name, of) in menu {
                            a href=(path) aria-current=[(of == place).then_some("page")] { (name) } " "
                        }
                    }
                } }
                main id="main" {
                    (warnings(report))
                    (main)
                }
                footer data-part="footer" {
                    p {
                        (report.tenants.len()) " watched, " (report.retired) " retired, " (report.missing) " missing. "
                        "As of " (report.now.format("%Y-%m-%d %H:%M:%S UTC")) ". "
                        @if let Some(letter) = &report.letter {
                            a href="/letter" { "The monthly letter" }
                            @match &letter.confirmed {
                                Some(confirmed) => { " was last confirmed by " (confirmed.by) " on " (confirmed.at.format("%Y-%m-%d")) ". " }
                                None => { " was not confirmed yet. " }
                            }
                        }
                        a href="/handover" { "Handover to print" } ", " a href="/metrics" { "metrics" } ", " a href="/api/v1/status" { "status as JSON" } " ("
                        a href="/api/v1/openapi.json" { "what is in it" } "). "
                        "apnswatch " (env!("CARGO_PKG_VERSION"))
                    }
                }
            }
        }
    }
}

/// What makes everything below doubtful.
fn warnings(report: &Report) -> Markup {
    html! {
        div data-part="warnings" {
            @if !report.clock_plausible {
                p.alarm { strong { "The clock of this machine cannot be right" } ", so nobody can say what has expired." }
            }
            @if !report.store_up {
                p.alarm { strong { "The store cannot be used" } ": what is learnt now is lost at the end. The log of apnswatch has the reason, and how to restore a backup." }
            }
            @if report.config_errors > 0 {
                p.alarm { strong { (report.config_errors) " problems in tenant files" } ": run apnswatch check-config." }
            }
            @if report.is_outdated {
                p.alarm { strong { "The configuration on disk was not taken" } ": what is shown follows an older one. Run apnswatch check-config." }
            }
            @if report.missing > 0 {
                p.alarm.warn { strong { (words::counted(report.missing as u64, "tenant")) " left the configuration" }
                    " within seven days and nobody retired them: nobody watches them." }
            }
            (super::letter::notice(report))
            @for drill in &report.drills {
                p.alarm.warn { "A drill of severity " (drill.severity) " runs until " (drill.until.format("%H:%M:%S UTC")) "." }
            }
        }
    }
}

/// Something was not taken, or nobody knows whether it was.
pub(super) fn refused(report: &Report, problem: &Problem) -> Markup {
    let title = if problem.is_open() { "Not known to be done" } else { "Not done" };
    let main = html! {
        h1 { (title) }
        p.alarm role="alert" { (words::sentence(problem.detail())) }
        p { a href="/" { "All tenants" } }
    };
    page(title, Place::Elsewhere, report, &main)
}

/// There is no such page.
pub(super) fn missing(report: &Report) -> Markup {
    let main = html! {
        h1 { "Not found" }
        p { "No tenant of this name is watched. It may have left the configuration, or be retired." }
        p { a href="/" { "All tenants" } }
    };
    page("Not found", Place::Elsewhere, report, &main)
}
