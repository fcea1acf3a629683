//! The lines of a drop file, in whichever of the known forms it is:
//!
//! - JSON lines: `{"serial":"X","topic":"com.apple.mgmt..."}`; also the result log of osquery, with the row in
//!   `columns` or the rows in `snapshot`, and its lines with `"action":"removed"`, which take a row back
//!   (<https://osquery.readthedocs.io/en/stable/deployment/logging/>);
//! - a JSON array of such objects, or one object around it, as `osqueryi --json` and inventories give;
//! - CSV with a header, separated by commas, semicolons or tabs; without a header if its first line has a topic.
//!
//! One JSON document, one of its lines and one element of an array have at most 4 MiB, one record of CSV 64 KiB. A
//! record that runs over several lines, with what is another record in a cell, comes from a quote that was never
//! closed: each of its lines is one that cannot be read.
//!
//! The topic is the field named `topic`, `Topic` or `mdm_topic`; where there is none, any value that is the topic of
//! an MDM. Case, blanks, `_` and `-` in names do not count.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::model::Topic;
use crate::model::topic::MDM_TOPIC_PREFIX;

/// The names of a topic, in one spelling.
const TOPICS: [&str; 2] = ["topic", "mdmtopic"];

/// The names of what names a device, in one spelling, the best first.
const DEVICES: [&str; 6] = ["serial", "serialnumber", "udid", "hostidentifier", "uuid", "device"];

/// The longest subject UID that is taken for a topic in certificates, too.
const MAX_TOPIC: usize = 256;

/// The most of JSON that is held as a whole. In memory it may take sixteen times that.
const MAX_JSON: usize = 4 * 1024 * 1024;

/// The longest record of CSV.
const MAX_RECORD: usize = 64 * 1024;

/// What one line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A device listens on a topic.
    Topic { device: Option<String>, topic: Topic },
    /// A device has none.
    Silent { device: Option<String> },
    /// What an earlier line said is not so any more.
    Removed { device: Option<String>, topic: Topic },
    /// Nobody can say.
    Unreadable,
}

/// Reads a file, at most `limit` lines of it.
///
/// # Errors
///
/// Why the file as a whole is good for nothing, to follow its name.
pub(super) fn read(bytes: &[u8], limit: usize, take: &mut dyn FnMut(Line)) -> Result<(), String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut left = limit;
    let mut take = |line| {
        left = left.checked_sub(1).ok_or_else(|| format!("has more lines than are read: {limit}"))?;
        take(line);
        Ok(())
    };
    match bytes.trim_ascii_start().first() {
        None => Err("is empty".to_owned()),
        Some(b'[') => array(bytes, &mut take),
        Some(b'{') => json_lines(bytes, &mut take),
        Some(_) => csv(bytes, &mut take),
    }
}

type Take<'a> = dyn FnMut(Line) -> Result<(), String> + 'a;

fn json_lines(bytes: &[u8], take: &mut Take<'_>) -> Result<(), String> {
    // One object over many lines is not one in each of them.
    if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        if bytes.len() > MAX_JSON {
            return Err(
                "is one JSON document of more than 4 MiB; write a line or an element for each device".to_owned()
            );
        }
        return record(bytes, take);
    }
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty()).try_for_each(|line| record(line, take))
}

/// One JSON value.
fn record(json: &[u8], take: &mut Take<'_>) -> Result<(), String> {
    if json.len() > MAX_JSON {
        return take(Line::Unreadable);
    }
    match serde_json::from_slice::<Value>(json) {
        Ok(value) => object(&value, None, take),
        Err(_) => take(Line::Unreadable),
    }
}

/// Reads an array element by element, so that no more than one of them is in memory.
fn array(bytes: &[u8], take: &mut Take<'_>) -> Result<(), String> {
    struct Elements<'a, 'b> {
        take: &'a mut Take<'b>,
        stopped: Option<String>,
    }

    impl<'de> Visitor<'de> for &mut Elements<'_, '_> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
            while let Some(element) = elements.next_element::<&RawValue>()? {
                if let Err(why) = record(element.get().as_bytes(), self.take) {
                    self.stopped = Some(why);
                    return Err(serde::de::Error::custom("stopped"));
                }
            }
            Ok(())
        }
    }

    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut elements = Elements { take, stopped: None };
    let read = json.deserialize_seq(&mut elements).and_then(|()| json.end());
    match (read, elements.stopped) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(why)) => Err(why),
        // Its own words may repeat what stands there.
        (Err(error), None) => Err(format!("is damaged or cut off: its JSON ends at line {}", error.line())),
    }
}

/// One record, or records in a list within it that share what names the device.
fn object(value: &Value, above: Option<&str>, take: &mut Take<'_>) -> Result<(), String> {
    let Value::Object(entries) = value else { return take(Line::Unreadable) };
    let device = DEVICES.iter().find_map(|name| field(entries, name)).or_else(|| above.map(str::to_owned));
    let named = TOPICS.iter().find_map(|name| field_or_empty(entries, name));
    let topic = match &named {
        Some(text) if text.trim().is_empty() => return take(Line::Silent { device }),
        Some(text) => topic(text),
        None => any_topic(entries),
    };
    if let Some(topic) = topic {
        let is_removed = entries.get("action").and_then(Value::as_str) == Some("removed");
        return take(if is_removed { Line::Removed { device, topic } } else { Line::Topic { device, topic } });
    }
    let mut lists = entries.values().filter_map(Value::as_array).filter(|list| list.iter().any(Value::is_object));
    match (named, lists.next()) {
        (None, Some(first)) => {
            first.iter().chain(lists.flatten()).try_for_each(|value| object(value, device.as_deref(), take))
        }
        (Some(_), _) => take(Line::Unreadable),
        (None, None) => take(Line::Silent { device }),
    }
}

/// A field of a record, or of a record within it such as `columns`, that has text in it.
fn field(entries: &Map<String, Value>, name: &str) -> Option<String> {
    field_or_empty(entries, name).filter(|text| !text.trim().is_empty())
}

fn field_or_empty(entries: &Map<String, Value>, name: &str) -> Option<String> {
    let own = entries.iter().find(|(key, _)| is_named(key, name)).and_then(|(_, value)| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => Some(String::new()),
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    });
    own.or_else(|| entries.values().filter_map(Value::as_object).find_map(|below| field_or_empty(below, name)))
}

fn any_topic(entries: &Map<String, Value>) -> Option<Topic> {
    entries.values().find_map(|value| match value {
        Value::String(text) => topic(text),
        Value::Object(below) => any_topic(below),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    })
}

fn csv(bytes: &[u8], take: &mut Take<'_>) -> Result<(), String> {
    let head = bytes.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let most = |delimiter: &u8| head.iter().filter(|byte| *byte == delimiter).count();
    let delimiter = *b"\t;,".iter().max_by_key(|delimiter| most(delimiter)).unwrap_or(&b',');
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(bytes);
    let mut columns: Option<Columns> = None;
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(_) => {
                take(Line::Unreadable)?;
                continue;
            }
        }
        let is_last = usize::try_from(reader.position().byte()).is_ok_and(|at| at >= bytes.len());
        if is_damaged(&record, is_last && !bytes.trim_ascii_end().ends_with(b"\"")) {
            let lines = record.as_slice().trim_ascii_end().split(|byte| *byte == b'\n').count();
            (0..lines).try_for_each(|_| take(Line::Unreadable))?;
            continue;
        }
        let cells: Vec<_> = record.iter().map(|cell| String::from_utf8_lossy(cell)).collect();
        match &columns {
            Some(columns) => take(columns.line(&cells))?,
            // Without a header the first line is one like the others.
            None if cells.iter().any(|cell| topic(cell).is_some()) => {
                let none = Columns { topic: None, devices: vec![], width: cells.len() };
                take(none.line(&cells))?;
                columns = Some(none);
            }
            None => columns = Some(Columns::new(&cells)),
        }
    }
}

/// Whether a record is not what its writer meant. `is_open`: the file ends with it, and not with a quote.
fn is_damaged(record: &csv::ByteRecord, is_open: bool) -> bool {
    let is_long = |cell: &[u8]| cell.trim_ascii_end().contains(&b'\n');
    let prefix = MDM_TOPIC_PREFIX.as_bytes();
    let holds_topic = |cell: &[u8]| cell.windows(prefix.len()).any(|part| part.eq_ignore_ascii_case(prefix));
    record.as_slice().len() > MAX_RECORD
        || record.iter().any(|cell| is_long(cell) && holds_topic(cell))
        || (is_open && record.iter().next_back().is_some_and(is_long))
}

/// Where in a line of CSV things stand.
struct Columns {
    topic: Option<usize>,
    /// What names a device, the best first.
    devices: Vec<usize>,
    width: usize,
}

impl Columns {
    fn new(header: &[impl AsRef<str>]) -> Self {
        let find = |name: &&str| header.iter().position(|cell| is_named(cell.as_ref(), name));
        Self {
            topic: TOPICS.iter().find_map(find),
            devices: DEVICES.iter().filter_map(find).collect(),
            width: header.len(),
        }
    }

    fn line(&self, cells: &[impl AsRef<str>]) -> Line {
        let cell = |at: usize| cells.get(at).map(|cell| cell.as_ref().trim());
        let device = self.devices.iter().filter_map(|at| cell(*at)).find(|text| !text.is_empty()).map(str::to_owned);
        let named = self.topic.map(cell);
        let topic = match named {
            // A line that is cut short, in a file that somebody is writing.
            Some(None) => return Line::Unreadable,
            Some(Some("")) => return Line::Silent { device },
            Some(Some(text)) => topic(text),
            None => cells.iter().find_map(|cell| topic(cell.as_ref())),
        };
        match topic {
            Some(topic) => Line::Topic { device, topic },
            None if named.is_some() || cells.len() < self.width => Line::Unreadable,
            None => Line::Silent { device },
        }
    }
}

/// Whether a key is `name`, which is in lower case and has nothing but letters in it.
fn is_named(key: &str, name: &str) -> bool {
    let letters = key.trim().chars().filter(|c| !matches!(c, '_' | '-' | ' ')).map(|c| c.to_ascii_lowercase());
    letters.eq(name.chars())
}

/// A text that is the topic of an MDM and nothing else.
fn topic(text: &str) -> Option<Topic> {
    Topic::parse_mdm(text).filter(|topic| topic.as_str().len() <= MAX_TOPIC)
}
