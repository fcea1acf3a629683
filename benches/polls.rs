//! What it costs to poll a large fleet once. Started by `scripts/bench polls`; `docs/performance.md` tells of it.
//!
//! Linux only, for it reads `/proc`. The simulators run in this process; what is measured runs in a child, so that
//! their work is not counted. A second child sends as many plain GETs over as many connections: times differ between
//! machines, the ratio to that does not much.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[path = "polls/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "other measurements use the rest")]
mod process;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::process::{Stdio, id as own};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use apnswatch::clock::Clock;
use apnswatch::demo::server::Server;
use apnswatch::{app, config};
use serde::{Deserialize, Serialize};

use fleet::{Fleet, HEAD, KINDS, PER_HOST};
use process::{cpu, memory};

/// What a child tells of itself.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told {
    tenants: usize,
    sources: usize,
    up: usize,
    /// From the first request to the last answer.
    wall_ms: u64,
    cpu_ms: u64,
    /// Peak memory before the first request, and at the end.
    start_kb: u64,
    peak_kb: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = process::arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure(2000).await,
        ["--tenants", count] => measure(count.parse().context("--tenants takes a number")?).await,
        ["--once", config] => poll(config).await,
        ["--bare", url, count] => bare(url, count.parse()?).await,
        _ => Err(anyhow!("usage: polls [--tenants NUMBER]")),
    }
}

/// The parent: simulators, children, figures.
async fn measure(tenants: usize) -> anyhow::Result<()> {
    ensure!(tenants >= KINDS.len(), "at least one tenant of each kind");
    let fleet = Fleet::start(tenants, HEAD).await?;
    let config = fleet.config();
    let polls = child(&["--once", config.to_str().context("the temporary folder has an odd name")?]).await?;
    let requests = fleet.requests();
    let total: u64 = requests.iter().sum();
    let answer = || async { "{}" };
    let mut plain = Server::start((Ipv4Addr::LOCALHOST, 0).into(), axum::Router::new().fallback(answer)).await?;
    let bare = child(&["--bare", &format!("http://{}/", plain.address()), &total.to_string()]).await?;
    plain.stop().await;

    println!("{} tenants, {} sources, {} answered, {total} requests", polls.tenants, polls.sources, polls.up);
    for (index, kind) in KINDS.into_iter().enumerate() {
        let of_kind = (tenants + KINDS.len() - 1 - index) / KINDS.len();
        println!(
            "  {kind:7} {:5.2} requests a tenant, at most {} at once (limit {PER_HOST}), {} connections open at once",
            ratio(requests[index], of_kind as u64),
            fleet.most_busy()[index],
            fleet.most_open()[index],
        );
    }
    println!("wall time           {:.2} s", ratio(polls.wall_ms, 1000));
    println!(
        "CPU                 {:.2} s, {:.3} ms a poll",
        ratio(polls.cpu_ms, 1000),
        ratio(polls.cpu_ms, polls.sources as u64)
    );
    println!("CPU of plain GETs   {:.2} s, {:.3} ms each", ratio(bare.cpu_ms, 1000), ratio(bare.cpu_ms, total));
    println!("                    a request of a poll costs {:.2} plain GETs", ratio(polls.cpu_ms, bare.cpu_ms));
    println!("peak memory         {:.1} MiB", ratio(polls.peak_kb, 1024));
    println!("                    {:.1} MiB before the first request", ratio(polls.start_kb, 1024));
    println!(
        "                    {:.1} KiB more for each tenant",
        ratio(polls.peak_kb - polls.start_kb, tenants as u64)
    );
    ensure!(polls.up == polls.sources, "{} sources gave no answer", polls.sources - polls.up);
    ensure!(
        fleet.most_busy().iter().all(|busy| *busy <= PER_HOST),
        "a vendor saw more requests at once than its limit"
    );
    Ok(())
}

async fn child(arguments: &[&str]) -> anyhow::Result<Told> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    let output = command.args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output().await?;
    ensure!(output.status.success(), "{arguments:?} ended with {}", output.status);
    serde_json::from_slice(&output.stdout).context("a child tells its figures")
}

/// A child: polls everything once.
async fn poll(path: &str) -> anyhow::Result<()> {
    let config = config::load(path.as_ref(), &BTreeMap::new(), None).map_err(|problems| anyhow!("{problems:?}"))?;
    let (start_kb, before, begun) = (memory(own(), "VmHWM:")?, cpu(own())?, Instant::now());
    let report = app::once(&config, &Clock::system()).await?;
    let sources = || report.tenants.iter().flat_map(|tenant| &tenant.sources);
    tell(&Told {
        tenants: report.tenants.len(),
        sources: sources().count(),
        up: sources().filter(|source| source.up).count(),
        start_kb,
        ..since(before, begun)?
    })
}

/// A child: plain GETs and nothing else, over as many connections as all the vendors see.
async fn bare(url: &str, count: u64) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().http1_only().build()?;
    let (before, begun) = (cpu(own())?, Instant::now());
    let lanes = PER_HOST * KINDS.len() as u64;
    let lane = |lane: u64| {
        let client = client.clone();
        async move {
            for _ in (lane..count).step_by(usize::try_from(lanes)?) {
                client.get(url).send().await?.bytes().await?;
            }
            anyhow::Ok(())
        }
    };
    futures::future::try_join_all((0..lanes).map(lane)).await?;
    tell(&since(before, begun)?)
}

fn since(before: Duration, begun: Instant) -> anyhow::Result<Told> {
    let wall_ms = u64::try_from(begun.elapsed().as_millis())?;
    let cpu_ms = u64::try_from((cpu(own())? - before).as_millis())?;
    Ok(Told { wall_ms, cpu_ms, peak_kb: memory(own(), "VmHWM:")?, ..Told::default() })
}

fn tell(told: &Told) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string(told)?);
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
