//! `PagerDuty`: Events API v2. See <https://developer.pagerduty.com/docs/send-alert-event>.

use serde_json::{Value, json};

use super::web::cut;
use crate::notify::message::{Kind, Message};

/// The longest summary that is taken.
const SUMMARY: usize = 1024;

/// The document. All messages of a thread are one incident; a repetition changes nothing that somebody has acknowledged.
pub(super) fn document(message: &Message, routing_key: &str) -> Value {
    let is_over = message.kind == Kind::Resolved;
    let mut document = json!({
        "routing_key": routing_key,
        "event_action": if is_over { "resolve" } else { "trigger" },
        "dedup_key": message.thread,
    });
    if !is_over {
        document["payload"] = json!({
            "summary": cut(&message.title, SUMMARY),
            "source": "apnswatch",
            "severity": message.severity.as_str(),
            "class": message.alert,
            "timestamp": message.at.to_rfc3339(),
            "custom_details": { "text": message.body.join("\n\n"), "drill": message.is_drill, "count": message.count },
        });
        document["client"] = "apnswatch".into();
        if let Some(link) = &message.link {
            document["client_url"] = link.as_str().into();
            document["links"] = json!([{ "href": link, "text": "Open the page" }]);
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::channel::tests::message;

    #[test]
    fn a_thread_is_an_incident() {
        let mut message = message();
        let trigger = document(&message, "key");
        assert_eq!(trigger["event_action"], "trigger");
        assert_eq!(trigger["dedup_key"], "x-1");
        assert_eq!(trigger["payload"]["severity"], "critical");
        message.kind = Kind::Resolved;
        let resolve = document(&message, "key");
        assert_eq!(resolve, json!({ "routing_key": "key", "event_action": "resolve", "dedup_key": "x-1" }));
    }
}
