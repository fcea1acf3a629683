//! What the lists tell, page by page.

use apnswatch::demo::kandji::{Answer, Dates, Device, Rate, Resource, Shape, Simulator};
use apnswatch::model::{Family, MdmKind, Reason, Source, TokenKind};
use apnswatch::provider::Provider as _;
use apnswatch::provider::http::REQUEST_TIMEOUT;
use serde_json::{Value, json};
use std::time::Duration;

use super::bench::{Bench, TOKEN, failure, good, hours_ago, integration};

#[tokio::test]
async fn ade_tokens_are_told_with_their_state() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    assert_eq!(kandji.kind(), MdmKind::Kandji);
    assert_eq!(kandji.sources(), [Source::Tokens, Source::Push, Source::Profile]);
    assert_eq!((kandji.identity(), kandji.host()), (bench.vendor.url(), bench.vendor.address().to_string()));

    let facts = good(&kandji, Source::Tokens).await;
    assert_eq!((&facts.certificate, &facts.push, facts.origin.to_string()), (&None, &None, bench.vendor.url()));
    let tokens = facts.tokens.clone().unwrap();
    assert_eq!(tokens.len(), 2);
    for (token, usable, trouble) in [(&tokens[0], true, None), (&tokens[1], false, Some("FORBIDDEN"))] {
        assert_eq!((token.kind, token.usable, token.trouble.as_deref()), (TokenKind::Ade, Some(usable), trouble));
        assert_eq!(token.not_after, Some("2027-03-11T04:41:43Z".parse().unwrap()));
    }
    for dates in [Dates::SpaceAndOffset, Dates::TwoSpaces] {
        bench.vendor.change(TOKEN, |tenant| tenant.dates = dates);
        assert_eq!(good(&kandji, Source::Tokens).await, facts, "{dates:?}");
    }
    assert_eq!(bench.targets(), ["/api/v1/integrations/apple/ade"; 3]);

    bench.vendor.change(TOKEN, |tenant| tenant.integrations.clear());
    assert_eq!(good(&kandji, Source::Tokens).await.tokens, Some(vec![]));
}

#[tokio::test]
async fn silence_is_told_of_macs_and_of_nothing_else() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    let facts = good(&kandji, Source::Push).await;
    assert_eq!((&facts.certificate, &facts.tokens), (&None, &None));
    let push = facts.push.unwrap();
    let mac = &push.families[&Family::Mac];
    assert_eq!((mac.devices, mac.alive, mac.silent_ratio()), (20, Some(20), Some(0.25)));
    assert_eq!(mac.last_checkin, hours_ago(5));
    let iphone = &push.families[&Family::Iphone];
    assert_eq!((iphone.devices, iphone.alive, iphone.last_checkin), (1, None, hours_ago(300)));
    assert_eq!((push.families.len(), push.disabled), (2, None));

    bench.vendor.change(TOKEN, |tenant| {
        tenant.old_devices = true;
        tenant.devices.iter_mut().take(4).for_each(|device| device.managed = false);
    });
    let facts = good(&kandji, Source::Push).await;
    let push = facts.push.unwrap();
    let mac = &push.families[&Family::Mac];
    assert_eq!((mac.devices, mac.alive, mac.silent_ratio(), mac.last_checkin), (16, None, None, None));
    assert_eq!(facts.remarks, ["Kandji gave no check-in times of 17 of 17 devices."]);

    bench.vendor.change(TOKEN, |tenant| tenant.devices.clear());
    assert_eq!(good(&kandji, Source::Push).await.push.unwrap().families.len(), 0);
    bench.reads();
}

#[tokio::test]
async fn every_page_is_read_at_the_configured_address() {
    let bench = Bench::new().await;
    let other = Simulator::start().await.unwrap();
    bench.vendor.change(TOKEN, |tenant| {
        tenant.integrations = (1..=5).map(integration).collect();
        tenant.page_size = 2;
        tenant.next_host = Some(other.url());
        tenant.devices = (0..650).map(|_| Device::new("Mac", hours_ago(1), hours_ago(2))).collect();
    });
    // The server lives below a path, and the link to the next page knows nothing of that.
    let kandji = bench.with(&format!("{}/tenant1//", bench.vendor.url()), REQUEST_TIMEOUT);
    assert_eq!(good(&kandji, Source::Tokens).await.tokens.unwrap().len(), 5);
    let push = good(&kandji, Source::Push).await.push.unwrap();
    assert_eq!(push.families[&Family::Mac].alive, Some(650));
    assert_eq!(
        bench.targets(),
        [
            "/tenant1/api/v1/integrations/apple/ade",
            "/tenant1/api/v1/integrations/apple/ade?limit=2&offset=2",
            "/tenant1/api/v1/integrations/apple/ade?limit=2&offset=4",
            "/tenant1/api/v1/prism/device_information?limit=300",
            "/tenant1/api/v1/prism/device_information?limit=300&cursor=at%2B300%3D",
            "/tenant1/api/v1/prism/device_information?limit=300&cursor=at%2B600%3D",
        ]
    );
    assert_eq!(other.connections(), 0, "nobody else is given the token");
}

#[tokio::test]
async fn a_list_that_does_not_end_is_given_up() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    for (source, resource, most) in [
        (Source::Tokens, Resource::Integrations, 100),
        (Source::Push, Resource::Devices, 500),
        (Source::Profile, Resource::Blueprints, 100),
    ] {
        for (answer, requests, words) in
            [(Answer::SamePage, 2..=2, "leads back"), (Answer::PagesWithoutEnd, most..=most, "does not end")]
        {
            let before = bench.reads().len();
            bench.answer(resource, answer.clone());
            let failure = failure(&kandji, source).await;
            assert_eq!(failure.reason, Reason::Malformed, "{failure}");
            assert!(failure.message.contains(words), "{failure}");
            let asked = bench.reads().len() - before;
            assert!(requests.contains(&asked), "{source} {answer:?}: {asked}");
        }
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_counts_for_nothing() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    bench.vendor.change(TOKEN, |tenant| {
        tenant.page_size = 1;
        tenant.devices = (0..400).map(|_| Device::new("Mac", hours_ago(1), hours_ago(2))).collect();
    });
    for (source, resource) in super::bench::SOURCES {
        for (second, reason) in [
            (Answer::Status(500, None, Shape::Html), Reason::Http),
            (Answer::Status(403, None, Shape::Detail), Reason::Forbidden),
            (Answer::Truncated, Reason::Connect),
            (Answer::Json(serde_json::json!({})), Reason::Malformed),
            (Answer::Status(429, Some("9".to_owned()), Shape::Gateway), Reason::RateLimited),
        ] {
            bench.answer(resource, Answer::sequence([Answer::Honest, second.clone(), Answer::Honest]));
            assert_eq!(failure(&kandji, source).await.reason, reason, "{source} {second:?}");
            good(&kandji, source).await;
        }
    }
    bench.reads();
}

#[tokio::test]
async fn a_list_that_ends_before_its_own_total_counts_for_nothing() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    let short = |page: Value| Answer::sequence([Answer::Json(page), Answer::Honest]);
    let token = json!({ "id": "a", "server_name": "Made-up Macs", "status": "SUCCESS" });
    let mac = json!({ "device_id": "a", "device__family": "Mac", "last_checkin_mdm": "2026-09-01T06:00:00Z" });
    let blueprint = json!({ "id": "00000000-0000-4000-8000-0000000000f1" });
    for (source, resource, page) in [
        (Source::Tokens, Resource::Integrations, json!({ "count": 1, "results": [] })),
        (Source::Tokens, Resource::Integrations, json!({ "count": 2, "results": [token, token] })),
        (Source::Push, Resource::Devices, json!({ "total": 1, "data": [], "cursor": null })),
        (Source::Push, Resource::Devices, json!({ "total": 2, "data": [mac, mac] })),
        (Source::Profile, Resource::Blueprints, json!({ "count": 2, "results": [blueprint] })),
    ] {
        bench.answer(resource, short(page.clone()));
        let failure = failure(&kandji, source).await;
        assert_eq!(failure.reason, Reason::Malformed, "{page}");
        assert!(failure.message.ends_with("ends before its own total"), "{failure}");
        good(&kandji, source).await;
    }
    // Nobody else is bound to what the list does not say.
    bench.answer(Resource::Devices, short(json!({ "total": null, "data": [], "cursor": "more" })));
    good(&kandji, Source::Push).await;
}

#[tokio::test]
async fn an_empty_page_does_not_end_a_list_that_has_more() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    let mac = |id: &str| json!({ "device_id": id, "device__family": "Mac" });
    let page = |data: Value, cursor: Value| Answer::Json(json!({ "total": 2, "data": data, "cursor": cursor }));
    bench.answer(
        Resource::Devices,
        Answer::sequence([
            page(json!([mac("a")]), json!("one")),
            page(json!([]), json!("two")),
            page(json!([mac("a"), mac("b")]), json!("three")),
            page(json!([]), json!("four")),
        ]),
    );
    let push = good(&kandji, Source::Push).await.push.unwrap();
    assert_eq!(push.families[&Family::Mac].devices, 2, "each once");
    assert_eq!(bench.reads().len(), 4);
}

#[tokio::test]
async fn the_last_requests_of_the_hour_are_left_to_others() {
    let bench = Bench::new().await;
    let kandji = bench.kandji();
    let rest = Some(Duration::from_secs(20 * 60));
    let left = |remaining| bench.vendor.change(TOKEN, |tenant| tenant.rate = Rate { limit: 1000, remaining });
    bench.vendor.change(TOKEN, |tenant| tenant.page_size = 1);

    left(51);
    good(&kandji, Source::Tokens).await;
    let before = bench.reads().len();
    left(50);
    let stopped = failure(&kandji, Source::Tokens).await;
    assert_eq!((stopped.reason, stopped.retry_after), (Reason::RateLimited, rest), "{stopped}");
    assert!(stopped.message.contains("49 of 1000 requests left in this hour"), "{stopped}");
    assert_eq!(bench.reads().len(), before + 1, "no second page is asked for");

    left(10);
    good(&kandji, Source::Push).await;
    left(0);
    let used_up = failure(&kandji, Source::Push).await;
    assert_eq!((used_up.reason, used_up.retry_after), (Reason::RateLimited, rest), "{used_up}");
}
