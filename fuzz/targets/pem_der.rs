//! Any file, as `inspect` reads it, down to the sentences about it.

#![no_main]

use apnswatch::certificate;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let contents = certificate::read(bytes);
    let _ = (contents.kind(), contents.description());
    if let Ok(public) = certificate::read_public(bytes) {
        assert_eq!(public, contents, "what holds no key is read as ever");
    }
});
