//! The real daemon, killed again and again while people, vendors and a Prometheus are at it.
//!
//! What counts as acknowledged: a command that ended with 0, a form that was answered with 303, and of what the daemon
//! learns by itself what a scrape showed and a later one, answered in time, did not wait for. After each kill the store is
//! read as it lies there, and after each start the daemon has to show it.

mod ledger;
mod writers;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use apnswatch::store::peek;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::time::sleep;

use self::ledger::Fate;
use self::writers::{BLIND, CONFIRMED, HANDED, RENEWED, STRAYING, Scene, TURNED, shown};
use crate::support::{Daemon, SOON, Scrape, Site, answer, eventually, send, tenant, topic};

/// Everything that is counted.
#[derive(Debug)]
#[allow(dead_code, reason = "the suite prints them all at once")]
pub(crate) struct Told {
    pub(crate) kills: usize,
    /// Before the daemon listened.
    pub(crate) at_the_start: usize,
    /// In a store that had never been opened before.
    pub(crate) first_starts: usize,
    pub(crate) commands_killed: usize,
    pub(crate) acknowledged: usize,
    pub(crate) on_page: usize,
    pub(crate) open: usize,
    pub(crate) refused: usize,
    pub(crate) learnt: usize,
}

/// Kills the daemon so many times. The seed decides who does what when, as far as the machine keeps time.
///
/// # Panics
///
/// When something that was acknowledged is missing, or anything is there twice.
pub(crate) async fn run(kills: usize, seed: u64) -> Told {
    let site = Site::new().await;
    configure(&site);
    let scene = Arc::new(Scene::new(site));
    let mut rng = StdRng::seed_from_u64(seed);
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..2 {
        let (other, own) = (Arc::clone(&scene), StdRng::seed_from_u64(seed ^ (10 + index)));
        tasks.spawn(async move { other.commands(own).await });
        let (other, own) = (Arc::clone(&scene), StdRng::seed_from_u64(seed ^ (20 + index)));
        tasks.spawn(async move { other.forms(own).await });
    }
    let (other, own) = (Arc::clone(&scene), StdRng::seed_from_u64(seed ^ 30));
    tasks.spawn(async move { other.vendor(own).await });
    let other = Arc::clone(&scene);
    tasks.spawn(async move { other.scrapes().await });

    let (mut at_the_start, mut first_starts) = (0, 0);
    for kill in 0..kills {
        if kill % 10 == 9 {
            first_start(&mut rng).await;
            first_starts += 1;
            continue;
        }
        let mut command = scene.site.command();
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        let mut daemon = Daemon::begin(command);
        if rng.random_bool(0.25) {
            at_the_start += 1;
            sleep(Duration::from_micros(rng.random_range(0..150_000))).await;
        } else {
            daemon.listens().await;
            shows_what_is_kept(&scene, &daemon).await;
            scene.address.send_replace(Some(daemon.address));
            sleep(Duration::from_micros(rng.random_range(0..1_200_000))).await;
        }
        daemon.kill().await;
        scene.address.send_replace(None);
        let words = scene.ledger.so_far();
        let contents = peek(&apnswatch::config::Store::Sqlite(scene.site.path("state.db"))).await;
        let contents = contents.unwrap_or_else(|error| panic!("kill {kill}, seed {seed}: {error}"));
        let faults = scene.ledger.compare(&words, &contents);
        assert!(faults.is_empty(), "kill {kill}, seed {seed}:\n{}", faults.join("\n"));
        // Somebody who looks at the machine sees the end of a long run come nearer.
        if kill % 50 == 48 {
            println!("{} kills: {} words acknowledged", kill + 1, scene.ledger.count(Fate::Acknowledged));
        }
        // A task that found a fault.
        while let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
        }
    }
    scene.done.send_replace(true);
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    let daemon = scene.site.serve().await;
    shows_what_is_kept(&scene, &daemon).await;
    daemon.stop().await;
    let ledger = &scene.ledger;
    let faults = ledger.compare(
        &ledger.so_far(),
        &peek(&apnswatch::config::Store::Sqlite(scene.site.path("state.db"))).await.unwrap(),
    );
    assert!(faults.is_empty(), "at the end, seed {seed}:\n{}", faults.join("\n"));
    Told {
        kills,
        at_the_start,
        first_starts,
        commands_killed: scene.commands_killed.load(Ordering::Relaxed),
        acknowledged: ledger.count(Fate::Acknowledged),
        on_page: scene.on_page.load(Ordering::Relaxed),
        open: ledger.count(Fate::Open),
        refused: ledger.count(Fate::Refused),
        learnt: ledger.learnt(),
    }
}

fn configure(site: &Site) {
    let hash = bcrypt::hash("s3cret", 4).unwrap();
    site.write("web.yml", format!("basic_auth_users: {{ kim: {hash} }}\n"));
    let mut tenants: Vec<String> = RENEWED.iter().map(|name| site.intune(name, answer(name, 20), "")).collect();
    tenants.extend(STRAYING.iter().map(|name| site.intune(name, answer(name, 200), "")));
    tenants.extend([CONFIRMED, TURNED].map(|name| site.intune(name, answer(name, 200), "")));
    let expected = format!("    certificate: {{ expected_topic: {} }}\n", topic("another"));
    tenants.push(site.intune("drifting", answer("drifting", 200), &expected));
    tenants.extend([BLIND, HANDED].map(|name| tenant(name, "    mdm: { kind: none }\n")));
    site.configure(
        "web: { config_file: web.yml, actions: true }\n\
         poll: { interval: 1s, timeout: 900ms }\n\
         limits: { polls: 64, per_host: 64 }\n\
         accounts: [{ id: shared, address: it@example.com, duties: { sign_in: { every: 90d } } }]",
        &tenants,
    );
}

async fn scrape(daemon: &Daemon) -> Scrape {
    let headers = format!("Host: localhost\r\nAuthorization: Basic {}", STANDARD.encode("kim:s3cret"));
    let answered = send(daemon.address, "GET", "/metrics", &headers, b"").await;
    assert_eq!(answered.status, 200, "{}", answered.body);
    Scrape::parse(&answered.body)
}

/// A daemon that has just started uses its store and shows what is in it: every pin and every drift.
async fn shows_what_is_kept(scene: &Scene, daemon: &Daemon) {
    // What commands write meanwhile may be in the one and not in the other.
    eventually("the daemon shows what is kept", SOON, || async {
        let before = scrape(daemon).await;
        assert_eq!(before.one("apnswatch_store_up", &[]), 1.0, "{}", daemon.log());
        let contents = peek(&apnswatch::config::Store::Sqlite(scene.site.path("state.db"))).await.unwrap();
        let kept: BTreeSet<String> = contents
            .tenants
            .iter()
            .filter_map(|(name, memory)| Some(format!("{name} {}", memory.pin.as_ref()?.topic)))
            .collect();
        let drifts = contents.tenants.iter().filter(|(_, memory)| memory.sources.values().any(|s| s.drift.is_some()));
        let mut drifting = drifts.map(|(name, _)| name.to_string()).filter(|name| name != TURNED);
        let shown = shown(&scrape(daemon).await);
        let pins = shown.pins.iter().map(|(name, topic)| format!("{name} {topic}")).collect::<BTreeSet<_>>();
        (pins.is_superset(&kept) && drifting.all(|name| shown.drifts.contains(&name))).then_some(())
    })
    .await;
}

/// A daemon that was never started before is killed while it makes its store, perhaps with a command beside it; the next
/// one has to open what is there.
async fn first_start(rng: &mut StdRng) {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 200), "")]);
    let topic = topic("acme");
    let confirm = ["pin", "confirm", "--tenant", "acme", "--topic", &topic];
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let mut command = site.command();
    command.args(serve);
    let mut beside = site.command();
    beside.args(confirm);
    let daemon = Daemon::begin(command);
    let beside = rng.random_bool(0.5).then(|| Daemon::begin(beside));
    sleep(Duration::from_micros(rng.random_range(0..80_000))).await;
    daemon.kill().await;
    if let Some(beside) = beside {
        beside.kill().await;
    }
    // Both at once again: neither may be in the way of the other.
    let (daemon, said) = tokio::join!(site.serve(), site.run(&confirm));
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    assert_eq!(daemon.scrape().await.one("apnswatch_store_up", &[]), 1.0, "{}", daemon.log());
    let origin = [("origin", "confirmed")];
    eventually(&format!("the pin is confirmed, and what was said was:\n{}", said.stdout), SOON, || async {
        (!daemon.scrape().await.all("apns_topic_pin_info", &origin).is_empty()).then_some(())
    })
    .await;
    daemon.kill().await;
}
