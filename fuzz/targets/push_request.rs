//! Push requests as Jamf and Intune give them, and what is inside.

#![no_main]

use apnswatch::certificate::push_request;
use chrono::DateTime;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(Ok(request)) = push_request::read(bytes) {
        let _ = request.findings_at(DateTime::UNIX_EPOCH);
    }
});
