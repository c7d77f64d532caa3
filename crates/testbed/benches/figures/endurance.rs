//! How much an agent takes, and whether anything grows.

use crate::{
    cluster::{Cluster, SOON, memory},
    table::{Must, Reference, Table},
};
use std::fs;
use weft_testbed::eventually;

const CYCLES: usize = 1000;

/// The memory of an agent that has nothing to do yet.
pub(crate) fn idle(cluster: &Cluster, table: &mut Table) {
    table.add("memory of an idle agent", (memory(&cluster.agents[0]), "MiB"), None, Must::Be(25.0));
}

/// What should not be more afterwards. Connections to the store come and go: it may be less.
#[derive(Debug)]
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

    fn within(&self, other: &Self) -> bool {
        self.descriptors <= other.descriptors
            && self.devices <= other.devices
            && self.namespaces <= other.namespaces
            && self.store_keys <= other.store_keys
    }
}

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    cluster.create_network("bench");
    cluster.host(1).run(&["ip", "netns", "add", "cycled"]);
    let cycle = || {
        cluster.attach("bench", "cycled");
        cluster.detach("bench", "cycled");
    };
    // The first ones fill caches.
    (0..50).for_each(|_| cycle());
    let (before, memory_before) = (Counts::of(cluster), memory(&cluster.agents[0]));
    (0..CYCLES).for_each(|_| cycle());
    // The last endpoint's devices go a moment after it was detached.
    let mut after = None;
    eventually(SOON, || {
        let counts = Counts::of(cluster);
        let within = counts.within(&before);
        let grown = format!("{before:?} became {counts:?}");
        after = Some(counts);
        if within { Ok(()) } else { Err(grown) }
    });
    let before_it = |value| Some(Reference { value, what: "before them" });
    let what = format!("memory after {CYCLES} attach/detach");
    let memory = memory(&cluster.agents[0]);
    table.add(what, (memory, "MiB"), before_it(memory_before), Must::Cost(1.1));
    if let Some(after) = after {
        let counts = [
            ("… file descriptors", after.descriptors, before.descriptors),
            ("… network devices", after.devices, before.devices),
            ("… network namespaces", after.namespaces, before.namespaces),
            ("… keys in the store", after.store_keys, before.store_keys),
        ];
        for (what, after, before) in counts {
            table.add(what, (after as f64, ""), before_it(before as f64), Must::Cost(1.0));
        }
    }
    cluster.host(1).run(&["ip", "netns", "delete", "cycled"]);
    cluster.remove_network("bench");
}
