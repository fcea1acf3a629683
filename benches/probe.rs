//! What a TCP probe costs. Started by `scripts/bench probe`; `docs/performance.md` tells of it.
//!
//! Linux only, for it reads `/proc`. Three contestants probe the same listeners as often, one after the other, each in a
//! process of its own: this program's prober with its counting, a bare loop that connects and closes and does nothing
//! else, and Debian's blackbox exporter, where that is installed.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[allow(dead_code, reason = "other measurements use the rest")]
mod process;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio, id as own};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use apnswatch::clock::Clock;
use apnswatch::metrics::Counters;
use apnswatch::model::{Role, Step};
use apnswatch::probe::{Host, Prober, Settings, Target};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

use process::{cpu, memory};

/// So many listeners share the connections, for the ports of one are used up within seconds.
const LISTENERS: u8 = 8;

const IN_FLIGHT: [usize; 2] = [16, 256];

/// No probe takes as long.
const TIMEOUT: Duration = Duration::from_secs(5);

/// So many probes tell whether descriptors leak.
const MANY: u64 = 100_000;

const BLACKBOX: &str = "prometheus-blackbox-exporter";

/// What a contestant tells.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Told {
    probes: u64,
    failed: u64,
    wall_ms: u64,
    cpu_ms: u64,
    peak_kb: u64,
    /// Open descriptors before and after.
    descriptors: (usize, usize),
}

fn main() -> anyhow::Result<()> {
    let arguments = process::arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match arguments[..] {
        [] => measure(20_000, MANY),
        ["--probes", count] => {
            let count = count.parse().context("--probes takes a number")?;
            measure(count, count)
        }
        ["--listen"] => listen(),
        ["--contest", who, count, in_flight, port] => {
            let contest = Contest { count: count.parse()?, in_flight: in_flight.parse()?, port: port.parse()? };
            runtime()?.block_on(contest.run(who))
        }
        _ => Err(anyhow!("usage: probe [--probes NUMBER]")),
    }
}

/// The parent: a listener, the contestants, figures.
fn measure(count: u64, many: u64) -> anyhow::Result<()> {
    let mut listener = itself(&["--listen"])?;
    let mut line = String::new();
    BufReader::new(listener.0.stdout.take().context("no output")?).read_line(&mut line)?;
    let port = line.trim().to_owned();
    for in_flight in IN_FLIGHT {
        let contest = |who| ended(&["--contest", who, &count.to_string(), &in_flight.to_string(), &port]);
        let (ours, bare) = (contest("ours")?, contest("bare")?);
        // Fewer, for each costs many times as much; the figures are of one probe.
        let blackbox = blackbox((count / 10).max(in_flight as u64), in_flight, port.parse()?)?;
        println!("{in_flight} probes in flight");
        for (name, told) in [("apnswatch", Some(&ours)), ("bare loop", Some(&bare)), ("blackbox", blackbox.as_ref())] {
            let Some(told) = told else {
                println!("  {name:10} is not installed here");
                continue;
            };
            println!(
                "  {name:10} {:7.1} us CPU a probe, {:7.0} probes a second, {:5.1} MiB at most ({} probes)",
                ratio(told.cpu_ms * 1000, told.probes),
                ratio(told.probes * 1000, told.wall_ms),
                ratio(told.peak_kb, 1024),
                told.probes,
            );
            ensure!(told.failed == 0, "{} probes of {name} failed", told.failed);
        }
        let each = |told: &Told| ratio(told.cpu_ms * 1000, told.probes);
        println!("  apnswatch takes {:.2} times the CPU of the bare loop", each(&ours) / each(&bare));
        if let Some(blackbox) = &blackbox {
            println!("  blackbox takes {:.1} times the CPU of apnswatch", each(blackbox) / each(&ours));
        }
    }
    let ours = ended(&["--contest", "ours", &many.to_string(), "64", &port])?;
    println!("{} probes: {} descriptors open before, {} after", ours.probes, ours.descriptors.0, ours.descriptors.1);
    ensure!(ours.descriptors.0 == ours.descriptors.1, "descriptors leak");
    Ok(())
}

/// A child of this program that ends with its parent's interest in it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn itself(arguments: &[&str]) -> anyhow::Result<Running> {
    let mut command = Command::new(std::env::current_exe()?);
    Ok(Running(command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?))
}

fn ended(arguments: &[&str]) -> anyhow::Result<Told> {
    let mut child = itself(arguments)?;
    let mut text = String::new();
    child.0.stdout.take().context("no output")?.read_to_string(&mut text)?;
    ensure!(child.0.wait()?.success(), "{arguments:?} failed");
    serde_json::from_str(&text).context("a child tells its figures")
}

/// A child: accepts and closes at several addresses of loopback, one port for all.
fn listen() -> anyhow::Result<()> {
    let first = std::net::TcpListener::bind((Ipv4Addr::new(127, 0, 0, 1), 0))?;
    let port = first.local_addr()?.port();
    let mut listeners = vec![first];
    for last in 2..=LISTENERS {
        listeners.push(std::net::TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port))?);
    }
    println!("{port}");
    std::io::stdout().flush()?;
    let threads = listeners.into_iter().map(|listener| {
        std::thread::spawn(move || {
            let mut rest = [0; 16];
            while let Ok((mut stream, _)) = listener.accept() {
                // Whoever connected closes first, and keeps the port.
                let _ = stream.read(&mut rest);
            }
        })
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|thread| drop(thread.join()));
    Ok(())
}

/// So many probes, so many at once.
struct Contest {
    count: u64,
    in_flight: usize,
    port: u16,
}

impl Contest {
    async fn run(&self, who: &str) -> anyhow::Result<()> {
        let targets: Vec<Target> = (1..=LISTENERS)
            .map(|last| Target {
                role: Role::Device,
                host: Host::Address(Ipv4Addr::new(127, 0, 0, last).into()),
                ports: vec![self.port],
                depth: Step::Tcp,
            })
            .collect();
        let prober = Prober::new(&Settings { timeout: TIMEOUT, ..Settings::default() }, Clock::system());
        let counters = Counters::new()?;
        let before = (descriptors()?, cpu(own())?, Instant::now());
        let lane = async |lane: usize| {
            let mut failed = 0;
            for index in (lane as u64..self.count).step_by(self.in_flight) {
                let target = &targets[usize::try_from(index % targets.len() as u64).unwrap_or_default()];
                let is_open = match who {
                    "ours" => {
                        let attempts = prober.round(target, Step::Tcp).await;
                        counters.count_round("bench", target, &attempts);
                        attempts.iter().all(|attempt| attempt.failure().is_none())
                    }
                    _ => TcpStream::connect(target.address(self.port)).await.is_ok(),
                };
                failed += u64::from(!is_open);
            }
            failed
        };
        let failed = futures::future::join_all((0..self.in_flight).map(lane)).await.iter().sum();
        let told = Told {
            probes: self.count,
            failed,
            wall_ms: u64::try_from(before.2.elapsed().as_millis())?,
            cpu_ms: u64::try_from((cpu(own())? - before.1).as_millis())?,
            peak_kb: memory(own(), "VmHWM:")?,
            descriptors: (before.0, descriptors()?),
        };
        println!("{}", serde_json::to_string(&told)?);
        Ok(())
    }
}

/// Where a target of the contest is.
trait Addressed {
    fn address(&self, port: u16) -> SocketAddr;
}

impl Addressed for Target {
    fn address(&self, port: u16) -> SocketAddr {
        match self.host {
            Host::Address(address) => (address, port).into(),
            Host::Couriers | Host::Name(_) => (Ipv4Addr::LOCALHOST, port).into(),
        }
    }
}

/// The blackbox exporter, asked as Prometheus asks it; `None` where it is not installed.
fn blackbox(count: u64, in_flight: usize, port: u16) -> anyhow::Result<Option<Told>> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("blackbox.yml");
    std::fs::write(&config, "modules:\n  tcp_connect:\n    prober: tcp\n    timeout: 5s\n")?;
    let listen = {
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        free.local_addr()?
    };
    let mut command = Command::new(BLACKBOX);
    command.arg(format!("--config.file={}", config.display())).arg(format!("--web.listen-address={listen}"));
    command.arg("--log.level=error").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = match command.spawn() {
        Ok(child) => Running(child),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let end = Instant::now() + Duration::from_secs(20);
    while std::net::TcpStream::connect(listen).is_err() {
        ensure!(Instant::now() < end, "the blackbox exporter does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    let pid = child.0.id();
    let client = reqwest::Client::builder().no_proxy().http1_only().build()?;
    let (cpu_before, begun) = (cpu(pid)?, Instant::now());
    let lane = async |lane: usize| {
        let mut failed = 0;
        for index in (lane as u64..count).step_by(in_flight) {
            let last = index % u64::from(LISTENERS) + 1;
            let url = format!("http://{listen}/probe?module=tcp_connect&target=127.0.0.{last}:{port}");
            let answer = async { client.get(url).send().await?.text().await }.await;
            failed += u64::from(!answer.is_ok_and(|text| text.contains("\nprobe_success 1")));
        }
        failed
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let failed = runtime.block_on(futures::future::join_all((0..in_flight).map(lane))).iter().sum();
    Ok(Some(Told {
        probes: count,
        failed,
        wall_ms: u64::try_from(begun.elapsed().as_millis())?,
        cpu_ms: u64::try_from((cpu(pid)? - cpu_before).as_millis())?,
        peak_kb: memory(pid, "VmHWM:")?,
        descriptors: (0, 0),
    }))
}

/// Open descriptors of this process.
fn descriptors() -> anyhow::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
