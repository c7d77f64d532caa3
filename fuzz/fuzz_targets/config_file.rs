//! The configuration file: taken, or refused with a reason that fits on a screen.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(why) = weft::fuzzed::configuration(text) {
        // The line that is wrong is quoted.
        assert!(!why.is_empty() && why.len() < 4000 + 4 * text.len());
    }
});
