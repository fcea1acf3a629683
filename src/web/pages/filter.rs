//! Which tenants are shown, and in which order: all of it stands in the address, so that it can be sent to somebody.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::evaluate::{Report, TenantReport};

/// How many tenants a page has. Ten thousand in one would be megabytes.
pub(super) const PAGE: usize = 100;

/// What the address asks for. An empty value is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    /// Part of a name, a topic, a serial number or an account, case not counted.
    pub(super) q: String,
    /// The kind of the MDM.
    pub(super) mdm: String,
    /// The label `team`.
    pub(super) team: String,
    /// The phase.
    pub(super) phase: String,
    /// A finding that stands.
    pub(super) finding: String,
    /// `urgency` (the default), `end` or `name`.
    pub(super) sort: String,
    /// Which page, from 1.
    pub(super) page: String,
}

impl Filter {
    /// The tenants that are meant, in order.
    pub(super) fn apply<'r>(&self, report: &'r Report) -> Vec<&'r TenantReport> {
        let text = self.q.trim().to_lowercase();
        let is_meant = |tenant: &&TenantReport| {
            (self.mdm.is_empty() || tenant.mdm.as_str() == self.mdm)
                && (self.team.is_empty() || tenant.labels.get("team") == Some(&self.team))
                && (self.phase.is_empty() || tenant.phase.as_str() == self.phase)
                && (self.finding.is_empty() || tenant.findings.keys().any(|finding| finding.as_str() == self.finding))
                && (text.is_empty() || has(tenant, &text))
        };
        let mut tenants: Vec<&TenantReport> = report.tenants.iter().filter(is_meant).collect();
        let end = |tenant: &TenantReport| tenant.effective.as_ref().map(|known| known.not_after);
        match self.sort.as_str() {
            "name" => tenants.sort_by(|a, b| a.name.cmp(&b.name)),
            // What nobody knows is not the most urgent and not the least: it stands behind what is dated.
            "end" => tenants.sort_by_key(|tenant| (end(tenant).is_none(), end(tenant), &tenant.name)),
            _ => tenants.sort_by_key(|tenant| {
                (tenant.muted.is_some(), tenant.level, end(tenant).is_none(), end(tenant), &tenant.name)
            }),
        }
        tenants
    }

    /// The page that is asked for, from 1.
    pub(super) fn number(&self) -> usize {
        self.page.parse().unwrap_or(1).max(1)
    }

    /// The same filter as the end of an address, with another page.
    pub(super) fn query(&self, page: usize) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let parts = [
            ("q", &self.q),
            ("mdm", &self.mdm),
            ("team", &self.team),
            ("phase", &self.phase),
            ("finding", &self.finding),
            ("sort", &self.sort),
        ];
        for (key, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(key, value);
        }
        if page > 1 {
            query.append_pair("page", &page.to_string());
        }
        let query = query.finish();
        if query.is_empty() { query } else { format!("?{query}") }
    }
}

fn has(tenant: &TenantReport, text: &str) -> bool {
    let holds = |found: &str| holds(found, text);
    // Only what a serial number is made of can be in one.
    let can_be_serial = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let certificate = tenant.effective.as_ref().map(|known| &known.certificate);
    holds(tenant.name.as_str())
        || tenant.labels.values().any(|value| holds(value))
        || tenant.account.as_ref().is_some_and(|account| holds(account.as_str()))
        || tenant.account_reported.as_deref().is_some_and(holds)
        || tenant.pin.as_ref().is_some_and(|pin| holds(pin.topic.as_str()))
        || (can_be_serial
            && certificate.and_then(|found| found.serial.as_ref()).is_some_and(|serial| holds(&serial.to_string())))
}

/// Whether `text`, which is in lower case, is in `found`, whatever its case. Nearly everything is ASCII, and is looked through
/// where it is: a search reads half a dozen texts of each of thousands of tenants.
fn holds(found: &str, text: &str) -> bool {
    if !found.is_ascii() {
        return found.to_lowercase().contains(text);
    }
    let Some(first) = text.bytes().next() else { return true };
    let starts = found.bytes().enumerate().filter(|(_, byte)| byte.to_ascii_lowercase() == first);
    starts.into_iter().any(|(at, _)| {
        found.as_bytes().get(at..at + text.len()).is_some_and(|part| part.eq_ignore_ascii_case(text.as_bytes()))
    })
}

/// What there is to choose from.
pub(super) struct Choices<'r> {
    pub(super) mdms: BTreeSet<&'r str>,
    pub(super) teams: BTreeSet<&'r str>,
    pub(super) phases: BTreeSet<&'r str>,
    pub(super) findings: BTreeSet<&'r str>,
}

impl<'r> Choices<'r> {
    pub(super) fn of(report: &'r Report) -> Self {
        let tenants = || report.tenants.iter();
        Self {
            mdms: tenants().map(|tenant| tenant.mdm.as_str()).collect(),
            teams: tenants().filter_map(|tenant| tenant.labels.get("team").map(String::as_str)).collect(),
            phases: tenants().map(|tenant| tenant.phase.as_str()).collect(),
            findings: tenants().flat_map(|tenant| tenant.findings.keys()).map(|f| f.as_str()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_search_finds_what_lower_case_would_find() {
        let texts = [
            "",
            "Acme GmbH",
            "ACME",
            "cme g",
            "m",
            "B\u{fc}ro M\u{dc}NCHEN",
            "\u{dc}",
            "\u{212a}elvin",
            "kelvin",
            "aab",
            "ab",
        ];
        for found in texts {
            for text in texts.map(str::to_lowercase) {
                assert_eq!(holds(found, &text), found.to_lowercase().contains(&text), "{text:?} in {found:?}");
            }
        }
    }
}
