//! What is known of the place where this process lives. The only part of the handover that looks at the machine.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::{Config, Store};
use crate::handover::Installation;

/// Where a unit of this program may be (systemd.unit(5)); the first one wins there, too.
const UNITS: [&str; 3] = [
    "/etc/systemd/system/apnswatch.service",
    "/usr/lib/systemd/system/apnswatch.service",
    "/lib/systemd/system/apnswatch.service",
];

/// What every variable that overrides the configuration begins with.
const OVERRIDES: &str = "APNSWATCH__";

/// As a running daemon sees it. Blocks for a few small files.
#[must_use]
pub fn of_daemon(
    path: &Path,
    environment: &BTreeMap<String, String>,
    config: &Config,
    listen: Option<SocketAddr>,
) -> Installation {
    Installation { unit: own_unit(), listen, has_memory: true, ..of(path, environment, config) }
}

/// As a command sees it, which may run beside a daemon, without one, and as another user. Blocks for a few small files.
#[must_use]
pub fn of_command(path: &Path, environment: &BTreeMap<String, String>, config: &Config) -> Installation {
    Installation { unit: unit(), ..of(path, environment, config) }
}

/// The unit of systemd that is installed, by its path.
#[must_use]
pub fn unit() -> Option<String> {
    UNITS.iter().find(|path| Path::new(path).exists()).map(|path| (*path).to_owned())
}

fn of(path: &Path, environment: &BTreeMap<String, String>, config: &Config) -> Installation {
    let store = match &config.store {
        Store::Sqlite(path) => fs::metadata(path).ok(),
        Store::Memory | Store::Postgres(_) => None,
    };
    Installation {
        // proc(5); a machine without it is named by hand.
        host: fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned()),
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("apnswatch")),
        config: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
        unit: None,
        listen: None,
        store_owner: store.as_ref().map(|store| user(store.uid())),
        overrides: environment.keys().filter(|name| name.starts_with(OVERRIDES)).cloned().collect(),
        has_memory: store.is_some() || matches!(config.store, Store::Postgres(_)),
    }
}

/// The unit of systemd that this process belongs to (cgroups(7): `0::/system.slice/apnswatch.service`).
fn own_unit() -> Option<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?.rsplit('/').next()?;
    own.ends_with(".service").then(|| own.to_owned())
}

/// The name of a user where it stands in passwd(5), else the number.
fn user(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    found.unwrap_or_else(|| format!("the user with id {id}"))
}
