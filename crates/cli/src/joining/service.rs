//! The agent's unit.

use anyhow::{Context, bail};
use std::{path::Path, process::Command};

/// The agent.
const UNIT: &str = "weft.service";

/// Whether systemd runs here, and has the agent's unit.
pub(super) fn is_there() -> bool {
    // As sd_booted(3) finds out.
    Path::new("/run/systemd/system").is_dir() && systemctl(&["cat", UNIT]).is_ok()
}

/// Stops the agent, and returns when all of that is over: what follows the end of one whose host left its cluster disables
/// the unit.
///
/// # Errors
/// What systemd says.
pub(super) fn stop() -> anyhow::Result<()> {
    systemctl(&["stop", UNIT])
}

/// Starts the agent anew, now and at each boot. Returns when it is ready, or systemd has given up.
///
/// # Errors
/// What systemd says, and where to read on.
pub(super) fn start() -> anyhow::Result<()> {
    stop()?;
    systemctl(&["enable", "--quiet", UNIT])?;
    systemctl(&["start", UNIT]).context("the agent does not start: `journalctl -u weft` says why")
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<()> {
    let said = Command::new("systemctl").args(arguments).output().context("cannot run systemctl")?;
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr);
        bail!("systemctl {}: {}", arguments.join(" "), why.trim());
    }
    Ok(())
}
