//! What Mosyle answers, and what it means.
//!
//! Shapes as clients met them (SchoolOfTheOsage/mosyle, apfelq/mosyle-notifications, JCSmillie/MOSBasic): errors come
//! with 200 and a status inside of the answer, which is an object for Manager and a list with one object for Business;
//! numbers and moments are text or numbers as it falls.

use chrono::{DateTime, Datelike, Utc};
use serde_json::{Map, Value};

use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, BODY_LIMIT};

/// One device, by its columns.
pub(super) type Row = Map<String, Value>;

/// One page of devices.
#[derive(Debug, PartialEq)]
pub(super) enum Page {
    /// These, of so many in all.
    Devices {
        /// The devices of this page.
        rows: Vec<Row>,
        /// How many there are on all pages, if it is told.
        total: Option<u64>,
        /// How many a full page has, if it is told.
        size: Option<u64>,
    },
    /// There are none on this page: the list ends before it.
    End,
}

/// Reads an answer with status 200. `host` is who answered, for messages.
///
/// # Errors
///
/// `malformed` for what is no such answer, an empty body included; `http` for an error that stands in it.
pub(super) fn parse(host: &str, answer: &Answer) -> Result<Page, Failure> {
    let malformed = |what: &str| Failure::new(Reason::Malformed, format!("{host}: {what}"));
    let no_list = || malformed("the answer is JSON, but not a list of devices");
    let mut body = answer.json(BODY_LIMIT).map_err(|failure| malformed(&failure.message))?;
    let outer = body.as_object().ok_or_else(no_list)?;
    if judge(host, outer)? {
        return Ok(Page::End);
    }
    let parts: Vec<Value> = match body.get_mut("response").map(Value::take) {
        Some(Value::Array(parts)) => parts,
        Some(part @ Value::Object(_)) => vec![part],
        _ => return Err(no_list()),
    };
    let mut page = None;
    for mut part in parts {
        let inner = part.as_object().ok_or_else(no_list)?;
        // The outer status says OK also where the inner one is an error.
        if judge(host, inner)? {
            page.get_or_insert(Page::End);
            continue;
        }
        let (total, size) = (number(inner, "rows"), number(inner, "page_size"));
        let Some(Value::Array(devices)) = part.get_mut("devices").map(Value::take) else { return Err(no_list()) };
        if matches!(page, Some(Page::Devices { .. })) {
            return Err(malformed("the answer holds several lists of devices"));
        }
        let rows = devices.into_iter().map(|device| match device {
            Value::Object(row) => Ok(row),
            _ => Err(malformed("the list of devices holds something else")),
        });
        page = Some(Page::Devices { rows: rows.collect::<Result<_, _>>()?, total, size });
    }
    page.ok_or_else(no_list)
}

/// Looks at a status, outer or inner. `true` if it says that no device was found, which is how a list ends.
fn judge(host: &str, part: &Row) -> Result<bool, Failure> {
    let status = match part.get("status") {
        // Some operations have none.
        None | Some(Value::Null) => return Ok(false),
        Some(Value::String(status)) => status,
        Some(_) => return Err(Failure::new(Reason::Malformed, format!("{host}: the status is not a word"))),
    };
    // The words are written with and without underscores.
    let word: String = status.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect();
    let meaning = match word.as_str() {
        "OK" | "SUCCESS" => return Ok(false),
        "DEVICESNOTFOUND" => return Ok(true),
        "MISSINGDATA" => "that something is missing in the request (MISSING_DATA)",
        "INVALIDDATA" => "that something in the request is wrong (INVALID_DATA)",
        "ERROR" => "that something went wrong, and not what (ERROR)",
        _ => "an error that this program does not know",
    };
    Err(Failure::new(Reason::Http, format!("{host} answers with 200 and says {meaning}")))
}

/// A number, written as one or as text.
fn number(part: &Row, key: &str) -> Option<u64> {
    match part.get(key)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A column that holds a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// The device has no such column.
    Missing,
    /// It is null, empty or 0: it never happened.
    Never,
    /// Text that is no moment.
    Unreadable,
    /// It happened then.
    At(DateTime<Utc>),
}

/// A moment in seconds since 1970, written as a number or as text.
///
/// # Errors
///
/// If the column holds something that is neither.
pub(super) fn moment(row: &Row, key: &str) -> Result<Moment, ()> {
    let seconds = match row.get(key) {
        None => return Ok(Moment::Missing),
        Some(Value::Null) => return Ok(Moment::Never),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Moment::Never),
        Some(Value::String(text)) => text.trim().parse::<i64>().ok(),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return Err(()),
    };
    Ok(match seconds.map(|seconds| (seconds, DateTime::from_timestamp(seconds, 0))) {
        Some((0, _)) => Moment::Never,
        Some((_, Some(at))) if (1971..9999).contains(&at.year()) => Moment::At(at),
        _ => Moment::Unreadable,
    })
}

#[cfg(test)]
mod tests;
