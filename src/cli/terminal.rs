//! The log, and what the terminal can show.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use super::{Common, LogFormat};

/// Starts the log on standard error. A daemon tells what it does; a command that a person waits for only what is wrong.
///
/// # Errors
///
/// If `--log-level` is no level and no filter.
pub(super) fn start_log(common: &Common, is_daemon: bool) -> Result<(), tracing_subscriber::filter::ParseError> {
    let usual = if is_daemon { "info" } else { "warn" };
    let filter = EnvFilter::builder().parse(common.log_level.as_deref().unwrap_or(usual))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(has_colour());
    match common.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}

/// Whether standard error shows colours: a terminal, and nobody who asked for none.
fn has_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
