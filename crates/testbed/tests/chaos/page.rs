//! docs/failure.md tells of every scenario, of none that is not played, and of what is to be read meanwhile.

use crate::scenario::Scenario;
use libtest_mimic::{Failed, Trial};
use std::{collections::BTreeSet, fs};
use weft_testbed::checkout;

/// What the line begins with that names the scenarios of a section.
const PLAYED: &str = "Played by ";

pub(crate) fn trial(scenarios: &[Scenario]) -> Trial {
    let scenarios = scenarios.to_vec();
    Trial::test("docs/failure.md tells of every scenario", move || check(&scenarios))
}

fn check(scenarios: &[Scenario]) -> Result<(), Failed> {
    let page = fs::read_to_string(checkout().join("docs/failure.md"))?;
    let played = page.split("\n\n").filter_map(|paragraph| paragraph.trim().strip_prefix(PLAYED));
    // Every other piece between back-ticks is inside them.
    let told: BTreeSet<&str> = played.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
    let there: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let mut wrong: Vec<String> =
        told.difference(&there).map(|name| format!("{name} is no scenario")).collect();
    wrong.extend(there.difference(&told).map(|name| format!("{name} is not told of")));
    for scenario in scenarios {
        let unsaid = scenario.says.iter().filter(|text| !page.contains(**text));
        wrong.extend(unsaid.map(|text| format!("{text:?}, as in {}, is not on the page", scenario.name)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}
