//! Whether anything grows.

use crate::{
    setup::{Cluster, SOON},
    table::{Table, Wanted},
};
use serde_json::json;
use std::fs;
use weft_testbed::until;

const CYCLES: usize = 1000;

/// What should be the same afterwards.
#[derive(Debug, PartialEq)]
struct Counts {
    descriptors: usize,
    devices: usize,
    namespaces: usize,
    store_keys: usize,
}

impl Counts {
    fn of(cluster: &Cluster) -> Self {
        let host = cluster.host(1);
        let lines = |command: &[&str]| host.run(command).lines().count();
        let descriptors = fs::read_dir(format!("/proc/{}/fd", cluster.agents[0].pid()));
        Self {
            descriptors: descriptors.map_or(0, Iterator::count),
            devices: lines(&["ip", "-oneline", "link"]),
            namespaces: lines(&["ip", "netns"]),
            store_keys: cluster.store_keys(),
        }
    }
}

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    cluster.create_network("bench");
    cluster.host(1).run(&["ip", "netns", "add", "cycled"]);
    // The first ones fill caches.
    (0..20).for_each(|_| attach_and_detach(cluster));
    let (before, memory_before) = (Counts::of(cluster), cluster.agent_memory());
    for cycle in 1..=CYCLES {
        attach_and_detach(cluster);
        if cycle % 250 == 0 {
            eprintln!("{cycle} of {CYCLES} cycles, the agent has {:.1} MiB", cluster.agent_memory());
        }
    }
    // The last endpoint's devices go a moment after it was detached.
    until(&format!("everything is as before: {before:?}"), SOON, || Counts::of(cluster) == before);
    let memory = cluster.agent_memory();
    table.compare(
        format!("memory after {CYCLES} attach/detach cycles"),
        (memory, memory_before),
        "MiB",
        Wanted::AtMost(1.1),
    );
    cluster.host(1).run(&["ip", "netns", "delete", "cycled"]);
    cluster.remove_network("bench");
    table.add("resident memory, idle agent", cluster.agent_memory(), "MiB", Wanted::AtMost(25.0));
}

fn attach_and_detach(cluster: &Cluster) {
    let agent = &cluster.agents[0];
    let body = json!({"network": "bench", "name": "cycled", "netns": "/run/netns/cycled"});
    agent.request("POST", "/weft/v1/endpoints", Some(&body)).json();
    let answer = agent.request("DELETE", "/weft/v1/endpoints/bench/cycled", None);
    assert_eq!(answer.status, 204, "{answer:?}");
}
