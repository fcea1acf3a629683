//! What Jamf Pro tells.

use apnswatch::demo::jamf::{Answer, Resource, device, enrollment, location};
use chrono::{NaiveTime, TimeDelta};
use serde_json::json;

use super::site::{
    CHECKIN, DEVICES, DRIFT, END, NOTICE, RATIO, TOKEN_END, USABLE, Vendors, ago, blind, days, enrolling, findings,
    has_any, info, info_of, of, phase, seconds, server, set, up,
};
use crate::support::{SOON, eventually, now, pem, topic};

fn notice(kind: &str, days: Option<i64>) -> Answer {
    Answer::notice(kind, days)
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_tell_an_estimate_and_nothing_else_of_the_certificate() {
    let vendors = Vendors::new().await;
    let warned = server().with(Resource::Notifications, notice("PUSH_CERT_WILL_EXPIRE", Some(12)));
    let expired = server().with(Resource::Notifications, notice("PUSH_CERT_EXPIRED", None));
    let cut_off = server().with(Resource::Notifications, notice("APNS_CONNECTION_FAILURE", None));
    vendors.site.configure(
        "",
        &[
            vendors.jamf("quiet", server(), "", ""),
            vendors.jamf("warned", warned, "", ""),
            vendors.jamf("expired", expired, "", ""),
            vendors.jamf("apart", cut_off, "", ""),
        ],
    );
    let before = now().date_naive();
    let daemon = vendors.site.serve().await;
    let tenants = ["quiet", "warned", "expired", "apart"];
    let scrape =
        daemon.until("all answered", |scrape| tenants.iter().all(|tenant| up(scrape, tenant).len() == 3)).await;

    // Nobody told anything: not "ok".
    assert_eq!(phase(&scrape, "quiet"), "unknown");
    assert!(!has_any(&scrape, "quiet", "apns_certificate_not_after") && info(&scrape, "quiet").is_none());
    assert_eq!(blind(&scrape, "quiet"), set(["arrival", "expiry", "lineage", "renewable", "way_out"]));
    for kind in ["will_expire", "expired", "revoked", "apns_unreachable"] {
        assert_eq!(of(&scrape, NOTICE, "quiet", "notice", kind), Some(0.0), "{kind}");
    }
    assert!(!has_any(&scrape, "quiet", DRIFT) && !has_any(&scrape, "quiet", "apns_topic_pin_info"));
    assert!(!has_any(&scrape, "quiet", "apns_account_mismatch"), "Jamf tells no account");

    // The estimate: midnight of the first sight and the days.
    assert_eq!(of(&scrape, NOTICE, "warned", "notice", "will_expire"), Some(1.0));
    let reckoned = (before + TimeDelta::days(12)).and_time(NaiveTime::MIN).and_utc();
    let told = scrape.one(END, &[("tenant", "warned")]);
    assert!(told == seconds(reckoned) || told == seconds(reckoned + TimeDelta::days(1)), "{told}");
    assert_eq!(info(&scrape, "warned"), info_of(["api", "", "", "estimate"]));
    assert_eq!(phase(&scrape, "warned"), "renew");
    assert_eq!(blind(&scrape, "warned"), set(["arrival", "lineage", "renewable", "way_out"]));

    assert_eq!(of(&scrape, NOTICE, "expired", "notice", "expired"), Some(1.0));
    assert_eq!(of(&scrape, NOTICE, "apart", "notice", "apns_unreachable"), Some(1.0));
    assert_eq!(of(&scrape, NOTICE, "apart", "notice", "will_expire"), Some(0.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_topic_comes_from_the_profile_if_that_is_wanted() {
    let vendors = Vendors::new().await;
    vendors.site.configure(
        "",
        &[
            vendors.jamf("closed", enrolling(&topic("closed")), "", ""),
            vendors.jamf("open", enrolling(&topic("open")), ", enrolment_profile: true", ""),
        ],
    );
    let daemon = vendors.site.serve().await;
    let scrape = daemon
        .until("the profile and the other one", |scrape| {
            of(scrape, DRIFT, "open", "source", "profile") == Some(0.0) && up(scrape, "closed").len() == 3
        })
        .await;
    assert_eq!(of(&scrape, "apns_topic_pin_info", "open", "topic", &topic("open")), Some(1.0));
    assert!(!blind(&scrape, "open").contains("lineage") && blind(&scrape, "closed").contains("lineage"));
    assert!(blind(&scrape, "open").contains("expiry"), "a profile has no end");
    assert!(!has_any(&scrape, "closed", DRIFT) && !has_any(&scrape, "closed", "apns_topic_pin_info"));
    assert_eq!(scrape.source("apns_source_up", "closed", "profile"), None);
    let day = scrape.source("apns_source_poll_interval_seconds", "open", "profile");
    assert_eq!(day, Some(86_400.0), "it is a secret and leaves a trace");
    let is_profile = |path: &str| path.contains("rofile");
    let asked = vendors.jamf.requests();
    assert!(asked.iter().all(|seen| seen.base == "/open" || !is_profile(&seen.path)), "never without being asked to");
    assert_eq!(asked.iter().filter(|seen| is_profile(&seen.path)).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_devices_with_push_off_and_contact_times_are_told() {
    let vendors = Vendors::new().await;
    let (ade, vpp) = (days(200), days(40));
    let off = json!({ "deviceType": "MOBILE_DEVICE", "clientId": "1" });
    let contact = ago(5).unwrap();
    let full = server()
        .with(Resource::Enrollments, Answer::List(vec![enrollment(1, "enrol", ade)]))
        .with(Resource::Locations, Answer::List(vec![location(1, "shop", vpp, false), location(2, "taken", vpp, true)]))
        .with(Resource::PushStatus, Answer::List(vec![off]))
        .with(
            Resource::Devices,
            Answer::List(vec![device(1, "iPad12,1", contact), device(2, "iPhone14,6", ago(900).unwrap())]),
        );
    let old = server().with(Resource::PushStatus, Answer::Html(404));
    vendors.site.configure("", &[vendors.jamf("full", full, "", ""), vendors.jamf("old", old, "", "")]);
    let daemon = vendors.site.serve().await;
    let all = set(["api", "push", "tokens"]);
    let scrape = daemon.until("all", |scrape| up(scrape, "full") == all && up(scrape, "old") == all).await;
    let day = ade.date_naive().and_time(NaiveTime::MIN).and_utc();
    assert_eq!(of(&scrape, TOKEN_END, "full", "token", "enrol"), Some(seconds(day)), "Jamf tells a day");
    assert_eq!(of(&scrape, TOKEN_END, "full", "token", "shop"), Some(seconds(vpp)));
    assert_eq!(of(&scrape, USABLE, "full", "token", "taken"), Some(0.0), "another MDM has it");
    assert!(!has_any(&scrape, "old", "apple_token_"));
    assert_eq!(scrape.value("apns_push_disabled_devices", &[("tenant", "full")]), Some(1.0));
    assert!(!has_any(&scrape, "old", "apns_push_disabled_devices"), "what cannot be served is no zero");
    assert_eq!(of(&scrape, CHECKIN, "full", "family", "ipad"), Some(seconds(contact)));
    assert_eq!(of(&scrape, DEVICES, "full", "family", "iphone"), Some(1.0));
    assert!(!has_any(&scrape, "full", RATIO));
    assert!(blind(&scrape, "full").contains("arrival"), "contact times alone never answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_tokens_leaves_the_notices_told() {
    let vendors = Vendors::new().await;
    let refused = server()
        .with(Resource::Notifications, notice("PUSH_CERT_WILL_EXPIRE", Some(12)))
        .with(Resource::Enrollments, Answer::Error(403, None))
        .with(Resource::Locations, Answer::Error(403, None));
    vendors.site.configure("", &[vendors.jamf("acme", refused, "", "")]);
    let daemon = vendors.site.serve().await;
    let failing = [("tenant", "acme"), ("source", "tokens"), ("reason", "forbidden")];
    let scrape = daemon
        .until("the refusal", |scrape| {
            scrape.value("apns_source_failing", &failing).is_some() && up(scrape, "acme") == set(["api", "push"])
        })
        .await;
    assert_eq!((phase(&scrape, "acme").as_str(), has_any(&scrape, "acme", "apple_token_")), ("renew", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_exact_a_notice_may_disagree_and_only_a_person_moves_the_end() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let file = site.certificate("acme.pem", &topic("acme"), "0A01", 200);
    let more = format!("    certificate: {{ files: ['{}'] }}\n", file.display());
    let acme = vendors.jamf("acme", server(), "", &more);
    site.configure("", &[acme]);
    let daemon = site.serve().await;
    let scrape =
        daemon.until("the file", |scrape| up(scrape, "acme").len() == 4 && info(scrape, "acme").is_some()).await;
    let first = scrape.one(END, &[]);
    assert_eq!(info(&scrape, "acme"), info_of(["file", &topic("acme"), "0A01", "exact"]));
    assert_eq!((phase(&scrape, "acme").as_str(), findings(&scrape, "acme")), ("ok", set([])));
    assert_eq!(blind(&scrape, "acme"), set(["arrival", "renewable", "way_out"]));

    // The MDM warns, and the file does not know of it: both are told.
    vendors.jamf.set_answer("/acme", Resource::Notifications, notice("PUSH_CERT_WILL_EXPIRE", Some(12)));
    let scrape =
        daemon.until("the notice", |scrape| of(scrape, NOTICE, "acme", "notice", "will_expire") == Some(1.0)).await;
    assert_eq!((scrape.one(END, &[]), findings(&scrape, "acme")), (first, set(["notice_disagrees"])));
    vendors.jamf.set_answer("/acme", Resource::Notifications, Answer::List(Vec::new()));
    daemon.until("it is over", |scrape| findings(scrape, "acme") == set([])).await;

    // A newer file is no proof of an upload.
    site.write("acme.pem", pem(&topic("acme"), "0A02", 364));
    let scrape =
        daemon.until("the newer file", |scrape| findings(scrape, "acme") == set(["renewal_unconfirmed"])).await;
    assert_eq!(scrape.one(END, &[]), first);
    assert_eq!(site.run(&["confirm", "--tenant", "acme", "--by", "kim"]).await.status, Some(0));
    let scrape = daemon.scrape().await;
    assert!(scrape.one(END, &[]) > first + 160.0 * 86_400.0, "at the next scrape");
    assert_eq!(findings(&scrape, "acme"), set([]));
    assert_eq!(info(&scrape, "acme"), info_of(["file", &topic("acme"), "0A02", "exact"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_stays_until_somebody_says_that_another_was_uploaded() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let file = site.certificate("acme.pem", &topic("acme"), "0A01", 200);
    let more = format!("    certificate: {{ files: ['{}'] }}\n", file.display());
    let revoked = server().with(Resource::Notifications, notice("APNS_CERT_REVOKED", None));
    let acme = vendors.jamf("acme", revoked, "", &more);
    site.configure("", &[acme]);
    let daemon = site.serve().await;
    let is_revoked = |scrape: &crate::support::Scrape| scrape.value("apns_certificate_revoked", &[("tenant", "acme")]);
    daemon.until("it is revoked", |scrape| is_revoked(scrape) == Some(1.0) && info(scrape, "acme").is_some()).await;
    vendors.jamf.set_answer("/acme", Resource::Notifications, Answer::List(Vec::new()));
    let scrape =
        daemon.until("the notice is gone", |scrape| of(scrape, NOTICE, "acme", "notice", "revoked") == Some(0.0)).await;
    assert_eq!(is_revoked(&scrape), Some(1.0), "a notice can be dismissed; what was revoked stays so");
    // Also over a restart.
    daemon.stop().await;
    let daemon = site.serve().await;
    let scrape = daemon.until("asked again", |scrape| up(scrape, "acme").contains("api")).await;
    assert_eq!(is_revoked(&scrape), Some(1.0));
    site.write("acme.pem", pem(&topic("acme"), "0A02", 364));
    let scrape =
        daemon.until("the newer file", |scrape| findings(scrape, "acme").contains("renewal_unconfirmed")).await;
    assert_eq!(is_revoked(&scrape), Some(1.0), "a file is no proof");
    assert_eq!(site.run(&["confirm", "--tenant", "acme"]).await.status, Some(0));
    eventually("it is over", SOON, || async { is_revoked(&daemon.scrape().await).is_none().then_some(()) }).await;
    // A new notice counts again.
    vendors.jamf.set_answer("/acme", Resource::Notifications, notice("APNS_CERT_REVOKED", None));
    daemon.until("revoked again", |scrape| is_revoked(scrape) == Some(1.0)).await;
}
