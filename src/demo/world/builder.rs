//! Writes the configuration of the demo and the files that it names.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};

use super::scenes::Scene;
use super::{serial, write};
use crate::demo::apple::{self, Behaviour};
use crate::demo::certificates::{Authority, Leaf};
use crate::demo::{intune, jamf, kandji, mosyle};
use crate::model::{Attestation, Pin, PinChange, PinOrigin, Plan, Role, Statement, TenantName, Tier, Topic};
use crate::provider::mosyle::Product;

/// The app id of every tenant.
pub(super) const CLIENT: &str = "00000000-0000-4000-8000-00000000c11e";

/// What every login of the demo uses. Nothing outside the demo takes it.
pub(super) const SECRET: &str = "demo-secret";

/// The administrator at Mosyle.
pub(super) const ADMINISTRATOR: &str = "apnswatch@example.com";

/// How often the demo asks.
const INTERVAL: &str = "5s";

/// How often the demo probes.
const PROBE_INTERVAL: &str = "5s";

/// A push certificate lives for a year.
const YEAR: i64 = 365;

/// What somebody said of a tenant before the demo, and what that did to the pin.
pub(super) type Word = (TenantName, Attestation, PinChange);

/// The simulated vendors.
#[derive(Debug)]
pub(super) struct Simulators {
    pub(super) intune: intune::Simulator,
    pub(super) jamf: jamf::Simulator,
    pub(super) kandji: kandji::Simulator,
    pub(super) mosyle: mosyle::Simulator,
    pub(super) apple: Apple,
}

/// The simulated Apple.
#[derive(Debug)]
pub(super) struct Apple {
    pub(super) certificates: apple::Certificates,
    pub(super) couriers: Vec<apple::Simulator>,
    pub(super) apis: Vec<apple::Simulator>,
    /// An address at which nothing listens.
    pub(super) closed: SocketAddr,
}

impl Apple {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let certificates = apple::Certificates::new()?;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let start = async |role, behaviour| apple::Simulator::start(any, role, &certificates, behaviour).await;
        let couriers = vec![start(Role::Device, Behaviour::Open).await?, start(Role::Device, Behaviour::Open).await?];
        let apis =
            vec![start(Role::Server, Behaviour::Intercepted).await?, start(Role::Server, Behaviour::Open).await?];
        // Port 1 is for a service that nobody has run for decades, and whose port nobody gets by chance.
        Ok(Self { certificates, couriers, apis, closed: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)) })
    }

    pub(super) async fn stop(&mut self) {
        for simulator in self.couriers.iter_mut().chain(&mut self.apis) {
            simulator.stop().await;
        }
    }
}

/// Brings the check-ins of a fleet up to a moment.
pub(super) type Fleet = Box<dyn Fn(&Simulators, DateTime<Utc>) + Send + Sync>;

/// What is to be done while the demo runs.
#[derive(Default)]
pub(super) struct Later {
    /// Files to be written when the first look is over.
    pub(super) files: Vec<(PathBuf, String)>,
    /// Fleets whose devices are alive; told once, they would fall asleep after two hours.
    pub(super) fleets: Vec<Fleet>,
}

/// What the scenes are made with.
pub(super) struct Builder<'a> {
    folder: &'a Path,
    pub(super) simulators: &'a Simulators,
    authority: Authority,
    pub(super) now: DateTime<Utc>,
    later: Later,
    said: Vec<Word>,
}

/// The entry of a tenant in the configuration.
#[derive(Debug)]
pub(super) struct Entry {
    account: &'static str,
    certificate: Vec<String>,
    mdm: String,
    more: Vec<String>,
}

impl Entry {
    /// A tenant with this `mdm`.
    pub(super) fn of(mdm: impl Into<String>) -> Self {
        Self { account: "apns-shared", certificate: Vec::new(), mdm: mdm.into(), more: Vec::new() }
    }

    /// A tenant whose MDM nobody can ask.
    pub(super) fn unasked() -> Self {
        Self::of("kind: none")
    }

    /// The same with another account.
    pub(super) fn account(self, account: &'static str) -> Self {
        Self { account, ..self }
    }

    /// The same with a key more in `mdm`.
    pub(super) fn mdm(mut self, line: &str) -> Self {
        self.mdm.push_str(", ");
        self.mdm.push_str(line);
        self
    }

    /// The same with a key more in `certificate`.
    pub(super) fn certificate(mut self, line: impl Into<String>) -> Self {
        self.certificate.push(line.into());
        self
    }

    /// The same with a certificate file.
    pub(super) fn file(self, path: &Path) -> Self {
        self.certificate(format!("files: [{}]", path.display()))
    }

    /// The same with the topic that it must keep.
    pub(super) fn expects(self, topic: &str) -> Self {
        self.certificate(format!("expected_topic: {topic}"))
    }

    /// The same with a line more.
    pub(super) fn more(mut self, line: impl Into<String>) -> Self {
        self.more.push(line.into());
        self
    }

    fn print(&self, name: &str, yaml: &mut String) {
        let _ = write!(yaml, "  - name: {name}\n    labels: {{ team: mac }}\n    account: {}\n", self.account);
        let _ = writeln!(yaml, "    mdm: {{ {} }}", self.mdm);
        if !self.certificate.is_empty() {
            let _ = writeln!(yaml, "    certificate: {{ {} }}", self.certificate.join(", "));
        }
        for line in &self.more {
            let _ = writeln!(yaml, "    {line}");
        }
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(folder: &'a Path, simulators: &'a Simulators, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let authority = Authority::new().context("cannot make the authority of the demo")?;
        Ok(Self { folder, simulators, authority, now, later: Later::default(), said: Vec::new() })
    }

    /// Makes every tenant, and gives the configuration that watches them.
    pub(super) fn configuration(&mut self, scenes: &[Scene]) -> anyhow::Result<String> {
        self.write("secret", SECRET)?;
        let mut tenants = String::new();
        for scene in scenes {
            let entry =
                scene.make(self).with_context(|| format!("cannot make the tenant {} of the demo", scene.name))?;
            entry.print(scene.name, &mut tenants);
        }
        let Simulators { intune, jamf: _, kandji, mosyle, apple } = self.simulators;
        self.write("apple.pem", apple.certificates.ca_pem())?;
        Ok(format!(
            "# The configuration of `apnswatch demo`.\n\
             site: demo\n\
             store: sqlite://{folder}/state.db\n\
             poll: {{ interval: {INTERVAL}, timeout: 2s }}\n\
             policy: {{ account_domains: [example.com], personal_account_patterns: [\"*@mail.example.net\"] }}\n\
             tenant_labels: [team]\n\
             certificate_pool: [{folder}/pool/*.pem]\n\
             defaults:\n  \
             intune: {{ client_id: {CLIENT}, client_secret_file: {folder}/secret, login_url: {login}, graph_url: {graph} }}\n  \
             jamf: {{ client_id: {CLIENT}, client_secret_file: {folder}/secret }}\n  \
             kandji: {{ url: {kandji}, token_file: \"{folder}/{{name}}/token\" }}\n  \
             mosyle: {{ product: business, url: {mosyle}, access_token_file: \"{folder}/{{name}}/token\", \
             email: {ADMINISTRATOR}, password_file: {folder}/secret }}\n\
             {probe}\
             accounts:\n{accounts}\
             tenants:\n{tenants}",
            folder = self.folder.display(),
            login = intune.login_url(),
            graph = intune.graph_url(),
            kandji = kandji.url(),
            mosyle = mosyle.url(Product::Business),
            probe = self.probe(),
            accounts = self.accounts(),
        ))
    }

    /// Somebody has taken on the renewal of a certificate that ends in so many days.
    pub(super) fn plans(&mut self, name: &str, days: i64, on: i64) -> anyhow::Result<()> {
        let date = |days| self.now + TimeDelta::days(days);
        let plan =
            Plan { on: date(on).date_naive(), who: "mac-team".to_owned(), tier: Tier::Info, not_after: date(days) };
        let word = Attestation {
            statement: Statement::RenewalPlanned(plan),
            at: self.now,
            by: "mac-team".to_owned(),
            note: None,
            witness: None,
            ticket: None,
        };
        let name = TenantName::parse(name).map_err(|why| anyhow::anyhow!("{name} {why}"))?;
        self.said.push((name, word, PinChange::Keep));
        Ok(())
    }

    /// Somebody made this the topic two days ago, in the place of another.
    pub(super) fn changes(&mut self, name: &str, [topic, before]: [&str; 2]) -> anyhow::Result<()> {
        let topic = Topic::parse(topic).context("the demo has a topic that is none")?;
        let (at, by) = (self.now - TimeDelta::days(2), "mac-team".to_owned());
        let pin = Pin { topic: topic.clone(), origin: PinOrigin::Confirmed, since: at, by: Some(by.clone()) };
        let word = Attestation {
            statement: Statement::PinSet { topic, before: Topic::parse(before) },
            at,
            by,
            note: Some("enrolled again, the account of the old row is lost".to_owned()),
            witness: None,
            ticket: None,
        };
        let name = TenantName::parse(name).map_err(|why| anyhow::anyhow!("{name} {why}"))?;
        self.said.push((name, word, PinChange::Set(pin)));
        Ok(())
    }

    /// What is to be done while the demo runs, and what people said before it.
    pub(super) fn into_parts(self) -> (Later, Vec<Word>) {
        (self.later, self.said)
    }

    /// Couriers that are reached as they should be; an API of which one port is broken open on the way.
    fn probe(&self) -> String {
        let apple = &self.simulators.apple;
        let target = |role, simulator: &apple::Simulator| {
            let address = simulator.address();
            format!("{{ role: {role}, host: {}, port: {} }}", address.ip(), address.port())
        };
        let targets: Vec<String> = apple
            .couriers
            .iter()
            .map(|courier| target("device", courier))
            .chain(apple.apis.iter().map(|api| target("server", api)))
            .collect();
        format!(
            "probe:\n  interval: {PROBE_INTERVAL}\n  timeout: 500ms\n  targets: [{targets}]\n  \
             courier_ca_file: {folder}/apple.pem\n  api_ca_file: {folder}/apple.pem\n  control: {control}\n",
            targets = targets.join(", "),
            folder = self.folder.display(),
            control = apple.closed,
        )
    }

    fn accounts(&self) -> String {
        format!(
            "  - {{ id: apns-shared, address: apns@example.com, owner: it-operations }}\n  \
             - {{ id: apns-castle, address: apns-castle@example.com, owner: it-operations, \
             second_factor: [desk phone, second admin], duties: {{ sign_in: {{ every: 90d, last: {} }}, \
             second_factor_audit: {{ every: 365d, last: {} }} }} }}\n  \
             - {{ id: apns-ferry, address: apns-ferry@example.com, owner: it-operations, second_factor: [desk phone], \
             duties: {{ sign_in: {{ every: 90d, last: {} }} }} }}\n  \
             - {{ id: apns-lodge, address: somebody@mail.example.net }}\n",
            self.day(-10),
            self.day(-100),
            self.day(-120),
        )
    }

    /// Writes a file of the demo.
    pub(super) fn write(&self, file: &str, content: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(file);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        write(&path, content)?;
        Ok(path)
    }

    /// A path that nothing is written to.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Writes a push certificate with the topic of this name and so many days left.
    pub(super) fn certificate(&self, file: &str, name: &str, generation: u8, days: i64) -> anyhow::Result<PathBuf> {
        self.certificate_of_life(file, name, generation, days, YEAR)
    }

    /// The same with a life of so many days.
    pub(super) fn certificate_of_life(
        &self,
        file: &str,
        name: &str,
        generation: u8,
        days: i64,
        life: i64,
    ) -> anyhow::Result<PathBuf> {
        let leaf = self.leaf(name, &serial(&format!("{file} {name}"), generation), days, life);
        self.write(file, self.authority.issue(&leaf).context("cannot make a certificate")?)
    }

    /// The same with the topics of two names.
    pub(super) fn certificate_of_two(&self, file: &str, names: [&str; 2], days: i64) -> anyhow::Result<PathBuf> {
        let leaf = self.leaf(names[0], &serial(file, 1), days, YEAR);
        let pem =
            self.authority.issue_ambiguous(&leaf, &super::topic(names[1])).context("cannot make a certificate")?;
        self.write(file, pem)
    }

    /// When the first look is over, puts a renewal into the place of a file.
    pub(super) fn renew_later(&mut self, file: PathBuf, name: &str) -> anyhow::Result<()> {
        let leaf = self.leaf(name, &serial(name, 2), YEAR, YEAR);
        let pem = self.authority.issue(&leaf).context("cannot make a certificate")?;
        self.later.files.push((file, pem));
        Ok(())
    }

    /// Shows a fleet as it is now, and again and again while the demo runs.
    pub(super) fn keep_alive(&mut self, fleet: Fleet) {
        fleet(self.simulators, self.now);
        self.later.fleets.push(fleet);
    }

    fn leaf(&self, name: &str, serial: &str, days: i64, life: i64) -> Leaf {
        let not_after = self.end(days);
        Leaf {
            topic: super::topic(name),
            serial: serial.to_owned(),
            not_before: not_after - TimeDelta::days(life),
            not_after,
        }
    }

    /// So many days from now, and a few hours, so that the number on the page is the one in the list.
    pub(super) fn end(&self, days: i64) -> DateTime<Utc> {
        self.now + TimeDelta::days(days) + TimeDelta::hours(3)
    }

    /// The date so many days from now, as the configuration has it.
    pub(super) fn day(&self, days: i64) -> String {
        (self.now + TimeDelta::days(days)).format("%Y-%m-%d").to_string()
    }

    /// So many hours ago.
    pub(super) fn ago(&self, hours: i64) -> DateTime<Utc> {
        self.now - TimeDelta::hours(hours)
    }
}
