//! The duties of a team with its Apple Accounts.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::Refusal;
use crate::config::Config;
use crate::model::{AccountId, DutyDone};

/// "This duty was done", on a day or just now.
///
/// # Errors
///
/// If there is no such account or duty, or the day has not come.
pub fn duty_done(
    config: &Config,
    account: &AccountId,
    duty: &str,
    on: Option<NaiveDate>,
    by: &str,
    now: DateTime<Utc>,
) -> Result<DutyDone, Refusal> {
    let Some(known) = config.accounts.get(account) else {
        return Err(Refusal::new(format!("no account has the id {account:?}")));
    };
    if !known.duties.contains_key(duty) {
        let names: Vec<&str> = known.duties.keys().map(String::as_str).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(Refusal::new(format!("account {account:?} has no duty {duty:?}; it has {names}")));
    }
    let at = on.map_or(now, |date| date.and_time(NaiveTime::MIN).and_utc());
    if at > now {
        return Err(Refusal::new(format!("{} is in the future", at.format("%Y-%m-%d"))));
    }
    Ok(DutyDone { duty: duty.to_owned(), at, by: by.to_owned(), note: None })
}
