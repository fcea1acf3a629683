//! Settings that a provider declares with serde. Serde stops at its first mistake; here each one is told in our words,
//! cut out, and the rest is tried again.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use super::table::{smells_of_secret, unknown_key};

/// Reads settings until nothing is wrong with what is left of them.
pub(super) struct Reader {
    /// The keys about which something was told, or which a slip of the pen stood for.
    pub(super) told: BTreeSet<String>,
    /// Whether keys may be missing, as in `defaults`.
    partial: bool,
}

impl Reader {
    pub(super) fn new(told: BTreeSet<String>, partial: bool) -> Self {
        Self { told, partial }
    }

    /// Reads the settings; `others` are known keys that are read elsewhere. What was wrong is cut from `entries`. If
    /// there is a result in spite of mistakes, its checks can still find others.
    pub(super) fn read<T: DeserializeOwned>(
        &mut self,
        entries: &mut Map<String, Value>,
        others: &[&str],
        mut tell: impl FnMut(&str, String),
    ) -> Option<T> {
        let empty = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
        let empty: Vec<String> = entries.iter().filter(|(_, value)| empty(value)).map(|(key, _)| key.clone()).collect();
        for key in empty {
            entries.remove(&key);
            tell(&key, "must not be empty".to_owned());
            self.told.insert(key);
        }
        let mut stand_ins = entries.clone();
        let mut leaks = false;
        // Each round cuts a key or puts one in, so this ends; the bound is for a type that breaks that promise.
        for _ in 0..entries.len() + 64 {
            let error = match serde_path_to_error::deserialize(&Value::Object(stand_ins.clone())) {
                Ok(settings) => return Some(settings),
                Err(error) => error,
            };
            let message = error.inner().to_string();
            let unknown = stand_ins.keys().find(|key| message.starts_with(&format!("unknown field `{key}`, ")));
            if let Some(key) = unknown.cloned() {
                let mut known = quoted(message.get(key.len() + 16..).unwrap_or_default());
                known.extend(others);
                leaks |= stand_ins.keys().any(|key| smells_of_secret(key) && !known.contains(&key.as_str()));
                let valueless = stand_ins.remove(&key).is_some_and(|value| value.is_null());
                entries.remove(&key);
                let (message, meant) = unknown_key(&key, &known);
                self.told.extend(meant.map(str::to_owned));
                // In `{ client_secret: a, b }` the second half of a secret became a key.
                tell(if leaks && valueless { "(withheld)" } else { &key }, message);
                self.told.insert(key);
            } else if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
                if !self.partial && self.told.insert(key.to_owned()) {
                    tell(key, "is missing".to_owned());
                }
                if stand_ins.insert(key.to_owned(), Value::String(String::new())).is_some() {
                    return None;
                }
            } else {
                let Some(Segment::Map { key }) = error.path().iter().next() else { return None };
                if !entries.contains_key(key) {
                    // One of ours, put in for a missing key that is one word of a few and not any text.
                    let words = message.rsplit_once(", expected ").map(|(_, expected)| quoted(expected));
                    let word = words.and_then(|words| words.first().map(|word| (*word).to_owned()))?;
                    let is_new = stand_ins.get(key).and_then(Value::as_str) != Some(&word);
                    stand_ins.insert(key.clone(), Value::String(word));
                    if is_new { continue } else { return None }
                }
                let value = entries.remove(key)?;
                stand_ins.remove(key);
                if !value.is_null() && self.told.insert(key.clone()) {
                    tell(key, explain(&message, &value));
                }
            }
        }
        None
    }
}

/// What would be right instead of a value, from serde's words, which would repeat the value.
fn explain(message: &str, value: &Value) -> String {
    let (given, expected) = message.rsplit_once(", expected ").unwrap_or((message, ""));
    if given.starts_with("unknown variant") {
        return format!("must be one of {}", quoted(expected).join(", "));
    }
    let dates = ["date", "input", "premature end"];
    if dates.iter().any(|word| expected.contains(word)) || dates[1..].iter().any(|word| given.contains(word)) {
        return "must be a date such as 2027-03-01".to_owned();
    }
    match (expected, value) {
        ("a boolean", _) => "must be true or false",
        (_, Value::Number(_) | Value::Bool(_)) if expected.contains("string") => "must be text: put it in quotes",
        _ if expected.contains("string") => "must be text",
        _ => "is not valid",
    }
    .to_owned()
}

/// The words that a message puts between backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}
