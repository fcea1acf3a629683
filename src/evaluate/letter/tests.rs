use super::*;

const DAY: i64 = 24;

/// So many hours after the first letter was due.
fn at(hours: i64) -> DateTime<Utc> {
    "2026-10-01T08:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::hours(hours)
}

fn moment(hours: i64) -> Moment {
    Moment { now: at(hours), built: at(-30 * DAY) }
}

fn settings(to: &[&str]) -> notify::Letter {
    let to = to.iter().map(|to| (*to).to_owned()).collect();
    notify::Letter { to, every: std::time::Duration::from_secs(30 * 86_400) }
}

fn due(number: u32, hours: i64) -> LetterEvent {
    LetterEvent::Due { number, code: format!("c0de{number:04}"), at: at(hours) }
}

fn sent(number: u32, hours: i64) -> LetterEvent {
    LetterEvent::Sent { number, at: at(hours), to: vec!["it@example.com".to_owned()] }
}

fn confirmed(number: u32, hours: i64) -> LetterEvent {
    LetterEvent::Confirmed { number, at: at(hours), by: "kim".to_owned() }
}

fn judge(events: &[LetterEvent], hours: i64) -> LetterReport {
    report(events, &settings(&["it@example.com"]), moment(hours))
}

/// What is to be done, in a word.
fn task(events: &[LetterEvent], hours: i64) -> String {
    match judge(events, hours).task(moment(hours)) {
        None => "nothing".to_owned(),
        Some(Task::Begin) => "begin".to_owned(),
        Some(Task::Send(letter)) => format!("send {}", letter.name()),
    }
}

fn unconfirmed(events: &[LetterEvent], hours: i64) -> Option<bool> {
    judge(events, hours).unconfirmed
}

#[test]
fn a_letter_has_fourteen_days_from_when_the_server_took_it() {
    assert_eq!((unconfirmed(&[], 0), task(&[], 0)), (None, "begin".to_owned()), "of no letter nobody knows anything");
    let events = [due(1, 0)];
    assert_eq!((unconfirmed(&events, 1), task(&events, 1)), (Some(false), "send 1-c0de0001".to_owned()));
    let events = [due(1, 0), sent(1, 2)];
    assert_eq!((unconfirmed(&events, 14 * DAY + 1), task(&events, 14 * DAY + 1)), (Some(false), "nothing".to_owned()));
    assert_eq!(unconfirmed(&events, 14 * DAY + 2), Some(true));
    let events = [due(1, 0), sent(1, 2), confirmed(1, 20 * DAY)];
    assert_eq!(unconfirmed(&events, 20 * DAY), Some(false), "late is better than never");
    assert_eq!(
        judge(&events, 20 * DAY).confirmed,
        Some(Confirmed { number: 1, at: at(20 * DAY), by: "kim".to_owned() })
    );
    assert_eq!(task(&events, 30 * DAY + 1), "nothing");
    assert_eq!(task(&events, 30 * DAY + 2), "begin");
}

#[test]
fn a_letter_that_no_server_takes_waits_from_when_it_was_due() {
    let events = [due(1, 0)];
    assert_eq!((unconfirmed(&events, 14 * DAY - 1), unconfirmed(&events, 14 * DAY)), (Some(false), Some(true)));
    assert_eq!(task(&events, 60 * DAY), "send 1-c0de0001", "one letter, however long it takes");
    // It is taken at last: that alone makes nothing well.
    let events = [due(1, 0), sent(1, 15 * DAY)];
    assert_eq!(unconfirmed(&events, 15 * DAY), Some(true));
    assert_eq!(unconfirmed(&[due(1, 0), sent(1, 13 * DAY)], 15 * DAY), Some(false), "its reader had two days of it");
}

#[test]
fn only_the_word_of_a_reader_of_the_newest_letter_ends_it() {
    let late = [due(1, 0), sent(1, 0), due(2, 30 * DAY), sent(2, 30 * DAY)];
    assert_eq!(unconfirmed(&late, 31 * DAY), Some(true), "another letter confirms nothing");
    let with = |event: LetterEvent| [&late[..], &[event]].concat();
    assert_eq!(unconfirmed(&with(confirmed(1, 31 * DAY)), 31 * DAY), Some(true), "an old one");
    assert_eq!(judge(&with(confirmed(1, 31 * DAY)), 31 * DAY).confirmed, None);
    assert_eq!(unconfirmed(&with(confirmed(7, 31 * DAY)), 31 * DAY), Some(true), "one that never was");
    assert_eq!(unconfirmed(&with(confirmed(2, 31 * DAY)), 31 * DAY), Some(false));
    // Confirmed before its successor went out: that one has days of its own.
    let events = [due(1, 0), sent(1, 0), due(2, 30 * DAY), confirmed(1, 30 * DAY), sent(2, 31 * DAY)];
    assert_eq!((unconfirmed(&events, 44 * DAY), unconfirmed(&events, 45 * DAY)), (Some(false), Some(true)));
}

#[test]
fn whoever_has_the_code_has_the_letter() {
    // The server took it, and its answer was lost.
    let events = [due(1, 0), confirmed(1, 3)];
    assert_eq!((unconfirmed(&events, 20 * DAY), task(&events, 4)), (Some(false), "nothing".to_owned()));
    assert_eq!(task(&events, 30 * DAY + 3), "begin");
}

#[test]
fn a_letter_that_should_have_come_and_did_not_is_told() {
    let events = [due(1, 0), sent(1, 0), confirmed(1, 1)];
    assert_eq!(unconfirmed(&events, 44 * DAY - 1), Some(false));
    assert_eq!(unconfirmed(&events, 44 * DAY), Some(true), "nobody could make another one due");
}

#[test]
fn new_readers_get_a_letter_of_their_own() {
    let events = [due(1, 0), sent(1, 0)];
    let of = |to: &[&str], hours| {
        let report = report(&events, &settings(to), moment(hours));
        report.task(moment(hours)).map(|task| task == Task::Begin)
    };
    assert_eq!(of(&["it@example.com", "kim@example.com"], 0), None, "whoever edits may not be through");
    assert_eq!(of(&["it@example.com", "kim@example.com"], 1), Some(true));
    assert_eq!(of(&["it@example.com"], 1), None);
    // It takes nothing away: the old one waits as before.
    let events = [due(1, 0), sent(1, 0), due(2, 13 * DAY), sent(2, 13 * DAY)];
    assert_eq!(unconfirmed(&events, 14 * DAY), Some(true));
}

#[test]
fn a_reader_is_told_the_day_on_which_the_alert_comes() {
    let by = |events: &[LetterEvent], hours: i64| judge(events, hours).confirm_by(at(hours));
    assert_eq!(by(&[due(1, 0)], 0), at(14 * DAY));
    assert_eq!(by(&[due(1, 0)], 3 * DAY), at(17 * DAY), "its own days begin when it is taken");
    // An earlier one waits, and its days count.
    let events = [due(1, 0), sent(1, 2), due(2, 7 * DAY)];
    let told = by(&events, 7 * DAY);
    assert_eq!(told, at(14 * DAY + 2));
    let events = [&events[..], &[sent(2, 7 * DAY)]].concat();
    assert_eq!((unconfirmed(&events, 14 * DAY + 1), unconfirmed(&events, 14 * DAY + 2)), (Some(false), Some(true)));
    // It was confirmed, or dated by a clock that was ahead: no day of its own counts.
    assert_eq!(by(&[due(1, 0), sent(1, 2), confirmed(1, 3), due(2, 30 * DAY)], 30 * DAY), at(44 * DAY));
    assert_eq!(by(&[due(1, 3650 * DAY), sent(1, 3650 * DAY), due(2, 0)], 0), at(14 * DAY));
}

#[test]
fn a_clock_that_was_wrong_silences_nothing() {
    // Ten years ahead for a moment.
    let ahead = 3650 * DAY;
    let events = [due(1, ahead), sent(1, ahead)];
    assert_eq!(task(&events, 0), "begin");
    let events = [due(1, 0), sent(1, ahead)];
    assert_eq!(task(&events, 0), "begin");
    let events = [due(1, ahead), sent(1, ahead), due(2, 0), sent(2, 0)];
    assert_eq!((unconfirmed(&events, 14 * DAY), task(&events, 1)), (Some(true), "nothing".to_owned()));
    // A clock that cannot be right dates nothing and judges nothing.
    let wrong = Moment { now: at(0), built: at(DAY) };
    let report = report(&[due(1, -DAY)], &settings(&["it@example.com"]), wrong);
    assert_eq!((report.unconfirmed, report.task(wrong)), (None, None));
}

#[test]
fn what_is_lost_in_the_store_confirms_nothing() {
    let whole = [due(1, 0), sent(1, 0), confirmed(1, 1), due(2, 30 * DAY), sent(2, 30 * DAY)];
    for lost in 0..whole.len() {
        let rest: Vec<LetterEvent> =
            whole.iter().enumerate().filter(|(index, _)| *index != lost).map(|(_, event)| event.clone()).collect();
        assert_eq!(unconfirmed(&rest, 60 * DAY), Some(true), "without row {lost}");
    }
    // The number of a letter that cannot be read is not given to another.
    assert_eq!(judge(&[sent(3, 0)], 1).next_number, 4);
}
