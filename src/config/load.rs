//! The main file, then the tenant files, each of which can be bad on its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::defaults::Defaults;
use super::environment::Overrides;
use super::table::{Problems, Table};
use super::tenants::{self, Common, Origin, Taken};
use super::{AccountPolicy, Config, Draft, Tenant, file, sections};
use crate::model::{Policy, Problem, TenantName};

pub(super) fn load(
    path: &Path,
    environment: &BTreeMap<String, String>,
    previous: Option<&Config>,
    draft: Option<Draft<'_>>,
) -> Result<Config, Vec<Problem>> {
    // Without a current folder the path stays as it is, and reading it will say what is wrong.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let base = path.parent().unwrap_or(&path);
    let problems = Problems::default();
    let overrides = Overrides::find(environment, &problems);
    let merged = read(&path, draft).and_then(|file| {
        overrides.apply(file).map_err(|_| "cannot be read: its values do not fit together".to_owned())
    });
    let entries = match merged {
        Ok(entries) => entries,
        Err(message) => {
            problems.add(path.display().to_string(), message);
            return Err(problems.into_vec());
        }
    };

    let mut root = Table::new("", entries, &problems);
    let (config, common, taken, patterns) = main_file(&mut root, &path, base);
    root.finish();
    let mut problems = problems.into_vec();
    if problems.is_empty() {
        let mut loading = Loading { config, taken, base, common: &common, draft };
        loading.tenant_files(&patterns, previous);
        loading.config.tenant_file_patterns = patterns;
        return Ok(loading.config);
    }
    for problem in &mut problems {
        if let Some(variable) = overrides.variable(&problem.path) {
            problem.path = variable.to_owned();
        }
    }
    Err(problems)
}

fn main_file(root: &mut Table<'_>, path: &Path, base: &Path) -> (Config, Common, Taken, Vec<PathBuf>) {
    let site = root.read("site", super::values::text);
    let store = sections::store(root, base);
    let web = sections::web(root, base, &store);
    let network = Arc::new(sections::network(root.table("network"), &super::Network::default(), base));
    let limits = sections::limits(root);
    let poll = sections::poll(root.table("poll"), sections::POLL);
    let (policy, accounts) = sections::policy(root.table("policy"), (&Policy::default(), &AccountPolicy::default()));
    let policy = (policy, Arc::new(accounts));
    let tenant_labels = sections::tenant_labels(root);
    let defaults = Defaults::read(root, base);
    let (accounts, ids) = sections::accounts(root);
    let certificate_pool = tenants::certificate_pool(root, base);
    let is_pooled = !certificate_pool.is_empty();
    let common =
        Common { defaults, accounts: ids, network, poll, policy, is_pooled, shared: tenants::Shared::default() };
    let origin = Origin { base, prefix: String::new() };
    let (tenants, taken) = tenants::read(root, &origin, &common, &Taken::default());
    let patterns = tenants::tenant_files(root, base);
    let probe = super::probe::probe(root, site.as_ref(), base);
    let notify = super::notify::notify(root, &store, base);
    let config = Config {
        certificate_pool,
        site,
        web,
        store,
        network: Arc::clone(&common.network),
        limits,
        tenant_labels,
        accounts,
        probe,
        notify,
        tenants: tenants.into_iter().map(|tenant| (tenant.name.clone(), tenant)).collect(),
        tenant_files: BTreeMap::new(),
        tenant_file_patterns: Vec::new(),
        problems: Vec::new(),
        files: vec![path.to_owned()],
    };
    (config, common, taken, patterns)
}

/// A configuration to which tenant files are being added.
struct Loading<'a> {
    config: Config,
    taken: Taken,
    base: &'a Path,
    common: &'a Common,
    draft: Option<Draft<'a>>,
}

impl Loading<'_> {
    fn tenant_files(&mut self, patterns: &[PathBuf], previous: Option<&Config>) {
        let mut bad = Vec::new();
        for path in self.find(patterns, previous) {
            self.config.files.push(path.clone());
            let shown = self.shown(&path);
            match self.read(&path, &shown) {
                Ok((tenants, taken)) => {
                    self.taken.extend(taken);
                    self.add(path, tenants);
                }
                Err(problems) => {
                    self.config.problems.extend(problems.into_iter().map(|problem| in_file(&shown, problem)));
                    bad.push(path);
                }
            }
        }
        // After the good ones, so that a tenant that moved from a bad file into a good one is taken from there.
        for path in bad {
            let tenants = previous.map(|previous| last_good(previous, &path)).unwrap_or_default();
            let shown = self.shown(&path);
            let kept = tenants.into_iter().filter(|tenant| !self.taken.has(tenant));
            let kept: Vec<_> = kept.map(|tenant| self.taken.without_taken_names(tenant)).collect();
            kept.iter().for_each(|tenant| self.taken.add(tenant, &shown));
            self.add(path, kept);
        }
    }

    fn read(&self, path: &Path, shown: &str) -> Result<(Vec<Arc<Tenant>>, Taken), Vec<Problem>> {
        let nothing = Overrides::default();
        let entries = read(path, self.draft)
            .and_then(|file| nothing.apply(file).map_err(|_| "must be a YAML mapping of keys to values".to_owned()))
            .map_err(|message| vec![Problem::new("", message)])?;
        let problems = Problems::default();
        let mut root = Table::new("", entries, &problems);
        if !root.has("tenants") {
            // Else a file that was cut short while it was written would end the watch over its tenants.
            root.tell("tenants", "is missing: a tenant file holds tenants, or an empty list of them");
        }
        let origin = Origin { base: path.parent().unwrap_or(path), prefix: format!("{shown}: ") };
        let read = tenants::read(&mut root, &origin, self.common, &self.taken);
        root.finish();
        let problems = problems.into_vec();
        if problems.is_empty() { Ok(read) } else { Err(problems) }
    }

    fn add(&mut self, path: PathBuf, tenants: Vec<Arc<Tenant>>) {
        let names = tenants.iter().map(|tenant| tenant.name.clone()).collect();
        self.config.tenant_files.insert(path, names);
        self.config.tenants.extend(tenants.into_iter().map(|tenant| (tenant.name.clone(), tenant)));
    }

    /// The files that paths and patterns name, in their order, each once; a plain path also when it is missing.
    /// What a pattern matched before, and cannot match now because its folder cannot be read, is named again: it is a
    /// bad file then, and keeps its tenants.
    fn find(&mut self, patterns: &[PathBuf], previous: Option<&Config>) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::from([self.config.files[0].clone()]);
        for pattern in patterns {
            let text = pattern.to_string_lossy();
            let written = self.draft.map(|draft| draft.path).filter(|path| names(pattern, path));
            // A path in the folder of the main file is plain whatever that folder is called.
            let is_plain = pattern.strip_prefix(self.base).is_ok_and(|rest| !has_wildcard(&rest.to_string_lossy()));
            if is_plain || !has_wildcard(&text) {
                found.push(pattern.clone());
                continue;
            }
            // A new file shows in its folder.
            let folder = pattern.ancestors().skip(1).find_map(|path| literal(&path.to_string_lossy()));
            self.config.files.extend(folder.clone());
            let mut is_whole = folder.is_none_or(|folder| std::fs::read_dir(folder).is_ok());
            for entry in glob::glob_with(&text, OPTIONS).into_iter().flatten() {
                match entry {
                    Ok(path) => found.push(path),
                    Err(error) => {
                        is_whole = false;
                        let shown = self.shown(error.path());
                        self.config.problems.push(Problem::new(shown, format!("cannot be read: {}", error.error())));
                    }
                }
            }
            found.extend(written.map(Path::to_owned));
            if let (false, Some(previous), Ok(pattern)) = (is_whole, previous, glob::Pattern::new(&text)) {
                let lost = previous.tenant_files.keys().filter(|path| pattern.matches_path(path));
                found.extend(lost.cloned());
            }
        }
        found.retain(|path| seen.insert(path.clone()));
        found
    }

    /// A file as people wrote it: from the folder of the main file, if it is below.
    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.base).unwrap_or(path).display().to_string()
    }
}

/// Hidden files are what editors leave behind.
const OPTIONS: glob::MatchOptions =
    glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// Whether an entry of `tenant_files` names a file at this path.
pub(super) fn names(entry: &Path, path: &Path) -> bool {
    let text = entry.to_string_lossy();
    entry == path
        || has_wildcard(&text) && glob::Pattern::new(&text).is_ok_and(|found| found.matches_path_with(path, OPTIONS))
}

/// Whether a text is a pattern.
pub(super) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The only path that a pattern can match, where all its signs are escaped; `None` if it can match several.
pub(crate) fn literal(pattern: &str) -> Option<PathBuf> {
    let mut plain = String::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?', '[']) {
        plain.push_str(&rest[..at]);
        let sign = ["*", "?", "[", "]"].into_iter().find(|sign| rest[at..].starts_with(&format!("[{sign}]")))?;
        plain.push_str(sign);
        rest = &rest[at + 3..];
    }
    plain.push_str(rest);
    Some(PathBuf::from(plain))
}

/// Reads a file of the configuration, or the draft that will stand there.
fn read(path: &Path, draft: Option<Draft<'_>>) -> Result<::config::Map<String, ::config::Value>, String> {
    match draft.filter(|draft| draft.path == path) {
        Some(draft) => file::parse(draft.text),
        None => file::read(path),
    }
}

fn last_good(previous: &Config, file: &Path) -> Vec<Arc<Tenant>> {
    let names: &[TenantName] = previous.tenant_files.get(file).map(Vec::as_slice).unwrap_or_default();
    names.iter().filter_map(|name| previous.tenants.get(name)).cloned().collect()
}

/// A problem, with the file that it is in put in front of its path.
fn in_file(file: &str, problem: Problem) -> Problem {
    let path = if problem.path.is_empty() { file.to_owned() } else { format!("{file}: {}", problem.path) };
    Problem { path, ..problem }
}
