//! A running container that is put on a network and off it again, many times over: `WEFT_CYCLES=10000` for more.

use crate::cluster::{Cluster, SOON, waiter};
use serde_json::json;
use std::{
    env,
    time::{Duration, Instant},
};
use weft_testbed::{Engine, Release, ResourceCounts, eventually};

/// How many, unless told.
const CYCLES: usize = 1000;
/// In so many of them the container is alone on the network, whose devices come and go with it.
const ALONE: usize = 100;
/// The same on a bridge of the engine's own, every so many.
const BESIDE: usize = 20;
/// Threads that come and go, idle ones of the runtime.
const THREADS: usize = 2;
/// How much more memory an agent may take, in KiB, for any number of cycles: what an allocator keeps.
const MEMORY: usize = 8 * 1024;

#[test]
fn a_thousand_cycles_leave_nothing() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Newest]) else { return };
    let cycles = env::var("WEFT_CYCLES").ok().and_then(|cycles| cycles.parse().ok()).unwrap_or(CYCLES);
    cluster.create_network("overlay");
    let engine = &cluster.engines[0];
    engine.docker("network create plain");
    waiter(engine, "bridge", "moves", "");
    // The first ones fill caches, and the engine's gateway bridge comes with the first that stays.
    for network in ["overlay", "plain"].repeat(50) {
        cycle(engine, network);
    }
    waiter(engine, "overlay", "stays", "");
    engine.docker("rm -f stays");
    let agent = &cluster.agents[0];
    let counts = || (ResourceCounts::of(agent, engine, "moves"), cluster.keys().len());
    let ((before, keys), threads, memory) = (counts(), agent.threads(), agent.memory());
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for number in 0..cycles {
        if number == ALONE {
            waiter(engine, "overlay", "stays", "");
        }
        ours.push(cycle(engine, "overlay"));
        if number % BESIDE == 0 {
            plain.push(cycle(engine, "plain"));
        }
    }
    engine.docker("rm -f stays");
    eventually(SOON, || match counts() {
        (after, now) if after.grown_since(&before).is_empty() && now <= keys => Ok(()),
        (after, now) => Err(format!("{:?}; {keys} keys became {now}", after.grown_since(&before))),
    });
    let (ours, plain) = (median(ours), median(plain));
    let more = (agent.threads().saturating_sub(threads), agent.memory().saturating_sub(memory));
    eprintln!("{cycles} cycles: {ours:?} each, {plain:?} on a plain bridge; threads and KiB: {more:?} more");
    assert!(more.0 <= THREADS && more.1 < MEMORY, "the agent has {more:?} more threads and KiB than before");
    cluster.remove_all(SOON);
    cluster.is_empty_soon();
}

#[track_caller]
fn cycle(engine: &Engine, network: &str) -> Duration {
    let began = Instant::now();
    for verb in ["connect", "disconnect"] {
        let path = format!("/networks/{network}/{verb}");
        let answer = engine.request("POST", &path, Some(&json!({"Container": "moves"})));
        assert_eq!(answer.status, 200, "{verb}: {answer:?}");
    }
    began.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
