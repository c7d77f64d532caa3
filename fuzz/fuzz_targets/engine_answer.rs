//! What an engine may answer, and what may come as an event: parsed, or an error that fits into a log.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use weft_docker::engine::{Container, EngineEvent, Info, Network, NetworkList, Version};

fn check<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

fuzz_target!(|json: &[u8]| {
    check::<Version>(json);
    check::<Info>(json);
    check::<Network>(json);
    check::<Container>(json);
    check::<Vec<Container>>(json);
    let _ = EngineEvent::parse(json);
    if let Some(list) = check::<NetworkList>(json) {
        // A network is in one of the lists, whatever is wrong with it.
        let all: Vec<serde_json::Value> = serde_json::from_slice(json).expect("it was a list");
        assert_eq!(list.networks.len() + list.foreign.len(), all.len());
        assert!(list.foreign.iter().all(|network| network.why.chars().count() <= 300));
    }
});
