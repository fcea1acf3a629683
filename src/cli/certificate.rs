//! `certificate`: certificates that a person hands over, kept in the store as if they were files of the tenant.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Subcommand;
use serde_json::json;

use super::attest::{Case, Who, path_of, say, serial_of};
use super::{End, Scene};
use crate::certificate::preflight::newest;
use crate::certificate::{self, Certificate as Found};
use crate::model::{KeptCertificate, PinOrigin, Serial, Source, Statement, TenantName, Topic};
use crate::source::file;
use crate::store::{self, PinChange};
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
            let found = taken_from(&file)?;
            let case = Case::open(scene, &who).await?;
            let (name, kept) = (case.name.clone(), case.memory.kept());
            let said = format!(
                "{name:?}: the certificate with serial {}, which {}",
                shown(found.serial.as_ref()),
                until(found.not_after, scene.clock.now())
            );
            if kept.iter().any(|known| known.sha256 == found.sha256) {
                say(&format!("{said}, is kept already."))?;
                return Ok(0);
            }
            let pinned = case.expected().or_else(|| case.memory.pin.as_ref().map(|pin| &pin.topic));
            refuse_other(&found, pinned, &name)?;
            let statement =
                Statement::CertificateAdded { der: STANDARD.encode(&found.der), sha256: found.sha256.clone() };
            let counts = counts_at_once(&case, &kept);
            case.keep(statement, note, PinChange::Keep).await?;
            let more = if counts {
                "It is the first one that is known, so its end counts from now on, uploaded or not: if it is not in the MDM yet, \
                 take it away again (certificate remove) until it is."
            } else {
                "Whether the MDM has it is another question: see confirm."
            };
            say(&format!("{said}, is kept. {more}"))?;
        }
        Certificate::List => list(scene).await?,
        Certificate::Remove { who, serial, note } => {
            let case = Case::open(scene, &who).await?;
            let kept = case.memory.kept();
            let known = kept
                .iter()
                .find(|known| read(known).is_some_and(|found| found.serial.as_ref() == Some(&serial)))
                .with_context(|| format!("no certificate with serial {serial} is kept for {:?}", case.name))?;
            let (name, sha256, pinned) = (case.name.clone(), known.sha256.clone(), case.memory.pin.clone());
            case.keep(Statement::CertificateRemoved { sha256 }, note, PinChange::Keep).await?;
            say(&format!("{name:?}: the certificate with serial {serial} is kept no more."))?;
            if let Some(pin) = pinned.filter(|pin| pin.origin == PinOrigin::FirstSeen) {
                say(&format!(
                    "Its tenant still keeps the topic {}, taken at first sight. If that came from this certificate and is wrong, \
                     run pin forget.",
                    pin.topic
                ))?;
            }
        }
    }
    Ok(0)
}

/// Whether nothing stands in the way of a certificate's end: no file before it, and no MDM that tells its own.
fn counts_at_once(case: &Case<'_>, kept: &[KeptCertificate]) -> bool {
    let is_first = case.memory.sources.get(&Source::File).is_none_or(|files| files.seen.is_empty());
    is_first && kept.is_empty() && !case.mdm_tells()
}

/// The one push certificate of a file without a private key.
fn taken_from(path: &Path) -> anyhow::Result<Found> {
    let shown = file::shown(path);
    let bytes = file::read(path).map_err(|failure| anyhow!("{}", failure.message))?;
    let contents = certificate::read_public(&bytes)
        .map_err(|why| anyhow!("{shown}: {why}: hand over the certificate alone; nothing was kept"))?;
    let found = newest(&contents).with_context(|| {
        format!("{shown} {}, and no MDM push certificate; nothing was kept", contents.description())
    })?;
    if contents.push_certificates().any(|other| other.topic() != found.topic()) {
        bail!("{shown} holds certificates of several topics: hand over one; nothing was kept");
    }
    if found.topic().is_none() {
        bail!("{shown} holds a push certificate without a single topic; nothing was kept");
    }
    Ok(found.clone())
}

/// What is kept once stays in the history: a wrong one must not come in.
fn refuse_other(found: &Found, pinned: Option<&Topic>, name: &TenantName) -> anyhow::Result<()> {
    let (Some(topic), Some(pinned)) = (found.topic(), pinned) else { return Ok(()) };
    if topic == pinned {
        return Ok(());
    }
    bail!(
        "this certificate has the topic {topic}, and {name:?} must keep {pinned}: it is no renewal, and must not be \
         uploaded. Nothing was kept. apnswatch preflight says more"
    )
}

/// What a certificate that was handed over is.
pub(super) fn read(kept: &KeptCertificate) -> Option<Found> {
    let contents = certificate::read(&STANDARD.decode(&kept.der).ok()?);
    newest(&contents).cloned()
}

fn shown(serial: Option<&Serial>) -> String {
    serial.map_or_else(|| "unknown".to_owned(), ToString::to_string)
}

async fn list(scene: &Scene) -> Result<(), End> {
    let config = scene.load()?;
    let contents = store::peek(&path_of(&config)?).await?;
    let kept =
        contents.tenants.iter().flat_map(|(name, memory)| memory.kept().into_iter().map(move |kept| (name, kept)));
    let mut out = io::stdout().lock();
    if scene.json {
        let kept: Vec<_> = kept
            .map(|(name, kept)| {
                let found = read(&kept);
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
        let Some(found) = read(&kept) else { continue };
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
