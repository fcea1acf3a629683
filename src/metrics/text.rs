//! The text format: a family's head, then its samples.

use std::fmt::{Display, Write};

/// Writes series into a string. Families are written one after the other, each with its samples together.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a family. `kind` is `gauge` or `counter`.
    pub(super) fn family(&mut self, name: &'static str, kind: &str, help: &str) -> Family<'_> {
        Family { text: &mut self.0, name, kind: kind.to_owned(), help: help.to_owned(), is_begun: false }
    }

    /// What was written.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// A family that is being written. A family without a sample leaves no trace.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    kind: String,
    help: String,
    is_begun: bool,
}

impl Family<'_> {
    /// Writes one sample. A value that is not finite is left out: nobody knows it.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        if !value.is_finite() {
            return;
        }
        if !self.is_begun {
            self.is_begun = true;
            let (name, kind, help) = (self.name, &self.kind, &self.help);
            put(self.text, format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        }
        self.text.push_str(self.name);
        for (index, (label, content)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            escape(self.text, content);
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        put(self.text, format_args!(" {value}\n"));
    }
}

/// Label values may hold anything; three characters have to be written otherwise.
fn escape(text: &mut String, content: &str) {
    for character in content.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

fn put(text: &mut String, content: impl Display) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{content}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_unknown_values_left_out() {
        let mut text = Text::default();
        let mut family = text.family("x_info", "gauge", "Help.");
        family.sample(&[("a", "say \"no\"\\\n"), ("b", "\u{fc}")], 1.0);
        family.sample(&[], f64::NAN);
        family.sample(&[], -0.5);
        text.family("y", "gauge", "Never seen.");
        assert_eq!(
            text.into_string(),
            "# HELP x_info Help.\n# TYPE x_info gauge\nx_info{a=\"say \\\"no\\\"\\\\\\n\",b=\"\u{fc}\"} 1\nx_info -0.5\n"
        );
    }

    #[test]
    fn a_moment_keeps_every_second() {
        let mut text = Text::default();
        text.family("x", "gauge", "Help.").sample(&[], 1_789_137_565.0);
        assert!(text.into_string().ends_with("x 1789137565\n"));
    }
}
