//! How long changes take: networks made, seen and removed, endpoints attached.

use crate::{
    setup::{Cluster, SOON, knows_network},
    table::{Table, Wanted, median},
};
use serde_json::json;
use std::{
    io::Write,
    process::{Command, Stdio},
    time::Instant,
};
use weft_testbed::{Host, until};

const ROUNDS: usize = 30;

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    networks(cluster, table);
    attach(cluster, table);
}

fn networks(cluster: &Cluster, table: &mut Table) {
    let [here, there] = &cluster.agents;
    let (mut create, mut seen, mut remove) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("bench{round}");
        let body = json!({"Name": name, "Driver": "overlay"});
        let start = Instant::now();
        here.request("POST", "/networks/create", Some(&body)).json();
        create.push(milliseconds(start));
        let start = Instant::now();
        until("the other host sees the network", SOON, || knows_network(there, &name));
        seen.push(milliseconds(start));
        let start = Instant::now();
        cluster.remove_network(&name);
        remove.push(milliseconds(start));
    }
    table.add("network create", median(create), "ms", Wanted::AtMost(10.0));
    table.add("create returned → seen on the other host", median(seen), "ms", Wanted::AtMost(15.0));
    table.add("network rm", median(remove), "ms", Wanted::AtMost(10.0));
}

/// Attaching a namespace, against putting it on a plain bridge with the calls of `ip` that takes.
fn attach(cluster: &Cluster, table: &mut Table) {
    let host = cluster.host(1);
    cluster.create_network("bench");
    host.run(&["ip", "link", "add", "plain0", "up", "type", "bridge"]);
    let (mut weft, mut plain) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let name = format!("c{round}");
        host.run(&["ip", "netns", "add", &name]);
        let body = json!({"network": "bench", "name": name, "netns": format!("/run/netns/{name}")});
        let start = Instant::now();
        cluster.agents[0].request("POST", "/weft/v1/endpoints", Some(&body)).json();
        weft.push(milliseconds(start));
        let start = Instant::now();
        put_on_plain_bridge(host, &name, round);
        plain.push(milliseconds(start));
        cluster.agents[0].request("DELETE", &format!("/weft/v1/endpoints/bench/{name}"), None);
        host.run(&["ip", "netns", "delete", &name]);
    }
    host.run(&["ip", "link", "delete", "plain0"]);
    cluster.remove_network("bench");
    table.compare(
        "attach, against a plain bridge",
        (median(weft), median(plain)),
        "ms",
        Wanted::AtMost(1.15),
    );
}

fn put_on_plain_bridge(host: &Host, name: &str, round: usize) {
    let veth = format!("link add p{round} up master plain0 type veth peer name plain netns {name}\n");
    feed(host.command("ip").args(["-batch", "-"]), &veth);
    // One batch has one namespace: the other half runs in the container's.
    let inside = format!("address add 10.255.0.{}/24 dev plain\nlink set plain up\n", round + 2);
    feed(host.command("ip").args(["-netns", name, "-batch", "-"]), &inside);
}

fn feed(command: &mut Command, input: &str) {
    let mut child = command.stdin(Stdio::piped()).spawn().expect("nsenter can be run");
    let mut stdin = child.stdin.take().expect("it was piped");
    stdin.write_all(input.as_bytes()).expect("ip reads it");
    drop(stdin);
    assert!(child.wait().expect("ip ends").success(), "ip refused: {input}");
}

pub(crate) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
