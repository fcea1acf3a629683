//! Pages of lists, of which no more is taken than is needed.
//!
//! Rows hold addresses, e-mails, serial numbers and enrolment codes. Only the fields that a type of row names are ever
//! made into values; the rest is passed over while it is read, and the body is wiped.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Datelike as _, Utc};
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::PRISM_LIMIT;
use super::paging::Next;
use crate::model::{Failure, Reason};
use crate::provider::http::{Answer, BODY_LIMIT};

/// A type of row: the names of the fields that are read.
pub(super) trait Fields {
    const NAMES: &'static [&'static str];
    /// The one of them by which a row can be told from others.
    const ID: &'static str;
}

/// A row of `GET /api/v1/integrations/apple/ade`. `days_left` is the vendor's own reckoning, and so not read.
pub(super) struct Integration;

impl Fields for Integration {
    const NAMES: &'static [&'static str] = &["id", "server_name", "access_token_expiry", "status", "status_reason"];
    const ID: &'static str = "id";
}

/// A row of `GET /api/v1/prism/device_information`. The times are missing in its older form.
pub(super) struct Device;

impl Fields for Device {
    const NAMES: &'static [&'static str] =
        &["device_id", "device__family", "mdm_enabled", "last_checkin_agent", "last_checkin_mdm"];
    const ID: &'static str = "device_id";
}

/// A row of `GET /api/v1/blueprints`.
pub(super) struct Blueprint;

impl Fields for Blueprint {
    const NAMES: &'static [&'static str] = &["id"];
    const ID: &'static str = "id";
}

/// How a kind of list is paged.
pub(super) struct Listing {
    /// What stands in every query.
    pub(super) first: &'static [(&'static str, &'static str)],
    /// More pages than any honest list has.
    pub(super) most_pages: usize,
    style: Style,
}

#[derive(Clone, Copy)]
enum Style {
    /// `{count, next, previous, results}`; `next` is a link.
    Links,
    /// `{offset, limit, total, data, cursor}`. It ends with an empty cursor, or with an empty page where
    /// the total is unknown or reached.
    Cursor,
}

/// Integrations and blueprints.
pub(super) const REST: Listing = Listing { first: &[], most_pages: 100, style: Style::Links };

/// Prism. A hundred and fifty thousand devices.
pub(super) const PRISM: Listing = Listing { first: &[("limit", PRISM_LIMIT)], most_pages: 500, style: Style::Cursor };

/// One page.
pub(super) struct Page<F> {
    pub(super) rows: Vec<Row<F>>,
    /// How many rows the list has, if it says so.
    pub(super) count: Option<u64>,
    pub(super) next: Option<Next>,
}

#[derive(Deserialize)]
#[serde(bound = "F: Fields")]
struct Wire<F> {
    results: Option<Vec<Row<F>>>,
    data: Option<Vec<Row<F>>>,
    #[serde(default)]
    next: Value,
    #[serde(default)]
    cursor: Value,
    #[serde(default)]
    count: Value,
    #[serde(default)]
    total: Value,
}

impl Listing {
    /// Whether a page without rows is the end, although it names a next one.
    pub(super) fn ends_empty(&self) -> bool {
        matches!(self.style, Style::Cursor)
    }

    /// Reads a page and wipes the answer.
    ///
    /// # Errors
    ///
    /// `malformed`, with a message that holds nothing of the page.
    pub(super) fn page<F: Fields>(&self, answer: Answer) -> Result<Page<F>, Failure> {
        let wire = answer.parse::<Wire<F>>(BODY_LIMIT);
        answer.wipe();
        let wire = wire?;
        let malformed = |what| Failure::new(Reason::Malformed, what);
        let (rows, next, count) = match self.style {
            Style::Links => (wire.results, &wire.next, &wire.count),
            Style::Cursor => (wire.data, &wire.cursor, &wire.total),
        };
        let rows = rows.ok_or_else(|| malformed("the answer is JSON, but not a page of a list"))?;
        let next = match next {
            Value::Null => None,
            Value::String(text) if text.trim().is_empty() => None,
            Value::String(text) => {
                let next = match self.style {
                    Style::Links => Next::of_link(text),
                    Style::Cursor => Next::of_cursor(text),
                };
                Some(next.ok_or_else(|| malformed("a page names a next one that cannot be asked for"))?)
            }
            _ => return Err(malformed("a page names a next one that cannot be asked for")),
        };
        Ok(Page { rows, count: count.as_u64(), next })
    }
}

/// One row: the fields of its type that it has.
pub(super) struct Row<F> {
    fields: Vec<(&'static str, Value)>,
    of: PhantomData<F>,
}

/// A moment as a field gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// There is no such field.
    Missing,
    /// The field is empty.
    Empty,
    /// It cannot be read, or is of a year that means none.
    Odd,
    /// This one.
    At(DateTime<Utc>),
}

impl<F: Fields> Row<F> {
    /// A field that is there; `null` counts as none.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.raw(name).filter(|value| !value.is_null())
    }

    /// A field with text in it.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
    }

    /// A field with a date in it.
    pub(super) fn moment(&self, name: &str) -> Moment {
        match self.raw(name) {
            None => Moment::Missing,
            Some(Value::Null) => Moment::Empty,
            Some(Value::String(text)) if text.trim().is_empty() => Moment::Empty,
            Some(Value::String(text)) => date(text).map_or(Moment::Odd, Moment::At),
            Some(_) => Moment::Odd,
        }
    }

    fn raw(&self, name: &str) -> Option<&Value> {
        debug_assert!(F::NAMES.contains(&name), "{name} is not read");
        self.fields.iter().find(|(found, _)| *found == name).map(|(_, value)| value)
    }
}

impl<'de, F: Fields> Deserialize<'de> for Row<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RowVisitor(PhantomData))
    }
}

struct RowVisitor<F>(PhantomData<F>);

impl<'de, F: Fields> Visitor<'de> for RowVisitor<F> {
    type Value = Row<F>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row<F>, A::Error> {
        let mut fields: Vec<(&'static str, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            match F::NAMES.iter().find(|wanted| **wanted == name) {
                Some(wanted) => fields.push((wanted, map.next_value()?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Row { fields, of: PhantomData })
    }
}

/// Reads a date in any of the three ways in which Kandji writes one, within one document: ISO 8601 with `Z`; with a
/// space and an offset; with two spaces and an offset without a colon. Without an offset nobody knows which it is.
/// Whole seconds. Years that mean "none" elsewhere are never a date.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    let read = DateTime::parse_from_rfc3339(text)
        // White space in a pattern stands for any amount of it, none included.
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f %z"))
        .ok()?
        .to_utc();
    let read = DateTime::from_timestamp(read.timestamp(), 0)?;
    (1971..9999).contains(&read.year()).then_some(read)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A page of a fixture.
    pub(crate) fn read<F: Fields>(listing: &Listing, body: &str) -> Result<Page<F>, Failure> {
        let body = bytes::Bytes::copy_from_slice(body.as_bytes());
        listing.page(Answer { status: 200, body, ..Answer::default() })
    }

    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/kandji/", $name))
        };
    }

    #[test]
    fn a_date_is_the_same_second_however_it_is_spelt() {
        let same: DateTime<Utc> = "2024-06-05T20:09:23Z".parse().unwrap();
        for text in [
            "2024-06-05T20:09:23Z",
            "2024-06-05T20:09:23.567587Z",
            "2024-06-05T20:09:23.0000000Z",
            "2024-06-05T20:09:23+00:00",
            "2024-06-06T04:09:23+08:00",
            "2024-06-05 20:09:23+00:00",
            "2024-06-05 20:09:23.213607+00:00",
            "2024-06-05 20:09:23.5Z",
            "2024-06-05 20:09:23 +0000",
            "2024-06-05 12:09:23.999999 -0800",
            " 2024-06-05 20:09:23  +00:00 ",
        ] {
            assert_eq!(date(text), Some(same), "{text}");
        }
        for text in [
            "",
            "2024-06-05",
            "2024-06-05T20:09:23",
            "2024-06-05 20:09:23",
            "05/06/2024 20:09:23 +0000",
            "0001-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
            "2024-13-05T20:09:23Z",
            "soon",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_page_says_whether_there_is_another() {
        let page = read::<Integration>(&REST, fixture!("ade-page-1.json")).unwrap();
        assert_eq!((page.rows.len(), page.count), (1, Some(2)));
        assert_eq!(page.next, Next::of_link("?limit=1&offset=1"));
        let page = read::<Integration>(&REST, fixture!("ade-page-2.json")).unwrap();
        assert_eq!((page.rows.len(), page.next), (1, None));
        let page = read::<Device>(&PRISM, fixture!("prism-page-1.json")).unwrap();
        assert_eq!((page.rows.len(), page.count), (2, None));
        assert_eq!(page.next, Next::of_cursor("bWFkZS11cA=="));
        for ended in [
            fixture!("prism.json"),
            r#"{"data":[{}],"cursor":""}"#,
            r#"{"data":[{}],"cursor":null}"#,
            r#"{"data":[{}]}"#,
        ] {
            assert_eq!(read::<Device>(&PRISM, ended).unwrap().next, None, "{ended}");
        }
        assert_eq!(read::<Device>(&PRISM, fixture!("prism.json")).unwrap().count, Some(11));
        assert_eq!(read::<Integration>(&REST, r#"{"results":[],"next":""}"#).unwrap().next, None);
    }

    #[test]
    fn what_is_no_page_is_malformed_and_not_quoted() {
        for body in [
            "",
            " ",
            "null",
            "{}",
            "[]",
            "7",
            r#""made up""#,
            r#"{"results":null,"data":null}"#,
            r#"{"results":{},"data":{}}"#,
            r#"{"results":"made up","data":"made up"}"#,
            r#"{"results":["made up"],"data":["made up"]}"#,
            r#"{"results":[[]],"data":[[]]}"#,
            r#"{"results":[null],"data":[null]}"#,
            r#"{"results":[],"data":[{}],"next":7,"cursor":7}"#,
            r#"{"results":[],"data":[{}],"next":{"made up":1},"cursor":{"made up":1}}"#,
            fixture!("truncated.json"),
            fixture!("wrong-types.json"),
            fixture!("page.html"),
            fixture!("error.json"),
            fixture!("detail.json"),
            fixture!("string.json"),
            fixture!("strings.json"),
            fixture!("gateway.json"),
        ] {
            for failure in [
                read::<Integration>(&REST, body).err().unwrap(),
                read::<Blueprint>(&REST, body).err().unwrap(),
                read::<Device>(&PRISM, body).err().unwrap(),
            ] {
                assert_eq!(failure.reason, Reason::Malformed, "{body}");
                assert!(!failure.message.contains("made up"), "{failure}");
            }
        }
        for link in ["https://acme.kandji.io/api/v1/blueprints/", "nothing"] {
            let body = serde_json::json!({ "results": [], "next": link }).to_string();
            assert!(read::<Blueprint>(&REST, &body).is_err(), "{link}");
        }
    }

    #[test]
    fn no_more_is_taken_from_a_row_than_its_type_names() {
        let page = read::<Blueprint>(&REST, fixture!("blueprints.json")).unwrap();
        for row in &page.rows {
            assert_eq!(row.fields.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["id"]);
        }
        let page = read::<Integration>(&REST, fixture!("ade.json")).unwrap();
        assert!(page.rows.iter().all(|row| row.fields.iter().all(|(name, _)| Integration::NAMES.contains(name))));
    }
}
