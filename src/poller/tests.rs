use std::sync::atomic::AtomicBool;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::BoxFuture;

use super::*;
use crate::config::Store as StoreConfig;
use crate::model::{Facts, Source};

/// A host of which the place for a poll cannot even be asked for.
const DEFECT: &str = "defect.example.com";

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
        assert_ne!(self.host.as_deref(), Some(DEFECT));
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
    schedule: Schedule,
    key: Key,
}

async fn start(fake: &Arc<Fake>) -> Running {
    let around = around(Limits::new(64, 5)).await;
    let (schedule, round) = (Schedule::new(Arc::new(around.clone())), Arc::new(FirstRound::new(1)));
    let key = schedule.start(job(fake), Duration::ZERO, Arc::clone(&round));
    Running { around, round, schedule, key }
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
    assert!(running.schedule.stop(running.key).is_none(), "it waits");
    let before = fake.count();
    tokio::time::sleep(Duration::from_secs(1510)).await;
    assert_eq!(fake.count(), before);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again_soon_and_then_less() {
    let fake = Fake::new(&[Act::Fail(Reason::Timeout)]);
    let _running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(2000)).await;
    assert_pauses(&fake, &[10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_waits_for_its_interval() {
    let fake = Fake::new(&[Act::Fail(Reason::Auth), Act::Fail(Reason::Forbidden), Act::Answer]);
    let _running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert_pauses(&fake, &[300.0, 300.0]);
}

#[tokio::test(start_paused = true)]
async fn a_vendors_wish_is_granted_within_reason() {
    let fake = Fake::new(&[Act::Wish(Reason::RateLimited, 900), Act::Wish(Reason::Http, 1_000_000), Act::Answer]);
    let _running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(9000)).await;
    assert_pauses(&fake, &[900.0, 3600.0]);
}

#[tokio::test(start_paused = true)]
async fn nobody_comes_back_before_a_vendor_wished() {
    let fake = Fake::new(&[Act::Wish(Reason::RateLimited, 600)]);
    let _running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(20_000)).await;
    let pauses = fake.pauses();
    assert!(pauses.len() > 20 && pauses.iter().all(|pause| (600.0..=661.0).contains(pause)), "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_sleep_makes_one_poll_and_no_burst() {
    let fake = Fake::new(&[Act::Answer]);
    let _running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.count(), 1);
    tokio::time::advance(Duration::from_secs(8 * 3600)).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fake.count(), 2);
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
}

#[tokio::test(start_paused = true)]
async fn a_defect_around_a_poll_does_not_end_the_loop_either() {
    let around = around(Limits::new(64, 5)).await;
    let schedule = Schedule::new(Arc::new(around));
    let (fake, round) = (Fake::at(&[Act::Answer], Some(DEFECT)), Arc::new(FirstRound::new(1)));
    let key = schedule.start(job(&fake), Duration::ZERO, Arc::clone(&round));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(round.is_done());
    assert!(schedule.stop(key).is_none(), "it waits for the next time");
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
}

#[tokio::test(start_paused = true)]
async fn stopping_drops_a_poll_that_is_under_way() {
    let fake = Fake::new(&[Act::Hang]);
    let running = start(&fake).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = Instant::now();
    let task = running.schedule.stop(running.key).unwrap();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(Instant::now(), before);
    assert!(running.round.is_done(), "a stopped source holds up nobody");
    assert_eq!(Arc::strong_count(&fake), 1, "and nothing of it is kept");
    tokio::time::sleep(2 * INTERVAL).await;
    assert_eq!(fake.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_schedule_is_the_end_of_its_polls() {
    for is_dropped in [false, true] {
        let (hanging, waiting) = (Fake::new(&[Act::Hang]), Fake::new(&[Act::Answer]));
        let running = start(&hanging).await;
        let round = Arc::new(FirstRound::new(1));
        running.schedule.start(job(&waiting), INTERVAL, Arc::clone(&round));
        tokio::time::sleep(Duration::from_secs(1)).await;
        if is_dropped {
            drop(running.schedule);
            tokio::task::yield_now().await;
        } else {
            running.schedule.end().await;
        }
        assert!(running.round.is_done() && round.is_done());
        assert_eq!((Arc::strong_count(&hanging), Arc::strong_count(&waiting)), (1, 1));
        tokio::time::sleep(2 * INTERVAL).await;
        assert_eq!((hanging.count(), waiting.count()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn each_source_has_its_own_time_and_its_own_trouble() {
    let fakes = [Fake::new(&[Act::Panic]), Fake::new(&[Act::Hang]), Fake::new(&[Act::Answer])];
    let around = Arc::new(around(Limits::new(64, 5)).await);
    let schedule = Schedule::new(around);
    let round = Arc::new(FirstRound::new(3));
    // The last one to come is the first to be due.
    let keys = [20, 10, 0].map(Duration::from_secs);
    let keys: Vec<Key> =
        fakes.iter().zip(keys).map(|(fake, delay)| schedule.start(job(fake), delay, Arc::clone(&round))).collect();
    let counts = || fakes.iter().map(|fake| fake.count()).collect::<Vec<_>>();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(counts(), [0, 0, 1]);
    tokio::time::sleep(Duration::from_secs(17)).await;
    assert_eq!(counts(), [1, 1, 1]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(counts()[0] > 4 && counts()[1] > 4 && (2..=3).contains(&counts()[2]), "{:?}", counts());
    assert!(round.is_done());
    // A place that was left is another source's then.
    let late = Fake::new(&[Act::Answer]);
    drop(schedule.stop(keys[1]));
    schedule.start(job(&late), Duration::ZERO, Arc::new(FirstRound::new(1)));
    let before = counts();
    tokio::time::sleep(Duration::from_secs(1000)).await;
    assert!((3..=5).contains(&late.count()), "{}", late.count());
    assert_eq!(counts()[1], before[1]);
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
        let (schedule, round) = (Schedule::new(Arc::new(around.clone())), Arc::new(FirstRound::new(1)));
        schedule.start(daily.clone(), Duration::ZERO, Arc::clone(&round));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(round.is_done());
        schedule.end().await;
    }
    assert_eq!(fake.count(), 1);
    // A success that a clock which was ahead dated is none.
    let now = around.clock.clone();
    let behind = Surroundings { clock: Clock::from_fn(move || now.now() - TimeDelta::days(400)), ..around };
    let (schedule, round) = (Schedule::new(Arc::new(behind)), Arc::new(FirstRound::new(1)));
    schedule.start(daily, Duration::ZERO, round);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.count(), 2);
    schedule.end().await;
}
