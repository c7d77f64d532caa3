//! `--cluster-store`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_store::{InvalidUrl, StoreUrl};

fuzz_target!(|text: &str| {
    let Ok(url) = text.parse::<StoreUrl>() else { return };
    match url.to_string().parse() {
        // Default ports are written out, which can make it longer than what is taken.
        Err(InvalidUrl::Long) => {}
        again => assert_eq!(again, Ok(url)),
    }
});
