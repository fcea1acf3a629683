//! The topic of an APNs MDM push certificate.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What every topic of an MDM push certificate starts with.
///
/// Apple's profile schema requires only this much of the `Topic` key (`com.apple.mdm`); certificates from the
/// push portal continue with `External.` and a GUID.
pub const MDM_TOPIC_PREFIX: &str = "com.apple.mgmt.";

/// The subject UID of an APNs MDM push certificate, such as `com.apple.mgmt.External.<guid>`.
///
/// Devices listen on the topic they were enrolled with, and only on that one. Two topics are equal when they differ
/// in nothing but case; the text is kept as it was found. A topic is never empty, so two missing topics can never
/// be taken for the same one. A copy is cheap.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Topic(Arc<str>);

impl Topic {
    /// Takes a topic as found; `None` if there is nothing in it but white space.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The topic as it was found.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are written alike to the letter: equal topics need not be.
    #[must_use]
    pub fn is_spelt_as(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Takes what a person wrote for the topic of an MDM push certificate: the prefix, more behind it, and nothing but visible
    /// ASCII. `None` for anything else: it would be no topic of any device, and every certificate would be told to drift from it.
    /// No GUID is asked for, since Apple's schema asks for none.
    #[must_use]
    pub fn parse_mdm(text: &str) -> Option<Self> {
        Self::parse(text).filter(|topic| {
            topic.is_mdm()
                && topic.0.len() > MDM_TOPIC_PREFIX.len()
                && topic.0.bytes().all(|byte| byte.is_ascii_graphic())
        })
    }

    /// Whether this can be the topic of an MDM push certificate at all.
    #[must_use]
    pub fn is_mdm(&self) -> bool {
        self.0.get(..MDM_TOPIC_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(MDM_TOPIC_PREFIX))
    }
}

impl TryFrom<String> for Topic {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a topic cannot be empty")
    }
}

impl From<Topic> for String {
    fn from(topic: Topic) -> Self {
        topic.0.as_ref().to_owned()
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topic({})", self.0)
    }
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Topic {}

impl Hash for Topic {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (whole, rest) = self.0.as_bytes().as_chunks::<8>();
        for piece in whole {
            state.write_u64(u64::from_ne_bytes(piece.map(|byte| byte.to_ascii_lowercase())));
        }
        for byte in rest {
            state.write_u8(byte.to_ascii_lowercase());
        }
        // What follows must not be taken for more of it.
        state.write_u8(0xff);
    }
}

impl PartialOrd for Topic {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Topic {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Topics are compared at every scrape, some hundred thousand times where there are many tenants, and begin alike: what
        // is the same to the byte is passed over in steps of eight, and nothing is copied.
        let (mine, theirs) = (self.0.as_bytes(), other.0.as_bytes());
        let alike = mine.chunks_exact(8).zip(theirs.chunks_exact(8)).take_while(|(a, b)| a == b).count() * 8;
        mine[alike..].iter().map(u8::to_ascii_lowercase).cmp(theirs[alike..].iter().map(u8::to_ascii_lowercase))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_count_and_is_kept() {
        let shown = Topic::parse("com.apple.mgmt.External.AB").unwrap();
        assert_eq!(shown, Topic::parse("COM.apple.mgmt.external.ab").unwrap());
        assert_eq!(shown.to_string(), "com.apple.mgmt.External.AB");
    }

    #[test]
    fn the_order_is_the_one_of_the_lower_case() {
        let texts = [
            "a",
            "B",
            "com.apple.mgmt.External.AB",
            "COM.apple.mgmt.external.ab",
            "com.apple.mgmt.External.A",
            "com.appl_",
        ];
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
            let order = Topic::parse(a).unwrap().cmp(&Topic::parse(b).unwrap());
            assert_eq!(order, a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()), "{a} {b}");
        }
    }

    #[test]
    fn nothing_is_not_a_topic() {
        for empty in ["", " ", "\t\n"] {
            assert_eq!(Topic::parse(empty), None);
        }
    }

    #[test]
    fn only_the_mdm_prefix_makes_an_mdm_topic() {
        assert!(Topic::parse("com.apple.mgmt.XServer.x").unwrap().is_mdm());
        assert!(!Topic::parse("com.example.app").unwrap().is_mdm());
        assert!(!Topic::parse("com.apple.mgm\u{e9}").unwrap().is_mdm());
    }

    #[test]
    fn what_a_person_wrote_is_a_whole_topic_and_nothing_else() {
        for right in ["com.apple.mgmt.External.00000000", " COM.apple.mgmt.XServer.x\n"] {
            assert_eq!(Topic::parse_mdm(right), Topic::parse(right), "{right}");
        }
        for wrong in [
            "",
            "com.apple.mgmt.",
            "com.example.app",
            "com.apple.mgmt.External.a (Topic)",
            "com.apple.mgmt.External.a\u{2013}b",
        ] {
            assert_eq!(Topic::parse_mdm(wrong), None, "{wrong}");
        }
    }
}
