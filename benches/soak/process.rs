//! What a process uses, read from `/proc`.

use crate::support::{Daemon, Scrape};

/// What the daemon used at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Resident memory, in KiB.
    pub(crate) memory: u64,
    /// Open descriptors.
    pub(crate) descriptors: u64,
    /// Threads.
    pub(crate) threads: u64,
    /// Tasks of the runtime, as the daemon tells.
    pub(crate) tasks: u64,
}

impl Usage {
    /// Of a daemon, and of what it told last.
    pub(crate) fn of(daemon: &Daemon, scrape: &Scrape) -> Self {
        Self {
            memory: daemon.memory("VmRSS:"),
            descriptors: daemon.descriptors() as u64,
            threads: daemon.memory("Threads:"),
            tasks: scrape.one("apnswatch_tasks", &[]) as u64,
        }
    }
}

/// What was used at one end and at the other: the middle one of many values each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trend {
    pub(crate) first: Usage,
    pub(crate) last: Usage,
}

impl Trend {
    /// Of the first and the last quarter.
    pub(crate) fn of(all: &[Usage]) -> Self {
        let part = all.len().div_ceil(4);
        Self { first: middle(&all[..part]), last: middle(&all[all.len() - part..]) }
    }

    /// What grew by more than a tenth and a little. Growth for ever does; the allocator's holes and a pool's connections do
    /// not.
    pub(crate) fn faults(&self) -> Vec<String> {
        let (first, last) = (self.first, self.last);
        [
            ("memory in KiB", first.memory, last.memory, 4096),
            ("descriptors", first.descriptors, last.descriptors, 8),
            // The runtime makes them for what may block, and lets them go after ten idle seconds: a busy machine has more.
            ("threads", first.threads, last.threads, 32),
            ("tasks", first.tasks, last.tasks, 24),
        ]
        .into_iter()
        .filter(|(_, first, last, slack)| *last > first + first / 10 + slack)
        .map(|(what, first, last, _)| format!("{what}: {first} at first, {last} at last"))
        .collect()
    }
}

fn middle(part: &[Usage]) -> Usage {
    let of = |value: fn(&Usage) -> u64| {
        let mut values: Vec<u64> = part.iter().map(value).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    Usage {
        memory: of(|usage| usage.memory),
        descriptors: of(|usage| usage.descriptors),
        threads: of(|usage| usage.threads),
        tasks: of(|usage| usage.tasks),
    }
}
