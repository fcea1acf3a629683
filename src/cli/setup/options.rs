//! The options of `setup`, and what they answer without anybody being asked.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::answers::{Account, Answers, Field, Known, Ways, WhichAccount, fields, suggestion};
use super::held::{Credentials, Held, piped};
use super::spot::{Spot, Target};
use crate::attest::found_in;
use crate::certificate::Certificate;
use crate::cli::End;
use crate::cli::guide::kind_of;
use crate::model::{AccountId, MdmKind, TenantName};
use crate::source::file;

/// Options of `setup`. Whatever is given is not asked.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// Ask nothing: what is not given is left out, or ends it where it is needed
    #[arg(long)]
    pub(super) yes: bool,
    /// The MDM: intune, jamf, kandji (or iru), mosyle; none watches a certificate file alone
    #[arg(long, value_parser = kind_of)]
    pub(super) kind: Option<MdmKind>,
    /// The name of the tenant; otherwise it comes from the address
    #[arg(long, value_parser = TenantName::parse)]
    pub(super) name: Option<TenantName>,
    /// The address of the MDM (jamf, kandji; of mosyle if it is not the usual one)
    #[arg(long)]
    url: Option<String>,
    /// The Entra directory: its id or a domain of it (intune)
    #[arg(long, value_name = "ID")]
    directory: Option<String>,
    /// Microsoft's cloud: global, usgov, `usgov_dod`, china (intune)
    #[arg(long)]
    cloud: Option<String>,
    /// The login address, with --graph-url and instead of --cloud (intune)
    #[arg(long, value_name = "URL")]
    login_url: Option<String>,
    /// The address of Graph, with --login-url (intune)
    #[arg(long, value_name = "URL")]
    graph_url: Option<String>,
    /// The id of the app or of the API client (intune, jamf)
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// A user instead of an API client, whose password is the secret (jamf)
    #[arg(long, value_name = "NAME", conflicts_with = "client_id")]
    pub(super) username: Option<String>,
    /// business (and Fuse) or manager (mosyle)
    #[arg(long)]
    product: Option<String>,
    /// The address of the administrator (mosyle)
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// A file with the secret, which stays where it is; otherwise it is asked for, or piped in
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A file with the administrator's password, which stays where it is (mosyle)
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The address of the Apple Account; beside a configuration that is there, the id of one of its accounts
    #[arg(long, value_name = "ADDRESS")]
    pub(super) account: Option<String>,
    /// The team that holds the account
    #[arg(long, value_name = "TEAM")]
    owner: Option<String>,
    /// Where its password is, never the password
    #[arg(long, value_name = "PLACE")]
    vault_item: Option<String>,
    /// Who or what holds its second factor; more than once for more than one
    #[arg(long, value_name = "HOLDER")]
    second_factor: Vec<String>,
    /// The day on which somebody last signed in to it
    #[arg(long, value_name = "DATE")]
    signed_in: Option<NaiveDate>,
    /// The day on which its second factor was last checked
    #[arg(long, value_name = "DATE")]
    audited: Option<NaiveDate>,
    /// The certificate in use, as Apple's portal gives it
    #[arg(long, value_name = "FILE", conflicts_with = "not_after")]
    pub(super) certificate: Option<PathBuf>,
    /// The end of the certificate in use, where there is no file of it
    #[arg(long, value_name = "DATE")]
    pub(super) not_after: Option<NaiveDate>,
    /// Which ways to Apple are tried from this machine
    #[arg(long, value_enum)]
    pub(super) probe: Option<Probe>,
    /// What this place is called
    #[arg(long, value_name = "NAME")]
    pub(super) site: Option<String>,
    /// Write a unit of systemd beside the configuration
    #[arg(long)]
    pub(super) unit: bool,
    /// Start the service, and at every boot
    #[arg(long)]
    pub(super) start: bool,
}

/// `--probe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Probe {
    /// The one of devices, which stand in this network.
    Device,
    /// The one of the MDM, which runs in this network.
    Server,
    /// Both.
    Both,
    /// None.
    None,
}

impl Probe {
    pub(super) fn ways(self) -> Ways {
        let (device, server) = (matches!(self, Self::Device | Self::Both), matches!(self, Self::Server | Self::Both));
        Ways { device, server }
    }
}

/// What a place is called where nobody gave it a name.
pub(super) const SITE: &str = "office";

impl Options {
    /// The values that were given for a login of this kind.
    pub(super) fn values(&self, kind: MdmKind) -> Result<BTreeMap<&'static str, String>, End> {
        let all = [
            ("url", &self.url, &[MdmKind::Jamf, MdmKind::Kandji, MdmKind::Mosyle][..]),
            ("directory", &self.directory, &[MdmKind::Intune]),
            ("cloud", &self.cloud, &[MdmKind::Intune]),
            ("login_url", &self.login_url, &[MdmKind::Intune]),
            ("graph_url", &self.graph_url, &[MdmKind::Intune]),
            ("client_id", &self.client_id, &[MdmKind::Intune, MdmKind::Jamf]),
            ("username", &self.username, &[MdmKind::Jamf]),
            ("product", &self.product, &[MdmKind::Mosyle]),
            ("email", &self.email, &[MdmKind::Mosyle]),
        ];
        let mut values = BTreeMap::new();
        for (key, value, kinds) in all {
            let Some(value) = value else { continue };
            if !kinds.contains(&kind) {
                return Err(End::Usage(format!("--{} says nothing with --kind {kind}", key.replace('_', "-"))));
            }
            values.insert(key, value.trim().to_owned());
        }
        Ok(values)
    }

    /// The files with credentials that were given.
    pub(super) fn credentials(&self, kind: MdmKind) -> Result<Credentials, End> {
        let secrets = fields(kind, self.username.is_some()).iter().filter(|field| field.is_secret);
        let given = [("--secret-file", &self.secret_file), ("--password-file", &self.password_file)];
        let mut credentials = Credentials::new();
        let mut secrets = secrets.map(|field| field.key);
        for (option, file) in given {
            match (secrets.next(), file) {
                (Some(key), Some(file)) => _ = credentials.insert(key, Held::There(absolute(file)?)),
                (None, Some(_)) => return Err(End::Usage(format!("{option} says nothing with --kind {kind}"))),
                (_, None) => {}
            }
        }
        Ok(credentials)
    }

    /// Everything, without asking anybody.
    ///
    /// # Errors
    ///
    /// Everything that is missing or contradicts itself, in one run.
    pub(super) fn answers(&self, spot: &Spot) -> Result<Answers, End> {
        let Some(kind) = self.kind else { return Err(End::Usage("--yes takes --kind".to_owned())) };
        let is_user = self.username.is_some();
        let values = self.values(kind)?;
        let mut credentials = self.credentials(kind)?;
        let is_open = |field: &&Field| !values.contains_key(field.key) && !credentials.contains_key(field.key);
        let open: Vec<&Field> = fields(kind, is_user).iter().filter(is_open).collect();
        let (secrets, mut missing): (Vec<&Field>, Vec<&Field>) = open.into_iter().partition(|field| field.is_secret);
        if io::stdin().is_terminal() {
            missing.extend(&secrets);
        }
        let mut told: Vec<String> = missing.iter().map(|field| field.option.to_owned()).collect();
        let name = match (&self.name, suggestion(&values).as_str()) {
            (Some(name), _) => Some(name.clone()),
            (None, word) => TenantName::parse(word).ok(),
        };
        if name.is_none() {
            told.push("--name NAME".to_owned());
        }
        if kind == MdmKind::None && self.certificate.is_none() && self.not_after.is_none() {
            told.push("--certificate FILE, or --not-after DATE".to_owned());
        }
        let (Some(name), true) = (name, told.is_empty()) else {
            return Err(End::Usage(format!("--yes with --kind {kind} takes {}", told.join("; "))));
        };
        let wanted: Vec<&'static str> = secrets.iter().map(|field| field.question).collect();
        if !wanted.is_empty() {
            for (field, secret) in secrets.iter().zip(piped(&wanted)?) {
                credentials.insert(field.key, Held::here(secret, &spot.main)?);
            }
        }
        Ok(Answers {
            kind,
            name,
            is_user,
            values,
            credentials,
            account: self.account(spot)?,
            certificate: match (&self.certificate, self.not_after) {
                (Some(path), _) => read_certificate(path)?.0,
                (None, Some(date)) => Known::End(date),
                (None, None) => Known::Nothing,
            },
            site: self.site.clone().unwrap_or_else(|| SITE.to_owned()),
            ways: self.probe.unwrap_or(Probe::None).ways(),
        })
    }

    /// The account that was given.
    pub(super) fn account(&self, spot: &Spot) -> Result<WhichAccount, End> {
        let Some(given) = &self.account else { return Ok(WhichAccount::Untold) };
        match &spot.target {
            Target::Main { .. } => Ok(WhichAccount::New(self.new_account(given))),
            Target::Beside(config) => {
                let known = AccountId::parse(given).ok().filter(|id| config.accounts.contains_key(id));
                let ids: Vec<&str> = config.accounts.keys().map(AccountId::as_str).collect();
                known.map(|id| WhichAccount::Known(id.as_str().to_owned())).ok_or_else(|| {
                    End::Usage(format!(
                        "--account must be the id of an account of the configuration: {}",
                        ids.join(", ")
                    ))
                })
            }
        }
    }

    /// The account with this address, and what else was given of it.
    pub(super) fn new_account(&self, address: &str) -> Account {
        Account {
            address: address.to_owned(),
            owner: self.owner.clone(),
            vault_item: self.vault_item.clone(),
            second_factor: self.second_factor.clone(),
            signed_in: self.signed_in,
            audited: self.audited,
        }
    }
}

/// A certificate file, read: a push certificate without its key.
///
/// # Errors
///
/// If it is anything else.
pub(super) fn read_certificate(path: &Path) -> anyhow::Result<(Known, Certificate)> {
    let path = absolute(path)?;
    let bytes = file::read(&path).map_err(|failure| anyhow!("{}", failure.message))?;
    let found = found_in(&bytes, &file::shown(&path))?;
    Ok((Known::File(path, bytes.to_vec()), found))
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
