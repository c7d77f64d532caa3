//! The figures that weft is measured by, each beside its reference from the same run.
//!
//! Two hosts, an agent on each, a real Consul: what the figures to beat were measured with. The machine may be
//! busy, so a figure says little alone: what counts is its ratio to the same work without weft, a moment
//! before or after. All disks of the hosts are in memory, for weft and for its references.
//!
//! `make bench ONLY="names traffic"` measures some of the groups; `RECORD=bench/history.jsonl` appends what was measured
//! to that file.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where it fails"
)]

mod attach;
mod by_hand;
mod cluster;
mod docker;
mod echo;
mod endurance;
mod machine;
mod names;
mod networks;
mod raw;
mod record;
mod scale;
mod table;
mod traffic;

use cluster::Cluster;
use table::Table;

/// Measures some figures, and adds them to the table.
type Measure = fn(&Cluster, &mut Table);

/// In this order: an agent that was just started is idle, and what is measured last fills the store.
const GROUPS: [(&str, Measure); 10] = [
    ("memory", endurance::idle),
    ("networks", networks::measure),
    ("attach", attach::measure),
    ("names", names::measure),
    ("traffic", traffic::measure),
    ("endurance", endurance::measure),
    ("scale", scale::on_consul),
    ("scale-etcd", scale::on_etcd),
    ("docker", docker::measure),
    ("churn", docker::endure),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [echo, address] = arguments.as_slice()
        && echo == echo::ARGUMENT
    {
        return echo::serve(address);
    }
    // cargo passes `--bench`; a name given by hand picks a group.
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let machine = machine::describe();
    let Some(cluster) = Cluster::up() else { return };
    let mut table = Table::default();
    for (name, measure) in GROUPS {
        if wanted.is_empty() || wanted.iter().any(|wanted| *wanted == name) {
            eprintln!("measuring: {name}");
            measure(&cluster, &mut table);
        }
    }
    println!("\n{machine}\n\n{table}");
    record::append(&machine, &table);
}
