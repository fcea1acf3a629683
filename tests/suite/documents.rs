//! The documents: their commands are real, their links lead somewhere, and the pages that take a reader by the hand are
//! done from the first block to the last.

pub(crate) mod blocks;
pub(crate) mod page;
mod security;

use std::collections::BTreeSet;
use std::path::PathBuf;

use apnswatch::demo::apple::{Behaviour, Certificates, Simulator as Apple};
use apnswatch::demo::certificates::{Authority, Leaf};
use apnswatch::demo::intune::{self, Credential, Directory};
use apnswatch::demo::jamf::{self, Answer, Resource, enrollment, location};
use apnswatch::guide;
use apnswatch::model::{MdmKind, Role};
use chrono::TimeDelta;

use self::blocks::{blocks, calls, prose};
use self::page::Machine;
use crate::support::{SECRET, document, now, project};

/// The topic of the pages.
const TOPIC: &str = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ac";

/// What documents write where a reader puts something that has a form, and one of that form.
const PLACEHOLDERS: [(&str, &str); 2] = [("SERIAL", "0A01"), ("TOPIC", TOPIC)];

/// Every document, by its path in the project.
fn documents() -> Vec<String> {
    let entries = std::fs::read_dir(project("docs")).unwrap().map(|entry| entry.unwrap().file_name());
    let names = entries.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".md"));
    let mut all: Vec<String> = names.map(|name| format!("docs/{name}")).collect();
    all.extend(["README.md", "SECURITY.md", "deploy/grafana/README.md"].map(ToOwned::to_owned));
    all
}

#[test]
fn every_command_in_the_documents_is_one() {
    let mut number = 0;
    for path in documents() {
        let text = document(&path);
        for block in blocks(&text) {
            if ["yaml", "text", "json"].contains(&block.language()) {
                continue;
            }
            let commands = match block.language() {
                // A unit or a crontab: each line may be a command.
                "ini" | "cron" => block.text.lines().map(|line| (crontab(line).to_owned(), Vec::new())).collect(),
                _ => block.commands(),
            };
            for call in commands.iter().flat_map(|(command, _)| calls(command)) {
                let filled = call.iter().map(|word| {
                    PLACEHOLDERS.iter().find(|(name, _)| name == word).map_or(word.as_str(), |(_, value)| value)
                });
                let parsed = apnswatch::cli::command().try_get_matches_from(std::iter::once("apnswatch").chain(filled));
                let is_help = |error: &clap::Error| !error.use_stderr();
                assert!(parsed.as_ref().err().is_none_or(is_help), "{path}:{}: {call:?}: {parsed:?}", block.line);
                number += 1;
            }
        }
        // In a sentence a command may lack what it needs; that it and its options exist is asked of it.
        for span in prose(&text).split('`').skip(1).step_by(2).filter(|span| span.starts_with("apnswatch ")) {
            for call in calls(span) {
                exists(&path, &call);
                number += 1;
            }
        }
    }
    assert!(number > 40, "{number}");
}

/// The command of a line of a crontab: what follows the times and the user.
fn crontab(line: &str) -> &str {
    if !line.starts_with(|c: char| c.is_ascii_digit() || c == '*') {
        return line;
    }
    line.splitn(7, ' ').nth(6).unwrap_or_default()
}

/// The subcommands and the long options of a call exist.
fn exists(path: &str, call: &[String]) {
    let mut command = apnswatch::cli::command();
    command.build();
    let mut words = call.iter().peekable();
    while let Some(found) = words.peek().and_then(|word| command.find_subcommand(word)).cloned() {
        command = found;
        words.next();
    }
    let is_sub = command.get_name() != "apnswatch" || words.peek().is_none_or(|word| word.starts_with('-'));
    assert!(is_sub, "{path}: no command is called so: {call:?}");
    for option in words.filter_map(|word| word.strip_prefix("--")) {
        let option = option.split('=').next().unwrap_or_default();
        let is_known = ["help", "version"].contains(&option)
            || command.get_arguments().any(|argument| argument.get_long() == Some(option));
        assert!(is_known, "{path}: {call:?} has no --{option}");
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut number = 0;
    for path in documents() {
        let text = prose(&document(&path));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            number += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let here = project(&path);
            let target: PathBuf = if file.is_empty() { here.clone() } else { here.parent().unwrap().join(file) };
            assert!(target.exists(), "{path}: {link} leads nowhere");
            if !heading.is_empty() {
                let headings = headings(&std::fs::read_to_string(&target).unwrap());
                assert!(headings.contains(heading), "{path}: {link}: there is only {headings:?}");
            }
        }
    }
    assert!(number > 20, "{number}");
}

/// The headings of a document as links name them.
fn headings(text: &str) -> BTreeSet<String> {
    prose(text)
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let kept = line.trim_start_matches('#').trim().to_lowercase();
            kept.chars()
                .filter(|c| c.is_alphanumeric() || "-_ ".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
        .collect()
}

/// A push certificate with so many days left.
pub(crate) fn certificate(authority: &Authority, topic: &str, serial: &str, days: i64) -> String {
    let not_after = now() + TimeDelta::days(days) + TimeDelta::hours(1);
    let not_before = not_after - TimeDelta::days(365);
    let leaf = Leaf { topic: topic.to_owned(), serial: serial.to_owned(), not_before, not_after };
    authority.issue(&leaf).unwrap()
}

/// The Jamf Pro of the page: all may be read, and it warns of nothing.
pub(crate) fn jamf_pro(id: &str) -> jamf::Server {
    let end = now() + TimeDelta::days(200);
    jamf::Server::new(jamf::Credential::Client(id.to_owned(), SECRET.into()))
        .with(Resource::Notifications, Answer::List(Vec::new()))
        .with(Resource::Enrollments, Answer::List(vec![enrollment(1, "Business Manager", end)]))
        .with(Resource::Locations, Answer::List(vec![location(1, "Head office", end, false)]))
        .with(Resource::PushStatus, Answer::List(Vec::new()))
        .with(Resource::Devices, Answer::List(Vec::new()))
}

const JAMF_PAGE: &str = "docs/start-mac-admin.md";

#[tokio::test(flavor = "multi_thread")]
async fn a_mac_admin_with_one_jamf_gets_there() {
    let (simulator, client) = (jamf::Simulator::start().await.unwrap(), "00000000-0000-4000-8000-000000000003");
    simulator.set_server("/acme", jamf_pro(client));
    let certificates = Certificates::new().unwrap();
    let loopback = "127.0.0.1:0".parse().unwrap();
    let courier = Apple::start(loopback, Role::Device, &certificates, Behaviour::Open).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("courier.pem");
    std::fs::write(&ca, certificates.ca_pem()).unwrap();
    let targets = format!(
        "probe: {{ roles: [device], courier_ca_file: {}, targets: [{{ role: device, host: 127.0.0.1, port: {} }}] }}",
        ca.display(),
        courier.address().port()
    );
    let mut machine = Machine::new(&[
        ("https://acme.jamfcloud.com", &simulator.url("/acme")),
        ("probe: { roles: [device] }", &targets),
    ]);
    machine.has("home/secret.txt", SECRET);
    let authority = Authority::new().unwrap();
    machine.has("home/acme.pem", certificate(&authority, TOPIC, "0A01", 200));
    machine.has("home/renewed.pem", certificate(&authority, TOPIC, "0A02", 364));
    let other = "com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ff";
    machine.has("home/other.pem", certificate(&authority, other, "0B01", 364));
    machine.follow(JAMF_PAGE).await;
    assert!(machine.run > 15, "{}", machine.run);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_every_privilege_in_jamf() {
    let simulator = jamf::Simulator::start().await.unwrap();
    simulator.set_server("/acme", jamf_pro("reader"));
    let machine = Machine::new(&[]);
    machine.has("home/secret.txt", SECRET);
    let yaml = format!(
        "tenants:\n  - name: acme\n    mdm: {{ kind: jamf, url: '{}', client_id: reader, client_secret_file: \
         ../../home/secret.txt, enrolment_profile: true }}\n",
        simulator.url("/acme")
    );
    machine.has("etc/apnswatch/apnswatch.yaml", yaml);
    let told = machine.ended("apnswatch access --json").await.stdout;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let page = document(JAMF_PAGE);
    let mut privileges = BTreeSet::new();
    for access in told["tenants"][0]["access"].as_array().unwrap() {
        let privilege = access["privilege"].as_str().unwrap();
        if !privilege.is_empty() {
            assert!(page.contains(&format!("| {privilege} |")), "{privilege} is not in the page");
            privileges.insert(privilege.to_owned());
        }
    }
    assert_eq!(privileges.len(), 5, "{privileges:?}");
}

#[test]
fn the_page_and_setup_say_the_same_of_the_login_and_of_the_certificate() {
    let page = document(JAMF_PAGE).replace("**", "").replace('`', "");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let login = guide::login(MdmKind::Jamf);
    let rights = login.rights.iter().chain(&login.extra).map(|(name, lost)| format!("| {name} | {lost}"));
    let sentences = login.grant.iter().chain(login.hand).chain(&guide::DOWNLOAD).map(|text| (*text).to_owned());
    let all: Vec<String> = rights.chain(sentences).collect();
    assert_eq!(all.len(), 5 + 3 + 4);
    for text in all {
        // The page's last words are its own.
        assert!(page.contains(text.trim_end_matches('.')), "the page does not say: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_provider_gets_there() {
    let simulator = intune::Simulator::start().await.unwrap();
    let (app, authority) = ("00000000-0000-4000-8000-000000000002", Authority::new().unwrap());
    let directory = |number: u32| format!("00000000-0000-4000-8000-0000000047{number:02}");
    let topic = |number: u32| format!("com.apple.mgmt.External.00000000-0000-4000-8000-00000000{number:04}");
    for (number, days) in [(11, 300), (12, 20), (13, 250)] {
        let told = intune::Certificate::new(topic(number), now() + TimeDelta::days(days) + TimeDelta::hours(1));
        let told = intune::Certificate { account: "it-apns@example.com".to_owned(), ..told };
        let found = Directory::new(app, Credential::Secret(SECRET.to_owned()), told);
        simulator.set_directory(&directory(number), found);
    }
    let url = simulator.graph_url();
    let mut machine =
        Machine::new(&[("    cloud: global\n", &format!("    login_url: {url}\n    graph_url: {url}\n"))]);
    machine.has("home/intune-secret.txt", SECRET);
    machine.has("home/pool/north.pem", certificate(&authority, &topic(14), "0A14", 200));
    machine.has("home/pool/stray.pem", certificate(&authority, &topic(99), "0A99", 100));
    machine.has("home/secret.txt", SECRET);
    machine.copy("deploy", "home/deploy");
    machine.follow("docs/start-service-provider.md").await;
    assert!(machine.run > 15, "{}", machine.run);
}
