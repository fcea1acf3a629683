//! What an operator calls a tenant besides its name.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The labels of a tenant, by name. A copy is cheap, and the names can be shared with other tenants, which have the same.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Arc<[(Arc<str>, String)]>);

impl Labels {
    /// The value of a label.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&String> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, value)| value)
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &String)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &String> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl FromIterator<(Arc<str>, String)> for Labels {
    /// Of two labels with one name, the later one counts.
    fn from_iter<I: IntoIterator<Item = (Arc<str>, String)>>(labels: I) -> Self {
        let sorted: std::collections::BTreeMap<Arc<str>, String> = labels.into_iter().collect();
        Self(sorted.into_iter().collect())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_found_by_their_names_and_shown_in_order() {
        let label = |name: &str, value: &str| (Arc::from(name), value.to_owned());
        let labels: Labels = [label("team", "a"), label("site", "b"), label("team", "c")].into_iter().collect();
        assert!(labels.iter().eq([("site", &"b".to_owned()), ("team", &"c".to_owned())]));
        assert!(labels.values().eq(["b", "c"]));
        assert_eq!((labels.get("team").map(String::as_str), labels.get("tea")), (Some("c"), None));
        assert_eq!(serde_json::to_string(&labels).unwrap(), r#"{"site":"b","team":"c"}"#);
        assert_eq!(format!("{labels:?}"), r#"{"site": "b", "team": "c"}"#);
    }
}
