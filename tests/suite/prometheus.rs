//! A real Prometheus scrapes the running demo with the shipped rules, their durations made short by
//! `scripts/fast-rules`, and fires what it should.
//!
//! Beside the demo it scrapes a second daemon, with a tenant that is muted and one whose name is hard to write.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

use crate::support::{Daemon, SOON, Site, ended, eventually, project, request, signal, spawn, tenant, topic};

/// Everything takes the longest `for` (15 s), the demo's interval (5 s) a few times, and a busy machine.
const FIRING: Duration = Duration::from_secs(120);

const NORTH: &str = "Example \"North\" GmbH";

/// A configuration that scrapes these each second.
fn scraping(targets: &[SocketAddr], more: &str) -> String {
    let targets: Vec<String> = targets.iter().map(|target| format!("'{target}'")).collect();
    let intervals =
        if more.is_empty() { "scrape_interval: 1s, evaluation_interval: 1s" } else { "scrape_interval: 1s" };
    format!(
        "global: {{ {intervals} }}\n\
         scrape_configs:\n  - job_name: apnswatch\n    static_configs: [{{ targets: [{}]{more} }}]\n",
        targets.join(", ")
    )
}

/// The same, with rules whose alerts an Alertmanager hears of.
fn told_to(alertmanager: SocketAddr, targets: &[SocketAddr]) -> String {
    format!(
        "rule_files: [rules.yaml]\n\
         alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{alertmanager}'] }}] }}] }}\n{}",
        scraping(targets, "")
    )
}

pub(crate) struct Prometheus {
    address: SocketAddr,
    process: Child,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
}

/// The shipped rules, made short, in a new folder.
async fn short_rules() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut script = Command::new("python3");
    script.arg(project("scripts/fast-rules")).arg(project("deploy/prometheus/apnswatch.rules.yaml"));
    script.stdin(Stdio::null()).kill_on_drop(true);
    let rules = ended(script).await;
    assert_eq!((rules.status, rules.stderr.as_str()), (Some(0), ""));
    std::fs::write(folder.path().join("rules.yaml"), rules.stdout).unwrap();
    folder
}

impl Prometheus {
    /// With the shipped rules made short.
    pub(crate) async fn watching(targets: &[SocketAddr]) -> Self {
        let config = format!("rule_files: [rules.yaml]\n{}", scraping(targets, ""));
        Self::start(short_rules().await, &config, &[]).await
    }

    /// The same, and an Alertmanager hears of it. What the head of the shipped routes asks for is made short, too: a grace
    /// period of a minute, and news at least once a minute, which are worth four.
    pub(crate) async fn telling(targets: &[SocketAddr], alertmanager: SocketAddr) -> Self {
        let config = told_to(alertmanager, targets);
        let arguments = ["--rules.alert.for-grace-period=1s", "--rules.alert.resend-delay=3s"];
        Self::start(short_rules().await, &config, &arguments).await
    }

    /// With one rule that fires after `wait`; a restart is judged with this grace period.
    pub(crate) async fn with_an_alert(name: &str, wait: &str, grace: &str, alertmanager: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rule = format!("{{ alert: {name}, expr: vector(1), for: {wait}, labels: {{ severity: critical }} }}");
        std::fs::write(folder.path().join("rules.yaml"), format!("groups: [{{ name: one, rules: [{rule}] }}]\n"))
            .unwrap();
        let arguments = [&format!("--rules.alert.for-grace-period={grace}"), "--rules.alert.resend-delay=3s"];
        Self::start(folder, &told_to(alertmanager, &[]), &arguments).await
    }

    /// Without rules, taking also what others send.
    pub(crate) async fn receiving(targets: &[SocketAddr]) -> Self {
        Self::start(tempfile::tempdir().unwrap(), &scraping(targets, ""), &["--web.enable-remote-write-receiver"]).await
    }

    /// Without rules, only to be asked. It takes the target for two daemons that watch the same tenants.
    pub(crate) async fn asked(target: SocketAddr) -> Self {
        let second = format!("}}, {{ targets: ['{target}'], labels: {{ instance: second }}");
        Self::start(tempfile::tempdir().unwrap(), &scraping(&[target], &second), &[]).await
    }

    /// An agent that sends what it scrapes, under the name of an instance.
    pub(crate) async fn sending(instance: &str, targets: &[SocketAddr], to: SocketAddr) -> Self {
        let config = format!(
            "{}remote_write:\n  - url: http://{to}/api/v1/write\n",
            scraping(targets, &format!(", labels: {{ instance: {instance} }}"))
        );
        Self::start(tempfile::tempdir().unwrap(), &config, &["--enable-feature=agent"]).await
    }

    async fn start(folder: tempfile::TempDir, config: &str, arguments: &[&str]) -> Self {
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (address, process) = Self::run(folder.path(), &arguments).await;
        Self { address, process, folder, arguments }
    }

    /// Ends it as a service manager does, and starts it again with what it kept, at another address.
    pub(crate) async fn restart(&mut self) {
        signal(self.process.id().unwrap(), "TERM").await;
        tokio::time::timeout(SOON, self.process.wait()).await.expect("it ends").unwrap();
        (self.address, self.process) = Self::run(self.folder.path(), &self.arguments).await;
    }

    async fn run(folder: &Path, arguments: &[String]) -> (SocketAddr, Child) {
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", folder.join("prometheus.yml").display()));
        let is_agent = arguments.iter().any(|argument| argument == "--enable-feature=agent");
        let storage = if is_agent { "agent" } else { "tsdb" };
        command.arg(format!("--storage.{storage}.path={}", folder.join("data").display()));
        command.args(arguments);
        command.arg("--web.listen-address=127.0.0.1:0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let (process, log) = spawn(command);
        let address = eventually("Prometheus listens", SOON, || {
            let log: Arc<Mutex<String>> = Arc::clone(&log);
            async move {
                let log = log.lock().unwrap();
                let (_, rest) = log.split_once("msg=\"Listening on\" address=")?;
                rest.split_whitespace().next()?.parse().ok()
            }
        })
        .await;
        eventually("Prometheus is ready", SOON, || async {
            (request(address, "GET", "/-/ready", "localhost").await.status == 200).then_some(())
        })
        .await;
        (address, process)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The data of a good answer.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answered = request(self.address, "GET", path, "localhost").await;
        let answer: Value =
            serde_json::from_str(&answered.body).unwrap_or_else(|error| panic!("{error}: {answered:?}"));
        assert_eq!(answer["status"], "success", "{answer}");
        answer["data"].clone()
    }

    async fn rules(&self) -> Vec<Value> {
        let data = self.get("/api/v1/rules").await;
        let groups = data["groups"].as_array().unwrap().iter();
        groups.flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    pub(crate) async fn firing(&self) -> Vec<Value> {
        let data = self.get("/api/v1/alerts").await;
        let alerts = data["alerts"].as_array().unwrap().iter();
        alerts.filter(|alert| alert["state"] == "firing").cloned().collect()
    }

    /// The series that an expression gives now.
    pub(crate) async fn query(&self, expression: &str) -> Vec<Value> {
        let encoded: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        self.get(&format!("/api/v1/query?query={encoded}")).await["result"].as_array().unwrap().clone()
    }

    /// The series that an expression gives over a time, with so many seconds between two values.
    pub(crate) async fn range(
        &self,
        expression: &str,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
        step: u32,
    ) -> Vec<Value> {
        let encoded: String = url::form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let (start, end) = (start.timestamp(), end.timestamp());
        let path = format!("/api/v1/query_range?query={encoded}&start={start}&end={end}&step={step}");
        self.get(&path).await["result"].as_array().unwrap().clone()
    }
}

type Fired = BTreeMap<String, BTreeSet<String>>;

/// By tenant (empty for none): alert and severity.
fn fired(alerts: &[Value]) -> Fired {
    let mut fired = Fired::new();
    for alert in alerts {
        let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
        let words = format!("{} {}", label("alertname"), label("severity"));
        fired.entry(label("tenant")).or_default().insert(words);
    }
    fired
}

/// What must fire, and nothing else. Whoever is not named here is quiet: acme, desk and the like for all is well with
/// them, cove and hush because they are muted, ruin because it is retired.
fn expected() -> Fired {
    const PLAN: &str = "ApnsCertificateExpiry info";
    const RENEW: &str = "ApnsCertificateExpiry warning";
    const EXPIRED: &str = "ApnsCertificateExpiry critical";
    const UNKNOWN: &str = "ApnsCertificateUnknown warning";
    const FAILING: [&str; 2] = ["ApnsSourceFailing warning", "ApnsSourceStale warning"];
    const REJECTED: &str = "ApnsCredentialRejected warning";
    const NOT_UPLOADED: &str = "ApnsRenewalNotUploaded warning";
    const DRIFT: &str = "ApnsTopicDrift critical";
    const NOTICE: &str = "ApnsMdmNotice warning";
    const FINDING: &str = "ApnsFinding warning";
    const TOKEN: &str = "AppleTokenExpiry warning";
    [
        // The duty belongs to the account of ferry, which is no tenant.
        // So do what breaks TLS open on the way to the API, and what it leaves of that way.
        (
            "",
            &[
                "ApnswatchWatchdog info",
                "ApnsDutyDue info",
                "ApnsTlsIntercepted warning",
                "ApnsServerPathDegraded info",
            ][..],
        ),
        ("north", &[PLAN, "ApnsRenewalPlanned info"]),
        ("paper", &[PLAN]),
        ("south", &[PLAN, RENEW]),
        ("east", &[PLAN, RENEW, EXPIRED]),
        ("west", &[PLAN, RENEW, EXPIRED]),
        (NORTH, &[PLAN, RENEW, EXPIRED]),
        ("harbour", &[DRIFT]),
        ("ridge", &["ApnsCertificateRemoved critical"]),
        ("valley", &FAILING),
        ("mist", &[UNKNOWN, REJECTED, FAILING[0], FAILING[1]]),
        ("fog", &[UNKNOWN, REJECTED, FAILING[0], FAILING[1]]),
        ("shelf", &[UNKNOWN, FAILING[0], FAILING[1]]),
        ("cellar", &[PLAN, RENEW, NOT_UPLOADED]),
        ("drawer", &[PLAN, RENEW, NOT_UPLOADED]),
        ("attic", &[FINDING]),
        ("crater", &[FINDING]),
        ("tower", &["ApnsCredentialExpiry warning"]),
        ("bridge", &["ApnsAccountMismatch info"]),
        ("bank", &[DRIFT]),
        ("shore", &[DRIFT]),
        ("moor", &[UNKNOWN]),
        ("dune", &[NOTICE, FINDING]),
        ("marsh", &[PLAN, RENEW, NOTICE]),
        ("gorge", &[PLAN, RENEW, EXPIRED, NOTICE]),
        ("cliff", &["ApnsCertificateRevoked critical"]),
        ("tunnel", &[NOTICE]),
        ("orchard", &["AppleTokenUnusable warning"]),
        ("quarry", &["ApnsPushSilent warning"]),
        ("grove", &[DRIFT, FINDING]),
        ("fork", &[FINDING]),
        ("pond", &[PLAN, "ApnsRenewalTooShort warning"]),
        ("cape", &[FINDING]),
        ("camp", &[FINDING]),
        ("market", &[TOKEN]),
        ("chapel", &[TOKEN, "AppleTokenExpiry critical"]),
        ("lodge", &[FINDING]),
    ]
    .into_iter()
    .map(|(tenant, alerts)| (tenant.to_owned(), alerts.iter().map(ToString::to_string).collect()))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_duration_is_made_short_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.yaml");
    let slow = "# for: 5m and [15m]\n  for: 5m\n  keep_firing_for: 1h30m # why\n  expr: a[15m] + b[1d:1m] + c[2h:] offset 1w - \
                rate(d{e=\"5m\"}[1m])\n  for: 10s\n  summary: for 5m or 30m: {{ query \"f[30m]\" }}\n";
    std::fs::write(&file, slow).unwrap();
    let mut script = Command::new("python3");
    script.arg(project("scripts/fast-rules")).arg(&file).stdin(Stdio::null());
    let fast = ended(script).await.stdout;
    assert_eq!(
        fast,
        "# for: 5m and [15m]\n  for: 3s\n  keep_firing_for: 15s # why\n  expr: a[9s] + b[15s:1s] + c[15s:] offset 15s - \
         rate(d{e=\"5m\"}[2s])\n  for: 2s\n  summary: for 5m or 30m: {{ query \"f[15s]\" }}\n"
    );
}

async fn beside_the_demo() -> (Site, Daemon) {
    let site = Site::new().await;
    let declared = "    mdm: { kind: none }\n    certificate: { declared: { not_after: 2020-01-01 } }\n";
    let muted = format!("{declared}    muted: {{ until: 2099-01-01, reason: a test }}\n");
    site.configure("", &[tenant("hush", &muted), tenant(NORTH, declared)]);
    let daemon = site.serve().await;
    (site, daemon)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_rules_fire_as_they_should() {
    let demo = Daemon::demo().await;
    let (_site, beside) = beside_the_demo().await;
    let prometheus = Prometheus::watching(&[demo.address, beside.address]).await;
    let expected = expected();
    let mut last = Fired::new();
    let end = tokio::time::Instant::now() + FIRING;
    while last != expected {
        assert!(tokio::time::Instant::now() < end, "fired: {last:#?}\nexpected: {expected:#?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
        last = fired(&prometheus.firing().await);
    }

    for rule in prometheus.rules().await {
        assert_eq!((&rule["health"], &rule["lastError"]), (&"ok".into(), &Value::Null), "{rule}");
    }
    let alerts = prometheus.firing().await;
    assert!(alerts.len() > 60, "{}", alerts.len());
    for alert in &alerts {
        readable(alert);
    }
    let text = |name: &str, tenant: &str| {
        let is_it = |alert: &&Value| alert["labels"]["alertname"] == name && alert["labels"]["tenant"] == tenant;
        let alert = alerts.iter().find(is_it).unwrap_or_else(|| panic!("{name} of {tenant}"));
        alert["annotations"]["description"].as_str().unwrap().to_owned()
    };
    let drift = text("ApnsTopicDrift", "harbour");
    for topic in [topic("harbour"), topic("harbour, before")] {
        assert!(drift.contains(&topic), "{drift}");
    }
    assert!(drift.starts_with("Undo first"), "{drift}");
    let north = text("ApnsCertificateExpiry", NORTH);
    assert!(
        north.starts_with("Example \"North\" GmbH (none)") && north.contains("End: 2020-01-01 00:00:00"),
        "{north}"
    );
    assert!(text("ApnsCredentialRejected", "fog").contains("Reason: forbidden."));
    assert!(text("ApnsCredentialRejected", "mist").contains("Reason: auth."));

    // The vendor is dead, and its date is there.
    let valley = prometheus.query("apns_certificate_not_after_timestamp_seconds{tenant=\"valley\"}").await;
    assert_eq!(valley.len(), 1, "{valley:?}");
    // No date has two series, however often it was scraped.
    let twice = prometheus.query("count by (tenant) (apns_certificate_not_after_timestamp_seconds) > 1").await;
    assert_eq!(twice.len(), 0, "{twice:?}");
    assert_eq!(prometheus.query("scrape_samples_scraped{job=\"apnswatch\"} > 0").await.len(), 2);

    only_the_days_are_no_base_unit(&demo, &["apns_certificate_expiry_days", "apple_token_expiry_days"]).await;
    only_the_days_are_no_base_unit(&beside, &["apns_certificate_expiry_days"]).await;
}

/// A text for a person: nothing is missing in it.
pub(crate) fn readable(alert: &Value) {
    let annotations = alert["annotations"].as_object().unwrap();
    for name in ["summary", "description", "runbook_url"] {
        let text = annotations[name].as_str().unwrap();
        assert!(text.len() > 10, "{name}: {text}");
        for wrong in ["<no value>", "<error", "%!", "\"\"", "()", "  ", " .", "\n", "NaN", "{{", "}}"] {
            assert!(!text.contains(wrong), "{name} has {wrong:?}: {text}");
        }
    }
    let description = annotations["description"].as_str().unwrap();
    if let Some(tenant) = alert["labels"]["tenant"].as_str() {
        assert!(description.contains(tenant), "{description}");
        // A drift leads with what is to be done.
        let next =
            if alert["labels"]["alertname"] == "ApnsTopicDrift" { "renew the ORIGINAL row" } else { "Next step: " };
        assert!(description.contains("Who can act: ") && description.contains(next), "{description}");
    }
    if alert["labels"]["alertname"] == "ApnsCertificateExpiry" {
        assert!(description.contains("End: 20") && description.contains(" UTC"), "{description}");
    }
}

async fn only_the_days_are_no_base_unit(daemon: &Daemon, days: &[&str]) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().unwrap();
    let text = daemon.scrape().await.text;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let told: BTreeSet<String> = told.lines().map(ToOwned::to_owned).collect();
    let expected = days.iter().map(|name| format!("{name} use base unit \"seconds\" instead of \"days\""));
    assert_eq!(told, expected.collect());
}
