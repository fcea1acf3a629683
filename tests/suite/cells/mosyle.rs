//! What Mosyle tells.

use apnswatch::provider::mosyle::Product;

use super::site::{
    NOTICE, RATIO, TOKEN_END, USABLE, Vendors, beating, blind, days, has_any, info, info_of, of, phase, seconds, set,
    up,
};
use crate::support::topic;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_without_push_and_other_sources_fill_in() {
    let vendors = Vendors::new().await;
    let file = vendors.site.certificate("school.pem", &topic("school"), "0A01", 200);
    let date = days(90).format("%Y-%m-%d").to_string();
    let more = format!(
        "    certificate: {{ files: ['{}'] }}\n    tokens: [{{ kind: ade, name: school manager, not_after: {date} }}]\n",
        file.display()
    );
    vendors.site.configure(
        "",
        &[vendors.mosyle("bare", beating(12, 0), "", ""), vendors.mosyle("school", beating(12, 0), "", &more)],
    );
    let daemon = vendors.site.serve().await;
    daemon.ready().await;
    let scrape = daemon.until("the file", |scrape| info(scrape, "school").is_some()).await;
    assert_eq!(up(&scrape, "bare"), set([]));
    assert!(scrape.all("apns_source_up", &[("tenant", "bare")]).is_empty());
    for start in ["apns_push_", "apple_token_", NOTICE, "apns_source_", "apns_certificate_not_after", "apns_topic_"] {
        assert!(!has_any(&scrape, "bare", start), "{start}");
    }
    assert_eq!(phase(&scrape, "bare"), "unknown");
    assert_eq!(blind(&scrape, "bare"), set(["arrival", "expiry", "lineage", "renewable", "way_out"]));
    assert_eq!(blind(&scrape, "school"), set(["arrival", "renewable", "way_out"]));
    assert_eq!(info(&scrape, "school"), info_of(["file", &topic("school"), "0A01", "exact"]));
    let end = date.parse::<chrono::NaiveDate>().unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
    assert_eq!(of(&scrape, TOKEN_END, "school", "token", "school manager"), Some(seconds(end)), "declared");
    assert!(!has_any(&scrape, "school", USABLE), "nobody can say whether a declared one works");
    assert_eq!(vendors.mosyle.requests(), [], "not even a login");
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_are_held_against_answers_if_that_is_wanted() {
    let vendors = Vendors::new().await;
    let push = ", push: true";
    vendors.site.configure(
        "",
        &[
            vendors.mosyle("well", beating(12, 3), push, ""),
            vendors.mosyle_of(Product::Manager, "deaf", beating(20, 15), push, ""),
            vendors.mosyle("few", beating(9, 0), push, ""),
        ],
    );
    let daemon = vendors.site.serve().await;
    let scrape = daemon
        .until("all", |scrape| ["well", "deaf", "few"].iter().all(|tenant| up(scrape, tenant) == set(["push"])))
        .await;
    assert_eq!(of(&scrape, RATIO, "well", "family", "mac"), Some(0.25));
    assert_eq!(of(&scrape, RATIO, "deaf", "family", "mac"), Some(0.75));
    assert!(!has_any(&scrape, "few", RATIO));
    let is_blind = |tenant| blind(&scrape, tenant).contains("arrival");
    assert_eq!(["well", "deaf", "few"].map(is_blind), [false, false, true]);
    assert!(["expiry", "lineage"].iter().all(|question| blind(&scrape, "well").contains(*question)));
}
