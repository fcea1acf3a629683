//! `setup`, as a person at a terminal does it, and as a script.

mod notices;
pub(crate) mod person;
mod pipe;
mod stopped;
mod vendors;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use apnswatch::demo::jamf;
use chrono::TimeDelta;
use tokio::process::Command;

use self::person::Person;
use crate::cells::site::server;
use crate::documents::blocks::blocks;
use crate::support::{APP, Daemon, Ended, SECRET, document, ended, now, pem, program, topic};

/// A machine on which nothing is set up yet.
struct Desk {
    folder: tempfile::TempDir,
    jamf: jamf::Simulator,
}

impl Desk {
    /// With a Jamf Pro that lets everything be read.
    async fn new() -> Self {
        let jamf = jamf::Simulator::start().await.unwrap();
        jamf.set_server("/acme", readable());
        let desk = Self { folder: tempfile::tempdir().unwrap(), jamf };
        std::fs::create_dir(desk.folder.path().join("etc")).unwrap();
        std::fs::write(desk.file("acme.pem"), pem(&topic("acme"), "0A01", 200)).unwrap();
        desk
    }

    /// The file of the configuration, in a folder of its own.
    fn config(&self) -> PathBuf {
        self.folder.path().join("etc/apnswatch.yaml")
    }

    /// A file of the person's own.
    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Somebody whom Alertmanager tells.
    fn person(&self, options: &[&str]) -> Person {
        self.asked_all(&[&["--notify", "none"], options].concat())
    }

    /// Somebody who is asked for everything that the options do not say.
    fn asked_all(&self, options: &[&str]) -> Person {
        Person::begins(&self.config(), options)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--config").arg(self.config()).args(arguments);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments)).await
    }

    /// What is in the folder of the configuration, with the mode of each file.
    fn etc(&self) -> BTreeMap<String, (u32, Vec<u8>)> {
        below(&self.folder.path().join("etc"))
    }

    /// The tenant as a daemon of this configuration tells it.
    async fn served(&self, tenant: &str) -> serde_json::Value {
        let checked = self.run(&["check-config"]).await;
        assert_eq!(checked.status, Some(0), "{checked:?}");
        let daemon = Daemon::start(self.command(&["serve", "--listen", "127.0.0.1:0"])).await;
        daemon.ready().await;
        let body = daemon.get("/api/v1/status").await.body;
        daemon.stop().await;
        let status: serde_json::Value = serde_json::from_str(&body).unwrap();
        let tenants = status["tenants"].as_array().unwrap();
        tenants.iter().find(|found| found["name"] == tenant).unwrap_or_else(|| panic!("{tenant}: {body}")).clone()
    }
}

fn below(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            found.insert(format!("{name}/"), (0, Vec::new()));
            found.extend(below(&path).into_iter().map(|(below, what)| (format!("{name}/{below}"), what)));
        } else {
            let mode = path.metadata().unwrap().permissions().mode() & 0o7777;
            found.insert(name, (mode, std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// A Jamf Pro that has nothing, and lets all of it be read.
fn readable() -> jamf::Server {
    let nothing = || jamf::Answer::List(Vec::new());
    [jamf::Resource::Notifications, jamf::Resource::Enrollments, jamf::Resource::Locations, jamf::Resource::PushStatus]
        .into_iter()
        .fold(server().with(jamf::Resource::Devices, nothing()), |server, resource| server.with(resource, nothing()))
}

/// Some days ago.
fn ago(days: i64) -> String {
    (now() - TimeDelta::days(days)).date_naive().to_string()
}

/// What a person answers about the Apple Account.
async fn tells_the_account(person: &mut Person) {
    person.answers("The address of the account", "it-apns@example.com").await;
    person.answers("The team that holds it", "it-operations").await;
    person.answers("Where its password is (never the password)", "Vault > Apple > APNs").await;
    person.answers("Who or what holds its second factor", "desk phone, second admin").await;
    person.answers("last signed in to it", &ago(3)).await;
    person.answers("was last checked", &ago(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_jamf_from_nothing_to_a_healthy_tenant() {
    let desk = Desk::new().await;
    let mut person = desk.asked_all(&[]);
    person.sees("nothing is written, and Ctrl-C leaves everything as it was").await;
    person.answers("Which MDM", "jmaf").await;
    person.sees("Must be one of intune, jamf, kandji, mosyle, none.").await;
    person.answers("Which MDM", "jamf").await;
    for words in [
        "Settings > System > API roles and clients",
        "- Read Device Enrollment Program Instances (without it nobody knows the ends of the server tokens",
        "- View MDM command information in Jamf Pro API",
        "Only if you set enrolment_profile: true later: - Read Enrollment Profiles",
        "Let it give you a client secret: it is shown once.",
    ] {
        person.sees(words).await;
    }
    let closed = "http://127.0.0.1:1";
    person.answers("Address of Jamf Pro", closed).await;
    person.answers("Client id:", APP).await;
    person.answers("A name for this tenant", "acme").await;
    person.hides("Client secret (not shown): ", SECRET).await;
    // Nobody is there.
    person.sees("! Not reached: 127.0.0.1:1: the connection was refused; check the address and its port,").await;
    person.answers("Your choice: ", "c").await;
    person.answers(&format!("Address of Jamf Pro, such as https://acme.jamfcloud.com [{closed}]:"), "jamf.local").await;
    person.answers(&format!("Client id [{APP}]: "), "").await;
    person.hides("Client secret (not shown, Enter for the one before): ", "n0t-the-s3cret").await;
    person.sees("Url: must begin with https://").await;
    person.answers("Address of Jamf Pro", &desk.jamf.url("/acme")).await;
    person.answers("Client id", "").await;
    // It is another secret.
    person.sees("! The login is refused: 127.0.0.1").await;
    person.sees("; see whether the client id is right, the client enabled, and the secret").await;
    person.answers("Your choice: ", "").await;
    person.answers("Address of Jamf Pro", "").await;
    person.answers("Client id", "").await;
    desk.jamf.set_answer("/acme", jamf::Resource::Locations, jamf::Answer::Error(403, None));
    person.hides("Client secret (not shown, Enter for the one before): ", &format!("  {SECRET} ")).await;
    // A right is missing, and is granted.
    person.sees("allowed GET /api/v1/notifications").await;
    person.sees("! A right is missing: 127.0.0.1").await;
    person.sees("; grant Read Volume Purchasing Locations, for without it nobody knows the ends of the content").await;
    desk.jamf.set_answer("/acme", jamf::Resource::Locations, jamf::Answer::List(Vec::new()));
    person.answers("Your choice: ", "t").await;
    person.sees("allowed GET /api/v1/volume-purchasing-locations").await;
    // The certificate.
    person.sees("1. Open https://identity.apple.com/pushcert and sign in").await;
    person.sees("Press Download in that row. Press nothing else").await;
    person.answers("Its path, or its end as a date", "/nowhere/acme.pem").await;
    person.answers("Its path, or its end as a date", desk.file("acme.pem").to_str().unwrap()).await;
    person.sees("It expires in 200 days. Its topic is com.apple.mgmt.External.").await;
    person.sees("No password is asked for.").await;
    tells_the_account(&mut person).await;
    person.sees("Can pushes get out?").await;
    person.answers("Your choice: ", "n").await;
    // The first reading.
    person.sees("acme ok expires in 200 days").await;
    person.sees("- the way to Apple: add probe").await;
    person.sees("- whether pushes arrive: this MDM does not tell").await;
    // Alertmanager does it.
    person.sees("How shall you be told when something is wrong?").await;
    person.answers("Your choice: ", "a").await;
    let before = desk.etc();
    assert_eq!(before, BTreeMap::new(), "nothing is written before the end");
    person.answers("Write this to", "").await;
    person.sees("Written: ").await;
    assert_eq!(person.ends().await, Some(0), "{}", person.screen());
    assert!(person.echoes());

    let screen = person.screen();
    for secret in [SECRET, "s3cret"] {
        assert!(!screen.contains(secret), "{screen}");
    }
    assert!(!screen.contains("/proc/"), "nobody can open that: {screen}");
    // The page shows what was on this screen, but for what was answered.
    let shown = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    let page = blocks(&document("docs/start-mac-admin.md")).into_iter().find(|block| block.is("setup")).unwrap();
    let lines: Vec<&str> = page.text.lines().map(str::trim).filter(|line| *line != "...").collect();
    assert!(lines.len() > 10, "{lines:?}");
    for line in lines {
        let mine = line.replace("/etc/apnswatch/apnswatch.yaml", desk.config().to_str().unwrap());
        let (question, _) = mine.rsplit_once(": ").unwrap_or((&mine, ""));
        let question = question.trim_end_matches("...").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.contains(&question), "the page shows what is not asked: {line}");
    }
    let etc = desk.etc();
    assert_eq!(etc.keys().collect::<Vec<_>>(), ["acme-client-secret", "acme.pem", "apnswatch.yaml"]);
    assert_eq!(etc["acme-client-secret"], (0o600, SECRET.as_bytes().to_vec()));
    assert_eq!(etc["apnswatch.yaml"].0, 0o640);
    let yaml = String::from_utf8(etc["apnswatch.yaml"].1.clone()).unwrap();
    assert!(!yaml.contains(SECRET) && yaml.contains("# What was learnt is kept here"), "{yaml}");

    let tenant = desk.served("acme").await;
    assert_eq!((&tenant["level"], &tenant["phase"]), (&"ok".into(), &"ok".into()), "{tenant:#}");
    let once = desk.run(&["once"]).await;
    assert!(once.status == Some(0) && once.stdout.starts_with("acme  ok        expires in 200 days"), "{once:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_file_alone_is_enough() {
    let desk = Desk::new().await;
    let mut person = desk.person(&["--probe", "none"]);
    person.answers("Which MDM", "none").await;
    person.answers("A name for this tenant", "").await;
    person.sees("Something is needed here.").await;
    person.answers("A name for this tenant", "..").await;
    person.sees("Name: must be another one: no browser gets to the page of a tenant with this name.").await;
    person.answers("A name for this tenant", "Schule \u{fc}ber: \"alles\"").await;
    person.answers("Its path, or its end as a date such as 2027-03-01: ", "").await;
    person.sees("Something is needed here.").await;
    // A key has no business here.
    std::fs::write(desk.file("key.pem"), "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n").unwrap();
    person.answers("Its path", desk.file("key.pem").to_str().unwrap()).await;
    person.sees("a private key is in the file").await;
    person.answers("Its path", desk.file("acme.pem").to_str().unwrap()).await;
    person.answers("The address of the account, or Enter", "").await;
    person.answers("Write this to", "yes").await;
    assert_eq!(person.ends().await, Some(0), "{}", person.screen());
    let tenant = desk.served("Schule \u{fc}ber: \"alles\"").await;
    assert_eq!(tenant["phase"], "ok", "{tenant:#}");
    assert!(desk.etc().contains_key("Schule--ber---alles-.pem"), "{:?}", desk.etc().keys());
}
