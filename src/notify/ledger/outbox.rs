//! What waits to be sent. A message leaves when its receiver has acknowledged it, and each channel keeps its order.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Ledger, Policy};
use crate::notify::channel::ChannelKind;
use crate::notify::key::{Key, Tier};
use crate::notify::message::{Kind, Message};
use crate::notify::office;

/// The pauses after failures, in seconds; the last one stays.
pub(in crate::notify) const PAUSES: [i64; 6] = [10, 30, 60, 120, 300, 600];

/// A message that its receiver refuses for what it is lets the others pass, and is given up after so long.
const REFUSED: TimeDelta = TimeDelta::days(3);

/// More messages than this wait in no channel; the oldest repetitions make room first.
const MOST: usize = 500;

/// A message on its way to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The message.
    pub message: Message,
    /// It waits until people are there.
    #[serde(default)]
    pub waits_for_office: bool,
    /// Since when its receiver refuses it for what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<DateTime<Utc>>,
}

/// How a channel does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Failures running.
    pub failures: u32,
    /// Since when it fails.
    pub since: Option<DateTime<Utc>>,
    /// Not tried before this.
    pub next: Option<DateTime<Utc>>,
}

impl Ledger {
    /// Forgets what waits for channels that are gone.
    pub(super) fn keep_channels(&mut self, policy: &Policy) {
        self.parcels.retain(|(channel, _), _| policy.channels.contains_key(channel));
        self.deliveries.retain(|channel, _| policy.channels.contains_key(channel));
    }

    /// Puts a message about `key` into the outbox of each channel that takes it.
    pub(super) fn queue(&mut self, message: Message, key: &Key, policy: &Policy) {
        let tier = if message.kind == Kind::Digest { Tier::Digest } else { key.tier() };
        for (channel, tiers) in &policy.channels {
            // Nobody is told by a channel that it cannot be reached.
            let is_itself = key.label("channel") == Some(channel.as_str());
            if !tiers.contains(&tier) || is_itself || (message.is_quiet && !channel.keeps_state()) {
                continue;
            }
            let is_said_already = message.kind == Kind::Repeated
                && self
                    .parcels
                    .range((*channel, 0)..=(*channel, u64::MAX))
                    .any(|(_, waiting)| waiting.message.thread == message.thread);
            if is_said_already {
                continue;
            }
            self.next += 1;
            let parcel = Parcel {
                message: message.clone(),
                waits_for_office: tier == Tier::Warning && !message.is_drill,
                refused: None,
            };
            self.parcels.insert((*channel, self.next), parcel);
            self.make_room(*channel);
        }
    }

    fn make_room(&mut self, channel: ChannelKind) {
        let mine = || self.parcels.range((channel, 0)..=(channel, u64::MAX));
        if mine().count() <= MOST {
            return;
        }
        let is_lesser = |parcel: &Parcel| matches!(parcel.message.kind, Kind::Repeated | Kind::Digest);
        let oldest = mine().find(|(_, parcel)| is_lesser(parcel)).or_else(|| mine().next()).map(|(key, _)| *key);
        if let Some(dropped) = oldest.and_then(|oldest| self.parcels.remove(&oldest)) {
            tracing::error!(
                channel = channel.as_str(),
                title = dropped.message.title,
                "more messages wait for this channel than can be kept: one was given up"
            );
        }
    }

    /// The message that a channel is to be sent now, with its number.
    #[must_use]
    pub fn due(&self, channel: ChannelKind, policy: &Policy, now: DateTime<Utc>) -> Option<(u64, &Message)> {
        let is_paused = self.deliveries.get(&channel).and_then(|delivery| delivery.next).is_some_and(|next| {
            // A clock that was set back must not silence a channel.
            now < next && next - now <= TimeDelta::hours(1)
        });
        if is_paused {
            return None;
        }
        let is_open = office::is_open(policy.office.as_ref(), now);
        self.parcels
            .range((channel, 0)..=(channel, u64::MAX))
            .find(|(_, parcel)| !parcel.waits_for_office || is_open)
            .map(|((_, number), parcel)| (*number, &parcel.message))
    }

    /// Whether this is the message of that number, as far as it still waits.
    pub fn may_be(&self, channel: ChannelKind, number: u64, message: &Message) -> bool {
        self.parcels.get(&(channel, number)).is_none_or(|parcel| parcel.message == *message)
    }

    /// A message was acknowledged.
    pub fn delivered(&mut self, channel: ChannelKind, number: u64) {
        self.parcels.remove(&(channel, number));
        self.deliveries.remove(&channel);
    }

    /// A message was not acknowledged. `is_refused`: for what it is, and would be again. True if it was given up.
    pub fn failed(
        &mut self,
        channel: ChannelKind,
        number: u64,
        is_refused: bool,
        retry_after: Option<TimeDelta>,
        now: DateTime<Utc>,
    ) -> bool {
        let delivery = self.deliveries.entry(channel).or_default();
        let index = usize::try_from(delivery.failures).unwrap_or(usize::MAX).min(PAUSES.len() - 1);
        let pause = TimeDelta::seconds(PAUSES[index]).max(retry_after.unwrap_or_default());
        delivery.failures = delivery.failures.saturating_add(1);
        delivery.since.get_or_insert(now);
        delivery.next = Some(now + pause.min(TimeDelta::hours(1)));
        let Some(parcel) = self.parcels.get_mut(&(channel, number)).filter(|_| is_refused) else { return false };
        let refused = *parcel.refused.get_or_insert(now);
        if now - refused >= REFUSED {
            self.parcels.remove(&(channel, number));
            return true;
        }
        // Behind the others, with what belongs to it: the receiver may be right about this one alone.
        let thread = parcel.message.thread.clone();
        let is_mine = |parcel: &&Parcel| parcel.message.thread == thread;
        let mine = self.parcels.range((channel, 0)..=(channel, u64::MAX));
        let numbers: Vec<u64> = mine.filter(|(_, parcel)| is_mine(parcel)).map(|((_, number), _)| *number).collect();
        for number in numbers {
            if let Some(parcel) = self.parcels.remove(&(channel, number)) {
                self.next += 1;
                self.parcels.insert((channel, self.next), parcel);
            }
        }
        false
    }

    /// The channels that cannot be reached.
    pub fn failing(&self) -> impl Iterator<Item = ChannelKind> {
        self.deliveries.keys().copied()
    }

    /// How many messages wait for a channel.
    #[must_use]
    pub fn waiting(&self, channel: ChannelKind) -> usize {
        self.parcels.range((channel, 0)..=(channel, u64::MAX)).count()
    }
}
