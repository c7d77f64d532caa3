//! How long a further attach to a large network takes, and what it costs.

use super::stage::{NETWORK, Stage};
use crate::{
    cluster::{attach, cpu_seconds, detach},
    raw::milliseconds,
    table::{Must, Reference, Table, median},
};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};
use weft_testbed::Agent;

const ROUNDS: usize = 15;
/// Between two, so that what a detach left to be done is over.
const PAUSE: Duration = Duration::from_millis(500);

/// Attaches to a network that the agent has an endpoint on. Returns the median, in milliseconds.
pub(crate) fn further(stage: &Stage, size: &str, smallest: Option<f64>, table: &mut Table) -> f64 {
    let [agent, other] = &stage.cluster.agents;
    let before = [agent, other].map(cpu_seconds);
    let attached: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            sleep(PAUSE);
            let took = attach(agent, NETWORK, "second");
            sleep(PAUSE);
            detach(agent, NETWORK, "second");
            took
        })
        .collect();
    sleep(PAUSE);
    let cpu = |agent: &Agent, before: f64| 1000.0 * (cpu_seconds(agent) - before) / ROUNDS as f64;
    let (took, here, there) = (median(attached), cpu(agent, before[0]), cpu(other, before[1]));
    let smallest = smallest.map(|value| Reference { value, what: "to the smallest" });
    stage.row(table, format!("attach to a network of {size}"), (took, "ms"), smallest, Must::Be(30.0));
    stage.row(table, "… CPU of the agent, with the detach", (here, "ms"), None, Must::Inform);
    stage.row(table, "… CPU of another node's agent", (there, "ms"), None, Must::Inform);
    took
}

/// The first one of a node, and the last one to go.
pub(crate) fn first_and_last(stage: &Stage, size: &str, table: &mut Table) {
    let agent = &stage.cluster.agents[1];
    let first = attach(agent, NETWORK, "first");
    stage.row(table, format!("first attach to a network of {size}"), (first, "ms"), None, Must::Inform);
    sleep(PAUSE);
    let start = Instant::now();
    detach(agent, NETWORK, "first");
    let last = milliseconds(start.elapsed());
    stage.row(table, "last detach from it", (last, "ms"), None, Must::Inform);
}
