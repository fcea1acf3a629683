//! The model of the dashboards, as far as it can be judged without Grafana.

use std::collections::{BTreeMap, BTreeSet};

use apnswatch::model::{Finding, Notice, Phase, Question, Reason};
use serde_json::Value;

use super::{BOARDS, ONLY_WHILE, Panel, board, panels, variables};
use crate::support::document;

/// Those that Grafana 10 and later bring along; the ones it dropped (graph, singlestat) are not here.
const KINDS: [&str; 8] = ["stat", "table", "bargauge", "barchart", "timeseries", "state-timeline", "heatmap", "row"];
const UNITS: [&str; 6] = ["none", "s", "suffix:days", "short", "percentunit", "dateTimeAsIso"];
const TRANSFORMATIONS: [&str; 4] = ["merge", "organize", "convertFieldType", "sortBy"];

/// Quiet, well, info, warning, critical; `text` is the colour of plain text.
const COLOURS: [&str; 6] = ["#808080", "green", "blue", "orange", "red", "text"];

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect()
}

/// Calls `visit` with each object in a value.
fn each_object(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            visit(object);
            object.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(list) => list.iter().for_each(|value| each_object(value, visit)),
        _ => {}
    }
}

#[test]
fn dashboards_can_be_provisioned_and_imported_as_they_are() {
    let uids = BOARDS.map(|name| board(name)["uid"].as_str().unwrap().to_owned());
    assert_eq!(uids, BOARDS.map(|name| format!("apnswatch-{name}")), "other files link to these");
    for name in BOARDS {
        let text = document(&format!("deploy/grafana/dashboards/{name}.json"));
        let board = board(name);
        assert!(board["id"].is_null() && board.get("__inputs").is_none(), "{name}");
        assert!(board["schemaVersion"].as_u64() >= Some(38), "{name}");
        assert_eq!(texts(&board["tags"]), ["apnswatch"]);
        for key in ["title", "description"] {
            assert!(!board[key].as_str().unwrap().is_empty(), "{name}");
        }
        // The links at the top go by the tag; the other ones by the uid.
        for link in board["links"].as_array().unwrap() {
            assert_eq!((&link["type"], texts(&link["tags"])), (&"dashboards".into(), vec!["apnswatch"]));
        }
        for link in text.split("/d/").skip(1) {
            let (uid, parameters) = link.split_once('?').unwrap();
            assert!(uids.iter().any(|known| known == uid), "{name} links to {uid}");
            assert!(parameters.starts_with("${datasource:queryparam}&var-tenant="), "{name}: {parameters:.80}");
        }
        datasource_is_chosen(name, &board);
        variables_are_used(name, &board);
    }
}

fn datasource_is_chosen(name: &str, board: &Value) {
    let first = &board["templating"]["list"][0];
    assert_eq!((&first["name"], &first["type"]), (&"datasource".into(), &"datasource".into()));
    let mut count = 0;
    each_object(board, &mut |object| {
        if let Some(datasource) = object.get("datasource") {
            assert_eq!((&datasource["type"], &datasource["uid"]), (&"prometheus".into(), &"${datasource}".into()));
            count += 1;
        }
    });
    assert!(count > 15, "{name}: {count}");
}

fn variables_are_used(name: &str, board: &Value) {
    let mut asked = String::new();
    each_object(board, &mut |object| {
        for key in ["expr", "query"] {
            asked.extend(object.get(key).and_then(Value::as_str));
        }
    });
    for variable in variables(board) {
        assert!(asked.contains(&format!("${}", variable.name)), "{name} does not use {}", variable.name);
        // All is any value, and none; a list of a thousand tenants would not fit into a request.
        let list = board["templating"]["list"].as_array().unwrap().iter();
        let json = list.clone().find(|json| json["name"] == *variable.name).unwrap();
        let compared = format!("{}=~\"${}\"", variable.label, variable.name);
        if variable.has_all {
            assert_eq!((&json["allValue"], &json["multi"]), (&".*".into(), &true.into()));
            assert!(asked.contains(&compared), "{name}: {compared}");
        } else {
            assert!(!asked.contains(&compared), "one value is compared as it is: {name}: {compared}");
        }
    }
    // The first of the series that each query names stands in the documents.
    let documented = document("docs/metrics.md");
    for word in asked.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
        if ["apns_", "apnswatch_", "apple_"].iter().any(|start| word.starts_with(start)) && word != "apns_unreachable" {
            let series = word.trim_end_matches("_bucket");
            assert!(documented.contains(&format!("\n| `{series}` |")), "{name} asks for {word}");
        }
    }
}

#[test]
fn panels_have_their_own_place_and_number() {
    for name in BOARDS {
        let board = board(name);
        let panels = board["panels"].as_array().unwrap();
        let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
        assert_eq!(ids.len(), panels.len(), "{name}: a number comes twice");
        let titles: BTreeSet<&str> = panels.iter().map(|panel| panel["title"].as_str().unwrap()).collect();
        assert_eq!(titles.len(), panels.len(), "{name}: a title comes twice");
        let mut taken = BTreeMap::new();
        for panel in panels {
            let [x, y, width, height] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(width > 0 && height > 0 && x + width <= 24, "{}", panel["title"]);
            for (row, column) in (y..y + height).flat_map(|row| (x..x + width).map(move |column| (row, column))) {
                let other = taken.insert((row, column), &panel["title"]);
                assert!(other.is_none(), "{name}: {} lies on {other:?}", panel["title"]);
            }
        }
        // No line is left empty.
        let bottom = taken.keys().next_back().unwrap().0;
        assert!((0..=bottom).all(|row| taken.contains_key(&(row, 0))), "{name}");
    }
}

#[test]
fn every_panel_explains_itself() {
    let mut only_while = 0;
    for panel in panels() {
        let json = &panel.json;
        let name = format!("{}: {}", panel.board, panel.title());
        assert!(KINDS.contains(&json["type"].as_str().unwrap()), "{name}");
        let description = json["description"].as_str().unwrap();
        assert!(description.len() > 20 && description.ends_with('.'), "{name}: {description}");
        let defaults = &json["fieldConfig"]["defaults"];
        each_object(&json["fieldConfig"], &mut |object| {
            if let Some(unit) = object.get("unit") {
                assert!(UNITS.contains(&unit.as_str().unwrap()), "{name}: {unit}");
            }
            for colour in ["color", "fixedColor"].iter().filter_map(|key| object.get(*key)?.as_str()) {
                assert!(COLOURS.contains(&colour), "{name}: {colour} is the colour of no severity");
            }
            // Colour is never the only sign.
            if object.contains_key("text") {
                assert!(!object["text"].as_str().unwrap().is_empty(), "{name}");
            }
        });
        assert!(defaults["unit"].is_string(), "{name}");
        let steps = defaults["thresholds"]["steps"].as_array().unwrap();
        assert!(steps[0]["value"].is_null(), "{name}: the first step is the base");
        let values: Vec<f64> = steps[1..].iter().map(|step| step["value"].as_f64().unwrap()).collect();
        assert!(values.is_sorted_by(|a, b| a < b), "{name}: {values:?}");
        let letters: Vec<&str> = panel.targets().iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(letters, &["A", "B", "C", "D", "E", "F", "G", "H"][..letters.len()], "{name}");
        for transformation in json["transformations"].as_array().unwrap() {
            assert!(TRANSFORMATIONS.contains(&transformation["id"].as_str().unwrap()), "{name}");
        }
        for target in panel.targets().iter().filter(|target| panel.is_only_while(target)) {
            assert!(description.contains("only "), "{}: it does not say when it is there", panel.name(target));
            only_while += 1;
        }
    }
    assert_eq!(only_while, ONLY_WHILE.len());
}

/// Every word of a closed list, with the mapping or name that puts it into words a person reads.
#[test]
fn every_word_of_a_closed_list_is_put_into_words() {
    let words = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
    let phases = words(&Phase::ALL.map(Phase::as_str));
    let expected = [
        ("phase", phases.clone()),
        ("next step", phases),
        ("finding", words(&Finding::ALL.map(Finding::as_str))),
        ("reason", words(&Reason::ALL.map(Reason::as_str))),
        ("nobody can say", words(&Question::ALL.map(Question::as_str))),
    ];
    let mut seen = BTreeSet::new();
    for panel in panels() {
        for rule in panel.json["fieldConfig"]["overrides"].as_array().unwrap() {
            let column = rule["matcher"]["options"].as_str().unwrap();
            let Some((_, words)) = expected.iter().find(|(name, _)| *name == column) else { continue };
            let properties = rule["properties"].as_array().unwrap().iter();
            let mapped = properties.filter(|property| property["id"] == "mappings").flat_map(|property| {
                let mappings = property["value"].as_array().unwrap().iter();
                mappings
                    .filter(|mapping| mapping["type"] == "value")
                    .flat_map(|mapping| mapping["options"].as_object().unwrap().keys().cloned().collect::<Vec<_>>())
            });
            let mut mapped: BTreeSet<String> = mapped.collect();
            // There are steps that go before the date, in words of the dashboard's own.
            if column == "next step" {
                mapped.retain(|word| !["drift", "revoked", "removed", "upload", "finding"].contains(&word.as_str()));
            }
            assert_eq!(&mapped, words, "{}: {column}", panel.title());
            seen.insert(column.to_owned());
        }
    }
    assert_eq!(seen, expected.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// The labels of what was found.
fn labels(series: &[Value]) -> BTreeSet<String> {
    let series = series.iter().map(|series| series["metric"].as_object().unwrap());
    series.flat_map(|metric| metric.keys().cloned()).collect()
}

/// The legend of a series.
fn legend(format: &str, metric: &Value) -> String {
    let mut text = format.to_owned();
    for (label, value) in metric.as_object().unwrap() {
        text = text.replace(&format!("{{{{{label}}}}}"), value.as_str().unwrap());
    }
    assert!(!text.is_empty() && !text.contains("{{"), "{format} with {metric}");
    text
}

/// Columns are hidden, ordered, renamed, sorted by and coloured by their name: a wrong one would be passed over in silence.
pub(super) fn fields_are_named_as_they_come(panel: &Panel, found: &[Vec<Value>]) {
    let is_table = panel.targets().iter().all(|target| target["format"] == "table");
    let mut names = BTreeSet::new();
    for (target, series) in panel.targets().iter().zip(found) {
        if is_table {
            let several = panel.targets().len() > 1;
            let letter = target["refId"].as_str().unwrap();
            names.extend(["Time".to_owned(), if several { format!("Value #{letter}") } else { "Value".to_owned() }]);
            names.extend(labels(series));
        } else {
            let format = target["legendFormat"].as_str().unwrap();
            names.extend(series.iter().map(|series| legend(format, &series["metric"])));
        }
    }
    if is_table {
        names = organized(panel, names);
    } else {
        // The demo need not show every word; one of a closed list would come under its name.
        names.extend(Question::ALL.map(|question| question.as_str().to_owned()));
        names.extend(Notice::ALL.map(|notice| notice.as_str().to_owned()));
        names.extend(panel.targets().iter().map(|target| target["legendFormat"].as_str().unwrap().to_owned()));
    }
    let json = &panel.json;
    let overridden = json["fieldConfig"]["overrides"].as_array().unwrap().iter();
    let options = &json["options"];
    let sorted = options["sortBy"].as_array().into_iter().flatten().map(|sort| &sort["displayName"]);
    for name in overridden.map(|rule| &rule["matcher"]["options"]).chain(sorted).chain(options.get("xField")) {
        let name = name.as_str().unwrap();
        assert!(names.contains(name), "{}: {}: nothing is called {name}: {names:?}", panel.board, panel.title());
    }
}

/// The columns after the transformation `organize`, which names every one that comes, and no other.
fn organized(panel: &Panel, names: BTreeSet<String>) -> BTreeSet<String> {
    let list = panel.json["transformations"].as_array().unwrap();
    let options = &list.iter().find(|one| one["id"] == "organize").unwrap()["options"];
    let keys = |name: &str| options[name].as_object().unwrap().keys().cloned().collect::<BTreeSet<String>>();
    let (hidden, ordered, renamed) = (keys("excludeByName"), keys("indexByName"), keys("renameByName"));
    let listed: BTreeSet<String> = hidden.union(&ordered).cloned().collect();
    // The value of a query without an answer is not there, and neither are its labels.
    assert_eq!(names, listed, "{}: {}", panel.board, panel.title());
    assert!(renamed.is_subset(&ordered) && hidden.is_disjoint(&ordered), "{}", panel.title());
    ordered.into_iter().map(|name| options["renameByName"][&name].as_str().map_or(name, ToOwned::to_owned)).collect()
}
