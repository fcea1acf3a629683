//! From a tenant's configuration to what is polled for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;

use crate::config::{Mdm, Tenant};
use crate::evaluate::learn::Expectations;
use crate::evaluate::report::{SELDOM, polled_sources};
use crate::model::{KeptCertificate, Source, TenantName};
use crate::poller::Job;
use crate::provider::{self, Provider, http, intune, jamf, kandji, mosyle};
use crate::source::file::{Added, Claim, Claimed, Files, Protected};
use crate::source::pool::Pool;
use crate::source::{Poll, device, profile};
use crate::store::Store;
use crate::words::clean;

/// What the jobs of all tenants share.
#[derive(Clone)]
pub struct Shared {
    store: Store,
    pool: Option<Arc<Pool>>,
}

impl Shared {
    /// `pool` is `certificate_pool`; the store knows the pins.
    #[must_use]
    pub fn new(pool: &[PathBuf], store: Store) -> Self {
        let pool = (!pool.is_empty()).then(|| Arc::new(Pool::new(pool.to_vec())));
        let view = pool.clone();
        store.watch_pool(move || view.as_ref().map(|pool| pool.certificates()).unwrap_or_default());
        Self { store, pool }
    }

    /// The certificates that people added for a tenant.
    pub(super) fn added(&self, tenant: &TenantName) -> Vec<KeptCertificate> {
        self.store.memory(tenant).map(|memory| memory.kept()).unwrap_or_default()
    }
}

/// What one look at files may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is polled for a tenant.
#[must_use]
pub fn jobs(tenant: &Tenant, shared: &Shared) -> Vec<Job> {
    let memory = shared.store.memory(&tenant.name);
    let intervals = polled_sources(tenant, memory.as_deref());
    let expectations =
        Arc::new(Expectations { sources: intervals.iter().map(|(source, _)| *source).collect(), may_pin: true });
    let mut polls: Vec<(Arc<dyn Poll>, Duration)> = Vec::new();
    if let Some(provider) = provider(tenant) {
        polls.extend(provider::polls(&provider).into_iter().map(|poll| {
            let timeout = match poll.source() {
                // Many pages, one after the other, at a longer interval.
                Source::Tokens | Source::Push => tenant.poll.timeout * SELDOM,
                _ => tenant.poll.timeout,
            };
            (poll, timeout)
        }));
    }
    polls.extend(from_disk(tenant, shared).into_iter().map(|poll| (poll, FILE_TIMEOUT)));
    polls
        .into_iter()
        .filter_map(|(poll, timeout)| {
            let (_, interval) = intervals.iter().find(|(source, _)| *source == poll.source())?;
            Some(Job {
                tenant: tenant.name.clone(),
                mdm: tenant.mdm.kind(),
                poll,
                interval: *interval,
                timeout,
                expectations: Arc::clone(&expectations),
            })
        })
        .collect()
}

/// The polls that read files.
fn from_disk(tenant: &Tenant, shared: &Shared) -> Vec<Arc<dyn Poll>> {
    let certificate = &tenant.certificate;
    let mut polls: Vec<Arc<dyn Poll>> = Vec::new();
    let added = shared.added(&tenant.name);
    if certificate.has_files() || !added.is_empty() {
        let protected = certificate.protected.iter().map(|file| Protected::new(&file.path, &file.password_file));
        let files = Files::new(Arc::clone(&certificate.files))
            .with_protected(protected.collect())
            .with_added(added.iter().filter_map(handed_over).collect());
        polls.push(Arc::new(match &shared.pool {
            Some(pool) => files.with_pool(Arc::clone(pool), claim(tenant, &shared.store)),
            None => files,
        }));
    }
    if !certificate.profiles.is_empty() {
        polls.push(Arc::new(profile::Profiles::new(Arc::clone(&certificate.profiles))));
    }
    if !certificate.device_topics.is_empty() {
        polls.push(Arc::new(device::Devices::new(Arc::clone(&certificate.device_topics))));
    }
    polls
}

fn handed_over(kept: &KeptCertificate) -> Option<Added> {
    let der = base64::engine::general_purpose::STANDARD.decode(&kept.der).ok()?;
    Some(Added { der, origin: format!("added by {} on {}", clean(&kept.by, 128), kept.at.format("%Y-%m-%d")) })
}

/// What a tenant can claim of the pool: the certificates of the topic that it must keep.
fn claim(tenant: &Tenant, store: &Store) -> Claim {
    let (name, expected, store) = (tenant.name.clone(), tenant.certificate.expected_topic.clone(), store.clone());
    Claim::new(move || {
        let memory = store.memory(&name);
        let memory = memory.as_deref();
        let pin = || memory?.pin.as_ref().map(|pin| pin.topic.clone());
        let topic = expected.clone().or_else(pin);
        let told = memory.and_then(|memory| memory.sources.get(&Source::File)?.last_good.as_ref());
        // What the tenant's own files told is not missing from the pool, nor what was told of another topic.
        let told = told.filter(|told| told.facts.origin.starts_with(Files::POOL_ORIGIN));
        let told = told.and_then(|told| told.facts.present()).filter(|told| topic.is_some() && told.topic == topic);
        Claimed { told: told.cloned(), topic }
    })
}

/// The provider of a tenant's MDM, if it has one that can be asked.
#[must_use]
pub fn provider(tenant: &Tenant) -> Option<Arc<dyn Provider>> {
    fn shared(provider: impl Provider) -> Arc<dyn Provider> {
        Arc::new(provider)
    }
    let (network, timeout) = (&tenant.network, http::REQUEST_TIMEOUT);
    let provider = match &tenant.mdm {
        Mdm::Intune(settings) => intune::Intune::new(settings, network, timeout).map(shared),
        Mdm::Jamf(settings) => jamf::Jamf::new(settings, network, timeout).map(shared),
        Mdm::Kandji(settings) => kandji::Kandji::new(settings, network, timeout).map(shared),
        Mdm::Mosyle(settings) => mosyle::Mosyle::new(settings, network, timeout).map(shared),
        Mdm::None => return None,
    };
    provider
        .inspect_err(|failure| {
            // Settings that were checked are never refused; if they were, the source stays down and untried.
            tracing::error!(tenant = %tenant.name, "the MDM of tenant {} cannot be asked: {failure}", tenant.name);
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use chrono::DateTime;

    use super::*;
    use crate::certificate::sample::{Sample, T1, T2};
    use crate::config;
    use crate::evaluate::report::Moment;
    use crate::model::{Facts, Outcome, Reason, TenantName};

    #[tokio::test]
    async fn every_source_on_disk_has_its_poll_and_the_pool_knows_the_pin() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: String| std::fs::write(folder.path().join(name), content).unwrap();
        write("pool.pem", Sample::leaf(T1).pem());
        write("topics.csv", format!("serial,topic\nA,{T1}\n"));
        write(
            "main.yaml",
            format!(
                "certificate_pool: [pool*.pem]\ntenants:\n  - {{ name: acme, certificate: {{ expected_topic: {T1}, \
                 profiles: [gone], device_topics: [topics.csv] }} }}\n  - {{ name: north }}\n"
            ),
        );
        let config = config::load(&folder.path().join("main.yaml"), &BTreeMap::new(), None).unwrap();
        let store = Store::in_memory(crate::store::Contents::default());
        let at = DateTime::UNIX_EPOCH;
        store.configure(&config, Moment { now: at, built: at });
        let shared = Shared::new(&config.certificate_pool, store.clone());
        let of = |name: &str| jobs(&config.tenants[&TenantName::parse(name).unwrap()], &shared);

        let acme = of("acme");
        let sources: Vec<_> = acme.iter().map(|job| job.poll.source()).collect();
        assert_eq!(sources, [Source::File, Source::Profile, Source::Device]);
        let file = acme[0].poll.poll(at).await;
        assert_eq!(file.facts.as_ref().unwrap().present().unwrap().topic, crate::model::Topic::parse(T1));
        assert_eq!(acme[1].poll.poll(at).await.failure.unwrap().reason, Reason::NotFound);
        assert!(acme[2].poll.poll(at).await.facts.unwrap().devices.is_some());

        // Nobody knows what is the other one's, and that is no failure.
        let north = of("north");
        assert_eq!(north.len(), 1);
        let outcome = north[0].poll.poll(at).await;
        assert_eq!((outcome.facts.unwrap().certificate, outcome.failure), (None, None));

        // What the pool told is missing when it is gone; what an own file told is not missing from the pool.
        let expectations = &acme[0].expectations;
        std::fs::remove_file(folder.path().join("pool.pem")).unwrap();
        write("pool-other.pem", Sample::leaf(T2).pem());
        let own = Outcome {
            facts: file.facts.clone().map(|facts| Facts { origin: "/own.pem".into(), ..facts }),
            ..file.clone()
        };
        for (told, reason) in [(file, Some(Reason::NotFound)), (own, None)] {
            let name = TenantName::parse("acme").unwrap();
            store.record(&name, expectations, Source::File, &acme[0].poll.identity(), told, at);
            let shared = Shared::new(&config.certificate_pool, store.clone());
            let outcome = jobs(&config.tenants[&name], &shared)[0].poll.poll(at).await;
            assert_eq!(outcome.failure.map(|failure| failure.reason), reason);
        }
    }
}
