//! The verdict about any file, which is the request, the key and the CA at the same time.

#![no_main]

use std::sync::LazyLock;

use apnswatch::certificate::preflight::{Baseline, Evidence, judge, newest};
use apnswatch::certificate::{self, key};
use apnswatch::model::Topic;
use chrono::{DateTime, Utc};
use libfuzzer_sys::fuzz_target;

/// What is in use: the topic of the seeds.
static BASELINE: LazyLock<Baseline> = LazyLock::new(|| Baseline {
    topic: Topic::parse("com.apple.mgmt.External.11111111-2222-4333-8444-555555555555"),
    account: Some("apns@example.com".to_owned()),
    ..Baseline::default()
});

/// The seeds are made today and end in a year; at this moment none has ended.
const NOW: DateTime<Utc> = DateTime::from_timestamp(1_767_600_000, 0).unwrap();

fuzz_target!(|bytes: &[u8]| {
    let contents = certificate::read(bytes);
    let evidence = Evidence {
        request: Some(Evidence::request_in(&contents)),
        key: Some(Evidence::key_in(key::public_half(bytes))),
        push_ca: Some(Evidence::push_ca_in(&contents)),
    };
    let judged = judge(&contents, &BASELINE, &evidence, NOW);
    assert!(!judged.reasons.is_empty() && !judged.next.is_empty(), "every verdict has a reason and a next step");
    // A certificate against itself: never a renewal.
    if let Some(present) = newest(&contents) {
        let known = Baseline {
            topic: present.topic().cloned(),
            not_after: Some(present.not_after),
            serial: present.serial.clone(),
            key: Some(present.key.clone()),
            ..BASELINE.clone()
        };
        let again = judge(&contents, &known, &Evidence::default(), NOW);
        assert!(!matches!(again.verdict.as_str(), "renewal" | "renewal_with_warning"), "{again:?}");
    }
});
