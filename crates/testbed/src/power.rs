//! A host's power.

use crate::{host::Host, need::checkout};
use std::process::Command;

impl Host {
    /// Pulls the plug: every process of this host ends, and its network is gone. Its disk stays.
    #[track_caller]
    pub fn power_off(&self) {
        let script = format!("ip link delete {0}; kill -KILL \"$(cat /run/lab/{0}/process)\"", self.name());
        let lab = format!("/proc/{}/ns", self.lab());
        let status = Command::new("nsenter")
            .args([format!("--net={lab}/net"), format!("--mount={lab}/mnt")])
            .arg(format!("--pid={lab}/pid_for_children"))
            .args(["--", "sh", "-c", &script])
            .status();
        assert!(status.expect("nsenter can be run").success(), "{}: cannot be powered off", self.name());
    }

    /// Starts it again after [`power_off`](Self::power_off): with its disk, and nothing running.
    #[track_caller]
    pub fn power_on(&self) {
        let status = Command::new(checkout().join("scripts/lab"))
            .args(["power-on", &self.lab().to_string(), self.name()])
            .status();
        assert!(status.expect("scripts/lab can be run").success(), "{}: does not come up", self.name());
    }
}
