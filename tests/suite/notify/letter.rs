//! The monthly letter, to a real mail server: it comes once, and somebody confirms it or is missed.

use serde_json::Value;

use super::bench::{Receiver, World, ends_in};
use super::mail::{Mailbox, PASSWORD};
use crate::access::hash;
use crate::said::Person;
use crate::support::{Ended, SOON, Site, ended, eventually, filed, program, topic};

const DAY: i64 = 24 * 60;

/// `notify` with a letter, and a webhook that hears of it if nobody confirms.
pub(crate) fn notify(port: u16, readers: &str) -> String {
    format!(
        "web: {{ external_url: 'https://watch.example.com/mdm/' }}\n\
         notify:\n  network: {{ ca_files: [FOLDER/mail.pem] }}\n  smtp:\n    server: localhost:{port}\n    \
         from: apnswatch <apnswatch@example.com>\n    to: [it@example.com]\n    username: apnswatch\n    \
         password_file: FOLDER/password\n    tiers: [critical]\n  webhook: {{ url_file: FOLDER/hook }}\n  letter: {{ to: [{readers}] }}\n"
    )
}

/// A world with a letter.
async fn world(tenants: &str) -> (World, Mailbox, Receiver) {
    let folder = tempfile::tempdir().unwrap();
    let (mailbox, receiver) = (Mailbox::start(folder.path()).await, Receiver::start().await);
    std::fs::write(folder.path().join("password"), PASSWORD).unwrap();
    std::fs::write(folder.path().join("hook"), format!("http://{}/hook", receiver.address)).unwrap();
    let yaml =
        format!("store: 'sqlite://FOLDER/state.db'\n{}tenants:\n{tenants}", notify(mailbox.port, "reader@example.com"));
    (World::new(folder, &yaml).await, mailbox, receiver)
}

/// The code that stands in a letter.
pub(crate) fn code(mail: &Value) -> String {
    let text = mail["text"].as_str().unwrap();
    let (_, rest) = text.split_once("apnswatch letter confirm ").unwrap_or_else(|| panic!("{text}"));
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Runs a command beside it.
async fn run(world: &World, arguments: &[&str]) -> Ended {
    let mut command = program();
    command.arg("--config").arg(world.folder.path().join("apnswatch.yaml")).args(arguments);
    ended(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_letter_comes_after_the_first_round_and_is_confirmed_by_command() {
    let tenants = format!(
        "  - {{ name: t0000, mdm: {{ kind: kandji, url: 'https://t.api.example.com', token_file: t, push: false }} }}\n{}",
        ends_in("acme", 300)
    );
    let (mut world, mailbox, receiver) = world(&tenants).await;
    world.minutes(3).await;
    assert_eq!(world.letter().newest(), None, "a source was not asked yet");
    world.poll(0..1, true);
    world.minutes(1).await;
    let mails = mailbox.mails(1).await;
    let (mail, text) = (&mails[0], mails[0]["text"].as_str().unwrap());
    assert_eq!(mail["to"], serde_json::json!(["reader@example.com"]), "its readers alone");
    let (headers, code) = (&mail["headers"], code(mail));
    assert!(headers["subject"].as_str().unwrap().contains(": the letter to confirm by "), "{headers}");
    assert!(headers["message-id"].as_str().unwrap().starts_with(&format!("<letter-{code}@")), "{headers}");
    assert_eq!((&mail["defects"], &mail["bare"]), (&serde_json::json!([]), &false.into()));
    assert!(mail["longest"].as_u64().unwrap() <= 998, "RFC 5322, 2.1.1: {mail}");
    for part in [
        &format!("https://watch.example.com/mdm/letter?code={code}\n") as &str,
        "2 tenants watched, by phase: ok 1, unknown 1.",
        "acme, expires in ",
        "- when the push certificate ends (1): t0000\n",
        "- whether pushes arrive (2 tenants): acme, t0000\n",
        "- the next letter comes after 30 days",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Once, over restarts; and to look at it sends nothing and shows no code.
    world.restart().await;
    world.minutes(30).await;
    let shown = run(&world, &["letter", "show"]).await;
    assert!(shown.stdout.contains("Letter 1 waits to be confirmed; in "), "{}", shown.stdout);
    assert!(shown.stdout.contains("CERTIFICATES THAT END NEXT") && !shown.stdout.contains(&code), "{}", shown.stdout);
    let shown = run(&world, &["--json", "letter", "show"]).await;
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!((&document["letter"]["last"]["number"], &document["letter"]["unconfirmed"]), (&1.into(), &false.into()));
    let wrong = run(&world, &["letter", "confirm", "1-00000000", "--by", "kim"]).await;
    assert!(wrong.status == Some(1) && wrong.stderr.contains("no letter has this code"), "{wrong:?}");
    let kept = run(&world, &["letter", "confirm", &code, "--by", "kim"]).await;
    assert_eq!((kept.status, kept.stdout.as_str()), (Some(0), "Kept: the letter was read, says kim.\n"), "{kept:?}");
    let again = run(&world, &["letter", "confirm", &code, "--by", "sam"]).await;
    assert_eq!((again.status, again.stdout.as_str()), (Some(0), "It was confirmed already.\n"));

    world.leap(20 * DAY);
    world.minutes(1).await;
    world.restart().await;
    world.minutes(20).await;
    let letter = world.letter();
    assert_eq!((letter.unconfirmed, letter.confirmed.unwrap().by.as_str()), (Some(false), "kim"));
    assert!(!receiver.titles().iter().any(|title| title.contains("letter")));
    assert_eq!(mailbox.mails(1).await.len(), 1);
    let text = world.counters.text().unwrap();
    assert!(text.contains("apnswatch_notifications_total{channel=\"letter\"} 1"), "{text}");
    // Readers of whom none had a letter.
    let yaml = std::fs::read_to_string(world.folder.path().join("apnswatch.yaml")).unwrap();
    world.reload(&yaml.replace("to: [reader@example.com]", "to: [reader@example.com, new@example.com]"));
    world.minutes(2).await;
    let mails = mailbox.mails(2).await;
    assert_eq!(mails[1]["to"], serde_json::json!(["reader@example.com", "new@example.com"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_cannot_be_kept_is_not_passed_over_in_silence() {
    let (mut world, mailbox, receiver) = world(&ends_in("acme", 300)).await;
    let database = world.folder.path().join("state.db");
    let change = |statement: &'static str| {
        let changed = std::process::Command::new("sqlite3").arg(&database).arg(statement).status();
        assert!(changed.unwrap().success(), "{statement}");
    };
    change("CREATE TRIGGER kept BEFORE INSERT ON letters BEGIN SELECT RAISE(FAIL, 'no'); END");
    world.minutes(40).await;
    assert_eq!(world.letter().newest(), None);
    assert_eq!(receiver.titles(), ["letter: apnswatch cannot send its notices"]);
    let text = world.counters.text().unwrap();
    let failures = text.lines().find(|line| line.contains("channel=\"letter\",reason=\"io\"")).unwrap();
    assert!(!failures.ends_with(" 0"), "{failures}");
    change("DROP TRIGGER kept");
    world.minutes(70).await;
    assert_eq!(mailbox.mails(1).await.len(), 1);
    assert!(receiver.titles().contains(&"Ended: letter: apnswatch cannot send its notices".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_nobody_confirms_is_told_by_the_other_channels_until_the_newest_one_is() {
    let (mut world, mailbox, receiver) = world(&ends_in("acme", 300)).await;
    world.minutes(1).await;
    let first = code(&mailbox.mails(1).await[0]);
    world.leap(14 * DAY - 2);
    world.minutes(1).await;
    assert_eq!(world.letter().unconfirmed, Some(false));
    world.restart().await;
    world.minutes(2).await;
    assert_eq!(world.letter().unconfirmed, Some(true));
    assert_eq!(receiver.titles(), [""; 0], "it is given a quarter of an hour");
    for _ in 0..5 {
        world.minutes(10).await;
        world.restart().await;
    }
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(taken[0].body["title"], "apnswatch: Nobody confirmed the letter of apnswatch");
    let text = taken[0].body["text"].as_str().unwrap();
    assert!(text.starts_with("The letter of apnswatch was not confirmed within 14 days"), "{text}");
    assert!(text.contains("Next step: look for the letter"), "{text}");

    // Another one comes, and makes nothing well; neither does a word about the old one.
    world.leap(16 * DAY);
    world.minutes(2).await;
    let mails = mailbox.mails(2).await;
    assert_eq!(mails.len(), 2);
    let second = code(&mails[1]);
    assert!(mails[1]["text"].as_str().unwrap().starts_with("Nobody confirmed the last letter in time"), "{mails:?}");
    assert_eq!(world.letter().unconfirmed, Some(true));
    let old = run(&world, &["letter", "confirm", &first, "--by", "kim"]).await;
    assert!(old.status == Some(1) && old.stderr.contains("letter 1 is an old one: letter 2 went out"), "{old:?}");
    world.minutes(1).await;
    assert_eq!(world.letter().unconfirmed, Some(true));
    receiver.taken();
    let kept = run(&world, &["letter", "confirm", &second, "--by", "kim"]).await;
    assert_eq!(kept.status, Some(0), "{kept:?}");
    world.minutes(10).await;
    assert_eq!(world.letter().unconfirmed, Some(false));
    assert_eq!(receiver.titles(), ["Ended: apnswatch: Nobody confirmed the letter of apnswatch"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_no_server_takes_waits_and_is_missed_all_the_same() {
    let (mut world, mailbox, receiver) = world(&ends_in("acme", 300)).await;
    std::fs::write(world.folder.path().join("down"), "").unwrap();
    world.minutes(40).await;
    world.restart().await;
    assert_eq!(mailbox.mails(0).await.len(), 0);
    let titles = receiver.titles();
    assert_eq!(titles, ["letter: apnswatch cannot send its notices"]);
    let waiting = world.letter().newest().unwrap().clone();
    assert_eq!((waiting.number, waiting.sent), (1, None));
    world.leap(14 * DAY);
    world.minutes(40).await;
    assert_eq!(world.letter().unconfirmed, Some(true), "it was due, and nobody got it");
    let titles = receiver.titles();
    assert!(titles.contains(&"apnswatch: Nobody confirmed the letter of apnswatch".to_owned()), "{titles:?}");
    // It is the same letter when the server is back, and it comes once.
    std::fs::remove_file(world.folder.path().join("down")).unwrap();
    world.minutes(11).await;
    world.restart().await;
    world.minutes(30).await;
    let mails = mailbox.mails(1).await;
    assert_eq!((mails.len(), code(&mails[0])), (1, waiting.name()));
    assert_eq!(world.letter().unconfirmed, Some(true), "that it went out says nothing");
    let titles = receiver.titles();
    assert!(titles.contains(&"Ended: letter: apnswatch cannot send its notices".to_owned()), "{titles:?}");
    // No letter is sent any more: nobody knows whether anybody reads, which is not that it is over.
    let yaml = std::fs::read_to_string(world.folder.path().join("apnswatch.yaml")).unwrap();
    world.reload(&yaml.replace("to: [reader@example.com]", "to: []"));
    world.minutes(10).await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert!(taken[0].body["text"].as_str().unwrap().starts_with("It left the configuration"), "{taken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_confirms_on_the_page_by_a_button_and_never_by_the_address() {
    let site = Site::new().await;
    let mailbox = Mailbox::start(site.folder.path()).await;
    site.write("password", PASSWORD);
    site.write("hook", "http://127.0.0.1:9/");
    site.write("web.yml", format!("basic_auth_users: {{ kim: {hash}, sam: {hash} }}\n", hash = hash()));
    let head = |actions: bool| {
        let notify = notify(mailbox.port, "reader@example.com").replace("FOLDER", site.folder.path().to_str().unwrap());
        notify.replace("web: {", &format!("web: {{ config_file: web.yml, actions: {actions},"))
    };
    let file = site.certificate("acme.pem", &topic("acme"), "0C01", 300);
    let tenants = [filed("acme", &file)];
    site.configure(&head(false), &tenants);
    let daemon = site.serve().await;
    let code = code(&mailbox.mails(1).await[0]);
    let (kim, path) = (Person::new(&daemon, "kim"), format!("/letter?code={code}"));
    let gauge = async || {
        let text = kim.get("/metrics").await.body;
        let found = text.lines().find_map(|line| line.strip_prefix("apnswatch_letter_unconfirmed "));
        found.map(ToOwned::to_owned)
    };
    eventually("it is known that it was taken", SOON, || async {
        kim.get("/letter").await.body.contains("Letter 1 waits to be confirmed").then_some(())
    })
    .await;
    assert_eq!(gauge().await.as_deref(), Some("0"));
    // Without `web.actions` there is no button, and nothing to post to.
    let page = kim.get(&path).await;
    assert!(page.status == 200 && !page.body.contains("<form"), "{}", page.body);
    assert!(
        page.body.contains("apnswatch letter confirm CODE --by NAME") && !page.body.contains(&code),
        "{}",
        page.body
    );
    let parts: [(&str, &[u8]); 2] = [("token", b"1"), ("code", code.as_bytes())];
    assert_eq!(kim.post("/letter", "Host: localhost", &parts).await.status, 403);
    daemon.stop().await;

    site.configure(&head(true), &tenants);
    let daemon = site.serve().await;
    let (kim, sam) = (Person::new(&daemon, "kim"), Person::new(&daemon, "sam"));
    let nobody = crate::support::send(daemon.address, "GET", &path, "Host: localhost", b"").await;
    assert_eq!(nobody.status, 401);
    let page = kim.get(&path).await;
    assert!(page.body.contains("No letter was ever confirmed."), "{}", page.body);
    assert!(page.body.contains(&format!("name=\"code\" value=\"{code}\"")), "{}", page.body);
    assert!(!kim.get("/letter").await.body.contains(&code), "who did not read it does not find the code here");
    assert!(!kim.get("/api/v1/status").await.body.contains(&code[2..]));
    for (path, headers, parts) in [
        ("/letter", "Host: localhost", &parts[..]),
        ("/letter", "Host: localhost", &parts[1..]),
        ("/letter", "Host: localhost\r\nOrigin: https://evil.example.com", &parts[..]),
    ] {
        assert_eq!(kim.post(path, headers, parts).await.status, 403, "{headers}");
    }
    let wrong = kim.say("/letter", &[("code", "1-\"><script>")]).await;
    assert!(wrong.status == 409 && wrong.body.contains("No letter has this code"), "{}", wrong.body);
    assert!(wrong.body.contains("value=\"1-&quot;&gt;&lt;script&gt;\""), "it is typed once: {}", wrong.body);
    assert!(kim.get("/letter").await.body.contains("No letter was ever confirmed."));

    let kept = sam.say("/letter", &[("code", &code)]).await;
    assert!(kept.status == 303 && kept.head.contains("location: /letter\r\n"), "{}", kept.head);
    let page = kim.get("/letter").await.body;
    assert!(page.contains("Letter 1 was confirmed by sam on ") && !page.contains("<form"), "{page}");
    assert!(kim.get("/").await.body.contains("The monthly letter</a> was last confirmed by sam on "));
    let status: Value = serde_json::from_str(&kim.get("/api/v1/status").await.body).unwrap();
    assert_eq!(
        (&status["letter"]["confirmed"]["by"], &status["letter"]["unconfirmed"]),
        (&"sam".into(), &false.into())
    );
    daemon.kill().await;
    let daemon = site.serve().await;
    let page = Person::new(&daemon, "kim").get("/letter").await.body;
    assert!(page.contains("Letter 1 was confirmed by sam on "), "what was acknowledged is on disk: {page}");
    assert_eq!(mailbox.mails(1).await.len(), 1);
    daemon.stop().await;
}
