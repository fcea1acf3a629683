//! `doctor`.

use std::io::{self, Write};

use super::once::exit_of;
use super::{End, Scene};
use crate::app;
use crate::config::Config;
use crate::evaluate::network::{NetworkReport, PortReport, TargetReport};
use crate::model::{Role, Step};
use crate::probe::Settings;
use crate::status;
use crate::words;

/// The variables by which other programs find a proxy.
const PROXY_VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// Probes the way to Apple from here, once, and prints it in words.
pub(super) async fn run(scene: &Scene) -> Result<u8, End> {
    let mut config = scene.load()?;
    // Whoever asks wants to know, also where the daemon does not probe.
    config.probe.get_or_insert_with(Settings::default);
    config.site.get_or_insert_with(|| "this machine".to_owned());
    let network = app::doctor(&config, &scene.clock).await.map_err(|error| match error {
        app::Error::Config(problems) => End::Config(problems),
        app::Error::Other(error) => End::Other(error),
    })?;
    let Some(network) = network else { return Err(anyhow::anyhow!("nothing is probed").into()) };
    let mut out = io::stdout().lock();
    let printed = if scene.json {
        writeln!(out, "{:#}", status::network::document(&network))
    } else {
        print(&network, &config, &scene.environment, &mut out)
    };
    match printed {
        // Whoever reads has seen enough; how bad it is stays as it is.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(exit_of(Some(network.level))),
    }
}

/// What is to be said once where proxy variables are set.
pub(super) fn proxies(environment: &std::collections::BTreeMap<String, String>) -> Option<String> {
    let is_proxy = |name: &str| PROXY_VARIABLES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy));
    let set: Vec<&str> = environment
        .iter()
        .filter(|(name, value)| is_proxy(name) && !value.is_empty())
        .map(|(name, _)| &**name)
        .collect();
    (!set.is_empty()).then(|| format!("{} is set and not used: probes go the direct way", set.join(", ")))
}

fn print(
    network: &NetworkReport,
    config: &Config,
    environment: &std::collections::BTreeMap<String, String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "The way to Apple, seen from {}. This says nothing about other networks.", site(network))?;
    if let Some(note) = proxies(environment) {
        writeln!(out, "{note}.")?;
    }
    for path in &network.paths {
        let title = match path.role {
            Role::Device => "Devices (couriers: TCP 5223, with 443 as fallback)",
            Role::Server => "An MDM (provider API: TCP 443 or 2197)",
        };
        writeln!(out, "\n{title}")?;
        for target in network.targets.iter().filter(|target| target.role == path.role) {
            for port in &target.ports {
                writeln!(out, "  {}", line(target, port))?;
            }
            if target.ports.is_empty() {
                writeln!(out, "  {}: nothing was tried", target.target)?;
            }
        }
        writeln!(out, "  => {}", words::clean(&path.sentence, 2000))?;
    }
    if let Some(open) = network.control_open {
        let control = config.probe.as_ref().and_then(|probe| probe.control);
        let address = control.map(|control| control.to_string()).unwrap_or_default();
        let state = if open {
            "opened, and must not: what is said above is not to be trusted"
        } else {
            "stays closed, as it must"
        };
        writeln!(out, "\nThe control {address} {state}.")?;
    }
    if network.ask.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nAsk those who run the firewall:")?;
    for ask in &network.ask {
        writeln!(out, "  - {}.", words::clean(ask, 2000))?;
    }
    Ok(())
}

fn site(network: &NetworkReport) -> String {
    words::clean(&network.site, 128)
}

fn line(target: &TargetReport, port: &PortReport) -> String {
    let state = match (port.up, &port.failure) {
        (Some(true), None) => format!("fine ({})", reached(port)),
        (Some(true), Some((step, failure))) => {
            format!("open, but {} fails ({}): {}", step, failure.reason, words::clean(&failure.message, 500))
        }
        (Some(false), Some((step, failure))) => {
            format!("closed at {} ({}): {}", step, failure.reason, words::clean(&failure.message, 500))
        }
        (Some(false), None) => "closed".to_owned(),
        (None, _) => "not known".to_owned(),
    };
    format!("{:8}  {:5}  IPv{}  {state}", target.target, port.port, port.ip_version.as_str())
}

/// The deepest truth that was found.
fn reached(port: &PortReport) -> &'static str {
    match port.steps.iter().filter(|(_, success)| **success).map(|(step, _)| *step).max() {
        Some(Step::Http2) => "Apple's front end answers",
        Some(Step::Chain) => "the certificate is Apple's",
        Some(Step::Alpn) => "the protocol of APNs is spoken",
        Some(Step::Tls) => "TLS is spoken",
        Some(Step::Dns | Step::Tcp) | None => "a connection opens",
    }
}
