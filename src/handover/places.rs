//! Where everything lives: as paths and addresses, never with what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{FilePlace, Installation, Place, VERSION};
use crate::config::{self, Config, Mdm, Network, Store};
use crate::model::TenantName;
use crate::provider::mosyle::Product;

/// Where everything but secrets and certificate files lives.
pub(super) fn places(installation: &Installation, config: &Config) -> Vec<Place> {
    let not_known = || "not known here".to_owned();
    let mut places = vec![
        ("machine", installation.host.clone().unwrap_or_else(not_known)),
        ("program", format!("{}, version {VERSION}", shown(&installation.program))),
        ("service", installation.unit.clone().unwrap_or_else(|| "no unit of systemd found".to_owned())),
        ("configuration", shown(&installation.config)),
    ];
    let mut add = |what, at: String| places.push((what, at));
    if !installation.overrides.is_empty() {
        add("overridden by", format!("the variables {}", installation.overrides.join(", ")));
    }
    if !config.tenant_files.is_empty() {
        add("tenant files", folders(config.tenant_files.keys()));
    }
    add(
        "store",
        match (&config.store, &installation.store_owner) {
            (Store::Sqlite(path), Some(owner)) => format!("{}, owned by {owner}", shown(path)),
            (Store::Sqlite(path), None) => shown(path),
            (Store::Postgres(place), _) => format!("PostgreSQL, {}", place.url),
            (Store::Memory, _) => "none: sqlite::memory:".to_owned(),
        },
    );
    // The configuration lets neither a login nor a query into this address.
    let external = config.web.external_url.as_ref().map(|url| format!(", for people at {}", url));
    let listen = installation.listen.unwrap_or(config.web.listen);
    add("page", format!("listens on {listen}{}", external.unwrap_or_default()));
    add("logins and TLS", config.web.config_file.as_ref().map_or_else(|| "none: the page is open".to_owned(), shown));
    add(
        "probes",
        match &config.probe {
            None => "off".to_owned(),
            Some(probe) => {
                let roles: BTreeSet<&str> = probe.targets.iter().map(|target| target.role.as_str()).collect();
                let roles: Vec<&str> = roles.into_iter().collect();
                format!("on, for {}", roles.join(" and "))
            }
        },
    );
    places.extend(proxy(&config.network));
    places.into_iter().map(|(what, at)| Place { what, at }).collect()
}

/// The host alone says whom to ask.
fn proxy(network: &Network) -> Option<(&'static str, String)> {
    let host = network.proxy.as_ref()?.host_str()?;
    Some(("proxy", format!("MDMs are asked through {host}")))
}

/// One path, or how many there are in which folders.
fn folders<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    let paths: Vec<&PathBuf> = paths.collect();
    if let [one] = paths.as_slice() {
        return shown(one);
    }
    let folders: BTreeSet<String> = paths.iter().filter_map(|path| path.parent()).map(shown).collect();
    let folders: Vec<String> = folders.into_iter().collect();
    format!("{} files in {}", paths.len(), folders.join(", "))
}

/// The files with secrets: of logins, of containers, and the web configuration with its hashes.
pub(super) fn secrets(config: &Config) -> Vec<FilePlace> {
    let mut files = Files::default();
    for (name, tenant) in config.tenants.iter().filter(|(_, tenant)| !tenant.retired) {
        for (key, path) in tenant.mdm.credential_files() {
            files.add(path, key, name);
        }
        for file in &tenant.certificate.protected {
            files.add(&file.password_file, "password_file", name);
        }
    }
    if let Store::Postgres(config::Postgres { password_file: Some(path), .. }) = &config.store {
        files.add_common(path, "store");
    }
    if let Some(path) = &config.web.config_file {
        files.add_common(path, "web.config_file");
    }
    if let Some(path) = &config.web.calendar_key_file {
        files.add_common(path, "web.calendar_key_file");
    }
    files.into_places()
}

/// What is read of certificates and topics.
pub(super) fn files(config: &Config) -> Vec<FilePlace> {
    let mut files = Files::default();
    for (name, tenant) in config.tenants.iter().filter(|(_, tenant)| !tenant.retired) {
        let certificate = &tenant.certificate;
        let protected = certificate.protected.iter().map(|file| &file.path);
        for path in certificate.files.iter().chain(protected) {
            files.add(path, "certificate.files", name);
        }
        for path in certificate.profiles.iter() {
            files.add(path, "certificate.profiles", name);
        }
        for path in certificate.device_topics.iter() {
            files.add(path, "certificate.device_topics", name);
        }
    }
    for path in &config.certificate_pool {
        files.add_common(path, "certificate_pool");
    }
    for path in &config.network.ca_files {
        files.add_common(path, "network.ca_files");
    }
    files.into_places()
}

/// Files by path and key, so that one that many tenants need stands there once.
#[derive(Default)]
struct Files(BTreeMap<(PathBuf, &'static str), Vec<TenantName>>);

impl Files {
    fn add(&mut self, path: &Path, key: &'static str, name: &TenantName) {
        self.0.entry((path.to_owned(), key)).or_default().push(name.clone());
    }

    fn add_common(&mut self, path: &Path, key: &'static str) {
        self.0.entry((path.to_owned(), key)).or_default();
    }

    fn into_places(self) -> Vec<FilePlace> {
        self.0.into_iter().map(|((path, key), of)| FilePlace { path, key, of }).collect()
    }
}

/// Where an MDM is, and the name that apnswatch logs in with.
pub(super) fn mdm(mdm: &Mdm) -> (Option<String>, Option<String>) {
    match mdm {
        Mdm::Intune(settings) => {
            let graph = settings.graph_url.as_ref().map(|url| format!(" at {}", url.trim()));
            let cloud = settings.cloud.map(|cloud| format!(", cloud {}", cloud.as_str()));
            let more = graph.or(cloud).unwrap_or_default();
            (
                Some(format!("Entra directory {}{more}", settings.directory.trim())),
                Some(format!("app registration {}", settings.client_id.trim())),
            )
        }
        Mdm::Jamf(settings) => {
            let client = settings.client_id.as_ref().map(|id| format!("API client {}", id.trim()));
            let user = settings.username.as_ref().map(|name| format!("user {name}"));
            (Some(settings.url.trim().to_owned()), client.or(user))
        }
        Mdm::Kandji(settings) => (Some(settings.url.trim().to_owned()), Some("an API token".to_owned())),
        Mdm::Mosyle(settings) => {
            let product = match settings.product {
                Product::Business => "Mosyle Business",
                Product::Manager => "Mosyle Manager",
            };
            let url = settings.url.as_ref().map(|url| format!(" at {}", url.trim())).unwrap_or_default();
            (Some(format!("{product}{url}")), Some(format!("administrator {}", settings.email)))
        }
        Mdm::None => (None, None),
    }
}

fn shown(path: impl AsRef<Path>) -> String {
    path.as_ref().display().to_string()
}
