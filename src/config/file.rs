//! The files of the configuration on disk.

use std::io::Read;
use std::path::Path;

use config::{File, FileFormat, Map, Source, Value};
use yaml_rust2::parser::{Event, MarkedEventReceiver, Parser};
use yaml_rust2::scanner::Marker;

/// More than this is not a configuration but a mistake.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Reads a YAML file whose document is a mapping.
///
/// # Errors
///
/// Says in one line what is wrong with the file; where its YAML is broken, at which line and column.
pub(super) fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    // Asked before opening, because opening a named pipe would wait for its other end.
    let metadata = std::fs::metadata(path).map_err(cannot)?;
    if !metadata.is_file() {
        return Err("cannot be read: it is not a regular file".to_owned());
    }
    if metadata.len() > MAX_BYTES {
        return Err("cannot be read: it is larger than 16 MiB".to_owned());
    }
    let mut bytes = Vec::new();
    let mut file = std::fs::File::open(path).map_err(cannot)?;
    // The open file is asked, lest another one was put in its place in between.
    if is_writable_by_others(&file.metadata().map_err(cannot)?) {
        return Err("may be written by everybody: take that away with chmod o-w".to_owned());
    }
    (&mut file).take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err("cannot be read: it is larger than 16 MiB".to_owned());
    }
    parse(&String::from_utf8(bytes).map_err(|_| "cannot be read: it is not UTF-8 text".to_owned())?)
}

#[cfg(unix)]
fn is_writable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o002 != 0
}

#[cfg(not(unix))]
fn is_writable_by_others(_: &std::fs::Metadata) -> bool {
    false
}

/// Reads the text of such a file.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, String> {
    // Editors of other systems put a byte-order mark in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    refuse_aliases(text)?;
    let table = File::from_str(text, FileFormat::Yaml).collect().map_err(|error| match error {
        config::ConfigError::FileParse { cause, .. } => explain(&cause.to_string()),
        _ => "must be a YAML mapping of keys to values".to_owned(),
    })?;
    // An empty file is one that is just being written, or was cut; taken at its word it would end every watch.
    if table.is_empty() { Err("is empty".to_owned()) } else { Ok(table) }
}

/// An alias stands for all that its anchor holds, so a few lines of them can stand for more than any memory holds. There
/// is `defaults` for what tenants share. What is no YAML at all is told by the parser that follows.
fn refuse_aliases(text: &str) -> Result<(), String> {
    if !text.contains('*') {
        return Ok(());
    }
    struct Aliases(Option<usize>);

    impl MarkedEventReceiver for Aliases {
        fn on_event(&mut self, event: Event, marker: Marker) {
            if matches!(event, Event::Alias(_)) {
                self.0.get_or_insert_with(|| marker.line());
            }
        }
    }

    let mut aliases = Aliases(None);
    let _ = Parser::new_from_str(text).load(&mut aliases, true);
    match aliases.0 {
        Some(line) => {
            Err(format!("line {line}: must not use YAML aliases (*name): put what tenants share into defaults"))
        }
        None => Ok(()),
    }
}

/// Puts the parser's words in our order. Only texts known to be free of values are passed on.
fn explain(message: &str) -> String {
    if let Some((message, place)) = message.rsplit_once(" at byte ")
        && let [_, "line", line, "column", column] = place.split(' ').collect::<Vec<_>>()[..]
    {
        let place = format!("line {line}, column {column}");
        return match message.strip_suffix(": duplicated key in mapping") {
            Some(key) => match key.strip_prefix("String(\"").and_then(|key| key.strip_suffix("\")")) {
                Some(key) => format!("{place}: the key {key} stands twice in one mapping"),
                None => format!("{place}: a key stands twice in one mapping"),
            },
            None => format!("{place}: not valid YAML: {message}"),
        };
    }
    if message.contains("documents, expected 1") {
        return "must hold one YAML document".to_owned();
    }
    if message.contains("floating point number") {
        return "holds .inf or .nan, which is no value for any key: put it in quotes if it is text".to_owned();
    }
    if message.contains("hash key") {
        return "not valid: a key must be text (is a template not filled in, or text in braces not quoted?)".to_owned();
    }
    "must be a YAML mapping of keys to values".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_yaml_is_told_with_its_place_and_without_its_values() {
        for (text, message) in [
            ("", "is empty"),
            ("# nothing\n", "is empty"),
            ("site: a\nsite: b\n", "line 2, column 7: the key site stands twice in one mapping"),
            (
                "web: {listen: s3cret\n",
                "line 2, column 1: not valid YAML: while parsing a flow mapping, did not find expected ',' or '}'",
            ),
            ("site: a\n--- \nsite: b\n", "must hold one YAML document"),
            ("- s3cret\n", "must be a YAML mapping of keys to values"),
            ("site: .inf\n", "holds .inf or .nan, which is no value for any key: put it in quotes if it is text"),
            (
                "site: {{ s3cret }}\n",
                "not valid: a key must be text (is a template not filled in, or text in braces not quoted?)",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), message, "{text:?}");
        }
        assert!(parse("\u{feff}site: a\n").is_ok());
    }
}
