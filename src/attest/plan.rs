//! A renewal that somebody takes on for a day.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Case, Kept, NAME, Refusal};
use crate::model::{Phase, PinChange, Plan, Statement, Tier};
use crate::words::clean;

/// Who will renew, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanWish {
    /// The day, in UTC.
    pub on: NaiveDate,
    /// Who.
    pub who: String,
}

impl Case<'_> {
    /// "Somebody will renew it on that day": keeps the present tier quiet until the day is over. `phase` and `not_after` are
    /// what is true of the tenant now.
    ///
    /// # Errors
    ///
    /// If there is nothing to keep quiet, the day is past, or it is too late.
    pub fn plan(&self, wish: PlanWish, phase: Phase, not_after: Option<DateTime<Utc>>) -> Result<Kept, Refusal> {
        let PlanWish { on, who } = wish;
        let who = clean(who.trim(), NAME);
        if who.is_empty() {
            return Err(Refusal::new("nobody is named who will renew it"));
        }
        let (Some(tier), Some(not_after)) = (Tier::of(phase), not_after) else {
            return Err(Refusal::new(match phase {
                Phase::Ok => "nothing is told of this certificate yet, so there is nothing to keep quiet".to_owned(),
                _ => format!("a certificate in the phase {phase} cannot wait for a day: nothing keeps that quiet"),
            }));
        };
        let today = self.now.date_naive();
        if on < today {
            return Err(Refusal::new(format!("{on} is past")));
        }
        if on >= not_after.date_naive() {
            return Err(Refusal::new(format!(
                "the certificate ends on {}: plan a day before that",
                not_after.format("%Y-%m-%d %H:%M UTC")
            )));
        }
        let told =
            format!("{:?} will be renewed on {on} by {who}. Only what is told now is quiet until then.", self.name);
        let plan = Plan { on, who, tier, not_after };
        Ok(Kept::of(Statement::RenewalPlanned(plan), PinChange::Keep, told))
    }

    /// "Nobody will renew it on the day that was said."
    #[must_use]
    pub fn unplan(&self) -> Kept {
        let told = format!("The renewal of {:?} is planned no more.", self.name);
        Kept::of(Statement::RenewalUnplanned, PinChange::Keep, told)
    }
}
