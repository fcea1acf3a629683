//! The devices of a tenant, system by system and page by page.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Product;
use super::reader::Reader;
use super::wire::{Moment, Page, Row, moment};
use crate::model::{Failure, Family, FamilyHealth, PushHealth, Reason};

/// Pages of a hundred devices, for one system.
const MOST_PAGES: usize = 500;

/// What everybody should know who reads these numbers.
pub(super) const WEAK: &str = "Mosyle's heartbeats and inventory answers are a weak sign: that a heartbeat needs no push \
                               and an answer needs one is how integrators read them, not what the vendor promises.";

/// The columns that decide something.
const ID: &str = "deviceudid";
const BEAT: &str = "date_last_beat";
const INFO: &str = "date_info";
const MODELS: [&str; 2] = ["device_model", "device_model_name"];

/// A system, of which each has its own list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum System {
    Mac,
    Ios,
    Tvos,
    Visionos,
}

impl System {
    /// Those that a product knows.
    fn all(product: Product) -> &'static [Self] {
        match product {
            Product::Business => &[Self::Mac, Self::Ios, Self::Tvos],
            Product::Manager => &[Self::Mac, Self::Ios, Self::Tvos, Self::Visionos],
        }
    }

    /// The value of `os`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Ios => "ios",
            Self::Tvos => "tvos",
            Self::Visionos => "visionos",
        }
    }

    /// What is asked of each device: nothing that names a person or a place. Only Macs have an agent, and only iOS
    /// needs the model to tell its families apart.
    pub(super) fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Mac => &[ID, INFO, BEAT],
            Self::Ios => &[ID, INFO, MODELS[0], MODELS[1]],
            Self::Tvos | Self::Visionos => &[ID, INFO],
        }
    }

    fn family(self, row: &Row) -> Family {
        let is = |word: &str| {
            let models = MODELS.iter().filter_map(|key| row.get(*key).and_then(Value::as_str));
            models.into_iter().any(|model| model.to_ascii_lowercase().contains(word))
        };
        match self {
            Self::Mac => Family::Mac,
            Self::Tvos => Family::AppleTv,
            Self::Visionos => Family::Vision,
            Self::Ios if is("ipad") => Family::Ipad,
            Self::Ios if is("iphone") || is("ipod") => Family::Iphone,
            Self::Ios => Family::Other,
        }
    }
}

/// Counts every device once.
///
/// # Errors
///
/// What [`Reader::page`] fails with, on any page: half a fleet would look like one that went silent. `malformed` too
/// for pages that come again, for more of them than a fleet can have, for a list that ends before its own number, and for
/// devices without what was asked for.
pub(super) async fn count(
    reader: &mut Reader<'_>,
    product: Product,
    remarks: &mut Vec<String>,
    now: DateTime<Utc>,
) -> Result<PushHealth, Failure> {
    let mut health = PushHealth::default();
    for system in System::all(product) {
        let mut list = List::new(*system, now);
        list.read(reader, &mut health).await?;
        list.remark(remarks);
    }
    Ok(health)
}

/// What is known of one list while it is read.
struct List {
    system: System,
    now: DateTime<Utc>,
    /// The identifiers of the devices that were counted.
    seen: HashSet<String>,
    /// Devices without an identifier, which cannot be told from those of another page.
    nameless: u64,
    total: Option<u64>,
    has_info: bool,
    has_beat: bool,
    has_odd_moment: bool,
}

impl List {
    fn new(system: System, now: DateTime<Utc>) -> Self {
        Self {
            system,
            now,
            seen: HashSet::new(),
            nameless: 0,
            total: None,
            has_info: false,
            has_beat: false,
            has_odd_moment: false,
        }
    }

    async fn read(&mut self, reader: &mut Reader<'_>, health: &mut PushHealth) -> Result<(), Failure> {
        let host = reader.host();
        let word = self.system.word();
        let malformed =
            |what: &str| Failure::new(Reason::Malformed, format!("{host}: the list of {word} devices {what}"));
        // The documentation counts pages from 0, answers and some clients from 1. So both are asked for, and a server
        // that takes 0 for 1 tells its first page twice, or knows no page 0.
        for page in 0..MOST_PAGES {
            let Page::Devices { rows, total, size } = reader.page(self.system, page).await? else {
                if page == 0 {
                    continue;
                }
                return self.checked().map_err(malformed);
            };
            // Some answers give the number of the page's own rows there, which says nothing of the list. The latest
            // counts, for a list may shrink while it is read.
            self.total = total.filter(|total| *total != rows.len() as u64).or(self.total);
            if rows.is_empty() && page > 0 {
                return self.checked().map_err(malformed);
            }
            let before = (self.seen.len(), self.nameless);
            for row in &rows {
                self.take(row, health).map_err(malformed)?;
            }
            let is_all = total.is_some_and(|total| self.count() >= total);
            let is_short = size.is_some_and(|size| (rows.len() as u64) < size);
            let is_old = before == (self.seen.len(), self.nameless);
            // A short page alone may be a server's whim, and the number alone may be that of the page.
            if is_all && (is_short || is_old) {
                return self.checked().map_err(malformed);
            }
            if is_old && page > 1 {
                return Err(malformed("comes again and again"));
            }
        }
        Err(malformed(&format!("does not end after {MOST_PAGES} pages")))
    }

    fn count(&self) -> u64 {
        self.seen.len() as u64 + self.nameless
    }

    /// Takes one device, unless it was on a page before.
    fn take(&mut self, row: &Row, health: &mut PushHealth) -> Result<(), &'static str> {
        let id = match row.get(ID) {
            Some(Value::String(id)) if !id.trim().is_empty() => id.trim().to_ascii_lowercase(),
            Some(Value::String(_) | Value::Null) => {
                // A user's own device hides its identifier (user enrolment).
                self.nameless += 1;
                return Ok(());
            }
            None => return Err("holds a device without the identifier that was asked for"),
            Some(_) => return Err("holds an identifier that is not text"),
        };
        let odd = |()| "holds a moment that is neither a number nor text";
        let (info, beat) = (moment(row, INFO).map_err(odd)?, moment(row, BEAT).map_err(odd)?);
        self.has_info |= info != Moment::Missing;
        self.has_beat |= beat != Moment::Missing;
        self.has_odd_moment |= info == Moment::Unreadable || beat == Moment::Unreadable;
        if !self.seen.insert(id) {
            return Ok(());
        }
        let (info, beat) = (at(info), at(beat));
        // Of a Mac that never answered nobody knows whether it ever will, and a device without an agent has no control.
        let agent = beat.filter(|_| self.system == System::Mac && info.is_some());
        health.families.get_or_insert(self.system.family(row), FamilyHealth::default()).count(agent, info, self.now);
        Ok(())
    }

    /// A column that no device has was renamed, and silence would be read out of it; so it would out of half a fleet.
    fn checked(&self) -> Result<(), &'static str> {
        if self.total.is_some_and(|total| total > self.count()) {
            return Err("ends before its own number");
        }
        if self.seen.is_empty() || self.has_info && (self.has_beat || self.system != System::Mac) {
            return Ok(());
        }
        Err("lacks a column that was asked for")
    }

    fn remark(&self, remarks: &mut Vec<String>) {
        let word = self.system.word();
        if self.nameless > 0 {
            remarks.push(format!("Some {word} devices have no identifier and are not counted."));
        }
        if self.has_odd_moment {
            remarks.push(format!("Mosyle gave moments of {word} devices that cannot be read."));
        }
    }
}

fn at(moment: Moment) -> Option<DateTime<Utc>> {
    match moment {
        Moment::At(at) => Some(at),
        Moment::Missing | Moment::Never | Moment::Unreadable => None,
    }
}
