//! Every kind of fault for every vendor, all at the same time on one daemon.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::kinds::{KINDS, PAUSE};
use super::place::{Cell, Place, Vendor};
use super::table::{documented, worded, written};
use crate::support::{Daemon, Scrape, now};

/// What is known and must be kept, whatever happens.
const KNOWN: [&str; 6] = [
    "apns_certificate_not_after_timestamp_seconds",
    "apns_certificate_info",
    "apns_source_not_after_timestamp_seconds",
    "apns_topic_pin_info",
    "apns_push_last_checkin_timestamp_seconds",
    "apple_token_not_after_timestamp_seconds",
];

const SUCCESS: &str = "apns_source_last_success_timestamp_seconds";

/// For how long the faults last at least: several intervals, and several of the pauses that vendors ask for.
const SHORTEST: Duration = Duration::from_secs(12);

/// For what the slowest of the sources need, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// In kilobytes. A test build of this many tenants needs about half.
const MOST_MEMORY: u64 = 200 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_every_vendor_is_named_bounded_and_over_when_it_ends() {
    let place = Place::new().await;
    let daemon = place.serve().await;
    let everybody = || place.neighbours.iter().chain(&place.cells);
    let before =
        until(&daemon, "everything is well", |scrape| everybody().flat_map(|cell| ill(scrape, cell)).collect()).await;
    let known: BTreeMap<&str, Vec<String>> =
        everybody().map(|cell| (cell.tenant.as_str(), known(&before, cell))).collect();
    assert!(known.values().all(|lines| !lines.is_empty()), "every tenant has a date: {known:#?}");

    let mut idle = Watch::default();
    for _ in 0..10 {
        idle.look(&daemon, &place).await;
    }

    place.break_all();
    let begun = Instant::now();
    let mut watch = Watch::default();
    let last = loop {
        let scrape = watch.look(&daemon, &place).await;
        let has_shown = |cell: &Cell| watch.has_seen(cell) && (!cell.kind.has_pause() || !gaps(cell).is_empty());
        let is_over = begun.elapsed() >= SHORTEST && place.cells.iter().all(has_shown);
        if is_over || begun.elapsed() > PATIENCE {
            break scrape;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let lasted = begun.elapsed();

    // The report, which is the table of the document.
    let heads: Vec<&str> = ["fault"].into_iter().chain(Vendor::ALL.map(Vendor::as_str)).collect();
    let seen: Vec<(String, Vec<String>)> = KINDS
        .iter()
        .map(|kind| {
            let cells = place.cells.iter().filter(|cell| std::ptr::eq(cell.kind, kind));
            (kind.name.to_owned(), cells.map(|cell| watch.best(cell)).collect())
        })
        .collect();
    println!("{}", written(&heads, &seen));
    println!(
        "{} cells for {lasted:.1?}; {} scrapes, half of them within {:.1?} (before: {:.1?}), the slowest {:.1?}; {} kB at the most",
        place.cells.len(),
        watch.took.len(),
        watch.median(),
        idle.median(),
        watch.slowest(),
        daemon.memory("VmHWM:")
    );
    assert_eq!(written(&heads, &documented("fault")), written(&heads, &seen), "docs/faults.md, and what was seen");

    // Nothing that was known is lost, and its age can be told.
    for cell in &place.cells {
        assert_eq!(self::known(&last, cell), known[cell.tenant.as_str()], "{}", cell.tenant);
        watch.assert_ages(cell, &last);
    }
    // Nobody else is touched.
    for cell in &place.neighbours {
        for source in cell.sources() {
            let [first, last] =
                [&before, &last].map(|scrape| scrape.source(SUCCESS, &cell.tenant, source).expect("it answered"));
            assert!(last > first, "{} {source}: {first} {last}", cell.tenant);
        }
    }
    // A scrape waits for nobody, and memory is bounded.
    let quick = 3 * idle.median() + Duration::from_millis(500);
    assert!(watch.median() < quick, "{:?} while all was well, then {:?}", idle.took, watch.took);
    assert!(watch.slowest() < Duration::from_secs(5), "{:?}", watch.took);
    assert!(daemon.memory("VmHWM:") < MOST_MEMORY, "{} kB", daemon.memory("VmHWM:"));
    // Who asks to be left alone is left alone. On a busy machine an answer may come too late to be heard, and the next
    // poll does not wait for it; `nobody_comes_back_before_a_vendor_wished` is exact.
    for cell in place.cells.iter().filter(|cell| cell.kind.has_pause()) {
        let gaps = gaps(cell);
        let early = gaps.iter().filter(|gap| **gap < Duration::from_secs(PAUSE)).count();
        assert!(2 * early <= gaps.len(), "{} was asked again after {gaps:?}", cell.tenant);
    }

    place.mend_all();
    let mended = seconds();
    let after = until(&daemon, "everything is well again", |scrape| {
        let mut wrong: Vec<String> = everybody().flat_map(|cell| ill(scrape, cell)).collect();
        for cell in everybody() {
            let is_new = |source: &&str| scrape.source(SUCCESS, &cell.tenant, source).is_some_and(|at| at > mended);
            if !cell.sources().iter().all(is_new) {
                wrong.push(format!("{} has no news", cell.tenant));
            } else if self::known(scrape, cell) != known[cell.tenant.as_str()] {
                // A list whose pages came from before and after is right the next time.
                wrong.push(format!("{} knows {:?}", cell.tenant, self::known(scrape, cell)));
            }
        }
        wrong
    })
    .await;
    let failing = after.all("apns_source_failing", &[]);
    assert!(failing.is_empty(), "{failing:?}");
    daemon.stop().await;
}

/// What was seen while the faults lasted.
#[derive(Default)]
struct Watch {
    /// By tenant, how its sources fared, in one scrape after the other.
    words: BTreeMap<String, Vec<String>>,
    /// By tenant, what the document says.
    expected: BTreeMap<String, String>,
    /// Since when a source has failed, by its last success.
    ages: BTreeMap<(String, &'static str), f64>,
    took: Vec<Duration>,
}

impl Watch {
    async fn look(&mut self, daemon: &Daemon, place: &Place) -> Scrape {
        let asked = Instant::now();
        let scrape = daemon.scrape().await;
        self.took.push(asked.elapsed());
        for cell in &place.neighbours {
            assert_eq!(ill(&scrape, cell), [""; 0], "another tenant was touched");
        }
        if self.expected.is_empty() {
            let rows: BTreeMap<String, Vec<String>> = documented("fault").into_iter().collect();
            for (column, vendor) in Vendor::ALL.iter().enumerate() {
                for cell in place.cells.iter().filter(|cell| cell.vendor == *vendor) {
                    let word = rows.get(cell.kind.name).and_then(|cells| cells.get(column)).cloned();
                    self.expected.insert(cell.tenant.clone(), word.unwrap_or_default());
                }
            }
        }
        for cell in &place.cells {
            let words: Vec<(&str, String)> = cell
                .sources()
                .into_iter()
                .map(|source| {
                    let word = reason(&scrape, &cell.tenant, source);
                    if word != "up" {
                        let success = scrape.source(SUCCESS, &cell.tenant, source).expect("a last success");
                        self.ages.entry((cell.tenant.clone(), source)).or_insert(success);
                    }
                    (source, word)
                })
                .collect();
            self.words.entry(cell.tenant.clone()).or_default().push(worded(&words));
        }
        scrape
    }

    /// What was seen of a cell: what is expected if it was seen at all, else what was seen last. A poll that a busy
    /// machine did not end in time is a failure of another kind for a moment.
    fn best(&self, cell: &Cell) -> String {
        let (words, expected) = (&self.words[&cell.tenant], &self.expected[&cell.tenant]);
        if words.contains(expected) { expected.clone() } else { words.last().unwrap().clone() }
    }

    fn has_seen(&self, cell: &Cell) -> bool {
        self.words[&cell.tenant].contains(&self.expected[&cell.tenant])
    }

    /// A source that fails has the last success that it had when that began.
    fn assert_ages(&self, cell: &Cell, last: &Scrape) {
        for source in cell.sources().into_iter().filter(|source| reason(last, &cell.tenant, source) != "up") {
            let success = last.source(SUCCESS, &cell.tenant, source).unwrap();
            assert_eq!(success, self.ages[&(cell.tenant.clone(), source)], "{} {source}", cell.tenant);
            assert!(seconds() - success > 3.0, "{} {source} has no age", cell.tenant);
        }
    }

    fn median(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort();
        took[took.len() / 2]
    }

    fn slowest(&self) -> Duration {
        self.took.iter().copied().max().unwrap_or_default()
    }
}

/// Why a source fails, or `up`.
fn reason(scrape: &Scrape, tenant: &str, source: &str) -> String {
    let labels = [("tenant", tenant), ("source", source)];
    match (scrape.value("apns_source_up", &labels), scrape.all("apns_source_failing", &labels).as_slice()) {
        (Some(1.0), []) => "up".to_owned(),
        (Some(0.0), [failing]) => failing.labels["reason"].clone(),
        (Some(0.0) | None, []) => "not asked yet".to_owned(),
        other => panic!("{tenant} {source}: {other:?}"),
    }
}

/// The sources of a tenant that are not up.
fn ill(scrape: &Scrape, cell: &Cell) -> Vec<String> {
    let words = cell.sources().into_iter().map(|source| (source, reason(scrape, &cell.tenant, source)));
    words.filter(|(_, word)| word != "up").map(|(source, word)| format!("{} {source} {word}", cell.tenant)).collect()
}

fn known(scrape: &Scrape, cell: &Cell) -> Vec<String> {
    let samples = scrape.of_tenant(&cell.tenant).into_iter();
    samples.filter(|sample| KNOWN.contains(&sample.name.as_str())).map(|sample| format!("{sample:?}")).collect()
}

/// How long it took until the same was asked of a door again.
fn gaps(cell: &Cell) -> Vec<Duration> {
    let mut last = BTreeMap::new();
    let visits = cell.door.visits().into_iter();
    visits.filter_map(|visit| last.insert(visit.asked, visit.at).map(|before| visit.at - before)).collect()
}

fn seconds() -> f64 {
    now().timestamp_millis() as f64 / 1000.0
}

/// Scrapes until nothing is wrong; `wrong` names what is.
async fn until(daemon: &Daemon, what: &str, wrong: impl Fn(&Scrape) -> Vec<String>) -> Scrape {
    let end = Instant::now() + PATIENCE;
    loop {
        let scrape = daemon.scrape().await;
        let wrong = wrong(&scrape);
        if wrong.is_empty() {
            return scrape;
        }
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}, but {wrong:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
