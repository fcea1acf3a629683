//! The way of the README for people without Prometheus, done by its own words, with the time of each step. `scripts/first-hour`
//! shows it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use apnswatch::demo::certificates::Authority;
use apnswatch::demo::jamf;
use tokio::time::Instant;

use crate::documents::blocks::{Block, blocks};
use crate::documents::page::Machine;
use crate::documents::{certificate, jamf_pro};
use crate::notify::mail::{Mailbox, PASSWORD};
use crate::setup::person::Person;
use crate::support::{SECRET, document, ended, project};

const PAGE: &str = "README.md";
const HEADING: &str = "## From nothing to the first notice, without Prometheus";

/// The blocks below the heading.
fn steps() -> Vec<Block> {
    let text = document(PAGE);
    let lines = || text.lines().enumerate().map(|(number, line)| (number + 1, line));
    let begin = lines().find(|(_, line)| *line == HEADING).expect("the heading").0;
    let end =
        lines().find(|(number, line)| *number > begin && line.starts_with("## ")).map_or(usize::MAX, |(at, _)| at);
    blocks(&text).into_iter().filter(|block| (begin..end).contains(&block.line)).collect()
}

/// What of the answers is another one here.
struct Here {
    jamf: String,
    mail: String,
    acme: PathBuf,
}

impl Here {
    fn answer(&self, question: &str, answer: &str) -> String {
        match answer {
            "https://acme.jamfcloud.com" => self.jamf.clone(),
            "mail.example.com:587" => self.mail.clone(),
            "acme.pem" => self.acme.display().to_string(),
            // Secrets are not shown in the README either.
            "" if question.starts_with("Client secret") => SECRET.to_owned(),
            "" if question.starts_with("Password") => PASSWORD.to_owned(),
            answer => answer.to_owned(),
        }
    }
}

/// Talks with `setup` as a block shows it: lines that end in an answer, and lines that must come.
async fn talks(machine: &Machine, folder: &Path, here: &Here, block: &Block) -> Person {
    let (command, shown) = block.commands().into_iter().next().expect("a command");
    let words: Vec<&str> = command.split(' ').collect();
    let [_, "apnswatch", "setup", options @ ..] = words.as_slice() else { panic!("{command}") };
    // The mail server is on this machine, and so its CA nobody else's.
    let ca = folder.join("mail.pem");
    let more = ["--mail-tls", "starttls", "--notify-ca-file", ca.to_str().unwrap()];
    // Nothing leaves loopback: what stands between the question for the way to Apple and the reading is answered by an option.
    let more = [&more[..], &["--probe", "none"]].concat();
    let mut person = Person::begins(&machine.path("etc/apnswatch/apnswatch.yaml"), &[options, &more].concat());
    let mut is_probe = false;
    for line in &shown {
        is_probe = line.starts_with("Can pushes get out?") || is_probe && !line.starts_with("acme ");
        if is_probe {
            continue;
        }
        let (question, answer) = match (line.strip_suffix(':'), line.rsplit_once(": ")) {
            (Some(question), _) => (question, ""),
            (None, Some((question, answer))) => (question, answer),
            (None, None) => {
                person.sees(line.trim_end_matches("...").trim()).await;
                continue;
            }
        };
        let asked = machine.here(question).replace(" ...", "");
        let answer = here.answer(question, answer);
        if question.contains("(not shown") {
            person.hides(&asked, &answer).await;
        } else {
            person.answers(&asked, &answer).await;
        }
    }
    assert_eq!(person.ends().await, Some(0), "{}", person.screen());
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_from_nothing_to_the_first_notice() {
    let (simulator, client) = (jamf::Simulator::start().await.unwrap(), "00000000-0000-4000-8000-000000000003");
    simulator.set_server("/acme", jamf_pro(client));
    let post = tempfile::tempdir().unwrap();
    let mailbox = Mailbox::start(post.path()).await;
    let mut machine = Machine::new(&[]);
    let topic = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ac";
    machine.has("home/acme.pem", certificate(&Authority::new().unwrap(), topic, "0A01", 200));
    let here = Here {
        jamf: simulator.url("/acme"),
        mail: format!("localhost:{}", mailbox.port),
        acme: machine.path("home/acme.pem"),
    };

    let mut times: Vec<(&str, Duration)> = Vec::new();
    let mut begun = Instant::now();
    let mut lap = |what: &'static str| {
        times.push((what, begun.elapsed()));
        begun = Instant::now();
    };
    let mut kinds = Vec::new();
    for block in steps() {
        let first = block.commands().first().map(|(command, _)| command.clone()).unwrap_or_default();
        if block.is("first-hour") {
            let person = talks(&machine, post.path(), &here, &block).await;
            assert!(!person.screen().contains("s3cret"), "{}", person.screen());
            lap(
                "`setup`: the login tried, the first value on the screen, the test notice taken, the configuration written",
            );
            assert_eq!(
                mailbox.mails(1).await[0]["headers"]["subject"],
                "apnswatch: This is a test: notices get through"
            );
            lap("the first notice in the mail");
            kinds.push("setup");
        } else if first.contains("systemctl") {
            unit_is_right().await;
            machine.does(PAGE, &block).await;
            lap("the service: its file checked, started, ready");
            let page = machine.daemon().get("/").await;
            assert!(page.status == 200 && page.body.contains("acme"), "{}", page.body);
            lap("the page");
            kinds.push("service");
        } else if first.contains("drill") {
            machine.does(PAGE, &block).await;
            let mails = mailbox.mails(2).await;
            let subject = mails[1]["headers"]["subject"].as_str().unwrap();
            assert!(subject.contains("This is a drill: alerts of severity critical get through"), "{subject}");
            lap("`drill`: a notice by the service in the mail");
            kinds.push("drill");
        } else {
            machine.does(PAGE, &block).await;
            lap("`once`: the value again, by the service's user");
            kinds.push("value");
        }
    }
    machine.stops().await;
    assert_eq!(kinds, ["setup", "service", "value", "drill"], "a step is missing, or is not known here");
    let whole: Duration = times.iter().map(|(_, took)| *took).sum();
    let table = document(PAGE);
    for (what, took) in times {
        println!("| {what} | {:.1} s |", took.as_secs_f64());
        assert!(table.contains(&format!("| {what} | ")), "the README has no time for: {what}");
    }
    println!("| all of it | {:.1} s |", whole.as_secs_f64());
    assert!(whole < Duration::from_secs(120), "{whole:?}");
}

/// The file of the service is one that systemd takes, and starts the program with nothing but its name.
async fn unit_is_right() {
    let unit = project("deploy/systemd/apnswatch.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    assert!(text.contains("\nExecStart=/usr/bin/apnswatch serve\n"), "{text}");
    // What it names need not be installed here.
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("apnswatch.service");
    std::fs::write(&copy, text.replace("/usr/bin/apnswatch", "/bin/true")).unwrap();
    let mut verify = tokio::process::Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]).arg(&copy).stdin(std::process::Stdio::null());
    verify.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let checked = ended(verify).await;
    assert!(checked.status == Some(0) && !checked.stderr.contains("Unknown"), "{checked:?}");
}
