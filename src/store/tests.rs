use std::collections::BTreeMap;

use super::*;
use crate::model::{Facts, Failure, HumanStep, Pin, PinOrigin, Presence, PushCertificate, Reason, Statement, Topic};

mod letters;
mod renames;
mod turns;

const T1: &str = "com.apple.mgmt.External.11111111-0000-4000-8000-000000000001";
const T2: &str = "com.apple.mgmt.External.22222222-0000-4000-8000-000000000002";

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + 60 * minute, 0).unwrap()
}

fn topic(text: &str) -> Topic {
    Topic::parse(text).unwrap()
}

fn acme() -> TenantName {
    TenantName::parse("acme \"north\"").unwrap()
}

fn told(text: &str) -> Outcome {
    let certificate =
        PushCertificate { topic: Topic::parse(text), not_after: Some(at(500_000)), ..PushCertificate::default() };
    Outcome::success(Facts { certificate: Some(Presence::from(certificate)), ..Facts::default() })
}

fn record(store: &Store, outcome: Outcome, minute: i64) {
    let expectations = Expectations { sources: vec![Source::Api], may_pin: true };
    store.record(&acme(), &expectations, Source::Api, "here", outcome, at(minute));
}

fn place(path: &Path) -> config::Store {
    config::Store::Sqlite(path.to_owned())
}

async fn open(path: &Path) -> Store {
    Store::open(&place(path)).await
}

fn statement(statement: Statement) -> Attestation {
    Attestation { statement, at: at(50), by: "kim".to_owned(), note: None, witness: None, ticket: None }
}

#[tokio::test]
async fn a_restart_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    record(&store, told(T2), 2);
    record(&store, Outcome::failure(Failure::new(Reason::Timeout, "no answer")), 3);
    let before = store.memory(&acme()).unwrap();
    store.close().await;
    drop(store);
    let store = open(&path).await;
    assert!(store.snapshot().store_up);
    let after = store.memory(&acme()).unwrap();
    assert_eq!(after, before);
    assert_eq!(after.pin.as_ref().unwrap().topic, topic(T1));
    assert_eq!(after.sources[&Source::Api].drift.as_ref().unwrap().topic, topic(T2));
    record(&store, told(T2), 4);
    assert_eq!(store.memory(&acme()).unwrap().pin.as_ref().unwrap().topic, topic(T1), "no restart blesses a topic");
}

#[tokio::test]
async fn the_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    open(&path).await.close().await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_damaged_store_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let garbage = b"this was a database once, and somebody may still need it".repeat(100);
    std::fs::write(&path, &garbage).unwrap();
    let store = open(&path).await;
    assert!(!store.snapshot().store_up);
    record(&store, told(T1), 1);
    let memory = store.memory(&acme()).unwrap();
    assert!(memory.sources[&Source::Api].last_good.is_some(), "it runs from memory");
    assert_eq!(memory.pin, None, "nobody knows what was pinned");
    store.refresh().await;
    store.close().await;
    assert_eq!(std::fs::read(&path).unwrap(), garbage);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.close().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database.sqlite().spoil().await;
    desk.close().await;
    let store = open(&path).await;
    assert!(!store.snapshot().store_up);
    record(&store, told(T2), 2);
    store.close().await;
    assert!(matches!(peek(&place(&path)).await, Err(Error::Document(_))));
}

#[tokio::test]
async fn what_a_person_writes_is_seen_before_the_next_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    record(&store, told(T2), 2);
    store.refresh().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    assert_eq!(desk.load().await.unwrap().tenants[&acme()].pin.as_ref().unwrap().topic, topic(T1));
    let pin = Pin { topic: topic(T2), origin: PinOrigin::Confirmed, since: at(50), by: Some("kim".to_owned()) };
    let words = statement(Statement::PinSet { topic: topic(T2), before: Some(topic(T1)) });
    desk.attest(&acme(), std::slice::from_ref(&words), &PinChange::Set(pin.clone())).await.unwrap();
    store.refresh().await;
    let memory = store.memory(&acme()).unwrap();
    assert_eq!(memory.pin, Some(pin));
    assert_eq!(memory.attestations, [words]);
    assert_eq!(memory.sources[&Source::Api].drift, None, "the pin was changed on purpose");
    let words = statement(Statement::PinForgotten { topic: topic(T2) });
    desk.attest(&acme(), std::slice::from_ref(&words), &PinChange::Forget).await.unwrap();
    desk.close().await;
    store.refresh().await;
    assert_eq!(store.memory(&acme()).unwrap().pin, None);
    record(&store, told(T1), 60);
    store.close().await;
    let contents = peek(&place(&path)).await.unwrap();
    assert_eq!(contents.tenants[&acme()].pin.as_ref().unwrap().topic, topic(T1));
    assert_eq!(contents.tenants[&acme()].attestations.len(), 2);
}

#[tokio::test]
async fn a_first_sight_never_replaces_a_persons_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    let pin = Pin { topic: topic(T1), origin: PinOrigin::Confirmed, since: at(50), by: Some("kim".to_owned()) };
    let words = statement(Statement::PinConfirmed { topic: topic(T1) });
    desk.attest(&acme(), std::slice::from_ref(&words), &PinChange::Set(pin)).await.unwrap();
    desk.close().await;
    // The daemon has not looked yet and sees another topic first.
    record(&store, told(T2), 1);
    store.refresh().await;
    store.refresh().await;
    let memory = store.memory(&acme()).unwrap();
    assert_eq!(memory.pin.as_ref().unwrap().topic, topic(T1));
    assert_eq!(memory.sources[&Source::Api].drift.as_ref().unwrap().topic, topic(T2));
}

#[tokio::test]
async fn looking_makes_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    assert!(peek(&place(&path)).await.unwrap().tenants.is_empty());
    assert!(!path.exists());
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    open(&path).await.close().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database.sqlite().pretend_newer().await;
    desk.close().await;
    assert!(!open(&path).await.snapshot().store_up);
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_blesses_no_drift() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    record(&store, told(T2), 2);
    assert!(store.memory(&acme()).unwrap().sources[&Source::Api].drift.is_some());
    store.close().await;
    drop(store);
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database.sqlite().spoil().await;
    desk.close().await;
    let store = open(&path).await;
    record(&store, told(T2), 3);
    let memory = store.memory(&acme()).unwrap();
    assert!(memory.pin.is_none(), "the pin is in a store that cannot be read: nobody knows it");
}

#[tokio::test]
async fn a_word_that_cannot_be_read_hides_no_other_tenants_pin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.refresh().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database
        .sqlite()
        .attest_raw(
            "other",
            r#"{"statement":{"kind":"of_a_later_version"},"at":"2027-01-15T08:00:00Z","by":"kim","note":null}"#,
        )
        .await;
    let pin = Pin { topic: topic(T2), origin: PinOrigin::Confirmed, since: at(50), by: Some("kim".to_owned()) };
    let words = statement(Statement::PinSet { topic: topic(T2), before: Some(topic(T1)) });
    desk.attest(&acme(), std::slice::from_ref(&words), &PinChange::Set(pin.clone())).await.unwrap();
    store.refresh().await;
    store.refresh().await;
    assert_eq!(store.memory(&acme()).unwrap().pin, Some(pin));
}

#[tokio::test]
async fn a_store_whose_file_is_gone_is_not_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.refresh().await;
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    record(&store, told(T2), 2);
    store.refresh().await;
    assert!(!store.snapshot().store_up, "what is learnt is lost at the end");
}

#[tokio::test]
async fn looking_at_a_store_that_cannot_be_reached_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(peek(&place(&folder.path().join("file/state.db"))).await.is_err());
}

#[tokio::test]
async fn a_wrong_clock_at_the_start_drops_no_missing_tenant() {
    let store = Store::in_memory(Contents { configured: BTreeMap::from([(acme(), None)]), ..Contents::default() });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    std::fs::write(&file, "store: 'sqlite::memory:'\ntenants: []\n").unwrap();
    let config = config::load(&file, &BTreeMap::new(), None).unwrap();
    store.configure(&config, Moment { now: DateTime::UNIX_EPOCH, built: at(0) });
    store.configure(&config, Moment { now: at(4), built: at(0) });
    let moment = Moment { now: at(5), built: at(0) };
    assert_eq!(crate::evaluate::evaluate(&store.snapshot(), &config, moment).missing, 1);
}

#[tokio::test]
async fn a_tenant_that_came_while_the_clock_was_wrong_is_missed_when_it_leaves() {
    let store = Store::in_memory(Contents::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.yaml");
    let load = |tenants: &str| {
        std::fs::write(&file, format!("store: 'sqlite::memory:'\ntenants: {tenants}\n")).unwrap();
        config::load(&file, &BTreeMap::new(), None).unwrap()
    };
    store.configure(&load("[{ name: acme }]"), Moment { now: DateTime::UNIX_EPOCH, built: at(0) });
    let (config, moment) = (load("[]"), Moment { now: at(4), built: at(0) });
    store.configure(&config, moment);
    assert_eq!(crate::evaluate::evaluate(&store.snapshot(), &config, moment).missing, 1);
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_hangs_or_is_gone_gives_no_answer() {
    let answers = async |store: &Store| tokio::time::timeout(Duration::from_secs(600), store.answers()).await;
    let kept_nowhere = Store::in_memory(Contents::default());
    assert_eq!(answers(&kept_nowhere).await, Ok(true), "there is nobody to wait for");
    // A writer that takes nothing from its queue.
    let (requests, queue) = mpsc::channel(64);
    let hanging = Store { requests: Some(requests), ..kept_nowhere };
    assert!(answers(&hanging).await.is_err());
    drop(queue);
    assert_eq!(answers(&hanging).await, Ok(false));
}

#[tokio::test]
async fn a_writer_that_works_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("state.db")).await;
    assert!(store.answers().await);
    store.close().await;
    assert!(!store.answers().await);
}

#[tokio::test]
async fn a_drill_that_cannot_be_read_hides_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.close().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database.sqlite().drill_raw(r#"{"severity":"of a later version"}"#).await;
    desk.close().await;
    let store = open(&path).await;
    assert!(store.snapshot().store_up);
    assert_eq!(store.memory(&acme()).unwrap().pin.as_ref().unwrap().topic, topic(T1));
    store.close().await;
}

fn known(store: &Store) -> Arc<Memory> {
    store.memory(&acme()).unwrap_or_default()
}

#[tokio::test]
async fn what_is_said_on_the_page_is_on_disk_before_anybody_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    record(&store, told(T2), 2);
    assert!(store.memory(&acme()).unwrap().sources[&Source::Api].drift.is_some());
    let mut heard = store.words();
    heard.mark_unchanged();
    let pin = Pin { topic: topic(T2), origin: PinOrigin::Confirmed, since: at(50), by: Some("kim".to_owned()) };
    let words = statement(Statement::PinSet { topic: topic(T2), before: Some(topic(T1)) });
    store.attest(&acme(), vec![words.clone()], PinChange::Set(pin.clone()), known(&store)).await.unwrap();
    assert!(heard.has_changed().unwrap());
    let done = DutyDone { duty: "sign_in".to_owned(), at: at(51), by: "kim".to_owned(), note: None };
    let account = AccountId::parse("shared").unwrap();
    store.do_duty(&account, done.clone()).await.unwrap();
    let memory = store.memory(&acme()).unwrap();
    assert_eq!((memory.pin.as_ref(), memory.attestations.as_slice()), (Some(&pin), &[words.clone()][..]));
    assert_eq!(memory.sources[&Source::Api].drift, None, "the pin was changed on purpose");
    // Another process sees both while the daemon runs, and reading again changes nothing here.
    let seen = peek(&place(&path)).await.unwrap();
    assert_eq!((seen.tenants[&acme()].pin.as_ref(), &seen.duties[&account]), (Some(&pin), &vec![done]));
    store.refresh().await;
    assert_eq!(store.memory(&acme()).unwrap(), memory);
    store.close().await;
    assert_eq!(open(&path).await.memory(&acme()).unwrap().attestations, [words]);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_and_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.refresh().await;
    let words = || vec![statement(Statement::PinConfirmed { topic: topic(T1) })];
    let pin = Pin { topic: topic(T1), origin: PinOrigin::Confirmed, since: at(50), by: Some("kim".to_owned()) };
    // The file was taken away: what is written goes nowhere.
    std::fs::remove_file(&path).unwrap();
    assert!(store.attest(&acme(), words(), PinChange::Set(pin.clone()), known(&store)).await.is_err());
    let memory = store.memory(&acme()).unwrap();
    assert_eq!((memory.pin.as_ref().unwrap().origin, memory.attestations.len()), (PinOrigin::FirstSeen, 0));
    // A store that could not be opened keeps nothing, either.
    let path = folder.path().join("other.db");
    std::fs::write(&path, "no database ".repeat(1000)).unwrap();
    let blind = open(&path).await;
    let refused = blind.attest(&acme(), words(), PinChange::Set(pin), known(&blind)).await;
    assert!(matches!(refused, Err(Error::Closed)), "{refused:?}");
    assert_eq!(blind.memory(&acme()).map(|memory| memory.attestations.len()).unwrap_or_default(), 0);
}

#[tokio::test]
async fn who_clicks_twice_says_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    for store in [open(&path).await, Store::in_memory(Contents::default())] {
        let judged = known(&store);
        let said = |second, by: &str| {
            let word = statement(Statement::Verified { step: HumanStep::Mac });
            vec![Attestation { at: at(50) + TimeDelta::seconds(second), by: by.to_owned(), ..word }]
        };
        // Both were judged before either was kept.
        for second in [0, 1] {
            store.attest(&acme(), said(second, "kim"), PinChange::Keep, Arc::clone(&judged)).await.unwrap();
        }
        assert_eq!(known(&store).attestations.len(), 1);
        // Somebody else, or later, is another word; so is the same one after something else was said.
        store.attest(&acme(), said(2, "sam"), PinChange::Keep, known(&store)).await.unwrap();
        store.attest(&acme(), said(3, "kim"), PinChange::Keep, known(&store)).await.unwrap();
        store.attest(&acme(), said(63, "kim"), PinChange::Keep, known(&store)).await.unwrap();
        assert_eq!(known(&store).attestations.len(), 4);
        let account = AccountId::parse("shared").unwrap();
        for second in [0, 1, 90] {
            let at = at(50) + TimeDelta::seconds(second);
            let done = DutyDone { duty: "sign_in".to_owned(), at, by: "kim".to_owned(), note: None };
            store.do_duty(&account, done).await.unwrap();
        }
        assert_eq!(store.snapshot().duties[&account].len(), 2);
        store.close().await;
    }
    let kept = peek(&place(&path)).await.unwrap();
    assert_eq!((kept.tenants[&acme()].attestations.len(), kept.duties.values().map(Vec::len).sum::<usize>()), (4, 2));
}

#[tokio::test]
async fn a_word_that_was_judged_by_what_is_true_no_more_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.refresh().await;
    let judged = known(&store);
    // The topic is changed on the host, and the daemon has not looked.
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    let pin = |topic_of: &str| Pin {
        topic: topic(topic_of),
        origin: PinOrigin::Confirmed,
        since: at(50),
        by: Some("kim".to_owned()),
    };
    let set = statement(Statement::PinSet { topic: topic(T2), before: Some(topic(T1)) });
    desk.attest(&acme(), std::slice::from_ref(&set), &PinChange::Set(pin(T2))).await.unwrap();
    desk.close().await;
    let confirmed = vec![statement(Statement::PinConfirmed { topic: topic(T1) })];
    let refused = store.attest(&acme(), confirmed, PinChange::Set(pin(T1)), judged).await;
    assert!(matches!(refused, Err(Error::Overtaken)), "{refused:?}");
    assert_eq!((known(&store).pin.as_ref().unwrap().topic.clone(), known(&store).attestations.len()), (topic(T2), 1));
    store.close().await;
}

#[tokio::test]
async fn whoever_waits_no_more_has_said_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    let word = || vec![statement(Statement::Verified { step: HumanStep::Mac })];
    // Given up before the writer got to it: it was asked, and nothing else ran meanwhile.
    let tenant = acme();
    let mut keeping = Box::pin(store.attest(&tenant, word(), PinChange::Keep, known(&store)));
    assert!(polled(keeping.as_mut()).is_pending());
    drop(keeping);
    store.refresh().await;
    assert_eq!(known(&store).attestations, []);
    store.close().await;
    assert_eq!(peek(&place(&path)).await.unwrap().tenants.len(), 0);
}

/// Polls once.
fn polled<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_store_is_opened_by_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let path = folder.path().join(format!("{round}.db"));
        let desks = (0..6).map(|_| {
            let path = path.clone();
            async move { Desk::open(&place(&path)).await.map(|_| ()) }
        });
        // Each connection has a thread of its own, so they are at it at the same time.
        futures::future::try_join_all(desks).await.unwrap();
        assert!(open(&path).await.snapshot().store_up);
    }
}

#[tokio::test]
async fn what_is_written_while_a_store_is_being_opened_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 0);
    store.close().await;
    let mut database = sqlite::Database::open(&path).await.unwrap();
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.attest(&acme(), &[statement(Statement::PinConfirmed { topic: topic(T1) })], &PinChange::Keep).await.unwrap();
    let contents = database.load().await.unwrap();
    assert_eq!(contents.tenants[&acme()].attestations.len(), 1);
    assert!(contents.tenants[&acme()].sources[&Source::Api].last_good.is_some());
    database.close().await;
    // And what was read before, where nothing was.
    let mut database = sqlite::Database::open(&path).await.unwrap();
    assert_eq!(database.load().await.unwrap().tenants, contents.tenants);
    database.close().await;
}
