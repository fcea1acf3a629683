//! What the end-to-end tests share: a site with a simulated Microsoft, the program as a process, scrapes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apnswatch::clock::Clock;
use apnswatch::demo::certificates::{Authority, Leaf};
use apnswatch::demo::intune::{Answer, Certificate, Credential, Directory, Simulator};
use apnswatch::demo::world;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::Instant;

/// For what takes a moment. Generous, for it is waited for only when something is wrong.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// The app of every tenant.
pub(crate) const APP: &str = "00000000-0000-4000-8000-0000000000a9";

/// Its secret. Written so that every part of it would be noticed in a log.
pub(crate) const SECRET: &str = "made-up~NeverShown/s3cret";

/// The present moment.
pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

/// A file of the project.
pub(crate) fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What a document or a rule file of the project says.
pub(crate) fn document(path: &str) -> String {
    std::fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Asks again and again until there is something; panics with `what` when there is nothing for too long.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A folder with a configuration, and a simulated Microsoft that it points at.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) microsoft: Simulator,
    /// Whether Intune is asked for tokens and devices too, or for the certificate alone.
    pub(crate) asks_for_lists: bool,
}

impl Site {
    pub(crate) async fn new() -> Self {
        let (folder, microsoft) = (tempfile::tempdir().unwrap(), Simulator::start().await.unwrap());
        let site = Self { folder, microsoft, asks_for_lists: false };
        site.write("secret", SECRET);
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file as a careful editor does: beside the old one, then over it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let draft = path.with_extension("draft");
        std::fs::write(&draft, content).unwrap();
        std::fs::rename(&draft, &path).unwrap();
        path
    }

    /// Writes the main file: everything quick, then `head`, then the tenants.
    pub(crate) fn configure(&self, head: &str, tenants: &[String]) -> PathBuf {
        let mut yaml = format!(
            "store: sqlite://{folder}/state.db\n\
             defaults:\n  intune:\n    client_id: {APP}\n    client_secret_file: {folder}/secret\n    \
             tokens: {lists}\n    push: {lists}\n    login_url: {url}\n    graph_url: {url}\n",
            folder = self.folder.path().display(),
            url = self.microsoft.graph_url(),
            lists = self.asks_for_lists,
        );
        if !head.contains("poll:") {
            yaml.push_str("poll: { interval: 1s, timeout: 900ms }\n");
        }
        let _ = writeln!(yaml, "{head}");
        if !tenants.is_empty() {
            let _ = writeln!(yaml, "tenants:\n{}", tenants.concat());
        }
        self.write("apnswatch.yaml", yaml)
    }

    /// A tenant in Intune that is answered so, as YAML. `more` is further lines of it.
    pub(crate) fn intune(&self, name: &str, answer: Answer, more: &str) -> String {
        let mut directory = Directory::new(APP, Credential::Secret(SECRET.to_owned()), told(name, 300));
        directory.answer = answer;
        self.microsoft.set_directory(&world::directory(name), directory);
        tenant(name, &format!("    mdm: {{ kind: intune, directory: {} }}\n{more}", world::directory(name)))
    }

    /// A push certificate in a file.
    pub(crate) fn certificate(&self, name: &str, topic: &str, serial: &str, days: i64) -> PathBuf {
        self.write(name, pem(topic, serial, days))
    }

    /// How often the certificate of a tenant was asked for.
    pub(crate) fn reads(&self, name: &str) -> usize {
        let directory = world::directory(name);
        let is_read = |seen: &&apnswatch::demo::intune::Seen| {
            seen.method == "GET" && seen.directory.as_deref() == Some(directory.as_str())
        };
        self.microsoft.requests().iter().filter(is_read).count()
    }

    pub(crate) async fn reads_reach(&self, name: &str, number: usize) {
        eventually(&format!("{number} reads of {name}"), SOON, || async { (self.reads(name) >= number).then_some(()) })
            .await;
    }

    pub(crate) fn set(&self, name: &str, answer: Answer) {
        self.microsoft.set_answer(&world::directory(name), answer);
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.arg("--config").arg(self.path("apnswatch.yaml"));
        command
    }

    /// Runs the daemon until it is dropped.
    pub(crate) async fn serve(&self) -> Daemon {
        self.serve_with(&[]).await
    }

    pub(crate) async fn serve_with(&self, arguments: &[&str]) -> Daemon {
        let mut command = self.command();
        command.arg("serve").args(arguments);
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        Daemon::start(command).await
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = self.command();
        command.args(arguments);
        ended(command).await
    }

    /// Everything the store consists of, byte for byte.
    pub(crate) fn store(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap());
        entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                name.starts_with("state.db").then(|| (name, std::fs::read(entry.path()).unwrap()))
            })
            .collect()
    }
}

/// A tenant as YAML. The name is quoted, so that it may hold anything but a single quote.
pub(crate) fn tenant(name: &str, more: &str) -> String {
    format!("  - name: '{name}'\n{more}")
}

/// A tenant without an MDM that can be asked.
pub(crate) fn filed(name: &str, file: &Path) -> String {
    tenant(name, &format!("    mdm: {{ kind: none }}\n    certificate: {{ files: ['{}'] }}\n", file.display()))
}

/// The topic that belongs to a name.
pub(crate) fn topic(name: &str) -> String {
    world::topic(name)
}

/// What Intune tells of a certificate with the topic of this name and so many days left.
pub(crate) fn told(name: &str, days: i64) -> Certificate {
    Certificate::new(topic(name), now() + TimeDelta::days(days) + TimeDelta::hours(1))
}

pub(crate) fn answer(name: &str, days: i64) -> Answer {
    Answer::Certificate(told(name, days))
}

pub(crate) fn pem(topic: &str, serial: &str, days: i64) -> String {
    let not_after = now() + TimeDelta::days(days) + TimeDelta::hours(1);
    let leaf = Leaf {
        topic: topic.to_owned(),
        serial: serial.to_owned(),
        not_before: not_after - TimeDelta::days(365),
        not_after,
    };
    Authority::new().unwrap().issue(&leaf).unwrap()
}

/// The program, with nothing of this environment but the search path.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_apnswatch"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) async fn ended(mut command: Command) -> Ended {
    let Output { status, stdout, stderr } =
        tokio::time::timeout(SOON, command.output()).await.expect("the command ends").unwrap();
    Ended {
        status: status.code(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// A running process, killed when dropped.
pub(crate) struct Daemon {
    pub(crate) address: SocketAddr,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    /// Starts `serve` or `demo` and waits until it says where it listens.
    pub(crate) async fn start(command: Command) -> Self {
        let mut daemon = Self::begin(command);
        daemon.listens().await;
        daemon
    }

    /// Starts it and waits for nothing; it has no address yet.
    pub(crate) fn begin(command: Command) -> Self {
        let (child, log) = spawn(command);
        Self { address: SocketAddr::from(([127, 0, 0, 1], 0)), child, log }
    }

    /// Waits until it says where it listens.
    pub(crate) async fn listens(&mut self) {
        self.address = eventually("the program says where it listens", SOON, || {
            let log = self.log();
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}:\n{log}");
            async move { address_in(&log) }
        })
        .await;
    }

    pub(crate) async fn demo() -> Self {
        let mut command = program();
        command.args(["demo", "--listen", "127.0.0.1:0"]);
        Self::start(command).await
    }

    /// Everything it wrote so far, to both outputs.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) async fn signal(&self, name: &str) {
        signal(self.pid(), name).await;
    }

    /// Waits for its end; gives the exit status, none if a signal ended it.
    pub(crate) async fn wait(&mut self, patience: Duration) -> Option<i32> {
        tokio::time::timeout(patience, self.child.wait()).await.expect("it ends in time").unwrap().code()
    }

    pub(crate) async fn stop(mut self) {
        self.signal("TERM").await;
        assert_eq!(self.wait(SOON).await, Some(0), "{}", self.log());
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        request(self.address, "GET", path, "localhost").await
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        let answered = self.get("/metrics").await;
        assert_eq!(answered.status, 200, "{}", answered.body);
        Scrape::parse(&answered.body)
    }

    /// Scrapes until the condition holds; gives that scrape.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
        eventually(what, SOON, || async {
            let scrape = self.scrape().await;
            holds(&scrape).then_some(scrape)
        })
        .await
    }

    /// Waits until every source had its first try.
    pub(crate) async fn ready(&self) {
        eventually("it is ready", SOON, || async { (self.get("/-/ready").await.status == 200).then_some(()) }).await;
    }

    /// Reads the configuration again, and waits until that was done well.
    pub(crate) async fn reload(&self) {
        let before = self.scrape().await.one(LOADED, &[]);
        self.signal("HUP").await;
        self.until("the configuration was read again", |scrape| scrape.one(LOADED, &[]) > before).await;
    }

    /// A figure of `/proc/PID/status`, in kilobytes.
    pub(crate) fn memory(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    pub(crate) fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count()
    }
}

/// When the configuration in force was read.
pub(crate) const LOADED: &str = "apnswatch_config_last_reload_success_timestamp_seconds";

/// Starts a process; everything that it writes ends up in the second value.
pub(crate) fn spawn(mut command: Command) -> (Child, Arc<Mutex<String>>) {
    let mut child = command.spawn().unwrap();
    let log = Arc::new(Mutex::new(String::new()));
    collect(child.stdout.take().unwrap(), &log);
    collect(child.stderr.take().unwrap(), &log);
    (child, log)
}

fn collect(output: impl AsyncRead + Unpin + Send + 'static, log: &Arc<Mutex<String>>) {
    let log = Arc::clone(log);
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
        }
    });
}

/// The shell's own `kill`, for not every machine has another.
pub(crate) async fn signal(pid: u32, name: &str) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status().await.unwrap();
    assert!(status.success(), "{name} to {pid}");
}

/// The first address of the form `http://127.0.0.1:PORT/`.
fn address_in(log: &str) -> Option<SocketAddr> {
    log.replace("https://", "http://").split("http://").skip(1).find_map(|rest| rest.split('/').next()?.parse().ok())
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Asks as the simplest of clients: one connection, no proxy, whatever host name.
pub(crate) async fn request(address: SocketAddr, method: &str, path: &str, host: &str) -> Answered {
    request_with(address, method, path, &format!("Host: {host}")).await
}

/// The same with other headers.
pub(crate) async fn request_with(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answered {
    send(address, method, path, headers, b"").await
}

/// The same with a body.
pub(crate) async fn send(address: SocketAddr, method: &str, path: &str, headers: &str, body: &[u8]) -> Answered {
    let exchange = exchange(address, method, path, headers, body);
    let text = tokio::time::timeout(SOON, exchange).await.expect("an answer in time").unwrap();
    answered(&text).unwrap_or_else(|| panic!("no HTTP: {text}"))
}

/// The same where whoever is asked may be killed meanwhile: nothing if there is no whole answer.
pub(crate) async fn try_send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<Answered> {
    let exchange = exchange(address, method, path, headers, body);
    let answered = answered(&tokio::time::timeout(SOON, exchange).await.expect("an answer in time").ok()?)?;
    let length = answered.head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim();
    (length.parse() == Ok(answered.body.len())).then_some(answered)
}

async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("{method} {path} HTTP/1.0\r\n{headers}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    // Whoever refuses a body need not read it to its end.
    let _ = stream.write_all(body).await;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    String::from_utf8(bytes).map_err(std::io::Error::other)
}

fn answered(text: &str) -> Option<Answered> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answered { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

pub(crate) type Labels = BTreeMap<String, String>;

/// A sample of a scrape.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

impl Sample {
    pub(crate) fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }
}

/// A scrape, read strictly.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) text: String,
    pub(crate) samples: Vec<Sample>,
    /// The type of each family.
    pub(crate) types: BTreeMap<String, String>,
}

impl Scrape {
    /// Panics on anything that is not the classic text format, on a series that is there twice, on a family in two
    /// places, and on a value that is no number.
    pub(crate) fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let mut scrape = Self { text: text.to_owned(), samples: Vec::new(), types: BTreeMap::new() };
        let mut seen = BTreeSet::new();
        let mut family = "";
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                assert!(scrape.types.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} comes twice");
                family = name;
                continue;
            }
            if line.starts_with("# HELP ") {
                continue;
            }
            let sample = sample(line);
            assert!(sample.name.starts_with(family), "{line} stands under {family}");
            assert!(sample.value.is_finite(), "{line}");
            assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            scrape.samples.push(sample);
        }
        scrape
    }

    pub(crate) fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.name == name && sample.has(labels)).collect()
    }

    /// The value of the one series that fits; none if there is none.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.all(name, labels);
        assert!(found.len() <= 1, "{found:?}");
        found.first().map(|sample| sample.value)
    }

    pub(crate) fn one(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.value(name, labels).unwrap_or_else(|| panic!("no {name} with {labels:?} in\n{}", self.text))
    }

    /// The value for one source of a tenant.
    pub(crate) fn source(&self, name: &str, tenant: &str, source: &str) -> Option<f64> {
        self.value(name, &[("tenant", tenant), ("source", source)])
    }

    pub(crate) fn drift(&self, tenant: &str) -> Option<f64> {
        self.source("apns_topic_drift", tenant, "api")
    }

    pub(crate) fn up(&self, tenant: &str) -> Option<f64> {
        self.source("apns_source_up", tenant, "api")
    }

    /// Why a source fails.
    pub(crate) fn reason(&self, tenant: &str) -> Option<&str> {
        let failing = self.all("apns_source_failing", &[("tenant", tenant)]);
        failing.first().map(|sample| sample.labels["reason"].as_str())
    }

    pub(crate) fn of_tenant(&self, tenant: &str) -> Vec<&Sample> {
        self.samples.iter().filter(|sample| sample.has(&[("tenant", tenant)])).collect()
    }

    pub(crate) fn state(&self, state: &str) -> f64 {
        self.one("apnswatch_tenants", &[("state", state)])
    }
}

fn sample(line: &str) -> Sample {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
            let mut value = String::new();
            let mut characters = after.char_indices();
            let end = loop {
                match characters.next().unwrap_or_else(|| panic!("{line}")) {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match characters.next().unwrap().1 {
                        'n' => '\n',
                        other => other,
                    }),
                    (_, other) => value.push(other),
                }
            };
            assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
            rest = &after[end + 1..];
            if let Some(after) = rest.strip_prefix('}') {
                rest = after;
                break;
            }
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("{line}"));
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}")).parse().unwrap();
    Sample { name: name.to_owned(), labels, value }
}
