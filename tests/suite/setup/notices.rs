//! Who is told: asked for at a terminal or given by options, tried with a notice, and kept as the daemon takes it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Desk, Person};
use crate::notify::bench::Receiver;
use crate::notify::mail::{Mailbox, PASSWORD};

/// Nothing is asked but how people are told.
const CERTIFICATE: [&str; 6] = ["--kind", "none", "--name", "acme", "--probe", "none"];

impl Desk {
    /// Somebody who has seen what is true.
    async fn told(&self, more: &[&str]) -> Person {
        let file = self.file("acme.pem");
        let options = [&CERTIFICATE[..], &["--certificate", file.to_str().unwrap()], more].concat();
        let mut person = self.asked_all(&options);
        person.answers("The address of the account", "it-apns@example.com").await;
        for question in ["The team that holds it", "Where its password is", "Who or what holds", "signed in", "checked"]
        {
            person.answers(question, "").await;
        }
        person.sees("acme ok expires in 200 days").await;
        person
    }

    /// Runs `setup --yes` with something piped in; the status, and what it says of trouble.
    async fn script(&self, more: &[&str], input: &str) -> (Option<i32>, String) {
        let file = self.file("acme.pem");
        let options = [&CERTIFICATE[..], &["--certificate", file.to_str().unwrap()], more].concat();
        let ended = self.piped(&options, input).await;
        assert!(!ended.stdout.contains("s3cret") && !ended.stderr.contains("s3cret"), "{ended:?}");
        assert!(!ended.stderr.contains("/proc/"), "nobody can open that: {}", ended.stderr);
        (ended.status, ended.stderr)
    }

    /// Writes what was answered, and looks at what lies there then: the configuration, and secrets by their names.
    async fn kept(&self, person: &mut Person) -> (String, BTreeMap<String, String>) {
        assert_eq!(self.etc(), BTreeMap::new(), "nothing is written before the end");
        person.answers("Write this to", "").await;
        assert_eq!(person.ends().await, Some(0), "{}", person.screen());
        assert!(!person.screen().contains("/proc/"), "nobody can open that: {}", person.screen());
        self.written().await
    }

    /// What lies there, which the daemon takes.
    async fn written(&self) -> (String, BTreeMap<String, String>) {
        let checked = self.run(&["check-config"]).await;
        assert_eq!(checked.status, Some(0), "{checked:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let mut etc = self.etc();
        let yaml = text(etc.remove("apnswatch.yaml").unwrap().1);
        let secrets = etc.into_iter().filter(|(_, (mode, _))| *mode == 0o600);
        (yaml, secrets.map(|(name, (_, bytes))| (name, text(bytes))).collect())
    }
}

/// Secrets by the names of their files.
fn secrets(all: &[(&str, &str)]) -> BTreeMap<String, String> {
    all.iter().map(|(name, secret)| ((*name).to_owned(), (*secret).to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_login_is_put_right_arrives_before_anything_is_written() {
    let desk = Desk::new().await;
    let mailbox = Mailbox::start(desk.folder.path()).await;
    let mut person = desk.told(&[]).await;
    person.sees("How shall you be told when something is wrong?").await;
    person.answers("Your choice: ", "m").await;
    // A slip of the pen is told at once.
    person.answers("Mail server and port", "localhost:1:2").await;
    person.answers("Who is written to, separated by commas [it-apns@example.com]: ", "").await;
    person.answers("Who writes it [apnswatch <apnswatch@example.com>]: ", "").await;
    person.answers("User of the mail server, or Enter if it asks for no login: ", "apnswatch").await;
    person.hides("Password of the mail user (not shown): ", "n0t-the-s3cret").await;
    person.sees("Server: must be a host, such as mail.example.com").await;
    person.answers("Mail server and port", "localhost:1").await;
    person.answers("Which TLS does it speak?", "s").await;
    person.answers("Who is written to, separated by commas", "it@example.com, Mac team <mac@example.com>").await;
    person.answers("Who writes it", "").await;
    person.answers("User of the mail server, or - if it asks for no login [apnswatch]: ", "").await;
    person.hides("Password of the mail user (not shown, Enter for the one before): ", "").await;
    // Nobody listens there.
    person.answers("Send a test notice there now? [Y/n]: ", "").await;
    person.sees("! The test notice was not taken: localhost:1 cannot be connected to").await;
    person.sees("; check the address and its port, and whether a firewall keeps this machine from it.").await;
    let retyped = |server: String, password: &'static str| {
        [
            ("Your choice: ".to_owned(), "c".to_owned()),
            ("Mail server and port".to_owned(), server),
            ("Which TLS does it speak?".to_owned(), String::new()),
            ("Who is written to, separated by commas".to_owned(), String::new()),
            ("Who writes it".to_owned(), String::new()),
            ("User of the mail server".to_owned(), String::new()),
            ("Password of the mail user".to_owned(), password.to_owned()),
        ]
    };
    for (question, answer) in retyped(format!("localhost:{}", mailbox.port), "") {
        person.answers(&question, &answer).await;
    }
    // Its certificate is from a CA of one's own.
    person.sees("! The test notice was not taken: localhost:").await;
    person.sees("if its certificate is from a CA of your own, name the file of that CA.").await;
    for (question, answer) in retyped(String::new(), "") {
        person.answers(&question, &answer).await;
    }
    person.answers("A file with its CA", desk.file("mail.pem").to_str().unwrap()).await;
    // It is another password.
    person.sees("refuses the login; see whether the user and the password are right, and whether this port is").await;
    assert_eq!(mailbox.mails(0).await.len(), 0);
    for (question, answer) in retyped(String::new(), PASSWORD) {
        person.answers(&question, &answer).await;
    }
    person.sees("The test notice was taken. Look whether it arrives").await;
    let mails = mailbox.mails(1).await;
    assert_eq!(mails[0]["to"], json!(["it@example.com", "mac@example.com"]));
    assert_eq!(mails[0]["headers"]["subject"], "apnswatch: This is a test: notices get through");
    assert_eq!((&mails[0]["user"], &mails[0]["tls"]), (&"apnswatch".into(), &true.into()));

    let (yaml, kept) = desk.kept(&mut person).await;
    assert_eq!(kept, secrets(&[("smtp-password", PASSWORD)]));
    assert!(!yaml.contains(PASSWORD) && !person.screen().contains(PASSWORD), "{yaml}");
    assert!(yaml.contains("\nnotify:\n  smtp:\n    server: localhost:"), "{yaml}");
    let checked = desk.run(&["check-config"]).await;
    assert!(checked.stdout.contains("smtp"), "{checked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_by_an_interrupt_while_notices_are_asked() {
    let desk = Desk::new().await;
    for (question, is_hidden) in
        [("Your choice: ", false), ("Address of the topic", true), ("Access token", true), ("Send a test", false)]
    {
        let mut person = desk.told(&[]).await;
        let hook = "http://127.0.0.1:1/s3cret-topic";
        for (asked, answer) in
            [("Your choice: ", "n"), ("Address of the topic", hook), ("Access token of ntfy", ""), ("Send a test", "n")]
        {
            if asked.starts_with(question) {
                break;
            }
            person.answers(asked, answer).await;
        }
        person.sees(question).await;
        assert_eq!(person.echoes(), !is_hidden, "{question}");
        assert_eq!(desk.etc(), BTreeMap::new(), "{question}: nothing is there, not even for the time being");
        person.interrupts();
        assert_eq!(person.ends().await, Some(1), "{question}: {}", person.screen());
        let screen = person.screen();
        assert!(screen.contains("interrupted; nothing was written") && !screen.contains("s3cret"), "{screen}");
        assert!(person.echoes(), "{question}");
        assert_eq!(desk.etc(), BTreeMap::new(), "{question}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_of_ntfy_is_tried_and_a_way_that_fails_can_be_left_out() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await);
    let base = format!("http://{}", receiver.address);
    let mut person = desk.told(&[]).await;
    person.answers("Your choice: ", "n").await;
    person.hides("Address of the topic", "ntfy.sh/s3cret-topic").await;
    person.sees("The address is none.").await;
    person.hides("Address of the topic", &base).await;
    person.sees("The address must end in a topic.").await;
    person.hides("Address of the topic", &format!("{base}/s3cret-topic")).await;
    person.hides("Access token of ntfy (not shown, Enter if it asks for none): ", "tk_s3cret").await;
    receiver.answer(403);
    person.answers("Send a test notice there now?", "y").await;
    person.sees("does not let us write (status 403); see whether the address is the whole one, and whether it").await;
    receiver.answer(200);
    person.answers("Your choice: ", "t").await;
    person.sees("The test notice was taken.").await;
    let taken = receiver.taken();
    assert_eq!(taken.len(), 1, "{taken:?}");
    assert_eq!(taken[0].headers["authorization"], "Bearer tk_s3cret");
    assert_eq!(taken[0].body["topic"], "s3cret-topic");
    let (yaml, kept) = desk.kept(&mut person).await;
    let topic = format!("{base}/s3cret-topic");
    assert_eq!(kept, secrets(&[("ntfy-token", "tk_s3cret"), ("ntfy-url", &topic)]));
    assert!(!yaml.contains("s3cret") && !person.screen().contains("s3cret"), "{yaml}");

    // Another one gives it up.
    let desk = Desk::new().await;
    let mut person = desk.told(&["--notify", "slack", "--test-notice"]).await;
    person.hides("Address of the incoming webhook", &format!("{base}/s3cret")).await;
    receiver.answer(404);
    person.answers("Your choice: ", "n").await;
    let (yaml, kept) = desk.kept(&mut person).await;
    assert!(yaml.contains("\n# notify:\n") && kept.is_empty(), "{yaml} {kept:?}");
    let screen = person.screen().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(screen.contains("see whether the address is the whole one, and still in use there."), "{screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_says_who_is_told_with_each_way() {
    let receiver = Receiver::start().await;
    let base = format!("http://{}", receiver.address);
    let hook = format!("{base}/s3cret");
    for (way, more, input, files) in [
        ("slack", &[][..], hook.as_str(), &["slack-url"][..]),
        ("teams", &[], &hook, &["teams-url"]),
        ("ntfy", &[], &hook, &["ntfy-url"]),
        ("pagerduty", &["--pagerduty-url", &base], "r0ut1ng-s3cret", &["pagerduty-routing-key"]),
        ("webhook", &[], &hook, &["webhook-url"]),
    ] {
        let desk = Desk::new().await;
        let options = [&["--notify", way, "--test-notice"], more].concat();
        let (status, told) = desk.script(&options, &format!("{input}\n")).await;
        assert_eq!((status, told.as_str()), (Some(0), ""), "{way}");
        let (yaml, kept) = desk.written().await;
        assert_eq!(kept, secrets(&files.iter().map(|name| (*name, input)).collect::<Vec<_>>()), "{way}");
        assert!(yaml.contains(&format!("\nnotify:\n  {way}:\n")) && !yaml.contains("s3cret"), "{yaml}");
        let taken = receiver.taken();
        let events: Vec<&Value> = taken.iter().map(|taken| &taken.body["event_action"]).collect();
        match way {
            // No incident stays open.
            "pagerduty" => assert_eq!(events, ["trigger", "resolve"]),
            "webhook" => {
                let kinds: Vec<&Value> = taken.iter().map(|taken| &taken.body["kind"]).collect();
                assert_eq!(kinds, ["entered", "resolved"]);
            }
            _ => assert_eq!(taken.len(), 1, "{taken:?}"),
        }
    }
    // A mail, whose password stays in a file of the operator's.
    let desk = Desk::new().await;
    let mailbox = Mailbox::start(desk.folder.path()).await;
    std::fs::write(desk.file("password"), PASSWORD).unwrap();
    let (server, password, ca) = (format!("localhost:{}", mailbox.port), desk.file("password"), desk.file("mail.pem"));
    let options = [
        &["--notify", "mail", "--test-notice", "--mail-server", &server, "--mail-to", "it@example.com"][..],
        &["--mail-to", "mac@example.com", "--mail-user", "apnswatch"],
        &["--notify-secret-file", password.to_str().unwrap(), "--notify-ca-file", ca.to_str().unwrap()],
    ]
    .concat();
    assert_eq!(desk.script(&options, "").await, (Some(0), String::new()));
    let mails = mailbox.mails(1).await;
    assert_eq!(
        (&mails[0]["from"], &mails[0]["to"]),
        (&json!("apnswatch@example.com"), &json!(["it@example.com", "mac@example.com"]))
    );
    let (yaml, kept) = desk.written().await;
    assert!(yaml.contains(&format!("password_file: {}", password.display())) && kept.is_empty(), "{yaml}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_is_wrong_about_notices_writes_nothing() {
    let (desk, receiver) = (Desk::new().await, Receiver::start().await);
    let hook = format!("http://{}/s3cret", receiver.address);
    receiver.answer(401);
    for (options, input, status, words) in [
        (&["--notify", "pager"][..], "", 64, &["must be mail, slack, teams, ntfy, pagerduty, webhook or none"][..]),
        (&["--notify", "mail"], "", 64, &["--mail-server HOST:PORT; --mail-to ADDRESS"]),
        (
            &["--notify", "mail", "--mail-server", "a b", "--mail-to", "it"],
            "",
            64,
            &["server: must be a host", "to[0]: must be a mail address"],
        ),
        (&["--notify", "slack", "--mail-user", "kim"], "", 64, &["--mail-user says nothing with --notify slack"]),
        (&["--notify", "slack", "--notify-login-file", "/x"], "", 64, &["--notify-login-file says nothing"]),
        (&["--mail-user", "kim"], "", 64, &["--mail-user takes --notify with a way"]),
        (&["--notify", "none", "--test-notice"], "", 64, &["--test-notice takes --notify with a way"]),
        (&["--notify", "slack"], "", 1, &["the Address of the incoming webhook on standard input: it is empty"]),
        (
            &["--notify", "slack", "--test-notice"],
            &hook,
            1,
            &["The test notice was not taken: 127.0.0.1", "refuses the login", "nothing was written"],
        ),
    ] {
        let (ended, told) = desk.script(options, input).await;
        assert_eq!(ended, Some(status), "{options:?}: {told}");
        for word in words {
            assert!(told.contains(word), "{options:?}: {word}: {told}");
        }
        assert!(desk.etc().is_empty(), "{options:?}");
    }
    // Beside a configuration that is there it is not for setup to say.
    std::fs::write(desk.config(), "tenant_files: [tenants.d/*.yaml]\n").unwrap();
    let (status, told) = desk.script(&["--notify", "slack"], &hook).await;
    assert!(status == Some(64) && told.contains("put notify into it (docs/notify.md)"), "{told}");
}
