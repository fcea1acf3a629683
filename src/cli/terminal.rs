//! The log, and what the terminal can show.

use std::io::IsTerminal;

use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{Common, LogFormat};

/// Starts the log on standard error. A daemon tells what it does; a command that a person waits for only what is wrong.
///
/// # Errors
///
/// If `--log-level` is no level and no filter.
pub(super) fn start_log(common: &Common, is_daemon: bool) -> Result<(), String> {
    let usual = if is_daemon { "info" } else { "warn" };
    let filter = filter(common.log_level.as_deref().unwrap_or(usual))?;
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::NONE)
        .with_ansi(has_colour());
    let registry = tracing_subscriber::registry();
    match common.log_format {
        LogFormat::Text => registry.with(layer.with_filter(filter)).init(),
        LogFormat::Json => registry.with(layer.json().with_filter(filter)).init(),
    }
    Ok(())
}

/// A level, or levels by the beginning of a target: `warn,apnswatch=debug`. Where nothing is said of a target, only errors
/// are told. `EnvFilter` could do more, and brings an engine for regular expressions along that nobody asked for.
fn filter(text: &str) -> Result<Targets, String> {
    if text.contains(['[', '{']) {
        return Err("spans and fields cannot be chosen by, only levels and targets".to_owned());
    }
    let directives: Vec<&str> = text.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    if directives.is_empty() {
        return Ok(Targets::new().with_default(LevelFilter::ERROR));
    }
    directives.join(",").parse().map_err(|error: tracing_subscriber::filter::ParseError| error.to_string())
}

/// Whether standard error shows colours: a terminal, and nobody who asked for none.
fn has_colour() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::filter::LevelFilter;

    use super::filter;

    #[test]
    fn a_level_holds_for_all_and_a_target_for_its_own() {
        let info = filter("info").unwrap();
        assert!(info.would_enable("hyper", &tracing::Level::INFO));
        assert!(!info.would_enable("apnswatch::store", &tracing::Level::DEBUG));
        let both = filter("warn, apnswatch::store=debug,").unwrap();
        assert!(both.would_enable("apnswatch::store::writer", &tracing::Level::DEBUG));
        assert!(!both.would_enable("apnswatch::web", &tracing::Level::INFO));
        assert!(both.would_enable("apnswatch::web", &tracing::Level::WARN));
        // What is said of one target only silences the others.
        assert!(!filter("apnswatch=debug").unwrap().would_enable("hyper", &tracing::Level::ERROR));
        assert_eq!(filter("off").unwrap().default_level(), Some(LevelFilter::OFF));
        assert!(!filter("").unwrap().would_enable("apnswatch", &tracing::Level::WARN));
        assert!(filter("").unwrap().would_enable("apnswatch", &tracing::Level::ERROR));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for wrong in ["a=b=c", "apnswatch=loud", "apnswatch[span]=info", "[{field}]=info"] {
            assert!(filter(wrong).is_err(), "{wrong}");
        }
    }
}
