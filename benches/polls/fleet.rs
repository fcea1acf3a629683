//! A fleet of tenants over the four kinds, each at its simulator; used by the measurement and by a test.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use apnswatch::clock::Clock;
use apnswatch::demo::listener::Traffic;
use apnswatch::demo::{intune, jamf, kandji, mosyle, world};
use apnswatch::provider::mosyle::Product;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

/// The kinds, in the order in which tenants are dealt.
pub(crate) const KINDS: [&str; 4] = ["intune", "jamf", "kandji", "mosyle"];

/// How many polls may be under way at one host at once: what the configuration says where it says nothing.
pub(crate) const PER_HOST: u64 = 5;

/// The head of a configuration that keeps nothing.
pub(crate) const HEAD: &str = "store: 'sqlite::memory:'";

/// Devices of each tenant; enough that a share of silent ones can be told.
const DEVICES: u64 = 20;

const APP: &str = "00000000-0000-4000-8000-0000000000a9";
const SECRET: &str = "made-up-secret";
const EMAIL: &str = "apnswatch@example.com";

/// The simulators and the folder with the configuration.
pub(crate) struct Fleet {
    folder: tempfile::TempDir,
    pub(crate) intune: intune::Simulator,
    pub(crate) jamf: jamf::Simulator,
    pub(crate) kandji: kandji::Simulator,
    pub(crate) mosyle: mosyle::Simulator,
    now: DateTime<Utc>,
}

impl Fleet {
    /// Starts the simulators and writes the configuration of so many tenants, below a head of its own.
    pub(crate) async fn start(tenants: usize, head: &str) -> anyhow::Result<Self> {
        let fleet = Self {
            folder: tempfile::tempdir()?,
            intune: intune::Simulator::start().await?,
            jamf: jamf::Simulator::start().await?,
            kandji: kandji::Simulator::start().await?,
            mosyle: mosyle::Simulator::start().await?,
            now: Clock::system().now(),
        };
        fleet.write("secret", SECRET)?;
        let folder = fleet.folder.path().display();
        let mut yaml = format!(
            "{head}\n\
             defaults:\n  intune: {{ client_id: {APP}, client_secret_file: {folder}/secret, login_url: {microsoft}, \
             graph_url: {microsoft} }}\n  \
             jamf: {{ client_id: {APP}, client_secret_file: {folder}/secret, enrolment_profile: true }}\n  \
             kandji: {{ url: {kandji}, token_file: '{folder}/{{name}}', enrolment_profile: true }}\n  \
             mosyle: {{ product: business, url: {mosyle}, access_token_file: '{folder}/{{name}}', email: {EMAIL}, \
             password_file: {folder}/secret, push: true }}\n\
             tenants:\n",
            microsoft = fleet.intune.login_url(),
            kandji = fleet.kandji.url(),
            mosyle = fleet.mosyle.url(Product::Business),
        );
        for index in 0..tenants {
            let kind = KINDS[index % KINDS.len()];
            let name = format!("{kind}-{index}");
            let more = match kind {
                "intune" => fleet.direct_intune(&name),
                "jamf" => fleet.direct_jamf(&name),
                "kandji" => fleet.direct_kandji(&name)?,
                _ => fleet.direct_mosyle(&name)?,
            };
            writeln!(yaml, "  - {{ name: {name}, mdm: {{ kind: {kind}{more} }} }}")?;
        }
        fleet.write("apnswatch.yaml", &yaml)?;
        Ok(fleet)
    }

    /// The configuration.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("apnswatch.yaml")
    }

    /// What went over each listener, by kind.
    pub(crate) fn traffic(&self) -> [(&'static str, &Traffic); 4] {
        let all = [self.intune.traffic(), self.jamf.traffic(), self.kandji.traffic(), self.mosyle.traffic()];
        let mut all = all.into_iter();
        KINDS.map(|kind| (kind, all.next().unwrap_or_else(|| self.intune.traffic())))
    }

    /// Requests so far, by kind.
    pub(crate) fn requests(&self) -> [u64; 4] {
        self.traffic().map(|(_, traffic)| traffic.requests.load(Ordering::Relaxed))
    }

    /// The most connections that were open at once, by kind; those that wait in the pool for the next request count.
    pub(crate) fn most_open(&self) -> [u64; 4] {
        self.traffic().map(|(_, traffic)| traffic.most_open.load(Ordering::Relaxed))
    }

    /// The most requests that were without an answer at once, by kind.
    pub(crate) fn most_busy(&self) -> [u64; 4] {
        self.traffic().map(|(_, traffic)| traffic.most_busy.load(Ordering::Relaxed))
    }

    fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), text)?)
    }

    /// When every certificate and token ends.
    pub(crate) fn end(&self) -> DateTime<Utc> {
        self.now + TimeDelta::days(200)
    }

    /// When a device was last heard of. It is told once, and must not fall asleep while the fleet is watched for hours.
    fn awake(&self) -> DateTime<Utc> {
        self.now + TimeDelta::days(1)
    }

    fn direct_intune(&self, name: &str) -> String {
        let certificate = intune::Certificate::new(world::topic(name), self.end());
        let mut directory = intune::Directory::new(APP, intune::Credential::Secret(SECRET.to_owned()), certificate);
        let list = |elements: Vec<serde_json::Value>| intune::Answer::List(intune::List::of(elements));
        directory.server_tokens = list(vec![intune::server_token("ade", "enrolment", self.end())]);
        directory.content_tokens = list(vec![intune::content_token("vpp", "Example", self.end(), "valid")]);
        let device = |_| intune::managed_device("macOS", "MacBook Air", self.awake());
        directory.devices = list((0..DEVICES).map(device).collect());
        self.intune.set_directory(&world::directory(name), directory);
        format!(", directory: {}", world::directory(name))
    }

    fn direct_jamf(&self, name: &str) -> String {
        let list = |elements: Vec<serde_json::Value>| jamf::Answer::List(elements);
        let devices = (1..=DEVICES).map(|id| jamf::device(id, "iPad12,1", self.awake()));
        let server = jamf::Server::new(jamf::Credential::Client(APP.to_owned(), SECRET.into()))
            .with(jamf::Resource::Notifications, jamf::Answer::notice("PUSH_CERT_WILL_EXPIRE", Some(12)))
            .with(jamf::Resource::Enrollments, list(vec![jamf::enrollment(1, "enrolment", self.end())]))
            .with(jamf::Resource::Locations, list(vec![jamf::location(1, "Example", self.end(), false)]))
            .with(jamf::Resource::Devices, list(devices.collect()))
            .with(jamf::Resource::Profiles, list(vec![json!({ "id": 7, "name": "Enrol" })]))
            .with(jamf::Resource::Profile(7), jamf::Answer::Bytes(profile(name)));
        let base = format!("/{name}");
        self.jamf.set_server(&base, server);
        format!(", url: {}", self.jamf.url(&base))
    }

    fn direct_kandji(&self, name: &str) -> anyhow::Result<String> {
        let (agent, checkin) = (Some(self.awake()), Some(self.now - TimeDelta::hours(5)));
        let tenant = kandji::Tenant {
            integrations: vec![kandji::Integration::new("e1", "enrolment", self.end())],
            devices: (0..DEVICES).map(|_| kandji::Device::new("Mac", agent, checkin)).collect(),
            blueprints: vec![kandji::Blueprint {
                id: "b1".to_owned(),
                code: "made-up".to_owned(),
                profile: profile(name),
            }],
            ..kandji::Tenant::default()
        };
        let token = format!("token-of-{name}");
        self.kandji.set_tenant(&token, tenant);
        self.write(name, &token)?;
        Ok(String::new())
    }

    fn direct_mosyle(&self, name: &str) -> anyhow::Result<String> {
        let (beat, info) = (Some(self.awake()), Some(self.now - TimeDelta::hours(5)));
        let device = |id| mosyle::device(&format!("mac-{id}"), "Mac14,2", beat, info);
        let macs = mosyle::Answer::Fleet(mosyle::Fleet::of((0..DEVICES).map(device)));
        let token = format!("token-of-{name}");
        self.mosyle.set_account(&token, mosyle::Account::new(Product::Business, EMAIL, SECRET).with("mac", macs));
        self.write(name, &token)?;
        Ok(String::new())
    }
}

/// An enrolment profile with the topic of this name.
fn profile(name: &str) -> Vec<u8> {
    kandji::enrolment_profile(Some(&world::topic(name)))
}
