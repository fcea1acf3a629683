//! What Mosyle answers, and what is made of it.

use std::time::Duration;

use apnswatch::demo::mosyle::{Answer, Fleet, Paging, Simulator, device};
use apnswatch::model::{Family, Reason, Source};
use apnswatch::provider::Provider as _;
use apnswatch::provider::access::Verdict;
use apnswatch::provider::mosyle::Product;
use serde_json::{Value, json};

use super::bench::{ACCESS_TOKEN, Bench, PRODUCTS, ago, facts, failure, good, macs, now, poll};

#[tokio::test]
async fn macs_have_a_control_and_other_devices_have_none() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let silent = (0..4).map(|index| device(&format!("silent-{index}"), "Mac14,2", ago(1), ago(100)));
        let off = [device("off", "Mac14,2", ago(30), ago(100)), device("new", "Mac14,2", ago(1), None)];
        bench.set("mac", Answer::Fleet(Fleet::of(macs(12).chain(silent).chain(off))));
        let phones = [
            device("phone", "iPhone15,2", ago(1), ago(3)),
            device("pod", "iPod touch", None, None),
            device("pad", "iPad Air", ago(1), ago(500)),
            device("odd", "", None, ago(9)),
        ];
        bench.set("ios", Answer::Fleet(Fleet::of(phones)));
        bench.set("tvos", Answer::Fleet(Fleet::of([device("tv", "AppleTV6,2", ago(1), ago(2))])));
        bench.set("visionos", Answer::Fleet(Fleet::of([device("vision", "", None, ago(4))])));

        let tenant = bench.tenant();
        let facts = facts(&tenant).await;
        let health = facts.push.unwrap();
        let told: Vec<_> = health.families.iter().map(|(family, of)| (*family, of.devices, of.last_checkin)).collect();
        let mut expected = vec![
            (Family::Iphone, 2, ago(3)),
            (Family::Ipad, 1, ago(500)),
            (Family::Mac, 18, ago(20)),
            (Family::AppleTv, 1, ago(2)),
            (Family::Vision, 1, ago(4)),
            (Family::Other, 1, ago(9)),
        ];
        // Business knows no such system.
        expected.retain(|(family, ..)| *family != Family::Vision || product == Product::Manager);
        assert_eq!(told, expected);
        let mac = &health.families[&Family::Mac];
        // The one that is off is not alive, and of the new one nobody knows whether it answers.
        assert_eq!((mac.alive, mac.silent, mac.silent_ratio()), (Some(16), Some(4), Some(0.25)));
        for (family, of) in &health.families {
            assert_eq!(of.alive.is_some(), *family == Family::Mac, "{family}");
        }
        assert_eq!(facts.remarks.len(), 1);
        assert!(facts.remarks[0].contains("weak sign"), "{:?}", facts.remarks);
        let name = if product == Product::Business { "Mosyle Business" } else { "Mosyle Manager" };
        assert_eq!(*facts.origin, *format!("{}, {name}", bench.mosyle.url(product)));
        assert_eq!((tenant.identity(), tenant.host()), (facts.origin.to_string(), bench.mosyle.address().to_string()));
        assert_eq!((facts.certificate, facts.tokens), (None, None));
        bench.assert_read_only();
    }
}

#[tokio::test]
async fn a_tenant_without_devices_is_an_answer_and_one_that_is_off_is_not_asked() {
    let bench = Bench::new(Product::Manager).await;
    bench.set("mac", Answer::Fleet(Fleet::of([])));
    let tenant = bench.tenant();
    assert_eq!(good(&tenant).await, Default::default());
    assert_eq!(bench.lists(), 8, "page 0 and page 1 for four systems, for nobody knows which is the first");
    for source in Source::ALL.into_iter().filter(|source| *source != Source::Push) {
        let refused = tenant.poll(source, now()).await.failure.unwrap();
        assert_eq!(refused.reason, Reason::NotFound, "{source}");
    }
    let mut settings = bench.settings();
    settings.push = false;
    let off = apnswatch::provider::mosyle::Mosyle::new(&settings, &Default::default(), Duration::from_secs(1)).unwrap();
    assert_eq!((off.sources(), off.access(now()).await), (vec![], vec![]));
    bench.assert_read_only();
}

#[tokio::test]
async fn every_bad_answer_has_one_reason() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let (patient, hasty) = (bench.tenant(), bench.hasty());
        let pause = |seconds| Some(Duration::from_secs(seconds));
        let devices = |devices: Value| Answer::Json(json!({ "status": "OK", "response": { "devices": devices } }));
        for (answer, reason, retry_after) in [
            (Answer::Inner("ERROR"), Reason::Http, None),
            (Answer::Inner("MISSING_DATA"), Reason::Http, None),
            (Answer::Inner("INVALID DATA"), Reason::Http, None),
            (Answer::Inner("S3CRET"), Reason::Http, None),
            (Answer::Status(401, None), Reason::Auth, None),
            (Answer::Echo401, Reason::Auth, None),
            (Answer::Status(403, None), Reason::Forbidden, None),
            (Answer::PlainText404, Reason::NotFound, None),
            (Answer::Html(404), Reason::NotFound, None),
            (Answer::Status(405, None), Reason::Http, None),
            (Answer::Status(429, None), Reason::RateLimited, None),
            (Answer::Status(429, Some("17".to_owned())), Reason::RateLimited, pause(17)),
            (Answer::Status(500, None), Reason::Http, None),
            (Answer::Status(503, Some("30".to_owned())), Reason::Http, pause(30)),
            (Answer::Empty(500), Reason::Http, None),
            (Answer::Empty(200), Reason::Malformed, None),
            (Answer::Empty(204), Reason::Malformed, None),
            (Answer::Html(200), Reason::Malformed, None),
            (Answer::Json(json!(null)), Reason::Malformed, None),
            (Answer::Json(json!({})), Reason::Malformed, None),
            (devices(json!(null)), Reason::Malformed, None),
            (devices(json!([7])), Reason::Malformed, None),
            (devices(json!([{}])), Reason::Malformed, None),
            (devices(json!([{ "deviceudid": 7, "date_info": null }])), Reason::Malformed, None),
            (devices(json!([{ "deviceudid": "a", "date_info": [], "date_last_beat": "1" }])), Reason::Malformed, None),
            (Answer::Huge(50_000_000), Reason::Malformed, None),
            (Answer::Truncated, Reason::Connect, None),
            (Answer::CloseConnection, Reason::Connect, None),
            (Answer::Redirect("https://new.example.com/s3cret".to_owned()), Reason::Http, None),
            (Answer::Redirect("/elsewhere".to_owned()), Reason::Http, None),
            (Answer::Hang, Reason::Timeout, None),
            (Answer::Trickle(Duration::from_millis(20)), Reason::Timeout, None),
        ] {
            let tenant = if reason == Reason::Timeout { &hasty } else { &patient };
            // The first page, and a later one.
            let paging = Paging::Fails(Box::new(answer.clone()));
            let later = Fleet { page_size: 10, paging, ..Fleet::of(macs(25)) };
            for answer in [answer.clone(), Answer::Fleet(later)] {
                bench.set("mac", answer.clone());
                let failure = failure(tenant).await;
                assert_eq!((failure.reason, failure.retry_after), (reason, retry_after), "{answer:?}: {failure}");
                let shown = failure.message.to_lowercase();
                assert!(!shown.contains("s3cret") && !shown.contains("simulated.") && shown.len() < 400, "{failure}");
            }
            bench.set("mac", Answer::Fleet(Fleet::of(macs(12))));
            assert_eq!(good(&patient).await.families[&Family::Mac].devices, 12);
        }
        bench.assert_read_only();
    }
}

#[tokio::test]
async fn a_column_that_is_gone_is_not_silence() {
    let bench = Bench::new(Product::Manager).await;
    let tenant = bench.tenant();
    let without = |column: &str| {
        let mut devices: Vec<Value> = macs(12).collect();
        for device in &mut devices {
            device.as_object_mut().unwrap().remove(column);
        }
        devices
    };
    for column in ["date_info", "date_last_beat", "deviceudid"] {
        bench.set("mac", Answer::Fleet(Fleet::of(without(column))));
        assert_eq!(failure(&tenant).await.reason, Reason::Malformed, "{column}");
    }
    // One device that lacks it says nothing about the others, and text that is no moment says nothing at all.
    let mut odd = without("date_info")[0].clone();
    odd["deviceudid"] = json!("odd");
    let mut unreadable = odd.clone();
    unreadable["deviceudid"] = json!("unreadable");
    unreadable["date_info"] = json!("yesterday");
    let mut nameless = odd.clone();
    nameless["deviceudid"] = json!(null);
    bench.set("mac", Answer::Fleet(Fleet::of(macs(12).chain([odd, unreadable, nameless]))));
    let facts = facts(&tenant).await;
    let mac = &facts.push.unwrap().families[&Family::Mac];
    assert_eq!((mac.devices, mac.alive, mac.silent), (14, Some(12), Some(0)));
    assert_eq!(
        facts.remarks[1..],
        [
            "Some mac devices have no identifier and are not counted.",
            "Mosyle gave moments of mac devices that cannot be read.",
        ]
    );
}

#[tokio::test]
async fn a_redirect_takes_no_secret_to_another_host() {
    let bench = Bench::new(Product::Business).await;
    let other = Simulator::start().await.unwrap();
    let tenant = bench.tenant();
    bench.set("mac", Answer::Redirect(format!("{}/devices?x=s3cret", other.url(Product::Business))));
    let moved = failure(&tenant).await;
    assert!(moved.message.contains(&format!("has moved to http://{}", other.address())), "{moved}");
    assert!(!moved.message.contains("s3cret"), "{moved}");
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn access_says_what_the_login_may_read() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let tenant = bench.tenant();
        let told = tenant.access(now()).await;
        let endpoint = if product == Product::Business { "POST /devices (list)" } else { "POST /listdevices (list)" };
        assert_eq!((told.len(), told[0].endpoint.as_str(), &told[0].verdict), (1, endpoint, &Verdict::Allowed));
        assert_eq!((told[0].source, told[0].privilege), (Source::Push, "Device View"));
        assert_eq!(bench.lists(), 1);

        bench.set("mac", Answer::Status(403, None));
        assert!(matches!(&tenant.access(now()).await[0].verdict, Verdict::Denied(_)));
        bench.set("mac", Answer::PlainText404);
        assert!(matches!(&tenant.access(now()).await[0].verdict, Verdict::NotReached(_)));
        bench.mosyle.change(ACCESS_TOKEN, |account| account.password = "changed".to_owned());
        bench.mosyle.revoke_tokens();
        assert!(matches!(&tenant.access(now()).await[0].verdict, Verdict::LoginRefused(_)));
        bench.assert_read_only();
    }
}

#[tokio::test]
async fn a_mosyle_that_went_away_is_a_failure_until_it_is_back() {
    let mut bench = Bench::new(Product::Manager).await;
    let tenant = bench.tenant();
    good(&tenant).await;
    bench.mosyle.stop().await;
    assert_eq!(failure(&tenant).await.reason, Reason::Connect);
    bench.mosyle.restart().await.unwrap();
    good(&tenant).await;
    assert_eq!(poll(&tenant).await.failure, None);
}
