//! What a scrape costs with many tenants. Started by `scripts/bench scrape`; `docs/performance.md` tells of it.
//!
//! Linux only, for it reads `/proc`. Whoever answers is a child of its own, so that only its work is counted. Beside the
//! program stands a direct writer: it has every sample of the same text at hand and only has to write it, behind the same
//! HTTP server. Start and memory are those of the real daemon, whose program is given.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[path = "scrape/direct.rs"]
mod direct;
#[path = "page/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "other measurements use the rest")]
mod process;

use std::hint::black_box;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail, ensure};
use apnswatch::evaluate::Judge;
use apnswatch::metrics::{self, Counters, Encoding, ProcessState};
use apnswatch::web::{self, Access};
use axum::routing::get;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use direct::Samples;
use fleet::Fleet;
use process::{cpu, memory};

/// The sizes beside the one that is asked for.
const SIZES: [usize; 3] = [100, 1000, 30_000];

/// So many tenants are written at each size, however many scrapes that takes.
const WRITTEN: usize = 100_000;

/// The promises: against the direct writer, the dearest series against the cheapest one from 1,000 tenants on, both held against the
/// direct writer, and at 10,000 the slowest scrape but one in a hundred, from the start to the first scrape, and memory in KiB.
const DIRECT: f64 = 1.5;
const FLAT: f64 = 1.5;
const P99: Duration = Duration::from_millis(250);
const START: Duration = Duration::from_secs(1);
const IDLE: u64 = 9_765;
const BUSY: u64 = 125_000;

fn main() -> anyhow::Result<()> {
    let arguments = process::arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    match arguments[..] {
        ["--program", program] => measure(10_000, program),
        ["--program", program, "--tenants", count] => {
            measure(count.parse().context("--tenants takes a number")?, program)
        }
        ["--serve", count] => runtime.block_on(serve(count.parse()?)),
        ["--direct", address] => runtime.block_on(write_directly(address.parse()?)),
        ["--fill", count] => runtime.block_on(fill(count.parse()?)),
        _ => Err(anyhow!("usage: scrape --program FILE [--tenants NUMBER]")),
    }
}

/// A child: serves until its input ends. First it says where, and what judging and writing cost, in microseconds of CPU.
async fn serve(tenants: usize) -> anyhow::Result<()> {
    let fleet = Fleet::serve(tenants).await?;
    let rounds = rounds(tenants);
    let me = std::process::id();
    let snapshot = fleet.store.snapshot();
    let judge = || Judge::new(&snapshot, &fleet.config, fleet.clock.moment());
    let before = cpu(me)?;
    for _ in 0..rounds {
        black_box(judge().lanes(|tenants| tenants.map(black_box).count()));
    }
    let judged = cpu(me)? - before;
    let counters = Counters::new()?;
    let process = ProcessState { reload_successful: true, reload_success: fleet.clock.now(), tasks: 1 };
    let before = cpu(me)?;
    for _ in 0..rounds {
        metrics::render(&judge(), &fleet.config, process, &counters, Encoding::Plain)?
            .for_each(|piece| drop(black_box(piece)));
    }
    let written = (cpu(me)? - before).saturating_sub(judged);
    drop(snapshot);
    let each = |all: Duration| all.as_micros() / rounds as u128;
    println!("{} {} {}", fleet.address, each(judged), each(written));
    wait().await?;
    drop(fleet.stop().await);
    Ok(())
}

/// A child: serves the text of another one, written anew each time, until its input ends.
async fn write_directly(from: SocketAddr) -> anyhow::Result<()> {
    let text = String::from_utf8(Connection::open(from)?.scrape(false)?)?;
    let samples = Arc::new(Samples::parse(&text)?);
    ensure!(samples.write() == text, "the direct writer writes another text");
    println!("{} {}", listen(samples.clone()).await?, samples.count());
    wait().await
}

async fn listen(samples: Arc<Samples>) -> anyhow::Result<SocketAddr> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = axum::Router::new().route("/metrics", get(move || async move { samples.write() }));
    drop(tokio::spawn(async move {
        let (_access, who) = watch::channel(Access::open());
        web::serve(listener, router, who, web::Limits::default(), CancellationToken::new()).await;
    }));
    Ok(address)
}

/// A child: leaves a folder with a configuration and a store, and says where.
async fn fill(tenants: usize) -> anyhow::Result<()> {
    println!("{}", Fleet::serve(tenants).await?.stop().await.keep().display());
    Ok(())
}

async fn wait() -> anyhow::Result<()> {
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
}

/// The parent.
fn measure(tenants: usize, program: &str) -> anyhow::Result<()> {
    let mut missed = Vec::new();
    let mut sizes: Vec<usize> =
        SIZES.into_iter().chain([tenants]).filter(|size| *size <= tenants.max(30_000)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    println!("CPU of a scrape, user and system, from the request to the last byte; in microseconds for each series");
    println!(
        "{:>8} {:>8} {:>10} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "tenants", "series", "bytes", "scrape", "judging", "writing", "direct", "ratio"
    );
    let mut costs = Vec::new();
    for size in sizes {
        let (mut child, line) = spawn(&["--serve", &size.to_string()])?;
        let [address, judged, written] = line.split(' ').collect::<Vec<_>>()[..] else { bail!("{line}") };
        let address: SocketAddr = address.parse()?;
        let (mut floor, line) = spawn(&["--direct", &address.to_string()])?;
        let (direct, series) = line.split_once(' ').context("an address and a number")?;
        let series: f64 = series.parse()?;
        let ours = ask(address, child.id(), rounds(size), false)?;
        let theirs = ask(direct.parse()?, floor.id(), rounds(size), false)?;
        let of_series = |micros: f64| micros / series;
        let ratio = ours.cpu / theirs.cpu;
        println!(
            "{size:8} {series:8} {:10} {:8.3} {:8.3} {:8.3} {:8.3} {ratio:8.2}",
            ours.bytes,
            of_series(ours.cpu),
            of_series(judged.parse()?),
            of_series(written.parse()?),
            of_series(theirs.cpu),
        );
        if size >= 1000 {
            costs.push((of_series(ours.cpu), of_series(theirs.cpu), ratio));
        }
        if size == tenants {
            if ratio > DIRECT {
                missed.push("the ratio to the direct writer");
            }
            let packed = ask(address, child.id(), rounds(size).max(100), true)?;
            let plain = ask(address, child.id(), rounds(size).max(100), false)?;
            println!("at {size} tenants, one after the other:");
            for (name, asked) in [("plain", &plain), ("gzip", &packed)] {
                println!(
                    "  {name:5} {:10} bytes, {:.0} ms of CPU, half within {:.0} ms, 99 of 100 within {:.0} ms",
                    asked.bytes,
                    asked.cpu / 1000.0,
                    ms(asked.median),
                    ms(asked.p99)
                );
            }
            if plain.p99.max(packed.p99) > P99 {
                missed.push("the slowest scrape");
            }
        }
        stop(&mut floor)?;
        stop(&mut child)?;
    }
    let dearest = |of: fn(&(f64, f64, f64)) -> f64| {
        let (least, most) =
            costs.iter().map(of).fold((f64::MAX, 0.0_f64), |(least, most), cost| (least.min(cost), most.max(cost)));
        most / least
    };
    // What is larger than the caches of the processor costs more to touch, whoever touches it.
    let flat = dearest(|(_, _, ratio)| *ratio);
    println!(
        "from 1,000 tenants on the dearest series costs {:.2} times the cheapest one, with the direct writer {:.2} times; held against \
         the direct writer {flat:.2} times",
        dearest(|(ours, ..)| *ours),
        dearest(|(_, theirs, _)| *theirs)
    );
    if flat > FLAT {
        missed.push("the cost of a series");
    }
    missed.extend(daemon(program, tenants)?);
    ensure!(missed.is_empty(), "above what is promised: {}", missed.join(", "));
    Ok(())
}

/// The real daemon: idle, and with everything in its store.
fn daemon(program: &str, tenants: usize) -> anyhow::Result<Vec<&'static str>> {
    let mut missed = Vec::new();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("apnswatch.yaml");
    std::fs::write(&path, format!("store: 'sqlite://{}/state.db'\n", folder.path().display()))?;
    let (mut idle, _, address) = start(program, &path, 0)?;
    Connection::open(address)?.scrape(true)?;
    let resident = memory(idle.id(), "VmRSS:")?;
    end(&mut idle)?;
    println!("without a tenant: {:.1} MB resident", megabytes(resident));
    if resident > IDLE {
        missed.push("memory when idle");
    }

    let output = Command::new(std::env::current_exe()?).args(["--fill", &tenants.to_string()]).output()?;
    ensure!(output.status.success(), "the store cannot be filled");
    let folder = String::from_utf8(output.stdout)?;
    let folder = Path::new(folder.trim());
    let (mut child, took, address) = start(program, &folder.join("apnswatch.yaml"), tenants)?;
    println!(
        "{tenants} tenants in the store: the first complete scrape {:.2} s after the start, {:.2} s of CPU; then {:.1} MB resident",
        took.as_secs_f64(),
        cpu(child.id())?.as_secs_f64(),
        megabytes(memory(child.id(), "VmRSS:")?)
    );
    if took > START {
        missed.push("the start");
    }
    let pair = |gzip: bool| {
        std::thread::scope(|scope| {
            let lane = || (0..10).try_for_each(|_| Connection::open(address)?.scrape(gzip).map(drop));
            let lanes = [scope.spawn(lane), scope.spawn(lane)];
            lanes.into_iter().try_for_each(|lane| lane.join().map_err(|_| anyhow!("a lane broke"))?)
        })
    };
    for (name, gzip) in [("gzip", true), ("plain", false)] {
        pair(gzip)?;
        let peak = memory(child.id(), "VmHWM:")?;
        println!("  two scrapes at once, ten times, {name}: {:.1} MB at the most", megabytes(peak));
        if peak > BUSY {
            missed.push("memory");
        }
    }
    end(&mut child)?;
    std::fs::remove_dir_all(folder)?;
    Ok(missed)
}

/// Starts the daemon and asks until all tenants are told. How long that took, and where it listens.
fn start(program: &str, config: &Path, tenants: usize) -> anyhow::Result<(Child, Duration, SocketAddr)> {
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let mut command = Command::new(program);
    // As its unit and its image start it.
    command.env("MALLOC_ARENA_MAX", "2");
    command.args(["serve", "--log-level", "off", "--listen", &address.to_string(), "--config"]).arg(config);
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).spawn()?;
    loop {
        if let Ok(mut connection) = Connection::open(address) {
            let text = connection.scrape(false)?;
            let took = begun.elapsed();
            let text = String::from_utf8(text)?;
            let told =
                text.lines().filter(|line| line.starts_with("apns_certificate_not_after_timestamp_seconds{")).count();
            ensure!(told >= tenants / 2, "the first scrape tells only of {told} certificates");
            return Ok((child, took, address));
        }
        ensure!(begun.elapsed() < Duration::from_secs(60), "the daemon does not start");
        ensure!(child.try_wait()?.is_none(), "the daemon ended");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Tells the daemon to stop, as systemd does.
fn end(child: &mut Child) -> anyhow::Result<()> {
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status()?;
    ensure!(status.success() && child.wait()?.success(), "the daemon ended badly");
    Ok(())
}

fn spawn(arguments: &[&str]) -> anyhow::Result<(Child, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut child = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().context("it has an output")?).read_line(&mut line)?;
    Ok((child, line.trim().to_owned()))
}

fn stop(child: &mut Child) -> anyhow::Result<()> {
    drop(child.stdin.take());
    ensure!(child.wait()?.success(), "a child ended badly");
    Ok(())
}

/// What scrapes cost.
struct Asked {
    /// Of each, in microseconds.
    cpu: f64,
    bytes: usize,
    median: Duration,
    p99: Duration,
}

/// Asks again and again on one connection, as Prometheus does.
fn ask(address: SocketAddr, pid: u32, rounds: usize, gzip: bool) -> anyhow::Result<Asked> {
    let mut connection = Connection::open(address)?;
    // The first one warms what is warm later on.
    let bytes = connection.scrape(gzip)?.len();
    let before = cpu(pid)?;
    let mut taken = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let begun = Instant::now();
        connection.scrape(gzip)?;
        taken.push(begun.elapsed());
    }
    let all = cpu(pid)? - before;
    taken.sort_unstable();
    let cpu = all.as_secs_f64() * 1e6 / f64::from(u32::try_from(rounds)?);
    Ok(Asked { cpu, bytes, median: taken[rounds / 2], p99: taken[rounds * 99 / 100] })
}

/// A connection that stays open.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(256 * 1024, stream)))
    }

    /// The body of one scrape.
    fn scrape(&mut self, gzip: bool) -> anyhow::Result<Vec<u8>> {
        let accept = if gzip { "Accept-Encoding: gzip\r\n" } else { "" };
        write!(self.0.get_mut(), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n{accept}\r\n")?;
        let (mut length, mut packed, mut head) = (None, false, String::new());
        loop {
            let mut line = String::new();
            ensure!(self.0.read_line(&mut line)? > 0, "the connection ended");
            if line.trim().is_empty() {
                break;
            }
            let line = line.to_ascii_lowercase();
            length = line.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().ok());
            packed |= line.starts_with("content-encoding: gzip");
            head.push_str(&line);
        }
        ensure!(head.starts_with("http/1.1 200") && packed == gzip, "{head}");
        let mut body = vec![0; length.context("a length")?];
        self.0.read_exact(&mut body)?;
        Ok(body)
    }
}

fn rounds(tenants: usize) -> usize {
    (WRITTEN / tenants).clamp(10, 2000)
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
