//! `import`: many tenants from a CSV file, as one tenant file. Nothing is asked of anybody.

mod columns;
mod report;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;

pub(super) use self::columns::HELP;
use self::columns::Sheet;
use super::{End, Scene, place};
use crate::config::{self, Config, Draft};
use crate::model::Problem;

/// More than this is no list of tenants.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Options of `import`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The CSV file, with a header
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// Write the tenant file; without this it is a dry run, which writes nothing
    #[arg(long)]
    write: bool,
    /// The tenant file to write; otherwise it has the name of the CSV file, in the first place that `tenant_files` names
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Take the place of the tenant file if there is one
    #[arg(long)]
    replace: bool,
}

/// Checks a file of tenants, and writes it where the configuration reads it.
pub(super) fn run(scene: &Scene, options: &Options) -> Result<u8, End> {
    let config = scene.load()?;
    let main = std::path::absolute(&scene.config)?;
    let target = target(&config, options)?;
    let shown = target.strip_prefix(main.parent().unwrap_or(&main)).unwrap_or(&target);
    // What is wrong elsewhere would be told as if it were the new tenants'. That the file itself is bad, or not there yet, is
    // about to change.
    let others = |problem: &Problem| !problem.path.starts_with(&*shown.to_string_lossy());
    let others: Vec<Problem> = config.problems.into_iter().filter(others).collect();
    if !others.is_empty() {
        return Err(End::Config(others));
    }
    if target.exists() && !options.replace {
        return Err(anyhow!(
            "{} exists and is not touched: take another one with --output, or replace it with --replace; nothing was \
             written",
            target.display()
        )
        .into());
    }
    let sheet = Sheet::parse(&read(&options.file)?).map_err(|problems| refused(&options.file, &problems))?;
    let yaml = sheet.yaml(&options.file);
    let draft = Draft { path: &target, text: &yaml };
    let whole = config::load_with(draft, &main, &scene.environment).map_err(End::Config)?;
    if !whole.problems.is_empty() {
        return Err(refused(&options.file, &sheet.in_lines(&whole.problems, shown)));
    }
    let written = options.write;
    if written {
        place::put(&target, yaml.as_bytes(), place::Rights::Config, options.replace)?;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let names = whole.tenant_files.get(&target).map(Vec::as_slice).unwrap_or_default();
    let tenants: Vec<_> = names.iter().filter_map(|name| whole.tenants.get(name)).collect();
    let what = report::Import { config: &whole, tenants: &tenants, file: &options.file, target: &target, written };
    if scene.json { report::document(&what, &mut out) } else { report::text(&what, &mut out) }?;
    out.flush()?;
    Ok(0)
}

/// Where the tenants will stand: a path that `tenant_files` names.
fn target(config: &Config, options: &Options) -> anyhow::Result<PathBuf> {
    if config.tenant_file_patterns.is_empty() {
        bail!(
            "the configuration reads no tenant files: put tenant_files: [tenants.d/*.yaml] into it first; nothing was \
             written"
        );
    }
    let target = match &options.output {
        Some(path) => std::path::absolute(path)?,
        None => {
            let stem = options.file.file_stem().unwrap_or_default().to_string_lossy();
            place::tenant_file(config, &stem).ok_or_else(|| {
                anyhow!(
                    "no file of that name fits tenant_files: say with --output which one to write; nothing was written"
                )
            })?
        }
    };
    if !config.reads(&target) {
        bail!("{} would not be read: tenant_files does not name it; nothing was written", target.display());
    }
    if target == std::path::absolute(&options.file)? {
        bail!("{} is the file that is read; nothing was written", target.display());
    }
    Ok(target)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let cannot = || format!("cannot read {}; nothing was written", path.display());
    // Asked before opening, because opening a named pipe would wait for its other end.
    let metadata = fs::metadata(path).with_context(cannot)?;
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(anyhow!("it is not a regular file of 16 MiB at most")).with_context(cannot);
    }
    fs::read(path).with_context(cannot)
}

/// The whole file is refused, with every line that is wrong.
fn refused(file: &Path, problems: &[Problem]) -> End {
    let mut told: Vec<String> = problems.iter().map(|problem| format!("{}: {problem}", file.display())).collect();
    told.push("nothing was written".to_owned());
    End::Other(anyhow!(told.join("\napnswatch: ")))
}
