use std::sync::atomic::AtomicBool;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::*;
use crate::config::Store as StoreConfig;
use crate::model::{Facts, Source};

/// What a fake source does when it is asked.
#[derive(Clone, Copy)]
enum Act {
    Answer,
    Fail(Reason),
    Wish(Reason, u64),
    Panic,
    Hang,
    Take(u64),
}

/// A source that acts as told, the last act again and again, and remembers when it was asked.
struct Fake {
    acts: Vec<Act>,
    host: Option<String>,
    asked: Mutex<Vec<Instant>>,
    inside: AtomicUsize,
    most_inside: AtomicUsize,
}

impl Fake {
    fn new(acts: &[Act]) -> Arc<Self> {
        Self::at(acts, None)
    }

    fn at(acts: &[Act], host: Option<&str>) -> Arc<Self> {
        Arc::new(Self {
            acts: acts.to_vec(),
            host: host.map(ToOwned::to_owned),
            asked: Mutex::default(),
            inside: AtomicUsize::new(0),
            most_inside: AtomicUsize::new(0),
        })
    }

    fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    fn pauses(&self) -> Vec<f64> {
        let asked = self.asked.lock().unwrap();
        asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }
}

impl Poll for Fake {
    fn source(&self) -> Source {
        Source::Api
    }

    fn identity(&self) -> String {
        "fake".to_owned()
    }

    fn host(&self) -> Option<String> {
        self.host.clone()
    }

    fn poll(&self, _now: DateTime<Utc>) -> BoxFuture<'_, Outcome> {
        let index = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(Instant::now());
            asked.len() - 1
        };
        let act = self.acts[index.min(self.acts.len() - 1)];
        Box::pin(async move {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_inside.fetch_max(inside, Ordering::SeqCst);
            let outcome = match act {
                Act::Answer => Outcome::success(Facts::default()),
                Act::Fail(reason) => Outcome::failure(Failure::new(reason, "no")),
                Act::Wish(reason, seconds) => Outcome::failure(Failure {
                    retry_after: Some(Duration::from_secs(seconds)),
                    ..Failure::new(reason, "not now")
                }),
                Act::Panic => panic!("a defect"),
                Act::Hang => std::future::pending().await,
                Act::Take(seconds) => {
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                    Outcome::success(Facts::default())
                }
            };
            self.inside.fetch_sub(1, Ordering::SeqCst);
            outcome
        })
    }
}

const INTERVAL: Duration = Duration::from_secs(300);

fn job(poll: &Arc<Fake>) -> Job {
    Job {
        tenant: TenantName::parse("acme").unwrap(),
        mdm: MdmKind::Intune,
        poll: Arc::clone(poll) as Arc<dyn Poll>,
        interval: INTERVAL,
        timeout: Duration::from_secs(20),
        expectations: Arc::new(Expectations { sources: vec![Source::Api], may_pin: true }),
    }
}

/// Surroundings whose wall clock follows the paused time.
async fn around(limits: Limits) -> Surroundings {
    let begun = Instant::now();
    let clock = Clock::from_fn(move || {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::from_std(begun.elapsed()).unwrap()
    });
    let store = Store::open(&StoreConfig::Memory).await;
    Surroundings { store, clock, counters: Counters::new().unwrap(), limits: Arc::new(limits) }
}

struct Running {
    around: Surroundings,
    round: Arc<FirstRound>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

async fn start(fake: &Arc<Fake>) -> Running {
    let around = around(Limits::new(64, 5)).await;
    let (round, stop) = (Arc::new(FirstRound::new(1)), CancellationToken::new());
    let task = tokio::spawn(run(job(fake), Arc::new(around.clone()), Duration::ZERO, Arc::clone(&round), stop.clone()));
    Running { around, round, stop, task }
}

/// Whether each pause is the wanted one, give or take the jitter.
fn assert_pauses(fake: &Fake, wanted: &[f64]) {
    let pauses = fake.pauses();
    assert!(pauses.len() >= wanted.len(), "{pauses:?}");
    for (pause, wanted) in pauses.iter().zip(wanted) {
        assert!((pause - wanted).abs() <= wanted * JITTER + 0.01, "{pauses:?}, wanted {wanted}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_good_source_is_asked_once_an_interval() {
    let fake = Fake::new(&[Act::Answer]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1510)).await;
    assert_pauses(&fake, &[300.0; 4]);
    assert!(fake.count() <= 6);
    running.stop.cancel();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again_soon_and_then_less() {
    let fake = Fake::new(&[Act::Fail(Reason::Timeout)]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(2000)).await;
    assert_pauses(&fake, &[10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]);
    running.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_waits_for_its_interval() {
    let fake = Fake::new(&[Act::Fail(Reason::Auth), Act::Fail(Reason::Forbidden), Act::Answer]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_pauses(&fake, &[300.0, 300.0]);
    running.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_vendors_wish_is_granted_within_reason() {
    let fake = Fake::new(&[Act::Wish(Reason::RateLimited, 900), Act::Wish(Reason::Http, 1_000_000), Act::Answer]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(9000)).await;
    assert_pauses(&fake, &[900.0, 3600.0]);
    running.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_back_before_a_vendor_wished() {
    let fake = Fake::new(&[Act::Wish(Reason::RateLimited, 600)]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(20_000)).await;
    let pauses = fake.pauses();
    assert!(pauses.len() > 20 && pauses.iter().all(|pause| (600.0..=661.0).contains(pause)), "{pauses:?}");
    running.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_long_sleep_makes_one_poll_and_no_burst() {
    let fake = Fake::new(&[Act::Answer]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.count(), 1);
    tokio::time::advance(Duration::from_secs(8 * 3600)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.count(), 2);
    running.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_defect_is_counted_and_the_loop_goes_on() {
    let fake = Fake::new(&[Act::Panic, Act::Answer]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert_eq!(fake.count(), 2);
    let text = running.around.counters.text().unwrap();
    assert!(text.contains("apns_source_failures_total{mdm=\"intune\",reason=\"panic\",source=\"api\"} 1"), "{text}");
    assert!(text.contains("apns_source_polls_total{mdm=\"intune\",source=\"api\"} 2"), "{text}");
    running.stop.cancel();
    running.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hanging_source_ends_at_its_deadline() {
    let fake = Fake::new(&[Act::Hang, Act::Answer]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(19)).await;
    assert!(!running.round.is_done());
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(running.round.is_done());
    let memory = running.around.store.memory(&TenantName::parse("acme").unwrap()).unwrap();
    assert_eq!(memory.sources[&Source::Api].failure().unwrap().reason, Reason::Timeout);
    running.stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn stopping_drops_a_poll_that_is_under_way() {
    let fake = Fake::new(&[Act::Hang]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = Instant::now();
    running.stop.cancel();
    running.task.await.unwrap();
    assert_eq!(Instant::now(), before);
    assert!(running.round.is_done(), "a stopped source holds up nobody");
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_takes_no_place_from_another() {
    let slow = Fake::at(&[Act::Take(10)], Some("slow.example.com"));
    let quick = Fake::at(&[Act::Answer], Some("quick.example.com"));
    let around = around(Limits::new(4, 2)).await;
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let (job, around) = (job(&slow), around.clone());
            tokio::spawn(async move { poll_now(&job, &around).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = Instant::now();
    poll_now(&job(&quick), &around).await;
    assert_eq!(Instant::now(), before);
    futures::future::join_all(tasks).await;
    assert_eq!(slow.most_inside.load(Ordering::SeqCst), 2);
    assert_eq!(before.elapsed(), Duration::from_secs(39), "the wait for a place is not part of the deadline");
}

#[tokio::test(start_paused = true)]
async fn a_round_ends_with_its_last_first_try() {
    let round = Arc::new(FirstRound::new(2));
    let is_done = Arc::new(AtomicBool::new(false));
    let (waiting, flag) = (Arc::clone(&round), Arc::clone(&is_done));
    let task = tokio::spawn(async move {
        waiting.done().await;
        flag.store(true, Ordering::SeqCst);
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    round.tried();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!is_done.load(Ordering::SeqCst));
    round.tried();
    round.tried();
    task.await.unwrap();
    FirstRound::new(0).done().await;
}

#[test]
fn first_tries_are_spread() {
    assert_eq!(first_delay(0, 3), Duration::ZERO);
    assert_eq!(first_delay(2, 3), Duration::from_millis(100));
    assert!(first_delay(29_999, 30_000) < Duration::from_secs(60));
    assert!(first_delay(29_999, 30_000) > Duration::from_secs(55));
}

#[tokio::test(start_paused = true)]
async fn a_daily_source_is_asked_once_a_day_over_restarts() {
    let fake = Fake::new(&[Act::Answer]);
    let around = around(Limits::new(64, 5)).await;
    let day = Duration::from_secs(24 * 3600);
    let daily = Job { interval: day, ..job(&fake) };
    for _ in 0..3 {
        let (round, stop) = (Arc::new(FirstRound::new(1)), CancellationToken::new());
        let task = tokio::spawn(run(
            daily.clone(),
            Arc::new(around.clone()),
            Duration::ZERO,
            Arc::clone(&round),
            stop.clone(),
        ));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(round.is_done());
        stop.cancel();
        task.await.unwrap();
    }
    assert_eq!(fake.count(), 1);
}

#[tokio::test]
async fn who_waits_has_little_memory() {
    let around = around(Limits::new(1, 1)).await;
    let fake = Fake::new(&[Act::Answer]);
    let run = run(job(&fake), Arc::new(around), Duration::ZERO, Arc::new(FirstRound::new(1)), CancellationToken::new());
    let size = size_of_val(&run);
    assert!(size <= 448, "a fleet of 10,000 tenants has 40,000 of these: {size} bytes");
}
