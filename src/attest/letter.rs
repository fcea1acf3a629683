//! The monthly letter: that somebody read it.

use chrono::{DateTime, Utc};

use super::{NAME, Refusal};
use crate::evaluate::LetterReport;
use crate::model::LetterEvent;

/// "I read the letter of this name", such as `3-7f2c81d4`. `None` if somebody said so already.
///
/// # Errors
///
/// If no letter is sent or has that name, if a newer one went out, or if nobody says who reads.
pub fn letter_read(
    report: Option<&LetterReport>,
    name: &str,
    by: &str,
    now: DateTime<Utc>,
) -> Result<Option<LetterEvent>, Refusal> {
    let Some(report) = report else { return Err(Refusal::new("no letter is sent: notify.letter is not set")) };
    let by = by.trim();
    if by.is_empty() || by.chars().count() > NAME {
        return Err(Refusal::new(format!("who confirms needs a name, of {NAME} characters at most")));
    }
    let name = name.trim();
    let Some(letter) = report.letters.iter().find(|letter| letter.name().eq_ignore_ascii_case(name)) else {
        return Err(Refusal::new("no letter has this code: it stands in the letter, such as 3-7f2c81d4"));
    };
    if let Some(last) = report.last_sent().filter(|last| last.number > letter.number) {
        let day = last.sent.map(|sent| format!(" on {}", sent.format("%Y-%m-%d"))).unwrap_or_default();
        return Err(Refusal::new(format!(
            "letter {} is an old one: letter {} went out{day}, and that is the one to confirm",
            letter.number, last.number
        )));
    }
    let event = LetterEvent::Confirmed { number: letter.number, at: now, by: by.to_owned() };
    Ok((!letter.is_confirmed).then_some(event))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notify;
    use crate::evaluate::letter::report;
    use crate::evaluate::report::Moment;

    #[test]
    fn only_the_newest_letter_is_confirmed_and_only_by_its_code() {
        let at = |day: u32| format!("2026-10-{day:02}T08:00:00Z").parse::<DateTime<Utc>>().unwrap();
        let settings = notify::Letter { to: Vec::new(), every: std::time::Duration::from_secs(7 * 86_400) };
        let due = |number, day| LetterEvent::Due { number, code: format!("abcd{number}"), at: at(day) };
        let sent = |number, day| LetterEvent::Sent { number, at: at(day), to: Vec::new() };
        let moment = Moment { now: at(20), built: at(1) };
        let mut events = vec![due(1, 1), sent(1, 1), due(2, 8)];
        let ask = |events: &[LetterEvent], name: &str, by: &str| {
            letter_read(Some(&report(events, &settings, moment)), name, by, at(20)).map_err(|why| why.to_string())
        };
        assert!(ask(&events, " 1-ABCD1\n", "kim").unwrap().is_some(), "the second one reached nobody yet");
        assert!(ask(&events, "2-abcd2", "kim").unwrap().is_some(), "or it did, and nobody knows");
        for wrong in ["", "1", "2-abcd1", "abcd1", "3-abcd3"] {
            assert!(ask(&events, wrong, "kim").unwrap_err().starts_with("no letter has this code"), "{wrong}");
        }
        assert!(ask(&events, "1-abcd1", " ").unwrap_err().contains("needs a name"));
        events.push(sent(2, 9));
        let old = ask(&events, "1-abcd1", "kim").unwrap_err();
        assert_eq!(old, "letter 1 is an old one: letter 2 went out on 2026-10-09, and that is the one to confirm");
        events.push(ask(&events, "2-abcd2", "kim").unwrap().unwrap());
        assert_eq!(ask(&events, "2-abcd2", "robin"), Ok(None), "once is enough");
        assert!(letter_read(None, "2-abcd2", "kim", at(20)).is_err());
    }
}
