//! The options of `setup`, and what they answer without anybody being asked.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chrono::NaiveDate;
use clap::{Arg, ArgAction, ArgMatches};

use super::answers::{Account, Answers, Field, Known, Named, Ways, WhichAccount, fields, suggestion};
use super::held::{Credentials, Held, piped};
use super::notices::{CHOICES as NOTICES, Notices, Secret};
use super::spot::{Spot, Target};
use crate::attest::found_in;
use crate::certificate::Certificate;
use crate::cli::End;
use crate::cli::guide::kind_of;
use crate::model::{AccountId, MdmKind, TenantName};
use crate::source::file;

/// An option with a value.
pub(super) struct Choice {
    pub(super) long: &'static str,
    pub(super) value: &'static str,
    pub(super) help: &'static str,
    pub(super) check: fn(&str) -> Result<String, String>,
    /// What it excludes.
    pub(super) other: Option<&'static str>,
    /// Whether it can be given more than once.
    pub(super) is_many: bool,
}

pub(super) const fn choice(
    long: &'static str,
    value: &'static str,
    help: &'static str,
    check: fn(&str) -> Result<String, String>,
) -> Choice {
    Choice { long, value, help, check, other: None, is_many: false }
}

/// Every option with a value. A table, for two dozen fields of a struct would be a tenth of a megabyte of program.
static CHOICES: [Choice; 22] = [
    choice(
        "kind",
        "KIND",
        "The MDM: intune, jamf, kandji (or iru), mosyle; none watches a certificate file alone",
        kind,
    ),
    choice("name", "NAME", "The name of the tenant; otherwise it comes from the address", name),
    choice("url", "URL", "The address of the MDM (jamf, kandji; of mosyle if it is not the usual one)", text),
    choice("directory", "ID", "The Entra directory: its id or a domain of it (intune)", text),
    choice("cloud", "CLOUD", "Microsoft's cloud: global, usgov, usgov_dod, china (intune)", text),
    choice("login-url", "URL", "The login address, with --graph-url and instead of --cloud (intune)", text),
    choice("graph-url", "URL", "The address of Graph, with --login-url (intune)", text),
    choice("client-id", "ID", "The id of the app or of the API client (intune, jamf)", text),
    Choice {
        other: Some("client-id"),
        ..choice("username", "NAME", "A user instead of an API client, whose password is the secret (jamf)", text)
    },
    choice("product", "PRODUCT", "business (and Fuse) or manager (mosyle)", text),
    choice("email", "ADDRESS", "The address of the administrator (mosyle)", text),
    choice(
        "secret-file",
        "FILE",
        "A file with the secret, which stays where it is; otherwise it is asked for, or piped in",
        text,
    ),
    choice("password-file", "FILE", "A file with the administrator's password, which stays where it is (mosyle)", text),
    choice(
        "account",
        "ADDRESS",
        "The address of the Apple Account; beside a configuration that is there, the id of one of its accounts",
        text,
    ),
    choice("owner", "TEAM", "The team that holds the account", text),
    choice("vault-item", "PLACE", "Where its password is, never the password", text),
    Choice {
        is_many: true,
        ..choice(
            "second-factor",
            "HOLDER",
            "Who or what holds its second factor; more than once for more than one",
            text,
        )
    },
    choice("signed-in", "DATE", "The day on which somebody last signed in to it", date),
    choice("audited", "DATE", "The day on which its second factor was last checked", date),
    choice("certificate", "FILE", "The certificate in use, as Apple's portal gives it", text),
    Choice {
        other: Some("certificate"),
        ..choice("not-after", "DATE", "The end of the certificate in use, where there is no file of it", date)
    },
    choice(
        "probe",
        "WAYS",
        "Which ways to Apple are tried from this machine: device (those of devices in this network), server (that of the \
         MDM, which runs in it), both, none",
        probe,
    ),
];

/// The options without a value, and one that is best told beside them.
static FLAGS: [(&str, &str); 4] = [
    ("yes", "Ask nothing: what is not given is left out, or ends it where it is needed"),
    ("test-notice", "Send a test notice before anything is written, and end if it is not taken"),
    ("unit", "Write a unit of systemd beside the configuration"),
    ("start", "Start the service, and at every boot"),
];

/// What this place is called.
static PLACE: Choice = choice("site", "NAME", "What this place is called", text);

/// Every option with a value, in the order in which they are told.
fn choices() -> impl Iterator<Item = &'static Choice> {
    CHOICES.iter().chain([&PLACE]).chain(&NOTICES)
}

pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.trim().to_owned())
}

fn kind(text: &str) -> Result<String, String> {
    kind_of(text).map(|kind| kind.as_str().to_owned())
}

fn name(text: &str) -> Result<String, String> {
    TenantName::parse(text).map(|name| name.as_str().to_owned()).map_err(str::to_owned)
}

fn date(text: &str) -> Result<String, String> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "must be a date such as 2027-03-01")?;
    Ok(date.to_string())
}

fn probe(text: &str) -> Result<String, String> {
    let word = ["device", "server", "both", "none"].into_iter().find(|word| *word == text);
    word.map(str::to_owned).ok_or_else(|| "must be device, server, both or none".to_owned())
}

/// The ways to Apple that a word stands for.
pub(super) fn ways(word: &str) -> Ways {
    Ways { device: ["device", "both"].contains(&word), server: ["server", "both"].contains(&word) }
}

/// Options of `setup`. Whatever is given is not asked.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Options {
    given: Vec<(&'static str, String)>,
    /// `--yes`.
    pub(super) yes: bool,
    /// `--test-notice`.
    pub(super) test_notice: bool,
    /// `--unit`.
    pub(super) unit: bool,
    /// `--start`.
    pub(super) start: bool,
}

impl clap::Args for Options {
    fn augment_args(mut command: clap::Command) -> clap::Command {
        for (long, help) in &FLAGS {
            command = command.arg(Arg::new(*long).long(*long).help(*help).action(ArgAction::SetTrue));
        }
        for choice in choices() {
            let arg = Arg::new(choice.long).long(choice.long).value_name(choice.value).help(choice.help);
            let arg =
                arg.value_parser(choice.check).action(if choice.is_many { ArgAction::Append } else { ArgAction::Set });
            command = command.arg(match choice.other {
                Some(other) => arg.conflicts_with(other),
                None => arg,
            });
        }
        command
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given = Vec::new();
        for choice in choices() {
            let values = matches.get_many::<String>(choice.long).into_iter().flatten();
            given.extend(values.map(|value| (choice.long, value.clone())));
        }
        let flag = |long| matches.get_flag(long);
        Ok(Self { given, yes: flag("yes"), test_notice: flag("test-notice"), unit: flag("unit"), start: flag("start") })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// What a place is called where nobody gave it a name.
pub(super) const SITE: &str = "office";

/// The values under `mdm` that can be given, and the kinds that have them.
static VALUES: [(&str, &str, &[MdmKind]); 9] = [
    ("url", "url", &[MdmKind::Jamf, MdmKind::Kandji, MdmKind::Mosyle]),
    ("directory", "directory", &[MdmKind::Intune]),
    ("cloud", "cloud", &[MdmKind::Intune]),
    ("login-url", "login_url", &[MdmKind::Intune]),
    ("graph-url", "graph_url", &[MdmKind::Intune]),
    ("client-id", "client_id", &[MdmKind::Intune, MdmKind::Jamf]),
    ("username", "username", &[MdmKind::Jamf]),
    ("product", "product", &[MdmKind::Mosyle]),
    ("email", "email", &[MdmKind::Mosyle]),
];

impl Options {
    /// What was given for an option.
    pub(super) fn get(&self, long: &str) -> Option<&str> {
        self.given.iter().find(|(given, _)| *given == long).map(|(_, value)| value.as_str())
    }

    /// All that was given for an option.
    pub(super) fn all(&self, long: &str) -> impl Iterator<Item = &str> {
        self.given.iter().filter(move |(given, _)| *given == long).map(|(_, value)| value.as_str())
    }

    fn text(&self, long: &str) -> Option<String> {
        self.get(long).map(str::to_owned)
    }

    /// A day that was given.
    pub(super) fn day(&self, long: &str) -> Option<NaiveDate> {
        self.get(long)?.parse().ok()
    }

    /// The kind that was given.
    pub(super) fn kind(&self) -> Option<MdmKind> {
        kind_of(self.get("kind")?).ok()
    }

    /// The name that was given.
    pub(super) fn name(&self) -> Option<TenantName> {
        TenantName::parse(self.get("name")?).ok()
    }

    /// Whether a user logs in, and no API client.
    pub(super) fn is_user(&self) -> bool {
        self.get("username").is_some()
    }

    /// The values that were given for a login of this kind.
    pub(super) fn values(&self, kind: MdmKind) -> Result<Named<String>, End> {
        let mut values = Named::default();
        for (long, key, kinds) in &VALUES {
            let Some(value) = self.text(long) else { continue };
            if !kinds.contains(&kind) {
                return Err(End::Usage(format!("--{long} says nothing with --kind {kind}")));
            }
            values.set(key, value);
        }
        Ok(values)
    }

    /// The files with credentials that were given.
    pub(super) fn credentials(&self, kind: MdmKind) -> Result<Credentials, End> {
        let secrets = fields(kind, self.is_user()).iter().filter(|field| field.is_secret);
        let mut credentials = Credentials::default();
        let mut secrets = secrets.map(|field| field.key);
        for long in ["secret-file", "password-file"] {
            match (secrets.next(), self.get(long)) {
                (Some(key), Some(file)) => credentials.set(key, Held::There(absolute(Path::new(file))?)),
                (None, Some(_)) => return Err(End::Usage(format!("--{long} says nothing with --kind {kind}"))),
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
        let Some(kind) = self.kind() else { return Err(End::Usage("--yes takes --kind".to_owned())) };
        let is_user = self.is_user();
        let values = self.values(kind)?;
        let mut credentials = self.credentials(kind)?;
        let is_open = |field: &&Field| !values.has(field.key) && !credentials.has(field.key);
        let open: Vec<&Field> = fields(kind, is_user).iter().filter(is_open).collect();
        let (secrets, mut missing): (Vec<&Field>, Vec<&Field>) = open.into_iter().partition(|field| field.is_secret);
        if let Some(stray) = self.stray_notices() {
            return Err(stray);
        }
        let mut notices = self.notices(spot)?;
        if io::stdin().is_terminal() {
            missing.extend(&secrets);
        }
        let mut told: Vec<String> = missing.iter().map(|field| field.option.to_owned()).collect();
        told.extend(notices.iter_mut().flat_map(Notices::missing).map(str::to_owned));
        let of_notices: Vec<&Secret> = notices.iter().flat_map(Notices::open).collect();
        if io::stdin().is_terminal() && !of_notices.is_empty() {
            told.push("--notify-secret-file FILE, or the secret on standard input".to_owned());
        }
        let name = match (self.name(), suggestion(&values).as_str()) {
            (Some(name), _) => Some(name),
            (None, word) => TenantName::parse(word).ok(),
        };
        if name.is_none() {
            told.push("--name NAME".to_owned());
        }
        if kind == MdmKind::None && self.get("certificate").is_none() && self.get("not-after").is_none() {
            told.push("--certificate FILE, or --not-after DATE".to_owned());
        }
        let (Some(name), true) = (name, told.is_empty()) else {
            return Err(End::Usage(format!("--yes with --kind {kind} takes {}", told.join("; "))));
        };
        let mut wanted: Vec<&'static str> = secrets.iter().map(|field| field.question).collect();
        wanted.extend(of_notices.iter().map(|secret| secret.question));
        let mut lines = if wanted.is_empty() { Vec::new() } else { piped(&wanted)? }.into_iter();
        for (field, secret) in secrets.iter().zip(lines.by_ref()) {
            credentials.set(field.key, Held::here(secret, &spot.main)?);
        }
        if let Some(notices) = &mut notices {
            for (secret, line) in of_notices.iter().zip(lines) {
                notices.secrets.set(secret.key, Held::here(line, &spot.main)?);
            }
        }
        Ok(Answers {
            kind,
            name,
            is_user,
            values,
            credentials,
            account: self.account(spot)?,
            certificate: match (self.get("certificate"), self.day("not-after")) {
                (Some(path), _) => read_certificate(Path::new(path))?.0,
                (None, Some(date)) => Known::End(date),
                (None, None) => Known::Nothing,
            },
            site: self.get("site").unwrap_or(SITE).to_owned(),
            ways: ways(self.get("probe").unwrap_or_default()),
            notices,
        })
    }

    /// The account that was given.
    pub(super) fn account(&self, spot: &Spot) -> Result<WhichAccount, End> {
        let Some(given) = self.get("account") else { return Ok(WhichAccount::Untold) };
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
            owner: self.text("owner"),
            vault_item: self.text("vault-item"),
            second_factor: self.all("second-factor").map(str::to_owned).collect(),
            signed_in: self.day("signed-in"),
            audited: self.day("audited"),
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

pub(super) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}
