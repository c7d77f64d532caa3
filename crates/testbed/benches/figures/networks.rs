//! How long networks take to be made, to be seen on the other host, and to be removed.

use crate::{
    cluster::{Cluster, SOON, knows_network},
    raw::{milliseconds, put_and_see},
    table::{Must, Reference, Table, median},
};
use serde_json::json;
use std::time::Instant;
use weft_testbed::{Agent, World, until};

const ROUNDS: usize = 30;

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    let [here, there] = &cluster.agents;
    let (mut created, mut seen, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    let (mut written, mut noticed) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("bench{round}");
        let start = Instant::now();
        created.push(create(here, &name));
        until("the other host sees the network", SOON, || knows_network(there, &name));
        seen.push(milliseconds(start.elapsed()));
        removed.push(remove(here, &name));
        let (put, see) = put_and_see(cluster, round);
        written.push(put);
        noticed.push(see);
    }
    let put = Reference { value: median(written), what: "one PUT to Consul" };
    let noticed = Reference { value: median(noticed), what: "PUT and blocking query of Consul" };
    table.add("network create", (median(created), "ms"), Some(put), Must::Be(10.0));
    table.add("network create → seen on the other host", (median(seen), "ms"), Some(noticed), Must::Be(15.0));
    table.add("network rm", (median(removed), "ms"), Some(put), Must::Be(10.0));
    embedded(table);
}

/// The same where an agent keeps the store.
fn embedded(table: &mut Table) {
    let Some(world) = World::up(1) else { return };
    let agent = world.host(1).agent(&["--cluster-advertise=eth0"]);
    until("the node is there", SOON, || {
        agent.request("GET", "/weft/v1/nodes", None).json().as_array().is_some_and(|nodes| nodes.len() == 1)
    });
    let (created, removed): (Vec<_>, Vec<_>) =
        (0..ROUNDS).map(|_| (create(&agent, "bench"), remove(&agent, "bench"))).unzip();
    table.add("network create, embedded store", (median(created), "ms"), None, Must::Be(10.0));
    table.add("network rm, embedded store", (median(removed), "ms"), None, Must::Be(10.0));
}

fn create(agent: &Agent, name: &str) -> f64 {
    let body = json!({"Name": name, "Driver": "overlay"});
    let start = Instant::now();
    agent.request("POST", "/networks/create", Some(&body)).json();
    milliseconds(start.elapsed())
}

fn remove(agent: &Agent, name: &str) -> f64 {
    let start = Instant::now();
    let answer = agent.request("DELETE", &format!("/networks/{name}"), None);
    assert_eq!(answer.status, 204, "{answer:?}");
    milliseconds(start.elapsed())
}
