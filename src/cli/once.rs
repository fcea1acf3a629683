//! `once`.

use std::io::{self, Write};

use super::{End, Scene};
use crate::app;
use crate::evaluate::{Level, Report, TenantReport};
use crate::status;
use crate::words;

/// Asks everything once, prints it, and says with the exit status how bad it is.
pub(super) async fn run(scene: &Scene) -> Result<u8, End> {
    let config = scene.load()?;
    let report = match app::once(&config, &scene.clock).await {
        Ok(report) => report,
        Err(app::Error::Config(problems)) => return Err(End::Config(problems)),
        Err(app::Error::Other(error)) => {
            writeln!(io::stderr(), "apnswatch: {error:#}")?;
            return Ok(UNKNOWN);
        }
    };
    for problem in &config.problems {
        writeln!(io::stderr(), "apnswatch: {problem}")?;
    }
    let mut out = io::stdout().lock();
    let printed = if scene.json { writeln!(out, "{:#}", status::document(&report)) } else { table(&report, &mut out) };
    match printed {
        // Whoever reads has seen enough; how bad it is stays as it is.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(status_of(&report)),
    }
}

/// Nobody can say.
const UNKNOWN: u8 = 3;

/// 2 before 1 before 3 before 0; a muted tenant is shown and does not count.
fn status_of(report: &Report) -> u8 {
    let tenants = report.tenants.iter().filter(|tenant| tenant.muted.is_none()).map(|tenant| tenant.level);
    let network = report.network.as_ref().map(|network| network.level);
    let errors = (report.config_errors > 0).then_some(Level::Warning);
    // Where nothing is watched, nobody can say.
    let nothing = (report.tenants.is_empty() && network.is_none()).then_some(Level::Unknown);
    exit_of(tenants.chain(network).chain(errors).chain(nothing).min())
}

/// The exit status of the worst that was found; 0 where all is quiet.
pub(super) fn exit_of(worst: Option<Level>) -> u8 {
    match worst {
        Some(Level::Critical) => 2,
        Some(Level::Warning) => 1,
        Some(Level::Unknown) => UNKNOWN,
        Some(Level::Ok) | None => 0,
    }
}

/// The reading as a table for people.
pub(super) fn table(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut tenants: Vec<&TenantReport> = report.tenants.iter().collect();
    tenants.sort_by_key(|tenant| (tenant.level, tenant.effective.as_ref().map(|known| known.not_after)));
    let names = |tenant: &&TenantReport| words::clean(tenant.name.as_str(), 128).chars().count();
    let width = tenants.iter().map(names).max().unwrap_or_default();
    for tenant in tenants {
        let name = words::clean(tenant.name.as_str(), 128);
        let end = match &tenant.effective {
            Some(known) if report.clock_plausible => words::until(known.not_after, report.now),
            Some(known) => format!("ends {}", known.not_after.format("%Y-%m-%d")),
            None => "no date".to_owned(),
        };
        let muted = tenant.muted.map(|until| format!(" (muted until {until})")).unwrap_or_default();
        let sentence = words::clean(&tenant.sentence(), 2000);
        writeln!(out, "{name:width$}  {:8}  {end:26}  {sentence}{muted}", tenant.level.as_str())?;
    }
    if let Some(network) = &report.network {
        for path in &network.paths {
            writeln!(out, "{}: {}", path.role, words::clean(&path.sentence, 2000))?;
        }
        if network.control_open == Some(true) {
            writeln!(out, "the control opened, and must not: something on the way accepts everything")?;
        }
    }
    for tenant in &report.tenants {
        let name = words::clean(tenant.name.as_str(), 128);
        for change in &tenant.pin_changes {
            writeln!(out, "{name}: {}", change.sentence(report.now))?;
        }
    }
    for stray in &report.strays {
        let path = words::clean(&stray.path.to_string_lossy(), 4096);
        let topic = stray.topic.as_ref().map_or("no single topic", |topic| topic.as_str());
        writeln!(out, "{path} in the certificate pool belongs to no tenant: {topic}")?;
    }
    Ok(())
}
