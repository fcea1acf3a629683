//! Enrolment profiles: `.mobileconfig` files, signed or not, down to the one thing that matters here, the `Topic` of
//! the payload `com.apple.mdm` (Apple's profile schema, `mdm/profiles/com.apple.mdm.yaml`).
//!
//! ```text
//! bytes -> text (marks, UTF-16) -> PEM -> CMS (BER) -> property list (XML or binary) -> topics
//! ```
//!
//! A profile is full of secrets: SCEP challenges, passwords, identities. Nothing of it is kept but topics. What is
//! copied here is wiped, and the property list is read as a stream of events, each wiped when it was looked at, so
//! that no tree of the whole is ever built. The buffers inside the XML reader are its own.
//!
//! No signature is checked: who signed a profile says nothing about the topic that it gives to devices.

pub(super) mod cms;
mod walk;

use zeroize::Zeroizing;

use super::{pem, text};
use crate::model::Topic;

/// How often signed data may be wrapped in signed data.
const MAX_SIGNATURES: usize = 3;

/// Where a property list has to begin at the latest: mail programs and consoles put a few bytes in front of it.
const MAX_LEAD: usize = 4096;

/// What is known of a profile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The different topics of its `com.apple.mdm` payloads, in the order of the file; empty ones are none.
    pub topics: Vec<Topic>,
    /// Whether there is such a payload at all: whether it is an enrolment profile.
    pub enrols: bool,
    /// Whether it is signed. The signature was not checked.
    pub is_signed: bool,
    /// Whether its payloads are encrypted for one device, so that nothing can be said about them.
    pub is_encrypted: bool,
}

/// Why a file is not a profile with one topic or none. Never tells what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Something else altogether.
    #[error("neither property list nor CMS")]
    Neither,
    /// CMS of which the content cannot be reached.
    #[error("CMS that cannot be read: {0}")]
    Cms(&'static str),
    /// A property list, damaged.
    #[error("a property list that cannot be read: {0}")]
    Plist(&'static str),
    /// A property list that is none of Apple's profiles.
    #[error("a property list, but not a configuration profile")]
    NotProfile,
    /// A topic that no certificate could have: longer than 256 characters, or with other than visible ASCII in it.
    #[error("its topic cannot be one")]
    OddTopic,
    /// Different topics in one profile, so nobody can say which one devices will listen on.
    #[error("it names {0} different topics")]
    Ambiguous(usize),
}

/// The topic that a profile gives to devices; `None` if it has no payload `com.apple.mdm`, or one whose `Topic` is
/// missing, empty or blank. Takes time in proportion to the length; how long a file may be is the caller's to say.
///
/// # Errors
///
/// Says what the bytes are instead, see [`ProfileError`].
pub fn topic(bytes: &[u8]) -> Result<Option<Topic>, ProfileError> {
    let mut profile = read(bytes)?;
    match profile.topics.len() {
        0 | 1 => Ok(profile.topics.pop()),
        count => Err(ProfileError::Ambiguous(count)),
    }
}

/// All that is known of a profile.
///
/// # Errors
///
/// As [`topic`], except that several topics are no error here.
pub fn read(bytes: &[u8]) -> Result<Profile, ProfileError> {
    unwrap(bytes, 0)
}

fn unwrap(bytes: &[u8], signatures: usize) -> Result<Profile, ProfileError> {
    let binary = bytes.trim_ascii_start();
    if cms::is_cms(binary) {
        if signatures == MAX_SIGNATURES {
            return Err(ProfileError::Cms("it is signed too many times over"));
        }
        let content = cms::content(binary).map_err(ProfileError::Cms)?;
        let profile = unwrap(&content, signatures + 1)?;
        return Ok(Profile { is_signed: true, ..profile });
    }
    let text = text::decode(bytes);
    let text = text.bytes();
    let lead = &text[..text.len().min(MAX_LEAD)];
    let starts = |mark: &[u8]| lead.windows(mark.len()).position(|window| window == mark);
    if let Some(start) = starts(b"bplist00") {
        return walk::binary(&text[start..]);
    }
    if let Some(start) = [&b"<?xml"[..], b"<!DOCTYPE plist", b"<plist"].into_iter().filter_map(starts).min() {
        let xml = &text[start..];
        // Any XML may begin with a declaration; what is a property list says so soon after.
        let head = &xml[..xml.len().min(MAX_LEAD)];
        if !head.windows(6).any(|window| window == b"<plist") {
            return Err(ProfileError::Neither);
        }
        let told = walk::xml(xml);
        // The reader steps over CDATA as over a comment. What it may have missed there is not told as missing.
        let says_nothing = matches!(&told, Ok(Profile { topics, .. }) if topics.is_empty());
        let is_in_doubt = says_nothing || told == Err(ProfileError::NotProfile);
        return if is_in_doubt && xml.windows(9).any(|window| window == b"<![CDATA[") {
            Err(ProfileError::Plist("its text is in CDATA sections"))
        } else {
            told
        };
    }
    let (blocks, _) = pem::blocks(text);
    let Some(block) = blocks.iter().find(|block| is_cms_label(&block.label)) else { return Err(ProfileError::Neither) };
    let der = block.decode().map(Zeroizing::new).map_err(|_| ProfileError::Cms("its PEM is damaged or cut off"))?;
    if cms::is_cms(&der) { unwrap(&der, signatures) } else { Err(ProfileError::Neither) }
}

/// The labels under which programs write CMS as PEM.
pub(super) fn is_cms_label(label: &str) -> bool {
    matches!(label, "PKCS7" | "CMS" | "PKCS #7 SIGNED DATA")
}

#[cfg(test)]
mod tests;
