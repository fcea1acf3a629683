//! SECURITY.md: what it says is shown by a test is shown by one that exists.

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
