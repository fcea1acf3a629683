//! The sections of the main file, except its tenants.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::Value;

use super::postgres::Postgres;
use super::table::{Table, join};
use super::{Account, AccountPolicy, Duty, Limits, Network, PollTimes, Reload, Store, Web, values};
use crate::model::{AccountId, Policy};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn web(root: &mut Table<'_>, base: &Path, store: &Store) -> Web {
    let mut web = Web {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 12197)),
        config_file: None,
        health_listen: None,
        external_url: None,
        reload: Reload::Signal,
        actions: false,
        allowed_hosts: Vec::new(),
        calendar_key_file: None,
        days_gauge: true,
    };
    let Some(mut table) = root.table("web") else { return web };
    web.listen = table.read("listen", values::listen).unwrap_or(web.listen);
    web.config_file = table.read("config_file", |value| values::path(value, base));
    web.health_listen = table.read("health_listen", values::listen);
    if web.health_listen == Some(web.listen) && web.listen.port() != 0 {
        table.tell("health_listen", "must be another address than listen");
    }
    web.external_url = table.read("external_url", values::address);
    web.reload = table.read("reload", reload).unwrap_or(web.reload);
    web.actions = table.read("actions", values::flag).unwrap_or(web.actions);
    if web.actions && web.config_file.is_none() {
        // Who did it is kept, so there must be somebody.
        table.tell("actions", "needs config_file with basic_auth_users: only people who logged in may change anything");
    }
    if web.actions && *store == Store::Memory {
        table.tell("actions", "needs a store that keeps what people say: sqlite::memory: forgets it at the next start");
    }
    web.allowed_hosts = table.list("allowed_hosts", values::host).unwrap_or_default();
    web.calendar_key_file = table.read("calendar_key_file", |value| values::path(value, base));
    web.days_gauge = table.read("days_gauge", values::flag).unwrap_or(web.days_gauge);
    table.finish();
    web
}

fn reload(value: &Value) -> Result<Reload, String> {
    match value {
        Value::Bool(false) => Ok(Reload::Signal),
        Value::Bool(true) => Ok(Reload::Http),
        Value::String(word) if word == "watch" => Ok(Reload::Watch),
        _ => Err("must be false, true or watch".to_owned()),
    }
}

pub(super) fn store(root: &mut Table<'_>, base: &Path) -> Store {
    root.read("store", |value| {
        let text = values::text(value)?;
        if text == "sqlite::memory:" {
            return Ok(Store::Memory);
        }
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Postgres::parse(&text, base).map(Store::Postgres);
        }
        let path = text.strip_prefix("sqlite://").filter(|path| path.starts_with('/') && !path.ends_with('/'));
        path.filter(|path| !path.contains(['?', '#'])).map(|path| Store::Sqlite(path.into())).ok_or_else(|| {
            "must be sqlite: with the whole path of a file, such as sqlite:///var/lib/apnswatch/state.db, or \
             sqlite::memory:"
                .to_owned()
        })
    })
    .unwrap_or_else(|| Store::Sqlite(PathBuf::from("/var/lib/apnswatch/state.db")))
}

/// `network`, or what a tenant's `mdm.network` makes of it.
pub(super) fn network(table: Option<Table<'_>>, above: &Network, base: &Path) -> Network {
    let mut network = above.clone();
    let Some(mut table) = table else { return network };
    network.ca_files = table.paths("ca_files", base).unwrap_or(network.ca_files);
    network.proxy = table.read("proxy", values::proxy).unwrap_or(network.proxy);
    table.finish();
    network
}

pub(super) fn limits(root: &mut Table<'_>) -> Limits {
    let mut limits = Limits { polls: 64, per_host: 5 };
    let Some(mut table) = root.table("limits") else { return limits };
    let mut read = |key, default| {
        let number = table.read(key, |value| values::number(value, 1, 10_000));
        number.and_then(|number| usize::try_from(number).ok()).unwrap_or(default)
    };
    limits.polls = read("polls", limits.polls);
    limits.per_host = read("per_host", limits.per_host);
    table.finish();
    limits
}

/// `poll` when nothing is configured.
pub(super) const POLL: PollTimes =
    PollTimes { interval: Duration::from_secs(15 * 60), timeout: Duration::from_secs(20) };

/// `poll`, or what a tenant makes of it.
pub(super) fn poll(table: Option<Table<'_>>, above: PollTimes) -> PollTimes {
    let Some(mut table) = table else { return above };
    let count = table.problems().count();
    let timed = table.has("timeout");
    let interval = table.read("interval", |value| {
        let interval = values::duration(value)?;
        let right = (Duration::from_secs(1)..=DAY).contains(&interval);
        if right { Ok(interval) } else { Err("must be from 1s to 24h".to_owned()) }
    });
    let timeout = table.read("timeout", |value| {
        let timeout = values::duration(value)?;
        if timeout.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(timeout) }
    });
    let told = table.problems().count() > count;
    let poll = PollTimes { interval: interval.unwrap_or(above.interval), timeout: timeout.unwrap_or(above.timeout) };
    let right = poll.timeout < poll.interval;
    if !right && !told {
        let shown = humantime::format_duration;
        if timed {
            table.tell("timeout", format!("must be shorter than the interval, which is {}", shown(poll.interval)));
        } else {
            table.tell("interval", format!("must be longer than the timeout, which is {}", shown(poll.timeout)));
        }
    }
    table.finish();
    if right { poll } else { above }
}

/// `policy`, or what a tenant makes of it.
pub(super) fn policy(table: Option<Table<'_>>, above: (&Policy, &AccountPolicy)) -> (Policy, AccountPolicy) {
    let (above, accounts) = above;
    let Some(mut table) = table else { return (*above, accounts.clone()) };
    let count = table.problems().count();
    let renews = table.has("renew_days");
    let mut read = |key, above| table.read(key, |value| values::number(value, 0, 3650)).unwrap_or(above);
    let policy = Policy {
        plan_days: read("plan_days", above.plan_days),
        renew_days: read("renew_days", above.renew_days),
        grace_days: read("grace_days", above.grace_days),
    };
    let told = table.problems().count() > count;
    let right = policy.renew_days < policy.plan_days;
    if !right && !told {
        if renews {
            table.tell("renew_days", format!("must be below plan_days, which is {}", policy.plan_days));
        } else {
            table.tell("plan_days", format!("must be above renew_days, which is {}", policy.renew_days));
        }
    }
    let domains = table.list("account_domains", values::host);
    let patterns = table.list("personal_account_patterns", values::address_pattern);
    let accounts = AccountPolicy {
        domains: domains.unwrap_or_else(|| accounts.domains.clone()),
        personal_patterns: patterns.unwrap_or_else(|| accounts.personal_patterns.clone()),
    };
    table.finish();
    (if right { policy } else { *above }, accounts)
}

pub(super) fn tenant_labels(root: &mut Table<'_>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    let names = root.list("tenant_labels", |value| {
        let name = values::any_text(value)?;
        values::label_name(&name)?;
        if ["tenant", "mdm", "account"].contains(&name.as_str()) {
            return Err("is a label of apns_tenant_info anyway: choose another name".to_owned());
        }
        if seen.contains(&name) {
            return Err("stands in this list twice".to_owned());
        }
        seen.push(name.clone());
        Ok(name)
    });
    names.unwrap_or_default()
}

/// The accounts, and every id found, also that of an account with a mistake in it.
pub(super) fn accounts(root: &mut Table<'_>) -> (BTreeMap<AccountId, Account>, Vec<AccountId>) {
    let mut accounts = BTreeMap::new();
    let mut ids: Vec<AccountId> = Vec::new();
    for mut table in root.tables("accounts") {
        let id = table.required("id", |value| Ok(AccountId::parse(&values::any_text(value)?)?));
        let address = table.required("address", |value| {
            let address = values::text(value)?;
            let right = address.split_once('@').is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty());
            if right { Ok(address) } else { Err("must be an address such as it-apns@example.com".to_owned()) }
        });
        let owner = table.read("owner", values::text);
        let vault_item = table.read("vault_item", values::text);
        let second_factor = table.list("second_factor", values::text).unwrap_or_default();
        let duties = duties(&mut table);
        if let Some(id) = id {
            if ids.contains(&id) {
                table.tell("id", format!("is the id of an account before it: {id}"));
            }
            ids.push(id.clone());
            if let Some(address) = address {
                accounts.insert(id, Account { address, owner, vault_item, second_factor, duties });
            }
        }
        table.finish();
    }
    (accounts, ids)
}

/// `duties` of an account: what a team must do, each every so often, under whatever names it gives them.
fn duties(account: &mut Table<'_>) -> BTreeMap<String, Duty> {
    let mut duties = BTreeMap::new();
    let above = account.at("duties");
    for (name, duty) in account.map("duties").unwrap_or_default() {
        let path = join(&above, &name);
        let Value::Object(entries) = duty else {
            account.problems().add(path, "must be a mapping of keys to values");
            continue;
        };
        if let Err(message) = values::short_name(&name) {
            account.problems().add(&path, message);
        }
        let mut duty = Table::new(path, entries, account.problems());
        let every = duty.required("every", |value| {
            let every = values::duration(value)?;
            let right = (DAY..=DAY * 3650).contains(&every);
            if right { Ok(every) } else { Err("must be from 1d to 3650d".to_owned()) }
        });
        let last = duty.read("last", |value| {
            let last = values::date(value)?;
            // The clock is not asked: one that is wrong must not end the start. So late is no clock right.
            let latest = crate::clock::built().date_naive() + TimeDelta::days(20 * 365);
            if last <= latest { Ok(last) } else { Err("must be the day on which it was last done".to_owned()) }
        });
        if let Some(every) = every {
            duties.insert(name, Duty { every, last });
        }
        duty.finish();
    }
    duties
}
