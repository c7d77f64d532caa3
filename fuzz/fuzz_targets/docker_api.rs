//! Bodies and filters that Docker's clients send.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use weft_api::docker::{Connect, CreateNetwork, Disconnect, Filters};

/// What can be read can be read again after it was written.
fn check<T: Serialize + DeserializeOwned>(json: &[u8]) {
    if let Ok(body) = serde_json::from_slice::<T>(json) {
        let written = serde_json::to_vec(&body).expect("it can be written");
        serde_json::from_slice::<T>(&written).expect("what was written can be read");
    }
}

fuzz_target!(|json: &[u8]| {
    check::<CreateNetwork>(json);
    check::<Connect>(json);
    check::<Disconnect>(json);
    if let Ok(filters) =
        str::from_utf8(json).map_err(drop).and_then(|text| Filters::parse(text).map_err(drop))
    {
        assert_eq!(Filters::parse(&filters.to_json()).expect("it was written by us"), filters);
    }
});
