//! What it costs to read many certificates. Started by `scripts/bench inspect`; `docs/performance.md` tells of it.
//!
//! Linux only, for it reads `/proc`. The floor is to read the bytes and parse each once, with nothing done about what is
//! found. Both read the same files in turn, several times over. What counts is the CPU time of the best round of each:
//! the rest is what other programs made of the machine.

#![allow(clippy::print_stdout, reason = "it prints its figures")]

#[path = "inspect/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "other measurements use the rest")]
mod process;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};

use certificates::Form;
use process::cpu_of_ended;

/// This program as it is built for people.
const APNSWATCH: &str = env!("CARGO_BIN_EXE_apnswatch");

const ROUNDS: usize = 15;

/// How many times as long as the floor it may take.
const MOST: f64 = 3.0;

/// So many processes are started, one file each.
const STARTS: usize = 100;

fn main() -> anyhow::Result<()> {
    let arguments = process::arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure(10_000),
        ["--certificates", count] => measure(count.parse().context("--certificates takes a number")?),
        _ => Err(anyhow!("usage: inspect [--certificates NUMBER]")),
    }
}

fn measure(count: u32) -> anyhow::Result<()> {
    let mut worst = 0.0f64;
    for (name, form) in [("PEM", Form::Pem), ("DER", Form::Der)] {
        let folder = tempfile::tempdir()?;
        let paths = certificates::write(folder.path(), form, count)?;
        // Brings them into the cache of the system, too.
        certificates::compare(&paths, form)?;
        let (mut floor, mut ours) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            floor = floor.min(each(&paths, |path| certificates::plain(path, form))?);
            ours = ours.min(each(&paths, certificates::ours)?);
        }
        let times = ours.as_secs_f64() / floor.as_secs_f64();
        worst = worst.max(times);
        println!("{count} certificates, {name}");
        told("read and parsed once", floor, paths.len());
        told("as inspect reads them", ours, paths.len());
        println!("  that is {times:.2} times as long");
        told("apnswatch inspect FILE..., whole", process(APNSWATCH, &["inspect"], &paths)?, paths.len());
        let some = paths.get(..STARTS).unwrap_or(&paths);
        // Timed together, for one is over within a tick.
        let single = |program, arguments: &[&str]| -> anyhow::Result<Duration> {
            let begun = cpu_of_ended()?;
            for path in some {
                process(program, arguments, std::slice::from_ref(path))?;
            }
            Ok(cpu_of_ended()? - begun)
        };
        told("apnswatch inspect FILE, started for each", single(APNSWATCH, &["inspect"])?, some.len());
        let form = ["x509", "-noout", "-subject", "-enddate", "-serial", "-inform", name, "-in"];
        told("openssl x509, started for each", single("openssl", &form)?, some.len());
    }
    ensure!(worst <= MOST, "{worst:.2} times the floor, and at most {MOST} is wanted");
    Ok(())
}

/// The CPU time it takes to read all.
fn each<T>(paths: &[PathBuf], read: impl Fn(&Path) -> anyhow::Result<T>) -> anyhow::Result<Duration> {
    let begun = own_cpu()?;
    for path in paths {
        black_box(read(path)?);
    }
    Ok(own_cpu()? - begun)
}

/// CPU time of this thread, user and system.
fn own_cpu() -> anyhow::Result<Duration> {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = told.split(' ').next().context("its statistics are empty")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// The CPU time of a whole process, its start counted.
fn process(program: &str, arguments: &[&str], paths: &[PathBuf]) -> anyhow::Result<Duration> {
    let mut command = Command::new(program);
    command.args(arguments).args(paths).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = cpu_of_ended()?;
    let status = command.status().with_context(|| format!("{program} cannot be started"))?;
    ensure!(status.success(), "{program} failed: {status}");
    Ok(cpu_of_ended()? - begun)
}

fn told(what: &str, took: Duration, count: usize) {
    let each = took.as_secs_f64() / count as f64;
    println!("  {what:42} {:8.1} us each, {:9.0} a second", each * 1e6, 1.0 / each);
}
