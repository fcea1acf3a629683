//! From the bytes of a file to the three values of a push request, in one bounded pass.

use std::io::Cursor;

use plist::stream::{BinaryReader, Event, OwnedEvent, XmlReader};

use crate::certificate::bare;
use crate::certificate::text::{self, Text};

/// Where a property list has to begin at the latest, a few stray bytes in front of it included.
const MAX_LEAD: usize = 256;
/// A push request has one dictionary.
const MAX_DEPTH: usize = 16;
/// A push request has eight.
const MAX_EVENTS: u64 = 10_000;
/// What all texts and data may have together; a push request has about 10 KiB. A binary property list may name one
/// object many times, and so unfold into far more than its length.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

const DAMAGED: &str = "its property list is damaged or cut off";
const TOO_MUCH: &str = "there is more in it than in any push request";

/// What stands under a key.
pub(super) enum Part {
    /// A text, as Apple wants it.
    Text(String),
    /// Bytes.
    Data(Vec<u8>),
    /// Anything else.
    Other,
}

/// The three values.
#[derive(Default)]
pub(super) struct Parts {
    /// `PushCertRequestCSR`.
    pub(super) request: Option<Part>,
    /// `PushCertCertificateChain`.
    pub(super) chain: Option<Part>,
    /// `PushCertSignature`.
    pub(super) signature: Option<Part>,
    /// What is wrong with the file around them.
    pub(super) findings: Vec<String>,
}

impl Parts {
    fn is_empty(&self) -> bool {
        self.request.is_none() && self.chain.is_none() && self.signature.is_none()
    }

    fn says_nothing_somewhere(&self) -> bool {
        let blank = |part: &Option<Part>| match part {
            None => true,
            Some(Part::Text(text)) => text.trim().is_empty(),
            Some(_) => false,
        };
        blank(&self.request) || blank(&self.chain) || blank(&self.signature)
    }

    fn place(&mut self, key: &str) -> Option<&mut Option<Part>> {
        match key {
            "PushCertRequestCSR" => Some(&mut self.request),
            "PushCertCertificateChain" => Some(&mut self.chain),
            "PushCertSignature" => Some(&mut self.signature),
            _ => None,
        }
    }
}

/// Opens a file. `None` if it is something else altogether, an error if it is a push request that cannot be read.
pub(super) fn open(bytes: &[u8]) -> Option<Result<Parts, String>> {
    let text = text::decode(bytes);
    let is_utf16 = matches!(text, Text::Utf16(_));
    let mut opened = match read(text.bytes()) {
        Some(Ok(mut parts)) => {
            let rule = "a bare property list, which the portal refuses: the file has to be that in base64";
            parts.findings.insert(0, rule.to_owned());
            Ok(parts)
        }
        Some(Err(why)) => Err(why.to_owned()),
        None => wrapped(text.bytes())?,
    };
    if is_utf16 && let Ok(parts) = &mut opened {
        parts.findings.push("the file is UTF-16 text, where plain base64 is asked for".to_owned());
    }
    Some(opened)
}

fn wrapped(text: &[u8]) -> Option<Result<Parts, String>> {
    let bare = bare::decode(text)?;
    let inner = text::decode(&bare.bytes);
    match (read(inner.bytes())?, bare.damage) {
        // Where the base64 is damaged, the property list is cut off there; which line it was helps more.
        (_, Some(damage)) => Some(Err(damage)),
        (Ok(parts), None) => Some(Ok(parts)),
        (Err(why), None) => Some(Err(why.to_owned())),
    }
}

/// Reads a property list. `None` if it is none, or has nothing to do with push requests.
fn read(text: &[u8]) -> Option<Result<Parts, &'static str>> {
    let lead = &text[..text.len().min(MAX_LEAD)];
    let starts = |mark: &[u8]| lead.windows(mark.len()).position(|window| window == mark);
    let has = |mark: &[u8]| text.windows(mark.len()).any(|window| window == mark);
    let told = if let Some(start) = starts(b"bplist00") {
        walk(BinaryReader::new(Cursor::new(&text[start..]))).map(|mut parts| {
            parts.findings.push("its property list is binary, where Apple shows one in XML".to_owned());
            parts
        })
    } else {
        let start = [&b"<?xml"[..], b"<!DOCTYPE plist", b"<plist"].into_iter().filter_map(starts).min()?;
        walk(XmlReader::new(&text[start..])).and_then(|parts| {
            // The reader steps over CDATA as over a comment. What it may have missed there is not told as missing.
            if parts.says_nothing_somewhere() && has(b"<![CDATA[") {
                Err("its text is in CDATA sections, which are not read here")
            } else {
                Ok(parts)
            }
        })
    };
    match told {
        Ok(parts) if parts.is_empty() => None,
        Err(_) if !has(b"PushCert") => None,
        told => Some(told),
    }
}

fn walk(events: impl Iterator<Item = Result<OwnedEvent, plist::Error>>) -> Result<Parts, &'static str> {
    let mut parts = Parts::default();
    let (mut depth, mut count, mut bytes) = (0usize, 0u64, 0u64);
    // The key that waits for its value, in the outermost dictionary.
    let mut key: Option<String> = None;
    for event in events {
        // Its own words would repeat what stands in the file.
        let event = event.map_err(|_| DAMAGED)?;
        let (more, length) = match &event {
            Event::StartArray(length) | Event::StartDictionary(length) => (length.unwrap_or(0), 0),
            Event::String(text) => (0, text.len()),
            Event::Data(data) => (0, data.len()),
            _ => (0, 0),
        };
        count = count.saturating_add(more).saturating_add(1);
        bytes = bytes.saturating_add(length as u64);
        if count > MAX_EVENTS || bytes > MAX_BYTES || depth > MAX_DEPTH {
            return Err(TOO_MUCH);
        }
        if matches!(event, Event::EndCollection) {
            depth = depth.checked_sub(1).ok_or(DAMAGED)?;
            if depth == 0 {
                return if key.is_none() { Ok(parts) } else { Err(DAMAGED) };
            }
            continue;
        }
        let opens = matches!(event, Event::StartArray(_) | Event::StartDictionary(_));
        match (depth, key.take(), event) {
            (0, _, Event::StartDictionary(_)) => {}
            // An array or a single value: some other property list.
            (0, _, _) => return Ok(parts),
            (1, None, Event::String(name)) => key = Some(name.into_owned()),
            (1, None, _) => return Err(DAMAGED),
            (1, Some(name), event) => parts.take(&name, event),
            _ => {}
        }
        if opens {
            depth += 1;
        }
    }
    Err(DAMAGED)
}

impl Parts {
    fn take(&mut self, key: &str, value: OwnedEvent) {
        let part = match value {
            Event::String(text) => Part::Text(text.into_owned()),
            Event::Data(data) => Part::Data(data.into_owned()),
            _ => Part::Other,
        };
        let finding = match &part {
            Part::Text(_) => None,
            Part::Data(_) => Some(format!("{key} is data, where Apple asks for a string")),
            Part::Other => Some(format!("{key} is no string")),
        };
        let Some(place) = self.place(key) else { return };
        if place.is_some() {
            self.findings.push(format!("{key} is in it twice, only the first was read"));
            return;
        }
        *place = Some(part);
        self.findings.extend(finding);
    }
}
