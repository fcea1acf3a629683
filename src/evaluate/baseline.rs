//! What a new certificate of a tenant is compared with before its upload.

use super::Report;
use crate::certificate::preflight::Baseline;
use crate::config::{Config, Tenant};
use crate::model::{Memory, PinOrigin, Precision, TenantName, Topic};

/// What is known of a tenant: its pin, the certificate in use, the ones seen before, its account, and which other
/// tenant keeps the topic `new`. Everything is missing for a tenant that is not watched.
#[must_use]
pub fn of(report: &Report, memory: &Memory, config: &Config, name: &TenantName, new: Option<&Topic>) -> Baseline {
    let tenant = report.tenants.iter().find(|tenant| tenant.name == *name);
    let pin = tenant.and_then(|tenant| tenant.pin.as_ref()).map(|pin| &pin.topic);
    let known = tenant.and_then(|tenant| tenant.effective.as_ref()).filter(|known| known.precision == Precision::Exact);
    // While the MDM holds a certificate of another topic, one of the pinned topic is the way back, whenever it ends.
    let known = known.filter(|known| known.certificate.topic.is_none() || known.certificate.topic.as_ref() == pin);
    let owner = report
        .tenants
        .iter()
        .find(|tenant| tenant.name != *name && new.is_some() && tenant.pin.as_ref().map(|pin| &pin.topic) == new);
    let seen =
        memory.sources.values().flat_map(|source| &source.seen).filter_map(|seen| seen.certificate.serial.clone());
    let account = config.tenants.get(name).and_then(|tenant: &std::sync::Arc<Tenant>| tenant.account.as_ref());
    Baseline {
        is_unconfirmed: tenant
            .and_then(|tenant| tenant.pin.as_ref())
            .is_some_and(|pin| pin.origin == PinOrigin::FirstSeen),
        topic: pin.cloned(),
        not_after: known.map(|known| known.not_after),
        serial: known.and_then(|known| known.certificate.serial.clone()),
        key: None,
        seen: seen.collect(),
        owner: owner.map(|owner| owner.name.to_string()),
        account: account.and_then(|id| config.accounts.get(id)).map(|account| account.address.clone()),
        upload: None,
    }
}
