//! A container that is put on a network and off it again, many times over.

use super::hosts::{Hosts, connect, disconnect, timed};
use crate::{
    cluster::{SOON, memory},
    table::{Must, Reference, Table, median},
};
use serde_json::json;
use std::fs;
use weft_testbed::eventually;

const CYCLES: usize = 10_000;
/// A plain bridge beside it, every so many.
const BESIDE: usize = 10;

/// What should not be more afterwards.
#[derive(Debug)]
struct Counts([(&'static str, usize); 6]);

impl Counts {
    fn of(hosts: &Hosts) -> Self {
        let host = hosts.host(1);
        let lines = |command: &[&str]| host.run(command).lines().count();
        let descriptors = |pid: u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let inside = ["docker", "exec", "moves", "ls", "/sys/class/net"];
        Self([
            ("… file descriptors of the agent", descriptors(hosts.agents[0].pid())),
            ("… network devices of the host", lines(&["ip", "-oneline", "link"])),
            ("… network devices of the container", lines(&inside)),
            ("… network namespaces", lines(&["ip", "netns"])),
            ("… lines of nftables rules", lines(&["nft", "list", "ruleset"])),
            ("… keys in the store", hosts.store_keys()),
        ])
    }

    fn within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|((_, one), (_, other))| one <= other)
    }
}

pub(crate) fn measure(hosts: &Hosts, table: &mut Table) {
    let engine = &hosts.engines[0];
    hosts.create_network("bench");
    timed(engine, "POST", "/networks/create", Some(&json!({"Name": "plain", "Driver": "bridge"})));
    engine.docker("run -d --name moves busybox sleep 86400");
    let cycle = |network: &str| connect(engine, network, "moves") + disconnect(engine, network, "moves");
    // The first ones fill caches.
    (0..50).for_each(|_| drop((cycle("bench"), cycle("plain"))));
    let (before, memory_before) = (Counts::of(hosts), memory(&hosts.agents[0]));
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for round in 0..CYCLES {
        ours.push(cycle("bench"));
        if round % BESIDE == 0 {
            plain.push(cycle("plain"));
        }
    }
    let mut after = None;
    eventually(SOON, || {
        let counts = Counts::of(hosts);
        let (within, grown) = (counts.within(&before), format!("{before:?} became {counts:?}"));
        after = Some(counts);
        if within { Ok(()) } else { Err(grown) }
    });
    let plain = Reference { value: median(plain), what: "a plain bridge" };
    let what = format!("docker: one of {CYCLES} connect/disconnect");
    table.add(what, (median(ours), "ms"), Some(plain), Must::Inform);
    let before_it = |value| Some(Reference { value, what: "before them" });
    let memory = memory(&hosts.agents[0]);
    table.add("… memory of the agent", (memory, "MiB"), before_it(memory_before), Must::Cost(1.1));
    for ((what, after), (_, before)) in after.iter().flat_map(|after| after.0).zip(before.0) {
        table.add(what, (after as f64, ""), before_it(before as f64), Must::Cost(1.0));
    }
    engine.docker("rm -f moves");
}

impl Hosts {
    fn store_keys(&self) -> usize {
        let Some(store) = &self.store else { return 0 };
        let address = store.url().trim_start_matches("consul://");
        let keys = ["consul", "kv", "get", "-http-addr", address, "-keys", "-separator=", "weft/"];
        self.host(1).run(&keys).lines().count()
    }
}
