//! `check-config`.

use std::io::{self, Write};

use super::{End, Scene};
use crate::config::{Config, Tenant};
use crate::evaluate::report::polled_sources;
use crate::evaluate::summary::cannot_know;
use crate::model::{Question, Source};
use crate::words;

/// Checks the configuration and prints what would run. Wrong tenant files are errors here.
pub(super) fn run(scene: &Scene) -> Result<u8, End> {
    let config = scene.load()?;
    if !config.problems.is_empty() {
        return Err(End::Config(config.problems));
    }
    let mut out = io::stdout().lock();
    let retired = config.tenants.values().filter(|tenant| tenant.retired).count();
    writeln!(
        out,
        "{} is right: {} watched, {retired} retired.",
        scene.config.display(),
        words::counted(config.tenants.len() - retired, "tenant"),
    )?;
    for tenant in config.tenants.values().filter(|tenant| !tenant.retired) {
        writeln!(out)?;
        show(tenant, &config, &mut out)?;
    }
    Ok(0)
}

fn show(tenant: &Tenant, config: &Config, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", words::clean(tenant.name.as_str(), 128), tenant.mdm.kind())?;
    let polled = polled_sources(tenant);
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
    for question in cannot_know(tenant) {
        writeln!(out, "  nobody watches {}{}", question.unwatched(), remedy(question, &polled))?;
    }
    Ok(())
}

/// How a blind spot can be closed, where this version can.
fn remedy(question: Question, polled: &[(Source, std::time::Duration)]) -> &'static str {
    match question {
        Question::Expiry => ": add certificate.files, or at least certificate.declared.not_after",
        Question::Lineage if polled.is_empty() => ": add certificate.files",
        Question::Lineage | Question::WayOut | Question::Arrival | Question::Renewable => "",
    }
}
