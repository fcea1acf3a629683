//! `tenants`, of the main file or of a tenant file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::defaults::Defaults;
use super::table::{NOT_BUILT, Table, join};
use super::{Certificate, Declared, Muted, Network, PollTimes, Tenant, mdm, sections, unbuilt, values};
use crate::model::{AccountId, Policy, TenantName, Topic};

/// What holds for every tenant unless it says otherwise.
pub(super) struct Common {
    pub(super) defaults: Defaults,
    pub(super) accounts: Vec<AccountId>,
    pub(super) network: Network,
    pub(super) poll: PollTimes,
    pub(super) policy: Policy,
}

/// What only one tenant can have, and where it was found.
#[derive(Default)]
pub(super) struct Taken {
    names: BTreeMap<TenantName, String>,
    topics: BTreeMap<Topic, String>,
}

impl Taken {
    pub(super) fn extend(&mut self, other: Self) {
        self.names.extend(other.names);
        self.topics.extend(other.topics);
    }

    pub(super) fn has(&self, tenant: &Tenant) -> bool {
        let topic = tenant.certificate.expected_topic.as_ref().filter(|_| !tenant.retired);
        self.names.contains_key(&tenant.name) || topic.is_some_and(|topic| self.topics.contains_key(topic))
    }

    pub(super) fn add(&mut self, tenant: &Tenant, place: &str) {
        self.names.insert(tenant.name.clone(), place.to_owned());
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
    for mut table in root.tables("tenants") {
        let problems = table.problems();
        let start = problems.count();
        let place = format!("{}{}", origin.prefix, table.path());
        let name = table.required("name", |value| {
            let name = TenantName::parse(&values::any_text(value)?)?;
            match before.names.get(&name).or_else(|| taken.names.get(&name)) {
                Some(first) => Err(format!("must be unique: {first} has the name {name}, too")),
                None => Ok(name),
            }
        });
        if let Some(name) = &name {
            taken.names.insert(name.clone(), place.clone());
        }
        let (tenant, topic) = tenant(&mut table, name.as_ref(), origin, common);
        // A retired tenant may hand its certificate on to the tenant of another MDM.
        if let Some((topic, topic_path)) = topic {
            match before.topics.get(&topic).or_else(|| taken.topics.get(&topic)) {
                Some(first) => problems.add(topic_path, format!("must be unique: {first} has the same topic")),
                None => _ = taken.topics.insert(topic, place),
            }
        }
        table.finish();
        if let Some(name) = &name {
            problems.name_tenant(start, name);
        }
        tenants.extend(tenant.map(Arc::new));
    }
    (tenants, taken)
}

/// One tenant, and the topic that no other one may have.
fn tenant(
    table: &mut Table<'_>,
    name: Option<&TenantName>,
    origin: &Origin<'_>,
    common: &Common,
) -> (Option<Tenant>, Option<(Topic, String)>) {
    let labels = labels(table);
    let account = table.read("account", |value| {
        let id = AccountId::parse(&values::any_text(value)?)?;
        let known = common.accounts.contains(&id);
        if known { Ok(id) } else { Err("must be the id of an entry of accounts".to_owned()) }
    });
    let mdm = mdm::read(table, name, origin, common);
    let certificate = certificate(table, origin.base);
    let poll = sections::poll(table.table("poll"), common.poll);
    let policy = sections::policy(table.table("policy"), common.policy);
    unbuilt::tokens(table);
    let muted = muted(table);
    let retired = table.read("retired", values::flag).unwrap_or_default();
    table.unbuilt_list("formerly", values::text);
    let topic = certificate.expected_topic.clone().filter(|_| !retired);
    let topic = topic.map(|topic| (topic, table.at("certificate.expected_topic")));
    let tenant = name.zip(mdm).map(|(name, (mdm, network))| Tenant {
        account_policy: super::AccountPolicy::default(),
        tokens: Vec::new(),
        name: name.clone(),
        labels,
        account,
        mdm,
        certificate,
        network,
        poll,
        policy,
        muted,
        retired,
    });
    (tenant, topic)
}

fn labels(table: &mut Table<'_>) -> BTreeMap<String, String> {
    let path = table.at("labels");
    let mut labels = BTreeMap::new();
    for (name, value) in table.map("labels").unwrap_or_default() {
        let label = values::label_name(&name).map_err(str::to_owned).and_then(|()| values::any_text(&value));
        match label {
            Ok(value) => _ = labels.insert(name, value),
            Err(message) => table.problems().add(join(&path, &name), message),
        }
    }
    labels
}

fn certificate(tenant: &mut Table<'_>, base: &Path) -> Certificate {
    let Some(mut table) = tenant.table("certificate") else { return Certificate::default() };
    let expected_topic = table.read("expected_topic", values::topic);
    let mut files: Vec<PathBuf> = Vec::new();
    for (path, entry) in table.entries_of("files").unwrap_or_default() {
        if matches!(entry, Value::Object(_)) {
            unbuilt::protected_file(path, entry, &table);
            continue;
        }
        match values::path(&entry, base).and_then(|file| check_pattern(&file).map(|()| file)) {
            Ok(file) => files.push(file),
            Err(message) => table.problems().add(path, message),
        }
    }
    table.unbuilt_list("profiles", values::text);
    table.unbuilt_list("device_topics", values::text);
    let declared = table.table("declared").and_then(|mut table| {
        let declared =
            Declared { not_after: table.read("not_after", values::moment), topic: table.read("topic", values::topic) };
        table.finish();
        (declared.not_after.is_some() || declared.topic.is_some()).then_some(declared)
    });
    table.finish();
    Certificate { expected_topic, files, declared, ..Certificate::default() }
}

/// A pattern that cannot be read would match nothing for ever.
pub(super) fn check_pattern(path: &Path) -> Result<(), String> {
    let pattern = path.to_str().ok_or_else(|| "must be UTF-8 text".to_owned())?;
    glob::Pattern::new(pattern).map(drop).map_err(|error| format!("must be a path or a pattern: {}", error.msg))
}

fn muted(tenant: &mut Table<'_>) -> Option<Muted> {
    let mut table = tenant.table("muted")?;
    let set = table.has("until") || table.has("reason");
    // Spelled out and empty is as good as absent.
    let muted = if set {
        let until = table.required("until", values::date);
        let reason = table.required("reason", values::text);
        until.zip(reason).map(|(until, reason)| Muted { until, reason })
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
    let files = root.list("tenant_files", |value| {
        let file = values::path(value, base)?;
        check_pattern(&file)?;
        Ok(file)
    });
    files.unwrap_or_default()
}

/// `certificate_pool`, which is not built.
pub(super) fn certificate_pool(root: &mut Table<'_>) {
    if root.list("certificate_pool", values::text).is_some_and(|files| !files.is_empty()) {
        root.tell("certificate_pool", NOT_BUILT);
    }
}
