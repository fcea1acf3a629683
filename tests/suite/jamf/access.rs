//! What a login may read.

use apnswatch::demo::jamf::{Answer, LoginAnswer, Resource};
use apnswatch::model::Source;
use apnswatch::provider::Provider as _;
use apnswatch::provider::access::{Access, Verdict};
use serde_json::json;

use super::bench::{Bench, now};

fn verdicts(rows: &[Access]) -> Vec<(&str, &'static str, &'static str)> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Allowed => "allowed",
        Verdict::Denied(_) => "denied",
        Verdict::LoginRefused(_) => "login refused",
        Verdict::Unsupported => "unsupported",
        Verdict::NotReached(_) => "not reached",
    };
    rows.iter().map(|row| (row.endpoint.as_str(), word(&row.verdict), row.privilege)).collect()
}

#[tokio::test]
async fn each_endpoint_has_a_verdict_and_its_privilege() {
    let bench = Bench::new().await;
    bench.answer(Resource::Locations, Answer::Error(403, None));
    bench.answer(Resource::PushStatus, Answer::Html(404));
    bench.answer(Resource::Devices, Answer::Html(200));
    bench.answer(Resource::Profiles, Answer::List(vec![json!({ "id": 1, "invitation": "s3cret" })]));
    bench.answer(Resource::Profile(1), Answer::Error(403, None));
    let rows = bench.jamf().access(now()).await;
    assert_eq!(
        verdicts(&rows),
        [
            ("GET /api/v1/notifications", "allowed", ""),
            ("GET /api/v1/device-enrollments", "allowed", "Read Device Enrollment Program Instances"),
            ("GET /api/v1/volume-purchasing-locations", "denied", "Read Volume Purchasing Locations"),
            ("GET /api/v1/apns-client-push-status", "unsupported", "View MDM command information in Jamf Pro API"),
            ("GET /api/v2/mobile-devices/detail", "not reached", "Read Mobile Devices"),
            ("GET /JSSResource/mobiledeviceenrollmentprofiles", "allowed", "Read Enrollment Profiles"),
            (
                "GET /api/v1/mobile-device-enrollment-profile/{id}/download-profile",
                "denied",
                "Read Enrollment Profiles"
            ),
        ]
    );
    assert!(rows.iter().all(|row| !row.lost.is_empty() && !format!("{row:?}").contains("s3cret")));
    assert_eq!(bench.logins(), 1);
    bench.assert_read_only();
}

#[tokio::test]
async fn only_what_is_wanted_is_tried_and_a_refused_login_once() {
    let bench = Bench::new().await;
    let mut settings = bench.client();
    for (key, value) in [("tokens", false), ("push", false), ("enrolment_profile", false)] {
        settings[key] = value.into();
    }
    let jamf = bench.with(settings, super::bench::SHORT * 10);
    assert_eq!(jamf.sources(), [Source::Api]);
    assert_eq!(jamf.access(now()).await.len(), 1);

    bench.simulator.set_login("", LoginAnswer::Json(400, json!({ "error": "invalid_client" })));
    let before = bench.logins();
    let rows = bench.jamf().access(now()).await;
    assert_eq!(rows.len(), 7);
    assert!(rows.iter().all(|row| matches!(row.verdict, Verdict::LoginRefused(_))));
    assert_eq!(bench.logins(), before + 1, "many refusals in a row would lock an account");
}
