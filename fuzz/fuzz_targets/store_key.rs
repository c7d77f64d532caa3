//! Keys in the store: each record has one key, so a key that can be read is the one that would be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weft_model::Keyspace;

fuzz_target!(|path: &str| {
    let keyspace = Keyspace::new("weft");
    // The fuzzer need not guess the root again and again.
    let path = format!("{}{path}", keyspace.root());
    if let Ok(key) = keyspace.parse(&path) {
        assert_eq!(keyspace.path(&key), path);
    }
});
