//! The floor: somebody who has every sample at hand, judges nothing, and writes them as text.

use std::fmt::Write as _;

use anyhow::Context as _;

/// A text in its parts.
pub(crate) struct Samples(Vec<Line>);

enum Line {
    /// A comment.
    Head(String),
    Sample {
        name: String,
        labels: Vec<(String, String)>,
        value: f64,
    },
}

impl Samples {
    /// Takes a text apart.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        text.lines().map(Line::parse).collect::<anyhow::Result<_>>().map(Self)
    }

    /// How many samples there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().filter(|line| matches!(line, Line::Sample { .. })).count()
    }

    /// Puts it together again.
    pub(crate) fn write(&self) -> String {
        let mut text = String::new();
        for line in &self.0 {
            match line {
                Line::Head(head) => text.push_str(head),
                Line::Sample { name, labels, value } => {
                    text.push_str(name);
                    for (index, (label, content)) in labels.iter().enumerate() {
                        text.push(if index == 0 { '{' } else { ',' });
                        text.push_str(label);
                        text.push_str("=\"");
                        if content.contains(['\\', '"', '\n']) {
                            text.push_str(&content.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"));
                        } else {
                            text.push_str(content);
                        }
                        text.push('"');
                    }
                    if !labels.is_empty() {
                        text.push('}');
                    }
                    // Writing to a string cannot fail.
                    let _ = write!(text, " {value}");
                }
            }
            text.push('\n');
        }
        text
    }
}

impl Line {
    fn parse(line: &str) -> anyhow::Result<Self> {
        if line.starts_with('#') {
            return Ok(Self::Head(line.to_owned()));
        }
        let (series, value) = line.rsplit_once(' ').context("a value")?;
        let (name, rest) = series.split_once('{').unwrap_or((series, ""));
        let mut rest = rest.trim_end_matches('}');
        let mut labels = Vec::new();
        while let Some((label, content)) = rest.split_once("=\"") {
            let (mut value, mut escaped, mut end) = (String::new(), false, content.len());
            for (at, character) in content.char_indices() {
                match character {
                    'n' if escaped => value.push('\n'),
                    '\\' | '"' if escaped => value.push(character),
                    '\\' => {
                        escaped = true;
                        continue;
                    }
                    '"' => {
                        end = at;
                        break;
                    }
                    other => value.push(other),
                }
                escaped = false;
            }
            labels.push((label.to_owned(), value));
            rest = content.get(end + 1..).unwrap_or_default().trim_start_matches(',');
        }
        Ok(Self::Sample { name: name.to_owned(), labels, value: value.parse()? })
    }
}
