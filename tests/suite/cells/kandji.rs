//! What Kandji tells.

use apnswatch::demo::kandji::{Answer, Integration, Resource, Shape, Tenant};

use super::site::{
    CHECKIN, DEVICES, DRIFT, NOTICE, RATIO, TOKEN_END, USABLE, Vendors, blind, blueprint, days, has_any, info, info_of,
    kandji_token, macs, of, phase, seconds, set, up,
};
use crate::support::topic;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_the_certificate_but_the_topic_if_that_is_wanted() {
    let vendors = Vendors::new().await;
    let tenant = |name: &str| Tenant { blueprints: vec![blueprint(&topic(name))], ..Tenant::default() };
    let file = vendors.site.certificate("filed.pem", &topic("filed"), "0A01", 200);
    let more = format!("    certificate: {{ files: ['{}'] }}\n", file.display());
    vendors.site.configure(
        "",
        &[
            vendors.kandji("closed", tenant("closed"), "", ""),
            vendors.kandji("open", tenant("open"), ", enrolment_profile: true", ""),
            vendors.kandji("filed", tenant("filed"), "", &more),
        ],
    );
    let daemon = vendors.site.serve().await;
    let scrape = daemon
        .until("all three", |scrape| {
            up(scrape, "closed") == set(["push", "tokens"])
                && of(scrape, DRIFT, "open", "source", "profile") == Some(0.0)
                && info(scrape, "filed").is_some()
        })
        .await;
    for tenant in ["closed", "open", "filed"] {
        assert_eq!(scrape.all("apns_source_up", &[("tenant", tenant), ("source", "api")]).len(), 0);
        assert!(!has_any(&scrape, tenant, NOTICE) && !has_any(&scrape, tenant, "apns_account_mismatch"));
        assert!(scrape.of_tenant(tenant).iter().all(|sample| sample.labels.get("source").is_none_or(|s| s != "api")));
    }
    let by_source = scrape.all("apns_source_polls_total", &[("mdm", "kandji"), ("source", "api")]);
    assert!(by_source.is_empty(), "{by_source:?}");
    assert_eq!((phase(&scrape, "closed"), phase(&scrape, "open")), ("unknown".into(), "unknown".into()));
    assert!(!has_any(&scrape, "closed", "apns_certificate_not_after") && info(&scrape, "open").is_none());
    assert_eq!(blind(&scrape, "closed"), set(["arrival", "expiry", "lineage", "renewable", "way_out"]));
    assert_eq!(blind(&scrape, "open"), set(["arrival", "expiry", "renewable", "way_out"]));
    assert_eq!(blind(&scrape, "filed"), set(["arrival", "renewable", "way_out"]));
    assert_eq!(info(&scrape, "filed"), info_of(["file", &topic("filed"), "0A01", "exact"]));
    let daily = scrape.source("apns_source_poll_interval_seconds", "open", "profile");
    assert_eq!(daily, Some(86_400.0));
    let asked = vendors.kandji.requests();
    let blueprints = asked.iter().filter(|seen| seen.target.contains("blueprints"));
    assert_eq!(blueprints.count(), 2, "one list and one profile, of the one tenant that wants it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_token_is_of_no_use_however_many_days_it_has() {
    let vendors = Vendors::new().await;
    let end = days(200);
    let tenant = Tenant {
        integrations: vec![Integration::new("e1", "good", end), Integration::new("e2", "revoked", end).broken()],
        ..Tenant::default()
    };
    let refused = Tenant { devices: macs(12, 0), ..Tenant::default() };
    vendors.site.configure("", &[vendors.kandji("acme", tenant, "", ""), vendors.kandji("refused", refused, "", "")]);
    vendors.kandji.set_answer(
        &kandji_token("refused"),
        Resource::Integrations,
        Answer::Status(403, None, Shape::Detail),
    );
    let daemon = vendors.site.serve().await;
    let scrape = daemon
        .until("both", |scrape| up(scrape, "acme").contains("tokens") && up(scrape, "refused") == set(["push"]))
        .await;
    for (token, usable) in [("good", 1.0), ("revoked", 0.0)] {
        assert_eq!(of(&scrape, TOKEN_END, "acme", "token", token), Some(seconds(end)), "{token}");
        assert_eq!(of(&scrape, USABLE, "acme", "token", token), Some(usable), "{token}");
    }
    assert!(scrape.all(TOKEN_END, &[("kind", "vpp")]).is_empty(), "Kandji tells of no content tokens");
    assert!(!has_any(&scrape, "refused", "apple_token_"));
    assert_eq!(of(&scrape, RATIO, "refused", "family", "mac"), Some(0.0), "one refusal takes nothing else along");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_judged_by_the_agent_of_at_least_ten_living_macs() {
    let vendors = Vendors::new().await;
    let with = |devices| Tenant { devices, ..Tenant::default() };
    let phones = (0..50).map(|_| apnswatch::demo::kandji::Device::new("iPhone", None, super::site::ago(500)));
    let well = with(macs(10, 2).into_iter().chain(phones).collect());
    vendors.site.configure(
        "",
        &[
            vendors.kandji("well", well, "", ""),
            vendors.kandji("deaf", with(macs(20, 15)), "", ""),
            vendors.kandji("few", with(macs(9, 0)), "", ""),
            vendors.kandji("off", with(macs(20, 0)), ", push: false", ""),
        ],
    );
    let daemon = vendors.site.serve().await;
    let scrape = daemon
        .until("all", |scrape| {
            ["well", "deaf", "few"].iter().all(|tenant| up(scrape, tenant).contains("push"))
                && up(scrape, "off") == set(["tokens"])
        })
        .await;
    assert_eq!(of(&scrape, RATIO, "well", "family", "mac"), Some(0.2));
    assert_eq!(of(&scrape, RATIO, "deaf", "family", "mac"), Some(0.75));
    assert_eq!(of(&scrape, RATIO, "well", "family", "iphone"), None, "no agent, no control");
    assert_eq!(of(&scrape, DEVICES, "well", "family", "iphone"), Some(50.0));
    assert!(of(&scrape, CHECKIN, "well", "family", "iphone").is_some());
    assert!(!has_any(&scrape, "few", RATIO), "nine say nothing");
    assert_eq!(of(&scrape, DEVICES, "few", "family", "mac"), Some(9.0));
    assert!(!has_any(&scrape, "off", "apns_push_"));
    let is_blind = |tenant| blind(&scrape, tenant).contains("arrival");
    assert_eq!(["well", "deaf", "few", "off"].map(is_blind), [false, false, true, true]);
}
