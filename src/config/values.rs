//! Single values. Each function says what would be right, and never repeats what it was given: a value in the wrong
//! place may be a secret.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde_json::Value;
use url::Url;

use crate::model::Topic;

/// Text as it stands, empty or not. YAML makes numbers of ids and truth values of words; those are not turned back,
/// for `007` and `7` are one number and two ids.
pub(super) fn any_text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Err("must be text: put it in quotes".to_owned()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err("must be text".to_owned()),
    }
}

/// Text with something in it.
pub(super) fn text(value: &Value) -> Result<String, String> {
    let text = any_text(value)?;
    if text.trim().is_empty() { Err("must not be empty".to_owned()) } else { Ok(text) }
}

pub(super) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// A whole number within bounds.
pub(super) fn number(value: &Value, least: u32, most: u32) -> Result<u32, String> {
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("must be a whole number from {least} to {most}"))
}

pub(super) fn duration(value: &Value) -> Result<Duration, String> {
    let duration = value.as_str().and_then(|text| humantime::parse_duration(text).ok());
    duration.ok_or_else(|| "must be a duration with its unit, such as 20s, 15m or 1h30m".to_owned())
}

pub(super) fn date(value: &Value) -> Result<NaiveDate, String> {
    value.as_str().and_then(parse_date).ok_or_else(|| "must be a date such as 2027-03-01".to_owned())
}

/// A date, meant as its first moment in UTC, or a moment.
pub(super) fn moment(value: &Value) -> Result<DateTime<Utc>, String> {
    let text = value.as_str().unwrap_or_default();
    let moment = match parse_date(text) {
        Some(date) => Some(date.and_time(NaiveTime::MIN).and_utc()),
        None => DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc()),
    };
    moment.ok_or_else(|| "must be a date such as 2027-03-01 or a moment such as 2027-03-01T12:00:00Z".to_owned())
}

fn parse_date(text: &str) -> Option<NaiveDate> {
    // The length keeps out `2027-3-1`, which is a slip as often as not.
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10)
}

pub(super) fn path(value: &Value, base: &Path) -> Result<PathBuf, String> {
    let text = text(value)?;
    if text.starts_with('~') {
        return Err("must be a path: ~ is not replaced here, write the whole path".to_owned());
    }
    Ok(base.join(text))
}

pub(super) fn listen(value: &Value) -> Result<SocketAddr, String> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| {
        "must be an IP address and a port, such as 127.0.0.1:12197 or [::1]:12197, or 0.0.0.0:12197 for every \
         address of this machine"
            .to_owned()
    })
}

/// An `http` or `https` address without a login in it, for that would be a secret in the configuration.
pub(super) fn address(value: &Value) -> Result<Url, String> {
    let wrong = || "must be an address such as https://apnswatch.example.com/".to_owned();
    let text = any_text(value)?;
    let url = Url::parse(text.trim()).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user name or a password in it".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query or a fragment in it".to_owned());
    }
    Ok(url)
}

/// `none` or an address.
pub(super) fn proxy(value: &Value) -> Result<Option<Url>, String> {
    if value.as_str() == Some("none") {
        return Ok(None);
    }
    address(value).map(Some).map_err(|message| match message {
        message if message.starts_with("must be") => {
            "must be none or an address such as http://proxy.example.com:3128/".to_owned()
        }
        message => message,
    })
}

/// A host name without a port; names do not differ in case.
pub(super) fn host(value: &Value) -> Result<String, String> {
    let text = any_text(value)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if text.is_empty() || !text.chars().all(allowed) {
        return Err("must be a host name without a port, such as apnswatch.example.com".to_owned());
    }
    Ok(text.to_ascii_lowercase())
}

/// A pattern of mail addresses. A word alone would match no address, and so nothing, for ever.
pub(super) fn address_pattern(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let right = text.contains(['*', '?', '@']) && !text.chars().any(|c| c.is_control() || c.is_whitespace());
    if right { Ok(text) } else { Err("must be a pattern of addresses, such as *@mail.example.com".to_owned()) }
}

/// A name that becomes the value of a label.
pub(super) fn short_name(name: &str) -> Result<(), &'static str> {
    let right =
        (1..=64).contains(&name.chars().count()) && !name.trim().is_empty() && !name.chars().any(char::is_control);
    if right { Ok(()) } else { Err("must have a name of 1 to 64 characters, none of them a control character") }
}

/// A path or a pattern of files. A pattern that cannot be read would match nothing for ever. Only what was written is a pattern:
/// the signs in the name of the folder of the configuration stand for themselves.
pub(super) fn pattern(value: &Value, base: &Path) -> Result<PathBuf, String> {
    let path = path(value, base)?;
    let written = text(value)?;
    glob::Pattern::new(&written).map_err(|error| format!("must be a path or a pattern: {}", error.msg))?;
    let base = base.to_str().ok_or_else(|| "must be UTF-8 text".to_owned())?;
    let is_plain = !super::load::has_wildcard(&written);
    Ok(if is_plain { path } else { Path::new(&glob::Pattern::escape(base)).join(written) })
}

/// A push topic.
pub(super) fn topic(value: &Value) -> Result<Topic, String> {
    Topic::parse_mdm(&any_text(value)?).ok_or_else(|| "must be a push topic: it starts with com.apple.mgmt.".to_owned())
}

/// The name of a Prometheus label.
pub(super) fn label_name(name: &str) -> Result<(), &'static str> {
    let mut bytes = name.bytes();
    let head = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if !head || !bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') || name.starts_with("__") {
        return Err("must be a label name: letters, digits and _, no digit in front, not two _ in front");
    }
    Ok(())
}

/// One word of a closed list.
pub(super) fn one_of(value: &Value, words: &[&'static str]) -> Result<&'static str, String> {
    let text = value.as_str().unwrap_or_default();
    words.iter().find(|word| **word == text).copied().ok_or_else(|| format!("must be one of {}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_or_a_truth_value_is_not_text() {
        for value in [json!(7), json!(7.5), json!(true)] {
            assert_eq!(text(&value).unwrap_err(), "must be text: put it in quotes");
        }
        assert_eq!(any_text(&json!("")).unwrap(), "");
        assert!(text(&json!(" ")).is_err());
    }

    #[test]
    fn numbers_are_whole_and_bounded() {
        assert_eq!(number(&json!(30), 0, 3650), Ok(30));
        for value in [json!(-1), json!(3651), json!(1.5), json!("30"), json!(u64::MAX)] {
            assert!(number(&value, 0, 3650).is_err(), "{value}");
        }
    }

    #[test]
    fn a_date_is_the_first_moment_of_its_day() {
        assert_eq!(moment(&json!("2027-03-01")).unwrap().to_rfc3339(), "2027-03-01T00:00:00+00:00");
        assert_eq!(moment(&json!("2027-03-01T01:00:00+02:00")).unwrap().to_rfc3339(), "2027-02-28T23:00:00+00:00");
        for wrong in [json!("2027-3-1"), json!("2027-02-30"), json!("01.03.2027"), json!(20270301)] {
            assert!(moment(&wrong).is_err() && date(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn listening_needs_an_address_and_a_port() {
        for right in ["127.0.0.1:12197", "[::1]:12197", "0.0.0.0:0"] {
            assert!(listen(&json!(right)).is_ok(), "{right}");
        }
        for wrong in [json!(":12197"), json!("localhost:12197"), json!("127.0.0.1"), json!(12197), json!("::1:12197")] {
            // Without brackets the last one is an address and no port.
            assert!(listen(&wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_carry_no_login() {
        assert!(address(&json!("https://apnswatch.example.com/mdm/")).is_ok());
        for wrong in
            ["apnswatch.example.com", "ftp://example.com", "https://", "https://u:pw@example.com", "http://a/?b"]
        {
            assert!(address(&json!(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(proxy(&json!("none")), Ok(None));
        assert!(proxy(&json!("http://proxy.example.com:3128")).unwrap().is_some());
        assert!(proxy(&json!("socks5://proxy.example.com")).is_err());
    }

    #[test]
    fn a_topic_is_more_than_its_prefix() {
        assert!(topic(&json!("com.apple.mgmt.External.00000000")).is_ok());
        for wrong in ["com.apple.mgmt.", "com.example.app", "", "com.apple.mgmt.External.a b"] {
            assert!(topic(&json!(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn label_names_are_those_of_prometheus() {
        for right in ["team", "_x", "A9"] {
            assert!(label_name(right).is_ok(), "{right}");
        }
        for wrong in ["", "9a", "a-b", "__name", "t\u{e9}am"] {
            assert!(label_name(wrong).is_err(), "{wrong}");
        }
    }
}
