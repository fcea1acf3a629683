//! Containers, with the password of the seeds and without one.

#![no_main]

use apnswatch::certificate::pkcs12;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = pkcs12::is_pkcs12(bytes);
    for password in [None, Some("seed")] {
        let _ = pkcs12::open(bytes, password);
    }
});
