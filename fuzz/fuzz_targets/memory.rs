//! What a node remembers of the cluster, after whatever happened to its disk: set aside, or the same when it was written
//! again. In an input, what comes after a line `---` is the log of a base that names `cluster-1.log`.
#![no_main]

use libfuzzer_sys::fuzz_target;

thread_local! {
    // In memory: it is flushed to the disk each time.
    static DIR: tempfile::TempDir = tempfile::tempdir_in("/dev/shm").expect("a directory");
}

const BETWEEN: &[u8] = b"\n---\n";

fuzz_target!(|input: &[u8]| {
    let found = input.windows(BETWEEN.len()).position(|bytes| bytes == BETWEEN);
    let (base, log) = match found {
        Some(at) => (&input[..at], Some(&input[at + BETWEEN.len()..])),
        None => (input, None),
    };
    DIR.with(|dir| {
        if let Some(log) = log {
            std::fs::write(dir.path().join("cluster-1.log"), log).expect("it is written");
        }
        assert_eq!(weft_agent::fuzzed::memory_survives(base, dir.path()), Ok(true));
    });
});
