//! Bodies that weft's own clients send, and answers that its agent sends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use weft_api::v1::{Attach, Endpoint, Node, Process, Run, Status};

/// What can be read can be read again after it was written.
fn check<T: Serialize + DeserializeOwned>(json: &[u8]) {
    if let Ok(body) = serde_json::from_slice::<T>(json) {
        let written = serde_json::to_vec(&body).expect("it can be written");
        serde_json::from_slice::<T>(&written).expect("what was written can be read");
    }
}

fuzz_target!(|json: &[u8]| {
    check::<Attach>(json);
    check::<Run>(json);
    check::<Endpoint>(json);
    check::<Node>(json);
    check::<Process>(json);
    check::<Status>(json);
});
