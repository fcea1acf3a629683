//! The public half of a private key, in PEM or DER.

#![no_main]

use apnswatch::certificate::key;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = key::public_half(bytes);
});
