//! A renewal that somebody takes on for a day.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{Case, Kept, NAME, Refusal};
use crate::model::{Phase, PinChange, Plan, Statement, Tier};
use crate::words::clean;

/// So much must be left when the day is over: whoever is late is told then, and must have the time to act.
const LEFT: TimeDelta = TimeDelta::days(2);

/// Who will renew, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanWish {
    /// The day, in UTC.
    pub on: NaiveDate,
    /// Who.
    pub who: String,
    /// What the person was shown to be told now, if that is known.
    pub tier: Option<Tier>,
}

/// The last day for which the renewal of a certificate that ends then can be planned.
#[must_use]
pub fn last_day(not_after: DateTime<Utc>) -> Option<NaiveDate> {
    // The first midnight that leaves too little ends the day after it.
    (not_after - LEFT).date_naive().pred_opt()
}

impl Case<'_> {
    /// "Somebody will renew it on that day": keeps the present tier quiet until the day is over. `phase` and `not_after` are
    /// what is true of the tenant now.
    ///
    /// # Errors
    ///
    /// If there is nothing to keep quiet, the day is past, or it is too late.
    pub fn plan(&self, wish: PlanWish, phase: Phase, not_after: Option<DateTime<Utc>>) -> Result<Kept, Refusal> {
        let PlanWish { on, who, tier: shown } = wish;
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
        if shown.is_some_and(|shown| shown != tier) {
            return Err(Refusal::new(format!(
                "the certificate came into the phase {phase} meanwhile, and nobody was asked about that: look again"
            )));
        }
        let today = self.now.date_naive();
        if on < today {
            return Err(Refusal::new(format!("{on} is past")));
        }
        if last_day(not_after).is_none_or(|last| on > last) {
            return Err(Refusal::new(format!(
                "the certificate ends on {}: plan a day before that, with two days in between, so that whoever is late is \
                 told in time; or renew it now",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_day_leaves_two_days_and_no_more_than_it_must() {
        for (end, last) in [
            ("2027-03-20T00:00:00Z", "2027-03-17"),
            ("2027-03-20T00:00:01Z", "2027-03-17"),
            ("2027-03-20T23:59:59Z", "2027-03-17"),
            ("2027-03-21T00:00:00Z", "2027-03-18"),
        ] {
            let end: DateTime<Utc> = end.parse().unwrap();
            let last: NaiveDate = last.parse().unwrap();
            assert_eq!(last_day(end), Some(last), "{end}");
            let plan = |on| Plan { on, who: "sam".to_owned(), tier: Tier::Warning, not_after: end }.until();
            assert!(plan(last) + LEFT <= end && plan(last.succ_opt().unwrap()) + LEFT > end, "{end}");
        }
    }
}
