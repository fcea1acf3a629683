//! Messages on their way: one to a channel at a time, each in a task, and what becomes of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::Notifier;
use crate::model::Failure;
use crate::notify::channel::{ChannelKind, Refusal};
use crate::notify::ledger::{Ledger, Policy};
use crate::notify::message::Message;

/// For how long one round waits for what is under way.
const ROUND: Duration = Duration::from_secs(20);

/// So many messages are sent to one channel in one round at most, so that the next look is not far.
const MOST: usize = 30;

/// A message, and what became of it.
pub(super) struct Sent {
    kind: ChannelKind,
    /// Of the ledger of all, not of what is told of this process alone.
    is_of_all: bool,
    number: u64,
    message: Message,
    result: Result<(), Refusal>,
}

impl Notifier {
    /// Sends what is due, to all channels at once and to each in its order. That something was taken is kept at once, whatever the
    /// other channels wait for; and what takes longer than a round goes on while the next one looks.
    pub(super) async fn send(&mut self, policy: &Policy) {
        let mut left: BTreeMap<ChannelKind, usize> = self.channels.keys().map(|kind| (*kind, MOST)).collect();
        for kind in left.keys() {
            self.start(*kind, policy);
        }
        let end = Instant::now() + ROUND;
        while let Ok(Some(sent)) = tokio::time::timeout_at(end, self.under_way.join_next()).await {
            let Some(kind) = self.landed(sent).await else { continue };
            let left = left.get_mut(&kind).filter(|left| **left > 1);
            if let Some(left) = left.filter(|_| Instant::now() < end) {
                *left -= 1;
                self.start(kind, policy);
            }
        }
    }

    /// Puts the next message to a channel on its way, unless one is, or the process stops. In a task of its own: it must not wait for the store.
    fn start(&mut self, kind: ChannelKind, policy: &Policy) {
        if self.busy.contains_key(&kind) || self.stop.is_cancelled() {
            return;
        }
        let now = self.clock.now();
        let due = |ledger: &Ledger| ledger.due(kind, policy, now).map(|(number, message)| (number, message.clone()));
        let of_all = self.ledger.as_ref().and_then(due).map(|found| (true, found));
        let found = of_all.or_else(|| Some((false, due(&self.own)?)));
        let (Some((is_of_all, (number, message))), Some(channel)) = (found, self.channels.get(&kind)) else { return };
        let channel = Arc::clone(channel);
        let task = self.under_way.spawn(async move {
            let result = channel.send(kind, &message, now).await;
            Sent { kind, is_of_all, number, message, result }
        });
        self.busy.insert(kind, task.id());
    }

    /// Takes in what became of a message, and keeps that. The channel that has a place again.
    pub(super) async fn landed(&mut self, sent: Result<Sent, JoinError>) -> Option<ChannelKind> {
        match sent {
            Ok(Sent { kind, is_of_all, number, message, result }) => {
                self.busy.remove(&kind);
                self.acknowledge(kind, is_of_all, number, &message, result);
                self.keep().await;
                Some(kind)
            }
            Err(error) => {
                tracing::error!(%error, "sending a notice ended in a defect");
                self.busy.retain(|_, task| *task != error.id());
                None
            }
        }
    }

    /// Waits for all that is under way.
    pub(super) async fn settle(&mut self) {
        while let Some(sent) = self.under_way.join_next().await {
            self.landed(sent).await;
        }
    }

    fn acknowledge(
        &mut self,
        kind: ChannelKind,
        is_of_all: bool,
        number: u64,
        message: &Message,
        result: Result<(), Refusal>,
    ) {
        let now = self.clock.now();
        let channel = kind.as_str();
        self.counters.count_notice(channel, result.as_ref().err().map(|refusal| refusal.failure.reason));
        let ledger = match &mut self.ledger {
            Some(ledger) if is_of_all => ledger,
            None if is_of_all => return,
            _ => &mut self.own,
        };
        // While it was under way another replica may have sent, and told something else under this number.
        if !ledger.may_be(kind, number, message) {
            return;
        }
        match result {
            Ok(()) => {
                tracing::info!(channel, title = message.title, "a notice was sent");
                ledger.delivered(kind, number);
            }
            Err(Refusal { failure, is_about_message }) => {
                let Failure { reason, message: why, retry_after } = failure;
                tracing::warn!(channel, %reason, why, title = message.title, "a notice could not be sent and waits");
                let retry_after = retry_after.and_then(|pause| TimeDelta::from_std(pause).ok());
                if ledger.failed(kind, number, is_about_message, retry_after, now) {
                    tracing::error!(channel, title = message.title, "a notice was refused for days and is given up");
                }
            }
        }
    }
}
