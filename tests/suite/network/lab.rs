//! A network namespace with a simulated Apple, a resolver and a firewall.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;

use apnswatch::demo::apple::{Behaviour, Certificates, Simulator};
use apnswatch::demo::resolver::{Answer, Resolver};
use apnswatch::model::Role;
use nix::sched::{CloneFlags, unshare};
use serde_json::Value;

use crate::support::{Daemon, Ended, ended, program};

/// Where couriers are.
pub(super) const COURIERS: [&str; 6] =
    ["17.188.143.1", "17.188.143.2", "17.188.143.3", "17.188.143.4", "17.188.143.5", "2620:149:a44::11"];

/// Where the API is.
pub(super) const API: [&str; 2] = ["17.188.144.1", "2620:149:a44::20"];

/// An address that must not open.
pub(super) const CONTROL: &str = "198.51.100.1:5223";

/// The network of a test.
pub(super) struct Lab {
    pub(super) folder: tempfile::TempDir,
    pub(super) resolver: Resolver,
    pub(super) certificates: Certificates,
    pub(super) simulators: Vec<(Role, Simulator)>,
}

/// Runs a test in a network namespace of its own: a thread enters it, and what the thread starts is in it too.
pub(super) fn inside<F: Future<Output = ()>>(test: impl FnOnce(Lab) -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace takes root");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let lab = Lab::new().await;
            test(lab).await;
        });
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A program of the machine, in the namespace.
pub(super) async fn tool(line: &str) {
    let mut words = line.split(' ');
    let mut command = tokio::process::Command::new(words.next().unwrap());
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let ended = ended(command).await;
    assert_eq!(ended.status, Some(0), "{line}: {}", ended.stderr);
}

impl Lab {
    async fn new() -> Self {
        tool("ip link set lo up").await;
        for address in COURIERS.iter().chain(&API) {
            let (length, more) = if address.contains(':') { (128, " nodad") } else { (32, "") };
            tool(&format!("ip addr add {address}/{length} dev lo{more}")).await;
        }
        let certificates = Certificates::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), certificates.ca_pem()).unwrap();
        let resolver = Resolver::start("127.0.0.1:53".parse().unwrap()).await.unwrap();
        let mut lab = Self { folder, resolver, certificates, simulators: Vec::new() };
        lab.answer_well();
        for (role, addresses, ports) in
            [(Role::Device, &COURIERS[..], [5223, 443]), (Role::Server, &API[..], [443, 2197])]
        {
            for address in addresses {
                for port in ports {
                    lab.simulate(role, (address.parse::<IpAddr>().unwrap(), port).into()).await;
                }
            }
        }
        lab.configure("");
        lab
    }

    /// Another simulator, as Apple.
    pub(super) async fn simulate(&mut self, role: Role, address: SocketAddr) {
        let simulator = Simulator::start(address, role, &self.certificates, Behaviour::Open).await.unwrap();
        self.simulators.push((role, simulator));
    }

    /// Every simulator of a role behaves so.
    pub(super) fn behave(&self, role: Role, behaviour: Behaviour) {
        self.simulators.iter().filter(|(of, _)| *of == role).for_each(|(_, simulator)| simulator.set(behaviour));
    }

    /// Every name is answered so.
    pub(super) fn answer(&self, answer: &Answer) {
        self.resolver.set("courier.push.apple.com", answer.clone());
        self.resolver.set("api.push.apple.com", answer.clone());
    }

    /// Names are answered with where they are.
    pub(super) fn answer_well(&self) {
        let addresses = |list: &[&str]| Answer::Addresses(list.iter().map(|one| one.parse().unwrap()).collect());
        self.resolver.set("courier.push.apple.com", addresses(&COURIERS));
        self.resolver.set("api.push.apple.com", addresses(&API));
    }

    /// Names are answered with the addresses of one family.
    pub(super) fn answer_with(&self, is_wanted: fn(&IpAddr) -> bool) {
        let addresses = |list: &[&str]| {
            let all = list.iter().map(|one| one.parse::<IpAddr>().unwrap());
            Answer::Addresses(all.filter(is_wanted).collect())
        };
        self.resolver.set("courier.push.apple.com", addresses(&COURIERS));
        self.resolver.set("api.push.apple.com", addresses(&API));
    }

    /// A rule of the firewall, on the way in.
    pub(super) async fn firewall(&self, rules: &[&str]) {
        let mut script = String::from("flush ruleset\n");
        if !rules.is_empty() {
            script.push_str("table inet lab { chain way { type filter hook input priority 0; policy accept;\n");
            rules.iter().for_each(|rule| script.push_str(&format!("{rule}\n")));
            script.push_str("}\n}\n");
        }
        let path = self.folder.path().join("rules.nft");
        std::fs::write(&path, script).unwrap();
        tool(&format!("nft -f {}", path.display())).await;
    }

    /// Writes the configuration; `more` goes into `probe`.
    pub(super) fn configure(&self, more: &str) -> PathBuf {
        let folder = self.folder.path().display();
        let path = self.folder.path().join("apnswatch.yaml");
        let yaml = format!(
            "site: lab\nstore: 'sqlite::memory:'\ntenants: []\n\
             probe:\n  interval: 3s\n  timeout: 700ms\n  resolver: 127.0.0.1:53\n  control: {CONTROL}\n  \
             courier_ca_file: {folder}/ca.pem\n  api_ca_file: {folder}/ca.pem\n{more}"
        );
        std::fs::write(&path, yaml).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = program();
        command.args(arguments).arg("--config").arg(self.folder.path().join("apnswatch.yaml"));
        command
    }

    /// The daemon, in the namespace.
    pub(super) async fn serve(&self) -> Daemon {
        self.serve_with(&[]).await
    }

    /// The same, with further variables of the environment.
    pub(super) async fn serve_with(&self, variables: &[(&str, &str)]) -> Daemon {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.envs(variables.iter().copied());
        Daemon::start(command).await
    }

    /// Runs `doctor`, and gives what it found.
    pub(super) async fn doctor(&self) -> Diagnosis {
        let ended = ended(self.command(&["doctor", "--json"])).await;
        let document = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{}", ended.stderr));
        Diagnosis { status: ended.status, document }
    }

    /// Runs `doctor` for people, with further variables of the environment.
    pub(super) async fn doctor_in_words(&self, variables: &[(&str, &str)]) -> Ended {
        let mut command = self.command(&["doctor"]);
        command.envs(variables.iter().copied());
        ended(command).await
    }
}

/// What `doctor --json` said.
#[derive(Debug)]
pub(super) struct Diagnosis {
    pub(super) status: Option<i32>,
    pub(super) document: Value,
}

impl Diagnosis {
    fn path(&self, role: &str) -> &Value {
        let paths = self.document["paths"].as_array().unwrap();
        paths.iter().find(|path| path["role"] == role).unwrap_or_else(|| panic!("{role} in {:#}", self.document))
    }

    /// Up and degraded, as in `up`, `down`, `degraded`, `unknown`.
    pub(super) fn state(&self, role: &str) -> &'static str {
        let path = self.path(role);
        match (path["up"].as_bool(), path["degraded"].as_bool()) {
            (Some(true), Some(false)) => "up",
            (Some(true), Some(true)) => "degraded",
            (Some(false), Some(false)) => "down",
            (None, None) => "unknown",
            other => panic!("{other:?}"),
        }
    }

    /// What is wrong at the ports: port, family, step, reason.
    pub(super) fn reasons(&self, role: &str) -> Vec<String> {
        let ports = self.path(role)["ports"].as_array().unwrap().iter();
        let wrong = ports.filter(|port| port["reason"].is_string());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut reasons: Vec<String> = wrong
            .map(|port| {
                let (family, step, reason) = (text(&port["ip_version"]), text(&port["step"]), text(&port["reason"]));
                format!("{}/{family} {step} {reason}", port["port"])
            })
            .collect();
        reasons.sort();
        reasons
    }

    /// The families that were tried.
    pub(super) fn families(&self, role: &str) -> Vec<String> {
        let ports = self.path(role)["ports"].as_array().unwrap().iter();
        let mut families: Vec<String> = ports.map(|port| port["ip_version"].as_str().unwrap().to_owned()).collect();
        families.sort();
        families.dedup();
        families
    }

    /// Whether something was found about a target.
    pub(super) fn target(&self, role: &str, key: &str) -> Option<bool> {
        self.path(role)["targets"][0][key].as_bool()
    }

    /// What is to be asked.
    pub(super) fn ask(&self) -> String {
        let asks = self.document["ask"].as_array().unwrap().iter().map(|ask| ask.as_str().unwrap());
        asks.collect::<Vec<_>>().join("\n")
    }
}
