//! `setup`: from nothing to a configuration that is known to work. Nothing is written before everything is known, and then
//! all of it or nothing.

mod answers;
mod held;
mod notices;
mod options;
mod questions;
mod reading;
mod service;
mod spot;
mod terminal;
mod trial;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::anyhow;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use self::answers::Answers;
pub(super) use self::options::Options;
use self::questions::Interview;
use self::spot::Spot;
use self::terminal::Terminal;
use self::trial::Outcome;
use super::{End, Scene};

/// Asks, or takes everything from the options, and writes the configuration at the very end.
pub(super) fn run(scene: &Scene, options: &Options) -> Result<u8, End> {
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
    let state = State::default();
    let terminal = if options.yes { None } else { Some(Terminal::open()?) };
    // Beside the work, which waits for a person and for vendors.
    tokio::spawn(interrupted(state.clone(), terminal.clone()));
    let result = tokio::task::block_in_place(|| match &terminal {
        Some(terminal) => asked(scene, options, terminal, &state),
        None => unasked(scene, options, &state),
    });
    if let Some(terminal) = &terminal {
        terminal.restore();
        if result.is_err() {
            writeln!(io::stdout().lock())?;
        }
    }
    match result {
        Err(End::Other(error)) => Err(anyhow!("{}", state.told(&error)).into()),
        result => result,
    }
}

/// Whether everything is written; held while it is being written, so that nothing ends it half way.
#[derive(Clone, Debug, Default)]
struct State(Arc<Mutex<bool>>);

impl State {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error, with what it means for what is written.
    fn told(&self, error: &anyhow::Error) -> String {
        let told = format!("{error:#}");
        let end = if *self.lock() { "the configuration is written" } else { "nothing was written" };
        if told.contains(end) { told } else { format!("{told}; {end}") }
    }

    /// Writes everything.
    fn write(&self, scene: &Scene, spot: &Spot, answers: &Answers) -> Result<Vec<PathBuf>, End> {
        let mut is_written = self.lock();
        let files = spot.write(scene, answers)?;
        *is_written = true;
        Ok(files)
    }
}

/// Waits for whatever would end the process, and ends it with the terminal set right.
async fn interrupted(state: State, terminal: Option<Terminal>) {
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal);
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hang_up)] = signals else { return };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    let told = state.told(&anyhow!("interrupted"));
    // Held to the end: nothing begins to be written any more.
    let _held = state.lock();
    if let Some(terminal) = terminal {
        terminal.restore();
        let _ = writeln!(io::stdout().lock());
    }
    let _ = writeln!(io::stderr(), "apnswatch: {told}");
    std::process::exit(1);
}

/// With a person at a terminal.
fn asked(scene: &Scene, options: &Options, terminal: &Terminal, state: &State) -> Result<u8, End> {
    let spot = Spot::find(scene)?;
    // Before anything is asked, rather than at the end.
    options.notices(&spot)?;
    let interview = Interview { scene, options, terminal, spot: &spot };
    let mut answers = interview.answers()?;
    terminal.gap()?;
    terminal.say("Now everything is asked once, as apnswatch once does it.")?;
    terminal.gap()?;
    let reading = reading::once(scene, &spot, &answers)?;
    reading::show(&reading, &answers, &mut io::stdout().lock())?;
    interview.notices(&mut answers)?;
    terminal.gap()?;
    if !terminal.agrees(&format!("Write this to {}?", spot.file(&answers).display()), true)? {
        return Err(anyhow!("as you wish").into());
    }
    let files = state.write(scene, &spot, &answers)?;
    terminal.gap()?;
    for file in &files {
        terminal.list(what(file), &file.display().to_string())?;
    }
    terminal.gap()?;
    service::offer(terminal, &spot, options)?;
    Ok(0)
}

/// With options alone. A login that is refused or not reached ends it; a right that is missing is told.
fn unasked(scene: &Scene, options: &Options, state: &State) -> Result<u8, End> {
    let spot = Spot::find(scene)?;
    let answers = options.answers(&spot)?;
    let config = spot.staged(scene, &answers).map_err(|problems| refused(&problems))?;
    let Some(tenant) = config.tenants.get(&answers.name) else { return Err(anyhow!("the tenant is lost").into()) };
    let trial = Handle::current().block_on(trial::login(tenant, &answers.credentials, scene.clock.now()));
    {
        let mut err = io::stderr().lock();
        for sentence in &trial.told {
            writeln!(err, "apnswatch: {sentence}")?;
        }
    }
    if matches!(trial.outcome, Outcome::Refused | Outcome::Unreached) {
        return Err(anyhow!("the login was tried, and does not do").into());
    }
    if let (Some(notices), true) = (&answers.notices, options.test_notice) {
        let sent = Handle::current().block_on(notices::send(&config, notices, scene.clock.now()));
        if let Err(untaken) = sent {
            return Err(anyhow!("{}", untaken.sentence.trim_end_matches('.')).into());
        }
    }
    let reading = reading::once(scene, &spot, &answers)?;
    let files = state.write(scene, &spot, &answers)?;
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
    service::unasked(&spot, options)?;
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
    let key = key.strip_prefix("notify.").and_then(|way| way.split_once('.')).map_or(key, |(_, key)| key);
    // The tenant that is named behind it is the only one.
    let message = problem.message.rsplit_once(" (tenant ").map_or(problem.message.as_str(), |(message, _)| message);
    crate::model::Problem::new(key, message)
}
