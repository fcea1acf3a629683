//! Receivers that take their time, or take a message and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::bench::{Receiver, World, ends_in};
use crate::support::{SOON, eventually};

/// Accepts and never says a word. Its port, and how many came.
async fn silent() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await.unwrap());
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (port, came)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_channel_took_is_kept_while_another_makes_it_wait() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    std::fs::write(folder.path().join("hook"), format!("http://{}/hook", receiver.address)).unwrap();
    std::fs::write(folder.path().join("ntfy"), format!("http://127.0.0.1:{}/topic", silent().await.0)).unwrap();
    let yaml = format!(
        "notify: {{ webhook: {{ url_file: FOLDER/hook }}, ntfy: {{ url_file: FOLDER/ntfy }} }}\ntenants:\n{}",
        ends_in("acme", -3)
    );
    let mut world = World::new(folder, &yaml).await;
    world.minutes(4).await;
    let store = world.store();
    let is_kept = || async {
        let rows = store.notices().await.unwrap();
        let waits = |channel: &str| rows.keys().any(|name| name.starts_with(&format!("message {channel} ")));
        (waits("ntfy") && !waits("webhook")).then_some(())
    };
    world.leap(10);
    tokio::select! {
        () = world.round() => panic!("it does not wait for the slow one"),
        () = eventually("what the fast one took is kept", SOON, is_kept) => {}
    }
    // The process is killed in that moment.
    world.restart().await;
    world.leap(10);
    world.round().await;
    assert_eq!(receiver.titles().len(), 1, "nothing is told twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_new_is_told_while_a_mail_server_says_nothing() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let (port, came) = silent().await;
    std::fs::write(folder.path().join("hook"), format!("http://{}/hook", receiver.address)).unwrap();
    let yaml = |days| {
        format!(
            "notify:\n  webhook: {{ url_file: FOLDER/hook }}\n  smtp: {{ server: '127.0.0.1:{port}', tls: none, from: a@example.com, \
             to: [b@example.com] }}\ntenants:\n{}{}",
            ends_in("acme", -3),
            ends_in("north", days)
        )
    };
    let mut world = World::new(folder, &yaml(300)).await;
    world.minutes(4).await;
    let store = world.store();
    let told = async |number: u16| {
        eventually("it is told", SOON, || async { (receiver.asked() == number).then_some(()) }).await;
    };
    world.leap(10);
    tokio::select! {
        () = world.round() => panic!("the mail is under way"),
        () = told(1) => {}
    }
    // A look sees it, and another one when it has stood for long enough.
    world.reload(&yaml(-1));
    tokio::select! {
        () = world.round() => panic!("the mail is under way"),
        () = eventually("it is seen", SOON, || async {
            store.notices().await.unwrap().keys().any(|name| name.contains("north")).then_some(())
        }) => {}
    }
    world.leap(10);
    tokio::select! {
        () = world.round() => panic!("the mail is under way"),
        () = told(2) => {}
    }
    assert!(receiver.titles().iter().any(|title| title.starts_with("north, ")));
    assert_eq!(came.load(Ordering::SeqCst), 1, "it is the first mail still");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_acknowledges_whatever_becomes_of_the_rest_of_the_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let port = listener.local_addr().unwrap().port();
    std::fs::write(folder.path().join("hook"), format!("http://127.0.0.1:{port}/hook")).unwrap();
    let breaks_off = async |mut stream: TcpStream| {
        // The request is small and comes at once.
        let _ = stream.read(&mut [0; 16_384]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok, but").await.unwrap();
    };
    tokio::spawn(async move {
        loop {
            breaks_off(listener.accept().await.unwrap().0).await;
        }
    });
    let head = "notify: { webhook: { url_file: FOLDER/hook } }\ntenants:\n";
    let mut world = World::new(folder, &format!("{head}{}", ends_in("acme", -3))).await;
    world.minutes(8).await;
    assert!(world.counters.text().unwrap().contains("apnswatch_notifications_total{channel=\"webhook\"} 1"));
}

/// Speaks as much SMTP as is needed to take a mail, and falls silent at the goodbye.
async fn takes_and_stalls(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (input, mut output) = stream.into_split();
        let mut lines = BufReader::new(input).lines();
        output.write_all(b"220 here\r\n").await.unwrap();
        let mut is_mail = false;
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.get(..4).unwrap_or_default() {
                _ if is_mail && line != "." => continue,
                "QUIT" => break,
                "DATA" => "354 go on\r\n",
                _ => "250 well\r\n",
            };
            is_mail = line == "DATA";
            output.write_all(answer.as_bytes()).await.unwrap();
        }
        // It is not closed either.
        std::mem::forget(output);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_taken_when_the_server_says_so_and_not_at_its_goodbye() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = listener.local_addr().unwrap();
    tokio::spawn(takes_and_stalls(listener));
    let yaml = format!(
        "notify: {{ smtp: {{ server: '{server}', tls: none, from: a@example.com, to: [b@example.com] }} }}\ntenants:\n{}",
        ends_in("acme", -3)
    );
    let mut world = World::new(tempfile::tempdir().unwrap(), &yaml).await;
    world.minutes(8).await;
    assert!(world.counters.text().unwrap().contains("apnswatch_notifications_total{channel=\"smtp\"} 1"));
}
