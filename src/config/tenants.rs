//! `tenants`, of the main file or of a tenant file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::defaults::Defaults;
use super::recent::Recent;
use super::table::{Table, join};
use super::{
    AccountPolicy, Certificate, Declared, DeclaredToken, Muted, Network, PollTimes, ProtectedFile, Tenant, mdm,
    sections, values,
};
use crate::model::{AccountId, Labels, Policy, Source, TenantName, TokenKind, Topic};

/// What holds for every tenant unless it says otherwise.
pub(super) struct Common {
    pub(super) defaults: Defaults,
    pub(super) accounts: Vec<AccountId>,
    pub(super) network: Arc<Network>,
    pub(super) poll: PollTimes,
    pub(super) policy: (Policy, Arc<AccountPolicy>),
    /// Whether there is a certificate pool.
    pub(super) is_pooled: bool,
    pub(super) shared: Shared,
}

/// What tenants have alike though each of them says so.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) networks: Recent<Network>,
    policies: Recent<AccountPolicy>,
    label_names: Recent<str>,
}

/// What only one tenant can have, and where it was found.
#[derive(Default)]
pub(super) struct Taken {
    names: BTreeMap<TenantName, String>,
    /// The names that tenants had before.
    former: BTreeMap<TenantName, String>,
    topics: BTreeMap<Topic, String>,
}

impl Taken {
    pub(super) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.former.extend(other.former);
        self.topics.extend(other.topics);
    }

    pub(super) fn has(&self, tenant: &Tenant) -> bool {
        let topic = tenant.certificate.expected_topic.as_ref().filter(|_| !tenant.retired);
        self.is_name(&tenant.name) || topic.is_some_and(|topic| self.topics.contains_key(topic))
    }

    /// Whether a tenant has or had this name.
    fn is_name(&self, name: &TenantName) -> bool {
        self.names.contains_key(name) || self.former.contains_key(name)
    }

    /// The tenant without the former names that are another one's now.
    pub(super) fn without_taken_names(&self, tenant: Arc<Tenant>) -> Arc<Tenant> {
        if !tenant.formerly.iter().any(|name| self.is_name(name)) {
            return tenant;
        }
        let formerly = tenant.formerly.iter().filter(|name| !self.is_name(name)).cloned().collect();
        Arc::new(Tenant { formerly, ..Tenant::clone(&tenant) })
    }

    pub(super) fn add(&mut self, tenant: &Tenant, place: &str) {
        self.names.insert(tenant.name.clone(), place.to_owned());
        self.former.extend(tenant.formerly.iter().map(|name| (name.clone(), place.to_owned())));
        if let Some(topic) = tenant.certificate.expected_topic.clone().filter(|_| !tenant.retired) {
            self.topics.insert(topic, place.to_owned());
        }
    }
}

/// A file that tenants stand in.
pub(super) struct Origin<'a> {
    /// Its folder, for relative paths.
    pub(super) base: &'a Path,
    /// What tells its places from those of other files: nothing, or the file and a colon.
    pub(super) prefix: String,
}

/// Reads the tenants of one file. Names and topics are checked against `before`, those of the files before it; the
/// second value is what this file adds to them.
pub(super) fn read(
    root: &mut Table<'_>,
    origin: &Origin<'_>,
    common: &Common,
    before: &Taken,
) -> (Vec<Arc<Tenant>>, Taken) {
    let mut tenants = Vec::new();
    let mut taken = Taken::default();
    let mut former = Vec::new();
    for mut table in root.tables("tenants") {
        let problems = table.problems();
        let start = problems.count();
        let place = format!("{}{}", origin.prefix, table.path());
        let name = table.required("name", |value| {
            let name = TenantName::parse(&values::any_text(value)?)?;
            // Browsers take these for folders of the address, escaped or not (WHATWG URL, 4.1), and never ask for such a page.
            if matches!(name.as_str(), "." | "..") {
                return Err("must be another one: no browser gets to the page of a tenant with this name".to_owned());
            }
            if let Some(first) = before.names.get(&name).or_else(|| taken.names.get(&name)) {
                return Err(format!("must be unique: {first} has the name {name}, too"));
            }
            match before.former.get(&name) {
                Some(first) => Err(format!("must be a name that no other tenant had: {first} says formerly: {name}")),
                None => Ok(name),
            }
        });
        if let Some(name) = &name {
            taken.names.insert(name.clone(), place.clone());
        }
        let formerly = formerly(&mut table, name.as_ref());
        let (tenant, topic) = tenant(&mut table, name.as_ref(), origin, common);
        // A retired tenant may hand its certificate on to the tenant of another MDM.
        if let Some((topic, topic_path)) = topic {
            match before.topics.get(&topic).or_else(|| taken.topics.get(&topic)) {
                Some(first) => problems.add(topic_path, format!("must be unique: {first} has the same topic")),
                None => _ = taken.topics.insert(topic, place.clone()),
            }
        }
        table.finish();
        if let Some(name) = &name {
            problems.name_tenant(start, name);
        }
        let names = formerly.iter().map(|(_, name)| name.clone()).collect();
        tenants.extend(tenant.map(|tenant| Arc::new(Tenant { formerly: names, ..tenant })));
        former.push((name, place, formerly));
    }
    // Once all names of the file are known.
    for (name, place, formerly) in former {
        let start = root.problems().count();
        for (path, former) in formerly {
            if let Some(first) = before.names.get(&former).or_else(|| taken.names.get(&former)) {
                let message = format!(
                    "must be a name that no tenant has now: {first} is called {former}. To swap names, go by way of a third one, \
                     with a start or a reload at each step"
                );
                root.problems().add(path, message);
            } else if let Some(first) = before.former.get(&former).or_else(|| taken.former.get(&former)) {
                root.problems().add(path, format!("must be unique: {first} was called {former}, too"));
            } else {
                taken.former.insert(former, place.clone());
            }
        }
        if let Some(name) = &name {
            root.problems().name_tenant(start, name);
        }
    }
    (tenants, taken)
}

/// The names that the tenant had before, each with its path.
fn formerly(table: &mut Table<'_>, own: Option<&TenantName>) -> Vec<(String, TenantName)> {
    let mut names = Vec::new();
    for (path, value) in table.entries_of("formerly").unwrap_or_default() {
        let name = values::any_text(&value).and_then(|text| Ok(TenantName::parse(&text)?));
        match name {
            Ok(name) if own == Some(&name) => {
                table.problems().add(path, "must be another name than the one it has now");
            }
            Ok(name) => names.push((path, name)),
            Err(message) => table.problems().add(path, message),
        }
    }
    names
}

/// One tenant, and the topic that no other one may have.
fn tenant(
    table: &mut Table<'_>,
    name: Option<&TenantName>,
    origin: &Origin<'_>,
    common: &Common,
) -> (Option<Tenant>, Option<(Topic, String)>) {
    let labels = labels(table, &common.shared);
    let account = table.read("account", |value| {
        let id = AccountId::parse(&values::any_text(value)?)?;
        let known = common.accounts.contains(&id);
        if known { Ok(id) } else { Err("must be the id of an entry of accounts".to_owned()) }
    });
    let mdm = mdm::read(table, name, origin, common);
    let certificate = Certificate { is_pooled: common.is_pooled, ..certificate(table, origin.base) };
    let asks_for_profile = mdm.as_ref().is_some_and(|(mdm, _)| mdm.sources().contains(&Source::Profile));
    if asks_for_profile && !certificate.profiles.is_empty() {
        // One source has one answer, and nobody could say whose it is.
        table.tell("certificate.profiles", "must be left out where mdm.enrolment_profile is true: choose one of them");
    }
    let poll = sections::poll(table.table("poll"), common.poll);
    let (policy, account_policy) = match table.table("policy") {
        Some(table) => {
            let (policy, account_policy) = sections::policy(Some(table), (&common.policy.0, &common.policy.1));
            (policy, common.shared.policies.share(account_policy))
        }
        None => common.policy.clone(),
    };
    let tokens = tokens(table);
    let muted = muted(table);
    let retired = table.read("retired", values::flag).unwrap_or_default();
    let topic = certificate.expected_topic.clone().filter(|_| !retired);
    let topic = topic.map(|topic| (topic, table.at("certificate.expected_topic")));
    let tenant = name.zip(mdm).map(|(name, (mdm, network))| Tenant {
        name: name.clone(),
        labels,
        account,
        mdm,
        certificate,
        network,
        poll,
        policy,
        account_policy,
        tokens,
        muted,
        retired,
        formerly: Vec::new(),
    });
    (tenant, topic)
}

fn labels(table: &mut Table<'_>, shared: &Shared) -> Labels {
    let path = table.at("labels");
    let mut labels = Vec::new();
    for (name, value) in table.map("labels").unwrap_or_default() {
        let label = values::label_name(&name).map_err(str::to_owned).and_then(|()| values::any_text(&value));
        match label {
            Ok(value) => labels.push((shared.label_names.share(name), value)),
            Err(message) => table.problems().add(join(&path, &name), message),
        }
    }
    labels.into_iter().collect()
}

fn certificate(tenant: &mut Table<'_>, base: &Path) -> Certificate {
    let Some(mut table) = tenant.table("certificate") else { return Certificate::default() };
    let expected_topic = table.read("expected_topic", values::topic);
    let (mut files, mut protected): (Vec<PathBuf>, Vec<ProtectedFile>) = Default::default();
    for (path, entry) in table.entries_of("files").unwrap_or_default() {
        if let Value::Object(entries) = entry {
            protected.extend(protected_file(path, entries, &table, base));
            continue;
        }
        match values::pattern(&entry, base) {
            Ok(file) => files.push(file),
            Err(message) => table.problems().add(path, message),
        }
    }
    let mut patterns = |key| table.list(key, |value| values::pattern(value, base)).unwrap_or_default();
    let (profiles, device_topics) = (shared(patterns("profiles")), shared(patterns("device_topics")));
    let declared = table.table("declared").and_then(|mut table| {
        let declared =
            Declared { not_after: table.read("not_after", values::moment), topic: table.read("topic", values::topic) };
        table.finish();
        (declared.not_after.is_some() || declared.topic.is_some()).then(|| Box::new(declared))
    });
    table.finish();
    protected.shrink_to_fit();
    Certificate { expected_topic, files: shared(files), protected, profiles, device_topics, declared, is_pooled: false }
}

/// As the sources have them, too. Most tenants have none of most kinds, and the default one takes nothing.
fn shared(paths: Vec<PathBuf>) -> Arc<[PathBuf]> {
    if paths.is_empty() { Arc::default() } else { paths.into() }
}

/// An entry of `certificate.files` with a password.
fn protected_file(path: String, entries: Map<String, Value>, tenant: &Table<'_>, base: &Path) -> Option<ProtectedFile> {
    let mut file = Table::new(path, entries, tenant.problems());
    let (container, password) = (
        file.required("path", |value| values::path(value, base)),
        file.required("password_file", |value| values::path(value, base)),
    );
    file.finish();
    Some(ProtectedFile { path: container?, password_file: password? })
}

/// `tokens` of a tenant, typed in where an MDM does not tell them.
fn tokens(tenant: &mut Table<'_>) -> Vec<DeclaredToken> {
    let mut tokens: Vec<DeclaredToken> = Vec::new();
    for mut table in tenant.tables("tokens") {
        let kind = table.required("kind", |value| {
            let word = values::one_of(value, &["ade", "vpp"])?;
            Ok(if word == "ade" { TokenKind::Ade } else { TokenKind::Vpp })
        });
        let name = table.required("name", |value| {
            let name = values::text(value)?;
            values::short_name(&name)?;
            Ok(name)
        });
        let not_after = table.required("not_after", values::moment);
        if let Some(((kind, name), not_after)) = kind.zip(name).zip(not_after) {
            if tokens.iter().any(|token| (token.kind, &token.name) == (kind, &name)) {
                table.tell("name", format!("must be unique: a token of the kind {kind} before it has the same name"));
            }
            tokens.push(DeclaredToken { kind, name, not_after });
        }
        table.finish();
    }
    tokens
}

fn muted(tenant: &mut Table<'_>) -> Option<Box<Muted>> {
    let mut table = tenant.table("muted")?;
    let set = table.has("until") || table.has("reason");
    // Spelled out and empty is as good as absent.
    let muted = if set {
        let until = table.required("until", values::date);
        let reason = table.required("reason", values::text);
        until.zip(reason).map(|(until, reason)| Box::new(Muted { until, reason }))
    } else {
        table.take("until");
        table.take("reason");
        None
    };
    table.finish();
    muted
}

/// The patterns and paths of `tenant_files`, absolute.
pub(super) fn tenant_files(root: &mut Table<'_>, base: &Path) -> Vec<PathBuf> {
    root.list("tenant_files", |value| values::pattern(value, base)).unwrap_or_default()
}

/// The paths and patterns of `certificate_pool`, absolute.
pub(super) fn certificate_pool(root: &mut Table<'_>, base: &Path) -> Vec<PathBuf> {
    root.list("certificate_pool", |value| values::pattern(value, base)).unwrap_or_default()
}
