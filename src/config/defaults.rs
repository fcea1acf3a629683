//! `defaults`: what is merged under `mdm` of every tenant of a kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value};

use super::mdm::Settings;
use super::table::{Problems, Table, join};
use super::{Network, sections, wire};
use crate::model::{MdmKind, TenantName};
use crate::provider::{intune, jamf, kandji, mosyle};

/// The defaults by kind.
#[derive(Default)]
pub(super) struct Defaults(BTreeMap<&'static str, OfKind>);

#[derive(Default)]
struct OfKind {
    entries: Map<String, Value>,
    /// The keys that were wrong and cut: a tenant that misses one of them is not to blame.
    told: BTreeSet<String>,
}

/// Settings of a tenant with those of its kind merged under them.
pub(super) struct Merged {
    pub(super) entries: Map<String, Value>,
    /// The keys that come from the defaults alone.
    pub(super) inherited: BTreeSet<String>,
    /// The keys about which everything was said where the defaults stand.
    pub(super) told: BTreeSet<String>,
}

impl Defaults {
    /// Reads `defaults` and tells what is wrong with them once, not with every tenant.
    pub(super) fn read(root: &mut Table<'_>, base: &Path) -> Self {
        let Some(mut table) = root.table("defaults") else { return Self::default() };
        let mut kinds = BTreeMap::new();
        for kind in MdmKind::ALL {
            let Some(mut entries) = table.map(kind.as_str()) else { continue };
            resolve(&mut entries, base);
            kinds.insert(kind.as_str(), OfKind::read(kind, entries, &table, base));
        }
        table.finish();
        Self(kinds)
    }

    /// Merges the defaults of a kind under a tenant's settings: mappings key by key, and the tenant wins. A key that
    /// the tenant spells out without a value takes the default away.
    pub(super) fn merge(&self, kind: &str, own: Map<String, Value>, name: Option<&TenantName>) -> Merged {
        let nothing = OfKind::default();
        let defaults = self.0.get(kind).unwrap_or(&nothing);
        let missing = |key: &&String| !own.contains_key(*key);
        let inherited = defaults.entries.keys().filter(missing).cloned().collect();
        let told = defaults.told.iter().filter(missing).cloned().collect();
        let mut entries = own;
        merge(&mut entries, &defaults.entries, name.map_or("", TenantName::as_str));
        Merged { entries, inherited, told }
    }
}

impl OfKind {
    fn read(kind: MdmKind, mut entries: Map<String, Value>, table: &Table<'_>, base: &Path) -> Self {
        let problems = table.problems();
        let path = table.at(kind.as_str());
        if let Some(network) = entries.get("network").filter(|_| kind != MdmKind::None) {
            let start = problems.count();
            let only = Map::from_iter([("network".to_owned(), network.clone())]);
            sections::network(Table::new(&path, only, problems).table("network"), &Network::default(), base);
            if problems.count() > start {
                entries.remove("network");
            }
        }
        match kind {
            MdmKind::Intune => Self::settings::<intune::Settings>(entries, &path, problems),
            MdmKind::Jamf => Self::settings::<jamf::Settings>(entries, &path, problems),
            MdmKind::Kandji => Self::settings::<kandji::Settings>(entries, &path, problems),
            MdmKind::Mosyle => Self::settings::<mosyle::Settings>(entries, &path, problems),
            MdmKind::None => {
                Table::new(&path, entries, problems).finish();
                Self::default()
            }
        }
    }

    fn settings<S: Settings>(mut entries: Map<String, Value>, path: &str, problems: &Problems) -> Self {
        let network = entries.remove("network");
        let mut reader = wire::Reader::new(BTreeSet::new(), true);
        let tell = |key: &str, message: String| problems.add(join(path, key), message);
        reader.read::<S>(&mut entries, &["network"], tell);
        entries.extend(network.map(|network| ("network".to_owned(), network)));
        Self { entries, told: reader.told }
    }
}

/// Makes the paths in settings absolute: those of `*_file` and `*_files`. Done before merging, for defaults and tenants
/// may stand in files of different folders.
pub(super) fn resolve(entries: &mut Map<String, Value>, base: &Path) {
    let absolute = |value: &mut Value| {
        if let Value::String(text) = value
            && !text.is_empty()
            && !text.starts_with('~')
            && let Some(path) = base.join(&*text).to_str()
        {
            *text = path.to_owned();
        }
    };
    for (key, value) in entries {
        match value {
            Value::Object(below) => resolve(below, base),
            Value::Array(values) if key.ends_with("_files") => values.iter_mut().for_each(absolute),
            Value::String(_) if key.ends_with("_file") => absolute(value),
            _ => {}
        }
    }
}

fn merge(own: &mut Map<String, Value>, defaults: &Map<String, Value>, name: &str) {
    for (key, default) in defaults {
        match (own.get_mut(key), default) {
            (None, _) => _ = own.insert(key.clone(), filled(default, name)),
            (Some(Value::Object(own)), Value::Object(default)) => merge(own, default, name),
            (Some(_), _) => {}
        }
    }
}

/// A default with `{name}` replaced by the tenant's.
fn filled(default: &Value, name: &str) -> Value {
    match default {
        Value::String(text) => Value::String(text.replace("{name}", name)),
        Value::Array(values) => values.iter().map(|value| filled(value, name)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), filled(value, name))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => default.clone(),
    }
}
