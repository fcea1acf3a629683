//! `check-config`.

use std::io::{self, Write};

use super::{End, Scene};
use crate::config::{Config, Mdm, Notify, Tenant};
use crate::evaluate::account::{HOLDERS, SECOND_FACTOR_AUDIT, SIGN_IN};
use crate::evaluate::report::polled_sources;
use crate::evaluate::summary::cannot_know;
use crate::guide::MAC_COMMAND;
use crate::model::Question;
use crate::notify::key::Tier;
use crate::probe::Settings;
use crate::web::access::{self, Access};
use crate::words;

/// Checks the configuration and prints what would run. Wrong tenant files are errors here.
pub(super) fn run(scene: &Scene) -> Result<u8, End> {
    let config = scene.load()?;
    if !config.problems.is_empty() {
        return Err(End::Config(config.problems));
    }
    let access = Access::of(&config.web).map_err(End::Config)?;
    let access = config.web.config_file.is_some().then_some(access);
    access::check_key(&config.web).map_err(End::Config)?;
    let mut out = io::stdout().lock();
    let retired = config.tenants.values().filter(|tenant| tenant.retired).count();
    writeln!(
        out,
        "{} is right: {} watched, {retired} retired.",
        scene.config.display(),
        words::counted(config.tenants.len() - retired, "tenant"),
    )?;
    let users = access.as_ref().map_or(0, Access::users);
    if let Some(access) = access {
        let (tls, users) = (if access.tls.is_some() { "TLS" } else { "no TLS" }, access.users());
        writeln!(out, "  the web side: {tls}, {}", words::counted(users as u64, "login"))?;
    }
    if config.web.calendar_key_file.is_some() {
        let open = if users > 0 {
            "opens with its key, too"
        } else {
            "is open like the pages: nobody logs in, so its key is of no use"
        };
        writeln!(out, "  the calendar: {open}")?;
    }
    if let Some(probe) = &config.probe {
        probes(probe, &config, &mut out)?;
        if let Some(note) = super::doctor::proxies(&scene.environment) {
            writeln!(out, "  {note}")?;
        }
    }
    if let Some(notify) = &config.notify {
        notices(notify, &mut out)?;
    }
    for tenant in config.tenants.values().filter(|tenant| !tenant.retired) {
        writeln!(out)?;
        show(tenant, &config, &mut out)?;
    }
    if config.tenants.values().any(|tenant| !tenant.retired && is_topic_open(tenant, &config)) {
        writeln!(out, "\nThe topic that the devices of a tenant listen on, read on an enrolled Mac:\n  {MAC_COMMAND}")?;
    }
    Ok(0)
}

fn show(tenant: &Tenant, config: &Config, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", words::clean(tenant.name.as_str(), 128), tenant.mdm.kind())?;
    let polled = polled_sources(tenant, None);
    for (source, interval) in &polled {
        let every = humantime::format_duration(*interval);
        writeln!(out, "  {source:8}  every {every}")?;
    }
    if tenant.certificate.declared.is_some() {
        writeln!(out, "  declared  in the configuration")?;
    }
    match &tenant.certificate.expected_topic {
        Some(topic) => writeln!(out, "  topic     {topic}")?,
        None => writeln!(out, "  topic     the first one seen is pinned; set certificate.expected_topic to be sure")?,
    }
    if let Some(account) = tenant.account.as_ref().and_then(|id| config.accounts.get(id)) {
        writeln!(out, "  account   {}", words::clean(&account.address, 256))?;
    }
    if let Some(muted) = &tenant.muted {
        writeln!(out, "  muted     until {}: {}", muted.until, words::clean(&muted.reason, 256))?;
    }
    for question in Question::ALL {
        if let Some(remedy) = gap(question, tenant, config) {
            writeln!(out, "  nobody watches {}: {remedy}", question.unwatched())?;
        }
    }
    Ok(())
}

/// What is probed, and what that cannot tell.
fn probes(probe: &Settings, config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let site = words::clean(config.site.as_deref().unwrap_or_default(), 128);
    let every = humantime::format_duration(probe.interval);
    writeln!(out, "\nThe way to Apple, seen from {site}, every {every}. It says nothing about other networks.")?;
    for target in &probe.targets {
        let ports: Vec<String> = target.ports.iter().map(ToString::to_string).collect();
        writeln!(out, "  {:8}  {} at {}, down to {}", target.role, target.host, ports.join(", "), target.depth)?;
    }
    match probe.control {
        Some(control) => writeln!(out, "  control   {control} must stay closed"),
        None => Ok(()),
    }
}

/// Who is told what.
fn notices(notify: &Notify, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nWho is told, where no Alertmanager tells:")?;
    for (kind, channel) in &notify.channels {
        let tiers: Vec<&str> = channel.tiers.iter().map(|tier| tier.as_str()).collect();
        writeln!(out, "  {:9}  {}", kind.as_str(), tiers.join(", "))?;
    }
    for tier in Tier::ALL {
        if !notify.channels.values().any(|channel| channel.tiers.contains(&tier)) {
            writeln!(out, "  nobody is told of the tier {}", tier.as_str())?;
        }
    }
    match &notify.letter {
        Some(letter) => {
            let every = humantime::format_duration(letter.every);
            let readers = words::counted(letter.to.len() as u64, "reader");
            writeln!(out, "  letter     every {every}, to {readers}, who confirm it within 14 days")?;
            if notify.channels.len() == 1 {
                writeln!(out, "  that nobody confirms it is told by mail alone: add another channel of notify")?;
            }
        }
        None => writeln!(out, "  nobody has to say that they are told: set notify.letter")?,
    }
    match &notify.heartbeat {
        Some(heartbeat) => {
            writeln!(out, "  heartbeat  every {}", humantime::format_duration(heartbeat.interval))
        }
        None => writeln!(out, "  nobody notices if this program dies: set notify.heartbeat"),
    }
}

/// What would close a blind spot that follows from the configuration; `None` where there is none.
pub(super) fn gap(question: Question, tenant: &Tenant, config: &Config) -> Option<String> {
    if question == Question::Renewable {
        let missing = unrenewable(tenant, config);
        return (!missing.is_empty()).then(|| format!("add {}", missing.join(", ")));
    }
    cannot_know(tenant, config).contains(&question).then(|| remedy(question, &tenant.mdm))
}

/// The sources that close a blind spot. What a tenant has already does not count: it did not close it.
fn remedy(question: Question, mdm: &Mdm) -> String {
    let text = match (question, mdm) {
        (Question::Expiry, _) => "add certificate.files, or at least certificate.declared.not_after",
        (Question::Lineage, Mdm::Jamf(_) | Mdm::Kandji(_)) => {
            "add certificate.files, certificate.profiles or certificate.device_topics, or set mdm.enrolment_profile"
        }
        (Question::Lineage, _) => "add certificate.files, certificate.profiles or certificate.device_topics",
        (Question::Arrival, Mdm::Kandji(_)) => "set mdm.push",
        (Question::Arrival, Mdm::Mosyle(_)) => "set mdm.push, which is a weak sign",
        (Question::Arrival, Mdm::None) => "no MDM is asked; only kandji and mosyle tell which devices are alive",
        (Question::Arrival, Mdm::Intune(_) | Mdm::Jamf(_)) => {
            "this MDM does not tell which devices are alive by another way than pushes"
        }
        (Question::WayOut, _) => "add probe, with the role device and, if the MDM runs here, server",
        (Question::Renewable, _) => "add an account",
    };
    text.to_owned()
}

/// What the configuration lacks so that somebody could say whether the certificate could be renewed today. Whether the
/// duties were done is another matter, and told by the daemon.
fn unrenewable(tenant: &Tenant, config: &Config) -> Vec<String> {
    let account = tenant.account.as_ref().and_then(|id| config.accounts.get(id));
    let mut missing = Vec::new();
    if account.is_none() {
        missing.push("account".to_owned());
    }
    if tenant.account_policy.domains.is_empty() {
        missing.push("policy.account_domains".to_owned());
    }
    for duty in [SIGN_IN, SECOND_FACTOR_AUDIT] {
        if account.is_none_or(|account| !account.duties.contains_key(duty)) {
            missing.push(format!("duty {duty} of the account"));
        }
    }
    if account.is_none_or(|account| account.second_factor.len() < HOLDERS) {
        missing.push("second_factor of the account, held by two".to_owned());
    }
    missing
}

/// Whether nothing tells the topic, or nobody said which one it must be.
fn is_topic_open(tenant: &Tenant, config: &Config) -> bool {
    tenant.certificate.expected_topic.is_none() || cannot_know(tenant, config).contains(&Question::Lineage)
}
