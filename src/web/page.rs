//! The first page: every tenant with its state, the worst first.

use maud::{DOCTYPE, Markup, html};

use crate::evaluate::tenant::TenantReport;
use crate::evaluate::{NetworkReport, Report};
use crate::words;

/// The landing page.
pub(super) fn landing(report: &Report) -> Markup {
    let mut tenants: Vec<&TenantReport> = report.tenants.iter().collect();
    tenants.sort_by_key(|tenant| {
        (tenant.muted.is_some(), tenant.level, tenant.effective.as_ref().map(|known| known.not_after), &tenant.name)
    });
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "apnswatch" }
            }
            body {
                h1 { "apnswatch" }
                @if !report.clock_plausible {
                    p { strong { "The clock of this machine cannot be right, so nobody can say what has expired." } }
                }
                @if !report.store_up {
                    p { strong { "The store cannot be used: what is learnt now is lost at the end." } }
                }
                @if report.config_errors > 0 {
                    p { strong { (report.config_errors) " problems in tenant files: run apnswatch check-config." } }
                }
                @if let Some(network) = &report.network { (self::network(network)) }
                @if tenants.is_empty() && report.network.is_some() {
                    p { "No tenant is watched: this site only probes the way to Apple." }
                } @else if tenants.is_empty() {
                    p { strong { "No tenant is watched." } }
                } @else {
                    table {
                        thead { tr { th { "Tenant" } th { "MDM" } th { "State" } th { "Certificate" } th { "In words" } } }
                        tbody { @for tenant in tenants { (row(tenant, report)) } }
                    }
                }
                @if !report.strays.is_empty() {
                    h2 { "Files in the pool that belong to no tenant" }
                    ul { @for stray in &report.strays { li {
                        (stray.path.to_string_lossy()) ": "
                        (stray.topic.as_ref().map_or("no single topic", |topic| topic.as_str())) ", ends "
                        (stray.not_after.format("%Y-%m-%d"))
                    } } }
                }
                p {
                    (report.tenants.len()) " watched, " (report.retired) " retired, " (report.missing) " missing. "
                    a href="/metrics" { "Metrics" } ", " a href="/api/v1/status" { "status as JSON" } ". "
                    "apnswatch " (env!("CARGO_PKG_VERSION")) ", "
                    (report.now.format("%Y-%m-%d %H:%M:%S UTC"))
                }
            }
        }
    }
}

fn network(network: &NetworkReport) -> Markup {
    html! {
        h2 { "The way to Apple, seen from " (network.site) }
        ul { @for path in &network.paths { li { (path.role) ": " (path.sentence) } } }
        @if network.control_open == Some(true) {
            p { strong { "The control opened, and must not: something on the way accepts everything." } }
        }
        @if !network.ask.is_empty() {
            p { "Ask those who run the firewall:" }
            ul { @for ask in &network.ask { li { (ask) "." } } }
        }
    }
}

fn row(tenant: &TenantReport, report: &Report) -> Markup {
    html! {
        tr {
            th scope="row" { (tenant.name) }
            td { (tenant.mdm) }
            td { (tenant.level.as_str()) @if let Some(until) = tenant.muted { ", muted until " (until) } }
            td {
                @match &tenant.effective {
                    Some(known) if report.clock_plausible => {
                        (words::until(known.not_after, report.now)) " (" (known.source) ", "
                        (known.not_after.format("%Y-%m-%d %H:%M UTC")) ")"
                    }
                    Some(known) => { "ends " (known.not_after.format("%Y-%m-%d %H:%M UTC")) " (" (known.source) ")" }
                    None => { "no date" }
                }
            }
            td { (tenant.sentence) }
        }
    }
}
