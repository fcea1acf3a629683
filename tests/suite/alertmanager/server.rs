//! A real Alertmanager, and a receiver on loopback that keeps what comes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::Uri;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::support::{SOON, document, ended, eventually, project, request, signal, spawn};

const CONFIG: &str = "deploy/alertmanager/alertmanager.yml";

/// A port that was free a moment ago, for what must come back at the same one.
pub(crate) async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// A message that came.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) at: Instant,
    /// The path, which is the name of the receiver where `fast-routes` made the configuration.
    pub(crate) receiver: String,
    pub(crate) body: Value,
}

impl Notice {
    /// What it tells: status, alert, severity and whom it is about, one line for each alert.
    pub(crate) fn lines(&self) -> BTreeSet<String> {
        let alerts = self.body["alerts"].as_array().unwrap().iter();
        alerts
            .map(|alert| {
                let label = |name: &str| alert["labels"][name].as_str().unwrap_or_default().to_owned();
                let status = alert["status"].as_str().unwrap();
                let line = format!(
                    "{status} {} {} {}{}",
                    label("alertname"),
                    label("severity"),
                    label("tenant"),
                    label("site")
                );
                line.trim_end().to_owned()
            })
            .collect()
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.body["alerts"][0]["annotations"][name].as_str().unwrap()
    }
}

type Notices = Arc<Mutex<Vec<Notice>>>;

/// Takes every message. It is gone when the test is over.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    notices: Notices,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, notices) = (listener.local_addr().unwrap(), Notices::default());
        let router = Router::new().fallback(take).with_state(Arc::clone(&notices));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, notices }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All that came for a receiver so far.
    pub(crate) fn of(&self, receiver: &str) -> Vec<Notice> {
        self.notices.lock().unwrap().iter().filter(|notice| notice.receiver == receiver).cloned().collect()
    }

    pub(crate) fn all(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }
}

async fn take(State(notices): State<Notices>, uri: Uri, body: String) {
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    let receiver = uri.path().trim_start_matches('/').to_owned();
    notices.lock().unwrap().push(Notice { at: Instant::now(), receiver, body });
}

/// A running Alertmanager.
pub(crate) struct Alertmanager {
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
    process: Child,
    log: Arc<Mutex<String>>,
}

/// The shipped configuration, made short, all of it sent to a receiver.
async fn short(receiver: &Receiver, arguments: &[&str]) -> String {
    let mut script = Command::new("python3");
    script.arg(project("scripts/fast-routes")).arg(project(CONFIG)).arg(receiver.url()).args(arguments);
    script.stdin(Stdio::null()).kill_on_drop(true);
    let made = ended(script).await;
    assert_eq!((made.status, made.stderr.as_str()), (Some(0), ""));
    made.stdout
}

impl Alertmanager {
    /// With the shipped routes, made short.
    pub(crate) async fn short(receiver: &Receiver, arguments: &[&str]) -> Self {
        Self::start(&short(receiver, arguments).await).await
    }

    pub(crate) async fn start(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("alertmanager.yml"), config).unwrap();
        let texts = document("deploy/alertmanager/apnswatch.tmpl");
        std::fs::write(folder.path().join("apnswatch.tmpl"), texts).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port().await));
        let (process, log) = spawn(Self::command(&folder, address));
        let alertmanager = Self { address, folder, process, log };
        alertmanager.ready().await;
        alertmanager
    }

    fn command(folder: &tempfile::TempDir, address: SocketAddr) -> Command {
        let mut command = Command::new("prometheus-alertmanager");
        command.current_dir(folder.path());
        // The retention is the one that the head of the configuration asks for.
        command.args(["--config.file=alertmanager.yml", "--storage.path=data", "--data.retention=336h"]);
        command.args(["--cluster.listen-address=", &format!("--web.listen-address={address}")]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    async fn ready(&self) {
        eventually("Alertmanager listens", SOON, || async {
            let log = self.log.lock().unwrap().clone();
            log.contains("msg=\"Listening on\"").then_some(())
        })
        .await;
        eventually("Alertmanager is ready", SOON, || async {
            (request(self.address, "GET", "/-/ready", "localhost").await.status == 200).then_some(())
        })
        .await;
    }

    /// Ends it as a service manager does, and starts it again with what it kept.
    pub(crate) async fn restart(&mut self) {
        signal(self.process.id().unwrap(), "TERM").await;
        tokio::time::timeout(SOON, self.process.wait()).await.expect("it ends").unwrap();
        let (process, log) = spawn(Self::command(&self.folder, self.address));
        (self.process, self.log) = (process, log);
        self.ready().await;
    }

    /// Another configuration, while it runs.
    pub(crate) async fn reload(&self, receiver: &Receiver, arguments: &[&str]) {
        std::fs::write(self.folder.path().join("alertmanager.yml"), short(receiver, arguments).await).unwrap();
        assert_eq!(request(self.address, "POST", "/-/reload", "localhost").await.status, 200);
    }

    /// Alerts as from a Prometheus; `fires` tells whether they do or have just ended.
    pub(crate) async fn post(&self, alerts: &[Value], fires: bool) {
        let now = crate::support::now();
        let end = if fires { now + chrono::TimeDelta::minutes(5) } else { now };
        let alerts: Vec<Value> = alerts
            .iter()
            .map(|alert| {
                let mut alert = alert.clone();
                // One that is older than the wait of its group is told at once, alone.
                alert["startsAt"] = now.to_rfc3339().into();
                alert["endsAt"] = end.to_rfc3339().into();
                alert
            })
            .collect();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/api/v2/alerts", self.address);
        let answer = client.post(url).json(&alerts).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// What it holds.
    pub(crate) async fn alerts(&self) -> Vec<Value> {
        let answer = request(self.address, "GET", "/api/v2/alerts", "localhost").await;
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Those of a tenant that another alert mutes, as `name severity`.
    pub(crate) async fn inhibited(&self, tenant: &str) -> BTreeSet<String> {
        let alerts = self.alerts().await;
        let is_it = |alert: &&Value| {
            alert["labels"]["tenant"] == tenant && !alert["status"]["inhibitedBy"].as_array().unwrap().is_empty()
        };
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let muted = alerts.iter().filter(is_it);
        muted
            .map(|alert| format!("{} {}", word(&alert["labels"]["alertname"]), word(&alert["labels"]["severity"])))
            .collect()
    }
}
