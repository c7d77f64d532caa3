//! What `weft setup docker` finds.

use serde_json::Value;
use weft_testbed::Host;

const SETUP: [&str; 5] = ["weft", "setup", "docker", "--format", "json"];

/// What the checks came to, whether the command then succeeded or not.
#[track_caller]
pub(crate) fn setup(host: &Host, more: &[&str]) -> (Value, bool) {
    let output = host.output(&[&SETUP, more].concat());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in:\n{printed}"));
    (report, output.status.success())
}

#[track_caller]
pub(crate) fn finding<'r>(report: &'r Value, check: &str) -> &'r Value {
    let findings = report["findings"].as_array().expect("there is a list of findings");
    findings.iter().find(|finding| finding["check"] == check).expect("each check has a finding")
}
