//! A fleet that is watched for a long time while its vendors fail at random: nothing grows, and at every scrape there is
//! every series and none too many.

mod faults;
mod process;
pub(crate) mod reload;
mod series;

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep_until};

use self::faults::Faults;
pub(crate) use self::process::Trend;
use self::process::Usage;
use crate::fleet::Fleet;
use crate::support::{Daemon, Scrape, eventually, program, send};

/// How long, and how much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) tenants: usize,
    pub(crate) length: Duration,
    /// How often each source is asked.
    pub(crate) interval: Duration,
    pub(crate) seed: u64,
}

/// What was found.
#[derive(Debug, Default)]
#[allow(dead_code, reason = "the suite prints them all at once")]
pub(crate) struct Told {
    pub(crate) scrapes: usize,
    /// In the smallest and in the largest scrape.
    pub(crate) series: (usize, usize),
    /// The middle one, the 99th of a hundred, and the longest.
    pub(crate) scrape_times: (Duration, Duration, Duration),
    /// Of the last answer.
    pub(crate) bytes: usize,
    pub(crate) faults: usize,
    pub(crate) outages: usize,
    /// The most sources that failed at one scrape.
    pub(crate) most_failing: usize,
    /// Polls and failed polls, as the daemon counts them.
    pub(crate) polls: f64,
    pub(crate) failures: f64,
    pub(crate) trend: Trend,
    /// The most memory, in KiB.
    pub(crate) peak: u64,
}

/// Watches a fleet.
///
/// # Panics
///
/// When a series is lost or too many, when something fails that nothing is wrong with, or when something grows.
pub(crate) async fn run(plan: Plan) -> Told {
    let store = tempfile::tempdir().unwrap();
    let seconds = plan.interval.as_secs();
    let head = format!(
        "store: sqlite://{}/state.db\npoll: {{ interval: {seconds}s, timeout: {}s }}\nlimits: {{ per_host: 16 }}",
        store.path().display(),
        (seconds / 6).max(1),
    );
    let mut fleet = Fleet::start(plan.tenants, &head).await.unwrap();
    let mut command = program();
    // As its unit and its image start it: with a heap for each thread, the holes of a busy hour look like a leak.
    command.env("MALLOC_ARENA_MAX", "2");
    command.arg("--config").arg(fleet.config()).args(["serve", "--listen", "127.0.0.1:0"]);
    let daemon = Daemon::start(command).await;
    let wanted = series::Wanted::of(plan.tenants);
    let all = eventually("everything was asked once", Duration::from_secs(300), || async {
        let scrape = daemon.scrape().await;
        (scrape.all("apns_source_up", &[]).iter().all(|sample| sample.value == 1.0)
            && scrape.all("apns_source_last_success_timestamp_seconds", &[]).len() == wanted.sources())
        .then_some(scrape)
    })
    .await;
    let own = series::without_tenant(&all);

    let mut faults = Faults::new(StdRng::seed_from_u64(plan.seed), plan.tenants, plan.interval / 2);
    let (mut told, mut usages, mut times) =
        (Told { series: (usize::MAX, 0), ..Told::default() }, Vec::new(), Vec::new());
    let begun = Instant::now();
    let mut tick = begun;
    while begun.elapsed() < plan.length {
        // A large scrape takes a while to read, and this process is the vendors as well.
        tick = (tick + Duration::from_secs(if plan.tenants > 500 { 3 } else { 1 })).max(Instant::now());
        sleep_until(tick).await;
        faults.turn(&mut fleet).await;
        let (scrape, took) = scrape(&daemon).await;
        // Tokens are asked for every four intervals, and a vendor that wants to be left alone is.
        let failing = wanted.compare(&scrape, |index| faults.excuses(index, plan.interval * 5));
        assert_eq!(series::without_tenant(&scrape), own, "what belongs to no tenant never changes");
        told.scrapes += 1;
        told.series = (told.series.0.min(scrape.samples.len()), told.series.1.max(scrape.samples.len()));
        told.most_failing = told.most_failing.max(failing);
        told.bytes = scrape.text.len();
        usages.push(Usage::of(&daemon, &scrape));
        times.push(took);
        if told.scrapes.is_multiple_of(60) {
            println!("{} s: {:?}, {failing} sources fail, scrape {took:?}", begun.elapsed().as_secs(), usages.last());
        }
    }
    times.sort_unstable();
    told.scrape_times = (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1]);
    told.trend = Trend::of(&usages);
    // It is told by the test, too; whoever watches a long run need not wait for the last vendor.
    println!("{told:?}");
    faults.end(&mut fleet).await;
    let scrape = eventually("everything answers again", plan.interval * 6, || async {
        let scrape = daemon.scrape().await;
        scrape.all("apns_source_up", &[]).iter().all(|sample| sample.value == 1.0).then_some(scrape)
    })
    .await;
    assert_eq!(wanted.compare(&scrape, |_| false), 0);
    let sum = |family: &str| scrape.all(family, &[]).iter().map(|sample| sample.value).sum::<f64>();
    (told.polls, told.failures) = (sum("apns_source_polls_total"), sum("apns_source_failures_total"));
    (told.faults, told.outages) = (faults.begun, faults.outages);
    told.peak = daemon.memory("VmHWM:");
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    daemon.stop().await;
    told
}

async fn scrape(daemon: &Daemon) -> (Scrape, Duration) {
    let begun = Instant::now();
    let answered = send(daemon.address, "GET", "/metrics", "Host: localhost", b"").await;
    let took = begun.elapsed();
    assert_eq!(answered.status, 200, "{}", answered.body);
    (Scrape::parse(&answered.body), took)
}
