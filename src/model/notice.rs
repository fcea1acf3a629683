//! What an MDM shows of its push certificate where it does not tell the date.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Few;

/// A notice of an MDM; the value of the label `notice`. A closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// The push certificate ends soon.
    WillExpire,
    /// It has ended.
    Expired,
    /// It was revoked.
    Revoked,
    /// The MDM does not reach Apple.
    ApnsUnreachable,
}

impl Notice {
    /// Every notice.
    pub const ALL: [Self; 4] = [Self::WillExpire, Self::Expired, Self::Revoked, Self::ApnsUnreachable];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WillExpire => "will_expire",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::ApnsUnreachable => "apns_unreachable",
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The notices that are shown to this login, with the days left where one says so. An empty list proves nothing: who
/// has too few rights is shown none.
pub type Notices = Few<Notice, Option<i64>>;
