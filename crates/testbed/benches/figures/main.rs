//! The figures that weft is measured by, each beside its reference from the same run.
//!
//! Two hosts, an agent on each, a real Consul: what the figures to beat were measured with. The machine may be
//! busy, so a figure says little alone: what counts is its ratio to the same work without weft, a moment
//! before or after.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where it fails"
)]

mod control;
mod endurance;
mod names;
mod setup;
mod table;
mod traffic;

use setup::Cluster;
use table::Table;

/// Measures some figures, and adds them to the table.
type Measure = fn(&Cluster, &mut Table);

fn main() {
    // cargo passes `--bench`; a name given by hand picks a group.
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let Some(cluster) = Cluster::up() else { return };
    let mut table = Table::default();
    let groups: [(&str, Measure); 4] = [
        ("control", control::measure),
        ("names", names::measure),
        ("traffic", traffic::measure),
        ("endurance", endurance::measure),
    ];
    for (name, measure) in groups {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("measuring: {name}");
            measure(&cluster, &mut table);
        }
    }
    println!("{table}");
}
