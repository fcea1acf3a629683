//! How moments and foreign text are put into words. Pure; the command line, the page and the findings share it, so
//! that none of them says "0 days" where another says "expired".

use std::fmt::Display;

use chrono::{DateTime, TimeDelta, Utc};

/// Says when something ends or ended: `expires in 289 days`, `expires in 12 hours`, `expired 3 years ago`.
///
/// What is left is rounded down and what has passed too, to the largest unit of which there are at least two. A
/// moment that is reached counts as passed, as in [`crate::model::Policy::phase`].
#[must_use]
pub fn until(not_after: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let left = not_after - now;
    if left > TimeDelta::zero() { format!("expires in {}", span(left)) } else { format!("expired {} ago", span(-left)) }
}

/// A length of time in its largest unit of which there are at least two, rounded down: `2 years`, `30 days`,
/// `47 hours`, `1 minute`. The sign does not count.
#[must_use]
pub fn span(length: TimeDelta) -> String {
    let length = length.abs();
    match (length.num_days(), length.num_hours(), length.num_minutes()) {
        (days @ 730.., _, _) => counted(days / 365, "year"),
        (days @ 2.., _, _) => counted(days, "day"),
        (_, hours @ 2.., _) => counted(hours, "hour"),
        (_, _, minutes @ 1..) => counted(minutes, "minute"),
        _ => "less than a minute".to_owned(),
    }
}

/// A number of things: `1 tenant`, `0 tenants`.
#[must_use]
pub fn counted(count: impl Display + PartialEq + From<u8>, thing: &str) -> String {
    let plural = if count == 1.into() { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

/// A remark that begins small and has no full stop, as a sentence of its own.
#[must_use]
pub fn sentence(remark: &str) -> String {
    let mut letters = remark.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if remark.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// Text from outside, fit to be shown: control characters and those that turn the direction of writing are escaped,
/// and what is longer than `limit` characters is cut. A name in a certificate could otherwise move the cursor of the
/// terminal that shows it.
#[must_use]
pub fn clean(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit));
    for (index, c) in text.chars().enumerate() {
        if index == limit {
            out.push('\u{2026}');
            break;
        }
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Text in lines of at most `width` characters, broken at blanks. A word that is longer than that keeps its line to
/// itself, for a topic or an address that was cut could not be copied.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_never_zero_days_away() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let day = 86_400;
        for (seconds, words) in [
            (50 * 365 * day, "expires in 50 years"),
            (730 * day, "expires in 2 years"),
            (730 * day - 1, "expires in 729 days"),
            (289 * day + 5, "expires in 289 days"),
            (2 * day, "expires in 2 days"),
            (2 * day - 1, "expires in 47 hours"),
            (12 * 3600, "expires in 12 hours"),
            (7199, "expires in 119 minutes"),
            (60, "expires in 1 minute"),
            (1, "expires in less than a minute"),
            (0, "expired less than a minute ago"),
            (-1, "expired less than a minute ago"),
            (-3600, "expired 60 minutes ago"),
            (-86_399, "expired 23 hours ago"),
            (-10 * day, "expired 10 days ago"),
            (-3 * 365 * day, "expired 3 years ago"),
        ] {
            assert_eq!(until(now + TimeDelta::seconds(seconds), now), words);
        }
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2Jb\n\u{202e}c", 80), "a\\u{1b}[2Jb\\n\\u{202e}c");
        assert_eq!(clean("Schule \u{fc}ber", 80), "Schule \u{fc}ber");
        assert_eq!(clean("abcdef", 3), "abc\u{2026}");
    }

    #[test]
    fn a_line_is_broken_at_blanks_and_nowhere_else() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("a incomprehensible b", 5), ["a", "incomprehensible", "b"]);
        assert_eq!(wrap("\u{fc}\u{fc} \u{fc}\u{fc}", 5), ["\u{fc}\u{fc} \u{fc}\u{fc}"]);
        assert_eq!(wrap(" ", 5), Vec::<String>::new());
    }
}
