//! From a tenant's configuration to what is polled for it.

use std::sync::Arc;
use std::time::Duration;

use crate::config::{Mdm, Tenant};
use crate::evaluate::learn::Expectations;
use crate::evaluate::report::polled_sources;
use crate::poller::Job;
use crate::provider::{self, Provider, http, intune};
use crate::source::{Poll, file};

/// What one look at certificate files may take.
const FILE_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is polled for a tenant.
#[must_use]
pub fn jobs(tenant: &Tenant) -> Vec<Job> {
    let intervals = polled_sources(tenant);
    let expectations =
        Arc::new(Expectations { sources: intervals.iter().map(|(source, _)| *source).collect(), may_pin: true });
    let mut polls: Vec<(Arc<dyn Poll>, Duration)> = Vec::new();
    if let Some(provider) = provider(tenant) {
        polls.extend(provider::polls(&provider).into_iter().map(|poll| (poll, tenant.poll.timeout)));
    }
    if !tenant.certificate.files.is_empty() {
        polls.push((Arc::new(file::Files::new(tenant.certificate.files.clone())), FILE_TIMEOUT));
    }
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

/// The provider of a tenant's MDM, if it has one that can be asked.
fn provider(tenant: &Tenant) -> Option<Arc<dyn Provider>> {
    match &tenant.mdm {
        Mdm::Intune(settings) => match intune::Intune::new(settings, &tenant.network, http::REQUEST_TIMEOUT) {
            Ok(provider) => Some(Arc::new(provider)),
            Err(failure) => {
                // Settings that were checked are never refused; if they were, the source stays down and untried.
                tracing::error!(tenant = %tenant.name, "the MDM of tenant {} cannot be asked: {failure}", tenant.name);
                None
            }
        },
        Mdm::None => None,
    }
}
