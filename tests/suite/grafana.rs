//! What is shipped for Grafana, held against a real Prometheus that scrapes the demo. Grafana itself does not run here: the
//! variables are put in as it does, and the model of the dashboards is checked for what it would refuse or show wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use apnswatch::demo::world::SCENES;
use serde_json::Value;
use tokio::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

use crate::prometheus::Prometheus;
use crate::support::{Daemon, SOON, document, ended, eventually, now, project};

mod model;

const BOARDS: [&str; 3] = ["fleet", "tenant", "network"];

/// Queries that the demo has no answer to, by dashboard, panel and letter. Their panels show something all the same, and say
/// when there is more.
const ONLY_WHILE: [(&str, &str, &str); 4] = [
    // Nobody attests an upload in the demo, so that no renewal is complete.
    ("tenant", "Dates", "C"),
    // The demo probes addresses: no name is looked up.
    ("network", "Ports, step by step", "A"),
    ("network", "Is it Apple?", "B"),
    // What is wrong there shows when a certificate is looked at, which is every ten minutes.
    ("network", "Failed attempts by reason", "A"),
];

/// A panel of a dashboard.
struct Panel {
    board: &'static str,
    json: Value,
}

impl Panel {
    fn title(&self) -> &str {
        self.json["title"].as_str().unwrap()
    }

    fn targets(&self) -> &[Value] {
        self.json["targets"].as_array().unwrap()
    }

    /// For messages.
    fn name(&self, target: &Value) -> String {
        format!("{}: {} {}", self.board, self.title(), target["refId"])
    }

    fn is_only_while(&self, target: &Value) -> bool {
        ONLY_WHILE.contains(&(self.board, self.title(), target["refId"].as_str().unwrap()))
    }
}

fn board(name: &str) -> Value {
    serde_json::from_str(&document(&format!("deploy/grafana/dashboards/{name}.json"))).unwrap()
}

/// Everything that shows data, and no headings.
fn panels() -> Vec<Panel> {
    BOARDS
        .into_iter()
        .flat_map(|name| {
            let panels = board(name)["panels"].as_array().unwrap().clone();
            panels.into_iter().filter(|panel| panel["type"] != "row").map(move |json| Panel { board: name, json })
        })
        .collect()
}

/// A variable that Prometheus tells the values of.
struct Variable {
    name: String,
    /// The selector of the series and the label.
    series: String,
    label: String,
    has_all: bool,
}

fn variables(board: &Value) -> Vec<Variable> {
    let list = board["templating"]["list"].as_array().unwrap().iter();
    list.filter(|variable| variable["type"] == "query")
        .map(|variable| {
            let asked = variable["query"]["query"].as_str().unwrap();
            let inside = asked.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (series, label) = inside.rsplit_once(", ").unwrap();
            Variable {
                name: variable["name"].as_str().unwrap().to_owned(),
                series: series.to_owned(),
                label: label.to_owned(),
                has_all: variable["includeAll"].as_bool().unwrap(),
            }
        })
        .collect()
}

/// Puts values into a query as Grafana does.
fn filled(expression: &str, values: &BTreeMap<String, String>) -> String {
    let mut filled = expression.replace("$__rate_interval", "15s");
    for (name, value) in values {
        filled = filled.replace(&format!("${name}"), value);
    }
    assert!(!filled.contains('$'), "{filled}");
    filled
}

/// The series with a number in them, asked for as the panel asks.
async fn asked(prometheus: &Prometheus, target: &Value, values: &BTreeMap<String, String>) -> Vec<Value> {
    let expression = filled(target["expr"].as_str().unwrap(), values);
    let over_time = target["range"].as_bool().unwrap();
    assert_ne!(target["instant"].as_bool(), Some(over_time), "{target}");
    let series = if over_time {
        let end = now();
        prometheus.range(&expression, end - chrono::TimeDelta::seconds(10), end, 5).await
    } else {
        prometheus.query(&expression).await
    };
    let is_number = |sample: &Value| sample[1].as_str().is_some_and(|number| number != "NaN");
    let has_number = |series: &Value| {
        is_number(&series["value"]) || series["values"].as_array().is_some_and(|values| values.iter().any(is_number))
    };
    series.into_iter().filter(has_number).collect()
}

/// The values that a variable offers while the others stand on All.
async fn offered(prometheus: &Prometheus, variable: &Variable, all: &BTreeMap<String, String>) -> Vec<String> {
    let selector = filled(&variable.series, all);
    let encoded: String = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
    let values = prometheus.get(&format!("/api/v1/label/{}/values?match[]={encoded}", variable.label)).await;
    values.as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

async fn watched() -> (Daemon, Prometheus) {
    let demo = Daemon::demo().await;
    let prometheus = Prometheus::asked(demo.address).await;
    // The last of the demo's troubles comes with the third answer, and rates need two scrapes.
    eventually("the demo shows everything", SOON, || async {
        let findings = prometheus.query("count(count by (finding) (apns_finding)) == 14").await;
        let failing = prometheus.query("apns_source_failing{tenant=\"valley\", source=\"api\"}").await;
        (!findings.is_empty() && failing.len() == 2).then_some(())
    })
    .await;
    (demo, prometheus)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_of_every_panel_has_an_answer_with_every_variable() {
    let (_demo, prometheus) = watched().await;
    let panels = panels();
    assert_eq!(counted(&prometheus, &panels).await, SCENES.len() - 1, "each tenant once, but for the retired one");
    let mut used = BTreeSet::new();
    for name in BOARDS {
        let variables = variables(&board(name));
        let all: BTreeMap<String, String> =
            variables.iter().map(|variable| (variable.name.clone(), ".*".to_owned())).collect();
        // One choice for each value of each variable, the others on All. A variable without All is always chosen.
        let mut choices: BTreeMap<String, Vec<BTreeMap<String, String>>> = BTreeMap::new();
        for variable in &variables {
            let values = offered(&prometheus, variable, &all).await;
            assert!(!values.is_empty(), "{name}: {} offers nothing", variable.name);
            let one = |value: String| {
                let mut chosen = all.clone();
                chosen.insert(variable.name.clone(), value);
                chosen
            };
            choices.insert(variable.name.clone(), values.into_iter().map(one).collect());
        }
        if variables.iter().all(|variable| variable.has_all) {
            choices.insert("all".to_owned(), vec![all]);
        } else {
            // What narrows the list of tenants stands in no query of that dashboard.
            choices.retain(|name, _| name == "tenant");
        }
        for panel in panels.iter().filter(|panel| panel.board == name) {
            let mut found = Vec::new();
            for target in panel.targets() {
                let series = answers(&prometheus, panel, target, &choices).await;
                assert_eq!(series.is_empty(), panel.is_only_while(target), "{}", panel.name(target));
                used.extend(panel.is_only_while(target).then(|| panel.name(target)));
                found.push(series);
            }
            assert!(found.iter().any(|series| !series.is_empty()), "{}: {} is empty", name, panel.title());
            model::fields_are_named_as_they_come(panel, &found);
        }
    }
    assert_eq!(used.len(), ONLY_WHILE.len(), "{used:?}");
}

/// How many tenants the fleet's first panel tells of, in all phases.
async fn counted(prometheus: &Prometheus, panels: &[Panel]) -> usize {
    let all = ["team", "mdm", "tenant"].map(|name| (name.to_owned(), ".*".to_owned())).into();
    let series = asked(prometheus, &panels[0].targets()[0], &all).await;
    series.iter().map(|series| series["value"][1].as_str().unwrap().parse::<usize>().unwrap()).sum()
}

/// What a query is answered, with every choice. Each variable has a value that gives something.
async fn answers(
    prometheus: &Prometheus,
    panel: &Panel,
    target: &Value,
    choices: &BTreeMap<String, Vec<BTreeMap<String, String>>>,
) -> Vec<Value> {
    let expression = target["expr"].as_str().unwrap();
    let mut found = Vec::new();
    for (variable, chosen) in choices {
        // A variable that the query does not name would only ask the same again.
        let is_named = variable == "all" || expression.contains(&format!("${variable}"));
        let mut series = Vec::new();
        for values in chosen.iter().filter(|_| is_named) {
            series.extend(asked(prometheus, target, values).await);
        }
        let is_there = !is_named || panel.is_only_while(target) || !series.is_empty();
        assert!(is_there, "{} is empty whatever is chosen for {variable}", panel.name(target));
        found.extend(series);
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_what_the_script_writes() {
    let folder = tempfile::tempdir().unwrap();
    let mut script = Command::new("python3");
    script.arg(project("deploy/grafana/make")).arg(folder.path()).stdin(Stdio::null()).kill_on_drop(true);
    let made = ended(script).await;
    assert_eq!((made.status, made.stdout.as_str(), made.stderr.as_str()), (Some(0), "", ""));
    let dashboards = BOARDS.map(|name| format!("dashboards/{name}.json"));
    for name in dashboards.iter().map(String::as_str).chain(["provisioning/alerting/apnswatch.yaml"]) {
        let written = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(
            written == document(&format!("deploy/grafana/{name}")),
            "{name} is not what deploy/grafana/make writes"
        );
    }
    let shipped = std::fs::read_dir(project("deploy/grafana/dashboards")).unwrap().count();
    assert_eq!(shipped, BOARDS.len());
}

fn yaml(path: &str) -> Yaml {
    YamlLoader::load_from_str(&document(path)).unwrap().remove(0)
}

/// Every alert of a file of groups.
fn rules(file: &Yaml) -> Vec<Yaml> {
    let groups = file["groups"].as_vec().unwrap().iter();
    groups.flat_map(|group| group["rules"].as_vec().unwrap().clone()).collect()
}

fn words(text: &Yaml) -> String {
    text.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// For Alertmanager alone; see `deploy/grafana/source/alerts.py`.
const LEFT_OUT: [&str; 3] = ["ApnswatchWatchdog", "ApnswatchDrill", "ApnsRenewalPlanned"];

#[tokio::test(flavor = "multi_thread")]
async fn the_alerts_for_grafana_are_those_of_prometheus() {
    let theirs = rules(&yaml("deploy/prometheus/apnswatch.rules.yaml"));
    let theirs: Vec<&Yaml> = theirs.iter().filter(|rule| rule["alert"].as_str().is_some()).collect();
    let ours = rules(&yaml("deploy/grafana/provisioning/alerting/apnswatch.yaml"));
    assert_eq!(ours.len() + LEFT_OUT.len(), theirs.len());
    let by_title: BTreeMap<&str, &Yaml> = ours.iter().map(|rule| (rule["title"].as_str().unwrap(), rule)).collect();
    let ids: BTreeSet<&str> = ours.iter().map(|rule| rule["uid"].as_str().unwrap()).collect();
    assert_eq!((ids.len(), by_title.len()), (ours.len(), ours.len()), "a uid or a title comes twice");
    // Grafana takes no longer ones.
    assert!(ids.iter().all(|id| id.len() <= 40), "{ids:?}");
    let datasource = yaml("deploy/grafana/provisioning/datasources/apnswatch.yaml");
    let datasource = &datasource["datasources"][0]["uid"];

    let (_demo, prometheus) = watched().await;
    let mut firing = BTreeSet::new();
    for rule in theirs.into_iter().filter(|rule| !LEFT_OUT.contains(&rule["alert"].as_str().unwrap())) {
        let title = format!("{} ({})", rule["alert"].as_str().unwrap(), rule["labels"]["severity"].as_str().unwrap());
        let ours = by_title.get(title.as_str()).unwrap_or_else(|| panic!("{title} is missing"));
        let (query, threshold) = (&ours["data"][0], &ours["data"][1]);
        assert_eq!(words(&query["model"]["expr"]), format!("0 * ( {} ) + 1", words(&rule["expr"])), "{title}");
        assert_eq!(ours["for"], rule["for"], "{title}");
        assert_eq!(ours["labels"]["severity"], rule["labels"]["severity"], "{title}");
        for name in ["summary", "runbook_url"] {
            assert_eq!(words(&ours["annotations"][name]), words(&rule["annotations"][name]), "{title}");
        }
        let description = words(&ours["annotations"]["description"]);
        assert!(description.contains("Next step: ") && !description.contains("query"), "{title}: {description}");
        assert_eq!((&query["refId"], &threshold["model"]["expression"]), (&query["model"]["refId"], &query["refId"]));
        assert_eq!((&ours["condition"], &threshold["refId"]), (&threshold["model"]["refId"], &ours["condition"]));
        assert_eq!(&query["datasourceUid"], datasource, "{title}");
        assert_eq!(threshold["datasourceUid"].as_str(), Some("__expr__"), "{title}");

        let answer = prometheus.query(query["model"]["expr"].as_str().unwrap()).await;
        for series in &answer {
            assert_eq!(series["value"][1], "1", "over the threshold, whatever was compared: {series}");
            for label in description.split("$labels.").skip(1) {
                let label = label.split(' ').next().unwrap();
                assert!(series["metric"][label].is_string(), "{title} has no label {label}: {series}");
            }
        }
        if !answer.is_empty() {
            firing.insert(title);
        }
    }
    for title in ["ApnsCertificateExpiry (critical)", "ApnsTopicDrift (critical)", "ApnsCertificateRevoked (critical)"]
    {
        assert!(firing.contains(title), "{firing:?}");
    }
    // Everything is well with the daemon, the store and the clock of the demo.
    assert!(firing.len() > 18 && !firing.contains("ApnswatchDown (critical)"), "{firing:?}");
}
