//! Podman on a host: 5.4 with netavark 1.14, as Debian 13 has them, with weft as netavark's plugin.

use crate::{
    host::{Host, search_path},
    need::{checkout, need, unpacked},
};
use std::process::Command;

/// Podman, which has no daemon. It has the images `busybox` and `nginx`.
#[derive(Debug)]
pub struct Podman {
    host: Host,
}

impl Podman {
    #[track_caller]
    pub(crate) fn install(host: &Host) -> Option<Self> {
        if !need("Podman under target/tools: scripts/tools, on Debian", unpacked("podman").is_some()) {
            return None;
        }
        let mut lab = Command::new(checkout().join("scripts/lab"));
        lab.args(["podman", &host.lab().to_string(), host.name()]).env("PATH", search_path());
        assert!(lab.status().expect("scripts/lab can be run").success(), "{}: no Podman", host.name());
        Some(Self { host: host.clone() })
    }

    /// The host it is on.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Runs a line of the podman command, which should succeed, and returns what it printed, without the line's end. Words
    /// are separated by spaces, and nothing is quoted.
    #[track_caller]
    pub fn podman(&self, line: &str) -> String {
        self.host.run(&words(line)).trim_end().to_owned()
    }

    /// As [`podman`](Self::podman), of a line that should fail: what it said on standard error.
    #[track_caller]
    pub fn refused(&self, line: &str) -> String {
        self.host.refused(&words(line))
    }

    /// Whether a line of the podman command succeeds.
    #[track_caller]
    pub fn succeeds(&self, line: &str) -> bool {
        self.host.output(&words(line)).status.success()
    }
}

fn words(line: &str) -> Vec<&str> {
    ["podman"].into_iter().chain(line.split_whitespace()).collect()
}
