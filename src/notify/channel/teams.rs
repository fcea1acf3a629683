//! Microsoft Teams: the webhook of a workflow ("Post to a channel when a webhook request is received"), which takes a message
//! with an Adaptive Card.

use serde_json::{Value, json};

use super::web::cut;
use crate::notify::key::Severity;
use crate::notify::message::{Kind, Message};

/// A message is refused beyond 28 KB; this much of it may be text.
const TEXT: usize = 14 * 1024;

/// The document. The runs of a rich text know no Markdown, so that a name makes no link.
pub(super) fn document(message: &Message) -> Value {
    let color = match (message.kind, message.severity) {
        _ if message.is_drill => "accent",
        (Kind::Resolved, _) => "good",
        (_, Severity::Critical) => "attention",
        (_, Severity::Warning) => "warning",
        (_, Severity::Info) => "default",
    };
    let text = |text: &str, is_title: bool| {
        let mut run = json!({ "type": "TextRun", "text": text });
        if is_title {
            run["weight"] = "bolder".into();
            run["size"] = "medium".into();
            run["color"] = color.into();
        }
        json!({ "type": "RichTextBlock", "inlines": [run] })
    };
    let mut blocks = vec![text(&cut(&message.title, 1000), true)];
    let mut left = TEXT;
    for line in message.body.iter().flat_map(|paragraph| paragraph.lines()).filter(|line| !line.is_empty()) {
        if line.len() > left {
            blocks.push(text("\u{2026} The rest stands on the page of apnswatch.", false));
            break;
        }
        // A block has its own frame of some hundred bytes.
        left = left.saturating_sub(line.len() + 100);
        blocks.push(text(line, false));
    }
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": { "width": "Full" },
        "body": blocks,
    });
    if let Some(link) = &message.link {
        card["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open the page", "url": link }]);
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::channel::tests::message;

    #[test]
    fn a_long_message_stays_below_the_limit() {
        let mut message = message();
        message.body = (0..20).map(|number| format!("{number} {}", "\u{fc}\"".repeat(700))).collect();
        let text = document(&message).to_string();
        assert!(text.len() < 28 * 1024 && text.contains("The rest stands on the page"), "{}", text.len());
        let card = &document(&message)["attachments"][0]["content"];
        assert_eq!(card["body"][0]["inlines"][0]["color"], "attention");
        assert_eq!(card["actions"][0]["url"], "https://watch.example.com/tenants/acme");
    }
}
