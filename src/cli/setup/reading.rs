//! The first reading: what is true now, and what nobody watches yet.

use std::io::{self, Write};
use std::path::PathBuf;

use serde_json::json;
use tokio::runtime::Handle;

use super::answers::{ACCOUNT, Answers, WhichAccount};
use super::held::unplaced;
use super::spot::Spot;
use super::trial::Trial;
use crate::app;
use crate::cli::check::gap;
use crate::cli::{End, Scene, once};
use crate::config::Config;
use crate::evaluate::{Report, TenantReport};
use crate::guide::MAC_COMMAND;
use crate::model::{PinOrigin, Question};
use crate::words;

/// What was told, and by which configuration.
pub(super) struct Reading {
    config: Config,
    report: Report,
}

/// Asks everything of the new tenant once.
///
/// # Errors
///
/// What the configuration does not accept, or a store that cannot be read.
pub(super) fn once(scene: &Scene, spot: &Spot, answers: &Answers) -> Result<Reading, End> {
    let mut config = spot.staged(scene, answers).map_err(|problems| super::refused(&problems))?;
    // The other tenants are none of this.
    config.tenants.retain(|name, _| *name == answers.name);
    config.certificate_pool.clear();
    let report = Handle::current().block_on(app::once(&config, &scene.clock))?;
    Ok(Reading { config, report })
}

/// Prints the reading, and how each blind spot is closed.
///
/// # Errors
///
/// If nobody reads it.
pub(super) fn show(reading: &Reading, answers: &Answers, out: &mut dyn Write) -> io::Result<()> {
    let Reading { config, report } = reading;
    let mut table = Vec::new();
    once::table(report, &mut table)?;
    write!(out, "{}", unplaced(&String::from_utf8_lossy(&table), &answers.credentials))?;
    let Some(tenant) = report.tenants.first() else { return Ok(()) };
    let open = open(tenant, config, answers);
    if !open.is_empty() {
        writeln!(out, "\nWhat nobody watches yet, and what closes it:")?;
    }
    for (question, remedy) in open {
        item(out, &format!("{}: {remedy}", question.unwatched()))?;
    }
    if tenant.pin.as_ref().is_some_and(|pin| pin.origin == PinOrigin::FirstSeen) {
        writeln!(
            out,
            "\nThe topic is the first that was seen. Compare it with one that a device listens on, on a Mac by"
        )?;
        writeln!(out, "  {MAC_COMMAND}\nand then, with what you read there:")?;
        writeln!(out, "  apnswatch pin confirm --tenant {} --topic TOPIC", shell(tenant.name.as_str()))?;
    }
    Ok(())
}

fn item(out: &mut dyn Write, text: &str) -> io::Result<()> {
    for (number, line) in words::wrap(&words::clean(text, 2000), 76).iter().enumerate() {
        writeln!(out, "{}{line}", if number == 0 { "  - " } else { "    " })?;
    }
    Ok(())
}

/// A word for a shell.
fn shell(word: &str) -> String {
    let word = words::clean(word, 256);
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if is_plain { word } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The blind spots of a tenant, each with what closes it.
fn open(tenant: &TenantReport, config: &Config, answers: &Answers) -> Vec<(Question, String)> {
    let account = match &answers.account {
        WhichAccount::Known(id) => shell(id),
        WhichAccount::New(_) | WhichAccount::Untold => ACCOUNT.to_owned(),
    };
    let settings = config.tenants.get(&tenant.name);
    let remedy = |question: Question| {
        let by_configuration = settings.and_then(|settings| gap(question, settings, config));
        by_configuration.unwrap_or_else(|| match question {
            // The configuration has all that it takes, and what is told must still come or be done.
            Question::Renewable => format!(
                "{}; what was done is said with apnswatch duty done DUTY --account {account}",
                tenant.not_renewable.unwrap_or("nobody said that it could be")
            ),
            Question::Arrival => "it is known when devices were heard; until then it is open".to_owned(),
            Question::WayOut => "the probes have the answer when their first rounds are over".to_owned(),
            Question::Expiry | Question::Lineage => "the source of it told nothing, as is said above".to_owned(),
        })
    };
    tenant.blind_spots.iter().map(|question| (*question, remedy(*question))).collect()
}

/// The same for programs.
pub(super) fn document(reading: &Reading, answers: &Answers, files: &[PathBuf], trial: &Trial) -> serde_json::Value {
    let Reading { config, report } = reading;
    let tenant = report.tenants.first();
    let open = tenant.map(|tenant| open(tenant, config, answers)).unwrap_or_default();
    let open = open.iter().map(|(question, remedy)| json!({ "question": question.as_str(), "remedy": remedy }));
    json!({
        "schema": "apnswatch.setup.v1",
        "tenant": answers.name,
        "mdm": answers.kind,
        "files": files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>(),
        "allowed": trial.allowed,
        "told": trial.told,
        "level": tenant.map(|tenant| tenant.level.as_str()),
        "phase": tenant.map(|tenant| tenant.phase.as_str()),
        "sentence": tenant.map(|tenant| unplaced(&tenant.sentence(), &answers.credentials)),
        "cannot_know": open.collect::<Vec<_>>(),
    })
}
