//! Whether the topic that must stay was made another one on purpose, lately.

use chrono::{DateTime, TimeDelta, Utc};

use super::report::Moment;
use crate::model::{Memory, Statement, Topic};
use crate::words::{clean, span};

/// For so long a change is shown to everybody: whoever looks once a week sees it.
const SHOWN: TimeDelta = TimeDelta::days(7);

/// So many are shown of one tenant, the latest first; the history has all.
const MOST: usize = 8;

/// The most characters of a name.
const NAME: usize = 128;

/// The most characters of a reason.
const REASON: usize = 1000;

/// A person made another topic the one that must stay, or had it forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinChanged {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
    /// The topic that it became; `None`: it was forgotten, and the next one seen is taken.
    pub topic: Option<Topic>,
    /// The topic before.
    pub before: Topic,
    /// Why, in that person's words.
    pub reason: Option<String>,
}

impl PinChanged {
    /// In words: lower case, no full stop, fit for a terminal.
    #[must_use]
    pub fn sentence(&self, now: DateTime<Utc>) -> String {
        let what = if self.topic.is_some() { "changed" } else { "forgotten" };
        let by = clean(&self.by, NAME);
        let when = match now - self.at {
            passed if passed >= TimeDelta::zero() => format!("{} ago", span(passed)),
            // A clock was wrong, then or now.
            _ => format!("on {}", self.at.format("%Y-%m-%d")),
        };
        let reason = self.reason.as_ref().map(|reason| format!(": {}", clean(reason, REASON))).unwrap_or_default();
        let after = self.topic.as_ref().map(|topic| format!(", and it became {topic}")).unwrap_or_default();
        format!("the topic was {what} by {by} {when}{reason}; before it was {}{after}", self.before)
    }
}

/// The changes that are shown now, the latest first. One that was dated by a clock that was ahead is shown, too, and while this
/// clock cannot be right, every one.
pub(super) fn changed(memory: &Memory, moment: Moment) -> Vec<PinChanged> {
    // Whoever speaks next after it was forgotten knows of no topic before. Between other words the configuration may have
    // changed it, which is nobody's word.
    let mut forgotten: Option<&Topic> = None;
    let mut changes = Vec::new();
    for said in &memory.attestations {
        let (topic, before) = match &said.statement {
            Statement::PinSet { topic, before } => (Some(topic), before.as_ref().or(forgotten)),
            Statement::PinConfirmed { topic } => (Some(topic), forgotten),
            Statement::PinForgotten { topic } => (None, Some(topic)),
            _ => continue,
        };
        let is_shown = !moment.is_plausible() || moment.now - said.at < SHOWN;
        if let Some(before) = before.filter(|before| is_shown && topic != Some(*before)) {
            changes.push(PinChanged {
                at: said.at,
                by: said.by.clone(),
                topic: topic.cloned(),
                before: before.clone(),
                reason: said.note.clone(),
            });
        }
        forgotten = before.filter(|_| topic.is_none());
    }
    changes.reverse();
    changes.truncate(MOST);
    changes
}
