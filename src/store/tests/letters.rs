use super::*;

fn due(number: u32) -> LetterEvent {
    LetterEvent::Due { number, code: "7f2c81d4".to_owned(), at: at(1) }
}

fn sent(number: u32) -> LetterEvent {
    LetterEvent::Sent { number, at: at(2), to: vec!["it@example.com".to_owned()] }
}

fn confirmed(number: u32, minute: i64) -> LetterEvent {
    LetterEvent::Confirmed { number, at: at(minute), by: "kim".to_owned() }
}

#[tokio::test]
async fn what_happened_with_a_letter_is_known_at_once_to_others_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    assert!(store.keep_letter(due(1)).await.unwrap());
    store.tell_letter(sent(1)).await.unwrap();
    assert_eq!(store.snapshot().letters, [due(1), sent(1)]);
    // A command beside it.
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    assert_eq!(desk.load().await.unwrap().letters, [due(1), sent(1)]);
    desk.tell_letter(&confirmed(1, 3)).await.unwrap();
    desk.close().await;
    store.refresh().await;
    assert_eq!(store.snapshot().letters, [due(1), sent(1), confirmed(1, 3)]);
    // Whoever presses the button meanwhile says nothing new; the first word stands.
    store.tell_letter(confirmed(1, 4)).await.unwrap();
    store.close().await;
    let store = open(&path).await;
    assert_eq!(store.snapshot().letters, [due(1), sent(1), confirmed(1, 3)]);
    store.close().await;
}

#[tokio::test]
async fn a_letter_is_kept_nowhere_but_on_the_disk_that_holds_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "another one").unwrap();
    assert!(store.keep_letter(due(1)).await.is_err(), "its code would be known to nobody");
    assert!(store.tell_letter(confirmed(1, 3)).await.is_err());
    assert!(store.snapshot().letters.is_empty());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hides_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.keep_letter(due(1)).await.unwrap();
    store.close().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database.sqlite().tamper("INSERT INTO letters (event) VALUES ('{\"event\":\"of_a_later_version\"}')").await;
    desk.tell_letter(&sent(1)).await.unwrap();
    desk.close().await;
    let store = open(&path).await;
    assert!(store.snapshot().store_up);
    assert_eq!(store.snapshot().letters, [due(1), sent(1)]);
    assert_eq!(known(&store).pin.as_ref().unwrap().topic, topic(T1));
    store.close().await;
}

#[tokio::test]
async fn a_store_of_the_version_before_is_read_by_a_command_that_only_looks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = open(&path).await;
    record(&store, told(T1), 1);
    store.close().await;
    let mut desk = Desk::open(&place(&path)).await.unwrap();
    desk.database.sqlite().tamper("DROP TABLE letters").await;
    desk.close().await;
    let contents = peek(&place(&path)).await.unwrap();
    assert!(contents.letters.is_empty() && contents.tenants.contains_key(&acme()));
}
