//! The command line. Every command is a face: it shows what the library says, or keeps what a person says.

mod access;
mod attest;
mod certificate;
mod check;
mod completions;
mod daemon;
mod doctor;
mod drill;
mod duty;
mod guide;
mod handover;
mod import;
pub mod inspect;
mod letter;
mod once;
mod passwd;
mod place;
mod preflight;
mod setup;
mod terminal;
mod verify;
mod yaml;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::clock::Clock;
use crate::config::{self, Config};
use crate::model::Problem;
use crate::secret::{Secret, SecretFile};

/// Bad usage, or a bad configuration (`EX_USAGE` of sysexits).
const USAGE: u8 = 64;

/// Where the configuration is, if nobody says otherwise.
const CONFIG: &str = "/etc/apnswatch/apnswatch.yaml";

/// `--version`.
const VERSION: &str = crate::handover::VERSION;

/// Watches the APNs MDM push certificates that Apple device management depends on.
///
/// Renewed with the wrong Apple Account, or by "Create" instead of "Renew", the topic of such a certificate changes
/// and no enrolled device is reached any more, while the MDM stays green. apnswatch sees it coming.
#[derive(Debug, Parser)]
#[command(name = "apnswatch", version = VERSION, disable_help_subcommand = true)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The configuration file
    #[arg(short, long, global = true, env = "APNSWATCH_CONFIG", default_value = CONFIG, value_name = "FILE")]
    config: PathBuf,
    /// Print a document for programs instead of text
    #[arg(long, global = true)]
    json: bool,
    /// What is logged: error, warn, info, debug, trace, or a filter such as apnswatch=debug
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How it is logged
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    log_format: LogFormat,
}

/// `--log-format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Serve(daemon::Serve),
    /// Ask for the MDM, the login, the account and the certificate; try them, show the first reading, write a configuration
    ///
    /// A configuration that is there is never touched: where it reads tenant files, one is written beside it. With --yes
    /// nothing is asked, and the secret comes from a file or from standard input, never from an option. Exit status: 0, or 1
    /// with nothing written.
    Setup(setup::Options),
    /// Check the configuration strictly; print what would run and what each tenant cannot know
    CheckConfig,
    /// Ask each MDM what this login may read: allowed or denied, the privilege to add, what is lost without it
    ///
    /// Exit status: 0 all allowed, 1 something is lost, 2 the login or the read of the certificate is refused, 3 an MDM
    /// was not reached.
    Access(access::Options),
    /// Ask and probe everything once and print what is true now
    ///
    /// Exit status: 0 nothing to do, 1 something to do, 2 devices are or will be lost, 3 nobody can say.
    Once,
    /// Probe the way to Apple from here, once, and say in words what to ask the firewall team
    ///
    /// Exit status: 0 fine, 1 something to do, 2 pushes do not get out, 3 nobody can say. It speaks for this network only.
    Doctor,
    /// Say what each file is and what is in it
    ///
    /// Exit status: 0, or 2 if a file is unreadable, empty, or nothing that is known here.
    Inspect {
        /// The files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// A file with the password of PKCS#12 containers among them
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
    /// Say before the upload whether a new certificate is a renewal or a disaster
    ///
    /// Exit status: 0 a renewal, 1 a renewal with a warning, 2 do not upload, 3 cannot tell.
    Preflight(preflight::Options),
    /// Walk through the renewal, step by step
    ///
    /// With a tenant the steps name its account, its topic and its certificate; without one no configuration is needed.
    Guide(guide::Options),
    /// After the upload: wait for what machines can see of a renewal, and keep what people saw
    ///
    /// Exit status: 0 all is as it must be, 1 something is still open, 2 devices are or will be lost, 3 nobody can say.
    Verify(verify::Options),
    /// Read many tenants from a CSV file, and write them as one tenant file
    ///
    /// A dry run unless --write is given: it says of each tenant what it can and cannot know. A file with a mistake in it is
    /// refused whole. Exit status: 0, or 1 with nothing written.
    #[command(after_help = import::HELP)]
    Import(import::Options),
    /// Write the sheet for the vault: what a stranger needs when this machine is dead
    ///
    /// Accounts, ends, topics, and where everything lives; no secret. Reads the configuration and the store, asks nobody.
    /// Exit status: 0, or 1 with nothing written.
    Handover(handover::Options),
    /// The topic that a tenant must keep
    #[command(subcommand)]
    Pin(attest::Pin),
    /// Say that a renewed certificate was uploaded to the MDM, so that its end counts
    Confirm(attest::Confirm),
    /// Keep a certificate for a tenant that has no place for files
    #[command(subcommand)]
    Certificate(certificate::Certificate),
    /// What a team must do with its Apple Accounts, and when it was done
    #[command(subcommand)]
    Duty(duty::Duty),
    /// The monthly letter: what it would say now, and that somebody read it
    #[command(subcommand)]
    Letter(letter::Letter),
    /// Write an entry for `basic_auth_users` of a web configuration file
    ///
    /// Asks for the password twice; piped, it is the first line. Exit status: 0, or 1 with nothing written.
    Passwd {
        /// The name to log in with
        user: String,
    },
    /// Print what makes a shell complete these commands
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the JSON Schema of the configuration
    #[command(hide = true)]
    ConfigSchema,
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Manual {
        /// The folder
        folder: PathBuf,
    },
    /// Send an alert on purpose through the running daemon and the real route, so that it is proven before it is needed
    ///
    /// Exit status: 0, or 1 if no daemon shows it.
    Drill(drill::Options),
    /// Run the whole daemon against simulated MDMs and a simulated Apple on loopback
    Demo(daemon::Demo),
}

/// What a command needs from around it.
#[derive(Debug)]
struct Scene {
    config: PathBuf,
    json: bool,
    environment: BTreeMap<String, String>,
    clock: Clock,
}

/// How a command ends when it does not end well.
#[derive(Debug)]
enum End {
    /// The configuration is wrong.
    Config(Vec<Problem>),
    /// The arguments contradict the configuration.
    Usage(String),
    /// Anything else, with a sentence for the person.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for End {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<crate::app::Error> for End {
    fn from(error: crate::app::Error) -> Self {
        match error {
            crate::app::Error::Config(problems) => Self::Config(problems),
            crate::app::Error::Other(error) => Self::Other(error),
        }
    }
}

impl From<crate::store::Error> for End {
    fn from(error: crate::store::Error) -> Self {
        Self::Other(error.into())
    }
}

/// Runs the program: reads the arguments, does what they say, gives the exit status.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no error.
            let status = if error.use_stderr() { USAGE } else { 0 };
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    let Arguments { common, command } = arguments;
    if let Err(error) = terminal::start_log(&common, matches!(command, Command::Serve(_) | Command::Demo(_))) {
        let _ = writeln!(io::stderr(), "apnswatch: --log-level: {error}");
        return ExitCode::from(USAGE);
    }
    let scene = Scene {
        config: common.config,
        json: common.json,
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        clock: Clock::system(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = writeln!(io::stderr(), "apnswatch: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(run(&scene, command));
    // A read that hangs on a dead network file system must not hold up the end.
    runtime.shutdown_background();
    match result {
        Ok(status) => ExitCode::from(status),
        Err(End::Config(problems)) => {
            let mut stderr = io::stderr().lock();
            for problem in &problems {
                let _ = writeln!(stderr, "apnswatch: {}", located(problem, &scene.config));
            }
            ExitCode::from(USAGE)
        }
        Err(End::Usage(message)) => {
            let _ = writeln!(io::stderr(), "apnswatch: {message}");
            ExitCode::from(USAGE)
        }
        // Whoever reads the output has seen enough.
        Err(End::Other(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(End::Other(error)) => {
            let _ = writeln!(io::stderr(), "apnswatch: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(scene: &Scene, command: Command) -> Result<u8, End> {
    match command {
        Command::Serve(options) => daemon::serve(scene, options).await,
        Command::Setup(options) => setup::run(scene, &options),
        Command::CheckConfig => check::run(scene),
        Command::Access(options) => access::run(scene, options).await,
        Command::Once => once::run(scene).await,
        Command::Doctor => doctor::run(scene).await,
        Command::Inspect { files, password_file } => {
            let password = password_in(password_file.as_deref())?;
            let mut out = io::BufWriter::new(io::stdout().lock());
            let status = inspect::run(&files, password.as_ref(), scene.json, scene.clock.now(), &mut out)?;
            out.flush()?;
            Ok(status)
        }
        Command::Preflight(options) => preflight::run(scene, options).await,
        Command::Verify(options) => verify::run(scene, options).await,
        Command::Guide(options) => guide::run(scene, options).await,
        Command::Import(options) => import::run(scene, &options),
        Command::Handover(options) => handover::run(scene, options).await,
        Command::Pin(command) => attest::pin(scene, command).await,
        Command::Confirm(command) => attest::confirm(scene, command).await,
        Command::Certificate(command) => certificate::run(scene, command).await,
        Command::Duty(command) => duty::run(scene, command).await,
        Command::Letter(command) => letter::run(scene, command).await,
        Command::Passwd { user } => passwd::run(scene, &user),
        Command::Completions { shell } => completions::run(shell),
        Command::ConfigSchema => completions::schema(),
        Command::Manual { folder } => completions::manual(&folder),
        Command::Drill(options) => drill::run(scene, options).await,
        Command::Demo(options) => daemon::demo(scene, options).await,
    }
}

/// The password in a file.
fn password_in(path: Option<&std::path::Path>) -> Result<Option<Secret>, End> {
    let Some(path) = path else { return Ok(None) };
    let password = SecretFile::of_container(path).read().map_err(|failure| End::Usage(failure.message))?;
    if password.expose_str().is_none() {
        return Err(End::Usage(format!("the password in {} is not UTF-8", path.display())));
    }
    Ok(Some(password))
}

impl Scene {
    /// The present moment, for what is kept with a date. Nobody's word is dated by a clock that cannot be right.
    fn now(&self) -> Result<chrono::DateTime<chrono::Utc>, End> {
        let moment = self.clock.moment();
        if moment.is_plausible() {
            return Ok(moment.now);
        }
        Err(anyhow::anyhow!("the clock of this machine says {}, which cannot be right; set it first", moment.now)
            .into())
    }

    fn load(&self) -> Result<Config, End> {
        config::load(&self.config, &self.environment, None).map_err(End::Config)
    }
}

/// A problem with the file it is in. A problem of the whole file says its path itself.
fn located(problem: &Problem, config: &std::path::Path) -> String {
    let file = config.display().to_string();
    if problem.path.contains(&file) || problem.path.starts_with('/') {
        problem.to_string()
    } else {
        format!("{file}: {problem}")
    }
}

/// The command, for those who draw its help or its completions.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
