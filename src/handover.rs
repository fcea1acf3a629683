//! The handover: one sheet with what a stranger needs when the machine is dead and its author has left.
//!
//! Pure, and composed once: the page, the command and the document show the same [`Handover`]. It names accounts, places
//! and dates, and never holds a secret: of a file with a secret there is only the path.

mod dates;
pub mod html;
mod past;
mod places;
mod sheet;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Serialize, Serializer};

pub(crate) use self::dates::dates;
pub use self::text::text;
use crate::config::{self, Config};
use crate::evaluate::account::AccountReport;
use crate::evaluate::summary::cannot_know;
use crate::evaluate::{Report, TenantReport};
use crate::guide::{self, Values};
use crate::model::{AccountId, MdmKind, Memory, Phase, PinOrigin, Precision, Question, Serial, TenantName, Topic};
use crate::status;

/// The version and the revision of this program.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("APNSWATCH_REVISION"), ")");

/// The value of `schema`. A change that breaks a reader gets another number.
pub const SCHEMA: &str = "apnswatch.handover.v1";

/// Paper is too old after this, whatever happened.
const LONGEST: TimeDelta = TimeDelta::days(180);

/// What is known of the place where this program lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// The name of the machine.
    pub host: Option<String>,
    /// The program.
    pub program: PathBuf,
    /// The main file of the configuration, absolute.
    pub config: PathBuf,
    /// The unit of systemd, by its name or its path.
    pub unit: Option<String>,
    /// Whom the file of the store belongs to: the user that the daemon runs as.
    pub store_owner: Option<String>,
    /// Where the page is listened on, where that is known and not only configured.
    pub listen: Option<SocketAddr>,
    /// The names of the variables that override the configuration; never their values.
    pub overrides: Vec<String>,
    /// Whether what the daemon learnt is at hand.
    pub has_memory: bool,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it: to whoever may read the configuration, or had to log in.
    Everything,
    /// All but where files with secrets lie: to whoever reaches the page.
    WithoutSecretPlaces,
}

/// The sheet.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Handover {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// When it was made.
    #[serde(serialize_with = "moment")]
    pub as_of: DateTime<Utc>,
    /// When paper is out of date at the latest.
    #[serde(serialize_with = "moment")]
    pub print_again_by: DateTime<Utc>,
    /// The name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Where it stands in the network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What makes the sheet doubtful, one sentence each.
    pub doubts: Vec<String>,
    /// The dates that are known, the nearest first.
    pub dates: Vec<Date>,
    /// The dates that nobody knows.
    pub unknown: Vec<Unknown>,
    /// The tenants that are watched, by name.
    pub tenants: Vec<Tenant>,
    /// The accounts, by id.
    pub accounts: Vec<Account>,
    /// Where everything lives, but secrets.
    pub places: Vec<Place>,
    /// The files with secrets; absent where they are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Vec<FilePlace>>,
    /// The certificate files, profiles and topics of devices that are looked at.
    pub files: Vec<FilePlace>,
    /// What nobody watches.
    pub unwatched: Vec<Unwatched>,
    /// What happened last, the latest first.
    pub history: Vec<Event>,
}

/// A date by which something ends or is due.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Date {
    /// When.
    #[serde(serialize_with = "moment")]
    pub at: DateTime<Utc>,
    /// What ends or is due.
    pub what: String,
    /// The tenant or the account.
    pub of: String,
    /// Who says so, and how well it is known.
    pub known: String,
}

impl Date {
    /// Whether a push certificate ends then.
    pub(crate) fn is_certificate(&self) -> bool {
        self.what == dates::ENDS
    }
}

/// A date that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// Which.
    pub what: &'static str,
    /// Of whom.
    pub of: Vec<String>,
}

/// What is told of one tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tenant {
    /// Its name.
    pub name: TenantName,
    /// Its MDM.
    pub mdm: MdmKind,
    /// Its MDM, as people call it.
    pub product: &'static str,
    /// Where its MDM is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The name that apnswatch logs in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<String>,
    /// Its account, by id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The address of its account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_address: Option<String>,
    /// The address that the MDM shows, as somebody typed it there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_shown: Option<String>,
    /// The topic that must stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<Topic>,
    /// The topic as somebody typed it, where no better one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_declared: Option<Topic>,
    /// Why it is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_origin: Option<PinOrigin>,
    /// The topic of the certificate in use, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong_topic: Option<Topic>,
    /// The serial number of the certificate in use, where it has the topic that must stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// Its end.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_moment")]
    pub not_after: Option<DateTime<Utc>>,
    /// How well the end is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// The MDM said that the certificate was revoked.
    pub revoked: bool,
    /// The MDM says that it has no certificate.
    pub absent: bool,
    /// Its alerts are quiet until this day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<NaiveDate>,
}

/// What is told of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Its id in the configuration.
    pub id: AccountId,
    /// Its address.
    pub address: String,
    /// The team that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Where its password is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vault_item: Option<String>,
    /// Who or what holds its second factor.
    pub second_factor: Vec<String>,
    /// How many of the tenants were made with it.
    pub tenants: usize,
    /// Its duties.
    pub duties: Vec<Duty>,
}

/// A duty of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duty {
    /// Its name.
    pub duty: String,
    /// When it is due.
    #[serde(serialize_with = "moment")]
    pub due: DateTime<Utc>,
    /// When it was last done.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_moment")]
    pub done: Option<DateTime<Utc>>,
    /// Who did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Where something lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// What.
    pub what: &'static str,
    /// Where.
    pub at: String,
}

/// A file, and who needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FilePlace {
    /// The file or the pattern.
    pub path: PathBuf,
    /// Its key in the configuration.
    pub key: &'static str,
    /// The tenants that need it; none if it belongs to all.
    pub of: Vec<TenantName>,
}

/// A question that nothing answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unwatched {
    /// Which of the five.
    pub question: Question,
    /// For whom.
    pub of: Vec<TenantName>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When.
    #[serde(serialize_with = "moment")]
    pub at: DateTime<Utc>,
    /// To whom.
    pub tenant: TenantName,
    /// What.
    pub sentence: String,
    /// Who said so, if a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

fn moment<S: Serializer>(moment: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&status::time(*moment))
}

fn some_moment<S: Serializer>(moment: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(status::time).serialize(serializer)
}

/// Makes the sheet from what is known. `memory` is what the store remembers of each tenant.
#[must_use]
pub fn compose(
    installation: &Installation,
    config: &Config,
    report: &Report,
    memory: &BTreeMap<TenantName, Arc<Memory>>,
    scope: Scope,
) -> Handover {
    let (dates, unknown) = dates(config, report);
    let next = dates.iter().map(|date| date.at).find(|at| *at > report.now);
    let latest = report.now + LONGEST;
    Handover {
        schema: SCHEMA,
        as_of: report.now,
        print_again_by: next.unwrap_or(latest).min(latest),
        host: installation.host.clone(),
        site: config.site.clone(),
        doubts: doubts(installation, config, report),
        dates,
        unknown,
        tenants: report.tenants.iter().filter_map(|tenant| self::tenant(tenant, config)).collect(),
        accounts: report.accounts.iter().filter_map(|account| self::account(account, config, report)).collect(),
        places: places::places(installation, config),
        secrets: (scope == Scope::Everything).then(|| places::secrets(config)),
        files: places::files(config),
        unwatched: unwatched(config, report),
        history: past::last(report, memory),
    }
}

fn doubts(installation: &Installation, config: &Config, report: &Report) -> Vec<String> {
    let mut doubts = Vec::new();
    if !report.clock_plausible {
        doubts.push("The clock of the machine could not be right, so the moment of this sheet is wrong.".to_owned());
    }
    match &config.store {
        config::Store::Memory => {
            doubts.push(
                "The store is sqlite::memory:, which keeps nothing: what was learnt dies with the daemon.".into(),
            );
        }
        config::Store::Sqlite(path) if !installation.has_memory => doubts.push(format!(
            "There was no store at {}: nothing learnt, confirmed or attested is on this sheet, only the configuration.",
            path.display()
        )),
        config::Store::Sqlite(_) | config::Store::Postgres(_) if !report.store_up => {
            doubts.push("The store could not be used, so what is told may lack what was learnt before.".to_owned());
        }
        config::Store::Sqlite(_) | config::Store::Postgres(_) => {}
    }
    if report.config_errors > 0 {
        doubts.push(format!("{} mistakes in tenant files: some tenants are not on this sheet.", report.config_errors));
    }
    if report.is_outdated {
        doubts.push("The configuration on disk was not taken: this sheet follows an older one.".to_owned());
    }
    if report.missing > 0 {
        doubts.push(format!(
            "{} left the configuration within seven days and nobody retired them: they are not on this sheet.",
            crate::words::counted(report.missing as u64, "tenant")
        ));
    }
    doubts
}

fn tenant(report: &TenantReport, config: &Config) -> Option<Tenant> {
    let configured = config.tenants.get(&report.name)?;
    let account = configured.account.as_ref().and_then(|id| config.accounts.get(id));
    let values = Values::of_one(configured, account, Some(report));
    let (address, login) = places::mdm(&configured.mdm);
    let declared = configured.certificate.declared.as_ref().and_then(|declared| declared.topic.clone());
    Some(Tenant {
        name: report.name.clone(),
        mdm: report.mdm,
        product: guide::product(report.mdm),
        address,
        login,
        account: configured.account.clone(),
        account_address: values.account,
        account_shown: values.account_shown,
        topic_declared: declared.filter(|_| values.topic.is_none()),
        topic: values.topic,
        topic_origin: values.topic_origin,
        wrong_topic: values.wrong_topic,
        serial: values.serial,
        not_after: values.not_after,
        precision: values.precision,
        revoked: report.revoked,
        absent: report.phase == Phase::None,
        muted_until: report.muted,
    })
}

fn account(account: &AccountReport, config: &Config, report: &Report) -> Option<Account> {
    let configured = config.accounts.get(&account.id)?;
    let duties = account.duties.iter().map(|(name, duty)| Duty {
        duty: name.clone(),
        due: duty.due,
        done: duty.done,
        by: duty.by.clone(),
    });
    Some(Account {
        id: account.id.clone(),
        address: configured.address.clone(),
        owner: configured.owner.clone(),
        vault_item: configured.vault_item.clone(),
        second_factor: configured.second_factor.clone(),
        tenants: report.tenants.iter().filter(|tenant| tenant.account.as_ref() == Some(&account.id)).count(),
        duties: duties.collect(),
    })
}

/// What nothing answers. Whether pushes get out just now is nothing for paper: there it counts whether anybody looks.
pub(crate) fn unwatched(config: &Config, report: &Report) -> Vec<Unwatched> {
    let mut found: BTreeMap<Question, Vec<TenantName>> = BTreeMap::new();
    for tenant in &report.tenants {
        let Some(configured) = config.tenants.get(&tenant.name) else { continue };
        let never = cannot_know(configured, config).contains(&Question::WayOut).then_some(Question::WayOut);
        let now = tenant.blind_spots.iter().copied().filter(|question| *question != Question::WayOut);
        for question in now.chain(never) {
            found.entry(question).or_default().push(tenant.name.clone());
        }
    }
    let in_order = Question::ALL.into_iter().filter_map(|question| Some((question, found.remove(&question)?)));
    in_order.map(|(question, of)| Unwatched { question, of }).collect()
}
