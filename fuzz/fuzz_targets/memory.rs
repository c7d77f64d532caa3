//! What a node remembers of the cluster, after whatever happened to its disk: set aside, or the same when it was written
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;

thread_local! {
    // In memory: it is flushed to the disk each time.
    static DIR: tempfile::TempDir = tempfile::tempdir_in("/dev/shm").expect("a directory");
}

fuzz_target!(|file: &[u8]| {
    DIR.with(|dir| assert_eq!(weft_agent::fuzzed::memory_survives(file, dir.path()), Ok(true)));
});
