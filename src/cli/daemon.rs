//! `serve` and `demo`.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Args;

use super::{End, Scene, VERSION};
use crate::app::signals::Signals;
use crate::app::{Daemon, Options};
use crate::demo::world::{self, Login, World};

/// Options of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Listen here instead of where the configuration says
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Listen here
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:12197")]
    listen: SocketAddr,
    /// Explain the tenants of the demo, and run nothing
    #[arg(long)]
    list: bool,
    /// Let people say on the page what they did, behind a login that is made and printed
    #[arg(long, conflicts_with = "list")]
    actions: bool,
}

/// Runs the daemon until it is asked to stop.
pub(super) async fn serve(scene: &Scene, options: Serve) -> Result<u8, End> {
    // Before anything else, so that a hang-up during the start is a wish and not the end.
    let (stop, hang_up) = Signals::install()?.split();
    tracing::info!("apnswatch {VERSION}");
    let daemon = Daemon::bind(Options {
        config: scene.config.clone(),
        environment: scene.environment.clone(),
        listen: options.listen,
        spread: true,
        clock: scene.clock.clone(),
    })
    .await?;
    if let (true, Some(note)) = (daemon.probes(), super::doctor::proxies(&scene.environment)) {
        tracing::info!("{note}");
    }
    let address = daemon.address()?;
    let scheme = if daemon.speaks_tls() { "https" } else { "http" };
    tracing::info!(%address, "listening on {scheme}://{address}/");
    if let Some(health) = daemon.health_address() {
        tracing::info!(%health, "the health paths also on http://{health}/-/healthy");
    }
    daemon.run(stop, hang_up).await?;
    Ok(0)
}

/// Runs the daemon against a simulated world.
pub(super) async fn demo(scene: &Scene, options: Demo) -> Result<u8, End> {
    if options.list {
        list(&mut io::stdout().lock())?;
        return Ok(0);
    }
    let (stop, hang_up) = Signals::install()?.split();
    let world = World::start(&scene.clock, options.actions).await?;
    let daemon = Daemon::bind(Options {
        config: world.config().to_owned(),
        // The demo is the same everywhere, whatever the environment says.
        environment: std::collections::BTreeMap::new(),
        listen: Some(options.listen),
        spread: false,
        clock: scene.clock.clone(),
    })
    .await?;
    let address = daemon.address()?;
    {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "Simulated MDMs (Intune, Jamf Pro, Kandji, Mosyle) and a simulated Apple run on loopback, and the real daemon \
             watches them."
        )?;
        writeln!(out, "Nothing leaves this machine. Look at")?;
        writeln!(out)?;
        writeln!(out, "  the page      http://{address}/")?;
        writeln!(out, "  the metrics   http://{address}/metrics")?;
        writeln!(out, "  the status    http://{address}/api/v1/status")?;
        writeln!(out)?;
        if let Some(Login { user, password }) = world.login() {
            writeln!(out, "Log in as {user} with the password {password}")?;
            writeln!(out)?;
        }
        writeln!(out, "Its {} tenants are explained by `apnswatch demo --list`. Ctrl-C ends it.", world::SCENES.len())?;
        out.flush()?;
    }
    daemon.run(stop, hang_up).await?;
    world.stop().await;
    Ok(0)
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    let width = world::SCENES.iter().map(|scene| scene.name.len()).max().unwrap_or_default();
    for scene in world::SCENES {
        writeln!(out, "{:width$}  {}", scene.name, scene.explanation)?;
    }
    Ok(())
}
