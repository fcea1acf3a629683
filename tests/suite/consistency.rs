//! What the code exports, what the documents say, and what the rules ask for, held against each other.

use std::collections::{BTreeMap, BTreeSet};

use apnswatch::demo::intune::{Answer, Certificate};
use apnswatch::demo::resolver::{self, Resolver};
use apnswatch::model::{
    Family, Finding, IpVersion, MdmKind, Notice, Phase, ProbeReason, Question, Reason, Role, Source, Step,
};
use serde_json::Value;

use crate::support::{Daemon, Scrape, Site, answer, document, ended, filed, program, project, told, topic};

const RULES: &str = "deploy/prometheus/apnswatch.rules.yaml";

/// Label names by series.
type Series = BTreeMap<String, BTreeSet<String>>;

/// Labels that `tenant_labels` adds, in the demo and in the example; the document tells of such labels in words.
const CONFIGURED: [&str; 2] = ["team", "customer"];

/// Everything that can be exported: by the demo, and by a daemon with what the demo does not show.
async fn exported() -> Series {
    let demo = Daemon::demo().await;
    let site = Site::new().await;
    let muted = "    muted: { until: 2099-01-01, reason: a test }\n";
    let file = site.certificate("desk.pem", &topic("desk"), "0A01", 200);
    // The demo probes addresses; a name is looked up here, of a resolver on loopback.
    let any = "127.0.0.1:0".parse().unwrap();
    let resolver = Resolver::start(any).await.unwrap();
    resolver.set("api.push.apple.com", resolver::Answer::Addresses(vec!["127.0.0.1".parse().unwrap()]));
    // Nobody takes its notices and its letter, which is counted, too.
    let hook = site.write("hook", "http://127.0.0.1:9/");
    let head = format!(
        "site: desk\nnotify: {{ webhook: {{ url_file: '{}' }}, letter: {{ to: [it@example.com] }}, smtp: {{ server: \
         '127.0.0.1:9', tls: none, from: watch@example.com, to: [it@example.com] }} }}\nweb: {{ external_url: 'https://apns.example.com/' }}\n\
         probe: {{ interval: 1s, timeout: 200ms, resolver: '{}', allowed_ranges: [127.0.0.0/8], targets: [{{ role: server, \
         host: api.push.apple.com, port: 1 }}] }}",
        hook.display(),
        resolver.address()
    );
    site.configure(&head, &[site.intune("acme", answer("acme", 20), muted), filed("desk", &file)]);
    let daemon = site.serve().await;
    daemon.until("a date", |scrape| scrape.up("acme") == Some(1.0)).await;
    site.set("acme", Answer::Certificate(Certificate { serial: "0C01".to_owned(), ..told("acme", 364) }));
    // No daemon listens where the configuration says, which is the drill's complaint; it runs all the same.
    assert_eq!(site.run(&["drill"]).await.status, Some(1));
    let renewed = "apns_certificate_renewed_timestamp_seconds";
    daemon.until("a letter is due", |scrape| scrape.value("apnswatch_letter_unconfirmed", &[]).is_some()).await;
    let scrape = daemon.until("a renewal", |scrape| scrape.value(renewed, &[]).is_some()).await;
    demo.ready().await;
    // The demo's vendor fails from its second answer on.
    let shown = demo
        .until("everything is shown", |scrape| {
            scrape.value("apns_control_open", &[]).is_some()
                && scrape.reason("valley").is_some()
                && scrape.value("apns_finding", &[("tenant", "ridge")]).is_some()
        })
        .await;
    let mut series = Series::new();
    for scrape in [scrape, shown] {
        collect(&scrape, &mut series);
    }
    series
}

/// The label names of each family; those of a histogram without its own suffixes and `le`.
fn collect(scrape: &Scrape, series: &mut Series) {
    for sample in &scrape.samples {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| sample.name.strip_suffix(suffix));
        let histogram = base.filter(|base| scrape.types.get(*base).is_some_and(|kind| kind == "histogram"));
        let labels = sample
            .labels
            .keys()
            .filter(|label| !CONFIGURED.contains(&label.as_str()) && (histogram.is_none() || *label != "le"));
        let name = histogram.unwrap_or(&sample.name).to_owned();
        series.entry(name).or_default().extend(labels.cloned());
    }
}

/// The words in backticks of a text.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
}

/// The table of `docs/metrics.md`: series in the first column, labels in the third.
fn documented() -> Series {
    let text = document("docs/metrics.md");
    let is_row =
        |line: &&str| ["apns", "apple_", "process_"].iter().any(|start| line.starts_with(&format!("| `{start}")));
    let rows = text.lines().filter(is_row);
    rows.filter_map(|line| {
        let cells: Vec<&str> = line.split('|').collect();
        let name = quoted(cells.get(1)?).into_iter().next()?;
        // The tables of label values have two columns.
        (cells.len() >= 6).then(|| (name, quoted(cells[3])))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exported_is_documented_and_used_as_it_is() {
    let exported = exported().await;
    let documented = documented();
    assert!(documented.len() > 30, "{documented:?}");
    let differ: Vec<String> = exported
        .keys()
        .chain(documented.keys())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter(|name| exported.get(*name) != documented.get(*name))
        .map(|name| {
            format!("{name}: exported with {:?}, documented with {:?}", exported.get(name), documented.get(name))
        })
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let sections = document("docs/metrics.md");
    for name in documented.keys().filter(|name| !name.starts_with("process_")) {
        assert!(sections.contains(&format!("### `{name}`\n")), "{name} has no section");
    }

    let recorded: BTreeSet<String> = rules().iter().filter_map(|rule| rule.record.clone()).collect();
    let all_labels: BTreeSet<&str> =
        exported.values().flatten().map(String::as_str).chain(["job", "instance"]).chain(CONFIGURED).collect();
    let mut used = BTreeSet::new();
    for rule in rules() {
        let asked = Asked::by(&rule.expression);
        assert!(!asked.series.is_empty() || rule.expression == "vector(1)", "{}", rule.expression);
        for (name, labels) in &asked.series {
            if name == "up" || recorded.contains(name) {
                continue;
            }
            used.insert(name.clone());
            let has = exported.get(name).unwrap_or_else(|| panic!("{name} of a rule is exported by nobody"));
            for label in labels {
                assert!(has.contains(label), "{name} has no label {label}");
            }
        }
        for label in &asked.labels {
            assert!(all_labels.contains(label.as_str()), "no series has the label {label}: {}", rule.expression);
        }
    }
    assert!(used.len() > 10, "{used:?}");
    // The templates of the texts ask, too.
    let text = document(RULES);
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for name in line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')) {
            // A value of a label may begin as series do.
            let is_value = Notice::ALL.iter().any(|notice| notice.as_str() == name);
            let is_series =
                ["apns_", "apns:", "apnswatch_", "apple_token_"].iter().any(|start| name.starts_with(start));
            assert!(
                !is_series || is_value || exported.contains_key(name) || recorded.contains(name),
                "{name} in the rules is exported by nobody: {line}"
            );
        }
    }
}

#[test]
fn every_value_of_a_closed_list_is_documented_and_every_one_of_a_rule_exists() {
    let text = document("docs/metrics.md");
    let words = quoted(&text);
    let lists: BTreeMap<&str, Vec<&str>> = [
        ("reason", [&Reason::ALL.map(Reason::as_str)[..], &ProbeReason::ALL.map(ProbeReason::as_str)].concat()),
        ("role", Role::ALL.map(Role::as_str).to_vec()),
        ("step", Step::ALL.map(Step::as_str).to_vec()),
        ("ip_version", IpVersion::ALL.map(IpVersion::as_str).to_vec()),
        ("finding", Finding::ALL.map(Finding::as_str).to_vec()),
        ("question", Question::ALL.map(Question::as_str).to_vec()),
        ("phase", Phase::ALL.map(Phase::as_str).to_vec()),
        ("mdm", MdmKind::ALL.map(MdmKind::as_str).to_vec()),
        ("source", Source::ALL.map(Source::as_str).to_vec()),
        ("notice", Notice::ALL.map(Notice::as_str).to_vec()),
        ("family", Family::ALL.map(Family::as_str).to_vec()),
        ("kind", vec!["ade", "vpp"]),
        ("origin", vec!["config", "confirmed", "first_seen"]),
        ("precision", vec!["exact", "declared", "estimate"]),
        ("state", vec!["active", "retired", "missing"]),
    ]
    .into();
    for (label, values) in &lists {
        for value in values {
            assert!(words.contains(*value), "{label}=\"{value}\" is not in docs/metrics.md");
        }
    }
    for rule in rules() {
        for (label, value) in Asked::by(&rule.expression).values {
            let Some(values) = lists.get(label.as_str()) else { continue };
            for value in value.split('|') {
                assert!(values.contains(&value), "{label}=\"{value}\" of a rule is never exported");
            }
        }
    }
}

#[test]
fn every_alert_has_its_heading_in_the_runbook() {
    let runbook = document("docs/runbook.md");
    let headings: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let alerts: BTreeSet<String> = rules().into_iter().filter_map(|rule| rule.alert).collect();
    assert!(alerts.len() > 15, "{alerts:?}");
    for alert in &alerts {
        assert!(headings.contains(alert.as_str()), "{alert} has no heading");
        let url = format!("docs/runbook.md#{}\n", alert.to_lowercase());
        assert!(document(RULES).contains(&url), "{alert} does not point at its heading");
    }
    for heading in headings.iter().filter(|heading| heading.starts_with("Apns")) {
        assert!(alerts.contains(*heading), "{heading} is no alert");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_configuration_is_right() {
    let mut command = program();
    command.arg("check-config").arg("--config").arg(project("config/apnswatch.yaml"));
    let ended = ended(command).await;
    assert_eq!((ended.status, ended.stderr.as_str()), (Some(0), ""), "{}", ended.stdout);
}

/// A rule as it is shipped.
struct Rule {
    alert: Option<String>,
    record: Option<String>,
    expression: String,
}

/// A YAML file of the project.
pub(crate) fn parsed(path: &str) -> Value {
    use ::config::{Config, File, FileFormat};
    let file = File::from_str(&document(path), FileFormat::Yaml);
    Config::builder().add_source(file).build().unwrap().try_deserialize().unwrap()
}

fn rules() -> Vec<Rule> {
    let rules = parsed(RULES);
    let groups = rules["groups"].as_array().unwrap().iter();
    let text = |rule: &Value, key: &str| rule[key].as_str().map(ToOwned::to_owned);
    groups
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| Rule {
            alert: text(rule, "alert"),
            record: text(rule, "record"),
            expression: text(rule, "expr").unwrap().trim().to_owned(),
        })
        .collect()
}

/// What an expression asks for.
#[derive(Debug, Default)]
struct Asked {
    /// Series with the label names in their braces.
    series: Series,
    /// Those label names with the value or pattern that is compared.
    values: Vec<(String, String)>,
    /// Label names in `by`, `on` and the like.
    labels: BTreeSet<String>,
}

impl Asked {
    /// Reads the language of Prometheus as far as that takes: words, braces, brackets and strings.
    fn by(expression: &str) -> Self {
        const LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
        const WORDS: [&str; 5] = ["and", "or", "unless", "bool", "offset"];
        // Aggregations may name their labels before what they aggregate.
        let is_call =
            |rest: &str| ["(", "by ", "by(", "without ", "without("].iter().any(|next| rest.starts_with(next));
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let mut asked = Self::default();
        let mut rest = expression;
        while let Some(start) = rest.find(|c: char| is_word(c) || c == '[' || c == '"') {
            rest = &rest[start..];
            if rest.starts_with('[') {
                rest = &rest[rest.find(']').unwrap()..];
                continue;
            }
            assert!(!rest.starts_with('"'), "a string outside braces: {expression}");
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = &rest[..end];
            rest = rest[end..].trim_start();
            if LISTS.contains(&word) {
                let end = rest.find(')').unwrap();
                let names = rest[1..end].split(',').map(str::trim).filter(|name| !name.is_empty());
                asked.labels.extend(names.map(ToOwned::to_owned));
                rest = &rest[end..];
            } else if !is_call(rest) && !WORDS.contains(&word) && !word.starts_with(|c: char| c.is_ascii_digit()) {
                let labels = asked.series.entry(word.to_owned()).or_default();
                if let Some(inside) = rest.strip_prefix('{') {
                    let end = inside.find('}').unwrap();
                    for matcher in inside[..end].split(',') {
                        let (name, value) = matcher.split_once(['=', '!']).unwrap();
                        labels.insert(name.trim().to_owned());
                        let value = value.trim_matches(|c: char| "=~\" ".contains(c));
                        if !value.is_empty() {
                            asked.values.push((name.trim().to_owned(), value.to_owned()));
                        }
                    }
                    rest = &inside[end..];
                }
            }
        }
        asked
    }
}
