//! `pin` and `confirm`: what a person attests, with who and when, kept in the store.

mod export;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use anyhow::anyhow;
use clap::{Args, Subcommand};

use super::{End, Scene};
use crate::attest::{self, Kept, NewTopic, Refusal, Remarks};
use crate::config::Config;
use crate::guide::MAC_COMMAND;
use crate::model::{Attestation, Memory, Serial, TenantName, Topic};
use crate::store::{self, Contents, Desk};
use crate::words;

/// `pin`.
#[derive(Debug, Subcommand)]
pub(super) enum Pin {
    /// Print every topic that must stay, and why it is trusted: what the configuration fixes, else the pin
    List,
    /// Print the topics as YAML for the configuration, to be kept under version control
    #[command(after_help = export::HELP)]
    Export {
        /// Only of this tenant
        #[arg(long, value_name = "NAME", value_parser = TenantName::parse)]
        tenant: Option<TenantName>,
    },
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
        /// Why it is another one now; everybody sees it for a week
        #[arg(long)]
        reason: String,
        /// The name of the tenant once more, where there was another topic before. Without it, it is asked for at the terminal
        #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
        confirm_name: Option<String>,
    },
    /// Forget the topic; whatever is seen next is pinned, also a wrong one
    Forget {
        #[command(flatten)]
        who: Who,
        /// Why; everybody sees it for a week
        #[arg(long)]
        reason: String,
        /// The name of the tenant once more. Without it, it is asked for at the terminal
        #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
        confirm_name: Option<String>,
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
    name: TenantName,
    pub(super) by: String,
    desk: Desk,
    memory: Memory,
    /// What is remembered of every tenant.
    pub(super) remembered: BTreeMap<TenantName, Memory>,
}

impl<'a> Case<'a> {
    pub(super) async fn open(scene: &'a Scene, who: &Who) -> Result<Self, End> {
        let config = scene.load()?;
        let name = who.tenant.clone();
        let mut desk = Desk::open(&config.store).await?;
        let contents = desk.load().await?.renamed(&config.renames(), scene.clock.now());
        if !config.tenants.contains_key(&name) && !contents.tenants.contains_key(&name) {
            return Err(anyhow!("no tenant is called {name:?}{}", nearest(&name, &config)).into());
        }
        let memory = contents.tenants.get(&name).cloned().unwrap_or_default();
        let by = person(scene, who.by.as_deref());
        Ok(Self { scene, config, name, by, desk, memory, remembered: contents.tenants })
    }

    /// What may be said of the tenant.
    fn judge(&self) -> Result<attest::Case<'_>, End> {
        let Self { config, name, memory, by, .. } = self;
        Ok(attest::Case { config, name, memory, by, now: self.scene.now()? })
    }

    /// Asks whether it may be kept, keeps it, and says so.
    pub(super) async fn keep(
        self,
        note: Option<String>,
        word: impl FnOnce(&attest::Case<'_>) -> Result<Kept, Refusal>,
    ) -> Result<(), End> {
        let (kept, _) = self.keep_quietly(note, word).await?;
        Ok(say(&kept.told)?)
    }

    /// Asks whether it may be kept, and keeps it.
    pub(super) async fn keep_quietly(
        mut self,
        note: Option<String>,
        word: impl FnOnce(&attest::Case<'_>) -> Result<Kept, Refusal>,
    ) -> Result<(Kept, Vec<Attestation>), End> {
        let case = self.judge()?;
        let kept = word(&case).map_err(refused)?;
        let words = case.attestations(&kept, &Remarks { note, ..Remarks::default() });
        if !words.is_empty() {
            self.desk.attest(&self.name, &words, &kept.pin).await?;
        }
        self.desk.close().await;
        Ok((kept, words))
    }
}

/// Runs `pin`.
pub(super) async fn pin(scene: &Scene, command: Pin) -> Result<u8, End> {
    match command {
        Pin::List => list(scene).await?,
        Pin::Export { tenant } => export::run(scene, tenant.as_ref()).await?,
        Pin::Confirm { who, topic } => {
            Case::open(scene, &who).await?.keep(None, |case| case.confirm_pin(topic)).await?;
        }
        Pin::Set { who, topic, reason, confirm_name } => set(scene, &who, topic, reason, confirm_name).await?,
        Pin::Forget { who, reason, confirm_name } => forget(scene, &who, reason, confirm_name).await?,
    }
    Ok(0)
}

/// Runs `pin set`.
async fn set(scene: &Scene, who: &Who, topic: Topic, reason: String, confirm_name: Option<String>) -> Result<(), End> {
    let mut case = Case::open(scene, who).await?;
    let mut wish = NewTopic { topic, reason, typed: confirm_name };
    if wish.typed.is_none()
        && is_somebody_there()
        && let Some(before) = case.judge()?.replaced_by(&wish.topic).cloned()
    {
        // Whatever else is in the way is told before anybody types.
        let sure = NewTopic { typed: Some(case.name.to_string()), ..wish.clone() };
        case.judge()?.set_pin(sure, |name| case.remembered.get(name)).map_err(anyhow::Error::from)?;
        let topic = &wish.topic;
        wish.typed = Some(asked(
            &case.name,
            &format!("was {before}. Devices that listen on it are not reached with {topic}"),
            &format!("make {topic} its topic from now on"),
        )?);
        // Somebody else may have said something while this person typed.
        case.desk.close().await;
        case = Case::open(scene, who).await?;
    }
    let remembered = std::mem::take(&mut case.remembered);
    let note = Some(words::clean(wish.reason.trim(), attest::NOTE));
    case.keep(note, |case| case.set_pin(wish, |name| remembered.get(name))).await
}

/// Runs `pin forget`.
async fn forget(scene: &Scene, who: &Who, reason: String, mut typed: Option<String>) -> Result<(), End> {
    let mut case = Case::open(scene, who).await?;
    let pinned = case.memory.pin.as_ref().map(|pin| pin.topic.clone());
    if typed.is_none()
        && is_somebody_there()
        && let Some(pinned) = pinned
    {
        // Whatever else is in the way is told before anybody types.
        case.judge()?.forget_pin(&reason, Some(case.name.as_str())).map_err(anyhow::Error::from)?;
        let danger = format!("is {pinned}. Whatever is seen next is pinned in its place, also a wrong one");
        typed = Some(asked(&case.name, &danger, "forget it all the same")?);
        // Somebody else may have said something while this person typed.
        case.desk.close().await;
        case = Case::open(scene, who).await?;
    }
    let note = Some(words::clean(reason.trim(), attest::NOTE));
    case.keep(note, |case| case.forget_pin(&reason, typed.as_deref())).await
}

fn is_somebody_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// A refusal, with what to do about it by options.
fn refused(refusal: Refusal) -> anyhow::Error {
    let how = if refusal.wants_name { ". It is typed behind --confirm-name" } else { "" };
    anyhow::anyhow!("{refusal}{how}")
}

/// The name of the tenant, as somebody types it who was told what it is for.
fn asked(name: &TenantName, danger: &str, wish: &str) -> io::Result<String> {
    let name = words::clean(name.as_str(), 128);
    write!(io::stderr(), "The topic of {name} {danger}.\nTo {wish}, type the name of the tenant: ")?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}

/// Runs `confirm`.
pub(super) async fn confirm(scene: &Scene, command: Confirm) -> Result<u8, End> {
    let case = Case::open(scene, &command.who).await?;
    case.keep(command.note, |case| case.uploaded(command.serial.as_ref())).await?;
    Ok(0)
}

async fn list(scene: &Scene) -> Result<(), End> {
    let config = scene.load()?;
    let now = scene.clock.now();
    let contents: Contents = store::peek(&config.store).await?.renamed(&config.renames(), now);
    // What the configuration fixes comes before what the store has: it counts as soon as the daemon reads it.
    let pins = attest::exported(&config, &contents.tenants, now);
    let mut out = io::stdout().lock();
    if scene.json {
        let document = |pin: &attest::Exported| serde_json::json!({ "topic": pin.topic, "origin": pin.origin, "since": pin.since, "by": pin.by });
        let pins: serde_json::Map<String, serde_json::Value> =
            pins.iter().map(|pin| (pin.name.to_string(), document(pin))).collect();
        writeln!(out, "{:#}", serde_json::json!({ "schema": "apnswatch.pins.v1", "pins": pins }))?;
        return Ok(());
    }
    for pin in &pins {
        let name = words::clean(pin.name.as_str(), 128);
        let by = pin.by.as_ref().map(|by| format!(" by {}", words::clean(by, 128))).unwrap_or_default();
        // The store has not seen what was fixed since the daemon ran last.
        let since = pin.since.map(|since| format!(", since {}", since.format("%Y-%m-%d"))).unwrap_or_default();
        writeln!(out, "{name}  {}  {}{by}{since}", pin.topic, pin.origin)?;
    }
    Ok(())
}

fn topic_of(text: &str) -> Result<Topic, &'static str> {
    Topic::parse_mdm(text).ok_or("it is what stands in the profile and no more, such as com.apple.mgmt.External.<guid>")
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

/// That a tenant is not watched, and who was probably meant.
pub(super) fn not_watched(name: &TenantName, config: &Config) -> String {
    format!("no tenant {name} is watched{}", nearest(name, config))
}

/// Who was probably meant.
pub(super) fn nearest(name: &TenantName, config: &Config) -> String {
    if let Some(present) = config.called_now(name.as_str()) {
        return format!("; it is called {present:?} now");
    }
    let same = config.tenants.keys().find(|known| known.as_str().eq_ignore_ascii_case(name.as_str()));
    same.map(|known| format!("; {known:?} is")).unwrap_or_default()
}

pub(super) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}
