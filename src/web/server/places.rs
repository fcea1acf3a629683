//! The places for connections, and who loses one when all are taken.
//!
//! Places alone would not do: whoever holds all of them with half a request each would make everybody else wait until their
//! time is over, again and again. So nobody who comes is turned away; the place goes from whoever has kept us waiting for
//! longest to whoever came last. A scrape sends its request at once and is never that one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// For so long whoever came may keep the place before a request is there: nobody is faster than the way to us.
const MOMENT: Duration = Duration::from_millis(250);

/// How soon a place is looked for again, where the one who lost it has not gone yet or nobody could lose one.
const AGAIN: Duration = Duration::from_millis(50);

/// How often it is told at the most that there are more connections than places.
const TELL: Duration = Duration::from_secs(600);

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    work: Duration,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    number: u64,
    seats: BTreeMap<u64, Arc<Seat>>,
    told: Option<Instant>,
}

impl Places {
    /// So many, of which one can be lost in the middle of our work or of the answer only after `work`.
    pub(super) fn new(number: usize, work: Duration) -> Self {
        Self { free: Arc::new(Semaphore::new(number)), work, taken: Mutex::default() }
    }

    /// Waits for a place; somebody else loses theirs if none is free.
    pub(super) async fn enter(self: Arc<Self>) -> Place {
        let permit = loop {
            if let Ok(permit) = Arc::clone(&self.free).try_acquire_owned() {
                break permit;
            }
            self.take_from_the_slowest();
            if let Ok(Ok(permit)) = tokio::time::timeout(AGAIN, Arc::clone(&self.free).acquire_owned()).await {
                break permit;
            }
        };
        let seat = Arc::new(Seat::new());
        let mut taken = self.taken();
        taken.number += 1;
        let number = taken.number;
        taken.seats.insert(number, Arc::clone(&seat));
        drop(taken);
        Place { places: self, number, seat, _permit: permit }
    }

    fn take_from_the_slowest(&self) {
        let mut taken = self.taken();
        let now = Instant::now();
        if taken.told.is_none_or(|told| now.duration_since(told) > TELL) {
            taken.told = Some(now);
            tracing::warn!("there are more connections than places: those that keep us waiting for longest are closed");
        }
        let waiting = taken.seats.values().filter(|seat| !seat.leave.is_cancelled());
        let judged = waiting.map(|seat| (*seat.state(), seat));
        let slow = judged.filter(|((doing, since), _)| {
            let allowed = if *doing == Doing::Listening { MOMENT } else { self.work };
            now - *since > allowed
        });
        if let Some((_, seat)) = slow.min_by_key(|(state, _)| *state) {
            seat.leave.cancel();
        }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    seat: Arc<Seat>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// What is known of the one who has it.
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken().seats.remove(&self.number);
    }
}

/// What happens on a connection. In the order in which places are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// It waits for a request.
    Listening,
    /// It waits for an answer to be taken.
    Answering,
    /// We are at work.
    Working,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Seat {
    leave: CancellationToken,
    state: Mutex<(Doing, Instant)>,
}

impl Seat {
    fn new() -> Self {
        Self { leave: CancellationToken::new(), state: Mutex::new((Doing::Listening, Instant::now())) }
    }

    fn state(&self) -> MutexGuard<'_, (Doing, Instant)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends when the place was lost.
    pub(super) async fn lost(&self) {
        self.leave.cancelled().await;
    }

    /// A request is there and worked on until the value is dropped; then its answer is to be taken.
    pub(super) fn work(&self) -> Work<'_> {
        *self.state() = (Doing::Working, Instant::now());
        Work(self)
    }

    /// Whatever there was to write is with the other side.
    pub(super) fn is_written(&self) {
        let mut state = self.state();
        if state.0 == Doing::Answering {
            *state = (Doing::Listening, Instant::now());
        }
    }
}

/// Work on a request.
#[derive(Debug)]
pub(super) struct Work<'a>(&'a Seat);

impl Drop for Work<'_> {
    fn drop(&mut self) {
        *self.0.state() = (Doing::Answering, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Duration = Duration::from_millis(1500);

    async fn full(doing: &[Doing]) -> (Arc<Places>, Vec<Place>) {
        let places = Arc::new(Places::new(doing.len(), WORK));
        let mut taken = Vec::new();
        for doing in doing {
            tokio::time::advance(Duration::from_secs(1)).await;
            let place = Arc::clone(&places).enter().await;
            *place.seat.state() = (*doing, Instant::now());
            taken.push(place);
        }
        (places, taken)
    }

    fn lost(taken: &[Place]) -> Vec<bool> {
        taken.iter().map(|place| place.seat.leave.is_cancelled()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_keeps_us_waiting_for_longest_loses_the_place() {
        use Doing::{Answering, Listening, Working};
        let (places, mut taken) =
            full(&[Working, Answering, Listening, Answering, Listening, Answering, Working, Listening]).await;
        for next in [2, 4, 1, 3, 5, 0] {
            assert!(!lost(&taken)[next]);
            places.take_from_the_slowest();
            assert!(lost(&taken)[next], "{:?} instead of {next}", lost(&taken));
        }
        // The last two have just begun, the one to work and the other to speak.
        places.take_from_the_slowest();
        assert_eq!(lost(&taken)[6..], [false, false]);
        tokio::time::advance(MOMENT + Duration::from_millis(1)).await;
        places.take_from_the_slowest();
        assert_eq!(lost(&taken)[6..], [false, true]);
        tokio::time::advance(WORK).await;
        places.take_from_the_slowest();
        assert_eq!(lost(&taken)[6..], [true, true]);
        // Nobody is left to lose one, until somebody goes.
        let entering = tokio::spawn(places.enter());
        tokio::time::sleep(AGAIN * 3).await;
        assert!(!entering.is_finished());
        taken.clear();
        entering.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_one_enters_when_the_slowest_has_gone() {
        let (places, mut taken) = full(&[Doing::Listening, Doing::Listening]).await;
        let entering = tokio::spawn(Arc::clone(&places).enter());
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(lost(&taken), [true, false]);
        drop(taken.remove(0));
        entering.await.unwrap();
        assert_eq!(lost(&taken), [false]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_was_taken_is_followed_by_waiting() {
        let seat = Seat::new();
        let work = seat.work();
        seat.is_written();
        assert_eq!(seat.state().0, Doing::Working, "a word in between");
        drop(work);
        assert_eq!(seat.state().0, Doing::Answering);
        seat.is_written();
        assert_eq!(seat.state().0, Doing::Listening);
    }
}
