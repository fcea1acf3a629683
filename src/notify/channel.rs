//! The ways to people.

use serde::{Deserialize, Serialize};

/// A kind of channel: its key in the configuration, and the value of the label `channel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelKind {
    /// Mail.
    Smtp,
    /// An incoming webhook of Slack.
    Slack,
    /// A workflow of Microsoft Teams.
    Teams,
    /// ntfy.
    Ntfy,
    /// `PagerDuty`, Events API v2.
    Pagerduty,
    /// Anything else that takes a POST.
    Webhook,
}

impl ChannelKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Smtp, Self::Slack, Self::Teams, Self::Ntfy, Self::Pagerduty, Self::Webhook];

    /// The label value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Slack => "slack",
            Self::Teams => "teams",
            Self::Ntfy => "ntfy",
            Self::Pagerduty => "pagerduty",
            Self::Webhook => "webhook",
        }
    }

    /// The kind with this label value.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether it keeps an incident open until it is told that it is over, also when people need not read that.
    #[must_use]
    pub fn keeps_state(self) -> bool {
        matches!(self, Self::Pagerduty | Self::Webhook)
    }
}
