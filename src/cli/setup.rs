//! `setup`: from nothing to a configuration that is known to work. Nothing is written before everything is known, and then
//! all of it or nothing.

mod answers;
mod held;
mod options;
mod questions;
mod reading;
mod service;
mod spot;
mod terminal;
mod trial;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::anyhow;
use tokio::signal::unix::{SignalKind, signal};

pub(super) use self::options::Options;
use self::questions::Interview;
use self::spot::Spot;
use self::terminal::Terminal;
use self::trial::Outcome;
use super::{End, Scene};

/// Asks, or takes everything from the options, and writes the configuration at the very end.
pub(super) async fn run(scene: &Scene, options: &Options) -> Result<u8, End> {
    if scene.json && !options.yes {
        return Err(End::Usage("--json takes --yes: questions are for people".to_owned()));
    }
    if scene.json && (options.unit || options.start) {
        return Err(End::Usage("--json takes neither --unit nor --start: what they say is for people".to_owned()));
    }
    let is_somebody_there = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !(options.yes || is_somebody_there) {
        return Err(End::Usage(
            "there is no terminal to ask on: give --yes, and everything else by options; apnswatch setup --help has them"
                .to_owned(),
        ));
    }
    // Once it is written, whatever ends the rest ends only that.
    let written = AtomicBool::new(false);
    let result = if options.yes {
        let work = unasked(scene, options, &written);
        tokio::select! { result = work => result, end = interrupted() => Err(end) }
    } else {
        let terminal = Terminal::open()?;
        let work = asked(scene, options, &terminal, &written);
        let result = tokio::select! { result = work => result, end = interrupted() => Err(end) };
        terminal.restore();
        if result.is_err() {
            writeln!(io::stdout().lock())?;
        }
        result
    };
    let nothing = "nothing was written";
    match result {
        Err(End::Other(error)) if !written.load(Ordering::Relaxed) && !format!("{error:#}").contains(nothing) => {
            Err(anyhow!("{error:#}; {nothing}").into())
        }
        Err(End::Other(error)) if written.load(Ordering::Relaxed) => {
            Err(anyhow!("{error:#}; the configuration is written").into())
        }
        result => result,
    }
}

/// Waits for whatever would end the process, so that the terminal can be set right first.
async fn interrupted() -> End {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals = Vec::new();
    for kind in kinds {
        match signal(kind) {
            Ok(signal) => signals.push(signal),
            Err(error) => return End::Other(error.into()),
        }
    }
    let waits = signals.iter_mut().map(|signal| Box::pin(signal.recv()));
    futures::future::select_all(waits).await;
    End::Other(anyhow!("interrupted"))
}

/// With a person at a terminal.
async fn asked(scene: &Scene, options: &Options, terminal: &Terminal, written: &AtomicBool) -> Result<u8, End> {
    let spot = Spot::find(scene)?;
    let interview = Interview { scene, options, terminal, spot: &spot };
    let answers = interview.answers().await?;
    terminal.gap()?;
    terminal.say("Now everything is asked once, as apnswatch once does it.")?;
    terminal.gap()?;
    let reading = reading::once(scene, &spot, &answers).await?;
    reading::show(&reading, &answers, &mut io::stdout().lock())?;
    terminal.gap()?;
    if !terminal.agrees(&format!("Write this to {}?", spot.file(&answers).display()), true).await? {
        return Err(anyhow!("as you wish").into());
    }
    let files = spot.write(scene, &answers)?;
    written.store(true, Ordering::Relaxed);
    terminal.gap()?;
    for file in &files {
        terminal.list(what(file), &file.display().to_string())?;
    }
    terminal.gap()?;
    service::offer(terminal, &spot, options).await?;
    Ok(0)
}

/// With options alone. A login that is refused or not reached ends it; a right that is missing is told.
async fn unasked(scene: &Scene, options: &Options, written: &AtomicBool) -> Result<u8, End> {
    let spot = Spot::find(scene)?;
    let answers = options.answers(&spot)?;
    let config = spot.staged(scene, &answers).map_err(|problems| refused(&problems))?;
    let Some(tenant) = config.tenants.get(&answers.name) else { return Err(anyhow!("the tenant is lost").into()) };
    let trial = trial::login(tenant, &answers.credentials, scene.clock.now()).await;
    {
        let mut err = io::stderr().lock();
        for sentence in &trial.told {
            writeln!(err, "apnswatch: {sentence}")?;
        }
    }
    if matches!(trial.outcome, Outcome::Refused | Outcome::Unreached) {
        return Err(anyhow!("the login was tried, and does not do").into());
    }
    let reading = reading::once(scene, &spot, &answers).await?;
    let files = spot.write(scene, &answers)?;
    written.store(true, Ordering::Relaxed);
    let mut out = io::stdout().lock();
    if scene.json {
        writeln!(out, "{:#}", reading::document(&reading, &answers, &files, &trial))?;
    } else {
        reading::show(&reading, &answers, &mut out)?;
        writeln!(out)?;
        for file in &files {
            writeln!(out, "{}{}", what(file), file.display())?;
        }
    }
    drop(out);
    service::unasked(&spot, options).await?;
    Ok(0)
}

/// What became of a file.
fn what(file: &std::path::Path) -> &'static str {
    if spot::is_kept_example(file) { "Kept: " } else { "Written: " }
}

/// Options that the configuration does not accept.
fn refused(problems: &[crate::model::Problem]) -> End {
    let told: Vec<String> = problems.iter().map(|problem| plain(problem).to_string()).collect();
    End::Usage(format!("{}\napnswatch: nothing was written", told.join("\napnswatch: ")))
}

/// A problem by its key alone: nobody wrote the file that it stands in.
fn plain(problem: &crate::model::Problem) -> crate::model::Problem {
    let key = problem.path.rsplit_once("tenants[0].").map_or(problem.path.as_str(), |(_, key)| key);
    let key = key.trim_start_matches("mdm.");
    // The tenant that is named behind it is the only one.
    let message = problem.message.rsplit_once(" (tenant ").map_or(problem.message.as_str(), |(message, _)| message);
    crate::model::Problem::new(key, message)
}
