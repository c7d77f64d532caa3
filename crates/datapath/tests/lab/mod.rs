//! Hosts for these tests: threads with network and mount namespaces of their own, in a process whose
//! namespaces go when it does.
#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

mod host;
mod sabotage;
mod wanted;

pub use host::{Host, block_on};
pub use sabotage::{SABOTAGE, everything};
pub use wanted::{Wanted, mac};

use std::{env, process::Command};

const INSIDE: &str = "WEFT_TEST_INSIDE";

/// Runs `test` in a process of its own with namespaces of its own; the process runs this same test again.
/// Skips it, loudly, where that is not allowed; fails there if `CI` is set.
pub fn isolated(test: fn()) {
    if env::var_os(INSIDE).is_some() {
        return test();
    }
    if !rustix::process::geteuid().is_root() {
        assert!(env::var_os("CI").is_none(), "this test needs root");
        eprintln!("SKIPPED: this test needs root");
        return;
    }
    let name = std::thread::current().name().unwrap().to_owned();
    let status = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc"])
        .arg(env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .expect("unshare (util-linux) can be run");
    assert!(status.success(), "{name} failed inside its namespaces");
}

/// Runs a shell command in the calling thread's namespaces, and gives what it printed.
#[track_caller]
pub fn sh(command: &str) -> String {
    let output = Command::new("sh").args(["-euc", command]).output().unwrap();
    assert!(
        output.status.success(),
        "`{command}`: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
