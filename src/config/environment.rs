//! The environment as a layer above the main file: scalars of the top-level sections, never lists and never tenants.

use std::collections::BTreeMap;

use config::{Config, ConfigError, Map, Value, ValueKind};

use super::table::Problems;

/// What a variable begins with. The separator is two underscores: orchestrators put `APNSWATCH_SERVICE_HOST` and the
/// like into the environment of every process, and those are none of ours.
const PREFIX: &str = "APNSWATCH__";

/// How the text of a variable is read.
#[derive(Clone, Copy)]
enum As {
    Text,
    Flag,
    Number,
}

/// The keys that can be set.
const KEYS: [(&str, As); 22] = [
    ("site", As::Text),
    ("store", As::Text),
    ("web.listen", As::Text),
    ("web.config_file", As::Text),
    ("web.health_listen", As::Text),
    ("web.external_url", As::Text),
    ("web.reload", As::Flag),
    ("web.actions", As::Flag),
    ("web.calendar_key_file", As::Text),
    ("web.days_gauge", As::Flag),
    ("network.proxy", As::Text),
    ("limits.polls", As::Number),
    ("limits.per_host", As::Number),
    ("poll.interval", As::Text),
    ("poll.timeout", As::Text),
    ("probe.interval", As::Text),
    ("probe.timeout", As::Text),
    ("probe.confirmations", As::Number),
    ("probe.site_runs_mdm", As::Flag),
    ("policy.plan_days", As::Number),
    ("policy.renew_days", As::Number),
    ("policy.grace_days", As::Number),
];

/// The values set by the environment, by path.
#[derive(Default)]
pub(super) struct Overrides(BTreeMap<&'static str, (String, Value)>);

impl Overrides {
    /// Picks our variables out of an environment.
    pub(super) fn find(environment: &BTreeMap<String, String>, problems: &Problems) -> Self {
        let mut found = BTreeMap::new();
        for (variable, text) in environment {
            let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
            let key = KEYS.iter().find(|(path, _)| path.replace('.', "__").to_uppercase() == rest);
            match key {
                // As with `key:` in the file, nothing is no value; compose files pass on what is not set that way.
                Some(_) if text.is_empty() => {}
                Some((path, kind)) => {
                    found.insert(*path, (variable.clone(), kind.read(text)));
                }
                None => problems.add(
                    variable,
                    "names no key that the environment can set: single values of the top-level sections only, \
                     such as APNSWATCH__WEB__LISTEN",
                ),
            }
        }
        Self(found)
    }

    /// Lays these values over those of the main file.
    pub(super) fn apply(
        &self,
        mut file: Map<String, Value>,
    ) -> Result<serde_json::Map<String, serde_json::Value>, ConfigError> {
        // A key with a dot or a bracket would be taken for a path below; it is unknown, and must be told as it stands.
        let odd = file.extract_if(|key, _| !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        let odd: Vec<String> = odd.map(|(key, _)| key).collect();
        // Laying one over the other takes several copies of all there is, and most of it are tenants by their thousands.
        let is_laid_over = |key: &str| self.0.keys().any(|path| path.split('.').next() == Some(key));
        let plain: Vec<(String, Value)> = file.extract_if(|key, _| !is_laid_over(key)).collect();
        let mut layers = Config::builder();
        for (path, (_, value)) in &self.0 {
            let section = path.split_once('.').and_then(|(section, _)| file.get(section));
            // A section that is no mapping is a mistake in the file, which must not vanish below the override.
            if section.is_none_or(|section| matches!(section.kind, ValueKind::Table(_) | ValueKind::Nil)) {
                layers = layers.set_override(path, value.clone())?;
            }
        }
        for (key, value) in file {
            layers = layers.set_default(key, value)?;
        }
        let mut merged: serde_json::Map<_, _> = layers.build()?.try_deserialize()?;
        for (key, value) in plain {
            merged.insert(key, value.try_deserialize()?);
        }
        merged.extend(odd.into_iter().map(|key| (key, serde_json::Value::Null)));
        Ok(merged)
    }

    /// The variable that a value came from.
    pub(super) fn variable(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(|(variable, _)| variable.as_str())
    }
}

impl As {
    /// Text that does not fit stays text, and is refused where the key is read.
    fn read(self, text: &str) -> Value {
        let kind = match self {
            Self::Text => None,
            Self::Flag => text.parse().ok().map(ValueKind::Boolean),
            Self::Number => text.parse().ok().map(ValueKind::I64),
        };
        Value::new(None, kind.unwrap_or_else(|| ValueKind::String(text.to_owned())))
    }
}
