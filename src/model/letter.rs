//! The monthly letter: what happened with it, as it is kept. Only ever added to.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Something that happened with a letter. What follows from all of it is [`crate::evaluate::letter`]'s.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LetterEvent {
    /// It became due, and got its number and its code.
    Due {
        /// The numbers of a store go up.
        number: u32,
        /// What only its readers know: it stands in the letter alone, and is unlike that of any other.
        code: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// The mail server took it.
    Sent {
        /// Which.
        number: u32,
        /// When.
        at: DateTime<Utc>,
        /// To whom it went.
        to: Vec<String>,
    },
    /// A person said that they read it.
    Confirmed {
        /// Which.
        number: u32,
        /// When.
        at: DateTime<Utc>,
        /// Who.
        by: String,
    },
}

impl LetterEvent {
    /// The number of the letter.
    #[must_use]
    pub fn number(&self) -> u32 {
        match self {
            Self::Due { number, .. } | Self::Sent { number, .. } | Self::Confirmed { number, .. } => *number,
        }
    }
}
