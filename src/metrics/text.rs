//! The text format: a family's head, then its samples.

use std::collections::VecDeque;
use std::fmt::{Display, Write};
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::short::Unfolding;

/// How long a piece of text becomes before it is sent.
const PIECE: usize = 64 * 1024;

/// What a piece may have more than that, so that it seldom has to grow.
const MORE: usize = 32 * 1024;

/// The level at which one label after the other is found again and little more is tried: a third of the size of level 1 at
/// the same speed, and higher ones cost several times as much for nothing.
const LEVEL: Compression = Compression::new(2);

/// A whole text, as it is put together.
#[derive(Debug, Default)]
pub(super) struct Text {
    parts: VecDeque<Part>,
    open: String,
}

#[derive(Debug)]
enum Part {
    Whole(String),
    Short(Unfolding),
}

impl Text {
    /// Begins a family of which no tenant has samples. `kind` is `gauge` or `counter`.
    pub(super) fn family<'a>(&'a mut self, name: &'static str, kind: &'a str, help: &'a str) -> Family<'a> {
        Family { text: &mut self.open, name, kind, help, is_begun: false }
    }

    /// Writes the head of a family.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        head(&mut self.open, name, kind, help);
    }

    /// Writes families that somebody else put into words.
    pub(super) fn append(&mut self, families: &str) {
        self.open.push_str(families);
    }

    /// Puts what tenants left in a family behind it.
    pub(super) fn extend(&mut self, samples: Unfolding) {
        self.close();
        self.parts.push_back(Part::Short(samples));
    }

    /// What was written.
    pub(super) fn plain(mut self) -> Pieces {
        self.close();
        let left = self.parts.iter().map(Part::len).sum();
        Pieces { parts: self.parts, left }
    }

    /// What was written, compressed.
    pub(super) fn compressed(self) -> Bytes {
        let mut packed = GzEncoder::new(Vec::new(), LEVEL);
        for piece in self.plain() {
            // Writing into memory cannot fail.
            let _ = packed.write_all(&piece);
        }
        packed.finish().unwrap_or_default().into()
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.parts.push_back(Part::Whole(std::mem::take(&mut self.open)));
        }
    }
}

impl Part {
    fn len(&self) -> usize {
        match self {
            Self::Whole(text) => text.len(),
            Self::Short(samples) => samples.left(),
        }
    }
}

/// A text while it is sent. What was sent leaves memory, and the samples of tenants are written out piece by piece: whoever
/// reads slowly keeps a third of the text waiting, and not all of it.
#[derive(Debug)]
pub(super) struct Pieces {
    parts: VecDeque<Part>,
    left: usize,
}

impl Pieces {
    /// How many bytes are still to come.
    pub(super) fn left(&self) -> usize {
        self.left
    }
}

impl Iterator for Pieces {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let mut piece = String::with_capacity(self.left.min(PIECE + MORE));
        while piece.len() < PIECE {
            let is_done = match self.parts.front_mut() {
                None => break,
                Some(Part::Short(samples)) => !samples.write(&mut piece),
                Some(Part::Whole(text)) => {
                    piece.push_str(text);
                    true
                }
            };
            if is_done {
                self.parts.pop_front();
            }
        }
        self.left -= piece.len();
        (!piece.is_empty()).then(|| piece.into())
    }
}

/// A family that is being written. A family without a sample leaves no trace.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    kind: &'a str,
    help: &'a str,
    is_begun: bool,
}

impl Family<'_> {
    /// Writes one sample. A value that is not finite is left out: nobody knows it.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        if !std::mem::replace(&mut self.is_begun, true) {
            head(self.text, self.name, self.kind, self.help);
        }
        self.text.push_str(self.name);
        if !labels.is_empty() {
            self.text.push('{');
            self::labels(self.text, labels);
            self.text.push('}');
        }
        end(self.text, value);
    }
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Labels as they stand in the text, without brackets.
pub(super) fn labels(text: &mut String, labels: &[(&str, &str)]) {
    for (index, (name, value)) in labels.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        label(text, name, value);
    }
}

/// A label: its name, and its value in quotes.
pub(super) fn label(text: &mut String, name: &str, value: &str) {
    text.push_str(name);
    text.push_str("=\"");
    escape(text, value);
    text.push('"');
}

/// Label values may hold anything; three characters have to be written otherwise.
fn escape(text: &mut String, content: &str) {
    let mut rest = content;
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        text.push_str(&rest[..at]);
        text.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'"' => "\\\"",
            _ => "\\n",
        });
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

/// The end of a line: its value.
pub(super) fn end(text: &mut String, value: f64) {
    text.push(' ');
    number(text, value);
    text.push('\n');
}

/// Nearly every value is a whole number, for which there is a shorter way than for the others.
#[allow(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
fn number(text: &mut String, value: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    // -0 is written with its sign.
    if value.abs() < EXACT && value.fract() == 0.0 && (value != 0.0 || value.is_sign_positive()) {
        text.push_str(itoa::Buffer::new().format(value as i64));
    } else {
        put(text, value);
    }
}

fn put(text: &mut String, content: impl Display) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn string(text: Text) -> String {
        let pieces = text.plain();
        let length = pieces.left();
        let text = String::from_utf8(pieces.collect::<Vec<_>>().concat()).unwrap();
        assert_eq!(text.len(), length, "that was announced");
        text
    }

    #[test]
    fn labels_are_escaped_and_unknown_values_left_out() {
        let mut text = Text::default();
        let mut family = text.family("x_info", "gauge", "Help.");
        family.sample(&[("a", "say \"no\"\\\n"), ("b", "\u{fc}")], 1.0);
        family.sample(&[], f64::NAN);
        family.sample(&[], -0.5);
        text.family("y", "gauge", "Never seen.");
        assert_eq!(
            string(text),
            "# HELP x_info Help.\n# TYPE x_info gauge\nx_info{a=\"say \\\"no\\\"\\\\\\n\",b=\"\u{fc}\"} 1\nx_info -0.5\n"
        );
    }

    #[test]
    fn a_moment_keeps_every_second() {
        let mut text = Text::default();
        text.family("x", "gauge", "Help.").sample(&[], 1_789_137_565.0);
        assert!(string(text).ends_with("x 1789137565\n"));
    }

    #[test]
    fn a_number_is_written_as_ever() {
        for value in [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.25,
            1e15,
            9_007_199_254_740_991.0,
            9_007_199_254_740_992.0,
            -1e300,
            1_789_137_565.5,
        ] {
            let mut text = String::new();
            number(&mut text, value);
            assert_eq!(text, format!("{value}"));
        }
    }

    /// Text of several pieces, of which no part is as long as a piece.
    fn long() -> Text {
        let mut text = Text::default();
        for part in 0..50 {
            for index in 0..1000 {
                text.family("x", "gauge", "Help.")
                    .sample(&[("part", &part.to_string()), ("index", &index.to_string())], 1.0);
            }
            text.close();
        }
        text
    }

    #[test]
    fn a_long_text_is_sent_in_pieces() {
        let (pieces, whole) = (long().plain().collect::<Vec<_>>(), string(long()));
        assert_eq!(pieces.concat(), whole.as_bytes());
        assert!(pieces.len() > 10 && pieces[..pieces.len() - 1].iter().all(|piece| piece.len() >= PIECE));
        assert!(Text::default().plain().next().is_none());
    }

    #[test]
    fn what_is_compressed_is_the_same_text() {
        let (plain, packed) = (string(long()), long().compressed());
        assert!(packed.len() * 6 < plain.len(), "{}, {}", plain.len(), packed.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain);
    }
}
