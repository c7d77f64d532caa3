//! The file of events, after whatever happened to the disk: each line an event that survives being written, or none.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| assert!(weft_agent::fuzzed::events_survive(file)));
