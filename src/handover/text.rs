//! The sheet as plain text, for a terminal, a printer or a mail.

use super::Handover;
use super::sheet::{Block, Fact, Section, TITLE, head, sections};
use crate::words;

/// How wide the text is.
const WIDTH: usize = 96;

/// The sheet as text. It ends with a line end.
#[must_use]
pub fn text(handover: &Handover) -> String {
    let mut lines = vec![TITLE.to_owned(), "=".repeat(TITLE.len())];
    lines.extend(words::wrap(&head(handover), WIDTH));
    for (index, Section { title, blocks }) in sections(handover).iter().enumerate() {
        let title = format!("{}. {title}", index + 1);
        lines.extend([String::new(), title.clone(), "-".repeat(title.len())]);
        for block in blocks {
            lines.extend(piece(block));
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

fn piece(block: &Block) -> Vec<String> {
    match block {
        Block::Text(text) => words::wrap(text, WIDTH),
        Block::Alarm(text) => hanging("! ", text),
        Block::Entry(title, facts) => {
            let width = facts.iter().map(|fact| fact.name.chars().count()).max().unwrap_or_default();
            let facts = facts.iter().flat_map(|fact: &Fact| {
                let note = fact.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
                hanging(&format!("  {:<width$}  ", fact.name), &format!("{}{note}", fact.value))
            });
            title.iter().cloned().chain(facts).collect()
        }
        Block::Table(heads, rows) => {
            let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
            let all: Vec<&Vec<String>> = std::iter::once(&heads).chain(rows).collect();
            let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
            let last = heads.len() - 1;
            let widths: Vec<usize> = (0..last).map(width).collect();
            all.iter()
                .flat_map(|row| {
                    let front: String =
                        row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  ")).collect();
                    hanging(&format!("  {front}"), &row[last])
                })
                .collect()
        }
    }
}

/// Text behind a mark, its further lines below its first.
fn hanging(mark: &str, text: &str) -> Vec<String> {
    let indent = mark.chars().count();
    let lines = words::wrap(text, WIDTH.saturating_sub(indent).max(WIDTH / 3));
    let of = |(index, line): (usize, String)| {
        if index == 0 { format!("{mark}{line}") } else { format!("{}{line}", " ".repeat(indent)) }
    };
    if lines.is_empty() { vec![mark.trim_end().to_owned()] } else { lines.into_iter().enumerate().map(of).collect() }
}
