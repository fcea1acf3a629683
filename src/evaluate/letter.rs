//! The monthly letter: when one is due, who confirmed the last, and whether nobody did.
//!
//! A reader has [`PATIENCE`] from when the mail server took the letter; one that no server takes waits from when it was due. Only the
//! word of a reader of the newest letter ends that: neither a new letter, nor a restart, nor a confirmation of an old one does.

use chrono::{DateTime, TimeDelta, Utc};

use super::report::Moment;
use crate::config::notify;
use crate::model::LetterEvent;
use crate::words;

/// For so long a letter waits to be confirmed before anybody is alarmed.
pub const PATIENCE: TimeDelta = TimeDelta::days(14);

/// What is dated later than this from now was dated by a clock that was wrong.
const SKEW: TimeDelta = TimeDelta::hours(1);

/// Whoever edits the readers several times gets one letter for it.
const SETTLE: TimeDelta = TimeDelta::minutes(10);

/// One letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its number.
    pub number: u32,
    /// What stands in it and nowhere else that people look.
    pub code: String,
    /// When it became due.
    pub due: DateTime<Utc>,
    /// When the mail server took it, as far as anybody knows.
    pub sent: Option<DateTime<Utc>>,
    /// To whom it went.
    pub to: Vec<String>,
    /// Whether it, or a later one, was confirmed.
    pub is_confirmed: bool,
}

impl Letter {
    /// The name by which a reader confirms it, such as `3-7f2c81d4`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.number, self.code)
    }

    /// From when it waits to be confirmed. One that was taken only after its time was over has lost it all the same.
    fn since(&self) -> DateTime<Utc> {
        self.sent.filter(|sent| *sent - self.due < PATIENCE).unwrap_or(self.due)
    }

    /// When it counts as not confirmed.
    #[must_use]
    pub fn until(&self) -> DateTime<Utc> {
        self.since() + PATIENCE
    }
}

/// That a letter was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmed {
    /// Which.
    pub number: u32,
    /// When somebody said so.
    pub at: DateTime<Utc>,
    /// Who.
    pub by: String,
}

/// What is true of the letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterReport {
    /// The readers of the next one.
    pub to: Vec<String>,
    /// From one to the next.
    pub every: TimeDelta,
    /// Every letter that is known, in the order of their numbers.
    pub letters: Vec<Letter>,
    /// The last word of a reader that counts.
    pub confirmed: Option<Confirmed>,
    /// Whether nobody confirmed in time. `None`: nobody can say, for no letter is known or the clock cannot be right.
    pub unconfirmed: Option<bool>,
    /// The number of the next letter.
    pub next_number: u32,
}

/// What is to be done about letters now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task<'a> {
    /// Another one is due.
    Begin,
    /// This one is to be sent.
    Send(&'a Letter),
}

/// Judges the letters.
#[must_use]
pub fn report(events: &[LetterEvent], settings: &notify::Letter, moment: Moment) -> LetterReport {
    let (letters, confirmed) = past(events);
    let mut report = LetterReport {
        to: settings.to.clone(),
        every: TimeDelta::from_std(settings.every).unwrap_or(TimeDelta::MAX),
        next_number: events.iter().map(LetterEvent::number).max().unwrap_or_default().saturating_add(1),
        letters,
        confirmed,
        unconfirmed: None,
    };
    if moment.is_plausible() && report.newest().is_some() {
        let is_late = |letter: &Letter| !letter.is_confirmed && letter.until() <= moment.now;
        // One that should have come since and did not is confirmed by nobody either.
        let is_missing =
            report.next().is_some_and(|next| next.checked_add_signed(PATIENCE).is_some_and(|end| end <= moment.now));
        report.unconfirmed = Some(is_missing || report.letters.iter().any(is_late));
    }
    report
}

/// What became of each letter, and the last word that counts.
fn past(events: &[LetterEvent]) -> (Vec<Letter>, Option<Confirmed>) {
    let mut letters: Vec<Letter> = Vec::new();
    let mut confirmed = None;
    for event in events {
        match event {
            LetterEvent::Due { number, code, at } => {
                if letters.iter().all(|letter| letter.number < *number) {
                    let (number, code, due) = (*number, code.clone(), *at);
                    letters.push(Letter { number, code, due, sent: None, to: Vec::new(), is_confirmed: false });
                }
            }
            LetterEvent::Sent { number, at, to } => {
                if let Some(letter) =
                    letters.iter_mut().find(|letter| letter.number == *number && letter.sent.is_none())
                {
                    (letter.sent, letter.to) = (Some(*at), to.clone());
                }
            }
            LetterEvent::Confirmed { number, at, by } => {
                let last = letters.iter().filter(|letter| letter.sent.is_some()).map(|letter| letter.number).max();
                // The word of an old letter says nothing of the one that came after it.
                if last.is_some_and(|last| *number < last) {
                    continue;
                }
                let Some(letter) = letters.iter_mut().find(|letter| letter.number == *number) else { continue };
                // Whoever has its code has the letter, also where the answer of the mail server was lost.
                letter.sent.get_or_insert(*at);
                letters
                    .iter_mut()
                    .filter(|letter| letter.number <= *number)
                    .for_each(|letter| letter.is_confirmed = true);
                confirmed = Some(Confirmed { number: *number, at: *at, by: by.clone() });
            }
        }
    }
    (letters, confirmed)
}

impl LetterReport {
    /// The newest letter, sent or not.
    #[must_use]
    pub fn newest(&self) -> Option<&Letter> {
        self.letters.last()
    }

    /// The newest letter that a reader can have.
    #[must_use]
    pub fn last_sent(&self) -> Option<&Letter> {
        self.letters.iter().rev().find(|letter| letter.sent.is_some())
    }

    /// The letter that has waited longest for somebody to confirm it, or a later one.
    #[must_use]
    pub fn waiting(&self) -> Option<&Letter> {
        self.letters.iter().find(|letter| !letter.is_confirmed)
    }

    /// When the next one is due, if the last one is on its way.
    #[must_use]
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.newest()?.sent?.checked_add_signed(self.every)
    }

    /// By when a reader has to confirm the newest letter, if it goes out now, before the alert comes: an earlier one that nobody
    /// confirmed waits no longer for it.
    #[must_use]
    pub fn confirm_by(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let earlier = self.letters.iter().rev().skip(1).filter(|letter| !letter.is_confirmed);
        earlier.map(Letter::until).fold(now + PATIENCE, DateTime::min)
    }

    /// How it stands with the letters, in sentences for people.
    #[must_use]
    pub fn sentences(&self, now: DateTime<Utc>) -> Vec<String> {
        let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
        let mut out = Vec::new();
        match self.newest() {
            None => out.push("No letter was due yet: the first one goes out once every source was tried.".to_owned()),
            Some(letter) => out.push(match letter.sent {
                Some(sent) => format!("Letter {} went out on {}.", letter.number, day(sent)),
                None => format!(
                    "Letter {} is due since {} and was not taken by the mail server; the log has the reason.",
                    letter.number,
                    day(letter.due)
                ),
            }),
        }
        out.push(match &self.confirmed {
            Some(Confirmed { number, at, by }) => {
                format!("Letter {number} was confirmed by {} on {}.", words::clean(by, 128), day(*at))
            }
            None => "No letter was ever confirmed.".to_owned(),
        });
        let waiting = self.waiting();
        match (self.unconfirmed, waiting) {
            (Some(true), Some(letter)) => out.push(format!(
                "Nobody confirmed letter {} in time: the alert ends when a reader confirms the newest letter.",
                letter.number
            )),
            (Some(true), None) => {
                out.push("The letter that was due did not go out, and nobody confirmed it.".to_owned())
            }
            (Some(false), Some(letter)) => out.push(format!(
                "Letter {} waits to be confirmed; in {} an alert says that nobody did.",
                letter.number,
                words::span(letter.until() - now)
            )),
            _ => {}
        }
        out
    }

    /// What is to be done now. Nothing by a clock that cannot be right: its date would stay.
    #[must_use]
    pub fn task(&self, moment: Moment) -> Option<Task<'_>> {
        let now = moment.now;
        if !moment.is_plausible() {
            return None;
        }
        let Some(newest) = self.newest() else { return Some(Task::Begin) };
        let is_ahead = |at: DateTime<Utc>| at - now > SKEW;
        if is_ahead(newest.due) || newest.sent.is_some_and(is_ahead) {
            return Some(Task::Begin);
        }
        let Some(sent) = newest.sent else { return Some(Task::Send(newest)) };
        // A confirmed letter whose acknowledgement was lost went to readers of whom nobody wrote down the names.
        let is_new = |reader: &String| !newest.to.is_empty() && !newest.to.contains(reader);
        let is_for_others = now - sent >= SETTLE && self.to.iter().any(is_new);
        (is_for_others || self.next().is_some_and(|next| next <= now)).then_some(Task::Begin)
    }
}

#[cfg(test)]
mod tests;
