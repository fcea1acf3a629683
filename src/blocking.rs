//! Reading of files that may lie on a network that is gone.
//!
//! A thread that waits for such a file system cannot be stopped. So each owner waits for at most one of them, and the
//! whole process for a number that leaves enough threads for everybody else: tokio lends out 512, and without a bound
//! a single dead mount would take one more at every poll until name lookups hang too.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::model::{Failure, Reason};

/// How many such threads there may be in the process.
static ALL: Semaphore = Semaphore::const_new(64);

/// One owner's right to one blocking thread. Clones share it.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Semaphore>);

impl Default for Guard {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Guard {
    /// Runs `work` on a thread that may block. `what` is read, for the message.
    ///
    /// # Errors
    ///
    /// [`Reason::Panic`] if the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        // Waits while an earlier work of this owner goes on; if that one hangs, until the deadline of the poll. The
        // semaphores are never closed; if they were, reading without a permit is the lesser evil.
        let mine = Arc::clone(&self.0).acquire_owned().await.ok();
        let shared = ALL.acquire().await.ok();
        // The permits go with the work and not with this future, which is dropped at the deadline of its poll.
        let work = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((mine, shared));
            result
        });
        work.await.map_err(|_| Failure::new(Reason::Panic, format!("reading {what} ended in a defect")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_hangs_is_not_joined_by_another() {
        let guard = Guard::default();
        let (release, hang) = mpsc::channel::<()>();
        let hanging = guard.run("the file", move || hang.recv());
        assert!(tokio::time::timeout(Duration::from_millis(50), hanging).await.is_err(), "dropped at its deadline");
        let second = guard.run("the file", || ());
        assert!(
            tokio::time::timeout(Duration::from_millis(50), second).await.is_err(),
            "it waits, and takes no thread"
        );
        assert!(Guard::default().run("another file", || 7).await.is_ok(), "another owner waits for nobody");
        release.send(()).unwrap();
        assert!(guard.run("the file", || ()).await.is_ok());
    }
}
