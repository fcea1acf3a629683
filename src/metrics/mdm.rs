//! The series of what an MDM tells besides the certificate: notices, tokens, check-ins, logins; and the duties of the
//! accounts.

use super::inventory::{days, of, seconds};
use super::text::Text;
use crate::evaluate::Report;
use crate::evaluate::tenant::TenantReport;
use crate::evaluate::tokens::{MOST, TokenReport};
use crate::model::push::SILENT_RATIO;
use crate::model::{FamilyHealth, Notice};

/// Writes them; those in days only if they are wanted.
pub(super) fn render(text: &mut Text, report: &Report, days_gauge: bool) {
    notices(text, report);
    tokens(text, report, days_gauge);
    pushes(text, report);
    logins(text, report);
}

fn notices(text: &mut Text, report: &Report) {
    let mut family =
        text.family("apns_certificate_revoked", "gauge", "1 while the MDM said that the certificate was revoked.");
    for tenant in report.tenants.iter().filter(|tenant| tenant.revoked) {
        family.sample(&of(tenant), 1.0);
    }
    let mut family = text.family(
        "apns_mdm_notice",
        "gauge",
        "Whether the MDM shows a notice to this login; 0 proves nothing, for who has few rights is shown none.",
    );
    for (tenant, notices) in report.tenants.iter().filter_map(|t| Some((t, t.notices.as_ref()?))) {
        for notice in Notice::ALL {
            let [name, mdm] = of(tenant);
            let value = f64::from(u8::from(notices.contains_key(&notice)));
            family.sample(&[name, mdm, ("notice", notice.as_str())], value);
        }
    }
}

fn tokens(text: &mut Text, report: &Report, days_gauge: bool) {
    let all =
        || report.tenants.iter().flat_map(|tenant| tenant.tokens.iter().take(MOST).map(move |token| (tenant, token)));
    let mut family = text.family(
        "apple_token_not_after_timestamp_seconds",
        "gauge",
        "End of an enrolment or content token, Unix time.",
    );
    for (tenant, token) in all() {
        if let Some(not_after) = token.token.not_after {
            family.sample(&of_token(tenant, token), seconds(not_after));
        }
    }
    if days_gauge && report.clock_plausible {
        let mut family = text.family(
            "apple_token_expiry_days",
            "gauge",
            "Days until a token ends, negative afterwards, computed at the scrape. For alerts use the timestamp.",
        );
        for (tenant, token) in all() {
            if let Some(not_after) = token.token.not_after {
                family.sample(&of_token(tenant, token), days(not_after - report.now));
            }
        }
    }
    let mut family = text.family("apple_token_usable", "gauge", "Whether a token works, as the MDM says.");
    for (tenant, token) in all() {
        if let Some(usable) = token.token.usable {
            family.sample(&of_token(tenant, token), f64::from(u8::from(usable)));
        }
    }
}

fn of_token<'a>(tenant: &'a TenantReport, token: &'a TokenReport) -> [(&'static str, &'a str); 4] {
    let [name, mdm] = of(tenant);
    [name, mdm, ("kind", token.token.kind.as_str()), ("token", &token.label)]
}

/// What a series of a family is made of: name, help, and the value where there is one.
type FamilySeries = (&'static str, &'static str, fn(&TenantReport, &FamilyHealth) -> Option<f64>);

const FAMILY_SERIES: [FamilySeries; 3] = [
    ("apns_push_devices", "Managed devices by family.", |_, health| Some(large(health.devices))),
    (
        "apns_push_silent_ratio",
        "Share of the devices that are alive by another channel and did not check in with the MDM for three days.",
        // What was good is withdrawn when the source is not heard any more; what was bad stays.
        |tenant, health| health.silent_ratio().filter(|ratio| tenant.push_is_judged || *ratio > SILENT_RATIO),
    ),
    ("apns_push_last_checkin_timestamp_seconds", "Newest check-in with the MDM, Unix time.", |_, health| {
        health.last_checkin.map(seconds)
    }),
];

fn pushes(text: &mut Text, report: &Report) {
    for (name, help, value) in FAMILY_SERIES {
        let mut series = text.family(name, "gauge", help);
        for (tenant, push) in report.tenants.iter().filter_map(|tenant| Some((tenant, tenant.push.as_ref()?))) {
            for (family, health) in &push.families {
                if let Some(value) = value(tenant, health) {
                    let [name, mdm] = of(tenant);
                    series.sample(&[name, mdm, ("family", family.as_str())], value);
                }
            }
        }
    }
    let mut family =
        text.family("apns_push_disabled_devices", "gauge", "Devices for which the MDM has switched push off.");
    for (tenant, disabled) in report.tenants.iter().filter_map(|t| Some((t, t.push.as_ref()?.disabled?))) {
        family.sample(&of(tenant), large(disabled));
    }
    let mut family =
        text.family("apns_devices_off_topic", "gauge", "Devices that listen on another topic than the pinned one.");
    for (tenant, off) in report.tenants.iter().filter_map(|t| Some((t, t.devices_off_topic?))) {
        family.sample(&of(tenant), large(off));
    }
}

fn logins(text: &mut Text, report: &Report) {
    let mut family = text.family(
        "apnswatch_credential_not_after_timestamp_seconds",
        "gauge",
        "End of the credential with which this program logs in to the MDM, Unix time.",
    );
    for (tenant, not_after) in report.tenants.iter().filter_map(|t| Some((t, t.credential_not_after?))) {
        family.sample(&of(tenant), seconds(not_after));
    }
    let mut family = text.family(
        "apns_duty_due_timestamp_seconds",
        "gauge",
        "When a duty for an Apple Account is due, Unix time; today for one that was never done.",
    );
    for account in &report.accounts {
        for (duty, state) in &account.duties {
            family.sample(&[("account", account.id.as_str()), ("duty", duty)], seconds(state.due));
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 devices")]
fn large(count: u64) -> f64 {
    count as f64
}
