//! A small fleet over the four kinds, polled once: what a large one costs is measured by `scripts/bench polls`.

use std::collections::BTreeMap;

use apnswatch::clock::Clock;
use apnswatch::{app, config};

use crate::fleet::{Fleet, HEAD, KINDS, PER_HOST};

const TENANTS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_is_asked_once_and_no_vendor_sees_more_than_its_limit() {
    let fleet = Fleet::start(TENANTS, HEAD).await.unwrap();
    let config = config::load(&fleet.config(), &BTreeMap::new(), None).unwrap();
    assert_eq!((config.tenants.len(), config.limits.per_host as u64), (TENANTS, PER_HOST));
    let report = app::once(&config, &Clock::system()).await.unwrap();
    let failing: Vec<_> = report
        .tenants
        .iter()
        .flat_map(|tenant| &tenant.sources)
        .filter(|source| !source.up)
        .map(|source| format!("{}: {:?}", source.source, source.failure))
        .collect();
    assert_eq!(failing, Vec::<String>::new());
    let each = (TENANTS / KINDS.len()) as u64;
    // A login, and as few reads as there are lists.
    assert_eq!(fleet.requests().map(|requests| requests / each), [5, 8, 4, 6]);
    assert!(fleet.requests().iter().all(|requests| requests % each == 0), "{:?}", fleet.requests());
    assert!(fleet.most_busy().iter().all(|busy| (1..=PER_HOST).contains(busy)), "{:?}", fleet.most_busy());
    // A connection may be made while another is on its way back to the pool; both are kept then.
    assert!(fleet.most_open().iter().all(|open| *open <= 3 * PER_HOST), "{:?}", fleet.most_open());
}
