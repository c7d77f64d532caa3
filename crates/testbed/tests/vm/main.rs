//! The tests of `--test weft` on kernels that users have: Debian's, each booted in a virtual machine.
//!
//! In the machine runs what cargo built here: weft, and the test program of `--test weft`. It is the same program, so
//! there are no other tests to keep. The machine's files are a few programs of this machine with their libraries, and
//! the kernel's modules, which it loads by itself when they are needed, as on any host.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

mod built;
mod console;
mod files;
mod kernel;
mod machine;
mod selection;

use kernel::Kernel;
use selection::{LONG, ROUNDS, SHORT, WIDE};
use std::{
    env,
    sync::{Mutex, PoisonError},
};

/// Each of these machines takes all processors of this one.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Runs `tests` of `--test weft`, or those of `WEFT_VM_TESTS`, on Debian's kernel `version`.
///
/// # Panics
/// When not all of them pass.
#[track_caller]
fn passes(version: &str, tests: &[&str]) {
    passes_in_time(version, tests, tests.len());
}

/// The same of tests that take as long as `count` tests.
#[track_caller]
fn passes_in_time(version: &str, tests: &[&str], count: usize) {
    let asked = env::var("WEFT_VM_TESTS").unwrap_or_default();
    let asked: Vec<_> = asked.split_whitespace().collect();
    let tests = if asked.is_empty() { tests } else { &asked };
    let Some(kernel) = Kernel::of_debian(version) else { return };
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // What a killed test leaves lies with the rest of what was built.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cargo made it");
    let initramfs = files::initramfs(&kernel, directory.path(), tests);
    let report = machine::run(&kernel, &initramfs, count.max(tests.len()));
    report.judge(version, tests);
}

#[test]
fn debian_12_linux_6_1() {
    passes("6.1", SHORT);
}

#[test]
#[ignore = "takes minutes: make vm-test"]
fn debian_12_linux_6_1_widely() {
    passes("6.1", WIDE);
}

#[test]
#[ignore = "takes minutes: make vm-test"]
fn debian_11_linux_5_10_widely() {
    passes("5.10", WIDE);
}

#[test]
#[ignore = "takes minutes: make vm-test"]
fn debian_12_linux_6_1_encrypts_for_two_hundred_rounds() {
    passes_in_time("6.1", ROUNDS, LONG);
}

#[test]
#[ignore = "takes minutes: make vm-test"]
fn debian_11_linux_5_10_encrypts_for_two_hundred_rounds() {
    passes_in_time("5.10", ROUNDS, LONG);
}

#[test]
#[ignore = "takes minutes: make vm-test"]
fn debian_13_linux_6_12_widely() {
    passes("6.12", WIDE);
}
