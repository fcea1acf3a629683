//! `verify`: after the upload, is the renewal in effect?

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::attest::{Case, Who, not_watched};
use super::once::exit_of;
use super::{End, Scene};
use crate::app::{self, Verifying};
use crate::evaluate::verification::{State, Verification};
use crate::evaluate::{Level, TenantReport};
use crate::model::{Finding, HumanStep, Phase, Problem};
use crate::words::clean;

/// The `schema` of the JSON document.
const SCHEMA: &str = "apnswatch.verify.v1";

/// Between two looks at what costs more: check-ins and the way to Apple.
const THOROUGH: Duration = Duration::from_secs(60);

/// More than anybody waits for, and less than a clock can count.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Options of `verify`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    who: Who,
    /// How long to wait for what is not there yet, such as 30m
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration, default_value = "0s")]
    wait: Duration,
    /// How often to look meanwhile
    #[arg(long, value_name = "DURATION", value_parser = every_of, default_value = "15s")]
    every: Duration,
    /// Who saw the new end in the MDM's console; asked for where nobody says it and a person is there
    #[arg(long, value_name = "PERSON")]
    console_by: Option<String>,
    /// Who saw one iPhone or iPad answer a harmless command
    #[arg(long, value_name = "PERSON")]
    mobile_by: Option<String>,
    /// Who saw one Mac answer a harmless command
    #[arg(long, value_name = "PERSON")]
    mac_by: Option<String>,
}

fn every_of(text: &str) -> Result<Duration, String> {
    let every = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if every < Duration::from_secs(1) { Err("must be at least 1s".to_owned()) } else { Ok(every) }
}

/// Looks, waits, asks, prints the table, and says with the exit status how it stands.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    let config = scene.load()?;
    let name = options.who.tenant.clone();
    if config.tenants.get(&name).is_none_or(|tenant| tenant.retired) {
        return Err(End::Config(vec![Problem::new("tenants", not_watched(&name, &config))]));
    }
    let verifying = match Verifying::start(config, name, &scene.clock).await {
        Ok(verifying) => verifying,
        Err(app::Error::Config(problems)) => return Err(End::Config(problems)),
        Err(app::Error::Other(error)) => {
            let _ = writeln!(io::stderr(), "apnswatch: {error:#}");
            return Ok(exit_of(Some(Level::Unknown)));
        }
    };
    wait(&verifying, &options).await?;
    for (step, by) in said(&verifying, &options, scene)? {
        keep(scene, &options.who, &verifying, step, by).await?;
    }
    let (tenant, verification) = judged(&verifying)?;
    let mut out = io::stdout().lock();
    let printed = if scene.json {
        writeln!(out, "{:#}", document(&tenant, &verification))
    } else {
        table(&tenant, &verification, &mut out)
    };
    match printed {
        // Whoever reads has seen enough; how it stands stays as it is.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(exit_of(Some(level(&tenant, &verification)))),
    }
}

fn judged(verifying: &Verifying) -> Result<(TenantReport, Verification), End> {
    verifying.judge().ok_or_else(|| anyhow!("the tenant is not watched any more").into())
}

/// Nothing that a renewal can be asked covers what else is wrong: devices may be lost in another way. What has nothing to do with
/// a renewal and loses no device, such as a token that ends, stays out.
fn level(tenant: &TenantReport, verification: &Verification) -> Level {
    // Whoever renewed and did not upload, or did not say so, is not finished.
    let is_open = [Finding::RenewalUnconfirmed, Finding::RenewalNotUploaded, Finding::RenewalTooShort]
        .iter()
        .any(|finding| tenant.findings.contains_key(finding));
    let other = match (tenant.level, tenant.phase) {
        (Level::Critical, _) => Level::Critical,
        // What has to be renewed now was not renewed.
        (_, phase) if is_open || phase == Phase::Renew => Level::Warning,
        // The phase, for a token that ends would hide in the level that nobody knows the end of the certificate.
        (_, Phase::Unknown) | (Level::Unknown, _) => Level::Unknown,
        _ => Level::Ok,
    };
    verification.level().min(other)
}

/// Looks until there is nothing to wait for, the time is up, or somebody presses Ctrl-C.
async fn wait(verifying: &Verifying, options: &Options) -> Result<(), End> {
    let end = Instant::now() + options.wait.min(LONGEST);
    let is_terminal = io::stderr().is_terminal();
    let mut thorough = Instant::now();
    let mut told = String::new();
    loop {
        let thoroughly = Instant::now() >= thorough;
        if thoroughly {
            thorough = Instant::now() + THOROUGH;
        }
        tokio::select! {
            () = verifying.look(thoroughly) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
        let (_, verification) = judged(verifying)?;
        let left = end.saturating_duration_since(Instant::now());
        if told.is_empty() && !options.wait.is_zero() {
            announce(&verification);
        }
        if !verification.is_waiting() || left.is_zero() || verification.level() == Level::Critical {
            break;
        }
        let now = progress(&verification);
        if is_terminal {
            let _ = write!(
                io::stderr(),
                "\r\x1b[K{now}; {} left",
                humantime::format_duration(Duration::from_secs(left.as_secs()))
            );
        } else if now != told {
            let _ = writeln!(io::stderr(), "{now}");
        }
        told = now;
        tokio::select! {
            () = tokio::time::sleep(options.every.min(left)) => {}
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    if is_terminal && !told.is_empty() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    Ok(())
}

/// Says at once what waiting will not show. Whoever does not read on must not be told that all is well by the exit status,
/// so that a closed standard error ends nothing.
fn announce(verification: &Verification) {
    let mut err = io::stderr().lock();
    for check in verification.checks.iter().filter(|check| check.state == State::CannotTell) {
        let _ = writeln!(err, "{}: cannot be seen from here: {}", check.title, clean(&check.sentence, 1000));
    }
}

fn progress(verification: &Verification) -> String {
    let of = |state| verification.checks.iter().filter(move |check| check.state == state);
    let waiting: Vec<&str> = of(State::Waiting).map(|check| check.title).collect();
    format!("{} of {} seen, waiting for: {}", of(State::Good).count(), verification.checks.len(), waiting.join(", "))
}

/// What people say: by the options, and else, at a terminal, when asked.
fn said(verifying: &Verifying, options: &Options, scene: &Scene) -> Result<Vec<(HumanStep, String)>, End> {
    let (_, verification) = judged(verifying)?;
    let is_asked = !scene.json && io::stdin().is_terminal() && io::stderr().is_terminal();
    let mut out = Vec::new();
    for step in &verification.steps {
        let by = match step.step {
            HumanStep::Console => &options.console_by,
            HumanStep::Mobile => &options.mobile_by,
            HumanStep::Mac => &options.mac_by,
        };
        let is_open = step.said.is_none() && step.needless.is_none();
        let by = match by {
            Some(by) => Some(by.clone()),
            None if is_open && is_asked => ask(step.step)?,
            None => None,
        };
        out.extend(by.filter(|by| !by.trim().is_empty()).map(|by| (step.step, by.trim().to_owned())));
    }
    Ok(out)
}

fn ask(step: HumanStep) -> io::Result<Option<String>> {
    write!(io::stderr(), "Did somebody see that {}? Name, or Enter for not yet: ", step.sentence())?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(Some(answer))
}

/// Keeps what a person saw.
async fn keep(scene: &Scene, who: &Who, verifying: &Verifying, step: HumanStep, by: String) -> Result<(), End> {
    let mut case = Case::open(scene, who).await?;
    case.by = by;
    // This process has looked at the files just now; the daemon, whose memory is in the store, may not have.
    let file = verifying.newest_file();
    let (_, words) = case.keep_quietly(None, |case| Ok(case.verified(step, file))).await?;
    for word in words {
        verifying.hear(word);
    }
    Ok(())
}

fn table(tenant: &TenantReport, verification: &Verification, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}: {}", clean(tenant.name.as_str(), 128), clean(&tenant.sentence(), 2000))?;
    for check in &verification.checks {
        let state = match check.state {
            State::Good => "good",
            State::Waiting => "not yet",
            State::Bad => "BAD",
            State::CannotTell => "not seen",
        };
        writeln!(out, "  {:22}  {state:8}  {}", check.title, clean(&check.sentence, 1000))?;
    }
    for step in &verification.steps {
        let (state, more) = match (&step.said, step.needless) {
            (Some((by, at)), _) => {
                ("said", format!(", says {} on {}", clean(by, 128), at.format("%Y-%m-%d %H:%M UTC")))
            }
            (None, Some(why)) => ("needless", format!(": {why}")),
            (None, None) => ("open", format!(": look, and say so with --{}-by", step.step.as_str())),
        };
        writeln!(out, "  {:22}  {state:8}  {}{more}", "a person saw", step.step.sentence())?;
    }
    Ok(())
}

fn document(tenant: &TenantReport, verification: &Verification) -> Value {
    let checks = verification
        .checks
        .iter()
        .map(|check| json!({ "name": check.name, "state": check.state.as_str(), "sentence": check.sentence }));
    let steps = verification.steps.iter().map(|step| {
        let mut object = Map::new();
        object.insert("name".to_owned(), json!(step.step.as_str()));
        object.insert("needed".to_owned(), json!(step.needless.is_none()));
        if let Some((by, at)) = &step.said {
            object.insert("by".to_owned(), json!(by));
            object.insert("at".to_owned(), json!(crate::status::time(*at)));
        }
        Value::Object(object)
    });
    json!({
        "schema": SCHEMA,
        "tenant": tenant.name,
        "level": level(tenant, verification).as_str(),
        "sentence": tenant.sentence(),
        "checks": checks.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
    })
}
