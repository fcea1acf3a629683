//! The tables of `docs/faults.md`, and what was seen beside them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::support::document;

const PAGE: &str = "docs/faults.md";

/// The rows of the table whose first column is called so: the name of each, and its further cells.
pub(super) fn documented(first: &str) -> Vec<(String, Vec<String>)> {
    let text = document(PAGE);
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("| {first} |")));
    assert!(lines.next().is_some() && lines.next().is_some(), "{PAGE} has a table of {first}");
    let rows = lines.take_while(|line| line.starts_with('|')).map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let name = cells.next().unwrap();
        let cells: Vec<String> = cells.collect();
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{PAGE}: an empty cell in {line}");
        (name, cells)
    });
    rows.collect()
}

/// The same, from what was seen.
pub(super) fn written(heads: &[&str], rows: &[(String, Vec<String>)]) -> String {
    let mut text = format!("| {} |\n|{}\n", heads.join(" | "), " --- |".repeat(heads.len()));
    for (name, cells) in rows {
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    text
}

/// How the sources of a tenant fare, in the words of the table: one word where all say the same, else the sources by
/// word, the failing ones first.
pub(super) fn worded(sources: &[(&str, String)]) -> String {
    let mut by_word: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
    for (source, word) in sources {
        by_word.entry((word == "up", word)).or_default().push(source);
    }
    if let [((_, word), _)] = by_word.iter().collect::<Vec<_>>().as_slice() {
        return (*word).to_owned();
    }
    by_word.iter().map(|((_, word), sources)| format!("{word}: {}", sources.join(", "))).collect::<Vec<_>>().join("; ")
}
