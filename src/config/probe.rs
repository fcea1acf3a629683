//! `probe`.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::Value;

use super::table::Table;
use super::values;
use crate::model::{Role, Step};
use crate::probe::{API_NAME, Host, Settings, Target};

/// The steps of a round that wait one after the other: each may take the timeout.
const WAITS: u32 = 4;

/// The section; `None` if it is absent, which means that nothing is probed. An empty one takes the defaults.
pub(super) fn probe(root: &mut Table<'_>, site: Option<&String>, base: &Path) -> Option<Settings> {
    let mut table = root.table("probe")?;
    if site.is_none() {
        root.tell("site", "is missing: probes speak for one place in the network, so give it a name");
    }
    let mut settings = Settings::default();
    times(&mut table, &mut settings);
    let confirmations = table.read("confirmations", |value| values::number(value, 1, 10));
    settings.confirmations = confirmations.unwrap_or(settings.confirmations);
    let roles = table.list("roles", role);
    if roles.as_ref().is_some_and(Vec::is_empty) {
        table.tell("roles", "must name a role; leave probe out to probe nothing");
    }
    let roles = roles.unwrap_or_else(|| Role::ALL.to_vec());
    settings.site_runs_mdm = table.read("site_runs_mdm", values::flag).unwrap_or(settings.site_runs_mdm);
    let depths = depths(table.table("depth"));
    let has_targets = table.has("targets");
    let entries = table.tables("targets");
    let is_empty = entries.is_empty();
    let targets = targets(entries, depths);
    settings.targets = if has_targets {
        if is_empty {
            table.tell("targets", "must name a target; leave it out for Apple's hosts");
        }
        targets
    } else {
        vec![Target::couriers(depths.0), Target::api(depths.1)]
    };
    settings.targets.retain(|target| roles.contains(&target.role));
    if has_targets && !is_empty && settings.targets.is_empty() {
        table.tell("targets", "has none of the roles that are probed");
    }
    settings.courier_ca_file = table.read("courier_ca_file", |value| values::path(value, base));
    settings.api_ca_file = table.read("api_ca_file", |value| values::path(value, base));
    settings.resolver = table.read("resolver", resolver);
    settings.allowed_ranges = table.list("allowed_ranges", range).unwrap_or_default();
    settings.control = table.read("control", control);
    table.finish();
    Some(settings)
}

fn times(table: &mut Table<'_>, settings: &mut Settings) {
    let positive = |value: &Value| {
        let duration = values::duration(value)?;
        if duration.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(duration) }
    };
    let interval = table.read("interval", |value| {
        let interval = positive(value)?;
        let right = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&interval);
        if right { Ok(interval) } else { Err("must be from 1s to 1h".to_owned()) }
    });
    let timeout = table.read("timeout", positive);
    settings.interval = interval.unwrap_or(settings.interval);
    settings.timeout = timeout.unwrap_or(settings.timeout);
    if settings.timeout.saturating_mul(WAITS) > settings.interval {
        let longest = humantime::format_duration(settings.interval / WAITS);
        table.tell("timeout", format!("must be {longest} at most: a round of four steps ends before the next begins"));
    }
}

/// The deepest steps for devices and servers.
fn depths(table: Option<Table<'_>>) -> (Step, Step) {
    let mut depths = (Step::Chain, Step::Http2);
    let Some(mut table) = table else { return depths };
    let step = |value: &Value, steps: &[Step]| {
        let words: Vec<&'static str> = steps.iter().map(|step| step.as_str()).collect();
        let word = values::one_of(value, &words)?;
        Ok::<Step, String>(steps.iter().copied().find(|step| step.as_str() == word).unwrap_or(Step::Tcp))
    };
    // A name is looked up in any case, and couriers speak no HTTP.
    depths.0 = table.read("device", |value| step(value, &Step::ALL[1..5])).unwrap_or(depths.0);
    depths.1 = table.read("server", |value| step(value, &Step::ALL[1..])).unwrap_or(depths.1);
    table.finish();
    depths
}

/// The targets, those of one host and role as one.
fn targets(entries: Vec<Table<'_>>, depths: (Step, Step)) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for mut entry in entries {
        let role = entry.required("role", role);
        let host = entry.required("host", host);
        let port = entry.required("port", |value| values::number(value, 1, 65535));
        if let (Some(role), Some(host), Some(port)) = (role, host, port.and_then(|port| u16::try_from(port).ok())) {
            match targets.iter_mut().find(|target| target.role == role && target.host == host) {
                Some(target) if target.ports.contains(&port) => entry.tell("port", "is there twice for this host"),
                Some(target) => target.ports.push(port),
                None => {
                    let depth = if role == Role::Device { depths.0 } else { depths.1 };
                    targets.push(Target { role, host, ports: vec![port], depth });
                }
            }
        }
        entry.finish();
    }
    targets
}

fn role(value: &Value) -> Result<Role, String> {
    let words = Role::ALL.map(Role::as_str);
    let word = values::one_of(value, &words)?;
    Ok(if word == Role::Device.as_str() { Role::Device } else { Role::Server })
}

/// A name or an address. The bare name of the couriers has no address, and is refused for it.
fn host(value: &Value) -> Result<Host, String> {
    let text = values::text(value)?;
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Host::Address(address));
    }
    let name = text.trim_end_matches('.').to_ascii_lowercase();
    if name == crate::probe::COURIER_NAME {
        return Err("has no address: couriers have a number, such as 1-courier.push.apple.com".to_owned());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err("must be a host name or an address".to_owned());
    }
    Ok(if name == API_NAME { Host::Name(API_NAME.to_owned()) } else { Host::Name(name) })
}

fn resolver(value: &Value) -> Result<SocketAddr, String> {
    let text = values::text(value)?;
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53)).ok();
    address
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "must be the address of a DNS server, such as 192.0.2.53 or 192.0.2.53:53".to_owned())
}

fn range(value: &Value) -> Result<IpNet, String> {
    let text = values::text(value)?;
    let range = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    range.map(|range| range.trunc()).ok_or_else(|| "must be a range such as 192.0.2.0/24, or an address".to_owned())
}

fn control(value: &Value) -> Result<SocketAddr, String> {
    values::text(value)?.parse().map_err(|_| {
        "must be an address and a port that nothing listens on, such as 192.0.2.1:5223: a name could lead anywhere"
            .to_owned()
    })
}
