//! What the pages weigh with many tenants: how long they take is measured by `scripts/bench page`.

use apnswatch::evaluate::evaluate;
use apnswatch::model::{Finding, Phase};

use crate::scrape::fleet::Fleet;
use crate::support::request;

const TENANTS: usize = 2000;

/// The promise for 10,000 tenants. Nothing on a page may grow with their number beyond it.
const BYTES: usize = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_page_grows_with_the_fleet() {
    let fleet = Fleet::serve(TENANTS).await.unwrap();
    let report = evaluate(&fleet.store.snapshot(), &fleet.config, fleet.clock.moment());
    // However many threads judged them, everybody is there once and in order.
    let names = report.tenants.iter().map(|tenant| &tenant.name);
    assert!(names.eq(fleet.config.tenants.keys()));
    // The fleet is worth weighing: it has most of what can be true.
    for phase in [Phase::Ok, Phase::Plan, Phase::Renew, Phase::Expired, Phase::Lost] {
        assert!(report.tenants.iter().filter(|tenant| tenant.phase == phase).count() > 40, "{phase}");
    }
    for finding in [Finding::DevicesOffTopic, Finding::RenewalUnconfirmed] {
        assert!(report.tenants.iter().any(|tenant| tenant.findings.contains_key(&finding)), "{finding}");
    }
    assert!(report.tenants.iter().any(|tenant| !tenant.drift.is_empty()));
    let one = "/tenants/School%20of%20Example%2000042";
    let renewal = format!("{one}/renewal");
    for path in
        ["/", "/?q=example", "/?sort=end&page=3", "/findings", "/findings?page=2", "/ahead", "/network", one, &renewal]
    {
        let answered = request(fleet.address, "GET", path, "localhost").await;
        assert_eq!(answered.status, 200, "{path}");
        let bytes = answered.head.len() + answered.body.len();
        assert!(bytes < BYTES, "{path} has {bytes} bytes");
    }
    // What is on several pages is whole over all of them.
    for (path, most) in [("/ahead", 400), ("/findings", 100)] {
        let (mut rows, mut number) = (Vec::new(), 1);
        loop {
            let body = request(fleet.address, "GET", &format!("{path}?page={number}"), "localhost").await.body;
            let (before, _) = body.split_once(&format!(", page {number} of ")).unwrap();
            let told: usize = before.rsplit(['>', ' ']).nth(1).unwrap().parse().unwrap();
            let here: Vec<_> =
                body.split("href=\"/tenants/").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
            assert!((1..=most).contains(&here.len()), "{path} {number}: {}", here.len());
            rows.extend(here);
            number += 1;
            if !body.contains(&format!("?page={number}\"")) {
                assert!(number > 3 && rows.len() == told, "{path}: {} of {told} on {} pages", rows.len(), number - 1);
                break;
            }
        }
    }
    let csv = request(fleet.address, "GET", "/tenants.csv", "localhost").await;
    assert_eq!(csv.body.lines().count(), 1 + TENANTS);
    fleet.stop().await;
}
