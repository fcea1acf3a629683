//! The configuration: read at the start, read again, and wrong.

use std::time::Duration;

use apnswatch::demo::intune::Answer;

use crate::support::{Daemon, LOADED, SOON, Scrape, Site, answer, ended, eventually, program, request, spawn, tenant};

const RELOADED: &str = "apnswatch_config_last_reload_successful";

fn active(number: f64) -> impl Fn(&Scrape) -> bool {
    move |scrape| scrape.state("active") == number
}

/// A site with this head, and the tenants acme and, if wanted, north.
fn configure(site: &Site, head: &str, names: &[&str]) {
    let tenants: Vec<String> = names.iter().map(|name| site.intune(name, answer(name, 290), "")).collect();
    site.configure(head, &tenants);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_reads_the_configuration_again() {
    let site = Site::new().await;
    configure(&site, "", &["acme"]);
    let daemon = site.serve().await;
    let refused = request(daemon.address, "POST", "/-/reload", "localhost").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("web.reload"), "{}", refused.body);
    let before = daemon.until("it runs", active(1.0)).await;

    let good = std::fs::read(site.path("apnswatch.yaml")).unwrap();
    site.write("apnswatch.yaml", "tenants: [ { name: acme\n");
    daemon.signal("HUP").await;
    let broken = daemon.until("the broken file is told", |scrape| scrape.value(RELOADED, &[]) == Some(0.0)).await;
    assert_eq!((broken.state("active"), broken.one(LOADED, &[])), (1.0, before.one(LOADED, &[])));
    let line = daemon.log().lines().filter(|line| line.contains("was not taken")).map(ToOwned::to_owned).next();
    assert!(line.as_ref().is_some_and(|line| line.contains("line ")), "the place is told: {line:?}");
    let reads = site.reads("acme");
    site.reads_reach("acme", reads + 2).await;

    site.write("apnswatch.yaml", good);
    daemon.signal("HUP").await;
    let after = daemon.until("the repaired file is taken", |scrape| scrape.value(RELOADED, &[]) == Some(1.0)).await;
    assert!(after.one(LOADED, &[]) > before.one(LOADED, &[]));
    configure(&site, "", &["acme", "north"]);
    daemon.signal("HUP").await;
    daemon.until("the second tenant answers", |scrape| scrape.up("north") == Some(1.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reads_the_configuration_again_where_that_is_on() {
    let site = Site::new().await;
    configure(&site, "web: { reload: true }", &["acme"]);
    let daemon = site.serve().await;
    let post = || request(daemon.address, "POST", "/-/reload", "127.0.0.1");
    configure(&site, "web: { reload: true }", &["acme", "north"]);
    let reloaded = post().await;
    assert_eq!((reloaded.status, reloaded.body.as_str()), (200, "reloaded\n"));
    assert_eq!(daemon.scrape().await.state("active"), 2.0, "done when it is said to be");
    site.write("apnswatch.yaml", "web: { reload: perhaps }\nwep: {}\n");
    let wrong = post().await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("web.reload") && wrong.body.contains("wep"), "{}", wrong.body);
    let scrape = daemon.scrape().await;
    assert_eq!((scrape.state("active"), scrape.one(RELOADED, &[])), (2.0, 0.0));
    assert_eq!(request(daemon.address, "GET", "/-/reload", "127.0.0.1").await.status, 405);
    // It can be switched off, too.
    configure(&site, "", &["acme"]);
    assert_eq!(post().await.status, 200);
    assert_eq!(post().await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_noticed_where_that_is_on() {
    let site = Site::new().await;
    let head = "web: { reload: watch }\ntenant_files: ['tenants.d/*.yaml']";
    configure(&site, head, &["acme"]);
    std::fs::create_dir(site.path("tenants.d")).unwrap();
    let daemon = site.serve().await;
    configure(&site, head, &["acme", "north"]);
    daemon.until("the renamed file is seen", active(2.0)).await;
    site.write("tenants.d/more.yaml", format!("tenants:\n{}", tenant("south", "    mdm: { kind: none }\n")));
    daemon.until("a file beside it is seen", active(3.0)).await;
    site.write("apnswatch.yaml", "tenants: 5\n");
    daemon.until("a broken one is told", |scrape| scrape.value(RELOADED, &[]) == Some(0.0)).await;
    configure(&site, head, &["acme"]);
    daemon.until("the repaired one is seen", |s| s.value(RELOADED, &[]) == Some(1.0) && active(2.0)(s)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_hang_up_ends_the_process() {
    let site = Site::new().await;
    site.configure("poll: { interval: 10m, timeout: 5m }", &[site.intune("acme", Answer::Hang, "")]);
    let mut command = site.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let (mut child, log) = spawn(command);
    let pid = child.id().unwrap();
    // From its first line on: handlers come before anything else.
    eventually("its first line", SOON, || async { (!log.lock().unwrap().is_empty()).then_some(()) }).await;
    let pair = format!("kill -s HUP {pid}; sleep 0.005; kill -s HUP {pid}");
    for _ in 0..5 {
        assert!(tokio::process::Command::new("sh").args(["-c", &pair]).status().await.unwrap().success());
    }
    site.reads_reach("acme", 1).await;
    for _ in 0..5 {
        assert!(tokio::process::Command::new("sh").args(["-c", &pair]).status().await.unwrap().success());
    }
    assert_eq!(child.try_wait().unwrap(), None, "{}", log.lock().unwrap());
    assert_eq!(site.reads("acme"), 1, "a poll under way is left alone");
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_change_is_not_polled_again() {
    let site = Site::new().await;
    let head = "poll: { interval: 10m, timeout: 5s }";
    configure(&site, head, &["acme", "north"]);
    let daemon = site.serve().await;
    daemon.until("both answer", |s| s.up("acme") == Some(1.0) && s.up("north") == Some(1.0)).await;
    for _ in 0..3 {
        daemon.reload().await;
    }
    // A tenant beside it, and a change of another one, are not its business either.
    site.configure(
        head,
        &[
            site.intune("acme", answer("acme", 290), ""),
            site.intune("north", answer("north", 290), "    poll: { interval: 11m }\n"),
            site.intune("south", answer("south", 290), ""),
        ],
    );
    daemon.reload().await;
    site.reads_reach("north", 2).await;
    site.reads_reach("south", 1).await;
    let counts = ["acme", "north", "south"].map(|name| site.reads(name));
    assert_eq!(counts, [1, 2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_tenant_file_stops_nobody_else() {
    let site = Site::new().await;
    let head = "tenant_files: ['tenants.d/*.yaml']";
    configure(&site, head, &["acme"]);
    let north = format!("tenants:\n{}", site.intune("north", answer("north", 290), ""));
    site.write("tenants.d/bad.yaml", "tenants: [{ name: 5, certficate: {} }]\n");
    site.write("tenants.d/north.yaml", &north);
    let daemon = site.serve().await;
    let errors = |scrape: &Scrape| scrape.one("apnswatch_config_errors", &[]);
    let scrape = daemon.until("the good ones run", |s| s.up("acme") == Some(1.0) && s.up("north") == Some(1.0)).await;
    assert!(errors(&scrape) >= 2.0, "{}", errors(&scrape));
    assert!(daemon.get("/").await.body.contains("problems in tenant files"));
    let checked = site.run(&["check-config"]).await;
    assert_eq!(checked.status, Some(64));
    assert!(checked.stderr.contains("bad.yaml"), "{}", checked.stderr);

    std::fs::remove_file(site.path("tenants.d/bad.yaml")).unwrap();
    daemon.reload().await;
    assert_eq!(errors(&daemon.scrape().await), 0.0);
    // A file that was good keeps its tenants as they were.
    site.write("tenants.d/north.yaml", "tenants: {");
    daemon.reload().await;
    let scrape = daemon.scrape().await;
    assert_eq!((errors(&scrape) > 0.0, scrape.state("active"), scrape.state("missing")), (true, 2.0, 0.0));
    let reads = site.reads("north");
    site.reads_reach("north", reads + 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_secret_is_its_sources_own_trouble() {
    let site = Site::new().await;
    let with = |name: &str, path: &str| {
        let yaml = site.intune(name, answer(name, 290), "");
        yaml.replace(" }\n", &format!(", client_secret_file: {path} }}\n"))
    };
    let folder = site.folder.path().display().to_string();
    let nowhere = site.path("nowhere").display().to_string();
    site.configure(
        "",
        &[with("absent", &nowhere), with("folder", &folder), site.intune("acme", answer("acme", 290), "")],
    );
    let daemon = site.serve().await;
    let scrape = daemon
        .until("all were tried", |scrape| {
            scrape.up("acme") == Some(1.0) && scrape.all("apns_source_failing", &[]).len() == 2
        })
        .await;
    assert_eq!((scrape.reason("absent"), scrape.reason("folder")), (Some("not_found"), Some("io")));
    assert_eq!(scrape.one("apnswatch_config_errors", &[]), 0.0);
    site.write("nowhere", crate::support::SECRET);
    daemon.until("a secret that appears is used", |scrape| scrape.up("absent") == Some(1.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_starts_nothing_and_tells_all() {
    let site = Site::new().await;
    let yaml = format!(
        "store: sqlite://{}/state.db\nweb: {{ listen: nowhere }}\npol: {{}}\npolicy: {{ renew_days: -1 }}\ntenants:\n{}",
        site.folder.path().display(),
        tenant("acme", "    mdm: { kind: intune, directory: 5 }\n"),
    );
    site.write("apnswatch.yaml", yaml);
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["check-config"], &["once"], &["pin", "list"]] {
        let ended = site.run(arguments).await;
        assert_eq!(ended.status, Some(64), "{arguments:?}: {ended:?}");
        for place in ["web.listen", "pol", "policy.renew_days", "tenants[0].mdm"] {
            assert!(ended.stderr.contains(place), "{arguments:?} does not tell {place}: {}", ended.stderr);
        }
        assert_eq!(ended.stdout, "");
        assert!(!ended.stderr.contains("listening"), "{}", ended.stderr);
        assert!(site.store().is_empty(), "{arguments:?} made a store");
    }
    std::fs::remove_file(site.path("apnswatch.yaml")).unwrap();
    assert_eq!(site.run(&["serve"]).await.status, Some(64), "a file that is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_usage_is_64() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["serve", "--listen", "everywhere"],
        &["once", "extra"],
        &["inspect"],
        &["pin"],
        &["pin", "confirm", "--tenant", "acme"],
        &["confirm"],
        &["demo", "--listen"],
        &["once", "--log-level", "a=b=c"],
        &["once", "--log-format", "xml"],
    ] {
        let mut command = program();
        command.args(arguments);
        let ended = ended(command).await;
        assert_eq!(ended.status, Some(64), "{arguments:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["serve", "--help"], &["demo", "--list"]] {
        let mut command = program();
        command.args(arguments);
        let ended = ended(command).await;
        assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_told() {
    let site = Site::new().await;
    configure(&site, "", &["acme"]);
    let first = site.serve().await;
    let taken = first.address.to_string();
    let second = site.run(&["serve", "--listen", &taken]).await;
    assert_eq!(second.status, Some(1));
    assert!(second.stderr.contains(&taken), "{}", second.stderr);
    let daemon: &Daemon = &first;
    assert_eq!(daemon.get("/-/healthy").await.status, 200);
    tokio::time::timeout(Duration::from_secs(10), first.stop()).await.unwrap();
}
