//! The unit of systemd: started where it is installed, written beside the configuration where it is not.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::options::Options;
use super::spot::Spot;
use super::terminal::Terminal;
use crate::app::installation;
use crate::cli::place::{self, Rights};
use crate::cli::{CONFIG, End};

/// The unit as it is shipped.
const UNIT: &str = include_str!("../../../deploy/systemd/apnswatch.service");

/// Its user, for systemd-sysusers.
const USER: &str = include_str!("../../../deploy/systemd/apnswatch.sysusers");

/// Its line that starts the program.
const START: &str = "ExecStart=/usr/bin/apnswatch serve";

/// Offers what fits this machine.
pub(super) fn offer(terminal: &Terminal, spot: &Spot, options: &Options) -> Result<(), End> {
    let has_systemd = Path::new("/run/systemd/system").is_dir();
    let is_usual = spot.main == Path::new(CONFIG);
    if options.start || options.unit {
        return unasked(spot, options);
    }
    if has_systemd && is_usual && installation::unit().is_some() {
        if terminal.agrees("Start the service now, and at every boot?", true)? {
            start()?;
        }
        return Ok(());
    }
    let config = if is_usual { String::new() } else { format!(" --config {}", spot.main.display()) };
    terminal.list("Run it with: ", &format!("apnswatch{config} serve"))?;
    terminal.list("The page is then at: ", "http://127.0.0.1:12197/")?;
    if has_systemd && terminal.agrees("Write a unit of systemd beside the configuration?", false)? {
        unit(spot)?;
    }
    Ok(())
}

/// What the options say.
pub(super) fn unasked(spot: &Spot, options: &Options) -> Result<(), End> {
    if options.unit {
        unit(spot)?;
    }
    if options.start {
        start()?;
    }
    Ok(())
}

/// Becomes systemctl: there is nothing left to do but this.
fn start() -> Result<(), End> {
    let mut out = io::stdout().lock();
    writeln!(out, "The service is started. The page is then at http://127.0.0.1:12197/ on this machine.")?;
    writeln!(out, "If it does not start, journalctl -u apnswatch says why; the configuration is written.")?;
    out.flush()?;
    let why = std::process::Command::new("systemctl").args(["enable", "--now", "apnswatch.service"]).exec();
    Err(anyhow::Error::from(why).context("systemctl cannot be run").into())
}

/// Writes the unit, and says what to do with it.
fn unit(spot: &Spot) -> Result<(), End> {
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let path = spot.main.with_file_name("apnswatch.service");
    let store = spot.odd_store();
    let text = text(&program, &spot.main, store.as_deref())?;
    place::put(&path, text.as_bytes(), Rights::Config, false)?;
    let user = USER.lines().find(|line| line.starts_with("u ")).unwrap_or_default();
    let mut out = io::stdout().lock();
    writeln!(out, "Written: {}. To install it:", path.display())?;
    writeln!(out, "  sudo systemd-sysusers --inline '{user}'")?;
    writeln!(out, "  sudo chown -R root:apnswatch {0} && sudo chmod -R g+rX {0}", place::folder_of(&path).display())?;
    if let Some(store) = &store {
        writeln!(out, "  sudo chgrp apnswatch {0} && sudo chmod g+w {0}", store.display())?;
    }
    writeln!(out, "  sudo install -m 0644 {} /etc/systemd/system/apnswatch.service", path.display())?;
    writeln!(out, "  sudo systemctl enable --now apnswatch")?;
    Ok(())
}

/// The line of the unit below which it may be said what the service writes to.
const PROTECT: &str = "ProtectSystem=strict\n";

/// The shipped unit with this program and this configuration, and a store that is not in its own folder.
fn text(program: &Path, config: &Path, store: Option<&Path>) -> anyhow::Result<String> {
    // systemd.service(5): blanks separate, a percent sign begins a specifier.
    let word = |path: &Path| -> anyhow::Result<String> {
        let text = path.to_str().filter(|text| !text.contains(['"', '\\', '\n', '$']));
        let text = text.ok_or_else(|| anyhow!("{} cannot be named in a unit", path.display()))?;
        Ok(format!("\"{}\"", text.replace('%', "%%")))
    };
    let (program, config) = (word(program)?, word(config)?);
    let text = UNIT.replace(START, &format!("ExecStart={program} --config {config} serve"));
    let Some(store) = store else { return Ok(text) };
    Ok(text.replace(PROTECT, &format!("{PROTECT}# The store is here.\nReadWritePaths={}\n", word(store)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_unit_has_the_line_that_is_changed() {
        let text = text(Path::new("/opt/a b/apnswatch"), Path::new("/srv/50%/apnswatch.yaml"), None).unwrap();
        assert!(UNIT.contains(START) && UNIT.contains(PROTECT) && !text.contains("ReadWritePaths"));
        assert!(
            text.contains("\nExecStart=\"/opt/a b/apnswatch\" --config \"/srv/50%%/apnswatch.yaml\" serve\n"),
            "{text}"
        );
        assert!(super::text(Path::new("/opt/a\"b"), Path::new("/c"), None).is_err());
        let text = super::text(Path::new("/a"), Path::new("/srv/a/c.yaml"), Some(Path::new("/srv/a b"))).unwrap();
        assert!(text.contains("\nReadWritePaths=\"/srv/a b\"\n"), "{text}");
        assert!(USER.lines().any(|line| line.starts_with("u apnswatch ")));
    }
}
