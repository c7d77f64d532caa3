//! Everything that can break, broken, while a cluster is at work: what runs goes on, nothing is given away twice,
//! and everything comes right afterwards.
//!
//! `make test` runs some of the scenarios, `make chaos` all of them;
//! `cargo test -p weft-testbed --test chaos -- NAME` runs those whose names have NAME in them. In the end a
//! table is printed, also after failures.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail where they are, and this one prints"
)]

mod agents;
mod asking;
mod copies;
mod credentials;
mod crowds;
mod cuts;
mod docker;
mod ending;
mod engines;
mod figures;
mod hosts;
mod load;
mod lost;
mod moves;
mod mtus;
mod page;
mod records;
mod scenario;
mod servers;
mod stage;
mod stores;
mod strays;
mod table;
mod traffic;
mod views;

use libtest_mimic::Arguments;
use std::{process::ExitCode, sync::Arc};
use table::Table;

/// How many scenarios are played at once. They mostly wait: more than there are cores, and not so many that agents
/// would be late for want of one.
const AT_ONCE: usize = 3;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_ONCE);
    let table = Arc::new(Table::default());
    let scenarios = [
        agents::SCENARIOS,
        crowds::SCENARIOS,
        stores::SCENARIOS,
        credentials::SCENARIOS,
        servers::SCENARIOS,
        cuts::SCENARIOS,
        hosts::SCENARIOS,
        copies::SCENARIOS,
        strays::SCENARIOS,
        moves::SCENARIOS,
        mtus::SCENARIOS,
        lost::SCENARIOS,
        engines::SCENARIOS,
    ]
    .concat();
    let page = page::trial(&scenarios);
    let played = scenarios.into_iter().map(|scenario| scenario.trial(&table));
    let trials = [page].into_iter().chain(played).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    print!("{table}");
    conclusion.exit_code()
}
