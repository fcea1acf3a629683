//! One pass over the events of a property list, keeping topics and nothing else.
//!
//! A binary property list may name one object many times, so a small file can unfold into more events than the
//! universe has room for; depth, events and bytes are counted, and all of them have an end.

use std::io::Cursor;

use plist::stream::{BinaryReader, Event, OwnedEvent, XmlReader};
use zeroize::Zeroize;

use super::{Profile, ProfileError};
use crate::model::Topic;

/// The type of the payload that enrols a device.
const MDM: &str = "com.apple.mdm";
/// The type of the profile itself.
const CONFIGURATION: &str = "Configuration";

/// The root of the first step of an over-the-air enrolment: an address, and no payload yet.
const SERVICE: &str = "Profile Service";

/// Real profiles nest five or six deep.
const MAX_DEPTH: usize = 64;
/// An enrolment profile has a few hundred.
const MAX_EVENTS: u64 = 200_000;
/// What all texts and data may have together; more than a file is allowed to.
const MAX_BYTES: u64 = 32 * 1024 * 1024;
/// The longest subject UID that is taken for a topic in certificates, too.
const MAX_TOPIC: usize = 256;
/// Different topics that are told apart; two are one too many already.
const MAX_TOPICS: usize = 8;

const DAMAGED: ProfileError = ProfileError::Plist("it is damaged or cut off");
const TOO_MUCH: ProfileError = ProfileError::Plist("there is more in it than in any profile");

/// Reads a property list in XML.
pub(super) fn xml(bytes: &[u8]) -> Result<Profile, ProfileError> {
    walk(XmlReader::new(bytes))
}

/// Reads a binary property list.
pub(super) fn binary(bytes: &[u8]) -> Result<Profile, ProfileError> {
    walk(BinaryReader::new(Cursor::new(bytes)))
}

/// Which keys matter.
#[derive(Clone, Copy)]
enum Key {
    PayloadType,
    Topic,
    EncryptedContent,
    Other,
}

/// What a dictionary says under `Topic`. Whether that counts is known when it is closed, for keys come in any order.
enum Named {
    Nothing,
    Topic(Topic),
    Odd,
}

/// A dictionary or an array that is not closed yet.
enum Open {
    Dictionary { key: Option<Key>, is_mdm: bool, topic: Named },
    Array,
}

#[derive(Default)]
struct Walk {
    open: Vec<Open>,
    profile: Profile,
    is_profile: bool,
}

fn walk(events: impl Iterator<Item = Result<OwnedEvent, plist::Error>>) -> Result<Profile, ProfileError> {
    let mut walk = Walk::default();
    let (mut count, mut bytes) = (0u64, 0u64);
    for event in events {
        // Its own words would repeat what stands in the file.
        let event = event.map_err(|_| DAMAGED)?;
        let (more, length) = match &event {
            // All of a collection is promised at once, and room is made for it.
            Event::StartArray(length) | Event::StartDictionary(length) => (length.unwrap_or(0), 0),
            Event::String(text) => (0, text.len()),
            Event::Data(data) => (0, data.len()),
            _ => (0, 0),
        };
        count = count.saturating_add(more).saturating_add(1);
        bytes = bytes.saturating_add(length as u64);
        if count > MAX_EVENTS || bytes > MAX_BYTES {
            return Err(TOO_MUCH);
        }
        if walk.take(event)? {
            return walk.end();
        }
    }
    Err(DAMAGED)
}

impl Walk {
    /// Takes one event; true if it closed the whole list.
    fn take(&mut self, event: OwnedEvent) -> Result<bool, ProfileError> {
        match event {
            Event::StartDictionary(_) => {
                self.value(None)?;
                self.begin(Open::Dictionary { key: None, is_mdm: false, topic: Named::Nothing })?;
            }
            Event::StartArray(_) => {
                self.value(None)?;
                self.begin(Open::Array)?;
            }
            Event::EndCollection => match self.open.pop().ok_or(DAMAGED)? {
                Open::Dictionary { key: Some(_), .. } => return Err(DAMAGED),
                Open::Dictionary { is_mdm: true, topic, .. } => {
                    self.profile.enrols = true;
                    match topic {
                        Named::Odd => return Err(ProfileError::OddTopic),
                        Named::Topic(topic) if !self.profile.topics.contains(&topic) => {
                            self.profile.topics.push(topic);
                            self.profile.topics.truncate(MAX_TOPICS);
                        }
                        Named::Topic(_) | Named::Nothing => {}
                    }
                }
                Open::Dictionary { .. } | Open::Array => {}
            },
            Event::String(text) => {
                let mut text = text.into_owned();
                let taken = self.text(&text);
                text.zeroize();
                taken?;
            }
            Event::Data(data) => {
                data.into_owned().zeroize();
                self.value(None)?;
            }
            _ => self.value(None)?,
        }
        // A single text or number is a property list too, and closed at once.
        Ok(self.open.is_empty())
    }

    fn begin(&mut self, open: Open) -> Result<(), ProfileError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(ProfileError::Plist("it is nested too deep"));
        }
        self.open.push(open);
        Ok(())
    }

    /// A text is a key where a dictionary waits for one.
    fn text(&mut self, text: &str) -> Result<(), ProfileError> {
        if let Some(Open::Dictionary { key: key @ None, .. }) = self.open.last_mut() {
            *key = Some(match text {
                "PayloadType" => Key::PayloadType,
                "Topic" => Key::Topic,
                "EncryptedPayloadContent" => Key::EncryptedContent,
                _ => Key::Other,
            });
            return Ok(());
        }
        self.value(Some(text))
    }

    /// A value, and what it is if it is a text.
    fn value(&mut self, text: Option<&str>) -> Result<(), ProfileError> {
        let is_root = self.open.len() == 1;
        let Some(Open::Dictionary { key, is_mdm, topic }) = self.open.last_mut() else { return Ok(()) };
        match (key.take().ok_or(DAMAGED)?, text) {
            (Key::PayloadType, Some(MDM)) => *is_mdm = true,
            (Key::PayloadType, Some(CONFIGURATION | SERVICE)) if is_root => self.is_profile = true,
            (Key::EncryptedContent, _) if is_root => self.profile.is_encrypted = true,
            (Key::Topic, Some(text)) => *topic = named(text),
            _ => {}
        }
        Ok(())
    }

    fn end(self) -> Result<Profile, ProfileError> {
        if self.is_profile || self.profile.enrols { Ok(self.profile) } else { Err(ProfileError::NotProfile) }
    }
}

fn named(text: &str) -> Named {
    let is_odd = |text: &str| text.len() > MAX_TOPIC || text.contains(|c: char| !c.is_ascii_graphic());
    match Topic::parse(text) {
        None => Named::Nothing,
        Some(topic) if is_odd(topic.as_str()) => Named::Odd,
        Some(topic) => Named::Topic(topic),
    }
}
