//! A small fleet for some seconds, and some reloads: an hour and a thousand are up to `scripts/soak`.

#[path = "../../benches/soak/run.rs"]
mod run;

use std::time::Duration;

use run::Plan;

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_whose_vendors_fail_at_random_shows_every_series_and_no_other() {
    let seed = rand::random();
    println!("seed {seed}");
    let plan = Plan { tenants: 40, length: Duration::from_secs(20), interval: Duration::from_secs(5), seed };
    let told = run::run(plan).await;
    println!("{told:?}");
    assert!(told.scrapes >= 5 && told.faults > 0 && told.polls > 100.0, "{told:?}");
    assert_eq!(told.trend.faults(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_under_load_lose_no_series_and_double_no_poller() {
    let told = run::reload::run(50, 20).await;
    println!("{told:?}");
    assert!(told.scrapes >= 10, "{told:?}");
}
