//! `pin` and `confirm`: what a person attests, with who and when, kept in the store.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};

use super::certificate::read;
use super::{End, Scene};
use crate::config::{self, Config};
use crate::evaluate::report::has_files;
use crate::guide::MAC_COMMAND;
use crate::model::{
    Attestation, Memory, Pin as PinState, PinOrigin, PushCertificate, Serial, Source, Statement, TenantName, Topic,
};
use crate::store::{self, Contents, Desk, PinChange};
use crate::words;

/// `pin`.
#[derive(Debug, Subcommand)]
pub(super) enum Pin {
    /// Print every pinned topic and why it is trusted
    List,
    /// Say that an enrolled device listens on this topic
    #[command(after_help = confirm_help())]
    Confirm {
        #[command(flatten)]
        who: Who,
        /// The topic, as it was read on the device
        #[arg(long, value_parser = topic_of)]
        topic: Topic,
    },
    /// Make this the topic from now on, after the devices were enrolled again
    Set {
        #[command(flatten)]
        who: Who,
        /// The new topic
        #[arg(long, value_parser = topic_of)]
        topic: Topic,
        /// Why it is another one now
        #[arg(long)]
        reason: String,
    },
    /// Forget the topic; the next one seen is pinned
    Forget {
        #[command(flatten)]
        who: Who,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
}

/// What `pin confirm --help` closes with.
fn confirm_help() -> String {
    format!("On a Mac that the MDM manages, this prints the topic it listens on:\n\n  {MAC_COMMAND}")
}

/// `confirm`.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    #[command(flatten)]
    who: Who,
    /// The serial number of the certificate that was uploaded; without it, the newest file that was seen. A tenant
    /// without files needs it: it stands in the MDM's console and in Apple's portal
    #[arg(long, value_parser = serial_of)]
    serial: Option<Serial>,
    /// A remark to keep with it, such as a ticket
    #[arg(long)]
    note: Option<String>,
}

/// For whom, and by whom.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// The tenant
    #[arg(long, value_name = "NAME", value_parser = TenantName::parse)]
    pub(super) tenant: TenantName,
    /// Who says so, if not the user of the operating system
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
}

/// A tenant, the open store, and what is remembered.
pub(super) struct Case<'a> {
    scene: &'a Scene,
    config: Config,
    pub(super) name: TenantName,
    pub(super) by: String,
    desk: Desk,
    pub(super) memory: Memory,
}

impl<'a> Case<'a> {
    pub(super) async fn open(scene: &'a Scene, who: &Who) -> Result<Self, End> {
        let config = scene.load()?;
        let name = who.tenant.clone();
        let mut desk = Desk::open(&path_of(&config)?).await?;
        let contents = desk.load().await?;
        if !config.tenants.contains_key(&name) && !contents.tenants.contains_key(&name) {
            return Err(anyhow!("no tenant is called {name:?}{}", nearest(&name, &config)).into());
        }
        let memory = contents.tenants.get(&name).cloned().unwrap_or_default();
        Ok(Self { scene, config, by: person(scene, who.by.as_deref()), name, desk, memory })
    }

    pub(super) async fn keep(mut self, statement: Statement, note: Option<String>, pin: PinChange) -> Result<(), End> {
        let attestation = Attestation { statement, at: self.scene.now()?, by: self.by, note };
        self.desk.attest(&self.name, &attestation, pin).await?;
        self.desk.close().await;
        Ok(())
    }

    fn pinned(&self, topic: Topic, origin: PinOrigin) -> PinState {
        PinState { topic, origin, since: self.scene.clock.now(), by: Some(self.by.clone()) }
    }

    /// The topic that the configuration fixes.
    pub(super) fn expected(&self) -> Option<&Topic> {
        self.config.tenants.get(&self.name)?.certificate.expected_topic.as_ref()
    }

    /// Whether the MDM tells its certificate by itself.
    pub(super) fn mdm_tells(&self) -> bool {
        self.config.tenants.get(&self.name).is_some_and(|tenant| tenant.mdm.kind().tells_certificate())
    }

    /// A topic that the configuration fixes is changed there, and nowhere else.
    fn refuse_if_configured(&self) -> Result<(), End> {
        match self.expected() {
            Some(topic) => {
                Err(anyhow!("the configuration says expected_topic: {topic} for this tenant; change it there").into())
            }
            None => Ok(()),
        }
    }
}

/// Runs `pin`.
pub(super) async fn pin(scene: &Scene, command: Pin) -> Result<u8, End> {
    match command {
        Pin::List => list(scene).await?,
        Pin::Confirm { who, topic } => {
            let case = Case::open(scene, &who).await?;
            let kept = case.expected().or_else(|| case.memory.pin.as_ref().map(|pin| &pin.topic));
            if let Some(pinned) = kept.filter(|kept| **kept != topic) {
                let name = &case.name;
                return Err(anyhow!(
                    "the device listens on {topic}, and {name:?} is pinned to {pinned}: devices with the one are not \
                     reached by a certificate with the other, so nothing was confirmed. Was the topic read on a \
                     device of this tenant? If it was, the certificate in the MDM is the wrong one: renew the row of \
                     {topic} and upload that"
                )
                .into());
            }
            let pin = case.pinned(topic.clone(), PinOrigin::Confirmed);
            let name = case.name.clone();
            case.keep(Statement::PinConfirmed { topic: topic.clone() }, None, PinChange::Set(pin)).await?;
            say(&format!("{name:?} keeps {topic}: confirmed on a device."))?;
        }
        Pin::Set { who, topic, reason } => {
            let case = Case::open(scene, &who).await?;
            case.refuse_if_configured()?;
            let before = case.memory.pin.as_ref().map(|pin| pin.topic.clone());
            let pin = case.pinned(topic.clone(), PinOrigin::Confirmed);
            let name = case.name.clone();
            case.keep(Statement::PinSet { topic: topic.clone(), before }, Some(reason), PinChange::Set(pin)).await?;
            say(&format!("{name:?} keeps {topic} from now on; whatever tells another topic is drift."))?;
        }
        Pin::Forget { who, reason } => {
            let case = Case::open(scene, &who).await?;
            case.refuse_if_configured()?;
            let Some(topic) = case.memory.pin.as_ref().map(|pin| pin.topic.clone()) else {
                return Err(anyhow!("{:?} has no pinned topic", case.name).into());
            };
            let name = case.name.clone();
            case.keep(Statement::PinForgotten { topic: topic.clone() }, reason, PinChange::Forget).await?;
            say(&format!("{name:?} keeps {topic} no more; the next topic seen is pinned, unconfirmed."))?;
        }
    }
    Ok(0)
}

/// Runs `confirm`.
pub(super) async fn confirm(scene: &Scene, command: Confirm) -> Result<u8, End> {
    let case = Case::open(scene, &command.who).await?;
    // Where no file is watched, nobody here can look the certificate up: the person read its serial in the console.
    let is_blind = case.config.tenants.get(&case.name).is_some_and(|tenant| !has_files(tenant, Some(&case.memory)));
    let certificate = match command.serial {
        Some(serial) if is_blind => PushCertificate { serial: Some(serial), ..PushCertificate::default() },
        // What was added once and taken away again must not count as uploaded.
        None if is_blind => {
            return Err(anyhow!(
                "no certificate file of {:?} is watched, so nobody here can say which certificate was uploaded: give its \
                 --serial",
                case.name
            )
            .into());
        }
        serial => uploaded(&case.memory, serial.as_ref())?,
    };
    if let Some(pin) = case.memory.pin.as_ref().filter(|_| !is_blind)
        && certificate.topic.as_ref() != Some(&pin.topic)
    {
        let topic = certificate.topic.as_ref().map_or("no topic", Topic::as_str);
        return Err(anyhow!(
            "this certificate has {topic}, and {:?} is pinned to {}: it is no renewal, and uploading it cuts off every \
             enrolled device. Nothing was confirmed. Renew the row of {} with the account it was made with, and \
             upload that",
            case.name,
            pin.topic,
            pin.topic
        )
        .into());
    }
    let (serial, sha256) = (certificate.serial.clone(), certificate.sha256.clone());
    let (name, by) = (case.name.clone(), case.by.clone());
    case.keep(Statement::Uploaded { serial: serial.clone(), sha256 }, command.note, PinChange::Keep).await?;
    let serial = serial.map_or_else(|| "without a serial".to_owned(), |serial| format!("with serial {serial}"));
    let end = certificate.not_after.map(|end| format!(", which ends {}", end.format("%Y-%m-%d %H:%M UTC")));
    let end = end.unwrap_or_default();
    say(&format!("{name:?}: the certificate {serial}{end}, counts as uploaded, says {}.", words::clean(&by, 128)))?;
    Ok(0)
}

/// The certificate file that is meant. One that was handed over counts at once, also before the daemon has looked at it:
/// else the one before it would be meant.
fn uploaded(memory: &Memory, serial: Option<&Serial>) -> anyhow::Result<PushCertificate> {
    let files = memory.sources.get(&Source::File);
    let kept = memory.kept();
    let kept = kept.iter().filter_map(read).map(|found| found.to_push_certificate());
    match serial {
        None => {
            kept.chain(files.and_then(|files| files.present()).cloned()).max_by_key(|known| known.not_after).context(
                "no certificate file of this tenant was seen yet: is certificate.files set, and the daemon running?",
            )
        }
        Some(serial) => {
            let seen = files.into_iter().flat_map(|files| files.seen.iter().rev()).map(|seen| seen.certificate.clone());
            let found = seen.chain(kept).find(|known| known.serial.as_ref() == Some(serial));
            found.with_context(|| format!("no certificate file with serial {serial} was seen for this tenant"))
        }
    }
}

async fn list(scene: &Scene) -> Result<(), End> {
    let config = scene.load()?;
    let contents: Contents = store::peek(&path_of(&config)?).await?;
    let mut out = io::stdout().lock();
    if scene.json {
        let pins: serde_json::Map<String, serde_json::Value> = contents
            .tenants
            .iter()
            .filter_map(|(name, memory)| {
                Some((name.to_string(), serde_json::to_value(memory.pin.as_ref()?).unwrap_or_default()))
            })
            .collect();
        writeln!(out, "{:#}", serde_json::json!({ "schema": "apnswatch.pins.v1", "pins": pins }))?;
        return Ok(());
    }
    for (name, memory) in &contents.tenants {
        let Some(pin) = &memory.pin else { continue };
        let name = words::clean(name.as_str(), 128);
        let since = pin.since.format("%Y-%m-%d");
        let by = pin.by.as_ref().map(|by| format!(" by {}", words::clean(by, 128))).unwrap_or_default();
        writeln!(out, "{name}  {}  {}{by}, since {since}", pin.topic, pin.origin)?;
    }
    Ok(())
}

pub(super) fn path_of(config: &Config) -> anyhow::Result<PathBuf> {
    match &config.store {
        config::Store::Sqlite(path) => Ok(path.clone()),
        config::Store::Memory => bail!("the store is sqlite::memory:, which keeps nothing"),
    }
}

fn topic_of(text: &str) -> Result<Topic, &'static str> {
    Topic::parse(text)
        .filter(Topic::is_mdm)
        .ok_or("it is what stands in the profile, such as com.apple.mgmt.External.<guid>")
}

pub(super) fn serial_of(text: &str) -> Result<Serial, &'static str> {
    Serial::parse_hex(text).ok_or("it is hexadecimal, such as 0552818DF267903F")
}

/// Who speaks: what `--by` says, else who logged in, also behind sudo.
pub(super) fn person(scene: &Scene, by: Option<&str>) -> String {
    let from_environment =
        || ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| scene.environment.get(*name)).cloned();
    by.map(ToOwned::to_owned)
        .or_else(from_environment)
        .filter(|by| !by.trim().is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn nearest(name: &TenantName, config: &Config) -> String {
    let same = config.tenants.keys().find(|known| known.as_str().eq_ignore_ascii_case(name.as_str()));
    same.map(|known| format!("; {known:?} is")).unwrap_or_default()
}

pub(super) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}
