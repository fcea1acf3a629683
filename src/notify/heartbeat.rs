//! Proof that all goes on: an address that is asked only while polls come to their end and the store is up, so that somebody else
//! calls when it is not asked any more.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::channel;
use crate::config::notify::Heartbeat;
use crate::config::{Config, Network, Running};
use crate::evaluate::report::{Snapshot, polled_sources};
use crate::model::Failure;
use crate::secret::SecretFile;

/// A vendor may ask for a pause this long.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// A poll, or a round of probes, is missing after so many intervals.
const MISSING: i32 = 3;

/// After a failure it is tried again this soon.
const AGAIN: TimeDelta = TimeDelta::seconds(30);

/// When it beat last, and how that went.
#[derive(Debug, Default)]
pub(super) struct Heart {
    next: Option<DateTime<Utc>>,
    is_failing: bool,
    is_silent: bool,
    file: Option<SecretFile>,
}

impl Heart {
    /// Whether the address cannot be reached.
    #[must_use]
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Beats if it is time to, and all goes on. `None`: it did not.
    pub(super) async fn beat(
        &mut self,
        settings: &Heartbeat,
        network: &Network,
        snapshot: &Snapshot,
        running: &Running,
        now: DateTime<Utc>,
    ) -> Option<Result<(), Failure>> {
        let interval = TimeDelta::from_std(settings.interval).unwrap_or(TimeDelta::MAX);
        // A clock that was set back must not keep it quiet.
        if self.next.is_some_and(|next| now < next && next - now <= interval) {
            return None;
        }
        if let Err(why) = all_goes_on(snapshot, running, now) {
            if !std::mem::replace(&mut self.is_silent, true) {
                tracing::warn!("the heartbeat is silent: {why}");
            }
            return None;
        }
        if std::mem::take(&mut self.is_silent) {
            tracing::info!("the heartbeat goes on");
        }
        let file = match &self.file {
            Some(file) if file.path() == settings.url_file => file.clone(),
            _ => self.file.insert(SecretFile::new(&settings.url_file)).clone(),
        };
        let result = channel::beat(&file, network, now).await.map_err(|refusal| refusal.failure);
        self.is_failing = result.is_err();
        self.next = Some(now + if result.is_ok() { interval } else { AGAIN.min(interval) });
        if let Err(failure) = &result {
            tracing::warn!(reason = %failure.reason, why = failure.message, "the heartbeat is not taken");
        }
        Some(result)
    }
}

/// Whether polls and rounds come to their end, well or not, and what they tell is kept.
fn all_goes_on(snapshot: &Snapshot, running: &Running, now: DateTime<Utc>) -> Result<(), String> {
    if !snapshot.store_up {
        return Err("the store cannot be used".to_owned());
    }
    let config: &Config = &running.config;
    let mut has_ended = false;
    let is_missing = |ended: Option<DateTime<Utc>>, interval: Duration, pause: TimeDelta| {
        let interval = TimeDelta::from_std(interval).unwrap_or(TimeDelta::MAX / 8);
        now - ended.unwrap_or(running.since).max(running.since) > interval * MISSING + pause
    };
    for tenant in config.tenants.values().filter(|tenant| !tenant.retired) {
        let memory = snapshot.tenants.get(&tenant.name).map(AsRef::as_ref);
        for (source, interval) in polled_sources(tenant, memory) {
            let attempt = memory.and_then(|memory| memory.sources.get(&source)?.last_attempt.as_ref());
            has_ended |= attempt.is_some();
            if is_missing(attempt.map(|attempt| attempt.at), interval, PAUSE) {
                return Err(format!("no poll of {source} of {} came to its end", tenant.name));
            }
        }
    }
    if let Some(probe) = &config.probe {
        for ((role, _), memory) in &snapshot.network.targets {
            has_ended |= memory.last_round.is_some();
            if is_missing(memory.last_round, probe.interval, TimeDelta::zero()) {
                return Err(format!("no round of probes of the role {role} came to its end"));
            }
        }
    }
    if has_ended { Ok(()) } else { Err("no poll has come to its end yet".to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::config::load;
    use crate::evaluate::learn::{Expectations, learn};
    use crate::model::{Memory, Outcome, Reason, Source, TenantName};

    #[test]
    fn it_beats_while_polls_end_well_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("apnswatch.yaml");
        std::fs::write(&path, "tenants: [{ name: acme, certificate: { files: [a.pem] } }]").unwrap();
        let config = Arc::new(load(&path, &BTreeMap::new(), None).unwrap());
        let start: DateTime<Utc> = "2026-09-09T10:00:00Z".parse().unwrap();
        let running = Running { config, since: start, is_current: true };
        let mut snapshot = Snapshot { store_up: true, ..Snapshot::default() };
        let goes_on =
            |snapshot: &Snapshot, minutes| all_goes_on(snapshot, &running, start + TimeDelta::minutes(minutes));
        assert!(goes_on(&snapshot, 0).is_err(), "nothing has ended yet");
        let mut memory = Memory::default();
        let outcome = Outcome::failure(Failure::new(Reason::NotFound, "no file"));
        let expectations = Expectations { sources: vec![Source::File], may_pin: true };
        learn(&mut memory, &expectations, Source::File, "a.pem", outcome, start);
        snapshot.tenants.insert(TenantName::parse("acme").unwrap(), Arc::new(memory));
        assert_eq!(goes_on(&snapshot, 1), Ok(()), "a poll that failed has come to its end");
        assert!(goes_on(&snapshot, 62).is_err());
        snapshot.store_up = false;
        assert!(goes_on(&snapshot, 1).is_err());
    }
}
