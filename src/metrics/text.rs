//! The text format: a family's head, then its samples.

use std::fmt::{Display, Write};
use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// How long a piece of text becomes before the next one is begun.
const PIECE: usize = 64 * 1024;

/// The level at which one label after the other is found again and little more is tried: a third of the size of level 1 at
/// the same speed, and higher ones cost several times as much for nothing.
const LEVEL: Compression = Compression::new(2);

/// Text in pieces: nothing is copied for it to grow, and what was sent leaves memory while the rest is being sent.
#[derive(Debug, Default)]
pub(super) struct Text {
    full: Vec<String>,
    open: String,
}

impl Text {
    /// Begins a family of which no tenant has samples. `kind` is `gauge` or `counter`.
    pub(super) fn family<'a>(&'a mut self, name: &'static str, kind: &'a str, help: &'a str) -> Family<'a> {
        Family { text: self, name, kind, help, is_begun: false }
    }

    /// Writes the head of a family.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.open, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Writes families that somebody else put into words.
    pub(super) fn append(&mut self, families: &str) {
        self.open.push_str(families);
    }

    /// Puts what another one holds behind it.
    pub(super) fn extend(&mut self, other: Self) {
        for piece in other.into_pieces() {
            if self.open.len() + piece.len() <= PIECE {
                self.open.push_str(&piece);
            } else {
                self.close();
                self.full.push(piece);
            }
        }
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.open.is_empty()
    }

    /// What was written.
    pub(super) fn plain(self) -> Vec<Bytes> {
        self.into_pieces().map(Bytes::from).collect()
    }

    /// What was written, compressed.
    pub(super) fn compressed(self) -> Vec<Bytes> {
        let mut packed = GzEncoder::new(Vec::new(), LEVEL);
        for piece in self.into_pieces() {
            // Writing into memory cannot fail.
            let _ = packed.write_all(piece.as_bytes());
        }
        vec![packed.finish().unwrap_or_default().into()]
    }

    fn into_pieces(mut self) -> impl Iterator<Item = String> {
        self.close();
        self.full.into_iter()
    }

    fn close(&mut self) {
        if !self.open.is_empty() {
            self.full.push(std::mem::take(&mut self.open));
        }
    }

    /// Begins a sample: its name, and labels that are text already.
    fn begin(&mut self, name: &str, labels: &str) -> Sample<'_> {
        self.open.push_str(name);
        let has_labels = !labels.is_empty();
        if has_labels {
            self.open.push('{');
            self.open.push_str(labels);
        }
        Sample { text: self, has_labels }
    }
}

/// A sample that is being written.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    text: &'a mut Text,
    has_labels: bool,
}

impl Sample<'_> {
    /// Writes a label.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        let text = &mut self.text.open;
        text.push(if self.has_labels { ',' } else { '{' });
        self.has_labels = true;
        label(text, name, value);
    }

    /// Writes the value.
    pub(super) fn end(self, value: f64) {
        let text = &mut self.text.open;
        text.push_str(if self.has_labels { "} " } else { " " });
        number(text, value);
        text.push('\n');
        if text.len() >= PIECE {
            self.text.close();
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
        if !std::mem::replace(&mut self.is_begun, true) {
            self.text.head(self.name, self.kind, self.help);
        }
        let mut sample = self.text.begin(self.name, "");
        for (name, value) in labels {
            sample.label(name, value);
        }
        sample.end(value);
    }
}

/// The samples of one tenant in one family. The head of the family is written by whoever puts the tenants together.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    text: &'a mut Text,
    name: &'static str,
    labels: &'a str,
}

impl<'a> Lines<'a> {
    /// `labels` is what [`labels`] made of those that each sample of the tenant has.
    pub(super) fn new(text: &'a mut Text, name: &'static str, labels: &'a str) -> Self {
        Self { text, name, labels }
    }

    /// Writes one sample with these labels behind those of the tenant. A value that is not finite is left out: nobody knows it.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        let mut sample = self.begin();
        for (name, value) in labels {
            sample.label(name, value);
        }
        sample.end(value);
    }

    /// Begins one sample, for who has its labels one after the other.
    pub(super) fn begin(&mut self) -> Sample<'_> {
        self.text.begin(self.name, self.labels)
    }
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

fn label(text: &mut String, name: &str, value: &str) {
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
        String::from_utf8(text.plain().concat()).unwrap()
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
    fn the_labels_of_a_tenant_come_first() {
        let mut text = Text::default();
        let mut of_tenant = String::new();
        labels(&mut of_tenant, &[("tenant", "a\"b"), ("mdm", "jamf")]);
        let mut lines = Lines::new(&mut text, "x", &of_tenant);
        lines.sample(&[("source", "api")], 1.0);
        lines.sample(&[], f64::INFINITY);
        let mut sample = lines.begin();
        sample.label("z", "\n");
        sample.end(2.0);
        let expected =
            "x{tenant=\"a\\\"b\",mdm=\"jamf\",source=\"api\"} 1\nx{tenant=\"a\\\"b\",mdm=\"jamf\",z=\"\\n\"} 2\n";
        assert_eq!(string(text), expected);
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

    /// Ten thousand samples, and with them more than one piece.
    fn long(name: &'static str) -> Text {
        let mut text = Text::default();
        let mut family = text.family(name, "gauge", "Help.");
        for index in 0..10_000 {
            family.sample(&[("tenant", &index.to_string())], 1.0);
        }
        text
    }

    #[test]
    fn what_is_put_together_is_all_of_it_in_its_order() {
        let mut all = long("x");
        let small = || {
            let mut small = Text::default();
            small.append("# HELP y Help.\ny 1\n");
            small
        };
        for part in [small(), small(), long("z"), Text::default(), small()] {
            all.extend(part);
        }
        let small = string(small());
        assert_eq!(string(all), [string(long("x")), small.clone(), small.clone(), string(long("z")), small].concat());
        assert!(Text::default().is_empty() && !long("x").is_empty());
    }

    #[test]
    fn what_is_compressed_is_the_same_text() {
        let (plain, packed) = (long("x").plain().concat(), long("x").compressed().concat());
        assert!(plain.len() > 2 * PIECE && packed.len() * 6 < plain.len(), "{}, {}", plain.len(), packed.len());
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), plain);
    }
}
