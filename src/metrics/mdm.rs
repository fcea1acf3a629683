//! The families of what an MDM tells of a tenant besides the certificate: notices, tokens, check-ins, logins.

use super::inventory::{days, flag, seconds};
use super::short::Lines;
use super::tenants::Family;
use crate::evaluate::TenantReport;
use crate::evaluate::tokens::{MOST, TokenReport};
use crate::model::push::SILENT_RATIO;
use crate::model::{FamilyHealth, Notice};

/// All of them, in the order of the text.
pub(super) const FAMILIES: [Family; 11] = [
    Family("apns_certificate_revoked", "1 while the MDM said that the certificate was revoked.", |tenant, _, lines| {
        if tenant.revoked {
            lines.sample(&[], 1.0);
        }
    }),
    Family(
        "apns_mdm_notice",
        "Whether the MDM shows a notice to this login; 0 proves nothing, for who has few rights is shown none.",
        |tenant, _, lines| {
            let Some(notices) = &tenant.notices else { return };
            for notice in Notice::ALL {
                lines.sample(&[("notice", notice.as_str())], flag(notices.contains_key(&notice)));
            }
        },
    ),
    Family(
        "apple_token_not_after_timestamp_seconds",
        "End of an enrolment or content token, Unix time.",
        |tenant, _, lines| tokens(tenant, lines, |token| token.token.not_after.map(seconds)),
    ),
    Family(
        "apple_token_expiry_days",
        "Days until a token ends, negative afterwards, computed at the scrape. For alerts use the timestamp.",
        |tenant, scene, lines| {
            let Some(now) = scene.days_from else { return };
            tokens(tenant, lines, |token| token.token.not_after.map(|not_after| days(not_after - now)));
        },
    ),
    Family("apple_token_usable", "Whether a token works, as the MDM says.", |tenant, _, lines| {
        tokens(tenant, lines, |token| token.token.usable.map(flag))
    }),
    Family("apns_push_devices", "Managed devices by family.", |tenant, _, lines| {
        pushes(tenant, lines, |health| Some(large(health.devices)))
    }),
    Family(
        "apns_push_silent_ratio",
        "Share of the devices that are alive by another channel and did not check in with the MDM for three days.",
        |tenant, _, lines| {
            // What was good is withdrawn when the source is not heard any more; what was bad stays.
            let is_told = |ratio: &f64| tenant.push_is_judged || *ratio > SILENT_RATIO;
            pushes(tenant, lines, |health| health.silent_ratio().filter(is_told));
        },
    ),
    Family(
        "apns_push_last_checkin_timestamp_seconds",
        "Newest check-in with the MDM, Unix time.",
        |tenant, _, lines| pushes(tenant, lines, |health| health.last_checkin.map(seconds)),
    ),
    Family("apns_push_disabled_devices", "Devices for which the MDM has switched push off.", |tenant, _, lines| {
        if let Some(disabled) = tenant.push.as_ref().and_then(|push| push.disabled) {
            lines.sample(&[], large(disabled));
        }
    }),
    Family(
        "apns_devices_off_topic",
        "Devices that listen on another topic than the pinned one.",
        |tenant, _, lines| {
            if let Some(off) = tenant.devices_off_topic {
                lines.sample(&[], large(off));
            }
        },
    ),
    Family(
        "apnswatch_credential_not_after_timestamp_seconds",
        "End of the credential with which this program logs in to the MDM, Unix time.",
        |tenant, _, lines| {
            if let Some(not_after) = tenant.credential_not_after {
                lines.sample(&[], seconds(not_after));
            }
        },
    ),
];

fn tokens(tenant: &TenantReport, lines: &mut Lines<'_>, value: impl Fn(&TokenReport) -> Option<f64>) {
    for token in tenant.tokens.iter().take(MOST) {
        if let Some(value) = value(token) {
            lines.sample(&[("kind", token.token.kind.as_str()), ("token", &token.label)], value);
        }
    }
}

fn pushes(tenant: &TenantReport, lines: &mut Lines<'_>, value: impl Fn(&FamilyHealth) -> Option<f64>) {
    for (family, health) in tenant.push.iter().flat_map(|push| &push.families) {
        if let Some(value) = value(health) {
            lines.sample(&[("family", family.as_str())], value);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 devices")]
fn large(count: u64) -> f64 {
    count as f64
}
