//! Profiles, signed or not: CMS in DER and BER, property lists in XML and binary.

#![no_main]

use apnswatch::certificate::profile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = profile::read(bytes);
    let _ = profile::topic(bytes);
});
