//! Can pushes get out of this network? One round of one target, in steps, each timed and named.
//!
//! Probes always go the direct way: no proxy is asked, whatever the environment says, and nothing is ever sent that Apple could
//! take for a device or for an MDM.

mod attempt;
mod chain;
mod dns;
mod http2;
mod prober;
pub mod ranges;
mod tls;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use self::attempt::connect;
pub use self::dns::is_exhausted;
pub use self::prober::Prober;
use crate::model::{Role, Step};

/// The name that couriers have in their certificate, whatever number was connected to (`research`: the bare name has no
/// address, and the numbered ones are in no certificate).
pub const COURIER_NAME: &str = "courier.push.apple.com";

/// The provider API.
pub const API_NAME: &str = "api.push.apple.com";

/// How many couriers there are: `1-courier.push.apple.com` and so on. Seen in Apple's own configuration bag.
pub const COURIERS: u32 = 50;

/// `probe` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From the start of a round to the start of the next.
    pub interval: Duration,
    /// What each step may take.
    pub timeout: Duration,
    /// A path is down when so many rounds running found it closed.
    pub confirmations: u32,
    /// Whether the MDM runs at this site, so that the server path is ours.
    pub site_runs_mdm: bool,
    /// What is probed.
    pub targets: Vec<Target>,
    /// PEM file with CAs that count as Apple's own, besides those that are known by their fingerprints.
    pub courier_ca_file: Option<PathBuf>,
    /// PEM file with CAs that are trusted for the API, besides those of the machine.
    pub api_ca_file: Option<PathBuf>,
    /// The DNS server to ask, instead of the machine's.
    pub resolver: Option<SocketAddr>,
    /// Addresses that are meant though they are not Apple's: a relay.
    pub allowed_ranges: Vec<IpNet>,
    /// An address that must not open. If it does, something on the way accepts everything.
    pub control: Option<SocketAddr>,
}

impl Default for Settings {
    /// What is probed when nothing else is said.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
            confirmations: 2,
            site_runs_mdm: false,
            targets: vec![Target::couriers(Step::Chain), Target::api(Step::Http2)],
            courier_ca_file: None,
            api_ca_file: None,
            resolver: None,
            allowed_ranges: Vec::new(),
            control: None,
        }
    }
}

/// One thing to be probed at several ports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Whose way it is.
    pub role: Role,
    /// Where it leads.
    pub host: Host,
    /// The ports, the preferred one first.
    pub ports: Vec<u16>,
    /// The deepest step.
    pub depth: Step,
}

/// Where a target is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// Any of the couriers, other ones each round.
    Couriers,
    /// A host by its name, looked up as absolute.
    Name(String),
    /// An address, taken as meant.
    Address(IpAddr),
}

impl fmt::Display for Host {
    /// The label `target`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Couriers => f.pad("courier"),
            Self::Name(name) if name == API_NAME => f.pad("api"),
            Self::Name(name) => f.pad(name),
            Self::Address(address) => f.pad(&address.to_string()),
        }
    }
}

impl Target {
    /// The couriers, as devices reach them.
    #[must_use]
    pub fn couriers(depth: Step) -> Self {
        Self { role: Role::Device, host: Host::Couriers, ports: vec![5223, 443], depth }
    }

    /// The provider API, as an MDM reaches it.
    #[must_use]
    pub fn api(depth: Step) -> Self {
        Self { role: Role::Server, host: Host::Name(API_NAME.to_owned()), ports: vec![443, 2197], depth }
    }
}

#[cfg(test)]
mod tests;
