//! What of the configuration in force is polled, started and stopped as it changes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::jobs::{Shared, jobs};
use crate::clock::Clock;
use crate::config::{self, Config, Tenant};
use crate::metrics::Counters;
use crate::model::{KeptCertificate, Source, TenantName};
use crate::poller::probe::{self, Probing};
use crate::poller::{FirstRound, Job, Key, Limits, Schedule, Surroundings, first_delay};
use crate::probe::Settings;
use crate::store::Store;

/// The running pollers.
pub(super) struct Pollers {
    around: Arc<Surroundings>,
    schedule: Schedule,
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

/// What of one tenant is polled.
struct Running {
    tenant: Arc<Tenant>,
    /// What people added for it when they were started.
    added: Vec<KeptCertificate>,
    sources: Vec<(Source, Key)>,
}

impl Running {
    /// Stops those of its sources that are meant.
    fn stop(&mut self, schedule: &Schedule, is_meant: impl Fn(Source) -> bool) {
        self.sources.retain(|(source, key)| {
            let is_meant = is_meant(*source);
            if is_meant {
                // A poll that is dropped ends by itself.
                drop(schedule.stop(*key));
            }
            !is_meant
        });
    }
}

impl Pollers {
    /// No pollers yet.
    pub(super) fn new(store: Store, clock: Clock, counters: Counters) -> Self {
        let limits = config::Limits { polls: 1, per_host: 1 };
        let shared = Shared::new(&[], store.clone());
        let around = Arc::new(Surroundings { store, clock, counters, limits: Arc::new(Limits::new(1, 1)) });
        let schedule = Schedule::new(Arc::clone(&around));
        Self { around, schedule, limits, shared, pool: Vec::new(), running: BTreeMap::new(), probes: None }
    }

    /// Makes the running pollers those of `config`. A tenant that did not change keeps its own, in the middle of
    /// whatever they do. Gives the round of first tries of those that were started.
    pub(super) fn apply(&mut self, config: &Config, spread: bool) -> Arc<FirstRound> {
        if config.limits != self.limits {
            // Whoever waits at the old limits would not see the new ones.
            self.limits = config.limits;
            Arc::make_mut(&mut self.around).limits = Arc::new(Limits::new(config.limits.polls, config.limits.per_host));
            self.begin_anew();
        }
        if config.certificate_pool != self.pool {
            // Whoever claims from the old pool would not see the new one.
            self.pool.clone_from(&config.certificate_pool);
            self.shared = Shared::new(&self.pool, self.around.store.clone());
            self.begin_anew();
        }
        let Self { running, schedule, .. } = self;
        running.retain(|name, running| {
            let is_same = config.tenants.get(name).is_some_and(|tenant| *tenant == running.tenant);
            if !is_same {
                running.stop(schedule, |_| true);
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
            let mut start = |job: Job| {
                let delay = if spread { first_delay(index, count) } else { Duration::ZERO };
                index += 1;
                (job.poll.source(), self.schedule.start(job, delay, Arc::clone(&round)))
            };
            let sources = jobs.into_iter().map(&mut start).collect();
            self.running.insert(tenant.name.clone(), Running { tenant: Arc::clone(tenant), added, sources });
        }
        round
    }

    /// Looks at once at the files of tenants for which people added a certificate or took one away. The MDM is not asked
    /// any earlier for it, and keeps its back-off.
    fn look_at_added(&mut self) {
        let Self { running, shared, schedule, .. } = self;
        for running in running.values_mut() {
            let added = shared.added(&running.tenant.name);
            if added == running.added {
                continue;
            }
            running.added = added;
            running.stop(schedule, |source| source == Source::File);
            let files = jobs(&running.tenant, shared).into_iter().filter(|job| job.poll.source() == Source::File);
            for job in files {
                // Nobody waits for this round: the process has been ready since the first.
                let round = Arc::new(FirstRound::new(1));
                running.sources.push((Source::File, schedule.start(job, Duration::ZERO, round)));
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
                // One that panicked has stopped too.
                let _ = task.await;
            }
        }
        self.schedule.end().await;
    }

    /// Stops whatever is polled. What is started then sees what is new around it.
    fn begin_anew(&mut self) {
        self.running.clear();
        self.schedule = Schedule::new(Arc::clone(&self.around));
    }
}

impl Drop for Pollers {
    fn drop(&mut self) {
        if let Some(probes) = self.probes.take() {
            probes.stop.cancel();
        }
    }
}
