//! `pin export`: the topics that must stay, as YAML that the configuration can take.

use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::anyhow;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::nearest;
use crate::attest::{Exported, exported};
use crate::cli::{End, Scene};
use crate::model::TenantName;
use crate::status::time;
use crate::store;
use crate::words;

/// What `pin export --help` closes with.
pub(super) const HELP: &str = "Each entry goes into the entry of the same name in the configuration. A topic that nobody confirmed is \
                               written as a comment: compare it with a device first (pin confirm), and export again.";

/// Runs `pin export`. Reads the configuration and the store, and writes to neither.
pub(super) async fn run(scene: &Scene, only: Option<&TenantName>) -> Result<(), End> {
    let config = scene.load()?;
    let now = scene.now()?;
    let contents = store::peek(&config.store).await?.renamed(&config.renames(), now);
    let mut pins = exported(&config, &contents.tenants, now);
    if let Some(only) = only {
        pins.retain(|pin| pin.name == *only);
        if pins.is_empty() {
            let is_known = config.tenants.contains_key(only) || contents.tenants.contains_key(only);
            return Err(if is_known {
                anyhow!("{only:?} has no pinned topic").into()
            } else {
                anyhow!("no tenant is called {only:?}{}", nearest(only, &config)).into()
            });
        }
    }
    let text = if scene.json { format!("{:#}\n", document(&pins)) } else { yaml(&pins, now) };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

/// The YAML. Whatever is doubtful stands in a comment, so that nobody makes it true by copying.
fn yaml(pins: &[Exported], now: DateTime<Utc>) -> String {
    let mut text = format!(
        "# The topics that must stay, as apnswatch knew them at {}. Each entry goes into the entry of\n\
         # the same name in the configuration.\n",
        time(now)
    );
    let is_empty = pins.iter().all(|pin| pin.doubt.is_some());
    text.push_str(if is_empty { "tenants: []\n" } else { "tenants:\n" });
    for pin in pins {
        let (lead, mark) = match &pin.doubt {
            Some(doubt) => ("# ", format!("LEFT OUT, {}. ", words::clean(&doubt.sentence(), 400))),
            None => ("", String::new()),
        };
        let by = pin.by.as_ref().map(|by| format!(" by {}", words::clean(by, 128))).unwrap_or_default();
        let since = pin.since.map(|since| format!(", since {}", since.format("%Y-%m-%d"))).unwrap_or_default();
        let (name, topic) = (quoted(pin.name.as_str()), quoted(pin.topic.as_str()));
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "  # {mark}{}{by}{since}\n  {lead}- name: {name}\n  {lead}  certificate:\n  {lead}    expected_topic: {topic}",
            pin.origin
        );
    }
    text
}

/// The same for programs. `tenants` is what the configuration can take.
fn document(pins: &[Exported]) -> Value {
    let tenants = pins.iter().filter(|pin| pin.doubt.is_none());
    let tenants = tenants.map(|pin| json!({ "name": pin.name, "certificate": { "expected_topic": pin.topic } }));
    let pins = pins.iter().map(|pin| {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
        put("name", json!(pin.name));
        put("topic", json!(pin.topic));
        put("origin", json!(pin.origin));
        if let Some(since) = pin.since {
            put("since", json!(time(since)));
        }
        if let Some(by) = &pin.by {
            put("by", json!(by));
        }
        if let Some(doubt) = &pin.doubt {
            put("left_out", json!(doubt.sentence()));
        }
        Value::Object(object)
    });
    json!({
        "schema": "apnswatch.pin_export.v1",
        "tenants": tenants.collect::<Vec<_>>(),
        "pins": pins.collect::<Vec<_>>(),
    })
}

/// A scalar of YAML in double quotes that is the text again, whatever is in it: anything but letters, digits and the signs of
/// ASCII is written by its number, for some of it would end a line or be dropped.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c if c.is_alphanumeric() => out.push(c),
            // Writing into a string cannot fail.
            c => drop(write!(out, "\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_keeps_to_one_line() {
        assert_eq!(quoted("a\"b\\c: #{é}"), "\"a\\\"b\\\\c: #{é}\"");
        assert_eq!(quoted("\u{2028}\u{85}\u{feff}"), "\"\\U00002028\\U00000085\\U0000FEFF\"");
    }
}
