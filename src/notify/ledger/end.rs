//! What is over, and of whom that is said.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Entry, Ledger, Policy, Thread, bucket, flicker};
use crate::notify::key::Key;
use crate::notify::message::{self, Kind, Message};
use crate::notify::news::{self, Fate, Hush, News};

/// What was told is over only after it has been gone for so long: what comes and goes is one thing.
const GONE: TimeDelta = TimeDelta::minutes(5);

impl Ledger {
    /// Ends what is over.
    pub(super) fn end(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        let is_explained = |(key, entry): &(&Key, &Entry)| {
            let is_told = |other: &Key| self.entries.get(other).is_some_and(|other| other.thread.is_some());
            entry.hush == Some(Hush::Explained) && news::better(key).iter().any(is_told)
        };
        let explained: BTreeSet<Key> = self.entries.iter().filter(is_explained).map(|(key, _)| key.clone()).collect();
        let threads = &mut self.threads;
        self.entries.retain(|key, entry| {
            if news.standing.contains_key(key) {
                return true;
            }
            let fate = news.fate(key);
            if fate == Fate::Unjudged {
                entry.gone = None;
                return true;
            }
            let gone = *entry.gone.get_or_insert(now);
            let Some(number) = entry.thread else { return now - gone < flicker(key) };
            let patience = if key.is_drill() { TimeDelta::zero() } else { GONE.max(flicker(key)) };
            if now - gone < patience {
                return true;
            }
            let is_quiet = fate == Fate::Superseded || explained.contains(key) || news.is_muted(key);
            if let Some(thread) = threads.get_mut(&number) {
                thread.is_loud |= !is_quiet;
                thread.unwatched += usize::from(fate == Fate::Unwatched);
            }
            false
        });
        self.close(news, policy, now);
    }

    /// Closes the threads of which nothing stands any more, and says of whom it is over.
    fn close(&mut self, news: &News<'_>, policy: &Policy, now: DateTime<Utc>) {
        let open: BTreeSet<u64> = self.entries.values().filter_map(|entry| entry.thread).collect();
        let over: Vec<u64> = self.threads.keys().filter(|number| !open.contains(number)).copied().collect();
        for number in over {
            let Some(thread) = self.threads.get(&number) else { continue };
            let others = self.others(thread);
            // Of whom the same is told soon, or goes before it is: nobody could say yet which.
            let is_coming = |key: &Key| {
                let is_untold = self.entries.get(key).is_some_and(|entry| entry.thread.is_none());
                let stands = news.standing.get(key).is_some_and(|standing| standing.hush.is_none());
                is_untold && stands && thread.names.contains(&key.name())
            };
            if others.iter().any(is_coming) {
                continue;
            }
            let Some(thread) = self.threads.remove(&number) else { continue };
            let left = message::names(others.iter());
            let names: Vec<String> = thread.names.iter().filter(|name| !left.contains(name)).cloned().collect();
            let total = thread.total.saturating_sub(left.len()).max(names.len());
            let others: Vec<&Key> = others.iter().collect();
            let (title, body) = if names.is_empty() {
                message::ended_in_part(news, &thread.key, (&thread.names, thread.total), thread.unwatched, &others)
            } else {
                message::ended(news, &thread.key, (&names, total), thread.unwatched, &others)
            };
            let count = if names.is_empty() { thread.total } else { total };
            let message = self.message(Kind::Resolved, &thread.key, number, title, body, count, now);
            let link = news.link((thread.total == 1).then_some(&thread.key));
            self.queue(Message { link, is_quiet: !thread.is_loud, ..message }, &thread.key, policy);
        }
    }

    /// What still stands, or stands again, of the alert of a thread for those that it named: another source, finding or token of
    /// a tenant, or one that came back. Where it named the first ones alone, anybody may be one of the rest.
    fn others(&self, thread: &Thread) -> Vec<Key> {
        let of = bucket(&thread.key);
        let is_cut = thread.total > thread.names.len();
        let is_other = |(key, entry): &(&Key, &Entry)| {
            key.alert == thread.key.alert
                && key.severity == thread.key.severity
                && (entry.gone.is_none() || entry.thread.is_some())
                && (thread.names.contains(&key.name()) || (is_cut && bucket(key) == of))
        };
        self.entries.iter().filter(is_other).map(|(key, _)| key.clone()).collect()
    }
}
