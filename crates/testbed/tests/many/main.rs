//! Many at once. A test program of its own: it fills the kernel's neighbour table, which all namespaces of a machine
//! share, so other tests beside it would fail.

#![allow(clippy::expect_used, reason = "also in what the tests share")]

#[path = "../weft/cluster.rs"]
#[allow(dead_code, reason = "what other tests share, too")]
mod cluster;

use cluster::{Cluster, SOON, addresses, sleeper};
use std::{collections::BTreeSet, thread};
use weft_testbed::{Host, eventually};

const PROCESSES: usize = 40;

#[test]
fn processes_started_at_once_have_distinct_addresses_and_reach_each_other_by_name() {
    let Some(cluster) = Cluster::up(3) else { return };
    cluster.create_network(&["overlay"]);
    let names: Vec<_> = (0..PROCESSES).map(|number| format!("p{number}")).collect();
    let host_of = |number: usize| cluster.host(1 + number % 3);
    thread::scope(|scope| {
        for (number, name) in names.iter().enumerate() {
            scope.spawn(move || sleeper(host_of(number), "overlay", name, &[]));
        }
    });
    for host in cluster.world.hosts() {
        eventually(SOON, || {
            let addresses = addresses(host, "overlay");
            let distinct: BTreeSet<_> = addresses.iter().map(|(_, address)| address).collect();
            let counts = (addresses.len(), distinct.len());
            if counts == (PROCESSES, PROCESSES) {
                Ok(())
            } else {
                Err(format!("{counts:?} in {addresses:?}"))
            }
        });
    }
    let all = names.join(" ");
    // A few at a time, see below.
    for some in (0..PROCESSES).collect::<Vec<_>>().chunks(8) {
        thread::scope(|scope| {
            for number in some {
                let (name, all) = (&names[*number], &all);
                scope.spawn(move || pings_all(host_of(*number), name, all));
            }
        });
    }
}

/// Pings every peer until it answers.
///
/// Not the first time always, for a reason that is not weft's: where all three hosts are one machine, their
/// containers share one neighbour table, which has 1,024 places and gives away none that was used in the last
/// five seconds (`gc_thresh3` and `neigh_forced_gc`, `net/core/neighbour.c`). All pairs take 1,560.
fn pings_all(host: &Host, name: &str, all: &str) {
    let script = format!(
        r#"for peer in {all}; do
            tries=0
            until said=$(ping -c1 -W1 $peer 2>&1); do
                tries=$((tries + 1))
                [ $tries -lt 15 ] || {{ echo "$said"; exit 1; }}
                sleep 1
            done
        done"#
    );
    host.run(&["weft", "exec", name, "--", "sh", "-c", &script]);
}
