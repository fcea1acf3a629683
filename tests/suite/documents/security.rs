//! SECURITY.md: what it says is shown by a test is shown by one that exists; and what is true of every secret in the code.

use std::path::Path;

use crate::support::{document, project};

/// Where a file of the project begins, as it is named in the page.
const ROOTS: [&str; 4] = ["tests/", "src/", "scripts/", "deploy/"];

#[test]
fn every_test_that_is_named_is_one() {
    let text = document("SECURITY.md");
    let (mut files, mut tests) = (0, 0);
    for line in paragraphs(&text) {
        let mut source = String::new();
        for span in line.split('`').skip(1).step_by(2) {
            if ROOTS.iter().any(|root| span.starts_with(root)) {
                let path = span.split(' ').next().unwrap();
                assert!(project(path).exists(), "{path} is no file");
                source = if path.ends_with(".rs") { document(path) } else { String::new() };
                files += 1;
            } else if is_test_name(span) {
                let begin = format!("fn {span}() {{");
                let (before, _) =
                    source.split_once(&begin).unwrap_or_else(|| panic!("{span} is not in the file before it"));
                let attributes = before.rsplit('}').next().unwrap();
                assert!(attributes.contains("#[test]") || attributes.contains("#[tokio::test"), "{span} is no test");
                tests += 1;
            }
        }
    }
    assert!(files > 30 && tests > 40, "{files} files, {tests} tests");
}

#[test]
fn every_actor_has_a_place_and_every_boundary_a_test() {
    let text = document("SECURITY.md");
    let (_, actors) = text.split_once("\n## Against whom").expect("the actors");
    let (actors, _) = actors.split_once("\n## ").expect("a next part");
    let rows = actors
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| attempt") && !line.starts_with("| ---"));
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        assert!(ROOTS.iter().any(|root| cells[2].contains(&format!("`{root}"))), "nothing shows it: {row}");
    }
    for part in [
        "Report a weakness",
        "Supported versions",
        "What is worth protecting",
        "Out of scope",
        "Checklist for operators",
    ] {
        assert!(text.contains(&format!("\n## {part}\n")), "{part}");
    }
}

/// Lines of a table as they are, and what belongs together of the rest, joined.
fn paragraphs(text: &str) -> Vec<String> {
    let blocks = text.split("\n\n");
    blocks
        .flat_map(|block| {
            if block.trim_start().starts_with('|') {
                block.lines().map(ToOwned::to_owned).collect()
            } else {
                vec![block.replace('\n', " ")]
            }
        })
        .collect()
}

/// Whether it is written as tests are named here: a sentence.
fn is_test_name(span: &str) -> bool {
    span.matches('_').count() > 2
        && span.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Every item of the code that derives `Debug`, from the derive to its end, by file.
fn printable(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            printable(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&entry).unwrap();
            for item in text.split("#[derive(").skip(1).filter(|item| item.split(')').next().unwrap().contains("Debug"))
            {
                // A tuple or a unit ends with its line, anything else with a brace in the first column.
                let body = item.split_once('\n').unwrap().1;
                let head = body.lines().find(|line| !line.trim_start().starts_with(['#', '/'])).unwrap();
                let end = if head.ends_with(';') { body.find(";\n") } else { body.find("\n}") };
                found.push((entry.display().to_string(), body[..end.unwrap_or(body.len())].to_owned()));
            }
        }
    }
}

/// What is worth wiping is worth hiding: `Zeroizing` prints what is in it.
#[test]
fn nothing_that_is_wiped_can_be_printed() {
    let mut found = Vec::new();
    printable(&project("src"), &mut found);
    assert!(found.len() > 200, "{}", found.len());
    let shown: Vec<_> = found.iter().filter(|(_, item)| item.contains("Zeroizing<")).collect();
    assert!(shown.is_empty(), "these derive Debug over bytes that are wiped: {shown:#?}");
}
