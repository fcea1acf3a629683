//! `certificate`: certificates that a person hands over, kept in the store as if they were files of the tenant.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::json;

use super::attest::{Case, Who, serial_of};
use super::{End, Scene};
use crate::attest::{found_in, of_kept};
use crate::model::Serial;
use crate::source::file;
use crate::store;
use crate::words::{clean, until};

/// `certificate`.
#[derive(Debug, Subcommand)]
pub(super) enum Certificate {
    /// Keep the certificate in FILE; without the private key, which is refused
    Add {
        #[command(flatten)]
        who: Who,
        /// The certificate, as the push portal gives it
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A remark to keep with it, such as a ticket
        #[arg(long)]
        note: Option<String>,
    },
    /// Print what is kept
    List,
    /// Keep it no more; that it was kept stays in the history
    Remove {
        #[command(flatten)]
        who: Who,
        /// The serial number of the certificate
        #[arg(long, value_parser = serial_of)]
        serial: Serial,
        /// Why
        #[arg(long)]
        note: Option<String>,
    },
}

/// Runs `certificate`.
pub(super) async fn run(scene: &Scene, command: Certificate) -> Result<u8, End> {
    match command {
        Certificate::Add { who, file, note } => {
            let shown = file::shown(&file);
            let bytes = file::read(&file).map_err(|failure| anyhow!("{}", failure.message))?;
            let found = found_in(&bytes, &shown).map_err(anyhow::Error::from)?;
            let mut case = Case::open(scene, &who).await?;
            let remembered = std::mem::take(&mut case.remembered);
            case.keep(note, |case| case.add_certificate(&found, |name| remembered.get(name))).await?;
        }
        Certificate::List => list(scene).await?,
        Certificate::Remove { who, serial, note } => {
            Case::open(scene, &who).await?.keep(note, |case| case.remove_certificate(&serial)).await?;
        }
    }
    Ok(0)
}

fn shown(serial: Option<&Serial>) -> String {
    serial.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

async fn list(scene: &Scene) -> Result<(), End> {
    let config = scene.load()?;
    let contents = store::peek(&config.store).await?.renamed(&config.renames(), scene.clock.now());
    let kept =
        contents.tenants.iter().flat_map(|(name, memory)| memory.kept().into_iter().map(move |kept| (name, kept)));
    let mut out = io::stdout().lock();
    if scene.json {
        let kept: Vec<_> = kept
            .map(|(name, kept)| {
                let found = of_kept(&kept);
                json!({
                    "tenant": name,
                    "sha256": kept.sha256,
                    "serial": found.as_ref().and_then(|found| found.serial.as_ref()),
                    "topic": found.as_ref().and_then(|found| found.topic()),
                    "not_after": found.as_ref().map(|found| found.not_after),
                    "by": kept.by,
                    "at": kept.at,
                })
            })
            .collect();
        writeln!(out, "{:#}", json!({ "schema": "apnswatch.certificates.v1", "certificates": kept }))?;
        return Ok(());
    }
    for (name, kept) in kept {
        let Some(found) = of_kept(&kept) else { continue };
        writeln!(
            out,
            "{}  {}  {}, added by {} on {}",
            clean(name.as_str(), 128),
            shown(found.serial.as_ref()),
            until(found.not_after, scene.clock.now()),
            clean(&kept.by, 128),
            kept.at.format("%Y-%m-%d")
        )?;
    }
    Ok(())
}
