//! `letter`: what the monthly letter would say now, and that somebody read it.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::Subcommand;
use serde_json::{Value, json};

use super::attest::person;
use super::{End, Scene};
use crate::app;
use crate::attest::letter_read;
use crate::evaluate::letter::report;
use crate::notify::letter::{Occasion, Text, compose};
use crate::status;
use crate::store::Desk;
use crate::words;

/// `letter`.
#[derive(Debug, Subcommand)]
pub(super) enum Letter {
    /// Print who confirmed the last letter, and what one would say now. Reads the store, asks nobody, sends nothing
    Show,
    /// Say that you read the letter
    Confirm {
        /// The code that stands in the letter, such as 3-7f2c81d4
        #[arg(value_name = "CODE")]
        code: String,
        /// Who read it, if not the user of the operating system
        #[arg(long, value_name = "PERSON")]
        by: Option<String>,
    },
}

/// Runs `letter`.
pub(super) async fn run(scene: &Scene, command: Letter) -> Result<u8, End> {
    match command {
        Letter::Show => show(scene).await,
        Letter::Confirm { code, by } => confirm(scene, &code, by.as_deref()).await,
    }
}

async fn show(scene: &Scene) -> Result<u8, End> {
    let config = scene.load()?;
    let (report, _) = app::known_of_all(&config, &scene.clock).await?;
    let Text { title, body } = compose(&config, &report, Occasion { letter: None, host: "" });
    let mut out = io::stdout().lock();
    if scene.json {
        let state = report.letter.as_ref().map(status::letter::object);
        let mut document = json!({ "schema": "apnswatch.letter.v1", "title": title, "text": body.join("\n\n") });
        if let (Some(state), Value::Object(document)) = (state, &mut document) {
            document.insert("letter".to_owned(), state);
        }
        writeln!(out, "{document:#}")?;
        return Ok(0);
    }
    match &report.letter {
        Some(letter) => {
            for sentence in letter.sentences(report.now) {
                writeln!(out, "{sentence}")?;
            }
            let to: Vec<String> = letter.to.iter().map(|to| words::clean(to, 256)).collect();
            writeln!(out, "The next one goes to {}.", to.join(", "))?;
        }
        None => writeln!(out, "No letter is sent: notify.letter is not set.")?,
    }
    writeln!(out, "\n{}", body.join("\n\n"))?;
    Ok(0)
}

async fn confirm(scene: &Scene, code: &str, by: Option<&str>) -> Result<u8, End> {
    let config = scene.load()?;
    let (by, now) = (person(scene, by), scene.now()?);
    let mut desk = Desk::open(&config.store).await?;
    let letters = desk.load().await?.letters;
    let report = config.letter().map(|settings| report(&letters, settings, scene.clock.moment()));
    let said = letter_read(report.as_ref(), code, &by, now).map_err(|why| anyhow!(why))?;
    let mut out = io::stdout().lock();
    match said {
        Some(event) => {
            desk.tell_letter(&event).await?;
            writeln!(out, "Kept: the letter was read, says {}.", words::clean(&by, 128))?;
        }
        None => writeln!(out, "It was confirmed already.")?,
    }
    desk.close().await;
    Ok(0)
}
