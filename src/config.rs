//! The configuration: a YAML file turned into things that cannot be wrong.
//!
//! Everything that can be known is told in one run, each problem with the path of its key and what would be right.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, Utc};

use crate::model::{AccountId, Labels, MdmKind, Policy, Problem, Source, TenantName, TokenKind, Topic};
use crate::provider::{intune, jamf, kandji, mosyle};

mod defaults;
mod environment;
mod file;
mod load;
mod mdm;
pub mod notify;
mod postgres;
mod probe;
mod recent;
mod running;
mod schema;
mod sections;
mod table;
mod tenants;
mod values;
pub mod web_access;
mod wire;

pub(crate) use load::literal;
pub use notify::Notify;
pub use postgres::Postgres;
pub use running::Running;
pub use schema::{schema, schema_text};
pub(crate) use table::unknown_key;

/// Reads the configuration at `path`, with `environment` laid over its single values.
///
/// A tenant file that is bad does not fail this: its problems are in [`Config::problems`], and the tenants it had in
/// `previous`, the configuration before a reload, are kept. Files of secrets and certificates are not touched.
///
/// # Errors
///
/// Everything that is wrong with the main file and the environment, told in one run.
pub fn load(
    path: &Path,
    environment: &BTreeMap<String, String>,
    previous: Option<&Config>,
) -> Result<Config, Vec<Problem>> {
    load::load(path, environment, previous, None)
}

/// A file of the configuration that is not on disk yet: the main file, or a tenant file.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// Where it will stand, absolute.
    pub path: &'a Path,
    /// What will stand in it.
    pub text: &'a str,
}

/// As [`load()`], as if the draft stood in its place already. A tenant file counts only where `tenant_files` names it, which
/// [`Config::reads`] tells.
///
/// # Errors
///
/// As [`load()`].
pub fn load_with(
    draft: Draft<'_>,
    path: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Config, Vec<Problem>> {
    load::load(path, environment, None, Some(draft))
}

/// A whole, checked configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where this process stands in the network, for people.
    pub site: Option<String>,
    /// The HTTP side.
    pub web: Web,
    /// Where what was learnt is kept.
    pub store: Store,
    /// How MDMs are reached.
    pub network: Arc<Network>,
    /// How many polls run at once.
    pub limits: Limits,
    /// The label names that `apns_tenant_info` carries.
    pub tenant_labels: Vec<String>,
    /// The Apple Accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Paths and patterns of certificate files that belong to whichever tenant keeps their topic.
    pub certificate_pool: Vec<PathBuf>,
    /// What is probed; `None` if nothing is.
    pub probe: Option<crate::probe::Settings>,
    /// Whom to tell, for people without Alertmanager; `None` if nobody.
    pub notify: Option<Notify>,
    /// The tenants, defaults merged in, those of the tenant files among them.
    pub tenants: BTreeMap<TenantName, Arc<Tenant>>,
    /// The names of the tenants that came from each tenant file, so that a reload can keep those of a bad one.
    pub tenant_files: BTreeMap<PathBuf, Vec<TenantName>>,
    /// The paths and patterns of `tenant_files`, absolute.
    pub tenant_file_patterns: Vec<PathBuf>,
    /// What is wrong in tenant files. It stops neither the start nor the other tenants.
    pub problems: Vec<Problem>,
    /// Every file that was read or looked for, and the folders that patterns look into, for `reload: watch`.
    pub files: Vec<PathBuf>,
}

impl Config {
    /// The monthly letter, if one is sent.
    #[must_use]
    pub fn letter(&self) -> Option<&notify::Letter> {
        self.notify.as_ref()?.letter.as_ref()
    }

    /// Whether a file at this path is a tenant file: whether `tenant_files` names it.
    #[must_use]
    pub fn reads(&self, path: &Path) -> bool {
        self.tenant_file_patterns.iter().any(|pattern| load::names(pattern, path))
    }

    /// From each former name of a tenant to its present one. No tenant has a former name now.
    #[must_use]
    pub fn renames(&self) -> BTreeMap<TenantName, TenantName> {
        let of = |tenant: &Arc<Tenant>| {
            let name = tenant.name.clone();
            tenant.formerly.clone().into_iter().map(move |former| (former, name.clone())).collect::<Vec<_>>()
        };
        self.tenants.values().flat_map(of).collect()
    }

    /// How the tenant that had this name before is called now.
    #[must_use]
    pub fn called_now(&self, former: &str) -> Option<&TenantName> {
        let is_meant = |tenant: &&Arc<Tenant>| tenant.formerly.iter().any(|name| name.as_str() == former);
        self.tenants.values().find(is_meant).map(|tenant| &tenant.name)
    }
}

/// `web`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The web-config file of Prometheus: TLS, logins, headers.
    pub config_file: Option<PathBuf>,
    /// A second address, plain and open, for `/-/healthy` and `/-/ready` alone.
    pub health_listen: Option<SocketAddr>,
    /// Where people reach the page, if that is not `listen`.
    pub external_url: Option<url::Url>,
    /// What makes the process read its configuration again.
    pub reload: Reload,
    /// Whether people who logged in may say on the page what they did.
    pub actions: bool,
    /// Host names under which the page may be asked, besides those known anyway.
    pub allowed_hosts: Vec<String>,
    /// The file with the key that lets in to the calendar without a login.
    pub calendar_key_file: Option<PathBuf>,
    /// Whether `apns_certificate_expiry_days` and `apple_token_expiry_days` are exported.
    pub days_gauge: bool,
}

/// `web.reload`. SIGHUP always works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// SIGHUP only (`false`).
    Signal,
    /// Also `POST /-/reload` (`true`).
    Http,
    /// Also `POST /-/reload`, and when a file changes (`watch`).
    Watch,
}

/// `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// `sqlite:///absolute/path`.
    Sqlite(PathBuf),
    /// `postgres://...`: shared by several replicas.
    Postgres(Postgres),
    /// `sqlite::memory:`: nothing outlives the process.
    Memory,
}

/// `network`: MDM polls only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// PEM files with CAs that are trusted besides the machine's own.
    pub ca_files: Vec<PathBuf>,
    /// The HTTP proxy; `None` is a direct connection, whatever the environment says.
    pub proxy: Option<url::Url>,
}

impl std::fmt::Debug for Network {
    /// The address of a proxy may carry a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let proxy = self.proxy.as_ref().and_then(|proxy| proxy.host_str());
        f.debug_struct("Network").field("ca_files", &self.ca_files).field("proxy", &proxy).finish()
    }
}

/// `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Polls of MDMs under way at once.
    pub polls: usize,
    /// Polls of one host under way at once.
    pub per_host: usize,
}

/// An entry of `accounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The address of the Apple Account.
    pub address: String,
    /// The team that holds it.
    pub owner: Option<String>,
    /// Where its password is.
    pub vault_item: Option<String>,
    /// Who or what holds its second factor.
    pub second_factor: Vec<String>,
    /// What the team must do with it every so often, by name. None exists unless configured.
    pub duties: BTreeMap<String, Duty>,
}

/// An entry of `duties`: something a team must do by a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// How often.
    pub every: Duration,
    /// When it was last done before anybody attested it.
    pub last: Option<NaiveDate>,
}

/// What is thought of the address of an Apple Account: the part of `policy` that is about accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountPolicy {
    /// The mail domains an address may have; any if there are none. Lower case.
    pub domains: Vec<String>,
    /// Patterns (`*` and `?`) of addresses that belong to a person and not to a team. Compared without case.
    pub personal_patterns: Vec<String>,
}

/// An entry of `tokens`: a token that no MDM tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredToken {
    /// What it is for.
    pub kind: TokenKind,
    /// Its name.
    pub name: String,
    /// Its end.
    pub not_after: DateTime<Utc>,
}

/// A tenant, with everything that applies to it. There are thousands: what is rare is boxed, and what most have alike is
/// shared.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Its labels.
    pub labels: Labels,
    /// The Apple Account its certificate was made with.
    pub account: Option<AccountId>,
    /// Its MDM.
    pub mdm: Mdm,
    /// What else is known about its certificate.
    pub certificate: Certificate,
    /// How its MDM is reached: `network`, overridden by `mdm.network`.
    pub network: Arc<Network>,
    /// How often its MDM is asked.
    pub poll: PollTimes,
    /// Where the phases begin.
    pub policy: Policy,
    /// What is thought of the address of its account.
    pub account_policy: Arc<AccountPolicy>,
    /// Tokens that no MDM tells of.
    pub tokens: Vec<DeclaredToken>,
    /// Quiet until a date.
    pub muted: Option<Box<Muted>>,
    /// Neither polled nor exported.
    pub retired: bool,
    /// The names it had before, the oldest first. What is remembered under them is its own.
    pub formerly: Vec<TenantName>,
}

/// `mdm` of a tenant.
#[derive(Clone, Debug, PartialEq)]
pub enum Mdm {
    /// `kind: intune`.
    Intune(Box<intune::Settings>),
    /// `kind: jamf`.
    Jamf(Box<jamf::Settings>),
    /// `kind: kandji`.
    Kandji(Box<kandji::Settings>),
    /// `kind: mosyle`.
    Mosyle(Box<mosyle::Settings>),
    /// `kind: none`, or no `mdm` at all.
    None,
}

impl Mdm {
    /// The kind, a label value.
    #[must_use]
    pub fn kind(&self) -> MdmKind {
        match self {
            Self::Intune(_) => MdmKind::Intune,
            Self::Jamf(_) => MdmKind::Jamf,
            Self::Kandji(_) => MdmKind::Kandji,
            Self::Mosyle(_) => MdmKind::Mosyle,
            Self::None => MdmKind::None,
        }
    }

    /// The sources that are asked of it.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        match self {
            Self::Intune(settings) => settings.sources(),
            Self::Jamf(settings) => settings.sources(),
            Self::Kandji(settings) => settings.sources(),
            Self::Mosyle(settings) => settings.sources(),
            Self::None => Vec::new(),
        }
    }

    /// When the credential ends, as far as the configuration says.
    #[must_use]
    pub fn credential_expires(&self) -> Option<NaiveDate> {
        match self {
            Self::Intune(settings) => settings.credential_expires,
            Self::Jamf(settings) => settings.credential_expires,
            Self::Kandji(settings) => settings.credential_expires,
            Self::Mosyle(settings) => settings.credential_expires,
            Self::None => None,
        }
    }

    /// The files with the secrets of the login, each with its key in the configuration. Paths only: nothing is read.
    #[must_use]
    pub fn credential_files(&self) -> Vec<(&'static str, &Path)> {
        let files: &[(&'static str, Option<&PathBuf>)] = match self {
            Self::Intune(settings) => &[
                ("client_secret_file", settings.client_secret_file.as_ref()),
                ("client_certificate_file", settings.client_certificate_file.as_ref()),
                ("client_key_file", settings.client_key_file.as_ref()),
                ("federated_token_file", settings.federated_token_file.as_ref()),
            ],
            Self::Jamf(settings) => &[
                ("client_secret_file", settings.client_secret_file.as_ref()),
                ("password_file", settings.password_file.as_ref()),
            ],
            Self::Kandji(settings) => &[("token_file", Some(&settings.token_file))],
            Self::Mosyle(settings) => &[
                ("access_token_file", Some(&settings.access_token_file)),
                ("password_file", Some(&settings.password_file)),
            ],
            Self::None => &[],
        };
        files.iter().filter_map(|(key, file)| Some((*key, file.as_ref()?.as_path()))).collect()
    }
}

/// An entry of `certificate.files` with a password: a PKCS#12 container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedFile {
    /// The container, absolute.
    pub path: PathBuf,
    /// The file with its password, absolute.
    pub password_file: PathBuf,
}

/// `certificate` of a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The topic that must stay.
    pub expected_topic: Option<Topic>,
    /// Paths and patterns of certificate files, absolute (a relative one is taken from the folder of the file it
    /// stands in).
    pub files: Arc<[PathBuf]>,
    /// Containers that a password opens.
    pub protected: Vec<ProtectedFile>,
    /// Paths and patterns of enrolment profiles.
    pub profiles: Arc<[PathBuf]>,
    /// Paths and patterns of drop files with topics that were read on devices.
    pub device_topics: Arc<[PathBuf]>,
    /// What was typed in.
    pub declared: Option<Box<Declared>>,
    /// Whether there is a `certificate_pool`, which may hold certificates of this tenant.
    pub is_pooled: bool,
}

impl Certificate {
    /// Whether there are certificate files of any sort.
    #[must_use]
    pub fn has_files(&self) -> bool {
        !self.files.is_empty() || !self.protected.is_empty() || self.is_pooled
    }
}

/// `certificate.declared`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The end of the certificate.
    pub not_after: Option<DateTime<Utc>>,
    /// Its topic.
    pub topic: Option<Topic>,
}

/// `poll`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollTimes {
    /// From the end of a good poll to the next.
    pub interval: Duration,
    /// What one poll may take in all; below the interval.
    pub timeout: Duration,
}

/// `muted`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Muted {
    /// The first day that is loud again (UTC).
    pub until: NaiveDate,
    /// Why.
    pub reason: String,
}
