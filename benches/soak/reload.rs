//! The configuration read again, many times, under load: tenants come, go and change while all are polled and scraped.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use apnswatch::demo::intune::Seen;
use apnswatch::demo::world;
use tokio::time::{Instant, sleep};

use super::process::{Trend, Usage};
use crate::support::{Daemon, SOON, Scrape, Site, answer, eventually, request, send};

/// From poll to poll.
const INTERVAL: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Debug)]
#[allow(dead_code, reason = "the suite prints them all at once")]
pub(crate) struct Told {
    pub(crate) reloads: usize,
    pub(crate) scrapes: usize,
    pub(crate) took: Duration,
    pub(crate) trend: Trend,
    /// Requests of each tenant while nothing changed any more, the fewest and the most.
    pub(crate) requests: (usize, usize),
    pub(crate) window: Duration,
}

/// Reads the configuration again so many times.
///
/// # Panics
///
/// When a series is lost or left over, when a tenant is not polled or polled twice as often, or when something grows.
pub(crate) async fn run(reloads: usize, tenants: usize) -> Told {
    let site = Site::new().await;
    let name = |index: usize| format!("tenant-{index}");
    let all: Vec<String> = (0..tenants).map(|index| site.intune(&name(index), answer(&name(index), 200), "")).collect();
    let head = "web: { reload: true }\npoll: { interval: 2s, timeout: 1500ms }\nlimits: { polls: 64, per_host: 64 }";
    site.configure(head, &all);
    let daemon = Arc::new(site.serve().await);
    let before = daemon.until("all agree", |scrape| scrape.all("apns_topic_drift", &[]).len() == tenants).await;
    let (done, scrapes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let scraper = tokio::spawn(scrape_on(Arc::clone(&daemon), Arc::clone(&done), Arc::clone(&scrapes)));

    // The first half stays as it is, the third quarter changes, the last quarter comes and goes.
    let (half, rest) = (tenants / 2, tenants * 3 / 4);
    let begun = Instant::now();
    let mut usages = Vec::new();
    for turn in 0..reloads {
        let mut now = all.clone();
        for (index, tenant) in now.iter_mut().enumerate().take(rest).skip(half) {
            if index % 3 == turn % 3 {
                tenant.push_str(&format!("    poll: {{ timeout: {}ms }}\n", 1000 + turn % 400));
            }
        }
        let (gone, retired) = (turn % (tenants - rest), turn % 2 == 0);
        if retired {
            now[rest + gone].push_str("    retired: true\n");
        } else {
            now.drain(rest..=rest + gone);
        }
        let wanted: BTreeSet<String> = (0..tenants)
            .filter(|index| if retired { *index != rest + gone } else { !(rest..=rest + gone).contains(index) })
            .map(name)
            .collect();
        site.configure(head, &now);
        let answered = request(daemon.address, "POST", "/-/reload", "localhost").await;
        assert_eq!(answered.status, 200, "reload {turn}: {}", answered.body);
        let scrape = daemon.scrape().await;
        for family in ["apns_tenant_info", "apns_source_up", "apns_certificate_not_after_timestamp_seconds"] {
            assert_eq!(named(&scrape, family), wanted, "reload {turn}: {family}");
        }
        // Nobody whose configuration stayed misses a poll: agreement is withdrawn after three intervals.
        for index in 0..half {
            assert_eq!(scrape.drift(&name(index)), Some(0.0), "reload {turn}: {} was not polled", name(index));
        }
        usages.push(Usage::of(&daemon, &scrape));
        if turn % 100 == 99 {
            println!("{} reloads in {:?}: {:?}", turn + 1, begun.elapsed(), usages.last());
        }
    }
    let took = begun.elapsed();
    done.store(true, Ordering::Relaxed);
    scraper.await.unwrap();

    // As it was: every series, and no other.
    site.configure(head, &all);
    assert_eq!(request(daemon.address, "POST", "/-/reload", "localhost").await.status, 200);
    let series = |scrape: &Scrape| -> BTreeSet<String> {
        scrape.samples.iter().map(|sample| format!("{} {:?}", sample.name, sample.labels)).collect()
    };
    let wanted = series(&before);
    eventually("every series, and no other", SOON, || async {
        (series(&daemon.scrape().await) == wanted).then_some(())
    })
    .await;

    // Everybody is polled by one poller: what is asked for in a while fits the interval.
    let window = INTERVAL * 5;
    let total = || site.microsoft.traffic().requests.load(Ordering::Relaxed);
    let at_first = total();
    sleep(window).await;
    // The simulator remembers the last few thousand requests; these are fewer.
    let last = usize::try_from(total() - at_first).unwrap();
    let seen: Vec<Seen> = site.microsoft.requests().into_iter().rev().take(last).collect();
    let is_read = |seen: &Seen, index: usize| {
        seen.method == "GET" && seen.directory.as_deref() == Some(world::directory(&name(index)).as_str())
    };
    let counts: Vec<usize> =
        (0..tenants).map(|index| seen.iter().filter(|seen| is_read(seen, index)).count()).collect();
    let (fewest, most) = (counts.iter().min().copied().unwrap(), counts.iter().max().copied().unwrap());
    // An interval is up to a tenth shorter; one poll may fall on either edge.
    let bound = window.as_millis() / (INTERVAL.as_millis() * 9 / 10) + 1;
    assert!(most as u128 <= bound, "a tenant was polled {most} times in {window:?}");
    assert!(fewest >= 2, "a tenant was polled {fewest} times in {window:?}");
    assert!(!daemon.log().contains("panicked"), "{}", daemon.log());
    let trend = Trend::of(&usages);
    assert_eq!(trend.faults(), Vec::<String>::new());
    Arc::into_inner(daemon).unwrap().stop().await;
    Told { reloads, scrapes: scrapes.load(Ordering::Relaxed), took, trend, requests: (fewest, most), window }
}

fn named(scrape: &Scrape, family: &str) -> BTreeSet<String> {
    scrape.all(family, &[]).into_iter().map(|sample| sample.labels["tenant"].clone()).collect()
}

/// Scrapes all the time: every answer is whole, and no series is there twice.
async fn scrape_on(daemon: Arc<Daemon>, done: Arc<AtomicBool>, scrapes: Arc<AtomicUsize>) {
    while !done.load(Ordering::Relaxed) {
        let answered = send(daemon.address, "GET", "/metrics", "Host: localhost", b"").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        Scrape::parse(&answered.body);
        scrapes.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(20)).await;
    }
}
