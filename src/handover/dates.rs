//! What ends or is due, and what nobody knows of that.

use std::collections::BTreeMap;

use super::{Date, Unknown};
use crate::config::Config;
use crate::evaluate::Report;
use crate::model::{Phase, Precision};

/// What is said of the end of a push certificate.
pub(super) const ENDS: &str = "push certificate ends";

const CERTIFICATE: &str = "when the push certificate ends";
const LOGIN: &str = "when the login of apnswatch at the MDM ends (credential_expires is not set)";
const TOKEN: &str = "when this token ends";
const TOKENS: &str = "whether there are tokens (ADE, Apps and Books), and when they end";

/// The dates that are known, the nearest first, and those that are not.
pub(crate) fn dates(config: &Config, report: &Report) -> (Vec<Date>, Vec<Unknown>) {
    let mut dates = Vec::new();
    let mut unknown: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for tenant in &report.tenants {
        let mut add = |at, what: String, known: String| {
            dates.push(Date { at, what, of: tenant.name.to_string(), known });
        };
        let mut miss = |what, of: String| unknown.entry(what).or_default().push(of);
        match &tenant.effective {
            Some(known) => {
                let told = known.told.map(|told| format!(", {}", told.format("%Y-%m-%d"))).unwrap_or_default();
                let how = match known.precision {
                    Precision::Exact => format!("exact (source {}{told})", known.source),
                    Precision::Declared => "as typed in the configuration".to_owned(),
                    Precision::Estimate => format!("reckoned from a notice, may be off by a day{told}"),
                };
                add(known.not_after, ENDS.to_owned(), how);
            }
            None if tenant.phase == Phase::None => {}
            None => miss(CERTIFICATE, tenant.name.to_string()),
        }
        for token in &tenant.tokens {
            let name = format!("{} token {}", token.token.kind, token.label);
            match token.token.not_after {
                Some(at) if token.is_declared => add(at, format!("{name} ends"), "as configured".to_owned()),
                Some(at) => add(at, format!("{name} ends"), "told by the MDM".to_owned()),
                None => miss(TOKEN, format!("{name} of {}", tenant.name)),
            }
        }
        if tenant.are_tokens_untold() {
            miss(TOKENS, tenant.name.to_string());
        }
        let configured = config.tenants.get(&tenant.name).and_then(|tenant| tenant.mdm.credential_expires());
        match tenant.credential_not_after {
            Some(at) => {
                let is_configured = configured == Some(at.date_naive());
                let how = if is_configured { "as configured" } else { "read from the credential" };
                add(at, "login of apnswatch at the MDM ends".to_owned(), how.to_owned());
            }
            None if tenant.is_login_undated() => miss(LOGIN, tenant.name.to_string()),
            None => {}
        }
    }
    for account in &report.accounts {
        dates.extend(account.duties.iter().map(|(name, duty)| Date {
            at: duty.due,
            what: format!("duty {name} is due"),
            of: account.id.to_string(),
            known: match (duty.done, &duty.by) {
                (Some(done), Some(by)) => format!("last done {} by {by}", done.format("%Y-%m-%d")),
                (Some(done), None) => format!("last done {}, as configured", done.format("%Y-%m-%d")),
                (None, _) => "never done, as far as anybody said".to_owned(),
            },
        }));
    }
    dates.sort_by(|a, b| (a.at, &a.of, &a.what).cmp(&(b.at, &b.of, &b.what)));
    let unknown = [CERTIFICATE, LOGIN, TOKEN, TOKENS].into_iter().filter_map(|what| {
        let of = unknown.remove(what)?;
        Some(Unknown { what, of })
    });
    let unknown = unknown.collect();
    (dates, unknown)
}
