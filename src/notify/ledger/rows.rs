//! The ledger as rows that a store keeps: one for each condition, thread, message and channel, so that a change writes little.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Delivery, Entry, Ledger, Parcel, Thread};
use crate::notify::channel::ChannelKind;
use crate::notify::key::Key;

/// What there is one of.
#[derive(Serialize, Deserialize)]
struct Head {
    name: String,
    next: u64,
    listed: Option<DateTime<Utc>>,
}

impl Ledger {
    /// Everything, by the name of its row.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<String, String> {
        let head = Head { name: self.name.clone(), next: self.next, listed: self.listed };
        let mut rows = Rows(BTreeMap::new());
        rows.put("head", "", &head);
        for (key, entry) in &self.entries {
            rows.put("condition", &serde_json::to_string(key).unwrap_or_default(), entry);
        }
        for (number, thread) in &self.threads {
            rows.put("thread", &number.to_string(), thread);
        }
        for ((channel, number), parcel) in &self.parcels {
            rows.put("message", &format!("{} {number}", channel.as_str()), parcel);
        }
        for (channel, delivery) in &self.deliveries {
            rows.put("channel", channel.as_str(), delivery);
        }
        rows.0
    }

    /// The ledger that these rows are of; `None` if there is none. A row that cannot be read is left out, and said so: what it was
    /// about is told once more.
    #[must_use]
    pub fn from_rows(rows: &BTreeMap<String, String>) -> Option<Self> {
        let head: Head = parsed("head", rows.get("head ")?)?;
        let mut ledger = Self { name: head.name, next: head.next, listed: head.listed, ..Self::default() };
        for (name, document) in rows {
            let Some((kind, rest)) = name.split_once(' ') else { continue };
            match kind {
                "condition" => {
                    if let (Some(key), Some(entry)) = (parsed::<Key>(name, rest), parsed::<Entry>(name, document)) {
                        ledger.entries.insert(key, entry);
                    }
                }
                "thread" => {
                    if let (Ok(number), Some(thread)) = (rest.parse(), parsed::<Thread>(name, document)) {
                        ledger.threads.insert(number, thread);
                    }
                }
                "message" => {
                    let place = rest.split_once(' ').and_then(|(channel, number)| {
                        Some((ChannelKind::parse(channel)?, number.parse::<u64>().ok()?))
                    });
                    if let (Some(place), Some(parcel)) = (place, parsed::<Parcel>(name, document)) {
                        ledger.parcels.insert(place, parcel);
                    }
                }
                "channel" => {
                    if let (Some(channel), Some(delivery)) =
                        (ChannelKind::parse(rest), parsed::<Delivery>(name, document))
                    {
                        ledger.deliveries.insert(channel, delivery);
                    }
                }
                _ => {}
            }
        }
        // A condition whose thread cannot be read was told by nobody who could say that it is over.
        let threads = &ledger.threads;
        for entry in ledger.entries.values_mut() {
            entry.thread = entry.thread.filter(|number| threads.contains_key(number));
        }
        Some(ledger)
    }
}

struct Rows(BTreeMap<String, String>);

impl Rows {
    fn put(&mut self, kind: &str, name: &str, value: &impl Serialize) {
        // Nothing in them can fail to be written.
        if let Ok(document) = serde_json::to_string(value) {
            self.0.insert(format!("{kind} {name}"), document);
        }
    }
}

fn parsed<T: DeserializeOwned>(name: &str, document: &str) -> Option<T> {
    serde_json::from_str(document)
        .inspect_err(|error| tracing::warn!(row = name, %error, "a row of the notices cannot be read and is left out"))
        .ok()
}
