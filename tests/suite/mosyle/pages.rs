//! Lists of many pages, honest ones and others.

use apnswatch::demo::mosyle::{Answer, FirstPage, Fleet, Paging};
use apnswatch::model::{Family, Reason};
use apnswatch::provider::mosyle::Product;
use serde_json::{Value, json};

use super::bench::{Bench, PRODUCTS, facts, failure, good, macs};

#[tokio::test]
async fn every_device_is_counted_once_wherever_pages_begin() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let tenant = bench.tenant();
        for first in [FirstPage::Zero, FirstPage::One, FirstPage::OneOnly] {
            for paging in [Paging::Honest, Paging::EmptyEnd] {
                for (counted, swapped) in [(true, false), (false, false), (true, true), (false, true)] {
                    for count in [1, 9, 10, 11, 30, 35] {
                        let fleet = Fleet {
                            page_size: 10,
                            first,
                            paging: paging.clone(),
                            swapped,
                            counted,
                            ..Fleet::of(macs(count))
                        };
                        bench.set("mac", Answer::Fleet(fleet.clone()));
                        let facts = facts(&tenant).await;
                        let mac = &facts.push.unwrap().families[&Family::Mac];
                        assert_eq!(mac.devices, count as u64, "{first:?} {paging:?} {counted} {count}");
                        assert_eq!(facts.remarks.len(), 1, "{:?}", facts.remarks);
                    }
                }
            }
        }
        assert_eq!(bench.mosyle.logins(), 1, "no login for each poll");
        bench.assert_read_only();
    }
}

#[tokio::test]
async fn a_small_fleet_takes_one_request() {
    let bench = Bench::new(Product::Manager).await;
    for system in ["ios", "tvos", "visionos"] {
        bench.set(system, Answer::Fleet(Fleet::of(macs(3))));
    }
    good(&bench.tenant()).await;
    assert_eq!((bench.mosyle.logins(), bench.lists()), (1, 4));
}

#[tokio::test]
async fn pages_that_never_end_are_given_up() {
    let bench = Bench::new(Product::Business).await;
    let tenant = bench.tenant();
    let fleet = |paging, counted| Answer::Fleet(Fleet { page_size: 10, paging, counted, ..Fleet::of(macs(25)) });
    for counted in [true, false] {
        let before = bench.lists();
        bench.set("mac", fleet(Paging::Same, counted));
        let same = failure(&tenant).await;
        assert_eq!(same.reason, Reason::Malformed);
        assert!(same.message.ends_with("comes again and again"), "{same}");
        assert_eq!(bench.lists() - before, 3);
    }
    let before = bench.lists();
    bench.set("mac", fleet(Paging::Endless, false));
    let endless = failure(&tenant).await;
    assert_eq!(endless.reason, Reason::Malformed);
    assert!(endless.message.ends_with("does not end after 500 pages"), "{endless}");
    assert_eq!(bench.lists() - before, 500);
}

#[tokio::test]
async fn a_list_that_ends_before_its_number_is_no_list() {
    for product in PRODUCTS {
        let bench = Bench::new(product).await;
        let tenant = bench.tenant();
        for end in [Answer::Inner("DEVICES_NOTFOUND"), Answer::Fleet(Fleet::of([]))] {
            let ended = Paging::Fails(Box::new(end));
            bench.set("mac", Answer::Fleet(Fleet { page_size: 10, paging: ended, ..Fleet::of(macs(25)) }));
            let short = failure(&tenant).await;
            assert_eq!(short.reason, Reason::Malformed);
            assert!(short.message.ends_with("the list of mac devices ends before its own number"), "{short}");
        }
        bench.set("mac", Answer::Fleet(Fleet { page_size: 10, ..Fleet::of(macs(25)) }));
        assert_eq!(good(&tenant).await.families[&Family::Mac].devices, 25);
    }
}

#[tokio::test]
async fn the_number_of_rows_on_a_page_is_not_that_of_the_list() {
    let bench = Bench::new(Product::Manager).await;
    let tenant = bench.tenant();
    let page = |devices: Vec<Value>| {
        let rows = devices.len();
        Answer::Json(json!({ "status": "OK", "response": { "devices": devices, "rows": rows, "page_size": 10 } }))
    };
    let twice = macs(9).chain(macs(1)).collect();
    let pages = [page(twice), page(macs(14).skip(9).collect()), page(vec![])];
    bench.set("mac", Answer::sequence(pages));
    assert_eq!(good(&tenant).await.families[&Family::Mac].devices, 14);
}
