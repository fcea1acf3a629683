//! What a measuring program is told, and what Linux tells of processes: CPU time and memory.

use std::time::Duration;

use anyhow::Context as _;

/// Kernel ticks in a second: `USER_HZ`, the same on every machine.
const TICKS: u64 = 100;

/// What was asked for, without the word that cargo puts in.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args().skip(1).filter(|argument| argument != "--bench").collect()
}

/// CPU time of a process, user and system.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    times(pid, 11)
}

/// CPU time of all processes that this one started and that have ended.
pub(crate) fn cpu_of_ended() -> anyhow::Result<Duration> {
    times(std::process::id(), 13)
}

/// Two times of `/proc/PID/stat`, added. `before` counts from the state on, which stands behind the name.
fn times(pid: u32, before: usize) -> anyhow::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in brackets may hold anything.
    let (_, rest) = stat.rsplit_once(") ").context("/proc/PID/stat is odd")?;
    let times = rest.split(' ').skip(before).take(2).map(str::parse::<u64>);
    Ok(Duration::from_millis(times.sum::<Result<u64, _>>()? * 1000 / TICKS))
}

/// A line of the status of a process, in KiB: `VmRSS:` is what it has in memory, `VmHWM:` the most that it had.
pub(crate) fn memory(pid: u32, name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name}"))?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
