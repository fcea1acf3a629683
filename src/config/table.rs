//! A mapping of the configuration while it is read: every key is asked for by name, and what nobody asked for is a
//! mistake. Nothing stops at the first problem, so that one run tells all of them.

use std::cell::RefCell;

use serde_json::{Map, Value};

use super::values;
use crate::model::{Problem, TenantName};

/// What was found wrong so far, shared by all tables of one file.
#[derive(Default)]
pub(super) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    /// Adds a problem. One about `defaults` would come back with every tenant that inherits it and is told once.
    pub(super) fn add(&self, path: impl Into<String>, message: impl Into<String>) {
        let problem = Problem::new(path, message);
        let mut all = self.0.borrow_mut();
        if !(problem.path.starts_with("defaults.") && all.contains(&problem)) {
            all.push(problem);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// Says in everything told since `start` which tenant is meant, for nobody counts list entries.
    pub(super) fn name_tenant(&self, start: usize, name: &TenantName) {
        for problem in self.0.borrow_mut().iter_mut().skip(start).filter(|p| p.path.starts_with("tenants[")) {
            problem.message.push_str(&format!(" (tenant {name})"));
        }
    }

    pub(super) fn into_vec(self) -> Vec<Problem> {
        self.0.into_inner()
    }
}

/// A mapping, with the path at which it stands.
pub(super) struct Table<'p> {
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
    missing: Vec<&'static str>,
    problems: &'p Problems,
}

impl<'p> Table<'p> {
    pub(super) fn new(path: impl Into<String>, entries: Map<String, Value>, problems: &'p Problems) -> Self {
        Self { path: path.into(), entries, known: Vec::new(), missing: Vec::new(), problems }
    }

    fn of(path: String, value: Value, problems: &'p Problems) -> Option<Self> {
        match value {
            Value::Object(entries) => Some(Self::new(path, entries, problems)),
            _ => {
                problems.add(path, "must be a mapping of keys to values");
                None
            }
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path of a key.
    pub(super) fn at(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(super) fn problems(&self) -> &'p Problems {
        self.problems
    }

    /// Tells a problem with a key.
    pub(super) fn tell(&self, key: &str, message: impl Into<String>) {
        self.problems.add(self.at(key), message);
    }

    /// Whether the key is there with a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| !value.is_null())
    }

    /// Takes a value as it is. A key without a value (`proxy:`) is as good as an absent one.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.entries.remove(key).filter(|value| !value.is_null())
    }

    /// Takes a value of some type; a wrong one is told and missing from then on.
    pub(super) fn read<T>(&mut self, key: &'static str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.take(key)?;
        parse(&value).map_err(|message| self.tell(key, message)).ok()
    }

    /// As [`Table::read`], and an absent key is told, too.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(key) {
            self.missing.push(key);
        }
        self.read(key, parse)
    }

    /// Takes a list, each wrong entry being told; `None` if the key is absent.
    pub(super) fn list<T>(
        &mut self,
        key: &'static str,
        mut parse: impl FnMut(&Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let mut parsed = Vec::new();
        for (path, value) in self.entries_of(key)? {
            match parse(&value) {
                Ok(value) => parsed.push(value),
                Err(message) => self.problems.add(path, message),
            }
        }
        Some(parsed)
    }

    /// Takes a list of mappings.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let entries = self.entries_of(key).unwrap_or_default();
        entries.into_iter().filter_map(|(path, value)| Self::of(path, value, self.problems)).collect()
    }

    /// Takes a list as it is, each entry with its path.
    pub(super) fn entries_of(&mut self, key: &'static str) -> Option<Vec<(String, Value)>> {
        let path = self.at(key);
        match self.take(key)? {
            Value::Array(values) => {
                Some(values.into_iter().enumerate().map(|(index, value)| (format!("{path}[{index}]"), value)).collect())
            }
            _ => {
                self.problems.add(path, "must be a list");
                None
            }
        }
    }

    /// Takes a mapping.
    pub(super) fn table(&mut self, key: &'static str) -> Option<Self> {
        let path = self.at(key);
        Self::of(path, self.take(key)?, self.problems)
    }

    /// Takes a mapping whose keys the operator chooses.
    pub(super) fn map(&mut self, key: &'static str) -> Option<Map<String, Value>> {
        self.table(key).map(|table| table.entries)
    }

    /// Tells every key that nobody asked for, and every missing one that is not among them with a slip of the pen.
    pub(super) fn finish(self) {
        let leaks = self.entries.keys().any(|key| smells_of_secret(key));
        let mut meant = Vec::new();
        for (key, value) in &self.entries {
            // In `{ client_secret: a, b }` the second half of a secret became a key: one without a value.
            let shown = if leaks && value.is_null() { "(withheld)" } else { key };
            let (message, suggestion) = unknown_key(key, &self.known);
            meant.extend(suggestion.map(str::to_owned));
            self.problems.add(join(&self.path, shown), message);
        }
        for key in &self.missing {
            if !meant.iter().any(|meant| meant == key) {
                self.problems.add(join(&self.path, key), "is missing");
            }
        }
    }
}

/// A path with a key appended. Whatever a key may hold, what is printed is one short line.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = key.chars().all(|c| !c.is_control()) && key.chars().count() <= 64;
    let key = if plain { key } else { "(odd key)" };
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What to say about an unknown key, and the known one that was probably meant. The value is not looked at: it may be
/// a secret.
pub(crate) fn unknown_key<'k>(key: &str, known: &[&'k str]) -> (String, Option<&'k str>) {
    let file_key = format!("{key}_file");
    if let Some(known) = known.iter().find(|known| **known == file_key) {
        let message =
            format!("is read from a file, never from the configuration: put it into a file and name that with {known}");
        return (message, Some(known));
    }
    let near = known
        .iter()
        .map(|known| (strsim::osa_distance(key, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 5)
        .min();
    if let Some((_, near)) = near {
        return (format!("unknown key: did you mean {near}?"), Some(near));
    }
    if smells_of_secret(key) {
        return ("unknown key: a secret is read from a file, named by a key that ends in _file".to_owned(), None);
    }
    let mut known = known.to_vec();
    known.sort_unstable();
    let message = match known.as_slice() {
        [] => "unknown key: nothing can be set here".to_owned(),
        _ => format!("unknown key, known here: {}", known.join(", ")),
    };
    (message, None)
}

/// Whether the value of such a key is likely to be a secret.
pub(super) fn smells_of_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !key.ends_with("_file")
        && ["secret", "password", "token", "key", "passphrase"].iter().any(|word| key.contains(word))
}

impl Table<'_> {
    /// Takes a list of paths, relative ones from `base`.
    pub(super) fn paths(&mut self, key: &'static str, base: &std::path::Path) -> Option<Vec<std::path::PathBuf>> {
        self.list(key, |value| values::path(value, base))
    }
}
