//! The report as a document for programs: `/api/v1/status`, and `once --json`.

pub mod letter;
pub mod network;
pub mod preflight;
pub mod tenant;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::evaluate::account::AccountReport;
use crate::evaluate::tenant::{SourceReport, TenantReport, Verdict};
use crate::evaluate::tokens::TokenReport;
use crate::evaluate::{PinChanged, Report};
use crate::model::{Drill, Pin, Plan, PooledCertificate, PushHealth};

/// The value of `schema`. A change that breaks a reader gets another number.
pub const SCHEMA: &str = "apnswatch.status.v1";

/// The whole report. What nobody knows is absent, never null, 0 or -1.
#[must_use]
pub fn document(report: &Report) -> Value {
    let mut document = json!({
        "schema": SCHEMA,
        "now": time(report.now),
        "clock_plausible": report.clock_plausible,
        "store_up": report.store_up,
        "config_errors": report.config_errors,
        "config_outdated": report.is_outdated,
        "counts": { "active": report.tenants.len(), "retired": report.retired, "missing": report.missing },
        "drills": report.drills.iter().map(drill).collect::<Vec<_>>(),
        "accounts": report.accounts.iter().map(account).collect::<Vec<_>>(),
        "strays": report.strays.iter().map(stray).collect::<Vec<_>>(),
        "tenants": report.tenants.iter().map(|tenant| self::tenant(tenant, report)).collect::<Vec<_>>(),
    });
    if let Some(network) = &report.network {
        document["network"] = Value::Object(network::object(network));
    }
    if let Some(letter) = &report.letter {
        document["letter"] = letter::object(letter);
    }
    document
}

fn drill(drill: &Drill) -> Value {
    json!({ "severity": drill.severity, "from": time(drill.from), "until": time(drill.until), "by": drill.by })
}

/// A certificate of the pool that belongs to no tenant.
fn stray(stray: &PooledCertificate) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("path", json!(stray.path.to_string_lossy()));
    put_some(&mut put, "topic", stray.topic.as_ref());
    put("not_after", json!(time(stray.not_after)));
    Value::Object(object)
}

/// An account with its duties.
#[must_use]
pub fn account(account: &AccountReport) -> Value {
    let duties = account.duties.iter().map(|(name, duty)| {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("duty", json!(name));
        put("due", json!(time(duty.due)));
        put_some(&mut put, "done", duty.done.map(time));
        put_some(&mut put, "by", duty.by.as_ref());
        Value::Object(object)
    });
    json!({ "id": account.id, "address": account.address, "duties": duties.collect::<Vec<_>>() })
}

fn tenant(tenant: &TenantReport, report: &Report) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("name", json!(tenant.name));
    put("mdm", json!(tenant.mdm));
    put("level", json!(tenant.level.as_str()));
    put("phase", json!(tenant.phase));
    put("sentence", json!(tenant.sentence()));
    put("labels", json!(tenant.labels));
    put_some(&mut put, "account", tenant.account.as_ref());
    put_some(&mut put, "account_reported", tenant.account_reported.as_ref());
    put_some(&mut put, "account_mismatch", tenant.account_mismatch);
    put_some(&mut put, "muted_until", tenant.muted);
    if let Some(planned) = &tenant.planned {
        let Plan { on, who, tier, .. } = &planned.plan;
        put("planned", json!({ "on": on, "who": who, "tier": tier, "by": planned.by, "at": time(planned.at) }));
    }
    if let Some(known) = &tenant.effective {
        let mut certificate = Map::new();
        let mut put_in = |key: &str, value: Value| certificate.insert(key.to_owned(), value);
        put_in("source", json!(known.source));
        put_in("precision", json!(known.precision));
        put_in("not_after", json!(time(known.not_after)));
        if report.clock_plausible {
            put_in("seconds_left", json!((known.not_after - report.now).num_seconds()));
        }
        put_some(&mut put_in, "not_before", known.certificate.not_before.map(time));
        put_some(&mut put_in, "topic", known.certificate.topic.as_ref());
        put_some(&mut put_in, "serial", known.certificate.serial.as_ref());
        put_some(&mut put_in, "told", known.told.map(time));
        put_some(&mut put_in, "renewed", known.renewed.map(time));
        put("certificate", Value::Object(certificate));
    }
    if let Some(pin) = &tenant.pin {
        put("pin", self::pin(pin));
    }
    if !tenant.pin_changes.is_empty() {
        put("pin_changes", tenant.pin_changes.iter().map(pin_changed).collect());
    }
    let findings = tenant.findings.iter().map(|(finding, text)| json!({ "finding": finding, "text": text }));
    put("findings", findings.collect());
    put("blind_spots", json!(tenant.blind_spots));
    put_some(&mut put, "not_renewable", tenant.not_renewable);
    if let Some(notices) = &tenant.notices {
        put("notices", notices.keys().map(|notice| json!(notice)).collect());
    }
    if tenant.revoked {
        put("revoked", json!(true));
    }
    put_some(&mut put, "way_out", tenant.way_out);
    put_some(&mut put, "devices_off_topic", tenant.devices_off_topic);
    put_some(&mut put, "credential_not_after", tenant.credential_not_after.map(time));
    if let Some(push) = &tenant.push {
        put("push", self::push(push));
    }
    if !tenant.tokens.is_empty() {
        put("tokens", tenant.tokens.iter().map(token).collect());
    }
    let sources = tenant.sources.iter().map(|source| self::source(source, tenant.drift.get(&source.source)));
    put("sources", sources.collect());
    Value::Object(object)
}

fn pin(pin: &Pin) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("topic", json!(pin.topic));
    put("origin", json!(pin.origin));
    put("since", json!(time(pin.since)));
    put_some(&mut put, "by", pin.by.as_ref());
    Value::Object(object)
}

fn pin_changed(change: &PinChanged) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("at", json!(time(change.at)));
    put("by", json!(change.by));
    put_some(&mut put, "topic", change.topic.as_ref());
    put("before", json!(change.before));
    put_some(&mut put, "reason", change.reason.as_ref());
    Value::Object(object)
}

fn token(token: &TokenReport) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("kind", json!(token.token.kind));
    put("name", json!(token.label));
    put_some(&mut put, "not_after", token.token.not_after.map(time));
    put_some(&mut put, "usable", token.token.usable);
    put_some(&mut put, "trouble", token.token.trouble.as_ref());
    Value::Object(object)
}

fn push(push: &PushHealth) -> Value {
    let families = push.families.iter().map(|(family, health)| {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("family", json!(family));
        put("devices", json!(health.devices));
        put_some(&mut put, "alive", health.alive);
        put_some(&mut put, "silent", health.silent);
        put_some(&mut put, "silent_ratio", health.silent_ratio());
        put_some(&mut put, "last_checkin", health.last_checkin.map(time));
        Value::Object(object)
    });
    let mut object = Map::new();
    object.insert("families".to_owned(), families.collect());
    put_some(&mut |key, value| object.insert(key.to_owned(), value), "disabled", push.disabled);
    Value::Object(object)
}

fn source(source: &SourceReport, verdict: Option<&Verdict>) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("source", json!(source.source));
    if source.polled {
        put("up", json!(source.up));
    }
    if let Some(failure) = &source.failure {
        put("reason", json!(failure.reason));
        put("message", json!(failure.message));
    }
    put_some(&mut put, "failing_since", source.failing_since.map(time));
    put_some(&mut put, "last_success", source.last_success.map(time));
    put_some(&mut put, "interval_seconds", source.interval.map(|interval| interval.as_secs()));
    put_some(&mut put, "told", source.told.map(time));
    if !source.origin().is_empty() {
        put("origin", json!(source.origin()));
    }
    if source.is_absent() {
        put("absent", json!(true));
    }
    if let Some(certificate) = source.certificate() {
        put_some(&mut put, "not_after", certificate.not_after.map(time));
        put_some(&mut put, "topic", certificate.topic.as_ref());
        put_some(&mut put, "serial", certificate.serial.as_ref());
    }
    match verdict {
        Some(Verdict::Agrees) => {
            put("drift", json!(false));
        }
        Some(Verdict::Drifts(topic, since, _)) => {
            put("drift", json!(true));
            put("drift_topic", json!(topic));
            put("drift_since", json!(time(*since)));
        }
        None => {}
    }
    if !source.remarks().is_empty() {
        put("remarks", json!(source.remarks()));
    }
    Value::Object(object)
}

fn put_some<T: Serialize>(put: &mut impl FnMut(&str, Value) -> Option<Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        put(key, json!(value));
    }
}

/// RFC 3339 in UTC, whole seconds. A year has four digits there, and a vendor may tell any: a moment after the last of them
/// or before the first is told as the nearest that can be written.
pub(crate) fn time(moment: DateTime<Utc>) -> String {
    let first = NaiveDate::from_ymd_opt(0, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0));
    let last = NaiveDate::from_ymd_opt(9999, 12, 31).and_then(|day| day.and_hms_opt(23, 59, 59));
    let moment = first.map_or(moment, |first| moment.max(first.and_utc()));
    let moment = last.map_or(moment, |last| moment.min(last.and_utc()));
    moment.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_moment_can_be_written() {
        assert_eq!(time(DateTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
        assert_eq!(time(DateTime::<Utc>::MAX_UTC), "9999-12-31T23:59:59Z");
        assert_eq!(time(DateTime::<Utc>::MIN_UTC), "0000-01-01T00:00:00Z");
    }
}
