//! Apple's other yearly credentials, as Intune tells of them: server tokens of Automated Device Enrolment and content
//! tokens of Apps and Books.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::denial::Wanted;
use super::reader::Entity;
use super::wire::{NoDate, TEXT_LIMIT, date, is_odd, text};
use crate::model::{AppleToken, TokenKind};
use crate::provider::http::clean;

/// Server tokens. The type is in no v1.0 schema of any cloud (microsoftgraph/msgraph-metadata), so this is a beta read.
/// <https://learn.microsoft.com/graph/api/resources/intune-enrollment-deponboardingsetting?view=graph-rest-beta>
pub(super) const ADE: Wanted = Wanted {
    path: &["beta", "deviceManagement", "depOnboardingSettings"],
    query: &[],
    what: "the tokens for automated enrolment",
    permission: "DeviceManagementServiceConfig.Read.All",
};

/// Content tokens.
/// <https://learn.microsoft.com/graph/api/resources/intune-onboarding-vpptoken>
pub(super) const VPP: Wanted = Wanted {
    path: &["v1.0", "deviceAppManagement", "vppTokens"],
    query: &[],
    what: "the tokens for apps and books",
    permission: "DeviceManagementServiceConfig.Read.All",
};

/// More pages than this no list of tokens has; an organisation has a handful of them.
pub(super) const MOST_PAGES: usize = 20;

/// Intune syncs every twelve hours, and its own page calls a connector unhealthy after so many days without
/// (MicrosoftDocs/memdocs, tenant-status).
const STALE_DAYS: i64 = 3;

/// A server token and what decides whether it was superseded.
#[derive(Debug)]
pub(super) struct Ade {
    token: AppleToken,
    /// `syncedDeviceCount`.
    devices: Option<u64>,
    remarks: Vec<String>,
}

/// Reads one server token. `None` for what is none: the entry of Apple Configurator (`tokenType` `none`), and an entry
/// that has neither an id nor an end.
///
/// Whether a token works is never told: the values of `lastSyncErrorCode` are documented nowhere, so a code other than
/// 0 is a remark. That 3 stands for Apple's new terms is what one integrator found (CIPP, `Get-CIPPAlertAppleTerms`).
pub(super) fn ade(entity: &Entity, now: DateTime<Utc>) -> Result<Option<Ade>, &'static str> {
    const END: &str = "tokenExpirationDateTime";
    if ["id", END, "tokenType"].iter().all(|key| !entity.contains_key(*key)) {
        return Err("an entry that is no such token");
    }
    if text(entity, "tokenType").is_some_and(|kind| kind.eq_ignore_ascii_case("none")) {
        return Ok(None);
    }
    let mut remarks = Vec::new();
    let Some(token) = token(TokenKind::Ade, entity, "tokenName", END, &mut remarks)? else { return Ok(None) };
    match entity.get("lastSyncErrorCode").and_then(Value::as_i64) {
        None | Some(0) => {}
        Some(3) => remarks.push(format!(
            "Intune's last sync of {} failed with Apple's code 3, which may mean that Apple has new terms to accept.",
            named(&token)
        )),
        Some(code) => {
            remarks.push(format!("Intune's last sync of {} failed with Apple's code {code}.", named(&token)));
        }
    }
    if let Ok(synced) = date(entity, "lastSuccessfulSyncDateTime")
        && now - synced >= TimeDelta::days(STALE_DAYS)
    {
        remarks.push(format!("Intune has synced {} last on {}.", named(&token), synced.format("%Y-%m-%d")));
    }
    let devices = entity.get("syncedDeviceCount").and_then(Value::as_u64);
    Ok(Some(Ade { token, devices, remarks }))
}

/// The server tokens in use. Intune keeps a token that was replaced in the list, where it counts down to an end that
/// does not matter (rknightion/graph2otel). The rule: one to which no device is assigned (`syncedDeviceCount` 0) is left
/// out when another one of the same name ends later.
pub(super) fn in_use(all: Vec<Ade>, remarks: &mut Vec<String>) -> Vec<AppleToken> {
    let is_superseded =
        |ade: &Ade| {
            ade.devices == Some(0) && !ade.token.name.is_empty() && all.iter().any(|other| {
                // A token without an end never ends later, and is never outlived.
                other.token.name == ade.token.name
                    && matches!((other.token.not_after, ade.token.not_after), (Some(other), Some(own)) if other > own)
            })
        };
    let keep: Vec<bool> = all.iter().map(|ade| !is_superseded(ade)).collect();
    let kept = all.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(ade, _)| ade);
    kept.map(|ade| {
        remarks.extend(ade.remarks);
        ade.token
    })
    .collect()
}

/// Reads one content token. `None` for an entry that has neither an id nor an end.
///
/// Microsoft calls one state healthy, `valid`; `unknown` says nothing. Every other one is trouble, also one that a
/// later version of Graph adds. There is no label of an admin's in v1.0, so the organisation's name is the name.
pub(super) fn vpp(entity: &Entity, remarks: &mut Vec<String>) -> Result<Option<AppleToken>, &'static str> {
    const END: &str = "expirationDateTime";
    if ["id", END, "state"].iter().all(|key| !entity.contains_key(*key)) {
        return Err("an entry that is no such token");
    }
    let Some(mut token) = token(TokenKind::Vpp, entity, "organizationName", END, remarks)? else { return Ok(None) };
    let trouble = |what: &str| (Some(false), Some(what.to_owned()));
    (token.usable, token.trouble) = match text(entity, "state") {
        None | Some("unknown") => (None, None),
        Some("valid") => (Some(true), None),
        Some("expired") => trouble("expired"),
        Some("invalid") => trouble("invalid"),
        Some("assignedToExternalMDM") => trouble("assigned to another MDM"),
        Some("duplicateLocationId") => trouble("another token has the same location"),
        Some(_) => trouble("in a state that this program does not know"),
    };
    if text(entity, "lastSyncStatus") == Some("failed") {
        remarks.push(format!("Intune's last sync of {} failed.", named(&token)));
    }
    Ok(Some(token))
}

/// What both have. `None` without an id and an end. If they are there and neither can be read, the list is not what it
/// should be: leaving the entry out would say that the token is gone.
fn token(
    kind: TokenKind,
    entity: &Entity,
    name: &str,
    end: &str,
    remarks: &mut Vec<String>,
) -> Result<Option<AppleToken>, &'static str> {
    let field = |key| text(entity, key).map(|text| clean(text, TEXT_LIMIT)).unwrap_or_default();
    let not_after = date(entity, end);
    let token =
        AppleToken { kind, id: field("id"), name: field(name), not_after: not_after.ok(), usable: None, trouble: None };
    if token.id.is_empty() && not_after.is_err() {
        let is_unreadable = is_odd(entity, "id") || not_after == Err(NoDate::Odd);
        return if is_unreadable { Err("an entry whose fields cannot be read") } else { Ok(None) };
    }
    match not_after {
        Ok(_) => {}
        Err(NoDate::Odd) => remarks.push(format!("Intune gave an end of {} that cannot be read.", named(&token))),
        Err(NoDate::Missing | NoDate::Never(_)) => remarks.push(format!("Intune gave no end of {}.", named(&token))),
    }
    Ok(Some(token))
}

fn named(token: &AppleToken) -> String {
    let kind = match token.kind {
        TokenKind::Ade => "the enrolment token",
        TokenKind::Vpp => "the content token",
    };
    let name = if token.name.is_empty() { &token.id } else { &token.name };
    if name.is_empty() { kind.to_owned() } else { format!("{kind} \"{name}\"") }
}

#[cfg(test)]
mod tests;
