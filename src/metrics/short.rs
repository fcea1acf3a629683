//! The samples of tenants in short: of each line only what follows the labels of its tenant is kept.
//!
//! Name and tenant are two thirds of such a text, and a slow reader keeps all of it waiting. So they are written only when
//! the line is sent.

use std::sync::Arc;
use std::vec::IntoIter;

use super::text::{end, label};

/// How long a piece becomes before the next one is begun. Written out it is some three times as long.
const PIECE: usize = 8 * 1024;

/// What some tenants, one after the other, left in a family.
#[derive(Debug)]
pub(super) struct Short {
    name: &'static str,
    full: Vec<Piece>,
    open: Piece,
}

/// The ends of lines. An empty line stands where the lines of a tenant end.
#[derive(Debug, Default)]
struct Piece {
    ends: String,
    /// How long it is when it is written out.
    length: usize,
}

impl Short {
    /// Nothing yet, in the family of this name.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, full: Vec::new(), open: Piece::default() }
    }

    /// The lines of the next tenant, whose labels are so long.
    pub(super) fn tenant(&mut self, labels: usize) -> Lines<'_> {
        let before = self.name.len() + 1 + labels;
        Lines { short: self, before }
    }

    /// Whether no tenant left a line.
    pub(super) fn is_empty(&self) -> bool {
        self.full.iter().all(|piece| piece.length == 0) && self.open.length == 0
    }

    /// All of it, to be written out. `labels` has those of each tenant as a line, in the same order.
    pub(super) fn unfold(mut self, labels: Arc<str>) -> Unfolding {
        self.full.push(self.open);
        let left = self.full.iter().map(|piece| piece.length).sum();
        Unfolding { name: self.name, labels, tenant: 0, pieces: self.full.into_iter(), left }
    }
}

/// The samples of one tenant in one family.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    short: &'a mut Short,
    /// How long the beginning of each line is, which is not kept.
    before: usize,
}

impl Lines<'_> {
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
        let Piece { ends, length } = &mut self.short.open;
        *length += self.before;
        Sample { begun: ends.len(), ends, length }
    }

    /// There is no more of this tenant.
    pub(super) fn end(self) {
        let Short { full, open, .. } = self.short;
        open.ends.push('\n');
        if open.ends.len() >= PIECE {
            // Room for a little more than a piece, for the last tenant of it.
            let next = Piece { ends: String::with_capacity(PIECE + PIECE / 8), length: 0 };
            full.push(std::mem::replace(open, next));
        }
    }
}

/// A sample that is being written.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    ends: &'a mut String,
    length: &'a mut usize,
    begun: usize,
}

impl Sample<'_> {
    /// Writes a label.
    pub(super) fn label(&mut self, name: &str, value: &str) {
        self.ends.push(',');
        label(self.ends, name, value);
    }

    /// Writes the value.
    pub(super) fn end(self, value: f64) {
        self.ends.push('}');
        end(self.ends, value);
        *self.length += self.ends.len() - self.begun;
    }
}

/// What tenants left in a family, while it is written out.
#[derive(Debug)]
pub(super) struct Unfolding {
    name: &'static str,
    labels: Arc<str>,
    /// Where the labels of the present tenant begin.
    tenant: usize,
    pieces: IntoIter<Piece>,
    left: usize,
}

impl Unfolding {
    /// How long what is still to be written is.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Writes some more. Says whether there was anything.
    pub(super) fn write(&mut self, text: &mut String) -> bool {
        let Some(Piece { ends, length }) = self.pieces.next() else { return false };
        text.reserve(length);
        self.left -= length;
        let mut labels = present(&self.labels, self.tenant);
        for end in ends.split_inclusive('\n') {
            if end == "\n" {
                self.tenant += labels.len() + 1;
                labels = present(&self.labels, self.tenant);
                continue;
            }
            text.push_str(self.name);
            text.push('{');
            text.push_str(labels);
            text.push_str(end);
        }
        true
    }
}

/// The line that begins there.
fn present(lines: &str, begin: usize) -> &str {
    let lines = lines.get(begin..).unwrap_or_default();
    lines.split_once('\n').map_or(lines, |(line, _)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfolded(short: Short, labels: &str) -> String {
        let mut unfolding = short.unfold(labels.into());
        let (left, mut text) = (unfolding.left(), String::new());
        while unfolding.write(&mut text) {
            assert_eq!(unfolding.left(), left - text.len());
        }
        assert_eq!(unfolding.left(), 0);
        text
    }

    #[test]
    fn the_labels_of_a_tenant_come_first() {
        let mut short = Short::new("x");
        let all = ["tenant=\"a\\\"b\",mdm=\"jamf\"", "tenant=\"\",mdm=\"none\"", "tenant=\"\u{fc}\",mdm=\"none\""];
        let mut lines = short.tenant(all[0].len());
        lines.sample(&[("source", "api")], 1.0);
        lines.sample(&[], f64::INFINITY);
        let mut sample = lines.begin();
        sample.label("z", "\n");
        sample.end(2.0);
        lines.end();
        assert!(!short.is_empty());
        short.tenant(all[1].len()).end();
        let mut lines = short.tenant(all[2].len());
        lines.sample(&[], -0.5);
        lines.end();
        let expected = "x{tenant=\"a\\\"b\",mdm=\"jamf\",source=\"api\"} 1\nx{tenant=\"a\\\"b\",mdm=\"jamf\",z=\"\\n\"} 2\n\
                        x{tenant=\"\u{fc}\",mdm=\"none\"} -0.5\n";
        assert_eq!(unfolded(short, &format!("{}\n", all.join("\n"))), expected);
    }

    #[test]
    fn every_piece_goes_on_with_the_tenant_that_is_next() {
        let (mut short, mut labels, mut expected) = (Short::new("x"), String::new(), String::new());
        for index in 0..3000 {
            let own = format!("tenant=\"{index}\"");
            let mut lines = short.tenant(own.len());
            for sample in 0..index % 3 {
                lines.sample(&[("sample", &sample.to_string())], f64::from(index));
                expected.push_str(&format!("x{{{own},sample=\"{sample}\"}} {index}\n"));
            }
            lines.end();
            labels.push_str(&own);
            labels.push('\n');
        }
        assert!(short.full.len() > 3, "{} pieces", short.full.len());
        assert_eq!(unfolded(short, &labels), expected);
    }

    #[test]
    fn a_family_of_which_nobody_has_a_sample_is_empty() {
        let mut short = Short::new("x");
        for _ in 0..10_000 {
            short.tenant(10).sample(&[], f64::NAN);
            short.tenant(10).end();
        }
        assert!(short.is_empty());
        assert_eq!(unfolded(short, &"\n".repeat(10_000)), "");
    }
}
