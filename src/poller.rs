//! The only loop: ask, record, wait.
//!
//! One poll asks one source of one tenant, in a task of its own. The next one begins an interval after the last one ended, a
//! little earlier or later each time, so that missed ticks are never made up and tenants do not march in step. A failure that
//! may pass soon is tried again after a short pause that doubles up to the interval. Until then the source waits in the
//! [`Schedule`].

pub mod probe;
mod schedule;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use rand::Rng;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::evaluate::learn::Expectations;
use crate::metrics::Counters;
use crate::model::{Failure, MdmKind, Outcome, Reason, TenantName};
use crate::source::Poll;
use crate::store::{Lease, Store, Turn};

pub use schedule::{Key, Schedule};

/// The first pause after a failure that may pass soon.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// By how much an interval is longer or shorter.
const JITTER: f64 = 0.1;

/// Two replicas that wait for one lease do not ask for it in the same moment it ends.
const A_LITTLE: Duration = Duration::from_millis(20);

/// An interval of this length goes on over a restart.
const LONG: Duration = Duration::from_secs(12 * 3600);

/// No vendor keeps us away for longer than this.
const LONGEST_WISH: Duration = Duration::from_secs(3600);

/// A tenant that keeps failing is logged again after this long.
const LOG_AGAIN: Duration = Duration::from_secs(3600);

/// One source of one tenant, ready to be polled.
#[derive(Clone)]
pub struct Job {
    /// The tenant.
    pub tenant: TenantName,
    /// Its MDM, for the counters.
    pub mdm: MdmKind,
    /// What is polled.
    pub poll: Arc<dyn Poll>,
    /// From the end of one poll to the next.
    pub interval: Duration,
    /// What one poll may take, once it has begun.
    pub timeout: Duration,
    /// What the configuration says of the tenant.
    pub expectations: Arc<Expectations>,
}

/// What every poll needs. Clones share it.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where outcomes go.
    pub store: Store,
    /// The wall clock.
    pub clock: Clock,
    /// The counters.
    pub counters: Counters,
    /// How many polls may be under way.
    pub limits: Arc<Limits>,
}

/// How many polls may be under way at once, in all and to one host. Local sources are not counted.
#[derive(Debug)]
pub struct Limits {
    all: Semaphore,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Limits {
    /// Limits of at least one.
    #[must_use]
    pub fn new(all: usize, per_host: usize) -> Self {
        Self { all: Semaphore::new(all.max(1)), per_host: per_host.max(1), hosts: Mutex::default() }
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(semaphore) = hosts.get(host) {
            return Arc::clone(semaphore);
        }
        // Hosts of tenants that have left would stay for ever. One that nobody asks now is made anew when it is asked.
        hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        let semaphore = Arc::new(Semaphore::new(self.per_host));
        hosts.insert(host.to_owned(), Arc::clone(&semaphore));
        semaphore
    }
}

/// Counts first tries: the process is ready when every source had its first.
#[derive(Debug)]
pub struct FirstRound {
    left: AtomicUsize,
    done: Notify,
}

impl FirstRound {
    /// A round of so many sources.
    #[must_use]
    pub fn new(sources: usize) -> Self {
        Self { left: AtomicUsize::new(sources), done: Notify::new() }
    }

    /// One source had its first try, or will never have one.
    pub fn tried(&self) {
        let before = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left.saturating_sub(1)));
        if before == Ok(1) {
            self.done.notify_waiters();
        }
    }

    /// Whether every source had its first try.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Waits until every source had its first try.
    pub async fn done(&self) {
        let notified = self.done.notified();
        tokio::pin!(notified);
        // Enabled before the check, so that a try that ends in between is not missed.
        notified.as_mut().enable();
        if !self.is_done() {
            notified.await;
        }
    }
}

/// What a poller knows of the polls before.
#[derive(Debug, Default)]
struct Course {
    voice: Voice,
    /// So many polls running have failed.
    failures: u32,
    lease: Lease,
}

impl Course {
    /// Polls once, if it is our turn. Says how long to wait for the next time.
    async fn poll(&mut self, job: &Job, around: &Surroundings) -> Duration {
        let outcome = match attempt(job, around, &mut self.lease).await {
            Tried::Polled(outcome) => outcome,
            // Another replica polls it. What it learns comes by the store.
            Tried::NotOurs(wait) => return jittered(wait) + A_LITTLE,
        };
        self.voice.tell(job, outcome.as_ref());
        self.failures = if outcome.is_some() { self.failures + 1 } else { 0 };
        let pause = pause(job.interval, self.failures, outcome.as_ref());
        around.store.rest(&job.tenant, job.poll.source(), pause, &mut self.lease).await;
        pause
    }
}

/// What is left of a long interval that began before a restart: a profile that may be fetched once a day is not
/// fetched at every start. Its first try of this round was then made by the process before.
fn rest(job: &Job, around: &Surroundings) -> Duration {
    if job.interval < LONG {
        return Duration::ZERO;
    }
    let memory = around.store.memory(&job.tenant);
    let state = memory.as_ref().and_then(|memory| memory.sources.get(&job.poll.source()));
    let Some(last_success) = state.and_then(|state| state.last_success) else { return Duration::ZERO };
    // A success that is still to come was dated by a clock that was ahead, and counts for nothing.
    let Ok(age) = (around.clock.now() - last_success).to_std() else { return Duration::ZERO };
    job.interval.saturating_sub(age)
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Tried {
    /// It was polled, and failed or not.
    Polled(Option<Failure>),
    /// Another replica polls it: not to be tried before this has passed.
    NotOurs(Duration),
}

/// Polls a source once, if it is this process's turn, and records how it ended.
pub async fn attempt(job: &Job, around: &Surroundings, lease: &mut Lease) -> Tried {
    let host = job.poll.host().map(|host| around.limits.host(&host));
    let _permits = match &host {
        // The host first, so that a poll that waits for a slow host holds no place that another host could use. The
        // semaphores are never closed.
        Some(host) => (host.acquire().await.ok(), around.limits.all.acquire().await.ok()),
        None => (None, None),
    };
    // Until the poll has ended and said when the next one is due.
    let hold = job.timeout + job.interval / 2;
    if let Turn::Wait(wait) = around.store.turn(&job.tenant, job.poll.source(), hold, lease).await {
        return Tried::NotOurs(wait);
    }
    around.store.ask(&job.tenant, job.poll.source(), &job.poll.identity());
    let begun = Instant::now();
    let asked = AssertUnwindSafe(job.poll.poll(around.clock.now())).catch_unwind();
    let outcome = match tokio::time::timeout(job.timeout, asked).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Outcome::failure(Failure::new(
            Reason::Panic,
            "the poll ended in a defect of this program; its log has the place",
        )),
        Err(_) => Outcome::failure(Failure::new(
            Reason::Timeout,
            format!("no whole answer within {}", humantime::format_duration(job.timeout)),
        )),
    };
    let failure = outcome.failure.clone();
    around.counters.count(job.mdm, job.poll.source(), begun.elapsed(), failure.as_ref().map(|failure| failure.reason));
    around.store.record(
        &job.tenant,
        &job.expectations,
        job.poll.source(),
        &job.poll.identity(),
        outcome,
        around.clock.now(),
    );
    Tried::Polled(failure)
}

/// Polls a source at once, in a process that shares its store with nobody, and records how it ended.
pub async fn poll_now(job: &Job, around: &Surroundings) {
    attempt(job, around, &mut Lease::default()).await;
}

/// When the `index`th of `count` sources is tried for the first time: 50 ms apart, all within a minute.
#[must_use]
pub fn first_delay(index: usize, count: usize) -> Duration {
    const STEP: Duration = Duration::from_millis(50);
    const ALL: Duration = Duration::from_secs(60);
    let index = u32::try_from(index).unwrap_or(u32::MAX);
    let count = u32::try_from(count).unwrap_or(u32::MAX).max(1);
    (STEP.min(ALL / count)) * index
}

/// The pause before the next poll. What a vendor asked for is a little exceeded and never undercut: who comes early is
/// sent away again, for longer.
fn pause(interval: Duration, failures: u32, failure: Option<&Failure>) -> Duration {
    let Some(failure) = failure else { return interval };
    let wish = failure.retry_after.unwrap_or_default().min(LONGEST_WISH);
    let own = if failure.reason.may_pass_soon() {
        FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(interval)
    } else {
        interval
    };
    jittered(own).max(wish.mul_f64(rand::rng().random_range(1.0..=1.0 + JITTER)))
}

fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER))
}

/// Tells the log of changes, and of what lasts once an hour.
#[derive(Debug, Default)]
struct Voice {
    told: Option<(Reason, Instant)>,
}

impl Voice {
    fn tell(&mut self, job: &Job, failure: Option<&Failure>) {
        let (tenant, source) = (&job.tenant, job.poll.source());
        match failure {
            None => {
                if self.told.take().is_some() {
                    tracing::info!(%tenant, %source, "source {source} of tenant {tenant} answers again");
                }
            }
            Some(failure) => {
                let is_known =
                    self.told.as_ref().is_some_and(|(told, at)| *told == failure.reason && at.elapsed() < LOG_AGAIN);
                if !is_known {
                    tracing::warn!(
                        %tenant, %source, reason = %failure.reason,
                        "source {source} of tenant {tenant} fails: {failure}"
                    );
                    self.told = Some((failure.reason, Instant::now()));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
