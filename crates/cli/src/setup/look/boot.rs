//! What systemd knows.

use super::program;
use crate::setup::facts::{Boot, Unit};
use std::path::Path;

/// Nothing where systemd does not run (sd_booted(3)).
pub(super) async fn boot() -> Option<Boot> {
    if !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    Some(Boot { weft: unit("weft.service").await, docker: unit("docker.service").await })
}

async fn unit(name: &str) -> Unit {
    let properties = "--property=LoadState,UnitFileState,ActiveState,Before";
    // One that is not there is shown, too, as such.
    program::output("systemctl", &["show", properties, name])
        .await
        .map(|shown| parse(&shown))
        .unwrap_or_default()
}

/// `LoadState=loaded` and the like, one a line.
fn parse(shown: &str) -> Unit {
    let property = |key| shown.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let before = property("Before").unwrap_or_default();
    Unit {
        loaded: property("LoadState") == Some("loaded"),
        enabled: property("UnitFileState").is_some_and(|state| state.starts_with("enabled")),
        failed: property("ActiveState") == Some("failed"),
        before: before.split_whitespace().map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_systemctl_shows() {
        let unit = parse(
            "LoadState=loaded\nUnitFileState=enabled\nActiveState=failed\nBefore=docker.service shutdown.target\n",
        );
        assert!(unit.loaded && unit.enabled && unit.failed);
        assert_eq!(unit.before, ["docker.service", "shutdown.target"]);
        assert_eq!(parse("LoadState=not-found\nUnitFileState=\nBefore=\n"), Unit::default());
        assert_eq!(parse(""), Unit::default());
    }
}
