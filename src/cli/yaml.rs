//! Text as it is written into a configuration.

/// Words that YAML, in one version or another, does not take for text.
const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan"];

/// Text as a scalar of YAML that is read back as this text and nothing else, whatever stands in it.
pub(super) fn scalar(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/.@_-:".contains(c))
        && !text.ends_with(':')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')) {
        let mut quoted = String::from("\"");
        for c in text.chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                    quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
                }
                c => quoted.push(c),
            }
        }
        quoted.push('"');
        return quoted;
    }
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::scalar;
    use crate::config::{Draft, load_with};

    #[test]
    fn whatever_is_written_is_read_back() {
        for text in [
            "acme",
            "4711",
            "1e5",
            "yes",
            "Null",
            "a: b",
            "a #b",
            "- a",
            "it's",
            "\"it\"",
            "{name}",
            "https://jamf.example.com:8443/base",
            "\u{1f600} \u{fc}ber",
            "back\\slash",
            "~",
            "a:",
            "*x",
            "&x",
            "!x",
            "%x",
            "@x",
            " led",
            "2027-03-01",
            "0x1F",
            ".inf",
            "a\u{2028}b",
            "a\u{feff}b",
        ] {
            let yaml = format!("site: {}\n", scalar(text));
            let path = std::path::Path::new("/nowhere/apnswatch.yaml");
            let read = load_with(Draft { path, text: &yaml }, path, &std::collections::BTreeMap::new());
            let site = read.unwrap_or_else(|problems| panic!("{yaml}: {problems:?}")).site;
            assert_eq!(site.as_deref(), Some(text), "{yaml}");
        }
    }
}
