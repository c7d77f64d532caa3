//! What agents ask each other, and answer: the other may be a liar. Whatever is read says the same when it is written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use weft_model::ServicePort;
use weft_trust::{MemberReply, MemberRequest};

fn again<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(read) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_value(&read).unwrap();
        let read: T = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), written);
    }
}

fuzz_target!(|bytes: &[u8]| {
    again::<MemberRequest>(bytes);
    again::<MemberReply>(bytes);
    if let Some(port) = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<ServicePort>().ok()) {
        assert_eq!(port.to_string().parse(), Ok(port));
    }
});
