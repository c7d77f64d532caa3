//! What the network carries, against the same tool between the hosts themselves, and against a VXLAN made by
//! hand: what the kernel's encapsulation costs is not weft's to save.

use crate::{
    by_hand::HandMade,
    cluster::{Cluster, SOON},
    names::number_after,
    table::{Must, Reference, Table, median},
};
use serde_json::Value;
use weft_testbed::{Host, until};

/// How often each is measured, weft and raw in turn: neighbours on the machine disturb both alike.
const ROUNDS: usize = 10;

/// The two ends run on different cores, always: where they share one, a packet's way is shorter than it can be
/// between two machines.
const SERVER: &[&str] = &["taskset", "--cpu-list", "0"];
const CLIENT: &[&str] = &["taskset", "--cpu-list", "1"];

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network("bench");
    let tools: [&[&str]; 2] = [&["iperf3", "-s"], &["sockperf", "server", "-p", "11111"]];
    let by_hand = HandMade::up(one, two);
    let bare: [&[&str]; 2] = [&[], &HandMade::INSIDE];
    let servers =
        bare.iter().flat_map(|prefix| tools.map(|tool| one.spawn(&[prefix, SERVER, tool].concat())));
    let servers: Vec<_> = servers.collect();
    for tool in tools {
        let start = ["weft", "run", "-d", "--net", "bench", "--name", tool[0], "--"];
        one.run(&[&start, SERVER, tool].concat());
    }
    two.run(&["weft", "run", "-d", "--net", "bench", "--name", "client", "--", "sleep", "infinity"]);
    let inside = ["weft", "exec", "client", "--"];
    let hosts = one.address().to_string();

    for (streams, must) in [("1", 0.90), ("4", 0.95)] {
        let ours = address_of(two, "iperf3");
        let ways = [(&inside[..], &ours), (&[], &hosts), (&HandMade::INSIDE, &by_hand.address)];
        let rates =
            in_turn(ways, |prefix, address| gigabits(two, &[prefix, CLIENT].concat(), address, streams));
        compare(table, &format!("TCP, {streams} stream(s)"), rates, "Gbit/s", Must::Carry(must));
    }
    let ours = address_of(two, "sockperf");
    let ways = [(&inside[..], &ours), (&[], &hosts), (&HandMade::INSIDE, &by_hand.address)];
    let times = in_turn(ways, |prefix, address| round_trip(two, &[prefix, CLIENT].concat(), address));
    compare(table, "half a round trip, p50", times, "µs", Must::Cost(1.05));

    drop(servers);
    by_hand.down([one, two]);
    for tool in tools {
        one.run(&["weft", "rm", "-f", tool[0]]);
    }
    two.run(&["weft", "rm", "-f", "client"]);
    cluster.remove_network("bench");
}

fn compare(table: &mut Table, what: &str, [ours, raw, by_hand]: [f64; 3], unit: &str, must: Must) {
    let host_to_host = Reference { value: raw, what: "host to host" };
    table.add(what, (ours, unit), Some(host_to_host), must);
    let by_hand = Reference { value: by_hand, what: "over a VXLAN made by hand" };
    table.add(format!("{what}, beside"), (ours, unit), Some(by_hand), Must::Inform);
}

/// Measures three ways in turn, and returns the median of each.
fn in_turn<'w>(
    ways: [(&'w [&'w str], &'w String); 3],
    mut measure: impl FnMut(&[&str], &str) -> f64,
) -> [f64; 3] {
    let mut measured = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (results, (prefix, address)) in measured.iter_mut().zip(ways) {
            results.push(measure(prefix, address));
        }
    }
    measured.map(median)
}

fn address_of(host: &Host, name: &str) -> String {
    let answer = host.run(&["weft", "exec", "client", "--", "getent", "ahostsv4", name]);
    answer.split_whitespace().next().expect("a name has an address").to_owned()
}

fn gigabits(host: &Host, prefix: &[&str], address: &str, streams: &str) -> f64 {
    let command = [prefix, &["iperf3", "-c", address, "-P", streams, "-t", "1", "-J"]].concat();
    let mut rate = None;
    // The server was just started, and takes one client at a time.
    until("iperf3 gets through", SOON, || {
        let report: Value = serde_json::from_slice(&host.output(&command).stdout).unwrap_or_default();
        rate = report["end"]["sum_received"]["bits_per_second"].as_f64();
        rate.is_some()
    });
    rate.unwrap_or(f64::NAN) / 1e9
}

fn round_trip(host: &Host, prefix: &[&str], address: &str) -> f64 {
    let command = [prefix, &["sockperf", "ping-pong", "-i", address, "-p", "11111", "-t", "1"]].concat();
    let report = host.run(&command);
    number_after(&report, "percentile 50.000").unwrap_or_else(|| panic!("sockperf said:\n{report}"))
}
