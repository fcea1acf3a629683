//! ntfy: publishing as JSON. See <https://docs.ntfy.sh/publish/>.

use serde_json::{Value, json};
use url::Url;

use super::web::cut;
use crate::notify::key::Severity;
use crate::notify::message::{Kind, Message};

/// A longer message becomes an attachment.
const MOST: usize = 4000;

/// Where a document goes, and the topic in it: the address is `https://ntfy.sh/TOPIC`, and documents go to the one above.
pub(super) fn parts(address: &Url) -> Option<(Url, String)> {
    let mut url = address.clone();
    let topic = address.path_segments()?.rfind(|segment| !segment.is_empty())?.to_owned();
    let right = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !topic.chars().all(right) {
        return None;
    }
    url.path_segments_mut().ok()?.pop_if_empty().pop().push("");
    url.set_query(None);
    url.set_fragment(None);
    Some((url, topic))
}

/// The document.
pub(super) fn document(message: &Message, topic: &str) -> Value {
    let (priority, tag) = match (message.kind, message.severity) {
        (Kind::Resolved, _) => (3, "white_check_mark"),
        (Kind::Digest, _) => (2, "clipboard"),
        (_, Severity::Critical) => (5, "rotating_light"),
        (_, Severity::Warning) => (4, "warning"),
        (_, Severity::Info) => (2, "information_source"),
    };
    let mut document = json!({
        "topic": topic,
        "title": cut(&message.title, 250),
        "message": cut(&message.body.join("\n\n"), MOST),
        "priority": priority,
        "tags": [tag],
    });
    if let Some(link) = &message.link {
        document["click"] = link.as_str().into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::channel::tests::message;

    #[test]
    fn the_topic_is_the_last_piece_of_the_address() {
        let shown = |text: &str| parts(&text.parse().unwrap()).map(|(url, topic)| (url.to_string(), topic));
        assert_eq!(shown("https://ntfy.sh/my-topic_1"), Some(("https://ntfy.sh/".to_owned(), "my-topic_1".to_owned())));
        assert_eq!(
            shown("https://example.com/push/topic/"),
            Some(("https://example.com/push/".to_owned(), "topic".to_owned()))
        );
        assert_eq!(shown("https://ntfy.sh/"), None);
        assert_eq!(shown("https://ntfy.sh/a%20b"), None);
    }

    #[test]
    fn what_is_worst_wakes_people() {
        let mut message = message();
        assert_eq!(document(&message, "t")["priority"], 5);
        message.kind = Kind::Resolved;
        assert_eq!(document(&message, "t")["priority"], 3);
        message.body = vec!["\u{fc}".repeat(5000)];
        assert!(document(&message, "t")["message"].as_str().unwrap().len() <= MOST);
    }
}
