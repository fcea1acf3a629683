//! Looking at one tenant again and again, after a renewal.

use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use super::{Error, Shared, jobs, known, probe_at_once};
use crate::attest::Case;
use crate::clock::Clock;
use crate::config::Config;
use crate::evaluate::verification::{Verification, verify};
use crate::evaluate::{TenantReport, evaluate};
use crate::metrics::Counters;
use crate::model::{Attestation, PushCertificate, Source, TenantName};
use crate::poller::{self, Limits, Surroundings};

/// One tenant, looked at by this process alone. What it learns stays here: the daemon learns it by itself.
pub struct Verifying {
    config: Config,
    name: TenantName,
    around: Surroundings,
    jobs: Vec<poller::Job>,
    start: DateTime<Utc>,
}

impl Verifying {
    /// Begins with what the store remembers, and asks nobody yet.
    ///
    /// # Errors
    ///
    /// If there is a store that cannot be read.
    pub async fn start(config: Config, name: TenantName, clock: &Clock) -> Result<Self, Error> {
        let store = known(&config, clock).await?;
        let around = Surroundings {
            store: store.clone(),
            clock: clock.clone(),
            counters: Counters::new().context("cannot register the counters")?,
            limits: Arc::new(Limits::new(config.limits.polls, config.limits.per_host)),
        };
        let shared = Shared::new(&config.certificate_pool, store);
        let jobs = config.tenants.get(&name).map(|tenant| jobs(tenant, &shared)).unwrap_or_default();
        // Tokens have nothing to do with a renewal and cost many requests.
        let jobs = jobs.into_iter().filter(|job| job.poll.source() != Source::Tokens).collect();
        Ok(Self { config, name, around, jobs, start: clock.now() })
    }

    /// Asks the sources of the tenant. `thoroughly`: the check-ins and the way to Apple, too, which cost more.
    pub async fn look(&self, thoroughly: bool) {
        let wanted = |job: &&poller::Job| thoroughly || job.poll.source() != Source::Push;
        let polls = self.jobs.iter().filter(wanted).map(|job| poller::poll_now(job, &self.around));
        let probes = async {
            if thoroughly {
                let Surroundings { store, clock, counters, .. } = &self.around;
                probe_at_once(&self.config, store, clock, counters).await;
            }
        };
        tokio::join!(futures::future::join_all(polls), probes);
    }

    /// Takes in what a person said just now.
    pub fn hear(&self, attestation: Attestation) {
        self.around.store.hear(&self.name, attestation);
    }

    /// The newest certificate file of the tenant, if it has the topic that must stay.
    #[must_use]
    pub fn newest_file(&self) -> Option<PushCertificate> {
        let memory = self.around.store.memory(&self.name)?;
        let now = self.around.clock.now();
        Case { config: &self.config, name: &self.name, memory: &memory, by: "", now }.newest_file()
    }

    /// What is true now; `None` if the tenant is not watched.
    #[must_use]
    pub fn judge(&self) -> Option<(TenantReport, Verification)> {
        let Surroundings { store, clock, .. } = &self.around;
        let report = evaluate(&store.snapshot(), &self.config, clock.moment());
        let memory = store.memory(&self.name).as_deref().cloned().unwrap_or_default();
        let tenant = report.tenants.into_iter().find(|tenant| tenant.name == self.name)?;
        let verification = verify(&tenant, &memory, self.start, clock.now());
        Some((tenant, verification))
    }
}
