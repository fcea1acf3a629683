//! Anything that takes a POST: our own document, or a text with places to fill in.

use serde_json::{Value, json};

use crate::notify::message::{Kind, Message};

/// The places, each with what stands there.
const PLACES: [&str; 12] =
    ["id", "thread", "kind", "status", "severity", "alert", "title", "text", "link", "count", "drill", "at"];

/// Whether every place in a template is one that is known.
pub(crate) fn check(template: &str) -> Result<(), String> {
    for part in template.split("{{").skip(1) {
        let Some((name, _)) = part.split_once("}}") else { return Err("has a {{ without its }}".to_owned()) };
        if !PLACES.contains(&name.trim()) {
            return Err(format!(
                "must use these places only: {}",
                PLACES.map(|place| format!("{{{{{place}}}}}")).join(", ")
            ));
        }
    }
    Ok(())
}

fn status(message: &Message) -> &'static str {
    if message.kind == Kind::Resolved { "resolved" } else { "firing" }
}

/// Our own document.
pub(super) fn document(message: &Message) -> Value {
    json!({
        "schema": "apnswatch.notice.v1",
        "id": message.id,
        "thread": message.thread,
        "kind": message.kind.as_str(),
        "status": status(message),
        "severity": message.severity.as_str(),
        "alert": message.alert,
        "title": message.title,
        "text": message.body.join("\n\n"),
        "link": message.link,
        "count": message.count,
        "drill": message.is_drill,
        "at": message.at.to_rfc3339(),
    })
}

/// A template with its places filled in. What is filled in is escaped as within a text of JSON, so that nothing ends that text.
pub(super) fn filled(template: &str, message: &Message) -> String {
    let document = document(message);
    let mut parts = template.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        let text = match &document[name.trim()] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let quoted = Value::String(text).to_string();
        out.push_str(quoted.strip_prefix('"').unwrap_or_default().strip_suffix('"').unwrap_or_default());
        out.push_str(rest);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::channel::tests::message;

    #[test]
    fn what_is_filled_in_stays_within_its_text() {
        let mut message = message();
        message.title = "\"quoted\"\\ \n {{text}}".to_owned();
        let template = r#"{"a": "{{ title }}", "n": {{count}}, "s": "{{status}}"}"#;
        check(template).unwrap();
        let read: Value = serde_json::from_str(&filled(template, &message)).unwrap();
        assert_eq!(read, json!({ "a": message.title, "n": 1, "s": "firing" }));
        message.title = "\"".to_owned();
        let read: Value = serde_json::from_str(&filled(template, &message)).unwrap();
        assert_eq!(read["a"], "\"");
    }

    #[test]
    fn a_place_that_nobody_knows_is_told() {
        for template in ["{{ttle}}", "{{title", "{{ }}"] {
            assert!(check(template).is_err(), "{template}");
        }
        check("no place at all }}").unwrap();
    }
}
