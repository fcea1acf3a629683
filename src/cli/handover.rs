//! `handover`: the sheet for the vault, written without a daemon and without asking anybody.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use super::{End, Scene};
use crate::app::{self, installation};
use crate::handover::{self, Handover, Scope, compose};

/// Options of `handover`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Write a page that needs nothing else, to be opened and printed anywhere, instead of text
    #[arg(long)]
    html: bool,
    /// Write it into this file, which only its owner may read; without it, to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take the place of the file if there is one
    #[arg(long, requires = "output")]
    replace: bool,
}

/// Writes the sheet.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    if options.html && scene.json {
        return Err(End::Usage("--html and --json exclude each other".to_owned()));
    }
    let config = scene.load()?;
    let (report, snapshot) = app::known_of_all(&config, &scene.clock).await?;
    for problem in &config.problems {
        writeln!(io::stderr(), "apnswatch: {problem}")?;
    }
    let installation = installation::of_command(&scene.config, &scene.environment, &config);
    let sheet = compose(&installation, &config, &report, &snapshot.tenants, Scope::Everything);
    let text = written(&sheet, &options, scene.json)?;
    match &options.output {
        None => io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => keep(path, &text, options.replace)?,
    }
    Ok(0)
}

fn written(sheet: &Handover, options: &Options, json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(sheet).context("the document cannot be written")?));
    }
    Ok(if options.html { handover::html::file(sheet) } else { handover::text(sheet) })
}

/// Writes a file at once or not at all, so that a full disk leaves the sheet before it. Its mode is 0600.
fn keep(path: &Path, text: &str, replace: bool) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let failed = || format!("cannot write {}", path.display());
    let mut draft = tempfile::NamedTempFile::new_in(folder).with_context(failed)?;
    draft.write_all(text.as_bytes()).with_context(failed)?;
    draft.as_file().sync_all().with_context(failed)?;
    if replace {
        draft.persist(path).map_err(|failure| failure.error).with_context(failed)?;
    } else {
        draft.persist_noclobber(path).map_err(|failure| failure.error).with_context(|| {
            format!("cannot write {} (one that is there is replaced with --replace only)", path.display())
        })?;
    }
    // The name is on disk when its folder is.
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)
}
