//! The JSON Schema of the configuration, held against the readers and against every configuration there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use apnswatch::config::{load, schema, schema_text};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Map, Value, json};

use crate::support::{document, project};

/// Wrong configurations in which only the readers can see what is wrong, and why a schema cannot.
const UNSEEN: [(&str, &str); 8] = [
    ("invalid-duplicate-topic", "two entries are compared"),
    ("invalid-intune-missing", "the defaults may have what a tenant lacks"),
    ("invalid-policy-order", "two numbers are compared"),
    ("invalid-web-actions", "the environment may name the file"),
    ("invalid-web-actions-memory", "the environment may name the store"),
    ("invalid-poll-bounds", "durations are text"),
    ("invalid-poll-timeout", "two durations are compared"),
    ("invalid-probe-role", "two lists are compared"),
];

/// The schema, ready to judge.
struct Judge(Schemas, SchemaIndex);

impl Judge {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("apnswatch.json", schema()).unwrap();
        let index = compiler.compile("apnswatch.json", &mut schemas).unwrap();
        Self(schemas, index)
    }

    fn complaint(&self, configuration: &Value) -> Option<String> {
        self.0.validate(configuration, self.1).err().map(|error| format!("{error:#}"))
    }
}

/// A YAML text as our reader and an editor see it; none if it is no mapping at all.
fn parsed(text: &str) -> Option<Value> {
    use ::config::{Config, File, FileFormat};
    Config::builder().add_source(File::from_str(text, FileFormat::Yaml)).build().ok()?.try_deserialize().ok()
}

#[test]
fn the_shipped_schema_is_the_generated_one_and_the_example_names_it() {
    let right = document("config/apnswatch.schema.json") == schema_text();
    assert!(right, "write it anew: cargo run -- config-schema > config/apnswatch.schema.json");
    let example = document("config/apnswatch.yaml");
    assert!(example.starts_with("# yaml-language-server: $schema=apnswatch.schema.json\n"));
}

#[test]
fn what_the_readers_take_is_valid_and_what_they_refuse_is_not() {
    let judge = Judge::new();
    let folder = project("tests/fixtures/config");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.push(project("config/apnswatch.yaml"));
    // Nine lines that stand for more values than any memory holds: no reader may get as far as a schema.
    let is_read = |path: &Path| !path.ends_with("invalid-aliases.yaml");
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml") && is_read(path));
    let unseen = BTreeMap::from(UNSEEN);
    let (mut good, mut bad, mut found, mut wrong) = (0, 0, BTreeSet::new(), Vec::new());
    for path in files {
        let name = path.file_stem().unwrap().to_str().unwrap();
        // What is no mapping, or has a key twice, is told by every reader of YAML.
        let Some(configuration) = parsed(&fs::read_to_string(&path).unwrap()) else { continue };
        let complaint = judge.complaint(&configuration);
        match load(&path, &BTreeMap::new(), None) {
            Ok(_) => {
                assert_eq!(complaint, None, "{name}");
                good += 1;
            }
            Err(problems) => {
                let is_unseen = unseen.contains_key(name);
                if complaint.is_none() != is_unseen {
                    wrong.push(format!("{name}: {complaint:?} where readers say {problems:?}"));
                }
                found.extend(is_unseen.then(|| name.to_owned()));
                bad += 1;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(found.len(), UNSEEN.len(), "{found:?}");
    assert!(good >= 6 && bad > 40, "{good} good ones, {bad} bad ones");
}

#[test]
fn odd_and_right_values_are_valid_for_both() {
    let judge = Judge::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.yaml");
    let topic = "Com.Apple.MGMT.External.1";
    for right in [
        json!({ "web": { "listen": "[fe80::1%2]:0", "external_url": " HTTPS://[::1]:8443/a@b " } }),
        json!({ "web": null, "probe": null, "tenants": null, "notify": null, "store": null }),
        json!({ "site": "x", "probe": {} }),
        json!({ "poll": { "interval": "1h 30m", "timeout": "1.5s" } }),
        json!({ "network": { "proxy": "http://u.example.com" }, "tenant_files": [] }),
        json!({ "defaults": { "none": {}, "jamf": { "network": null, "tokens": null } } }),
        json!({ "tenants": [{ "name": " ", "muted": {}, "tokens": [], "mdm": { "kind": "none" } }] }),
        json!({ "tenants": [{ "name": "a", "labels": { "_": "", "a_1": "7" }, "formerly": [] }] }),
        json!({ "tenants": [{ "name": "a", "certificate": { "expected_topic": topic, "files": [" x"] } }] }),
        json!({ "tenants": [{ "name": "a", "certificate": { "declared": { "not_after": "2027-03-01T00:00:00z" } } }] }),
    ] {
        fs::write(&path, right.to_string()).unwrap();
        assert!(load(&path, &BTreeMap::new(), None).is_ok(), "{right}: {:?}", load(&path, &BTreeMap::new(), None));
        assert_eq!(judge.complaint(&right), None, "{right}");
    }
}

/// A way down into a configuration.
#[derive(Clone, Debug)]
enum Step {
    Key(String),
    /// Into an entry of a list.
    Entry,
    /// Into a mapping under a name that the operator chooses.
    Any,
    /// Into a mapping of which another key says what it is.
    Kind(String, Value),
}

/// The configuration that has nothing but this mapping at the end of the way.
fn at_the_end(way: &[Step], end: Map<String, Value>) -> Value {
    let mut end = end;
    let mut way = way;
    while let [before @ .., Step::Kind(key, value)] = way {
        end.insert(key.clone(), value.clone());
        way = before;
    }
    let mut value = Value::Object(end);
    for (index, step) in way.iter().enumerate().rev() {
        value = match step {
            Step::Key(key) => json!({ key: value }),
            Step::Entry => json!([value]),
            Step::Any => json!({ "any": value }),
            Step::Kind(key, kind) => {
                value[key] = kind.clone();
                assert!(value.is_object(), "{way:?} at {index}");
                value
            }
        };
    }
    value
}

/// Every mapping with keys of ours, and the way to it.
fn mappings(root: &Value, schema: &Value, way: &[Step], found: &mut Vec<(Vec<Step>, BTreeSet<String>)>) {
    let further = |step: Step| [way, &[step]].concat();
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return mappings(root, &root["$defs"][name], way, found);
    }
    let Some(properties) = schema["properties"].as_object() else {
        for one in schema["anyOf"].as_array().into_iter().flatten() {
            mappings(root, one, way, found);
        }
        if schema["items"].is_object() {
            mappings(root, &schema["items"], &further(Step::Entry), found);
        }
        if schema["additionalProperties"].is_object() {
            mappings(root, &schema["additionalProperties"], &further(Step::Any), found);
        }
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{way:?} takes unknown keys");
    let kind = properties.iter().find_map(|(key, value)| Some((key.clone(), value.get("const")?.clone())));
    let way = kind.map_or_else(|| way.to_vec(), |(key, value)| further(Step::Kind(key, value)));
    found.push((way.clone(), properties.keys().cloned().collect()));
    for (key, value) in properties {
        mappings(root, value, &[&way[..], &[Step::Key(key.clone())]].concat(), found);
    }
}

/// The keys that the readers know there: they list them when there is one that resembles none.
fn known(path: &Path, way: &[Step]) -> BTreeSet<String> {
    const STRANGER: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxx";
    let configuration = at_the_end(way, Map::from_iter([(STRANGER.to_owned(), json!("x"))]));
    fs::write(path, configuration.to_string()).unwrap();
    let problems = load(path, &BTreeMap::new(), None).unwrap_err();
    let told = problems.iter().find(|problem| problem.path.ends_with(STRANGER));
    let told = told.unwrap_or_else(|| panic!("{configuration}: {problems:?}"));
    let message = told.message.split(" (tenant").next().unwrap();
    if message == "unknown key: nothing can be set here" {
        return BTreeSet::new();
    }
    let list = message.strip_prefix("unknown key, known here: ").unwrap_or_else(|| panic!("{told:?}"));
    list.split(", ").map(ToOwned::to_owned).collect()
}

#[test]
fn the_schema_has_every_key_that_the_readers_know_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("main.yaml");
    let schema = schema();
    let mut found = Vec::new();
    mappings(&schema, &schema, &[], &mut found);
    assert!(found.len() > 35, "only {} mappings found", found.len());
    for (way, keys) in found {
        assert_eq!(keys, known(&path, &way), "{way:?}");
    }
}
