//! A verdict before the upload as a document.

use serde_json::{Map, Value, json};

use super::{put_some, time};
use crate::certificate::Contents;
use crate::certificate::preflight::{Baseline, Preflight, newest};

/// The value of `schema`.
pub const SCHEMA: &str = "apnswatch.preflight.v1";

/// The verdict, why, what to do, and what was compared.
#[must_use]
pub fn document(new: Option<&Contents>, baseline: &Baseline, preflight: &Preflight) -> Value {
    let mut document = Map::new();
    let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
    put("schema", json!(SCHEMA));
    put("verdict", json!(preflight.verdict.as_str()));
    put("reasons", json!(preflight.reasons));
    put("next", json!(preflight.next));
    put_some(&mut put, "kind", new.map(Contents::kind));
    let certificate = new.and_then(newest);
    put_some(&mut put, "topic", certificate.and_then(|found| found.topic()));
    put_some(&mut put, "serial", certificate.and_then(|found| found.serial.as_ref()));
    put_some(&mut put, "not_after", certificate.map(|found| time(found.not_after)));
    put_some(&mut put, "expected_topic", baseline.topic.as_ref());
    put_some(&mut put, "expected_later_than", baseline.not_after.map(time));
    Value::Object(document)
}
