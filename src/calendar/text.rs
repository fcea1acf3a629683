//! The text of a calendar (RFC 5545, section 3): escaped, folded, each line with its end.
//!
//! There are libraries for this. The one that is alive keeps every property in a map of its own, and its stamps are the
//! moment of writing unless each is replaced: for lines that never change shape, this is less.

use chrono::{DateTime, NaiveDate, Utc};

use crate::words;

/// A line is so long at most, its end not counted (3.1).
const OCTETS: usize = 75;

/// Lines, written one after the other.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// A line with a value that needs no escape. `head` is the name with its parameters.
    pub(super) fn plain(&mut self, head: &str, value: &str) {
        let line = format!("{head}:{value}");
        let mut left = OCTETS;
        for c in line.chars() {
            // Never within a character: who joins lines as text, and not as octets, would break it.
            if c.len_utf8() > left {
                self.0.push_str("\r\n ");
                left = OCTETS - 1;
            }
            self.0.push(c);
            left -= c.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    /// A line with a text.
    pub(super) fn text(&mut self, head: &str, value: &str) {
        self.plain(head, &escaped(value));
    }

    /// A line with a list of texts.
    pub(super) fn list(&mut self, head: &str, values: &[&str]) {
        let values: Vec<String> = values.iter().map(|value| escaped(value)).collect();
        self.plain(head, &values.join(","));
    }

    /// A line with a day.
    pub(super) fn day(&mut self, name: &str, day: NaiveDate) {
        self.plain(&format!("{name};VALUE=DATE"), &day.format("%Y%m%d").to_string());
    }

    /// A line with a moment.
    pub(super) fn moment(&mut self, name: &str, moment: DateTime<Utc>) {
        self.plain(name, &moment.format("%Y%m%dT%H%M%SZ").to_string());
    }

    /// All of it.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A text as a value (3.3.11). The only line ends are our own.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\\' | ';' | ',' => out.extend(['\\', c]),
            // No other control character can be said in a calendar.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A name from outside, fit to stand in a text.
pub(super) fn name(text: &str) -> String {
    words::clean(text, 128)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(head: &str, value: &str) -> String {
        let mut text = Text::default();
        text.text(head, value);
        text.finish()
    }

    /// Joins what was folded.
    fn unfolded(text: &str) -> String {
        text.replace("\r\n ", "")
    }

    #[test]
    fn what_has_a_meaning_in_a_calendar_is_escaped() {
        assert_eq!(written("SUMMARY", "a,b;c\\d\ne:f\"g"), "SUMMARY:a\\,b\\;c\\\\d\\ne:f\"g\r\n");
        assert_eq!(written("SUMMARY", "a\r\u{0}\u{7f}b"), "SUMMARY:a   b\r\n");
        let mut text = Text::default();
        text.list("CATEGORIES", &["a,b", "c"]);
        assert_eq!(text.finish(), "CATEGORIES:a\\,b,c\r\n");
        assert_eq!(name("x\r\nEND:VEVENT"), "x\\r\\nEND:VEVENT");
    }

    #[test]
    fn no_line_is_too_long_and_no_character_is_cut() {
        for filler in ["x", "\u{fc}", "\u{20ac}", "\u{1f512}", "a\u{1f512}\u{fc}", ",", " "] {
            for length in 0..120 {
                let value = filler.repeat(length);
                let text = written("DESCRIPTION", &value);
                assert!(text.ends_with("\r\n"));
                for line in text.trim_end_matches("\r\n").split("\r\n") {
                    assert!(line.len() <= OCTETS, "{line}");
                }
                assert_eq!(unfolded(&text), format!("DESCRIPTION:{}\r\n", escaped(&value)));
            }
        }
        assert_eq!(written("S", &"x".repeat(73)).lines().count(), 1, "just as long as it may be");
        assert_eq!(written("S", &"x".repeat(74)), format!("S:{}\r\n x\r\n", "x".repeat(73)));
    }
}
