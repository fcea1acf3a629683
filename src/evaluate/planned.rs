//! Whether somebody has taken the renewal on.

use chrono::{DateTime, TimeDelta, Utc};

use super::certificate::Known;
use crate::model::{Memory, Phase, Plan, Statement, Tier};

/// Two readings of one end may differ by this much: an estimate is one to the day.
const SAME_END: TimeDelta = TimeDelta::days(2);

/// A renewal that is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What was said.
    pub plan: Plan,
    /// Who said it.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// The plan that holds now. It ends with its day, with the certificate that it is about, and where a plan can keep nothing
/// quiet any more: whoever is late must be told.
pub(super) fn planned(memory: &Memory, phase: Phase, effective: Option<&Known>, now: DateTime<Utc>) -> Option<Planned> {
    Tier::of(phase)?;
    let end = effective?.not_after;
    let is_about = |statement: &&_| matches!(statement, Statement::RenewalPlanned(_) | Statement::RenewalUnplanned);
    let last = memory.attestations.iter().rev().find(|said| is_about(&&said.statement))?;
    let Statement::RenewalPlanned(plan) = &last.statement else { return None };
    let is_same = (end - plan.not_after).abs() <= SAME_END;
    // One that was made in the future was made by a clock that was wrong.
    let holds = is_same && last.at <= now && now < plan.until();
    holds.then(|| Planned { plan: plan.clone(), by: last.by.clone(), at: last.at })
}
