//! `duty`: what a team did with its Apple Accounts, kept in the store.

use std::io::{self, Write};

use anyhow::anyhow;
use chrono::{DateTime, NaiveDate, Utc};
use clap::Subcommand;

use super::attest::person;
use super::{End, Scene};
use crate::attest::duty_done;
use crate::evaluate::account;
use crate::model::{AccountId, DutyDone};
use crate::store::{self, Desk};
use crate::words;

/// `duty`.
#[derive(Debug, Subcommand)]
pub(super) enum Duty {
    /// Print every duty and when it is due
    List,
    /// Say that a duty was done
    Done {
        /// The id of the account
        #[arg(long, value_name = "ID")]
        account: String,
        /// The duty, such as `sign_in`
        #[arg(value_name = "DUTY")]
        duty: String,
        /// The day on which it was done, if not today
        #[arg(long, value_name = "DATE")]
        on: Option<NaiveDate>,
        /// Who did it, if not the user of the operating system
        #[arg(long, value_name = "PERSON")]
        by: Option<String>,
        /// A remark to keep with it
        #[arg(long)]
        note: Option<String>,
    },
}

/// Runs `duty`.
pub(super) async fn run(scene: &Scene, command: Duty) -> Result<u8, End> {
    let config = scene.load()?;
    match command {
        Duty::List => {
            let done = store::peek(&config.store).await?.duties;
            let now = scene.clock.now();
            let reports: Vec<account::AccountReport> = config
                .accounts
                .iter()
                .map(|(id, account)| account::report(id, account, done.get(id).map_or(&[][..], Vec::as_slice), now))
                .collect();
            list(&reports, now, scene.json, &mut io::stdout().lock())?;
        }
        Duty::Done { account, duty, on, by, note } => {
            let id = AccountId::parse(&account).map_err(|problem| anyhow!("--account {problem}"))?;
            let by = person(scene, by.as_deref());
            let done = duty_done(&config, &id, &duty, on, &by, scene.now()?).map_err(anyhow::Error::from)?;
            let (done, at) = (DutyDone { note, ..done }, done.at);
            let mut desk = Desk::open(&config.store).await?;
            desk.do_duty(&id, &done).await?;
            desk.close().await;
            writeln!(
                io::stdout().lock(),
                "{duty} of account {id:?} was done on {}, says {}.",
                at.format("%Y-%m-%d"),
                words::clean(&by, 128)
            )?;
        }
    }
    Ok(0)
}

fn list(reports: &[account::AccountReport], now: DateTime<Utc>, json: bool, out: &mut dyn Write) -> io::Result<()> {
    if json {
        let accounts: Vec<serde_json::Value> = reports.iter().map(crate::status::account).collect();
        return writeln!(out, "{:#}", serde_json::json!({ "schema": "apnswatch.duties.v1", "accounts": accounts }));
    }
    for report in reports {
        for (name, duty) in &report.duties {
            let due = duty.due.format("%Y-%m-%d");
            let state = if duty.due <= now { "overdue" } else { "in time" };
            let last = duty.done.map_or_else(|| "never".to_owned(), |done| done.format("%Y-%m-%d").to_string());
            let by = duty.by.as_ref().map(|by| format!(" by {}", words::clean(by, 128))).unwrap_or_default();
            writeln!(out, "{}  {name}  due {due} ({state}), last done {last}{by}", report.id)?;
        }
    }
    Ok(())
}
