//! Files of the journal, after whatever happened to the disk: set aside, or read and written again as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| assert!(weft_agent::fuzzed::journal_survives(file)));
