//! From the event to the message: simulated MDMs, the daemon, Prometheus, Alertmanager and a receiver, all of them real but
//! for their durations, which the scripts make short, and all on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apnswatch::demo::intune::{Answer, Certificate, Credential, Directory, Simulator};
use apnswatch::demo::world;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::alertmanager::{Alertmanager, Notice, Receiver, free_port};
use crate::prometheus::{Prometheus, readable};
use crate::support::{APP, Daemon, SECRET, Site, answer, eventually, now, tenant, told, topic};

/// The longest way: three polls that fail, a `for` of 15 s, a wait of 15 s, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A message that is sent again sooner than this (its repetition takes 90 s here) is a double.
const NO_REPETITION: Duration = Duration::from_secs(80);

const EXPIRY: &str = "ApnsCertificateExpiry";

/// What the configuration holds at the moment.
struct Plan {
    /// When acme's certificate ends, as declared.
    acme: DateTime<Utc>,
    has_gone: bool,
    lasting: String,
    /// The port that stands for Apple's.
    courier: u16,
}

struct Chain {
    site: Site,
    /// The MDM of valley alone.
    valley: Simulator,
    plan: Plan,
    port: u16,
    courier: Option<TcpListener>,
    daemon: Option<Daemon>,
    prometheus: Prometheus,
    alertmanager: Alertmanager,
    receiver: Receiver,
}

const NONE: &str = "    mdm: { kind: none }\n";

fn past() -> DateTime<Utc> {
    "2020-01-01T00:00:00Z".parse().unwrap()
}

fn declared(not_after: DateTime<Utc>) -> String {
    let end = not_after.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("    certificate: {{ declared: {{ not_after: {end} }} }}\n")
}

fn team(name: &str) -> String {
    format!("    labels: {{ team: {name}, customer: '4711' }}\n")
}

impl Chain {
    async fn start() -> Self {
        let (site, valley) = (Site::new().await, Simulator::start().await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let plan = Plan {
            acme: now() + TimeDelta::days(200),
            has_gone: true,
            lasting: lasting(&site, &valley),
            courier: listener.local_addr().unwrap().port(),
        };
        configure(&site, &plan);
        let port = free_port().await;
        let receiver = Receiver::start().await;
        let alertmanager = Alertmanager::short(&receiver, &[]).await;
        // The daemon is there before Prometheus, or its absence would be the first alert.
        let daemon = serve(&site, port).await;
        daemon.until("valley is known", |scrape| scrape.up("valley") == Some(1.0)).await;
        let prometheus = Prometheus::telling(&[daemon.address], alertmanager.address).await;
        let (courier, daemon) = (Some(listener), Some(daemon));
        Self { site, valley, plan, port, courier, daemon, prometheus, alertmanager, receiver }
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    async fn restart_daemon(&mut self) {
        self.daemon = Some(serve(&self.site, self.port).await);
    }

    /// Changes the plan, in a running daemon.
    async fn change(&mut self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan);
        configure(&self.site, &self.plan);
        self.daemon().reload().await;
    }

    /// Declares an end that is so many days and three seconds away, and gives the moment at which only the days are left.
    async fn nears(&mut self, days: i64) -> Instant {
        let passes = Instant::now() + Duration::from_secs(3);
        self.change(|plan| plan.acme = now() + TimeDelta::days(days) + TimeDelta::seconds(3)).await;
        passes
    }

    /// Waits for a message that tells `line`, and prints how long it took from the event. Messages before the event do not count.
    async fn tells(&self, event: Instant, what: &str, receiver: &str, line: &str) -> Notice {
        let notice = eventually(&format!("{receiver}: {line}"), PATIENCE, || async {
            let notices = self.receiver.of(receiver);
            notices.into_iter().find(|notice| notice.at >= event && notice.lines().contains(line))
        })
        .await;
        let delay = notice.at.saturating_duration_since(event).as_secs_f64();
        println!("{what}: after {delay:.1} s {receiver} is told: {line}");
        notice.body["alerts"].as_array().unwrap().iter().for_each(readable);
        notice
    }

    async fn mutes(&self, tenant: &str, expected: &[&str]) {
        let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        eventually(&format!("{expected:?} of {tenant} are muted"), PATIENCE, || async {
            (self.alertmanager.inhibited(tenant).await == expected).then_some(())
        })
        .await;
        println!("{tenant}: muted by a higher alert: {expected:?}");
    }

    /// Waits until Prometheus and Alertmanager both have a page again.
    async fn settled(&self, tenant: &str) {
        eventually("Prometheus fires again", PATIENCE, || async {
            let firing = self.prometheus.firing().await;
            let is_it = |alert: &serde_json::Value| {
                alert["labels"]["tenant"] == tenant && alert["labels"]["severity"] == "critical"
            };
            firing.iter().any(is_it).then_some(())
        })
        .await;
        eventually("Alertmanager has it", PATIENCE, || async {
            let alerts = self.alertmanager.alerts().await;
            let is_it = |alert: &serde_json::Value| {
                alert["labels"]["tenant"] == tenant
                    && alert["labels"]["severity"] == "critical"
                    && alert["status"]["state"] == "active"
            };
            alerts.iter().any(is_it).then_some(())
        })
        .await;
    }
}

/// The tenants that stay as they are.
fn lasting(site: &Site, valley: &Simulator) -> String {
    let directory = Directory::new(APP, Credential::Secret(SECRET.to_owned()), told("valley", 100));
    valley.set_directory(&world::directory("valley"), directory);
    let of_valley = format!(
        "    poll: {{ interval: 3s }}\n    mdm: {{ kind: intune, directory: {}, login_url: {url}, graph_url: {url} }}\n{}",
        world::directory("valley"),
        team("mac"),
        url = valley.graph_url(),
    );
    let mute = "    muted: { until: 2099-01-01, reason: a test }\n";
    let known = declared(now() + TimeDelta::days(300));
    [
        tenant("hush", &[NONE, &team("mac"), &declared(past()), mute].concat()),
        tenant("valley", &of_valley),
        site.intune("north", answer("north", 20), &team("mac")),
        site.intune("harbour", answer("harbour", 300), &team("mac")),
        site.intune("mist", Answer::Forbidden, &["    poll: { interval: 3s }\n", &team("desk"), &known].concat()),
    ]
    .concat()
}

fn configure(site: &Site, plan: &Plan) {
    let head = format!(
        "site: plant\ntenant_labels: [team, customer]\n\
         probe:\n  interval: 1s\n  timeout: 250ms\n  roles: [device]\n  depth: {{ device: tcp }}\n  \
         targets: [{{ role: device, host: 127.0.0.1, port: {} }}]\n",
        plan.courier
    );
    let acme = tenant("acme", &[NONE, &team("mac"), &declared(plan.acme)].concat());
    let mut tenants = vec![acme, plan.lasting.clone()];
    if plan.has_gone {
        // Without labels: its alerts have none either.
        tenants.push(tenant("gone", &[NONE, &declared(past())].concat()));
    }
    site.configure(&head, &tenants);
}

async fn serve(site: &Site, port: u16) -> Daemon {
    let mut command = site.command();
    command.args(["serve", "--listen", &format!("127.0.0.1:{port}")]);
    Daemon::start(command).await
}

type Told = BTreeMap<String, Vec<String>>;

/// For each receiver, alert and tenant the changes that were told: `firing`, `resolved` and so on.
fn told_in_all(notices: &[Notice]) -> Told {
    let mut told = Told::new();
    for notice in notices.iter().filter(|notice| notice.receiver != "dead-man") {
        for line in notice.lines() {
            let (status, about) = line.split_once(' ').unwrap();
            let changes = told.entry(format!("{} {about}", notice.receiver)).or_default();
            if changes.last().is_none_or(|last| last != status) {
                changes.push(status.to_owned());
            }
        }
    }
    told
}

/// Panics on a message that was sent twice.
fn nothing_was_doubled(notices: &[Notice]) {
    let mut last: BTreeMap<String, &Notice> = BTreeMap::new();
    for notice in notices.iter().filter(|notice| notice.receiver != "dead-man") {
        let key = format!("{} {}", notice.receiver, notice.body["groupKey"]);
        if let Some(before) = last.insert(key, notice) {
            let is_same = before.lines() == notice.lines();
            assert!(!is_same || notice.at - before.at > NO_REPETITION, "twice: {:?}", notice.lines());
        }
    }
}

/// All that must be told, and nothing else. Of mist the failing source is muted by the refusal and the stale one by either; of acme and north
/// each lower tier by the higher one; hush is muted by a person.
fn expected() -> Told {
    let both = &["firing", "resolved"][..];
    let begun = &["firing"][..];
    [
        ("pager ApnsCertificateExpiry critical acme", both),
        ("pager ApnsCertificateExpiry critical gone", both),
        ("pager ApnsTopicDrift critical harbour", both),
        ("pager ApnsDevicePathDown critical plant", both),
        ("pager ApnswatchDown critical", both),
        ("team ApnsCertificateExpiry warning acme", both),
        ("team ApnsCertificateExpiry warning north", both),
        ("team ApnsSourceFailing warning valley", begun),
        ("team ApnsCredentialRejected warning mist", begun),
        ("team ApnswatchTenantsDropped warning", begun),
        // The list is not told of ends.
        ("list ApnsCertificateExpiry info acme", begun),
        ("list ApnsCertificateExpiry info valley", begun),
    ]
    .into_iter()
    .map(|(about, changes)| (about.to_owned(), changes.iter().map(ToString::to_string).collect()))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_reaches_whom_it_should_and_nobody_else() {
    let mut chain = Chain::start().await;
    let began = Instant::now();
    certificates_pass_their_limits(&mut chain, began).await;
    restarts(&mut chain).await;
    what_else_happens(&mut chain).await;
    renewals(&mut chain).await;

    let notices = chain.receiver.all();
    nothing_was_doubled(&notices);
    let told = told_in_all(&notices);
    assert_eq!(told, expected(), "told: {told:#?}");
    let beats: Vec<Notice> = chain.receiver.of("dead-man");
    assert!(beats.len() > 10, "the watchdog beats: {}", beats.len());
    println!(
        "{} messages and {} beats in {:.0} s",
        notices.len() - beats.len(),
        beats.len(),
        began.elapsed().as_secs_f64()
    );
}

async fn certificates_pass_their_limits(chain: &mut Chain, began: Instant) {
    chain.tells(began, "an end in the past", "pager", &format!("firing {EXPIRY} critical gone")).await;
    let north = chain.tells(began, "20 days", "team", &format!("firing {EXPIRY} warning north")).await;
    assert_eq!(north.body["commonLabels"]["team"], "mac");
    assert_eq!(north.body["commonLabels"]["customer"], "4711");
    assert!(north.text("description").contains("time left 20d"), "{}", north.text("description"));
    // It dies while the others go on: what it takes to be told is longer than all of this.
    let dies = Instant::now();
    chain.valley.stop().await;

    let passes = chain.nears(180).await;
    let plan = chain.tells(passes, "180 days", "list", &format!("firing {EXPIRY} info acme")).await;
    assert_eq!(plan.body["groupLabels"]["team"], "mac", "one digest for the team: {:?}", plan.lines());
    chain.mutes("acme", &[]).await;

    let passes = chain.nears(30).await;
    let renew = chain.tells(passes, "30 days", "team", &format!("firing {EXPIRY} warning acme")).await;
    assert_eq!(renew.text("summary"), "An Apple push certificate must be renewed now.");
    chain.mutes("acme", &["ApnsCertificateExpiry info"]).await;

    let passes = chain.nears(0).await;
    let expired = chain.tells(passes, "0 days", "pager", &format!("firing {EXPIRY} critical acme")).await;
    assert!(expired.text("description").contains("renew it all the same, at once"), "{}", expired.text("description"));
    chain.mutes("acme", &["ApnsCertificateExpiry info", "ApnsCertificateExpiry warning"]).await;

    let dead = chain.tells(dies, "an MDM dies", "team", "firing ApnsSourceFailing warning valley").await;
    assert!(dead.text("description").contains("Reason: connect."), "{}", dead.text("description"));
    chain.mutes("valley", &["ApnsSourceStale warning"]).await;
    chain.tells(began, "a login is refused", "team", "firing ApnsCredentialRejected warning mist").await;
    chain.mutes("mist", &["ApnsSourceFailing warning", "ApnsSourceStale warning"]).await;
}

/// Each of the three, the daemon also by force: what is said of it is said at the end, when nothing was told twice or ended.
async fn restarts(chain: &mut Chain) {
    let before = chain.receiver.all().len();
    chain.prometheus.restart().await;
    chain.settled("acme").await;
    println!("Prometheus was restarted");
    chain.alertmanager.restart().await;
    chain.settled("acme").await;
    println!("Alertmanager was restarted");
    chain.daemon.take().unwrap().stop().await;
    chain.restart_daemon().await;
    chain.daemon().until("acme is known", |scrape| !scrape.of_tenant("acme").is_empty()).await;
    chain.daemon.take().unwrap().kill().await;
    chain.restart_daemon().await;
    chain.settled("acme").await;
    println!("the daemon was restarted and killed");
    let since = chain.receiver.all().split_off(before);
    let told: Vec<_> = since.iter().filter(|notice| notice.receiver != "dead-man").map(Notice::lines).collect();
    println!("told meanwhile: {told:?}");
}

async fn what_else_happens(chain: &mut Chain) {
    let event = Instant::now();
    chain.site.set("harbour", answer("another one", 364));
    let drift = chain.tells(event, "a topic drifts", "pager", "firing ApnsTopicDrift critical harbour").await;
    let text = drift.text("description");
    assert!(text.starts_with("Undo first") && text.contains(&topic("another one")), "{text}");
    let event = Instant::now();
    chain.site.set("harbour", answer("harbour", 300));
    chain.tells(event, "the drift is undone", "pager", "resolved ApnsTopicDrift critical harbour").await;

    let event = Instant::now();
    chain.courier = None;
    let path = chain.tells(event, "the path is blocked", "pager", "firing ApnsDevicePathDown critical plant").await;
    assert!(path.text("description").contains("Most frequent reason lately: refused."), "{}", path.text("description"));
    let event = Instant::now();
    chain.courier = Some(TcpListener::bind(("127.0.0.1", chain.plan.courier)).await.unwrap());
    chain.tells(event, "the path is open", "pager", "resolved ApnsDevicePathDown critical plant").await;

    let event = Instant::now();
    chain.daemon.take().unwrap().kill().await;
    chain.tells(event, "the daemon is killed", "pager", "firing ApnswatchDown critical").await;
    let event = Instant::now();
    chain.restart_daemon().await;
    chain.tells(event, "the daemon is back", "pager", "resolved ApnswatchDown critical").await;

    let event = Instant::now();
    chain.change(|plan| plan.has_gone = false).await;
    chain.tells(event, "a tenant vanishes", "pager", &format!("resolved {EXPIRY} critical gone")).await;
    chain.tells(event, "a tenant vanishes", "team", "firing ApnswatchTenantsDropped warning").await;
}

async fn renewals(chain: &mut Chain) {
    let event = Instant::now();
    let renewed = Certificate { serial: "0C01".to_owned(), ..told("north", 364) };
    chain.site.set("north", Answer::Certificate(renewed));
    chain.tells(event, "north is renewed", "team", &format!("resolved {EXPIRY} warning north")).await;
    let event = Instant::now();
    chain.change(|plan| plan.acme = now() + TimeDelta::days(364)).await;
    chain.tells(event, "acme is renewed", "pager", &format!("resolved {EXPIRY} critical acme")).await;
    chain.tells(event, "acme is renewed", "team", &format!("resolved {EXPIRY} warning acme")).await;
    chain.mutes("acme", &[]).await;
}
