//! The way to Apple as a document.

use serde_json::{Map, Value, json};

use super::{put_some, time};
use crate::evaluate::network::{NetworkReport, PathReport, PortReport, TargetReport};

/// The value of `schema` where this document stands alone.
pub const SCHEMA: &str = "apnswatch.doctor.v1";

/// The whole of it, for `doctor --json`.
#[must_use]
pub fn document(network: &NetworkReport) -> Value {
    let mut document = object(network);
    document.insert("schema".to_owned(), json!(SCHEMA));
    Value::Object(document)
}

/// The same as a part of another document.
pub(super) fn object(network: &NetworkReport) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("site", json!(network.site));
    put("site_runs_mdm", json!(network.site_runs_mdm));
    put("level", json!(network.level.as_str()));
    put("interval_seconds", json!(network.interval.as_secs()));
    put_some(&mut put, "control_open", network.control_open);
    put("paths", network.paths.iter().map(|path| self::path(path, network)).collect());
    put("ask", json!(network.ask));
    object
}

fn path(path: &PathReport, network: &NetworkReport) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("role", json!(path.role));
    put_some(&mut put, "up", path.up);
    put_some(&mut put, "degraded", path.degraded);
    put_some(&mut put, "last_round", path.last_round.map(time));
    put("proven", json!(path.proven));
    put("sentence", json!(path.sentence));
    let mine = || network.targets.iter().filter(|target| target.role == path.role);
    let targets = mine().map(|target| {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("target", json!(target.target));
        put_some(&mut put, "intercepted", target.intercepted);
        put_some(&mut put, "outside_apple", target.outside_apple);
        Value::Object(object)
    });
    put("targets", targets.collect());
    put("ports", mine().flat_map(|target| target.ports.iter().map(move |port| self::port(target, port))).collect());
    Value::Object(object)
}

fn port(target: &TargetReport, port: &PortReport) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
    put("target", json!(target.target));
    put("port", json!(port.port));
    put("ip_version", json!(port.ip_version));
    put_some(&mut put, "up", port.up);
    if let Some((step, failure)) = &port.failure {
        put("step", json!(step));
        put("reason", json!(failure.reason));
        put("message", json!(failure.message));
    }
    put_some(&mut put, "issuer", port.issuer.as_ref());
    put("host", json!(port.host));
    put_some(&mut put, "address", port.address);
    let steps: Map<String, Value> =
        port.steps.iter().map(|(step, success)| (step.to_string(), json!(success))).collect();
    put("steps", Value::Object(steps));
    Value::Object(object)
}
