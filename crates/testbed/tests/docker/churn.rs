//! A running container that is put on a network and off it again, many times over.

use crate::cluster::{Cluster, SOON, waiter};
use serde_json::json;
use std::fs;
use weft_testbed::{Engine, Release, eventually};

const CYCLES: usize = 1000;
/// So many with nobody else on the network, whose devices come and go with each.
const ALONE: usize = 100;

#[test]
fn a_thousand_cycles_leave_nothing() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Newest]) else { return };
    cluster.create_network("overlay");
    let engine = &cluster.engines[0];
    waiter(engine, "bridge", "moves", "");
    // The first ones fill caches.
    (0..20).for_each(|_| cycle(engine));
    let before = counts(&cluster);
    (0..ALONE).for_each(|_| cycle(engine));
    waiter(engine, "overlay", "stays", "");
    (ALONE..CYCLES).for_each(|_| cycle(engine));
    engine.docker("rm -f stays");
    eventually(SOON, || match counts(&cluster) {
        // Connections to the store come and go: it may be less.
        after if after.iter().zip(&before).all(|(after, before)| after <= before) => Ok(()),
        after => Err(format!("{before:?} became {after:?}")),
    });
    engine.docker("rm -f moves");
    engine.docker("network rm overlay");
    cluster.is_empty_soon();
}

#[track_caller]
fn cycle(engine: &Engine) {
    for verb in ["connect", "disconnect"] {
        let path = format!("/networks/overlay/{verb}");
        let answer = engine.request("POST", &path, Some(&json!({"Container": "moves"})));
        assert_eq!(answer.status, 200, "{verb}: {answer:?}");
    }
}

/// What should not be more afterwards: the agent's file descriptors and threads, the host's devices, namespaces
/// and rules, the container's devices, the keys in the store.
#[track_caller]
fn counts(cluster: &Cluster) -> [usize; 7] {
    let host = cluster.world.host(1);
    let lines = |command: &[&str]| host.run(command).lines().count();
    let agent = |what: &str| {
        let entries = fs::read_dir(format!("/proc/{}/{what}", cluster.agents[0].pid()));
        entries.map_or(0, Iterator::count)
    };
    [
        agent("fd"),
        agent("task"),
        lines(&["ip", "-oneline", "link"]),
        lines(&["ip", "netns"]),
        lines(&["nft", "list", "ruleset"]),
        lines(&["docker", "exec", "moves", "ls", "/sys/class/net"]),
        cluster.keys().len(),
    ]
}
