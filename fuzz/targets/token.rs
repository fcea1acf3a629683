//! Server tokens of Automated Device Enrolment and content tokens of Apps and Books.

#![no_main]

use apnswatch::certificate::token;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some(token) = token::read(bytes) {
        let _ = (token.not_after(), token.findings());
    }
});
