//! Hosts that are copied.

use crate::host::Host;
use std::process::Command;

impl Host {
    /// Puts a copy of the directory `path` of this host on another, with owners, modes and times, in the place of what
    /// was there.
    #[track_caller]
    pub fn copy_directory_to(&self, path: &str, other: &Self) {
        let (from, to) = (self.root(), other.root());
        other.run(&["rm", "-rf", path]);
        let status =
            Command::new("cp").args(["--archive", &format!("{from}{path}"), &format!("{to}{path}")]).status();
        assert!(status.expect("cp can be run").success(), "{}: cannot copy {path}", self.name());
    }

    /// Makes the other machine a clone of this one, as far as weft looks: its data directory and its machine-id.
    #[track_caller]
    pub fn clone_to(&self, other: &Self) {
        self.copy_directory_to("/var/lib/weft", other);
        self.copy_directory_to("/etc/machine-id", other);
    }
}
