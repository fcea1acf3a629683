//! The poller tasks of the configuration in force, started and stopped as it changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::jobs::{Shared, jobs};
use crate::clock::Clock;
use crate::config::{self, Config, Tenant};
use crate::metrics::Counters;
use crate::model::{KeptCertificate, Source, TenantName};
use crate::poller::probe::{self, Probing};
use crate::poller::{self, FirstRound, Limits, Surroundings, first_delay};
use crate::probe::Settings;
use crate::store::Store;

/// The running pollers.
pub(super) struct Pollers {
    around: Arc<Surroundings>,
    limits: config::Limits,
    shared: Shared,
    /// The paths of the certificate pool.
    pool: Vec<PathBuf>,
    running: BTreeMap<TenantName, Running>,
    probes: Option<Probes>,
}

/// The probes of the way to Apple.
struct Probes {
    site: String,
    settings: Settings,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// The pollers of one tenant.
struct Running {
    tenant: Arc<Tenant>,
    /// What people added for it when they were started.
    added: Vec<KeptCertificate>,
    stop: CancellationToken,
    tasks: Vec<Task>,
}

/// The poller of one source.
struct Task {
    source: Source,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Task {
    fn start(
        job: poller::Job,
        around: &Arc<Surroundings>,
        delay: std::time::Duration,
        round: &Arc<FirstRound>,
        stop: &CancellationToken,
    ) -> Self {
        let (source, stop) = (job.poll.source(), stop.child_token());
        let run = poller::run(job, Arc::clone(around), delay, Arc::clone(round), stop.clone());
        Self { source, stop, handle: tokio::spawn(run) }
    }
}

impl Pollers {
    /// No pollers yet.
    pub(super) fn new(store: Store, clock: Clock, counters: Counters) -> Self {
        let limits = config::Limits { polls: 1, per_host: 1 };
        let shared = Shared::new(&[], store.clone());
        let around = Arc::new(Surroundings { store, clock, counters, limits: Arc::new(Limits::new(1, 1)) });
        Self { around, limits, shared, pool: Vec::new(), running: BTreeMap::new(), probes: None }
    }

    /// Makes the running pollers those of `config`. A tenant that did not change keeps its own, in the middle of
    /// whatever they do. Gives the round of first tries of those that were started.
    pub(super) fn apply(&mut self, config: &Config, spread: bool) -> Arc<FirstRound> {
        if config.limits != self.limits {
            // Whoever waits at the old limits would not see the new ones.
            self.limits = config.limits;
            Arc::make_mut(&mut self.around).limits = Arc::new(Limits::new(config.limits.polls, config.limits.per_host));
            self.stop_all();
        }
        if config.certificate_pool != self.pool {
            // Whoever claims from the old pool would not see the new one.
            self.pool.clone_from(&config.certificate_pool);
            self.shared = Shared::new(&self.pool, self.around.store.clone());
            self.stop_all();
        }
        self.running.retain(|name, running| {
            let is_same = config.tenants.get(name).is_some_and(|tenant| *tenant == running.tenant);
            if !is_same {
                running.stop.cancel();
            }
            is_same
        });
        self.look_at_added();
        let fresh: Vec<&Arc<Tenant>> = config
            .tenants
            .values()
            .filter(|tenant| !tenant.retired && !self.running.contains_key(&tenant.name))
            .collect();
        // What was added is asked for first: what is added meanwhile is then told of as a change, and not lost.
        let of = |tenant: &'_ Arc<Tenant>| (self.shared.added(&tenant.name), jobs(tenant, &self.shared));
        let jobs: Vec<_> = fresh.into_iter().map(|tenant| (tenant, of(tenant))).collect();
        let count = jobs.iter().map(|(_, (_, jobs))| jobs.len()).sum();
        let probes = self.changed_probes(config);
        let targets = probes.as_ref().map_or(0, |(_, settings)| settings.targets.len());
        let round = Arc::new(FirstRound::new(count + targets));
        if let Some((site, settings)) = probes {
            self.start_probes(site, settings, &round);
        }
        let mut index = 0;
        for (tenant, (added, jobs)) in jobs {
            let stop = CancellationToken::new();
            let mut tasks = Vec::with_capacity(jobs.len());
            for job in jobs {
                let delay = if spread { first_delay(index, count) } else { std::time::Duration::ZERO };
                index += 1;
                tasks.push(Task::start(job, &self.around, delay, &round, &stop));
            }
            self.running.insert(tenant.name.clone(), Running { tenant: Arc::clone(tenant), added, stop, tasks });
        }
        round
    }

    /// Looks at once at the files of tenants for which people added a certificate or took one away. The MDM is not asked
    /// any earlier for it, and keeps its back-off.
    fn look_at_added(&mut self) {
        let Self { running, shared, around, .. } = self;
        for running in running.values_mut() {
            let added = shared.added(&running.tenant.name);
            if added == running.added {
                continue;
            }
            running.added = added;
            running.tasks.retain(|task| {
                if task.source == Source::File {
                    task.stop.cancel();
                }
                task.source != Source::File
            });
            let files = jobs(&running.tenant, shared).into_iter().filter(|job| job.poll.source() == Source::File);
            for job in files {
                // Nobody waits for this round: the process has been ready since the first.
                let round = Arc::new(FirstRound::new(1));
                running.tasks.push(Task::start(job, around, std::time::Duration::ZERO, &round, &running.stop));
            }
        }
    }

    /// The probes that are to be started. Those that run already go on; any others are stopped.
    fn changed_probes(&mut self, config: &Config) -> Option<(String, Settings)> {
        let wanted = config.probe.as_ref().map(|settings| (config.site.as_deref().unwrap_or_default(), settings));
        let present = self.probes.as_ref().map(|probes| (probes.site.as_str(), &probes.settings));
        if wanted == present {
            return None;
        }
        if let Some(probes) = self.probes.take() {
            probes.stop.cancel();
            self.around.counters.forget_rounds();
            // What a deeper look of other settings found could never be taken back by a shallower one.
            let targets = wanted.map(|(_, settings)| settings.targets.as_slice()).unwrap_or_default();
            self.around.store.forget_rounds(targets);
        }
        wanted.map(|(site, settings)| (site.to_owned(), settings.clone()))
    }

    fn start_probes(&mut self, site: String, settings: Settings, round: &Arc<FirstRound>) {
        let Surroundings { store, clock, counters, .. } = Surroundings::clone(&self.around);
        let probing = Probing::new(&settings, &site, store, clock, counters);
        let stop = CancellationToken::new();
        let mut tasks: Vec<JoinHandle<()>> = settings
            .targets
            .iter()
            .map(|target| {
                let run = probe::run(target.clone(), probing.clone(), Arc::clone(round), stop.clone());
                tokio::spawn(run)
            })
            .collect();
        if settings.control.is_some() {
            tasks.push(tokio::spawn(probe::run_control(probing, stop.clone())));
        }
        self.probes = Some(Probes { site, settings, stop, tasks });
    }

    /// Stops all pollers and waits until they have.
    pub(super) async fn stop(mut self) {
        if let Some(probes) = self.probes.take() {
            probes.stop.cancel();
            for task in probes.tasks {
                // As below.
                let _ = task.await;
            }
        }
        for running in std::mem::take(&mut self.running).into_values() {
            running.stop.cancel();
            for Task { handle: task, .. } in running.tasks {
                // A poller catches panics itself; one that panicked outside a poll has stopped too.
                let _ = task.await;
            }
        }
    }

    fn stop_all(&mut self) {
        for running in std::mem::take(&mut self.running).into_values() {
            running.stop.cancel();
        }
    }
}

impl Drop for Pollers {
    fn drop(&mut self) {
        self.stop_all();
        if let Some(probes) = self.probes.take() {
            probes.stop.cancel();
        }
    }
}
