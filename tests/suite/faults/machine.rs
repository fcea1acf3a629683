//! What goes wrong with the machine itself. Once, and not for each vendor: none of it depends on whom one asks.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use apnswatch::app::{self, Options};
use apnswatch::clock::Clock;
use apnswatch::demo::kandji::{Integration, Tenant};
use apnswatch::demo::{intune, jamf};
use chrono::{DateTime, TimeDelta};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::table::documented;
use crate::cells::site::{Vendors, beating, days, server};
use crate::support::{
    Daemon, SOON, Scrape, Site, answer, ended, eventually, now, program, project, request, told, topic,
};

const END: &str = "apns_certificate_not_after_timestamp_seconds";
const SUCCESS: &str = "apns_source_last_success_timestamp_seconds";
const STORE_UP: &str = "apnswatch_store_up";

/// The daemon, after a line of shell that prepares its surroundings, in a mount namespace of its own.
async fn serve(site: &Site, prepare: &str) -> Daemon {
    let mut command = program_in(&format!("{prepare} && exec \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_apnswatch")).arg("--config").arg(site.path("apnswatch.yaml"));
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    Daemon::start(command).await
}

fn program_in(script: &str) -> tokio::process::Command {
    let plain = program();
    let mut command = tokio::process::Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.env_clear().envs(plain.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    command
}

/// A site with one tenant, whose store is in a folder of its own.
async fn site_with_disk() -> Site {
    let site = Site::new().await;
    std::fs::create_dir(site.path("disk")).unwrap();
    site.configure("", &[site.intune("acme", answer("acme", 290), "")]);
    let yaml = std::fs::read_to_string(site.path("apnswatch.yaml")).unwrap();
    site.write("apnswatch.yaml", yaml.replace("/state.db", "/disk/state.db"));
    site
}

/// A file as the daemon sees it.
fn seen_by(daemon: &Daemon, path: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", daemon.pid(), path.display()))
}

fn is_well(scrape: &Scrape, tenant: &str) -> bool {
    scrape.up(tenant) == Some(1.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_no_poll_and_is_caught_up_with() {
    let site = site_with_disk().await;
    let disk = site.path("disk");
    let daemon = serve(&site, &format!("mount -t tmpfs -o size=2m disk '{}'", disk.display())).await;
    daemon.until("a date in the store", |scrape| is_well(scrape, "acme") && scrape.one(STORE_UP, &[]) == 1.0).await;
    let ballast = seen_by(&daemon, &disk.join("ballast"));
    // To the last byte: the file is as long as it could become.
    std::fs::write(&ballast, vec![0; 4 * 1024 * 1024]).unwrap_err();

    let mut serial = 0x0C0F_FEE0;
    let mut renew = || {
        serial += 1;
        let renewed = intune::Certificate { serial: format!("{serial:08X}"), ..told("acme", 364) };
        site.set("acme", intune::Answer::Certificate(renewed.clone()));
        renewed
    };
    eventually("it cannot be written, and the page says so", SOON, || {
        renew();
        let daemon = &daemon;
        async move {
            let scrape = daemon.scrape().await;
            let page = daemon.get("/").await.body;
            (scrape.one(STORE_UP, &[]) == 0.0 && page.contains("The store cannot be")).then_some(())
        }
    })
    .await;
    let last = renew();
    let end = last.not_after.unwrap().timestamp() as f64;
    let is_told = |scrape: &Scrape| {
        let info = scrape.all("apns_certificate_info", &[("serial", &last.serial)]);
        is_well(scrape, "acme") && scrape.value(END, &[]) == Some(end) && info.len() == 1
    };
    daemon.until("what is new is told all the same", is_told).await;

    std::fs::remove_file(&ballast).unwrap();
    daemon.until("it can be written again", |scrape| scrape.one(STORE_UP, &[]) == 1.0).await;
    // By another connection, for what is in no transaction that ended is nowhere after the next kill.
    let kept = "SELECT count(*) FROM source_memory WHERE memory LIKE '%' || '";
    let query = format!("{kept}{}' || '%'", last.serial);
    eventually("what was learnt meanwhile is on the disk", SOON, || async {
        let mut command = tokio::process::Command::new("nsenter");
        command.args(["--mount", "--target", &daemon.pid().to_string(), "sqlite3"]);
        command.arg(disk.join("state.db")).arg(&query);
        (ended(command).await.stdout.trim() == "1").then_some(())
    })
    .await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_read_only_is_told_and_left_as_it_is() {
    let site = site_with_disk().await;
    let disk = site.path("disk");
    let daemon = serve(&site, "true").await;
    let scrape = daemon.until("a pin", |scrape| !scrape.all("apns_topic_pin_info", &[]).is_empty()).await;
    assert_eq!(scrape.one(STORE_UP, &[]), 1.0);
    daemon.stop().await;
    let files = || -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(&disk).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let before = files();

    site.set("acme", answer("another", 364));
    let prepare = format!("mount --bind '{0}' '{0}' && mount -o remount,bind,ro '{0}'", disk.display());
    let daemon = serve(&site, &prepare).await;
    let scrape = daemon.until("it works from memory", |scrape| is_well(scrape, "acme")).await;
    assert_eq!(scrape.one(STORE_UP, &[]), 0.0);
    assert!(scrape.all("apns_topic_pin_info", &[]).is_empty(), "nothing is pinned by somebody who is blind");
    assert!(daemon.log().contains("state.db"), "{}", daemon.log());
    daemon.stop().await;
    assert!(files() == before, "the store was written");

    let daemon = serve(&site, "true").await;
    let scrape = daemon.scrape().await;
    assert_eq!(scrape.one(STORE_UP, &[]), 1.0);
    let pins = scrape.all("apns_topic_pin_info", &[]);
    assert_eq!((pins.len(), &pins[0].labels["topic"]), (1, &topic("acme")), "it is there for the next start");
    daemon.until("the other topic is drift", |scrape| scrape.drift("acme") == Some(1.0)).await;
}

/// Root may read everything; services may not, and so the daemon runs without that privilege.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_may_not_be_read_any_more_costs_its_tenant_and_nobody_else() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let jamf = server().with(jamf::Resource::Notifications, jamf::Answer::notice("PUSH_CERT_WILL_EXPIRE", Some(12)));
    let kandji = Tenant { integrations: vec![Integration::new("e1", "main", days(200))], ..Tenant::default() };
    let own = site.write("own", crate::support::SECRET);
    let other = site.intune("other", answer("other", 290), "");
    let tenants = [
        site.intune("intune", answer("intune", 290), ""),
        vendors.jamf("jamf", jamf, "", ""),
        vendors.kandji("kandji", kandji, ", push: false", ""),
        vendors.mosyle("mosyle", beating(20, 0), ", push: true", ""),
        other.replacen(" }\n", &format!(", client_secret_file: {} }}\n", own.display()), 1),
    ];
    site.configure("", &tenants);
    let daemon = serve(site, "exec setpriv --bounding-set=-dac_override,-dac_read_search \"$@\"").await;
    let sources = [("intune", "api"), ("jamf", "api"), ("kandji", "tokens"), ("mosyle", "push")];
    let all_up = |scrape: &Scrape| {
        let up = |tenant, source| scrape.source("apns_source_up", tenant, source) == Some(1.0);
        sources.iter().all(|(tenant, source)| up(tenant, source)) && is_well(scrape, "other")
    };
    let before = daemon.until("everybody is up", all_up).await;
    let dates = |scrape: &Scrape| -> Vec<String> {
        let names = [END, "apple_token_not_after", "apns_push_last_checkin"];
        let lines = scrape.text.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        lines.map(ToOwned::to_owned).collect()
    };
    assert!(dates(&before).len() >= 4, "{:?}", dates(&before));

    let secrets = ["secret", "kandji.token", "mosyle.access"];
    let allow = |mode: u32| {
        for name in secrets {
            std::fs::set_permissions(site.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    allow(0o000);
    let scrape = daemon
        .until("every one says so", |scrape| {
            sources.iter().all(|(tenant, source)| {
                scrape.value("apns_source_failing", &[("tenant", tenant), ("source", source), ("reason", "io")])
                    == Some(1.0)
            })
        })
        .await;
    assert_eq!((dates(&scrape), scrape.up("other")), (dates(&before), Some(1.0)));
    for name in secrets {
        assert!(daemon.log().contains(&format!("{}: Permission denied", site.path(name).display())), "{name}");
    }
    allow(0o600);
    let after = daemon.until("everybody is up again", all_up).await;
    assert_eq!(dates(&after), dates(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_descriptors_are_survived_and_over_when_there_are_enough() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 290), ""), site.intune("north", answer("north", 290), "")]);
    let daemon = serve(&site, "ulimit -n 64").await;
    let is_good = |scrape: &Scrape| is_well(scrape, "acme") && is_well(scrape, "north");
    let before = daemon.until("both are up", is_good).await;

    // Clients that connect and say nothing, more than there are descriptors.
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(TcpStream::connect(daemon.address).await.unwrap());
    }
    eventually("none is left", SOON, || async { (daemon.descriptors() >= 62).then_some(()) }).await;
    let failed = "could not be accepted";
    eventually("it says so", SOON, || async { daemon.log().contains(failed).then_some(()) }).await;
    let told = daemon.log().matches(failed).count();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let told = daemon.log().matches(failed).count() - told;
    assert_eq!(told, 0, "said once is enough for a while");
    drop(clients);

    let news = |scrape: &Scrape, tenant: &str| scrape.source(SUCCESS, tenant, "api");
    let after = daemon
        .until("both are up again, with news", |scrape| {
            is_good(scrape) && ["acme", "north"].iter().all(|name| news(scrape, name) > news(&before, name))
        })
        .await;
    assert_eq!(after.all(END, &[]).len(), 2);
    assert_eq!(after.one(STORE_UP, &[]), 1.0);
    assert!(daemon.descriptors() < 40, "{}", daemon.descriptors());
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_stopped_goes_on_without_a_burst() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 290), "")]);
    let daemon = site.serve().await;
    let before = daemon.until("a date", |scrape| is_well(scrape, "acme")).await;
    daemon.signal("STOP").await;
    // What was under way ends there; then for a while, which is several intervals and several deadlines.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asleep = site.reads("acme");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(site.reads("acme"), asleep, "it is asleep");
    daemon.signal("CONT").await;
    let awake = tokio::time::Instant::now();
    let after = daemon
        .until("it has news", |scrape| {
            is_well(scrape, "acme")
                && scrape.source(SUCCESS, "acme", "api") > before.source(SUCCESS, "acme", "api").map(|at| at + 6.0)
        })
        .await;
    assert_eq!(after.value(END, &[]), before.value(END, &[]));
    let reads = (site.reads("acme") - asleep) as f64;
    let most = awake.elapsed().as_secs_f64() / 0.9 + 2.0;
    assert!(reads <= most, "missed polls are not made up: {reads} reads, {most} at the most");
    assert_eq!(after.one(STORE_UP, &[]), 1.0);
    daemon.stop().await;
}

/// In this process, for nobody turns the machine's clock. By days, and never out of what a clock may say.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_forward_and_back_stops_no_poll() {
    let site = Site::new().await;
    let config = site.configure("", &[site.intune("acme", answer("acme", 200), "")]);
    let hands = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&hands);
    let clock = Clock::from_fn(move || now() + TimeDelta::days(clock.load(Ordering::Relaxed)));
    let listen = Some("127.0.0.1:0".parse().unwrap());
    let options = Options { config, environment: BTreeMap::new(), listen, spread: false, clock };
    let daemon = app::Daemon::bind(options).await.unwrap();
    let address = daemon.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let (_hang_up, hang_ups) = mpsc::channel(1);
    let running = tokio::spawn(daemon.run(async { _ = stopped.await }, hang_ups));
    let scrape = || async { Scrape::parse(&request(address, "GET", "/metrics", "localhost").await.body) };
    let end = eventually("a date", SOON, || async { scrape().await.value(END, &[]) }).await;

    for (step, phase) in [(30, "plan"), (10, "ok"), (40, "plan"), (0, "ok")] {
        hands.store(step, Ordering::Relaxed);
        let reads = site.reads("acme");
        site.reads_reach("acme", reads + 3).await;
        let told = scrape().await;
        assert_eq!((told.up("acme"), told.drift("acme")), (Some(1.0), Some(0.0)), "{step}");
        assert_eq!((told.value(END, &[]), told.one("apnswatch_clock_plausible", &[])), (Some(end), 1.0), "{step}");
        assert_eq!(told.value("apns_certificate_phase", &[("phase", phase)]), Some(1.0), "{step}");
        let success = told.source(SUCCESS, "acme", "api").unwrap();
        let there = DateTime::from_timestamp_millis((1000.0 * success) as i64).unwrap() - TimeDelta::days(step);
        assert!((now() - there).abs() < TimeDelta::seconds(5), "{step}: the last success is by the new clock: {there}");
    }
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}

/// Every row of the table of the machine names a test that is there.
#[test]
fn every_fault_of_the_machine_has_its_test() {
    let rows = documented("machine");
    let names: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "full disk",
        "store read-only at the start",
        "store damaged at the start",
        "secret not readable any more",
        "clock steps forward and back",
        "clock that cannot be right",
        "no descriptors left",
        "SIGSTOP for a while",
        "SIGKILL at any moment",
    ];
    assert_eq!(names, wanted);
    let mut code = String::new();
    for file in ["faults/machine.rs", "daemon/damaged.rs", "daemon/clock.rs", "crash.rs"] {
        code.push_str(&std::fs::read_to_string(project("tests/suite").join(file)).unwrap());
    }
    for (name, cells) in &rows {
        let test = cells.last().unwrap().trim_matches('`');
        assert!(code.contains(&format!("fn {test}()")), "{name}: no test {test}");
    }
}
