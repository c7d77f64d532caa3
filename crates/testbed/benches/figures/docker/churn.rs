//! A container that is put on a network and off it again, many times over.

use super::hosts::{Hosts, connect, disconnect, timed};
use crate::{
    cluster::{SOON, memory},
    table::{Must, Reference, Table, median},
};
use serde_json::json;
use weft_testbed::{ResourceCounts, eventually};

const CYCLES: usize = 10_000;
/// A plain bridge beside it, every so many.
const BESIDE: usize = 10;

pub(crate) fn measure(hosts: &Hosts, table: &mut Table) {
    let engine = &hosts.engines[0];
    hosts.create_network("bench");
    timed(engine, "POST", "/networks/create", Some(&json!({"Name": "plain", "Driver": "bridge"})));
    engine.docker("run -d --name moves busybox sleep 86400");
    let cycle = |network: &str| connect(engine, network, "moves") + disconnect(engine, network, "moves");
    // The first ones fill caches.
    for network in ["bench", "plain"].repeat(50) {
        cycle(network);
    }
    let agent = &hosts.agents[0];
    let counts = || (ResourceCounts::of(agent, engine, "moves"), hosts.store_keys());
    let ((before, keys_before), memory_before) = (counts(), memory(agent));
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for round in 0..CYCLES {
        ours.push(cycle("bench"));
        if round % BESIDE == 0 {
            plain.push(cycle("plain"));
        }
    }
    let (after, keys) = eventually(SOON, || match counts() {
        (after, keys) if after.grown_since(&before).is_empty() && keys <= keys_before => Ok((after, keys)),
        (after, keys) => Err(format!("{:?}; {keys_before} keys became {keys}", after.grown_since(&before))),
    });
    let plain = Reference { value: median(plain), what: "a plain bridge" };
    let what = format!("docker: one of {CYCLES} connect/disconnect");
    table.add(what, (median(ours), "ms"), Some(plain), Must::Inform);
    let mut must = |what: &str, (now, unit), before: f64, bound| {
        let before = Reference { value: before, what: "before them" };
        table.add(format!("… {what}"), (now, unit), Some(before), bound);
    };
    must("memory of the agent", (memory(agent), "MiB"), memory_before, Must::Cost(1.1));
    must("keys in the store", (keys as f64, ""), keys_before as f64, Must::Be(keys_before as f64));
    for (((what, after), (_, before)), bound) in after.each().zip(before.each()).zip(before.bounds()) {
        must(what, (after as f64, ""), before as f64, Must::Be(bound as f64));
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
