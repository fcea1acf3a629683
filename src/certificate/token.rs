//! The two other credentials of a year that lie beside a push certificate: the server token of Automated Device
//! Enrolment (ADE, once DEP) and the content token of Apps and Books (once VPP). People mistake them for it.
//!
//! Both are secrets. Nothing of them is kept but whom one is for and when it ends; what was decoded is wiped, and the
//! fields that matter to nobody but the MDM are stepped over.

mod ade;
mod vpp;

use chrono::{DateTime, Datelike, Utc};

pub use self::ade::{AdeForm, AdeToken, RecipientId};
pub use self::vpp::VppToken;
use super::text;

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// The server token of Automated Device Enrolment.
    Ade(AdeToken),
    /// The content token of Apps and Books.
    Vpp(VppToken),
}

/// Reads a token; `None` if the bytes are something else. Takes time in proportion to the length; how long a file may
/// be is the caller's to say.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<Token> {
    let text = text::decode(bytes);
    ade::read(bytes, text.bytes()).map(Token::Ade).or_else(|| vpp::read(text.bytes()).map(Token::Vpp))
}

impl Token {
    /// When it ends, if the file tells.
    #[must_use]
    pub fn not_after(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Ade(token) => token.not_after,
            Self::Vpp(token) => token.not_after,
        }
    }

    /// What should be known of it, the gravest first: lower case, no full stop. Whether it has ended is for the caller
    /// to say, who knows the time.
    #[must_use]
    pub fn findings(&self) -> Vec<String> {
        match self {
            Self::Ade(token) => token.findings(),
            Self::Vpp(token) => token.findings(),
        }
    }
}

/// A moment as Apple writes it in tokens: RFC 3339, or with an offset without a colon. `None` for anything else, and
/// for years in which no token can end.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    // Longer than any date; the rest of a hostile one is not looked at.
    let text = Some(text.trim()).filter(|text| text.len() <= 40)?;
    let read = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"))
        .ok()?
        .with_timezone(&Utc);
    Some(read).filter(|read| (2000..2200).contains(&read.year()))
}

#[cfg(test)]
mod tests;
