//! What Intune tells.

use apnswatch::demo::intune::{Answer, Certificate, List, content_token, managed_device, server_token};
use apnswatch::demo::world;

use super::site::{
    CHECKIN, DEVICES, DRIFT, END, RATIO, TOKEN_END, Vendors, ago, blind, days, findings, has_any, info, info_of, of,
    phase, seconds, set, up,
};
use crate::support::topic;

#[tokio::test(flavor = "multi_thread")]
async fn the_date_the_serial_the_topic_the_account_tokens_and_check_ins_are_told() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let end = days(300);
    let certificate = Certificate { serial: "0a01ff".to_owned(), ..Certificate::new(topic("acme"), end) };
    let accounts = "accounts: [{ id: ours, address: MDM@example.com }, { id: other, address: apns@example.com }]";
    let acme = site.intune("acme", Answer::Certificate(certificate.clone()), "    account: ours\n");
    let other =
        site.intune("other", Answer::Certificate(Certificate::new(topic("other"), end)), "    account: other\n");
    let bare = site.intune(
        "bare",
        Answer::Certificate(Certificate::new(topic("bare"), end)),
        "    certificate: { expected_topic: com.apple.mgmt.External.00000000-0000-4000-8000-0000000000ac }\n",
    );
    let none = site.intune("none", Answer::NotConfigured, "");
    let (ade, vpp, newest) = (days(200), days(20), ago(3).unwrap());
    site.microsoft.change(&world::directory("acme"), |directory| {
        directory.server_tokens = Answer::List(List::of([server_token("ade-1", "enrolment", ade)]));
        directory.content_tokens = Answer::List(List::of([content_token("vpp-1", "Example", vpp, "valid")]));
        let old = (0..20).map(|_| managed_device("macOS", "MacBook Air", ago(400).unwrap()));
        let devices = [("iOS", "iPhone 15"), ("iOS", "iPad Air"), ("macOS", "MacBook Air")];
        let new = devices.map(|(system, model)| managed_device(system, model, newest));
        directory.devices = Answer::List(List::of(old.chain(new)));
    });
    site.configure(accounts, &[acme, other, bare, none]);
    let daemon = site.serve().await;
    let scrape = daemon
        .until("everything of acme", |scrape| {
            up(scrape, "acme") == set(["api", "push", "tokens"])
                && up(scrape, "none").contains("api")
                && of(scrape, DRIFT, "bare", "source", "api").is_some()
                && scrape.value("apns_account_mismatch", &[("tenant", "other")]).is_some()
        })
        .await;

    // `api`: exact date and serial; topic; account.
    assert_eq!(scrape.one(END, &[("tenant", "acme")]), seconds(end));
    assert_eq!(info(&scrape, "acme"), info_of(["api", &topic("acme"), "0A01FF", "exact"]));
    assert_eq!(
        (of(&scrape, DRIFT, "acme", "source", "api"), of(&scrape, DRIFT, "bare", "source", "api")),
        (Some(0.0), Some(1.0))
    );
    assert_eq!(scrape.one("apns_account_mismatch", &[("tenant", "acme")]), 0.0, "case is no difference");
    assert_eq!(scrape.one("apns_account_mismatch", &[("tenant", "other")]), 1.0);
    assert_eq!(scrape.value("apns_account_mismatch", &[("tenant", "bare")]), None, "nothing to compare with");
    assert!(!has_any(&scrape, "acme", "apns_mdm_notice"), "Intune has no notices");

    // `tokens`.
    assert_eq!(of(&scrape, TOKEN_END, "acme", "token", "enrolment"), Some(seconds(ade)));
    assert_eq!(of(&scrape, TOKEN_END, "acme", "kind", "vpp"), Some(seconds(vpp)));
    assert!(!has_any(&scrape, "bare", "apple_token_"), "what is not there has no series");

    // `push`: the newest check-in by family, never a ratio, and so no answer.
    for (family, count) in [("iphone", 1.0), ("ipad", 1.0), ("mac", 21.0)] {
        assert_eq!(of(&scrape, CHECKIN, "acme", "family", family), Some(seconds(newest)), "{family}");
        assert_eq!(of(&scrape, DEVICES, "acme", "family", family), Some(count), "{family}");
    }
    assert!(!has_any(&scrape, "acme", RATIO), "without a control nobody can tell who is silent");
    assert!(!has_any(&scrape, "acme", "apns_push_disabled_devices"));
    assert_eq!(blind(&scrape, "acme"), set(["arrival", "renewable", "way_out"]));

    // No certificate at all is an answer, and there is no topic to be watched then.
    assert_eq!(phase(&scrape, "none"), "none");
    assert!(!has_any(&scrape, "none", "apns_certificate_not_after") && info(&scrape, "none").is_none());
    assert_eq!(blind(&scrape, "none"), set(["arrival", "renewable", "way_out"]));
    assert_eq!(findings(&scrape, "acme"), set([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_tokens_or_devices_leaves_the_certificate_told() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let end = days(300);
    let acme = site.intune("acme", Answer::Certificate(Certificate::new(topic("acme"), end)), "");
    site.microsoft.change(&world::directory("acme"), |directory| {
        directory.server_tokens = Answer::Forbidden;
        directory.content_tokens = Answer::Forbidden;
        directory.devices = Answer::Forbidden;
    });
    site.configure("", &[acme]);
    let daemon = site.serve().await;
    let failing = |source| [("tenant", "acme"), ("source", source), ("reason", "forbidden")];
    let scrape = daemon
        .until("both are refused", |scrape| {
            ["tokens", "push"].iter().all(|source| scrape.value("apns_source_failing", &failing(source)).is_some())
                && scrape.up("acme") == Some(1.0)
        })
        .await;
    assert_eq!(up(&scrape, "acme"), set(["api"]));
    assert_eq!((scrape.one(END, &[]), phase(&scrape, "acme").as_str()), (seconds(end), "ok"));
    assert!(!has_any(&scrape, "acme", "apple_token_") && !has_any(&scrape, "acme", "apns_push_"));
    assert_eq!(scrape.source("apns_source_last_success_timestamp_seconds", "acme", "tokens"), None, "there was none");
}
