//! `/network`: the way to Apple, as seen from this site.

use maud::{Markup, html};

use super::layout::{Place, page as layout};
use super::parts::{ago, badge};
use crate::evaluate::Report;
use crate::evaluate::network::{NetworkReport, PortReport};
use crate::model::Step;

/// The page.
pub(super) fn page(report: &Report) -> Markup {
    let main = match &report.network {
        Some(network) => probed(network, report),
        None => html! {
            h1 { "The way to Apple" }
            p { "Nothing here probes it. Set " code { "site" } " and " code { "probe" } " in the configuration, or run "
                code { "apnswatch doctor" } " where the devices stand." }
        },
    };
    layout("Network", Place::Network, report, &main)
}

fn probed(network: &NetworkReport, report: &Report) -> Markup {
    html! {
        div data-part="network" {
            h1 { "The way to Apple, seen from " (network.site) " " (badge(network.level)) }
            p.soft { "It says nothing about other networks. "
                @if network.site_runs_mdm { "The MDM runs here." } @else { "The MDM does not run here." } }
            @if network.control_open == Some(true) {
                p.alarm { strong { "The control opened, and must not" } ": something on the way accepts everything, and what is said below is not to be trusted." }
            }
            @for path in &network.paths {
                h2 { "Role " (path.role) ": " (state(path.up, path.degraded)) }
                p.said { (path.sentence) "."
                    @if let Some(round) = path.last_round { span.soft { " Last round " (ago(round, report.now)) "." } } }
                div.scroll { table.stack {
                    thead { tr { th { "Target" } th.number { "Port" } th { "IP" } th { "State" }
                        @for step in Step::ALL { th { (step) } } th { "What it says" } } }
                    tbody { @for target in network.targets.iter().filter(|target| target.role == path.role) {
                        @for port in &target.ports { tr {
                            th scope="row" { (target.target) }
                            td.number.short data-label="Port" { (port.port) } td.short data-label="IP" { "v" (port.ip_version.as_str()) }
                            td data-label="State" { (state(port.up, Some(port.failure.is_some()))) }
                            @for step in Step::ALL { td.short data-label=(step) { (reached(port, step)) } }
                            td data-label="It says" { (told(port)) }
                        } }
                    } }
                } }
            }
            @if !network.ask.is_empty() {
                h2 { "For those who run the firewall" }
                pre { @for ask in &network.ask { (ask) ".\n" } }
            }
        }
    }
}

/// How a path or a port is.
pub(super) fn state(up: Option<bool>, degraded: Option<bool>) -> Markup {
    let (class, words) = match (up, degraded) {
        (Some(true), Some(true)) => ("warning", "degraded"),
        (Some(true), _) => ("ok", "open"),
        (Some(false), _) => ("critical", "closed"),
        (None, _) => ("", "not known"),
    };
    html! { span class={ "badge " (class) } { (words) } }
}

fn reached(port: &PortReport, step: Step) -> &'static str {
    match port.steps.get(&step) {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    }
}

fn told(port: &PortReport) -> Markup {
    html! {
        @match &port.failure {
            Some((step, failure)) => { (step) ": " code { (failure.reason) } " " (failure.message) }
            None => "–",
        }
    }
}
