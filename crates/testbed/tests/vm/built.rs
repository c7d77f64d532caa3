//! What cargo built: the programs that run in the machine.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};
use weft_testbed::checkout;

/// A test that is only in the program that is looked for.
const ONE_OF_ITS_TESTS: &str = "data_plane::there_is_a_way_out_and_a_way_in: test";
const BUILD: &str = "cargo test --package weft-testbed --test weft --no-run";

/// The program of `--test weft` that was built as this test was, and last.
///
/// # Panics
/// When there is none, or its sources have changed since.
#[track_caller]
pub(crate) fn test_program() -> PathBuf {
    let this = std::env::current_exe().expect("a running program has a path");
    let directory = this.parent().expect("a program is in a directory");
    let mut candidates: Vec<_> = entries(directory).into_iter().filter(|path| may_be_it(path)).collect();
    candidates.sort_by_key(|path| modified(path));
    let found = candidates.into_iter().rev().find(|path| is_it(path));
    let found = found.unwrap_or_else(|| panic!("the test `weft` was not built: {BUILD}"));
    let testbed = checkout().join("crates/testbed");
    for source in ["src", "tests/weft"].iter().flat_map(|part| entries(&testbed.join(part))) {
        assert!(
            modified(&source) <= modified(&found),
            "the test `weft` was built before {} was changed: {BUILD}",
            source.display()
        );
    }
    found
}

/// `weft-` and the digits that cargo adds. weft itself and its unit tests have such names, too.
fn may_be_it(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let digits = name.strip_prefix("weft-").unwrap_or_default();
    let runs = || fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o100 != 0);
    !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit()) && runs()
}

fn is_it(path: &Path) -> bool {
    let listed = Command::new(path).args(["--list", "--format", "terse"]).output();
    listed.is_ok_and(|listed| {
        String::from_utf8_lossy(&listed.stdout).lines().any(|line| line == ONE_OF_ITS_TESTS)
    })
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

fn modified(path: &Path) -> SystemTime {
    let modified = fs::metadata(path).and_then(|file| file.modified());
    modified.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
