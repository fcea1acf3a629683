//! What the pages cost with many tenants. Started by `scripts/bench page`; `docs/performance.md` tells of it.
//!
//! Linux only, for it reads `/proc`. The fleet is served by a child, so that only its work is counted. Its CPU time of an
//! answer stands beside that of one judgement of everything in the same process: the one cannot be without the other.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[path = "page/fleet.rs"]
mod fleet;
#[allow(dead_code, reason = "other measurements use the rest")]
mod process;

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use apnswatch::evaluate::evaluate;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use fleet::Fleet;
use process::cpu;

/// What is asked for, and how often.
const PATHS: [&str; 14] = [
    "/",
    "/?q=example+00042",
    "/?sort=end",
    "/?sort=name&page=100",
    "/?finding=devices_off_topic",
    "/findings",
    "/ahead",
    "/network",
    "/tenants/School%20of%20Example%2000042",
    "/tenants/School%20of%20Example%2000042/renewal",
    "/api/v1/tenants/School%20of%20Example%2000042",
    "/tenants.csv",
    "/api/v1/status",
    "/metrics",
];
const ROUNDS: usize = 100;

/// The promise for pages at 10,000 tenants.
const FIRST_BYTE: Duration = Duration::from_millis(50);
const BYTES: usize = 200_000;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = process::arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure(10_000).await,
        ["--tenants", count] => measure(count.parse().context("--tenants takes a number")?).await,
        ["--serve", count] => serve(count.parse()?).await,
        _ => Err(anyhow!("usage: page [--tenants NUMBER]")),
    }
}

/// The child: serves until its input ends. First it says where, and what one judgement costs.
async fn serve(tenants: usize) -> anyhow::Result<()> {
    let fleet = Fleet::serve(tenants).await?;
    let before = cpu(std::process::id())?;
    for _ in 0..ROUNDS {
        black_box(evaluate(&fleet.store.snapshot(), &fleet.config, fleet.clock.moment()));
    }
    let each = (cpu(std::process::id())? - before) / u32::try_from(ROUNDS)?;
    println!("{} {}", fleet.address, each.as_micros());
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    drop(fleet.stop().await);
    Ok(())
}

/// How one answer came.
struct Answer {
    status: String,
    bytes: usize,
    first: Duration,
    last: Duration,
}

/// The parent: asks on one connection each, as a browser does that comes for the first time.
async fn measure(tenants: usize) -> anyhow::Result<()> {
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.args(["--serve", &tenants.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
    let line = lines.next_line().await?.context("the child ended")?;
    let (address, judgement) = line.split_once(' ').context("an address and a figure")?;
    let (address, judgement) = (address.parse::<SocketAddr>()?, Duration::from_micros(judgement.parse()?));
    let pid = child.id().context("the child runs")?;

    println!("{tenants} tenants; one judgement of all of them: {:.1} ms of CPU", ms(judgement));
    println!("{:48} {:>9} {:>8} {:>8} {:>8}  {:>8} judgements", "", "bytes", "first ms", "p99 ms", "last ms", "CPU ms");
    let mut missed = Vec::new();
    for path in PATHS {
        // The first one warms what is warm later on.
        get(address, path)?;
        let before = cpu(pid)?;
        let mut answers = (0..ROUNDS).map(|_| get(address, path)).collect::<anyhow::Result<Vec<_>>>()?;
        let each = (cpu(pid)? - before) / u32::try_from(ROUNDS)?;
        ensure!(answers.iter().all(|answer| answer.status == "200"), "{path} is not answered well");
        answers.sort_by_key(|answer| answer.first);
        let (median, p99) = (answers[ROUNDS / 2].first, answers[ROUNDS * 99 / 100].first);
        answers.sort_by_key(|answer| answer.last);
        let (last, bytes) = (answers[ROUNDS / 2].last, answers[ROUNDS / 2].bytes);
        println!(
            "{path:48} {bytes:9} {:8.1} {:8.1} {:8.1}  {:8.1} {:.2}",
            ms(median),
            ms(p99),
            ms(last),
            ms(each),
            each.as_secs_f64() / judgement.as_secs_f64()
        );
        let is_page = !path.starts_with("/api/v1/status") && path != "/metrics" && path != "/tenants.csv";
        if is_page && (median > FIRST_BYTE || bytes > BYTES) {
            missed.push(path);
        }
    }
    if let Some(browser) = browser() {
        let (blank, page) = (shown(&browser, "about:blank")?, shown(&browser, &format!("http://{address}/"))?);
        println!("Chromium shows / within {:.0} ms more than an empty page", ms(page.saturating_sub(blank)));
    } else {
        println!("Chromium is not installed: how long / takes to be shown is left out");
    }
    drop(child.stdin.take());
    ensure!(child.wait().await?.success(), "the child ended badly");
    ensure!(missed.is_empty(), "above {} ms or {BYTES} bytes: {}", FIRST_BYTE.as_millis(), missed.join(", "));
    Ok(())
}

fn get(address: SocketAddr, path: &str) -> anyhow::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let begun = Instant::now();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut bytes = vec![0; 64 * 1024];
    let read = stream.read(&mut bytes)?;
    let first = begun.elapsed();
    bytes.truncate(read);
    stream.read_to_end(&mut bytes)?;
    let last = begun.elapsed();
    let status = bytes.get(9..12).map(|status| String::from_utf8_lossy(status).into_owned()).unwrap_or_default();
    Ok(Answer { status, bytes: bytes.len(), first, last })
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("chromium")).find(|path| path.is_file())
}

/// How long a browser takes from its start until it has a picture of a page: the best of five.
fn shown(browser: &Path, url: &str) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir()?;
    let mut best = Duration::MAX;
    for round in 0..5 {
        let mut command = Command::new(browser);
        command.args("--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync".split(' '));
        command.args(["--disable-background-networking", "--disable-component-update", "--no-proxy-server"]);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.arg(format!("--screenshot={}", folder.path().join("picture.png").display())).arg(url);
        let begun = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        let took = begun.elapsed();
        ensure!(status.success(), "{} does not show {url}", browser.display());
        // The first one makes the profile.
        if round > 0 {
            best = best.min(took);
        }
    }
    Ok(best)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
