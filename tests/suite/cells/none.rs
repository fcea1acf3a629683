//! What is known where no MDM is asked.

use apnswatch::demo::kandji::enrolment_profile;

use super::site::{
    DRIFT, END, TOKEN_END, Vendors, blind, days, findings, has_any, info, info_of, of, phase, seconds, set, up,
};
use crate::support::{tenant, topic};

const MDM: &str = "    mdm: { kind: none }\n";

#[tokio::test(flavor = "multi_thread")]
async fn files_profiles_devices_and_what_is_declared_answer_without_an_mdm() {
    let vendors = Vendors::new().await;
    let site = &vendors.site;
    let profile = site.write("enrol.mobileconfig", enrolment_profile(Some(&topic("profiled"))));
    let file = site.certificate("filed.pem", &topic("filed"), "0A01", 200);
    let counted = |name: &str, off: usize| {
        let line = |index: usize| {
            let other = topic(if index < off { "elsewhere" } else { name });
            format!("{{\"serial\": \"MADEUP{index}\", \"topic\": \"{other}\"}}\n")
        };
        site.write(&format!("{name}.json"), (0..10).map(line).collect::<String>())
    };
    let topics = counted("seen", 3);
    let date = days(100).format("%Y-%m-%d").to_string();
    let certificate = |what: String| format!("{MDM}    certificate: {{ {what} }}\n");
    let declared = format!(
        "{}    tokens: [{{ kind: vpp, name: main, not_after: {date} }}]\n",
        certificate(format!("declared: {{ not_after: {date}, topic: {} }}", topic("declared")))
    );
    let seen = format!(
        "files: ['{}'], device_topics: ['{}']",
        site.certificate("seen.pem", &topic("seen"), "0A02", 99).display(),
        topics.display()
    );
    site.configure(
        "",
        &[
            tenant("bare", MDM),
            tenant("profiled", &certificate(format!("profiles: ['{}']", profile.display()))),
            tenant("filed", &certificate(format!("files: ['{}']", file.display()))),
            tenant("declared", &declared),
            tenant("seen", &certificate(seen)),
        ],
    );
    let daemon = site.serve().await;
    let scrape = daemon
        .until("all", |scrape| {
            up(scrape, "profiled") == set(["profile"])
                && of(scrape, DRIFT, "profiled", "source", "profile").is_some()
                && info(scrape, "filed").is_some()
                && scrape.value("apns_devices_off_topic", &[("tenant", "seen")]).is_some()
        })
        .await;
    // Nothing at all.
    assert_eq!(phase(&scrape, "bare"), "unknown");
    assert_eq!(blind(&scrape, "bare"), set(["arrival", "expiry", "lineage", "renewable", "way_out"]));
    assert!(!has_any(&scrape, "bare", "apns_source_") && !has_any(&scrape, "bare", "apns_certificate_not_after"));
    // A profile knows the topic alone.
    assert_eq!(of(&scrape, DRIFT, "profiled", "source", "profile"), Some(0.0));
    assert_eq!((phase(&scrape, "profiled"), info(&scrape, "profiled")), ("unknown".into(), None));
    assert_eq!(blind(&scrape, "profiled"), set(["arrival", "expiry", "renewable", "way_out"]));
    // A file knows both.
    assert_eq!(info(&scrape, "filed"), info_of(["file", &topic("filed"), "0A01", "exact"]));
    assert_eq!(blind(&scrape, "filed"), set(["arrival", "renewable", "way_out"]));
    // What is declared is a date, and no watch over the topic.
    let end = date.parse::<chrono::NaiveDate>().unwrap().and_time(chrono::NaiveTime::MIN).and_utc();
    assert_eq!(scrape.one(END, &[("tenant", "declared")]), seconds(end));
    assert_eq!(info(&scrape, "declared"), info_of(["declared", &topic("declared"), "", "declared"]));
    assert_eq!(blind(&scrape, "declared"), set(["arrival", "lineage", "renewable", "way_out"]));
    assert_eq!(of(&scrape, TOKEN_END, "declared", "token", "main"), Some(seconds(end)));
    assert_eq!(scrape.all(TOKEN_END, &[]).len(), 1);
    // Devices confirm a pin, and those that listen elsewhere are counted.
    assert_eq!(scrape.value("apns_devices_off_topic", &[("tenant", "seen")]), Some(3.0));
    assert_eq!(of(&scrape, "apns_topic_pin_info", "seen", "origin", "confirmed"), Some(1.0));
    assert_eq!(of(&scrape, "apns_topic_pin_info", "filed", "origin", "first_seen"), Some(1.0));
    assert_eq!(findings(&scrape, "seen"), set(["devices_off_topic"]));
    assert!(!has_any(&scrape, "filed", "apns_devices_off_topic"));
    let pushes = scrape.samples.iter().any(|sample| sample.name.starts_with("apns_push_"));
    assert!(!pushes, "nobody tells of check-ins");
}
