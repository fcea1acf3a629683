//! When which source is polled.
//!
//! Tens of thousands of sources wait nearly all of the time, each for a moment of its own. Here they wait in one list, and
//! only a poll that is under way has a task: so one that waits costs what must be known of it, and nothing else.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use slab::Slab;
use tokio::sync::Notify;
use tokio::task::{self, JoinHandle};
use tokio::time::Instant;

use super::{Course, FirstRound, Job, Surroundings, rest};

/// How long the list sleeps when nothing waits in it.
const NOTHING: Duration = Duration::from_secs(3600);

/// Polls sources again and again, each at its time and in a task of its own, until they are stopped or this is dropped.
pub struct Schedule {
    shared: Arc<Shared>,
    clock: JoinHandle<()>,
}

/// A source in a [`Schedule`], to stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u32);

struct Shared {
    around: Arc<Surroundings>,
    plan: Mutex<Plan>,
    /// Something is due sooner than what was waited for.
    sooner: Notify,
}

#[derive(Default)]
struct Plan {
    sources: Slab<State>,
    /// The sources that wait, by when they are due.
    due: BTreeSet<(Instant, Key)>,
}

/// What a source does.
enum State {
    Waits(Instant, Waiting),
    /// Only while the plan is locked.
    Begins,
    IsPolled(JoinHandle<()>),
}

/// A source that waits, with all that its next poll needs.
struct Waiting {
    job: Job,
    course: Course,
    first: FirstTry,
}

/// The first try of a source, which a round waits for. One that is dropped will never be made.
struct FirstTry(Option<Arc<FirstRound>>);

impl FirstTry {
    fn is_made(&mut self) {
        if let Some(round) = self.0.take() {
            round.tried();
        }
    }
}

impl Drop for FirstTry {
    fn drop(&mut self) {
        self.is_made();
    }
}

impl Schedule {
    /// Nothing to be polled yet. Needs a runtime.
    #[must_use]
    pub fn new(around: Arc<Surroundings>) -> Self {
        let shared = Arc::new(Shared { around, plan: Mutex::default(), sooner: Notify::new() });
        let clock = tokio::spawn(keep_time(Arc::clone(&shared)));
        Self { shared, clock }
    }

    /// Polls a source again and again, first after `delay`. `round` is told of its first try.
    pub fn start(&self, job: Job, delay: Duration, round: Arc<FirstRound>) -> Key {
        let around = &self.shared.around;
        around.store.ask(&job.tenant, job.poll.source(), &job.poll.identity());
        let mut first = FirstTry(Some(round));
        let rest = rest(&job, around);
        if !rest.is_zero() {
            first.is_made();
        }
        let at = Instant::now() + delay.max(rest);
        let mut plan = self.shared.plan();
        let key = Key::of(plan.sources.insert(State::Waits(at, Waiting { job, course: Course::default(), first })));
        self.shared.is_due(&mut plan, at, key);
        key
    }

    /// Polls nothing more, and waits until every poll that was under way is dropped.
    pub async fn end(&self) {
        for task in self.shared.stop_all() {
            // It was told to end; whether it did so by itself makes no difference.
            let _ = task.await;
        }
    }

    /// Polls a source no more. A poll that is under way is dropped; its task is given back for who waits for its end.
    pub fn stop(&self, key: Key) -> Option<JoinHandle<()>> {
        let state = {
            let mut plan = self.shared.plan();
            let state = plan.sources.try_remove(key.index());
            if let Some(State::Waits(at, _)) = &state {
                plan.due.remove(&(*at, key));
            }
            state
        };
        match state? {
            State::Waits(..) | State::Begins => None,
            State::IsPolled(task) => {
                task.abort();
                Some(task)
            }
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.clock.abort();
        drop(self.shared.stop_all());
    }
}

impl Key {
    /// The list is far shorter than that.
    fn of(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Shared {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop_all(&self) -> Vec<JoinHandle<()>> {
        let Plan { sources, .. } = std::mem::take(&mut *self.plan());
        let under_way = sources.into_iter().filter_map(|(_, state)| match state {
            State::Waits(..) | State::Begins => None,
            State::IsPolled(task) => Some(task),
        });
        under_way.inspect(JoinHandle::abort).collect()
    }

    fn is_due(&self, plan: &mut Plan, at: Instant, key: Key) {
        plan.due.insert((at, key));
        if plan.due.first() == Some(&(at, key)) {
            self.sooner.notify_one();
        }
    }

    /// Begins every poll whose time has come. When the next one is due.
    fn begin(self: &Arc<Self>) -> Instant {
        let mut plan = self.plan();
        let now = Instant::now();
        loop {
            match plan.due.first() {
                None => return now + NOTHING,
                Some((at, _)) if *at > now => return *at,
                Some(_) => {}
            }
            let Some((_, key)) = plan.due.pop_first() else { continue };
            let Some(state) = plan.sources.get_mut(key.index()) else { continue };
            if let State::Waits(_, waiting) = std::mem::replace(state, State::Begins) {
                // It cannot be back before its handle stands here, for then it needs the plan.
                *state = State::IsPolled(tokio::spawn(poll(Arc::clone(self), key, waiting)));
            }
        }
    }

    /// A source was polled and waits again, unless it was stopped meanwhile.
    fn wait(&self, key: Key, waiting: Waiting, pause: Duration) {
        let at = Instant::now() + pause;
        let mut plan = self.plan();
        // Its place may be another source's by now.
        let is_ours = |state: &State| matches!(state, State::IsPolled(task) if Some(task.id()) == task::try_id());
        match plan.sources.get_mut(key.index()) {
            Some(state) if is_ours(state) => {
                *state = State::Waits(at, waiting);
                self.is_due(&mut plan, at, key);
            }
            _ => drop(plan),
        }
    }
}

async fn keep_time(shared: Arc<Shared>) {
    loop {
        let next = shared.begin();
        tokio::select! {
            () = tokio::time::sleep_until(next) => {}
            () = shared.sooner.notified() => {}
        }
    }
}

async fn poll(shared: Arc<Shared>, key: Key, mut waiting: Waiting) {
    // What panics within the poll is counted as its failure; whatever else does must not be the last that is heard of it.
    let polled = AssertUnwindSafe(waiting.course.poll(&waiting.job, &shared.around)).catch_unwind();
    let pause = polled.await.unwrap_or(waiting.job.interval);
    waiting.first.is_made();
    shared.wait(key, waiting, pause);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_has_little_memory() {
        let size = size_of::<State>();
        assert!(size <= 168, "a fleet of 10,000 tenants has 40,000 of these: {size} bytes");
    }
}
