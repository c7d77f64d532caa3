//! What `weft join` reads.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_trust::JoinToken;

fuzz_target!(|text: &str| {
    let Ok(token) = text.parse::<JoinToken>() else { return };
    assert_eq!(token.to_string().parse(), Ok(token));
});
