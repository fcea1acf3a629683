//! What the words of an alert ask Prometheus for, answered from the report.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::template::{Sample, Source};
use crate::evaluate::tenant::{TenantReport, Verdict};
use crate::evaluate::tokens::MOST;
use crate::evaluate::{NetworkReport, Report};

/// A certificate that was renewed within so many seconds is told of beside a broken path.
const LATELY: f64 = 86_400.0;

/// What can be asked for.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The report.
    pub report: &'a Report,
    /// When the configuration in force was read.
    pub since: DateTime<Utc>,
}

/// A query, taken apart: the series, what its labels must be, and what is done with its value.
struct Query<'a> {
    series: &'a str,
    labels: BTreeMap<String, String>,
    rest: &'a str,
}

impl<'a> Query<'a> {
    /// The rules ask for one series with labels in braces, possibly within functions that change nothing here, or for all of it.
    fn parse(text: &'a str) -> Option<Self> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let Some((head, mut rest)) = text.split_once('{') else {
            let series = text.split(|c| !is_name(c)).find(|word| word.starts_with("apns"))?;
            return Some(Self { series, labels: BTreeMap::new(), rest: text });
        };
        let series = head.rsplit(|c| !is_name(c)).next()?;
        let mut labels = BTreeMap::new();
        while !rest.starts_with('}') {
            rest = rest.trim_start_matches([',', ' ']);
            let (name, after) = rest.split_once('=')?;
            let mut value = String::new();
            let mut characters = after.trim_start_matches('~').strip_prefix('"')?.chars();
            loop {
                match characters.next()? {
                    '"' => break,
                    '\\' => value.push(characters.next()?),
                    c => value.push(c),
                }
            }
            labels.insert(name.to_owned(), value);
            rest = characters.as_str();
        }
        Some(Self { series, labels, rest: &rest[1..] })
    }

    fn label(&self, name: &str) -> &str {
        self.labels.get(name).map(String::as_str).unwrap_or_default()
    }
}

fn plain(value: f64) -> Vec<Sample> {
    vec![Sample { labels: BTreeMap::new(), value }]
}

fn labelled(labels: &[(&str, &str)], value: f64) -> Vec<Sample> {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    vec![Sample { labels, value }]
}

#[allow(clippy::cast_precision_loss, reason = "seconds of a date, and numbers of devices")]
fn seconds(moment: DateTime<Utc>) -> f64 {
    moment.timestamp() as f64
}

#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 devices")]
fn large(number: u64) -> f64 {
    number as f64
}

impl Source for Facts<'_> {
    fn query(&self, query: &str) -> Vec<Sample> {
        Query::parse(query).and_then(|query| self.answer(&query)).unwrap_or_default()
    }
}

impl Facts<'_> {
    fn answer(&self, query: &Query<'_>) -> Option<Vec<Sample>> {
        let now = seconds(self.report.now);
        match query.series {
            "apnswatch_config_last_reload_success_timestamp_seconds" => return Some(plain(seconds(self.since))),
            "apns_port_failures_total" => {
                return self.report.network.as_ref().and_then(|network| most_frequent(network, query.label("role")));
            }
            "apns:tenant_account:info" if query.labels.contains_key("account") => {
                let account = query.label("account");
                let is_of = |tenant: &&TenantReport| tenant.account.as_ref().is_some_and(|id| id.as_str() == account);
                let count = self.report.tenants.iter().filter(is_of).count();
                return (count > 0).then(|| plain(large(count as u64)));
            }
            "apns_certificate_renewed_timestamp_seconds" if query.labels.is_empty() => {
                return Some(self.report.tenants.iter().filter_map(|tenant| renewed_lately(tenant, now)).collect());
            }
            _ => {}
        }
        let name = query.label("tenant");
        let at = self.report.tenants.binary_search_by(|tenant| tenant.name.as_str().cmp(name)).ok()?;
        of_tenant(self.report.tenants.get(at)?, query, now)
    }
}

fn of_tenant(tenant: &TenantReport, query: &Query<'_>, now: f64) -> Option<Vec<Sample>> {
    let source = |name: &str| tenant.sources.iter().find(|source| source.source.as_str() == name);
    let token = || {
        let is_meant = |token: &&crate::evaluate::tokens::TokenReport| {
            token.token.kind.as_str() == query.label("kind") && token.label == query.label("token")
        };
        tenant.tokens.iter().take(MOST).find(is_meant)
    };
    let family = || {
        let families = &tenant.push.as_ref()?.families;
        families.iter().find(|(family, _)| family.as_str() == query.label("family")).map(|(_, health)| health)
    };
    Some(match query.series {
        "apns:certificate_not_after:timestamp_seconds" => {
            let known = tenant.effective.as_ref()?;
            let end = seconds(known.not_after);
            let value = if query.rest.contains("- time()") { end - now } else { end };
            labelled(&[("source", known.source.as_str()), ("precision", known.precision.as_str())], value)
        }
        "apns:certificate_told:timestamp_seconds" => {
            plain(seconds(source(tenant.effective.as_ref()?.source.as_str())?.last_success?))
        }
        "apns:tenant_account:info" => labelled(&[("account", tenant.account.as_ref()?.as_str())], 1.0),
        "apns_topic_drift_info" => {
            let drift = tenant.drift.iter().find(|(source, _)| source.as_str() == query.label("source"))?;
            let Verdict::Drifts(topic, ..) = drift.1 else { return None };
            labelled(&[("topic", topic.as_str())], 1.0)
        }
        "apns_topic_pin_info" => {
            let pin = tenant.pin.as_ref()?;
            labelled(&[("topic", pin.topic.as_str()), ("origin", pin.origin.as_str())], 1.0)
        }
        "apns_source_last_success_timestamp_seconds" => plain(seconds(source(query.label("source"))?.last_success?)),
        "apns_source_failing" => {
            let reason = source(query.label("source"))?.failure.as_ref()?.reason.as_str();
            let wanted = query.labels.get("reason");
            let is_wanted = wanted.is_none_or(|wanted| wanted.split('|').any(|word| word == reason));
            is_wanted.then(|| labelled(&[("reason", reason)], 1.0))?
        }
        "apnswatch_credential_not_after_timestamp_seconds" => plain(seconds(tenant.credential_not_after?)),
        "apple_token_not_after_timestamp_seconds" => plain(seconds(token()?.token.not_after?)),
        "apns_devices_off_topic" => plain(large(tenant.devices_off_topic?)),
        "apns_push_devices" => plain(large(family()?.devices)),
        "apns_push_last_checkin_timestamp_seconds" => plain(seconds(family()?.last_checkin?)),
        // Always asked for as "within the last day".
        "apns_certificate_renewed_timestamp_seconds" => {
            renewed_lately(tenant, now)?;
            plain(seconds(tenant.effective.as_ref()?.renewed?))
        }
        _ => return None,
    })
}

fn renewed_lately(tenant: &TenantReport, now: f64) -> Option<Sample> {
    let age = now - seconds(tenant.effective.as_ref()?.renewed?);
    labelled(&[("tenant", tenant.name.as_str())], age).pop().filter(|_| age < LATELY)
}

/// The reason for which most ports of a role fail now.
fn most_frequent(network: &NetworkReport, role: &str) -> Option<Vec<Sample>> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let targets = network.targets.iter().filter(|target| target.role.as_str() == role);
    for (_, failure) in targets.flat_map(|target| &target.ports).filter_map(|port| port.failure.as_ref()) {
        *reasons.entry(failure.reason.as_str()).or_default() += 1;
    }
    let (reason, count) = reasons.into_iter().max_by_key(|(_, count)| *count)?;
    Some(labelled(&[("reason", reason)], large(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_taken_apart_whatever_a_tenant_is_called() {
        let query =
            Query::parse(r#"max(last_over_time(apns_x{tenant="a}\"{b\\,c",mdm="jamf"}[15m])) > time()"#).unwrap();
        assert_eq!((query.series, query.label("tenant"), query.label("mdm")), ("apns_x", "a}\"{b\\,c", "jamf"));
        assert_eq!(query.rest, "[15m])) > time()");
        let query = Query::parse(r#"apns_y{tenant="t",reason=~"a|b"} - time()"#).unwrap();
        assert_eq!((query.series, query.label("reason"), query.rest), ("apns_y", "a|b", " - time()"));
        let query = Query::parse("time() - max by (tenant) (last_over_time(apns_z[15m])) < 86400").unwrap();
        assert_eq!((query.series, query.labels.len()), ("apns_z", 0));
        for odd in ["", "time()", "x{", "x{a", "x{a=", "x{a=\"", "x{a=\"b"] {
            assert!(Query::parse(odd).is_none(), "{odd}");
        }
    }
}
