//! docs/failure.md tells of every scenario, of none that is not played, and quotes what is looked for.

use crate::scenario::Scenario;
use libtest_mimic::{Failed, Trial};
use std::{collections::BTreeSet, fs};
use weft_testbed::checkout;

/// What the line begins with that names the scenarios of a section.
const PLAYED: &str = "Played by ";
/// And in the sections of what other tests look at.
const CHECKED: &str = "\nChecked by ";

pub(crate) fn trial(scenarios: &[Scenario]) -> Trial {
    let scenarios = scenarios.to_vec();
    Trial::test("docs/failure.md tells of every scenario", move || check(&scenarios))
}

fn check(scenarios: &[Scenario]) -> Result<(), Failed> {
    let page = fs::read_to_string(checkout().join("docs/failure.md"))?;
    let sections: Vec<_> = page.split("\n## ").skip(1).map(Section::read).collect();
    let told: BTreeSet<&str> = sections.iter().flat_map(|section| section.played.iter().copied()).collect();
    let there: BTreeSet<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    let mut wrong: Vec<String> =
        told.difference(&there).map(|name| format!("{name} is no scenario")).collect();
    wrong.extend(there.difference(&told).map(|name| format!("{name} is not told of")));
    for section in sections.iter().filter(|section| !section.checked_elsewhere) {
        if section.played.is_empty() {
            wrong.push(format!("{}: nothing plays it", section.title));
        }
        let played = scenarios.iter().filter(|scenario| section.played.contains(scenario.name));
        let said: BTreeSet<&str> = played.flat_map(|scenario| scenario.says.iter().copied()).collect();
        let unsaid = said.iter().filter(|text| !section.quoted.iter().any(|line| line.contains(**text)));
        wrong.extend(unsaid.map(|text| format!("{}: {text:?} is looked for, and not quoted", section.title)));
        let unheard = section.quoted.iter().filter(|line| !said.iter().any(|text| line.contains(text)));
        wrong.extend(unheard.map(|line| format!("{}: nobody looks for {line:?}", section.title)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// A section of the page.
struct Section<'p> {
    title: &'p str,
    /// The scenarios that play what it tells.
    played: BTreeSet<&'p str>,
    /// Lines of a log, of `weft status`, of an error: in blocks that are no commands.
    quoted: Vec<&'p str>,
    checked_elsewhere: bool,
}

impl<'p> Section<'p> {
    fn read(text: &'p str) -> Self {
        let played = text.split("\n\n").filter_map(|paragraph| paragraph.trim().strip_prefix(PLAYED));
        // Every other piece between back-ticks is inside them.
        let played = played.flat_map(|names| names.split('`').skip(1).step_by(2)).collect();
        let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix('\n'));
        let quoted = blocks.flat_map(str::lines).collect();
        let checked_elsewhere = text.contains(CHECKED);
        Self { title: text.lines().next().unwrap_or_default(), played, quoted, checked_elsewhere }
    }
}
