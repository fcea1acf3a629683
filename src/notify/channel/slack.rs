//! Slack: an incoming webhook. See <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.

use serde_json::{Value, json};

use super::web::cut;
use crate::notify::message::Message;

/// A header holds 150 characters, a section 3000, a message 50 blocks.
const HEADER: usize = 150;
const SECTION: usize = 3000;
const BLOCKS: usize = 45;

/// The document. Texts are plain ones, in which nothing is a link or a call to everybody, but for the first: that one is
/// escaped.
pub(super) fn document(message: &Message) -> Value {
    let plain = |text: &str| json!({ "type": "plain_text", "text": text, "emoji": false });
    let mut blocks = vec![json!({ "type": "header", "text": plain(&cut(&message.title, HEADER)) })];
    for paragraph in message.body.iter().filter(|paragraph| !paragraph.is_empty()).take(BLOCKS) {
        blocks.push(json!({ "type": "section", "text": plain(&cut(paragraph, SECTION)) }));
    }
    if let Some(link) = &message.link {
        let link = json!({ "type": "mrkdwn", "text": format!("<{}|Open the page>", escaped(link)) });
        blocks.push(json!({ "type": "context", "elements": [link] }));
    }
    json!({ "text": escaped(&message.title), "blocks": blocks })
}

/// The three characters that mean something in a text of Slack.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::channel::tests::message;

    #[test]
    fn a_name_calls_nobody() {
        let mut message = message();
        message.title = format!("<!channel> & {}", "x".repeat(200));
        let document = document(&message);
        assert!(document["text"].as_str().unwrap().starts_with("&lt;!channel&gt; &amp; x"));
        let header = &document["blocks"][0]["text"];
        assert_eq!(header["type"], "plain_text");
        assert!(header["text"].as_str().unwrap().len() <= HEADER);
        assert_eq!(document["blocks"][1]["text"]["text"], "It is past its end.");
        let last = document["blocks"].as_array().unwrap().last().unwrap();
        assert_eq!(last["elements"][0]["text"], "<https://watch.example.com/tenants/acme|Open the page>");
    }
}
