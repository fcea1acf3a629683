//! Clients with push off, and contact times.

use apnswatch::demo::jamf::{Answer, Paging, Resource, device};
use apnswatch::model::{Family, FamilyHealth, Reason, Source};
use serde_json::{Value, json};

use super::bench::{Bench, bad_pages, facts, failure, poll, time};

fn ipads(count: u64) -> Vec<Value> {
    (1..=count).map(|id| device(id, "iPad12,1", time("2026-09-01T10:00:00Z"))).collect()
}

fn off(count: u64) -> Vec<Value> {
    (1..=count).map(|id| json!({ "deviceType": "MOBILE_DEVICE", "clientId": id.to_string() })).collect()
}

#[tokio::test]
async fn contacts_are_told_by_family_and_never_as_an_answer() {
    let bench = Bench::new().await;
    bench.answer(Resource::PushStatus, Answer::List(off(3)));
    let mut devices = ipads(2);
    devices.push(device(3, "iPhone14,6", time("2026-09-01T11:00:00Z")));
    devices.push(device(4, "iPhone14,6", time("2026-01-01T00:00:00Z")));
    devices.push(device(5, "AppleTV11,1", time("2099-01-01T00:00:00Z")));
    devices.push(json!({ "mobileDeviceId": "6", "general": { "managed": false } }));
    bench.answer(Resource::Devices, Answer::List(devices));
    let told = facts(&bench.jamf(), Source::Push).await;
    let push = told.push.unwrap();
    let family =
        |devices, last: Option<&str>| FamilyHealth { devices, last_checkin: last.map(time), ..FamilyHealth::default() };
    assert_eq!(push.disabled, Some(3));
    assert_eq!(
        push.families.into_iter().collect::<Vec<_>>(),
        [
            (Family::Iphone, family(2, Some("2026-09-01T11:00:00Z"))),
            (Family::Ipad, family(2, Some("2026-09-01T10:00:00Z"))),
            (Family::AppleTv, family(1, None)),
        ],
        "without a control there is no silence, and the future is no contact"
    );
    assert_eq!(told.remarks, Vec::<String>::new());
    assert_eq!(
        bench.reads(),
        [
            "/api/v1/apns-client-push-status?page=0&page-size=1",
            "/api/v2/mobile-devices/detail?page=0&page-size=200&section=GENERAL&section=HARDWARE&exception-handling=LENIENT"
        ]
    );
    bench.assert_read_only();
}

#[tokio::test]
async fn an_older_server_cannot_serve_everything_and_that_is_no_failure() {
    let bench = Bench::new().await;
    bench.answer(Resource::PushStatus, Answer::Html(404));
    let device = json!({
        "mobileDeviceId": "1", "deviceType": "ios", "hardware": { "modelIdentifier": "iPad12,1" },
        "general": { "lastInventoryUpdateDate": "2026-08-31T06:30:00.123+0000" },
    });
    bench.answer(Resource::Devices, Answer::List(vec![device]));
    let told = facts(&bench.jamf(), Source::Push).await;
    let push = told.push.unwrap();
    assert_eq!(push.disabled, None);
    assert_eq!(push.families[&Family::Ipad].last_checkin, Some(time("2026-08-31T06:30:00Z")));
    assert_eq!(told.remarks.len(), 2, "{:?}", told.remarks);
}

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    let bench = Bench::new().await;
    bench.answer(Resource::PushStatus, Answer::List(off(1)));
    let pages = bad_pages(&ipads(450));
    bench.assert_bad_answers(Source::Push, Resource::Devices, &Answer::List(ipads(3)), &pages).await;
    let own = [(Answer::Json(json!({ "totalCount": -1, "results": [] })), Reason::Malformed, None)];
    bench.assert_bad_answers(Source::Push, Resource::PushStatus, &Answer::List(off(3)), &own).await;
}

#[tokio::test]
async fn a_fleet_is_read_to_its_total() {
    let bench = Bench::answering(Resource::Devices, Answer::List(ipads(450))).await;
    let jamf = bench.jamf();
    assert_eq!(facts(&jamf, Source::Push).await.push.unwrap().families[&Family::Ipad].devices, 450);
    bench.answer(Resource::Devices, Answer::Paged(ipads(450), Paging::Claims(2)));
    let told = facts(&jamf, Source::Push).await;
    assert_eq!(told.push.unwrap().families[&Family::Ipad].devices, 450);
    assert!(told.remarks[0].contains("left out 2 records"), "{:?}", told.remarks);
    bench.assert_read_only();
}

#[tokio::test]
async fn a_missing_privilege_is_named_and_leaves_the_other_told() {
    let bench = Bench::new().await;
    bench.answer(Resource::PushStatus, Answer::List(off(3)));
    bench.answer(Resource::Devices, Answer::Error(403, None));
    let jamf = bench.jamf();
    let outcome = poll(&jamf, Source::Push).await;
    assert!(outcome.failure.unwrap().message.contains("the privilege Read Mobile Devices"));
    let push = outcome.facts.unwrap().push.unwrap();
    assert_eq!((push.disabled, push.families.len()), (Some(3), 0));

    bench.answer(Resource::PushStatus, Answer::Error(403, None));
    let both = failure(&jamf, Source::Push).await;
    assert!(both.message.contains("View MDM command information in Jamf Pro API"), "{both}");

    bench.answer(Resource::Devices, Answer::List(ipads(1)));
    let outcome = poll(&jamf, Source::Push).await;
    assert_eq!(outcome.failure.unwrap().reason, Reason::Forbidden);
    assert_eq!(outcome.facts.unwrap().push.unwrap().families[&Family::Ipad].devices, 1);
}
