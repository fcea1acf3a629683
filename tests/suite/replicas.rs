//! Several replicas on one PostgreSQL: who polls, what each serves, and what is left when one of them or the database dies.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::notify::bench::{Receiver, World, ends_in};
use crate::notify::letter;
use crate::notify::mail::{self, Mailbox};
use crate::support::{Daemon, SOON, Site, answer, ended, eventually, topic};

/// How often each source is polled.
const INTERVAL: Duration = Duration::from_secs(2);

/// A PostgreSQL of the test's own.
struct Postgres {
    folder: tempfile::TempDir,
    port: u16,
    server: Option<Child>,
    /// Certificate and key, where it speaks TLS.
    tls: Option<[PathBuf; 2]>,
}

/// The password of a database that asks for one.
const PASSWORD: &str = "never-shown-5ecret";

/// A program of the server, which Debian keeps out of the search path.
fn program(name: &str) -> PathBuf {
    let versions = glob::glob("/usr/lib/postgresql/*/bin").unwrap().flatten();
    versions.map(|folder| folder.join(name)).find(|path| path.exists()).expect("Debian's package postgresql")
}

/// The server refuses to run as root.
fn as_postgres(name: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program(name));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).current_dir("/");
    command
}

fn given_to_postgres(path: &Path) {
    assert!(std::process::Command::new("chown").arg("postgres:postgres").arg(path).status().unwrap().success());
}

impl Postgres {
    async fn start() -> Self {
        let mut postgres = Self::made("trust").await;
        postgres.run().await;
        postgres
    }

    /// One that asks for a password and speaks TLS, with a certificate that is in this folder.
    async fn guarded(certificates: &Path) -> Self {
        let mut postgres = Self::made("scram-sha-256").await;
        let files = ["server.pem", "server.key"].map(|name| {
            let path = postgres.folder.path().join(name);
            std::fs::copy(certificates.join(name), &path).unwrap();
            given_to_postgres(&path);
            path
        });
        std::fs::set_permissions(&files[1], std::fs::Permissions::from_mode(0o600)).unwrap();
        postgres.tls = Some(files);
        postgres.run().await;
        postgres
    }

    /// A new database that lets people in so, over the network.
    async fn made(way: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        for path in [folder.path(), &data, &password] {
            given_to_postgres(path);
        }
        let mut init = as_postgres("initdb");
        init.arg(format!("--auth-host={way}")).arg("--pwfile").arg(&password);
        init.args(["--no-sync", "--auth-local=trust", "--username=apnswatch", "--encoding=UTF8", "--locale=C", "-D"])
            .arg(&data);
        let made = ended(init).await;
        assert_eq!(made.status, Some(0), "{}", made.stderr);
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        Self { folder, port, server: None, tls: None }
    }

    async fn run(&mut self) {
        let mut server = as_postgres("postgres");
        server.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        server.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        if let Some([certificate, key]) = &self.tls {
            let (certificate, key) = (certificate.display(), key.display());
            server.args([
                "-c",
                "ssl=on",
                "-c",
                &format!("ssl_cert_file={certificate}"),
                "-c",
                &format!("ssl_key_file={key}"),
            ]);
        }
        server.stdout(Stdio::null()).stderr(Stdio::null());
        self.server = Some(server.spawn().unwrap());
        eventually("the database answers", SOON, || async { (self.sql("SELECT 1").await == "1").then_some(()) }).await;
    }

    /// Ends it at once, as a power cut does.
    async fn stop(&mut self) {
        let mut server = self.server.take().unwrap();
        let pid = server.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-QUIT", &pid]).status().unwrap().success());
        server.wait().await.unwrap();
    }

    async fn sql(&self, query: &str) -> String {
        let mut psql = Command::new(program("psql"));
        psql.args([
            "-X",
            "-A",
            "-t",
            "-h",
            self.folder.path().to_str().unwrap(),
            "-p",
            &self.port.to_string(),
            "-U",
            "apnswatch",
            "-d",
            "postgres",
            "-c",
            query,
        ]);
        psql.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        ended(psql).await.stdout.trim().to_owned()
    }
}

/// A way to the database that can be cut.
struct Wire {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

/// Carries what comes from one end to the other, later by so much.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) -> Option<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut bytes).await.ok().filter(|count| *count > 0)?;
        tokio::time::sleep(delay).await;
        to.write_all(&bytes[..count]).await.ok()?;
    }
}

impl Wire {
    /// One that is long: the port at which the database is found then.
    async fn long(port: u16, delay: Duration) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).unwrap();
                let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
                tokio::spawn(carry(from_client, to_server, delay));
                tokio::spawn(carry(from_server, to_client, delay));
            }
        });
        address.port()
    }

    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, open) = (listener.local_addr().unwrap(), watch::Sender::new(true));
        let state = open.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut state = state.subscribe();
                tokio::spawn(async move {
                    // What is cut swallows everything and answers nothing.
                    if *state.borrow() {
                        let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                        tokio::select! {
                            _ = copy_bidirectional(&mut client, &mut server) => return,
                            _ = state.wait_for(|open| !open) => {}
                        }
                    }
                    let _ = state.wait_for(|open| *open).await;
                });
            }
        });
        Self { address, open }
    }
}

/// Writes a configuration with the database at this port.
fn configure(site: &Site, name: &str, port: u16, tenants: &[String]) -> PathBuf {
    configured(site, name, &format!("127.0.0.1:{port}/postgres"), tenants)
}

/// Writes a configuration with the database at this address.
fn configured(site: &Site, name: &str, place: &str, tenants: &[String]) -> PathBuf {
    let head = "poll: { interval: 2s, timeout: 900ms }";
    let yaml = std::fs::read_to_string(site.configure(head, tenants)).unwrap();
    let (_, rest) = yaml.split_once('\n').unwrap();
    site.write(name, format!("store: postgres://apnswatch@{place}\n{rest}"))
}

async fn replica(config: &Path) -> Daemon {
    let mut command = crate::support::program();
    command.arg("--config").arg(config).args(["serve", "--listen", "127.0.0.1:0"]);
    Daemon::start(command).await
}

async fn command(config: &Path, arguments: &[&str]) -> crate::support::Ended {
    let mut command = crate::support::program();
    command.arg("--config").arg(config).args(arguments);
    ended(command).await
}

/// Waits until a replica serves the end of every tenant.
async fn serves(daemon: &Daemon, tenants: usize) {
    daemon
        .until("it serves every tenant", |scrape| {
            scrape.all("apns_certificate_not_after_timestamp_seconds", &[]).len() == tenants
        })
        .await;
}

/// How often each tenant was asked for in so many intervals, at the most.
async fn reads_in(site: &Site, tenants: &[&str], intervals: u32) -> Vec<usize> {
    let before: Vec<usize> = tenants.iter().map(|name| site.reads(name)).collect();
    tokio::time::sleep(INTERVAL * intervals).await;
    tenants.iter().zip(before).map(|(name, before)| site.reads(name) - before).collect()
}

const TENANTS: [&str; 4] = ["acme", "north", "south", "west"];

fn tenants(site: &Site) -> Vec<String> {
    TENANTS.iter().map(|name| site.intune(name, answer(name, 100), "")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_is_polled_by_one_and_served_by_all() {
    let (postgres, site) = (Postgres::start().await, Site::new().await);
    let config = configure(&site, "one.yaml", postgres.port, &tenants(&site));
    let (one, two) = tokio::join!(replica(&config), replica(&config));
    tokio::join!(serves(&one, 4), serves(&two, 4));
    // In five intervals, at most every 0.9 of one.
    for (name, reads) in TENANTS.iter().zip(reads_in(&site, &TENANTS, 5).await) {
        assert!((3..=6).contains(&reads), "{name} was read {reads} times in five intervals");
    }
    for replica in [&one, &two] {
        let scrape = replica.scrape().await;
        assert_eq!(scrape.all("apns_source_up", &[]).len(), 4);
        assert!(
            scrape.all("apns_source_up", &[]).iter().all(|sample| sample.value == 1.0),
            "whoever does not poll serves it all the same"
        );
        assert_eq!(scrape.one("apnswatch_store_up", &[]), 1.0);
    }

    // What a person says is known to all, and what drifts at one drifts at all.
    let said =
        command(&config, &["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "kim"]).await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    site.set("north", answer("elsewhere", 300));
    for replica in [&one, &two] {
        let is_confirmed = |scrape: &crate::support::Scrape| {
            scrape.value("apns_topic_pin_info", &[("tenant", "acme"), ("origin", "confirmed")]) == Some(1.0)
        };
        replica.until("the pin is confirmed", is_confirmed).await;
        let drifts =
            |scrape: &crate::support::Scrape| scrape.value("apns_topic_drift", &[("tenant", "north")]) == Some(1.0);
        replica.until("the topic drifts", drifts).await;
    }
    let listed = command(&config, &["pin", "list"]).await;
    assert!(listed.stdout.contains("confirmed by kim"), "{}", listed.stdout);

    // One dies. The other has all of it within two intervals, and what the dead one saw is not forgotten.
    let dead_since = Instant::now();
    let before: Vec<usize> = TENANTS.iter().map(|name| site.reads(name)).collect();
    one.signal("KILL").await;
    for (name, before) in TENANTS.iter().zip(before) {
        site.reads_reach(name, before + 1).await;
    }
    assert!(dead_since.elapsed() < INTERVAL * 2 + Duration::from_secs(1), "{:?}", dead_since.elapsed());
    let scrape = two.scrape().await;
    assert_eq!(scrape.value("apns_topic_drift", &[("tenant", "north")]), Some(1.0));
    assert!(scrape.one("apns_certificate_not_after_timestamp_seconds", &[("tenant", "acme")]) > 0.0);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_cut_off_serves_what_it_knows_and_polls_nothing() {
    let (postgres, site) = (Postgres::start().await, Site::new().await);
    let wire = Wire::to(postgres.port).await;
    let tenants = tenants(&site);
    let cut = configure(&site, "cut.yaml", wire.address.port(), &tenants);
    let config = configure(&site, "rest.yaml", postgres.port, &tenants);
    // It comes first and holds everything.
    let alone = replica(&cut).await;
    serves(&alone, 4).await;
    let (two, three) = tokio::join!(replica(&config), replica(&config));
    tokio::join!(serves(&two, 4), serves(&three, 4));
    let held = "SELECT count(DISTINCT owner) || ' ' || count(*) FROM leases";
    assert_eq!(postgres.sql(held).await, "1 4");
    let holder = postgres.sql("SELECT DISTINCT owner FROM leases").await;

    wire.open.send_replace(false);
    alone.until("it knows that it is cut off", |scrape| scrape.value("apnswatch_store_up", &[]) == Some(0.0)).await;
    eventually("others have taken over", SOON, || async {
        let query = format!("SELECT count(*) FROM leases WHERE owner <> '{holder}'");
        (postgres.sql(&query).await == "4").then_some(())
    })
    .await;
    for (name, reads) in TENANTS.iter().zip(reads_in(&site, &TENANTS, 5).await) {
        assert!((3..=6).contains(&reads), "{name} was read {reads} times in five intervals");
    }
    let scrape = alone.scrape().await;
    assert_eq!(scrape.all("apns_certificate_not_after_timestamp_seconds", &[]).len(), 4);
    // What it had begun may have kept the others waiting for a moment.
    two.until("the others have the store", |scrape| scrape.value("apnswatch_store_up", &[]) == Some(1.0)).await;

    // It comes back and learns what happened meanwhile.
    let said =
        command(&config, &["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "kim"]).await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    wire.open.send_replace(true);
    alone
        .until("it knows what was said", |scrape| {
            scrape.value("apns_topic_pin_info", &[("tenant", "acme"), ("origin", "confirmed")]) == Some(1.0)
                && scrape.value("apnswatch_store_up", &[]) == Some(1.0)
        })
        .await;
    for daemon in [alone, two, three] {
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_may_restart_and_may_come_last() {
    let (mut postgres, site) = (Postgres::start().await, Site::new().await);
    let config = configure(&site, "one.yaml", postgres.port, &tenants(&site));
    let (one, two) = tokio::join!(replica(&config), replica(&config));
    tokio::join!(serves(&one, 4), serves(&two, 4));
    let said =
        command(&config, &["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "kim"]).await;
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    postgres.stop().await;
    for replica in [&one, &two] {
        replica
            .until("it knows that the store is away", |scrape| scrape.value("apnswatch_store_up", &[]) == Some(0.0))
            .await;
        let scrape = replica.scrape().await;
        assert_eq!(scrape.all("apns_certificate_not_after_timestamp_seconds", &[]).len(), 4, "it serves what it knows");
    }
    let refused = command(&config, &["pin", "list"]).await;
    assert_eq!(refused.status, Some(1), "{}", refused.stdout);
    // A third one starts while nobody can say what is known, and nothing is polled meanwhile.
    let three = replica(&config).await;
    let silent = reads_in(&site, &TENANTS, 2).await;
    assert!(silent.iter().all(|reads| *reads <= 1), "{silent:?}");
    let scrape = three.scrape().await;
    assert_eq!((scrape.one("apnswatch_store_up", &[]), scrape.all("apns_topic_pin_info", &[]).len()), (0.0, 0));

    postgres.run().await;
    for replica in [&one, &two, &three] {
        replica
            .until("it has the store again", |scrape| {
                scrape.value("apnswatch_store_up", &[]) == Some(1.0)
                    && scrape.value("apns_topic_pin_info", &[("tenant", "acme"), ("origin", "confirmed")]) == Some(1.0)
                    && scrape.all("apns_certificate_not_after_timestamp_seconds", &[]).len() == 4
            })
            .await;
    }
    for (name, reads) in TENANTS.iter().zip(reads_in(&site, &TENANTS, 5).await) {
        assert!((2..=6).contains(&reads), "{name} was read {reads} times in five intervals");
    }
    for daemon in [one, two, three] {
        daemon.stop().await;
    }
    // Whoever stopped left everything to others.
    assert_eq!(postgres.sql("SELECT count(*) FROM leases WHERE until > next_at").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_known_by_its_certificate_and_asks_for_the_password_in_the_file() {
    let site = Site::new().await;
    crate::access::certificates(&site).await;
    let postgres = Postgres::guarded(site.folder.path()).await;
    site.write("password", format!("{PASSWORD}\n"));
    let at = |ca: &str| {
        let (port, folder) = (postgres.port, site.folder.path().display());
        format!("localhost:{port}/postgres?sslmode=verify-full&sslrootcert={folder}/{ca}&password_file=password")
    };
    let tenants = tenants(&site);
    let config = configured(&site, "right.yaml", &at("ca.pem"), &tenants);
    let daemon = replica(&config).await;
    serves(&daemon, 4).await;
    assert_eq!(postgres.sql("SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'apnswatch' AND client_addr IS NOT NULL").await, "t");

    // Another authority: whoever answers there is not the server.
    let stranger = configured(&site, "stranger.yaml", &at("other.pem"), &tenants);
    let refused = command(&stranger, &["pin", "list"]).await;
    assert_eq!(refused.status, Some(1), "{}", refused.stdout);
    // A password that is wrong, until it is rotated.
    let wrong = "wrong-never-shown";
    site.write("password", wrong);
    let refused = command(&config, &["pin", "list"]).await;
    assert_eq!(refused.status, Some(1), "{}", refused.stdout);
    assert!(!refused.stderr.contains(wrong), "{}", refused.stderr);
    let late = replica(&config).await;
    assert_eq!(late.scrape().await.one("apnswatch_store_up", &[]), 0.0);
    site.write("password", PASSWORD);
    serves(&late, 4).await;
    for daemon in [daemon, late] {
        let log = daemon.log();
        assert!(!log.contains(PASSWORD) && !log.contains(wrong), "{log}");
        daemon.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_one_sends_notices_and_another_goes_on() {
    let (postgres, site, receiver) = (Postgres::start().await, Site::new().await, Receiver::start().await);
    let hook = site.write("hook", format!("http://{}/hook", receiver.address));
    let config = configure(&site, "one.yaml", postgres.port, &tenants(&site));
    let mut yaml = std::fs::read_to_string(&config).unwrap();
    yaml.push_str(&format!("notify: {{ webhook: {{ url_file: '{}' }} }}\n", hook.display()));
    std::fs::write(&config, yaml).unwrap();
    let (one, two) = tokio::join!(replica(&config), replica(&config));
    tokio::join!(serves(&one, 4), serves(&two, 4));
    let drill = async |severity: &str| {
        let said = command(&config, &["drill", "--severity", severity, "--by", "kim"]).await;
        assert!(said.stdout.contains("By notify it goes to webhook"), "{}", said.stderr);
        eventually("it is told", SOON, || async { receiver.titles().pop() }).await
    };
    assert!(drill("critical").await.contains("severity critical"));
    let sent =
        async |daemon: &Daemon| daemon.scrape().await.one("apnswatch_notifications_total", &[("channel", "webhook")]);
    let by_one = sent(&one).await;
    assert_eq!(by_one + sent(&two).await, 1.0, "one of them sends");
    // Whoever sends leaves. What was told stays told, and what comes is told by the other.
    let (leaves, stays) = if by_one == 1.0 { (one, two) } else { (two, one) };
    leaves.stop().await;
    assert!(drill("warning").await.contains("severity warning"));
    tokio::time::sleep(Duration::from_secs(12)).await;
    assert_eq!((sent(&stays).await, receiver.titles().len()), (1.0, 0));
    let rows = postgres.sql("SELECT count(*) FROM notices WHERE name LIKE 'thread %'").await;
    assert_eq!(rows.trim(), "2");
    stays.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_of_the_database_that_was_far_ahead_keeps_nobody_from_polling_and_telling() {
    let (postgres, site, receiver) = (Postgres::start().await, Site::new().await, Receiver::start().await);
    let hook = site.write("hook", format!("http://{}/hook", receiver.address));
    let config = configure(&site, "one.yaml", postgres.port, &tenants(&site));
    let mut yaml = std::fs::read_to_string(&config).unwrap();
    yaml.push_str(&format!("notify: {{ webhook: {{ url_file: '{}' }} }}\n", hook.display()));
    std::fs::write(&config, yaml).unwrap();
    let ahead = "UPDATE leases SET until = until + interval '300 days', next_at = next_at + interval '300 days'";
    let one = replica(&config).await;
    serves(&one, 4).await;
    eventually("it tells", SOON, || async {
        let holds = "SELECT count(*) FROM leases WHERE source = 'notices'";
        (postgres.sql(holds).await.trim() == "1").then_some(())
    })
    .await;
    // As it is left behind when the clock is right again: for whoever holds the leases, and for who comes after it.
    postgres.sql(ahead).await;
    let before = site.reads("acme");
    site.reads_reach("acme", before + 3).await;
    one.signal("KILL").await;
    postgres.sql(ahead).await;
    let two = replica(&config).await;
    let before = site.reads("acme");
    site.reads_reach("acme", before + 3).await;
    let said = command(&config, &["drill", "--severity", "critical", "--by", "kim"]).await;
    assert!(said.stdout.contains("By notify it goes to webhook"), "{}", said.stderr);
    let told = eventually("it is told", SOON, || async { receiver.titles().pop() }).await;
    assert!(told.contains("severity critical"), "{told}");
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_by_who_cannot_reach_it_and_nothing_else_is() {
    let (mut postgres, receiver, folder) =
        (Postgres::start().await, Receiver::start().await, tempfile::tempdir().unwrap());
    std::fs::write(folder.path().join("hook"), format!("http://{}/hook", receiver.address)).unwrap();
    let yaml = format!(
        "store: postgres://apnswatch@127.0.0.1:{}/postgres\nnotify: {{ webhook: {{ url_file: FOLDER/hook }} }}\ntenants:\n{}",
        postgres.port,
        ends_in("acme", -3)
    );
    let mut world = World::new(folder, &yaml).await;
    world.minutes(7).await;
    let titles = receiver.titles();
    assert!(titles.len() == 1 && titles[0].starts_with("acme, expired"), "{titles:?}");
    postgres.stop().await;
    world.minutes(30).await;
    let titles = receiver.titles();
    assert!(titles.len() == 1 && titles[0].ends_with(": apnswatch cannot write what it learns"), "{titles:?}");
    postgres.run().await;
    // The connection is tried again by itself.
    let end = Instant::now() + SOON;
    let mut titles = Vec::new();
    while titles.is_empty() {
        assert!(Instant::now() < end, "nobody says that the database is back");
        world.minutes(1).await;
        titles = receiver.titles();
    }
    assert!(titles.len() == 1 && titles[0].starts_with("Ended: "), "{titles:?}");
    world.minutes(10).await;
    assert_eq!(receiver.titles(), [""; 0], "what was told before stays told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_changes_while_an_older_replica_still_runs_loses_nothing() {
    let (postgres, site) = (Postgres::start().await, Site::new().await);
    let acme = site.intune("acme", answer("acme", 300), "");
    let north = acme.replacen("acme", "north", 1) + "    formerly: [acme]\n";
    let older = configure(&site, "older.yaml", postgres.port, &[acme]);
    let newer = configure(&site, "newer.yaml", postgres.port, &[north]);
    let pinned = |scrape: &crate::support::Scrape, tenant: &str, origin: &str| {
        let labels = [("tenant", tenant), ("topic", &topic("acme")), ("origin", origin)];
        scrape.value("apns_topic_pin_info", &labels) == Some(1.0)
    };
    let one = replica(&older).await;
    one.until("it is pinned", |scrape| pinned(scrape, "acme", "first_seen")).await;
    let confirm = ["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "kim"];
    assert_eq!(command(&older, &confirm).await.status, Some(0));
    one.until("it is confirmed", |scrape| pinned(scrape, "acme", "confirmed")).await;

    // A command with the newer configuration, before any replica has it.
    let listed = command(&newer, &["pin", "list"]).await;
    assert!(listed.stdout.starts_with("north  "), "{listed:?}");
    // The MDM tells another topic now, and the newer replica starts beside the older one.
    site.set("acme", answer("elsewhere", 300));
    let two = replica(&newer).await;
    let scrape = two.until("it drifts", |scrape| scrape.drift("north") == Some(1.0)).await;
    assert!(pinned(&scrape, "north", "confirmed"));
    assert_eq!((scrape.state("missing"), scrape.of_tenant("acme").len()), (0.0, 0));
    // The older one keeps what it knows, though the rows have gone, and takes the other topic for no better.
    let scrape = one.until("it drifts there, too", |scrape| scrape.drift("acme") == Some(1.0)).await;
    assert!(pinned(&scrape, "acme", "confirmed"));

    // What is still said under the old name is heard under the new one.
    let plan = ["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme"), "--by", "sam"];
    assert_eq!(command(&older, &plan).await.status, Some(0));
    eventually("nothing is left under the old name", SOON, || async {
        let count = "SELECT (SELECT count(*) FROM attestations WHERE tenant = 'acme') + (SELECT count(*) FROM pins WHERE tenant = 'acme')";
        let document = two.get("/api/v1/tenants/north").await.body;
        (postgres.sql(count).await.trim() == "0" && document.contains("sam") && document.contains("kim")).then_some(())
    })
    .await;
    let before = site.reads("acme");
    one.stop().await;
    assert_eq!(two.scrape().await.drift("north"), Some(1.0));
    site.reads_reach("acme", before + 2).await;
    // With the older one nobody writes under the old name any more, and one lease is left.
    eventually("all of it has moved", SOON, || async {
        two.scrape().await;
        let count = "SELECT (SELECT count(*) FROM source_memory WHERE tenant = 'acme') + (SELECT count(*) FROM leases WHERE tenant = 'acme')";
        (postgres.sql(count).await.trim() == "0").then_some(())
    })
    .await;
    two.stop().await;
    let again = replica(&newer).await;
    again
        .until("it is known", |scrape| pinned(scrape, "north", "confirmed") && scrape.drift("north") == Some(1.0))
        .await;
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_new_names_get_through_to_a_database_that_is_far_away() {
    let (postgres, site) = (Postgres::start().await, Site::new().await);
    let one = replica(&configure(&site, "one.yaml", postgres.port, &[])).await;
    one.stop().await;
    let pinned = format!(
        "INSERT INTO pins (tenant, pin) SELECT 'old' || n, \
         '{{\"topic\":\"{}\",\"origin\":\"first_seen\",\"since\":\"2026-01-01T00:00:00Z\"}}' FROM generate_series(1, 64) n",
        topic("acme")
    );
    assert_eq!(postgres.sql(&pinned).await, "INSERT 0 64");
    let tenants: Vec<String> = (1..=64)
        .map(|n| format!("  - {{ name: new{n}, formerly: [old{n}], mdm: {{ kind: none }}, certificate: {{ declared: {{ not_after: 2030-01-01 }} }} }}\n"))
        .collect();
    let port = Wire::long(postgres.port, Duration::from_millis(10)).await;
    let two = replica(&configure(&site, "two.yaml", port, &tenants)).await;
    eventually("all of them have moved", SOON, || async {
        let left = postgres.sql("SELECT count(*) FROM pins WHERE tenant LIKE 'old%'").await;
        (left.trim() == "0").then_some(())
    })
    .await;
    assert_eq!(two.scrape().await.one("apnswatch_store_up", &[]), 1.0);
    two.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_name_that_meets_a_database_that_is_away_pins_nothing_before_it_is_there() {
    let (mut postgres, site) = (Postgres::start().await, Site::new().await);
    let acme = site.intune("acme", answer("acme", 300), "");
    let north = acme.replacen("acme", "north", 1) + "    formerly: [acme]\n";
    let config = configure(&site, "one.yaml", postgres.port, &[acme]);
    let one = replica(&config).await;
    one.until("it is pinned", |scrape| scrape.all("apns_topic_pin_info", &[]).len() == 1).await;
    one.stop().await;
    postgres.stop().await;
    site.set("acme", answer("elsewhere", 300));
    let config = configure(&site, "one.yaml", postgres.port, &[north]);
    let two = replica(&config).await;
    let scrape = two.scrape().await;
    assert_eq!((scrape.one("apnswatch_store_up", &[]), scrape.all("apns_topic_pin_info", &[]).len()), (0.0, 0));
    postgres.run().await;
    let scrape = two.until("it drifts", |scrape| scrape.drift("north") == Some(1.0)).await;
    assert_eq!(scrape.one("apns_topic_pin_info", &[("tenant", "north"), ("topic", &topic("acme"))]), 1.0);
    assert_eq!(scrape.state("missing"), 0.0);
    two.stop().await;
    let left = "SELECT count(*) FROM (SELECT tenant FROM pins UNION SELECT tenant FROM source_memory UNION SELECT tenant FROM tenants \
                UNION SELECT tenant FROM leases) AS known WHERE tenant = 'acme'";
    assert_eq!(postgres.sql(left).await.trim(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_replicas_one_sends_the_letter_and_all_know_who_confirmed_it() {
    let postgres = Postgres::start().await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mailbox = Mailbox::start(folders[0].path()).await;
    std::fs::copy(folders[0].path().join("mail.pem"), folders[1].path().join("mail.pem")).unwrap();
    for folder in &folders {
        std::fs::write(folder.path().join("password"), mail::PASSWORD).unwrap();
        std::fs::write(folder.path().join("hook"), "http://127.0.0.1:9/").unwrap();
    }
    let yaml = format!(
        "store: postgres://apnswatch@127.0.0.1:{}/postgres\n{}tenants:\n{}",
        postgres.port,
        letter::notify(mailbox.port, "reader@example.com"),
        ends_in("acme", 300)
    );
    let config = folders[1].path().join("apnswatch.yaml");
    let [one, other] = folders;
    let (mut one, mut other) = (World::new(one, &yaml).await, World::new(other, &yaml).await);
    for _ in 0..5 {
        one.minutes(1).await;
        other.minutes(1).await;
    }
    let mails = mailbox.mails(1).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    let of = |world: &World| (world.letter().last_sent().map(|letter| letter.number), world.letter().unconfirmed);
    assert_eq!((of(&one), of(&other)), ((Some(1), Some(false)), (Some(1), Some(false))));
    // The one that sent it goes, and the other one does not send it again.
    one.end().await;
    other.leap(14 * 24 * 60);
    other.minutes(3).await;
    assert_eq!((of(&other), mailbox.mails(1).await.len()), ((Some(1), Some(true)), 1));
    let mut command = crate::support::program();
    command.arg("--config").arg(&config).args(["letter", "confirm", &letter::code(&mails[0]), "--by", "kim"]);
    let kept = ended(command).await;
    assert_eq!(kept.status, Some(0), "{kept:?}");
    other.minutes(1).await;
    assert_eq!(of(&other), (Some(1), Some(false)));
    let rows = postgres.sql("SELECT count(*) FROM letters").await;
    assert_eq!(rows.trim(), "3", "due, sent, confirmed");
    other.leap(17 * 24 * 60);
    other.minutes(1).await;
    assert_eq!(mailbox.mails(2).await.len(), 2, "it sends the next one");
    // Who has not heard yet that the one before it had begun a letter begins none of the same number with another code.
    assert!(!other.begin_letter(2).await && other.begin_letter(3).await);
}
