//! A store that cannot be used: it is told, left as it is, and restored.

use crate::support::{Site, answer, topic};

/// Ways in which a store cannot be used. Each begins with one that was in use and left as a kill leaves it, with its log.
const DAMAGES: [(&str, Damage); 6] = [
    ("no database", |site| {
        // Its log alone would do to read it.
        take_away(site);
        site.write("state.db", vec![b'?'; 8192]);
    }),
    ("the database of another program", |site| {
        take_away(site);
        sqlite(site, "CREATE TABLE songs (title TEXT)");
    }),
    ("of a later version", |site| {
        sqlite(site, "INSERT INTO _sqlx_migrations VALUES (9999, 'later', '2026-01-01', TRUE, x'00', 0)");
    }),
    ("a document that is none", |site| sqlite(site, "UPDATE source_memory SET memory = '{'")),
    ("a table that is gone", |site| sqlite(site, "DROP TABLE pins")),
    ("a page that is none, and a log", |site| {
        // What is in the log alone would be moved into the file by whoever closes it last.
        sqlite(site, "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO drills (drill) VALUES ('{}')");
        let path = site.path("state.db");
        let mut bytes = std::fs::read(&path).unwrap();
        let second = bytes.get_mut(4096..).expect("several pages");
        second.fill(0xAA);
        std::fs::write(path, bytes).unwrap();
    }),
];

type Damage = fn(&Site);

fn take_away(site: &Site) {
    for name in site.store().into_keys() {
        std::fs::remove_file(site.path(&name)).unwrap();
    }
}

/// Changes the store, and leaves the change in its log, as a kill does.
fn sqlite(site: &Site, statement: &str) {
    let script = format!(".dbconfig no_ckpt_on_close on\nPRAGMA journal_mode = WAL;\n{statement};\n");
    let mut sqlite = std::process::Command::new("sqlite3")
        .arg(site.path("state.db"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut sqlite.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(sqlite.wait().unwrap().success(), "{statement}");
}

/// The store without its index of the log, which every reader makes anew.
fn kept_bytes(site: &Site) -> Vec<(String, Vec<u8>)> {
    let files = site.store().into_iter();
    files.filter(|(name, bytes)| !name.ends_with("-shm") && !bytes.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_used_is_told_and_left_as_it_is() {
    for (what, damage) in DAMAGES {
        let site = Site::new().await;
        site.configure("", &[site.intune("acme", answer("acme", 290), "")]);
        let daemon = site.serve().await;
        daemon.until("it works", |scrape| scrape.drift("acme") == Some(0.0)).await;
        daemon.kill().await;
        damage(&site);
        let before = kept_bytes(&site);

        let daemon = site.serve().await;
        let scrape = daemon.until("it works from memory", |scrape| scrape.up("acme") == Some(1.0)).await;
        assert_eq!(scrape.one("apnswatch_store_up", &[]), 0.0, "{what}");
        assert!(scrape.all("apns_topic_pin_info", &[]).is_empty(), "{what}: what is pinned stands in the store");
        let page = daemon.get("/").await.body;
        assert!(page.contains("The store cannot be used") && page.contains("restore"), "{what}: {page}");
        let log = daemon.log();
        assert!(log.contains("is left as it is") && log.contains("To restore: stop apnswatch"), "{what}: {log}");
        let path = site.path("state.db").display().to_string();
        assert!(log.contains(&format!("move {path}, {path}-wal and {path}-shm aside")), "{what}: {log}");
        // Nor does a command write to it.
        let said = site.run(&["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme")]).await;
        assert_eq!((said.status, said.stderr.contains("the store")), (Some(1), true), "{what}: {}", said.stderr);
        daemon.stop().await;
        assert!(kept_bytes(&site) == before, "{what}: the store was written to");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_restored_as_the_log_and_the_handbook_say() {
    let site = Site::new().await;
    site.configure("", &[site.intune("acme", answer("acme", 290), "")]);
    let daemon = site.serve().await;
    daemon.until("it works", |scrape| scrape.drift("acme") == Some(0.0)).await;
    let confirmed = site.run(&["pin", "confirm", "--tenant", "acme", "--topic", &topic("acme")]).await;
    assert_eq!(confirmed.status, Some(0), "{}", confirmed.stderr);
    // While it runs.
    let backup = format!(".backup '{}'", site.path("backup.db").display());
    let copied = std::process::Command::new("sqlite3").arg(site.path("state.db")).arg(backup).status().unwrap();
    assert!(copied.success());
    daemon.kill().await;
    take_away(&site);
    site.write("state.db", vec![b'?'; 8192]);
    let daemon = site.serve().await;
    daemon.until("the store is down", |scrape| scrape.one("apnswatch_store_up", &[]) == 0.0).await;
    daemon.stop().await;
    std::fs::create_dir(site.path("aside")).unwrap();
    for name in site.store().into_keys() {
        std::fs::rename(site.path(&name), site.path("aside").join(name)).unwrap();
    }
    std::fs::copy(site.path("backup.db"), site.path("state.db")).unwrap();
    let daemon = site.serve().await;
    let scrape = daemon.until("the pin is back", |scrape| !scrape.all("apns_topic_pin_info", &[]).is_empty()).await;
    assert_eq!(scrape.one("apnswatch_store_up", &[]), 1.0);
    assert_eq!(scrape.all("apns_topic_pin_info", &[("origin", "confirmed")]).len(), 1);
    daemon.stop().await;
}
