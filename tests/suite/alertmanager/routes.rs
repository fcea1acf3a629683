//! What `amtool` says of the shipped files: they are right, and each alert goes where it should.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::consistency::parsed;
use crate::support::{document, ended, project};

const FOLDER: &str = "deploy/alertmanager";

async fn amtool(arguments: &[&str]) -> String {
    let mut command = Command::new("amtool");
    command.args(arguments).current_dir(project(FOLDER)).stdin(Stdio::null()).kill_on_drop(true);
    let ended = ended(command).await;
    assert_eq!(ended.status, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout.trim().to_owned()
}

/// Alerts that later rules bring; the routes for them are there.
const TO_COME: [(&str, &str); 6] = [
    ("ApnswatchDrill", "critical"),
    ("ApnswatchDrill", "warning"),
    ("ApnswatchDrill", "info"),
    ("ApnswatchNotifyFailing", "warning"),
    ("ApnswatchLetterUnconfirmed", "warning"),
    // What no route names.
    ("SomethingElse", ""),
];

/// Where an alert must go. Only those that go elsewhere than others of their severity are named.
fn expected(alert: &str, severity: &str) -> &'static str {
    match (alert, severity) {
        ("ApnswatchWatchdog", _) => "dead-man",
        ("ApnsRenewalPlanned", _) => "nobody",
        (_, "critical") => "pager",
        (_, "info") => "list",
        _ => "team",
    }
}

/// The alerts of the rules with their severities.
fn shipped() -> Vec<(String, String)> {
    let rules = parsed("deploy/prometheus/apnswatch.rules.yaml");
    let groups = rules["groups"].as_array().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().unwrap());
    let word = |value: &Value| value.as_str().map(ToOwned::to_owned);
    rules
        .filter_map(|rule| Some((word(&rule["alert"])?, word(&rule["labels"]["severity"]).unwrap_or_default())))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_configuration_is_right() {
    let told = amtool(&["check-config", "alertmanager.yml"]).await;
    assert!(told.contains("5 receivers") && told.contains("1 templates"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_alert_of_the_rules_goes_where_it_should() {
    let mut alerts = shipped();
    assert!(alerts.len() > 35, "{alerts:?}");
    alerts.extend(TO_COME.map(|(alert, severity)| (alert.to_owned(), severity.to_owned())));
    let mut wrong = Vec::new();
    for (alert, severity) in &alerts {
        let labels = [&format!("alertname={alert}"), &format!("severity={severity}"), "tenant=acme", "mdm=jamf"];
        let arguments = ["config", "routes", "test", "--config.file=alertmanager.yml"];
        let receiver = amtool(&[&arguments[..], &labels].concat()).await;
        println!("{alert} {severity}: {receiver}");
        if receiver != expected(alert, severity) {
            wrong.push(format!("{alert} {severity} goes to {receiver}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // A route or an inhibition that names an alert which does not exist does nothing, and nobody would see it.
    let names: Vec<&str> = alerts.iter().map(|(alert, _)| alert.as_str()).collect();
    let config = document("deploy/alertmanager/alertmanager.yml");
    for line in config.lines().filter(|line| line.contains("alertname =")) {
        for name in line.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.starts_with("Ap")) {
            // The head tells how to wrap the routes: "Apn.*|Apple.*".
            assert!(line.starts_with('#') || names.contains(&name), "{name} is no alert: {line}");
        }
    }
}

/// The manual of Alertmanager 0.28: the fields of `msteamsv2_configs`, and whether each is a text.
#[test]
fn the_receiver_for_teams_has_the_fields_of_its_manual() {
    let fields: BTreeMap<&str, bool> = [
        ("send_resolved", false),
        ("http_config", false),
        ("webhook_url", true),
        ("webhook_url_file", true),
        ("title", true),
        ("text", true),
    ]
    .into();
    let teams = parsed("deploy/alertmanager/teams.yml");
    let receivers = teams["receivers"].as_array().unwrap();
    assert_eq!(teams.as_object().unwrap().len(), 1);
    for receiver in receivers {
        assert_eq!(receiver.as_object().unwrap().len(), 2, "a name and one list: {receiver}");
        assert_eq!(receiver["name"], "team");
        for config in receiver["msteamsv2_configs"].as_array().unwrap() {
            let config = config.as_object().unwrap();
            for (key, value) in config {
                let is_text = fields.get(key.as_str()).unwrap_or_else(|| panic!("{key} is no field"));
                assert_eq!(value.is_string(), *is_text, "{key}: {value}");
            }
            let addresses = ["webhook_url", "webhook_url_file"].iter().filter(|key| config.contains_key(**key));
            assert_eq!(addresses.count(), 1, "exactly one of the two");
        }
    }
    let texts = document("deploy/alertmanager/apnswatch.tmpl");
    for part in document("deploy/alertmanager/teams.yml").split("{{ template \"").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(texts.contains(&format!("{{{{ define \"{name}\" }}}}")), "{name}");
    }
}
