//! What Podman's network program writes to its plugin: read without a panic, and what is asked of the agent then is what the
//! agent takes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_api::{docker, v1};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(asked) = weft::fuzzed::netavark_call(bytes) {
        let attach = serde_json::from_str::<v1::Attach>(&asked).is_ok();
        assert!(attach || serde_json::from_str::<docker::CreateNetwork>(&asked).is_ok(), "{asked}");
    }
});
