//! The certificate pool: files that belong to whichever tenant keeps their topic.
//!
//! Who serves hundreds of customers has one folder of downloads and no wish to name each file. One [`Pool`] is shared
//! by the pollers of all tenants, and its files are read once for all of them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use super::file::{Gathered, gather};
use super::paths::{Paths, sum_up};
use crate::model::{Failure, PooledCertificate, Reason};

/// For how long what was read counts as present.
const FRESH: Duration = Duration::from_secs(30);

/// How long a poll waits for a reading that somebody else began: less than a poll may take, so that a pool on a dead
/// file system does not cost a tenant the answer of its own files.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pool, shared by all tenants.
#[derive(Debug)]
pub struct Pool {
    paths: Paths,
    fresh: Duration,
    latest: Arc<watch::Sender<Option<Reading>>>,
    /// One permit, for whoever reads anew.
    turn: Arc<Semaphore>,
}

/// What was read, and when.
#[derive(Debug)]
struct Reading {
    at: Instant,
    contents: Arc<Gathered>,
    trouble: Option<Trouble>,
}

/// What is wrong with a pool.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Some of its files cannot be read.
    Parts(Failure),
    /// Nothing could be read out of it now.
    Whole(Failure),
}

impl Pool {
    /// Takes paths and patterns, absolute ones. Touches nothing.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self::with_fresh(paths, FRESH)
    }

    fn with_fresh(paths: Vec<PathBuf>, fresh: Duration) -> Self {
        let paths = Paths::new(paths.into(), "certificate pool");
        Self { paths, fresh, latest: Arc::new(watch::Sender::new(None)), turn: Arc::new(Semaphore::new(1)) }
    }

    /// Every certificate in the pool, as last read, in the order of the files. Empty before the first reading, which is
    /// that of the first poll.
    #[must_use]
    pub fn certificates(&self) -> Vec<PooledCertificate> {
        let latest = self.latest.borrow();
        let held = latest.iter().flat_map(|reading| &reading.contents.held);
        held.map(|held| PooledCertificate {
            path: held.path.clone(),
            topic: held.found.topic().cloned(),
            not_after: held.found.not_after,
        })
        .collect()
    }

    /// What is in the pool, not older than the time it counts as present, and what is wrong with it. When reading
    /// takes too long: what was there before, and that.
    pub(super) async fn contents(&self) -> (Arc<Gathered>, Option<Trouble>) {
        let mut latest = self.latest.subscribe();
        if let Some(reading) = &*latest.borrow_and_update()
            && reading.at.elapsed() < self.fresh
        {
            return (Arc::clone(&reading.contents), reading.trouble.clone());
        }
        if let Ok(turn) = Arc::clone(&self.turn).try_acquire_owned() {
            let (paths, sender) = (self.paths.clone(), Arc::clone(&self.latest));
            // Not part of this poll: it may be dropped at its deadline, and others wait for the same reading.
            tokio::spawn(async move {
                let read = paths.visit(gather).await;
                sender.send_modify(|latest| *latest = Some(Reading::new(read, latest.take())));
                drop(turn);
            });
        }
        let in_time = matches!(tokio::time::timeout(PATIENCE, latest.changed()).await, Ok(Ok(())));
        let slow = || Trouble::Whole(Failure::new(Reason::Timeout, "it is still being read"));
        match &*latest.borrow() {
            Some(reading) if in_time => (Arc::clone(&reading.contents), reading.trouble.clone()),
            Some(reading) => (Arc::clone(&reading.contents), Some(slow())),
            None => (Arc::default(), Some(slow())),
        }
    }
}

impl Reading {
    fn new(read: Result<Gathered, Failure>, before: Option<Self>) -> Self {
        let at = Instant::now();
        match read {
            Ok(mut contents) => {
                let failure = sum_up(std::mem::take(&mut contents.failures));
                let trouble = failure.map(if contents.held.is_empty() { Trouble::Whole } else { Trouble::Parts });
                Self { at, contents: Arc::new(contents), trouble }
            }
            // What could not be read is not gone.
            Err(failure) => {
                let contents = before.map(|before| before.contents).unwrap_or_default();
                Self { at, contents, trouble: Some(Trouble::Whole(failure)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::DateTime;

    use super::*;
    use crate::certificate::sample::{Sample, T1, T2};
    use crate::model::{Outcome, PushCertificate, Topic};
    use crate::source::Poll;
    use crate::source::file::{Claim, Claimed, Files};

    struct World {
        folder: tempfile::TempDir,
        pool: Arc<Pool>,
        claimed: Arc<Mutex<Claimed>>,
    }

    impl World {
        fn new(fresh: Duration) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let pool = Arc::new(Pool::with_fresh(vec![folder.path().join("pool-*.pem")], fresh));
            Self { folder, pool, claimed: Arc::default() }
        }

        fn write(&self, name: &str, content: impl AsRef<[u8]>) {
            std::fs::write(self.folder.path().join(name), content).unwrap();
        }

        fn claim(&self, topic: Option<&str>, told: Option<PushCertificate>) {
            *self.claimed.lock().unwrap() = Claimed { topic: topic.and_then(Topic::parse), told };
        }

        async fn ask(&self, own: &[&str]) -> Outcome {
            let own: Vec<PathBuf> = own.iter().map(|name| self.folder.path().join(name)).collect();
            let claimed = Arc::clone(&self.claimed);
            let claim = Claim::new(move || claimed.lock().unwrap().clone());
            Files::new(own.into()).with_pool(Arc::clone(&self.pool), claim).poll(DateTime::UNIX_EPOCH).await
        }
    }

    fn told(outcome: &Outcome) -> Option<PushCertificate> {
        outcome.facts.as_ref()?.present().cloned()
    }

    fn topic_of(outcome: &Outcome) -> Option<&str> {
        outcome.facts.as_ref()?.present()?.topic.as_ref().map(Topic::as_str)
    }

    #[tokio::test]
    async fn a_tenant_gets_the_certificates_of_its_topic() {
        let world = World::new(Duration::ZERO);
        world.write("pool-1.pem", Sample::leaf(T1).pem());
        world.write("pool-2.pem", Sample::leaf(T2).pem());
        world.claim(Some(&T2.to_uppercase()), None);
        let outcome = world.ask(&[]).await;
        assert_eq!((topic_of(&outcome), outcome.failure.as_ref()), (Some(T2), None));
        assert!(outcome.facts.as_ref().unwrap().origin.ends_with("pool-2.pem"));
        // Its own files count besides, and the end decides.
        world.write("own.pem", Sample { not_after: "280901101111Z", ..Sample::leaf(T1) }.pem());
        let outcome = world.ask(&["own.pem"]).await;
        assert_eq!((topic_of(&outcome), outcome.facts.as_ref().unwrap().others.len()), (Some(T1), 1));
        let all = world.pool.certificates();
        let stray = all.iter().find(|held| held.topic == Topic::parse(T2)).unwrap();
        assert_eq!(all.len(), 2);
        assert!(stray.path.ends_with("pool-2.pem"));
    }

    #[tokio::test]
    async fn nothing_in_the_pool_is_an_answer_until_there_was_something() {
        let world = World::new(Duration::ZERO);
        world.write("pool-1.pem", Sample::leaf(T1).pem());
        world.write("pool-bad.pem", "garbage");
        for topic in [None, Some(T2)] {
            world.claim(topic, None);
            let outcome = world.ask(&[]).await;
            let facts = outcome.facts.unwrap();
            assert_eq!((facts.certificate, outcome.failure), (None, None));
            assert!(facts.remarks.iter().any(|remark| remark.contains("pool")), "{:?}", facts.remarks);
        }
        world.claim(Some(T1), None);
        let outcome = world.ask(&[]).await;
        assert_eq!((topic_of(&outcome), outcome.failure.as_ref()), (Some(T1), None));
        world.claim(Some(T1), told(&outcome));
        std::fs::remove_file(world.folder.path().join("pool-bad.pem")).unwrap();
        std::fs::remove_file(world.folder.path().join("pool-1.pem")).unwrap();
        let outcome = world.ask(&[]).await;
        assert_eq!((outcome.facts, outcome.failure.unwrap().reason), (None, Reason::NotFound));
        world.write("pool-2.pem", Sample::leaf(T2).pem());
        let failure = world.ask(&[]).await.failure.unwrap();
        assert!(failure.message.contains("any more") && failure.reason == Reason::NotFound, "{failure}");
    }

    #[tokio::test]
    async fn a_pool_that_cannot_be_read_is_a_failure_of_whoever_looks_into_it() {
        let world = World::new(Duration::ZERO);
        world.write("own.pem", Sample::leaf(T2).pem());
        for content in [None, Some("garbage")] {
            if let Some(content) = content {
                world.write("pool-1.pem", content);
            }
            world.claim(Some(T1), None);
            let outcome = world.ask(&[]).await;
            assert!(outcome.facts.is_some_and(|facts| facts.certificate.is_none()));
            assert!(outcome.failure.unwrap().message.starts_with("certificate pool: "));
            let outcome = world.ask(&["own.pem"]).await;
            assert_eq!((topic_of(&outcome), outcome.failure.is_some()), (Some(T2), true));
            // Who keeps no topic does not look into it.
            world.claim(None, None);
            assert_eq!(world.ask(&["own.pem"]).await.failure, None);
        }
    }

    #[tokio::test]
    async fn what_was_told_and_may_be_in_a_bad_file_makes_the_answer_partial() {
        let world = World::new(Duration::ZERO);
        let old =
            Sample { not_before: "250901101112Z", not_after: "260901101111Z", serial: vec![1], ..Sample::leaf(T1) };
        world.write("pool-old.pem", old.pem());
        world.write("pool-new.pem", Sample::leaf(T1).pem());
        world.write("own.pem", Sample::leaf(T2).pem());
        world.claim(Some(T1), None);
        let new = told(&world.ask(&[]).await);
        world.write("pool-new.pem", "garbage");
        for own in [&[] as &[&str], &["own.pem"]] {
            world.claim(Some(T1), new.clone());
            let outcome = world.ask(own).await;
            assert!(outcome.facts.is_some());
            assert_eq!(outcome.failure.map(|failure| failure.reason), Some(Reason::Malformed), "{own:?}");
        }
        // One that is there is not missing, and the bad file is a remark; so it is for whom the pool told nothing.
        world.write("pool-copy.pem", Sample::leaf(T1).pem());
        for claim in [new.clone(), None] {
            world.claim(Some(T1), claim);
            let outcome = world.ask(&[]).await;
            assert_eq!((told(&outcome), outcome.failure), (new.clone(), None));
            assert!(outcome.facts.unwrap().remarks.iter().any(|remark| remark.starts_with("certificate pool: ")));
        }
        // Taken away on purpose, with every file readable: the older one is the answer.
        for name in ["pool-new.pem", "pool-copy.pem"] {
            std::fs::remove_file(world.folder.path().join(name)).unwrap();
        }
        world.claim(Some(T1), new);
        let outcome = world.ask(&[]).await;
        assert_eq!((topic_of(&outcome), outcome.failure.as_ref()), (Some(T1), None));
    }

    #[tokio::test]
    async fn what_the_pool_told_says_so() {
        let world = World::new(Duration::ZERO);
        world.write("pool-1.pem", Sample::leaf(T1).pem());
        world.claim(Some(T1), None);
        assert!(world.ask(&[]).await.facts.unwrap().origin.starts_with(Files::POOL_ORIGIN));
        // Who asks stays the same when a tenant gets its first own file or loses the last one.
        let claim = || Claim::new(Claimed::default);
        let with_pool =
            |own: Vec<PathBuf>| Files::new(own.into()).with_pool(Arc::clone(&world.pool), claim()).identity();
        assert_eq!(with_pool(vec![]), with_pool(vec!["/own.pem".into()]));
        assert_eq!(with_pool(vec![]), Files::new(Arc::from(["/own.pem".into()])).identity());
        // The same in a file of its own is its own.
        world.write("own.pem", Sample::leaf(T1).pem());
        assert!(!world.ask(&["own.pem"]).await.facts.unwrap().origin.starts_with(Files::POOL_ORIGIN));
    }

    #[tokio::test]
    async fn what_was_read_counts_for_a_while_and_a_hanging_reading_costs_nobody_its_own_files() {
        let world = World::new(Duration::from_secs(3600));
        world.write("pool-1.pem", Sample::leaf(T1).pem());
        world.claim(Some(T1), None);
        assert_eq!(topic_of(&world.ask(&[]).await), Some(T1));
        std::fs::remove_file(world.folder.path().join("pool-1.pem")).unwrap();
        assert_eq!(topic_of(&world.ask(&[]).await), Some(T1), "it is not read anew so soon");

        let world = World::new(Duration::ZERO);
        world.write("pool-1.pem", Sample::leaf(T1).pem());
        world.write("own.pem", Sample::leaf(T2).pem());
        world.claim(Some(T1), None);
        let hangs = Arc::clone(&world.pool.turn).try_acquire_owned().unwrap();
        tokio::time::pause();
        let outcome = world.ask(&["own.pem"]).await;
        tokio::time::resume();
        assert_eq!(topic_of(&outcome), Some(T2));
        let failure = outcome.failure.unwrap();
        assert!(failure.reason == Reason::Timeout && failure.message.contains("still being read"), "{failure}");
        drop(hangs);
        assert_eq!(topic_of(&world.ask(&[]).await), Some(T1));
    }
}
