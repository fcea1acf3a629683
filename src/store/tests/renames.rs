//! A tenant gets another name.

use super::*;
use crate::evaluate::renamed::BY;

fn name(text: &str) -> TenantName {
    TenantName::parse(text).unwrap()
}

/// A configuration with these tenants, each with its former names.
fn config(tenants: &[(&str, &[&str])]) -> config::Config {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.yaml");
    let tenants: Vec<_> =
        tenants.iter().map(|(name, formerly)| serde_json::json!({ "name": name, "formerly": formerly })).collect();
    std::fs::write(&path, serde_json::json!({ "site": "x", "tenants": tenants }).to_string()).unwrap();
    config::load(&path, &BTreeMap::new(), None).unwrap()
}

fn configure(store: &Store, tenants: &[(&str, &[&str])], minute: i64) {
    store.configure(&config(tenants), Moment { now: at(minute), built: at(0) });
}

fn poll(store: &Store, tenant: &str, told_topic: &str, minute: i64) {
    let expectations = Expectations { sources: vec![Source::Api], may_pin: true };
    store.record(&name(tenant), &expectations, Source::Api, "here", told(told_topic), at(minute));
}

async fn say(store: &Store, tenant: &str, word: Statement, pin: PinChange) {
    let judged = store.memory(&name(tenant)).unwrap_or_default();
    store.attest(&name(tenant), vec![statement(word)], pin, judged).await.unwrap();
}

fn confirmed(text: &str, minute: i64) -> Pin {
    Pin { topic: topic(text), origin: PinOrigin::Confirmed, since: at(minute), by: Some("kim".to_owned()) }
}

fn pinned(store: &Store, tenant: &str) -> Option<Topic> {
    store.memory(&name(tenant))?.pin.as_ref().map(|pin| pin.topic.clone())
}

/// A store in which a person confirmed the topic of `a`.
async fn confirmed_as_a(path: &Path) {
    let store = open(path).await;
    configure(&store, &[("a", &[])], 1);
    poll(&store, "a", T1, 2);
    say(&store, "a", Statement::PinConfirmed { topic: topic(T1) }, PinChange::Set(confirmed(T1, 50))).await;
    store.close().await;
}

#[tokio::test]
async fn what_is_known_follows_and_stays_over_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let store = open(&path).await;
    let before = store.memory(&name("a")).unwrap();
    configure(&store, &[("b", &["a"])], 60);
    assert_eq!(store.memory(&name("b")).unwrap(), before);
    let snapshot = store.snapshot();
    assert!(snapshot.missing.is_empty() && !snapshot.tenants.contains_key(&name("a")), "{:?}", snapshot.missing);
    // A poll that was under way under the former name ends under the new one, and pins nothing anew.
    poll(&store, "a", T2, 61);
    let drift = |store: &Store, tenant| store.memory(&name(tenant)).unwrap().sources[&Source::Api].drift.clone();
    assert_eq!((pinned(&store, "b"), drift(&store, "b").unwrap().topic), (Some(topic(T1)), topic(T2)));
    store.refresh().await;
    assert_eq!(store.memory(&name("b")).unwrap().attestations, before.attestations);
    store.close().await;

    // The next name, before the one in between was ever taken back; then a start with the same configuration.
    for minute in [70, 71] {
        let store = open(&path).await;
        configure(&store, &[("c", &["a", "b"])], minute);
        store.refresh().await;
        let memory = store.memory(&name("c")).unwrap();
        assert_eq!((memory.pin.as_ref(), &memory.attestations), (before.pin.as_ref(), &before.attestations));
        assert_eq!((drift(&store, "c").unwrap().topic, store.snapshot().missing.len()), (topic(T2), 0));
        store.close().await;
    }
    let kept = peek(&place(&path)).await.unwrap();
    assert_eq!(kept.tenants.keys().map(TenantName::as_str).collect::<Vec<_>>(), ["c"], "no row is left behind");
    assert_eq!(kept.configured, BTreeMap::from([(name("c"), None)]));
}

#[tokio::test]
async fn a_name_that_was_forgotten_in_the_configuration_is_made_up_for_later() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let store = open(&path).await;
    configure(&store, &[("b", &[])], 60);
    poll(&store, "b", T2, 61);
    assert_eq!((pinned(&store, "b"), store.snapshot().missing.len()), (Some(topic(T2)), 1));
    configure(&store, &[("b", &["a"])], 62);
    let both = |store: &Store| {
        let memory = store.memory(&name("b")).unwrap();
        (memory.pin.clone(), memory.sources[&Source::Api].drift.clone().map(|drift| drift.topic))
    };
    let wanted = (Some(confirmed(T1, 50)), Some(topic(T2)));
    assert_eq!((both(&store), store.snapshot().missing.len()), (wanted.clone(), 0));
    store.refresh().await;
    assert_eq!(both(&store), wanted);
    store.close().await;
    let store = open(&path).await;
    assert_eq!(both(&store), wanted, "as on disk");
    store.close().await;
}

#[tokio::test]
async fn two_words_that_disagree_are_told_to_everybody_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let store = open(&path).await;
    configure(&store, &[("b", &[])], 60);
    // Of another machine, whose clock is late.
    let word = Attestation { at: at(10), ..statement(Statement::PinConfirmed { topic: topic(T2) }) };
    let judged = store.memory(&name("b")).unwrap();
    store.attest(&name("b"), vec![word], PinChange::Set(confirmed(T2, 61)), judged).await.unwrap();
    for minute in 62..65 {
        configure(&store, &[("b", &["a"])], minute);
        store.refresh().await;
    }
    let before = store.memory(&name("b")).unwrap();
    store.close().await;
    let store = open(&path).await;
    let memory = store.memory(&name("b")).unwrap();
    assert_eq!(memory, before, "in the order in which it was said, in memory as on disk");
    assert_eq!(memory.pin, Some(confirmed(T2, 61)));
    let by: Vec<&str> = memory.attestations.iter().map(|word| word.by.as_str()).collect();
    assert_eq!(by, ["kim", "kim", BY]);
    store.close().await;
}

#[tokio::test]
async fn commands_read_and_write_before_the_daemon_has_seen_the_new_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let daemon = open(&path).await;
    configure(&daemon, &[("a", &[])], 55);
    let renames = config(&[("b", &["a"])]).renames();
    let seen = peek(&place(&path)).await.unwrap().renamed(&renames, at(60));
    assert_eq!(seen.tenants[&name("b")].pin, Some(confirmed(T1, 50)));
    assert!(!seen.tenants.contains_key(&name("a")));
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    let word = statement(Statement::PinForgotten { topic: topic(T1) });
    desk.attest(&name("b"), &[word], &PinChange::Forget).await.unwrap();
    desk.close().await;
    daemon.refresh().await;
    assert_eq!(pinned(&daemon, "a"), Some(topic(T1)), "it knows nothing of the new name yet");
    configure(&daemon, &[("b", &["a"])], 61);
    assert_eq!(pinned(&daemon, "b"), None);
    daemon.refresh().await;
    let memory = daemon.memory(&name("b")).unwrap();
    assert_eq!((memory.pin.as_ref(), memory.attestations.len()), (None, 2));
    daemon.close().await;
}

#[tokio::test]
async fn a_rename_that_cannot_be_written_pins_nothing_anew_and_is_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let store = open(&path).await;
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    configure(&store, &[("b", &["a"])], 60);
    poll(&store, "b", T2, 61);
    store.refresh().await;
    let kept = |store: &Store| {
        let memory = store.memory(&name("b")).unwrap();
        (memory.pin.clone(), memory.sources[&Source::Api].drift.clone().map(|drift| drift.topic))
    };
    let wanted = (Some(confirmed(T1, 50)), Some(topic(T2)));
    assert_eq!((store.snapshot().store_up, kept(&store)), (false, wanted.clone()));
    // It ends without having written: nothing is lost, and the next start makes up for it.
    store.close().await;
    std::fs::rename(&aside, &path).unwrap();
    assert!(peek(&place(&path)).await.unwrap().tenants.contains_key(&name("a")));
    let store = open(&path).await;
    configure(&store, &[("b", &["a"])], 62);
    assert_eq!(kept(&store).0, wanted.0);
    store.close().await;

    // A store that cannot be read at all: nobody knows what is pinned, so nothing is.
    std::fs::write(&path, b"no database at all ".repeat(100)).unwrap();
    let store = open(&path).await;
    configure(&store, &[("c", &["b"])], 63);
    poll(&store, "c", T2, 64);
    assert_eq!((store.snapshot().store_up, pinned(&store, "c")), (false, None));
    store.close().await;
}

#[tokio::test]
async fn a_write_that_fails_for_a_while_is_made_up_for_by_the_same_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let store = open(&path).await;
    let aside = folder.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    configure(&store, &[("b", &["a"])], 60);
    store.refresh().await;
    assert!(!store.snapshot().store_up);
    // Another name while the first one is not on disk.
    configure(&store, &[("c", &["a", "b"])], 61);
    std::fs::rename(&aside, &path).unwrap();
    assert!(store.answers().await);
    assert!(store.snapshot().store_up);
    store.close().await;
    let kept = peek(&place(&path)).await.unwrap();
    assert_eq!(kept.tenants.keys().map(TenantName::as_str).collect::<Vec<_>>(), ["c"]);
    assert_eq!(kept.tenants[&name("c")].pin, Some(confirmed(T1, 50)));
}

#[tokio::test]
async fn what_another_process_writes_under_the_former_name_is_moved_when_it_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let (older, newer) = (open(&path).await, open(&path).await);
    configure(&older, &[("a", &[])], 60);
    configure(&newer, &[("b", &["a"])], 60);
    newer.refresh().await;
    // The older one keeps what it knows, though no row is there any more, and does not take the next topic for the right one.
    older.refresh().await;
    assert_eq!(older.memory(&name("a")).unwrap().attestations.len(), 1);
    poll(&older, "a", T2, 61);
    assert_eq!(pinned(&older, "a"), Some(topic(T1)));
    say(&older, "a", Statement::Verified { step: HumanStep::Mac }, PinChange::Keep).await;
    assert_eq!((pinned(&older, "a"), older.memory(&name("a")).unwrap().attestations.len()), (Some(topic(T1)), 2));
    for _ in 0..3 {
        newer.refresh().await;
    }
    let memory = newer.memory(&name("b")).unwrap();
    assert_eq!((memory.pin.clone(), memory.attestations.len()), (Some(confirmed(T1, 50)), 2));
    older.refresh().await;
    assert_eq!(older.memory(&name("a")).unwrap().attestations.len(), 2);
    older.close().await;
    newer.refresh().await;
    newer.refresh().await;
    newer.close().await;
    let kept = peek(&place(&path)).await.unwrap();
    assert_eq!(
        (kept.tenants[&name("b")].attestations.len(), kept.tenants[&name("b")].pin.clone()),
        (2, Some(confirmed(T1, 50)))
    );
}

#[tokio::test]
async fn what_was_read_before_the_rows_were_moved_changes_nothing() {
    let known = |text: &str| Memory { pin: Some(confirmed(text, 50)), ..Memory::default() };
    let mut snapshot = Contents::default().into_snapshot(true);
    snapshot.tenants.insert(name("b"), Arc::new(known(T1)));
    let shared = Shared::new(snapshot, true);
    *shared.names() = Names::new(BTreeMap::from([(name("a"), name("b"))]), at(60));
    let read = || HumanWords {
        pins: BTreeMap::from([(name("a"), confirmed(T1, 50)), (name("b"), confirmed(T2, 40))]),
        ..HumanWords::default()
    };
    assert!(!writer::take_words(read(), &shared), "it is looked at again");
    assert_eq!(shared.dirty().renames, BTreeMap::from([(name("a"), name("b"))]));
    assert_eq!(shared.snapshot.borrow().tenants[&name("b")].pin, Some(confirmed(T1, 50)));
    // Nor where only the present name was read.
    let mut words = read();
    words.pins.remove(&name("a"));
    assert!(!writer::take_words(words, &shared));
    assert_eq!(shared.snapshot.borrow().tenants[&name("b")].pin, Some(confirmed(T1, 50)));
    assert!(!shared.snapshot.borrow().tenants.contains_key(&name("a")));
}

#[tokio::test]
async fn what_was_being_written_when_the_name_changed_is_written_under_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    configure(&store, &[("a", &[])], 1);
    assert!(store.answers().await);
    // Another process has the database for itself, for longer than anybody waits.
    let mut other = Desk::open(&place(&path)).await.unwrap();
    other.database.sqlite().tamper("BEGIN IMMEDIATE").await;
    poll(&store, "a", T1, 2);
    while !store.shared.dirty().is_empty() {
        tokio::task::yield_now().await;
    }
    configure(&store, &[("b", &["a"])], 3);
    store.answers().await;
    assert!(!store.snapshot().store_up);
    other.database.sqlite().tamper("ROLLBACK").await;
    assert!(store.answers().await && store.snapshot().store_up);
    assert_eq!(pinned(&store, "b"), Some(topic(T1)));
    store.close().await;
    // Without its pin a start would take whatever it sees first for the right topic.
    let kept = peek(&place(&path)).await.unwrap();
    let memory = &kept.tenants[&name("b")];
    assert_eq!(memory.pin.as_ref().map(|pin| &pin.topic), Some(&topic(T1)));
    assert!(memory.sources.contains_key(&Source::Api) && !kept.tenants.contains_key(&name("a")));
}

#[tokio::test]
async fn a_word_that_cannot_be_read_keeps_nobody_else_from_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    confirmed_as_a(&path).await;
    let store = open(&path).await;
    configure(&store, &[("a", &[]), ("x", &[]), ("y", &[])], 55);
    poll(&store, "x", T1, 56);
    store.refresh().await;
    // Of a program of a later version.
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    let word = r#"{"statement":{"kind":"of_a_later_version"},"at":"2027-01-15T08:00:00Z","by":"kim","note":null}"#;
    desk.database.sqlite().attest_raw("a", word).await;
    store.refresh().await;
    configure(&store, &[("b", &["a"]), ("y", &["x"])], 60);
    poll(&store, "y", T2, 61);
    assert!(store.answers().await);
    assert!(store.snapshot().store_up);
    assert_eq!(pinned(&store, "b"), Some(topic(T1)));
    let rows = |tenant| format!("SELECT count(*) FROM attestations WHERE tenant = '{tenant}'");
    let count = desk.database.sqlite().count(&rows("a")).await;
    assert_eq!(count, 2, "what cannot be read stays where it is");
    let drifts = "SELECT count(*) FROM source_memory WHERE tenant = 'y' AND memory LIKE '%drift%'";
    assert_eq!(desk.database.sqlite().count(drifts).await, 1);
    desk.close().await;
    store.close().await;
}
