//! How long it takes to put a network namespace on a network.
//!
//! Against what one would do by hand: a veth pair on a bridge of this host alone, with three calls of `ip`. Both
//! are commands, started alike. weft's network spans hosts, hands out the address and serves names.

use crate::{
    cluster::Cluster,
    raw::milliseconds,
    table::{Must, Reference, Table, median},
};
use std::time::Instant;

const ROUNDS: usize = 30;

const BY_HAND: &str = "\
    ip link add p$1 up master plain0 type veth peer name eth1 netns $0 && \
    ip -netns $0 address add 10.255.0.$1/24 dev eth1 && \
    ip -netns $0 link set eth1 up";

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    let host = cluster.host(1);
    cluster.create_network("bench");
    host.run(&["ip", "link", "add", "plain0", "up", "type", "bridge"]);
    // A namespace that stays: the segment is there already, as the plain bridge is.
    attach_one(cluster, "stays");
    let (mut command, mut asked, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let name = format!("c{round}");
        let netns = format!("/run/netns/{name}");
        host.run(&["ip", "netns", "add", &name]);
        let start = Instant::now();
        host.run(&["weft", "attach", "--netns", &netns, "--net", "bench", "--name", &name]);
        command.push(milliseconds(start.elapsed()));
        cluster.detach("bench", &name);
        let start = Instant::now();
        host.run(&["sh", "-c", BY_HAND, &name, &round.to_string()]);
        by_hand.push(milliseconds(start.elapsed()));
        asked.push(cluster.attach("bench", &name));
        cluster.detach("bench", &name);
        host.run(&["ip", "netns", "delete", &name]);
    }
    cluster.detach("bench", "stays");
    host.run(&["ip", "netns", "delete", "stays"]);
    host.run(&["ip", "link", "delete", "plain0"]);
    cluster.remove_network("bench");
    let by_hand = Reference { value: median(by_hand), what: "veth on a plain bridge, by ip" };
    table.add("weft attach", (median(command), "ms"), Some(by_hand), Must::Cost(1.15));
    table.add("… as a request to the agent", (median(asked), "ms"), Some(by_hand), Must::Inform);
}

fn attach_one(cluster: &Cluster, name: &str) {
    cluster.host(1).run(&["ip", "netns", "add", name]);
    cluster.attach("bench", name);
}
