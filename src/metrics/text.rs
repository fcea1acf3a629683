//! The text format: a family's head, then its samples.

use std::fmt::{Display, Write};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

/// So much text is handed to the compression at once.
const PIECE: usize = 64 * 1024;

/// The level at which one label after the other is found again and little more is tried: a third of the size of level 1 at
/// the same speed, and higher ones cost several times as much for nothing.
const LEVEL: Compression = Compression::new(2);

/// Writes series one after the other: families in their order, each with its samples together.
#[derive(Debug, Default)]
pub(super) struct Text {
    text: String,
    /// What was compressed so far; of a large fleet the whole text never is in memory.
    packed: Option<GzEncoder<Vec<u8>>>,
}

impl Text {
    /// Writes what is compressed at once.
    pub(super) fn compressed() -> Self {
        Self { text: String::new(), packed: Some(GzEncoder::new(Vec::new(), LEVEL)) }
    }

    /// Begins a family. `kind` is `gauge` or `counter`.
    pub(super) fn family<'a>(&'a mut self, name: &'static str, kind: &'a str, help: &'a str) -> Family<'a> {
        Family { text: self, name, kind, help, is_begun: false }
    }

    /// Writes families that somebody else put into words.
    pub(super) fn append(&mut self, families: &str) {
        self.text.push_str(families);
        self.pack(PIECE);
    }

    /// What was written, compressed or not.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.pack(0);
        match self.packed {
            // Writing into memory cannot fail.
            Some(packed) => packed.finish().unwrap_or_default(),
            None => self.text.into_bytes(),
        }
    }

    /// Compresses what has gathered, if it is worth it.
    fn pack(&mut self, least: usize) {
        if let Some(packed) = self.packed.as_mut().filter(|_| self.text.len() >= least) {
            // Writing into memory cannot fail.
            let _ = packed.write_all(self.text.as_bytes());
            self.text.clear();
        }
    }
}

/// A family that is being written. A family without a sample leaves no trace.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut Text,
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
        let text = &mut self.text.text;
        if !self.is_begun {
            self.is_begun = true;
            let (name, kind, help) = (self.name, self.kind, self.help);
            put(text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        }
        text.push_str(self.name);
        for (index, (label, content)) in labels.iter().enumerate() {
            text.push(if index == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            escape(text, content);
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        text.push(' ');
        number(text, value);
        text.push('\n');
        if text.len() >= PIECE {
            self.text.pack(PIECE);
        }
    }
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
        String::from_utf8(text.into_bytes()).unwrap()
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

    #[test]
    fn what_is_compressed_is_the_same_text() {
        let write = |mut text: Text| {
            let mut family = text.family("x", "gauge", "Help.");
            for index in 0..10_000 {
                family.sample(&[("tenant", &index.to_string())], 1.0);
            }
            text.append("# HELP y Help.\ny 1\n");
            text.into_bytes()
        };
        let (plain, packed) = (write(Text::default()), write(Text::compressed()));
        assert!(plain.len() > 2 * PIECE && packed.len() * 6 < plain.len(), "{}, {}", plain.len(), packed.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), plain);
    }
}
