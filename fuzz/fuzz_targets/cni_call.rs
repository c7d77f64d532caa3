//! What runtimes say to the CNI plugin: read without a panic; what is asked of the agent then is what the agent takes, and a
//! failure has a code.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_api::v1;

fuzz_target!(|input: (&str, &[u8])| {
    match weft::fuzzed::cni_call(input.0, input.1) {
        Ok(asked) => drop(serde_json::from_str::<v1::Attach>(&asked).unwrap()),
        Err(failure) => assert!(serde_json::from_str::<serde_json::Value>(&failure).unwrap()["code"].is_u64()),
    }
});
