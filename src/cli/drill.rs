//! `drill`: an alert on purpose, through the running daemon and the real route.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::anyhow;
use chrono::TimeDelta;
use clap::{Args, ValueEnum};
use tokio::time::Instant;

use super::attest::person;
use super::{End, Scene};
use crate::config::{Config, Web};
use crate::model::{Drill, DrillSeverity};
use crate::notify::key::Tier;
use crate::store::Desk;

/// How long the daemon has to show it. It looks into the store at every scrape, and this is one.
const PATIENCE: Duration = Duration::from_secs(10);

/// Options of `drill`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// How severe the alert is, which decides whom it reaches
    #[arg(long, value_enum, default_value_t = Severity::Warning)]
    severity: Severity,
    /// After how long it resolves by itself, from 5m to 1h
    #[arg(long = "for", value_name = "DURATION", value_parser = length_of, default_value = "10m")]
    length: Duration,
    /// Who wants it, if not the user of the operating system
    #[arg(long, value_name = "PERSON")]
    by: Option<String>,
}

/// `--severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Severity {
    /// As the plan tier
    Info,
    /// As the renew tier
    Warning,
    /// As an expired certificate: it calls whoever is on duty
    Critical,
}

impl From<Severity> for DrillSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Info => Self::Info,
            Severity::Warning => Self::Warning,
            Severity::Critical => Self::Critical,
        }
    }
}

fn length_of(text: &str) -> Result<Duration, String> {
    let length = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let is_fit = (Duration::from_secs(300)..=Duration::from_secs(3600)).contains(&length);
    if is_fit { Ok(length) } else { Err("must be from 5m to 1h".to_owned()) }
}

/// Begins the drill and looks whether the daemon shows it.
pub(super) async fn run(scene: &Scene, options: Options) -> Result<u8, End> {
    let config = scene.load()?;
    let now = scene.now()?;
    let length = TimeDelta::from_std(options.length).map_err(|error| anyhow!(error))?;
    let drill = Drill {
        severity: options.severity.into(),
        from: now,
        until: now + length,
        by: person(scene, options.by.as_deref()),
    };
    let mut desk = Desk::open(&config.store).await?;
    desk.drill(&drill).await?;
    desk.close().await;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "A drill of severity {} runs until {}: ApnswatchDrill must reach a person, and resolve by itself after that.",
        drill.severity,
        drill.until.format("%Y-%m-%d %H:%M:%S UTC"),
    )?;
    let tier = match drill.severity {
        DrillSeverity::Critical => Tier::Critical,
        DrillSeverity::Warning => Tier::Warning,
        DrillSeverity::Info => Tier::Digest,
    };
    if let Some(notify) = &config.notify {
        let takes = notify.channels.iter().filter(|(_, channel)| channel.tiers.contains(&tier));
        let names: Vec<&str> = takes.map(|(kind, _)| kind.as_str()).collect();
        match names.as_slice() {
            [] => writeln!(out, "No channel of notify takes it.")?,
            names => writeln!(out, "By notify it goes to {} within half a minute.", names.join(", "))?,
        }
    }
    if config.web.config_file.is_some() {
        writeln!(out, "Whether the daemon shows it was not looked at, for its web side asks for TLS or a login.")?;
        return Ok(0);
    }
    if is_shown(&config, drill.severity).await {
        writeln!(out, "The daemon shows it.")?;
        return Ok(0);
    }
    Err(anyhow!(
        "no daemon at {} shows it within {} s: does it run, and with this store? Nobody will be called",
        config.web.listen,
        PATIENCE.as_secs()
    )
    .into())
}

/// Whether the daemon that this configuration is for shows the drill at its metrics.
async fn is_shown(config: &Config, severity: DrillSeverity) -> bool {
    let Ok(client) = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build() else { return false };
    let url = format!("http://{}/metrics", reachable(&config.web));
    let sample = format!("apnswatch_drill{{severity=\"{severity}\"}} 1");
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let text = match client.get(&url).send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        if text.lines().any(|line| line == sample) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    false
}

/// Where a daemon that listens on every address is reached from here.
fn reachable(web: &Web) -> SocketAddr {
    let ip = match web.listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, web.listen.port())
}
