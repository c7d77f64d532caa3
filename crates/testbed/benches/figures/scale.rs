//! What 10,000 endpoints cost the agents that know of them.

use crate::{
    cluster::{Cluster, memory},
    raw::{connect, milliseconds},
    table::{Must, Table, median},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    fs,
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use weft_model::{
    Claim, Endpoint, EndpointId, Extra, Key, Keyspace, MacAddr, NetworkId, Node, NodeId, Record,
};
use weft_testbed::{Agent, request, until};

const ENDPOINTS: u32 = 10_000;
/// The pool's address before the first one written, which leaves room for those that are attached.
const BASE: u32 = u32::from_be_bytes([10, 200, 1, 0]);
const ROUNDS: usize = 10;
/// How long until agents have taken in what came all at once.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn measure(cluster: &Cluster, table: &mut Table) {
    let body =
        json!({"Name": "large", "Driver": "overlay", "IPAM": {"Config": [{"Subnet": "10.200.0.0/16"}]}});
    let answer = cluster.agents[0].request("POST", "/networks/create", Some(&body)).json();
    let network: NetworkId =
        answer["Id"].as_str().and_then(|id| id.parse().ok()).expect("a network has an id");
    for records in records(network).chunks(64) {
        write(cluster, records);
    }
    for agent in &cluster.agents {
        until("all endpoints are known", PATIENCE, || known(agent) == u64::from(ENDPOINTS));
    }
    let knows = |agent: &Agent| memory(agent);
    table.add(
        "memory of an agent that knows 10,000 endpoints",
        (knows(&cluster.agents[1]), "MiB"),
        None,
        Must::Be(40.0),
    );

    let host = cluster.host(1);
    for name in ["first", "second"] {
        host.run(&["ip", "netns", "add", name]);
    }
    let first = cluster.attach("large", "first");
    table.add("first attach to a network of 10,000", (first, "ms"), None, Must::Inform);
    let before = cluster.agents.each_ref().map(cpu_seconds);
    let attached: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let took = cluster.attach("large", "second");
            cluster.detach("large", "second");
            took
        })
        .collect();
    let [here, there] =
        [0, 1].map(|n| 1000.0 * (cpu_seconds(&cluster.agents[n]) - before[n]) / ROUNDS as f64);
    table.add("further attach to it", (median(attached), "ms"), None, Must::Inform);
    table.add("… CPU of the agent, with the detach", (here, "ms"), None, Must::Inform);
    table.add("… CPU of another node's agent", (there, "ms"), None, Must::Inform);
    table.add("memory of an agent on that network", (knows(&cluster.agents[0]), "MiB"), None, Must::Be(40.0));
    table.add(
        "memory of another node's agent then",
        (knows(&cluster.agents[1]), "MiB"),
        None,
        Must::Be(40.0),
    );
    let asked: Vec<f64> = (0..ROUNDS).map(|_| asked(&cluster.agents[0])).collect();
    table.add(
        "weft status on that network, with a look at the kernel",
        (median(asked), "ms"),
        None,
        Must::Inform,
    );
    let start = Instant::now();
    cluster.detach("large", "first");
    table.add("last detach from it", (milliseconds(start.elapsed()), "ms"), None, Must::Inform);
}

/// How long an agent takes to say that the kernel has exactly what it should, in milliseconds.
fn asked(agent: &Agent) -> f64 {
    let start = Instant::now();
    let status = agent.request("GET", "/weft/v1/status", None);
    let took = milliseconds(start.elapsed());
    assert_eq!(status.json()["agreement"]["networks"][0]["agrees"], true, "{status:?}");
    took
}

/// Endpoints on a node that has no agent, as their keys and values.
fn records(network: NetworkId) -> Vec<(String, Vec<u8>)> {
    let keyspace = Keyspace::new("");
    let mut rng = rand::rng();
    let name = "elsewhere".parse().expect("a node's name");
    let node = Node {
        id: NodeId::random(&mut rng),
        advertise: Ipv4Addr::new(192, 168, 77, 99).into(),
        vtep: Ipv4Addr::new(192, 168, 77, 99).into(),
        vxlan_port: 4789,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uses: Vec::new(),
        underlay_mtu: None,
        down_since: Some(Timestamp::now()),
        removed: Vec::new(),
        extra: Extra::new(),
    };
    let mut records = vec![(keyspace.path(&Key::Node(name)), node.to_json())];
    let pool = "10.200.0.0/16".parse().expect("a pool");
    for number in 1..=ENDPOINTS {
        let node = "elsewhere".parse().expect("a node's name");
        let address = Ipv4Addr::from_bits(BASE + number);
        let id = EndpointId::random(&mut rng);
        let endpoint = Endpoint {
            name: format!("container-{number}").parse().expect("a container's name"),
            aliases: Vec::new(),
            ipv4: Some(address),
            ipv6: None,
            mac: MacAddr::for_ip(address.into()),
            node,
            container: Some(EndpointId::random(&mut rng).to_string()),
            created: Timestamp::now(),
            extra: Extra::new(),
        };
        let claim = Claim { node: endpoint.node.clone(), endpoint: id, rebuilt: 0, extra: Extra::new() };
        records.push((keyspace.path(&Key::Endpoint(network, id)), endpoint.to_json()));
        records.push((keyspace.path(&Key::Claim(pool, address.into())), claim.to_json()));
    }
    records
}

/// Writes records past weft, in one transaction.
fn write(cluster: &Cluster, records: &[(String, Vec<u8>)]) {
    let operation = |(key, value): &(String, Vec<u8>)| json!({"KV": {"Verb": "set", "Key": key, "Value": BASE64_STANDARD.encode(value)}});
    let operations: Value = records.iter().map(operation).collect();
    let stream = connect(cluster, cluster.host(1));
    let answer = request(stream, "PUT", "/v1/txn", Some(&operations)).expect("Consul answers");
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn known(agent: &Agent) -> u64 {
    let status = agent.request("GET", "/weft/v1/status", None).json();
    status["counts"]["endpoints"].as_u64().unwrap_or_default()
}

/// The processor time that an agent has used, in seconds.
fn cpu_seconds(agent: &Agent) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", agent.pid())).unwrap_or_default();
    // After the name, which may hold anything, in user mode and in the kernel, in ticks of 10 ms (proc_pid_stat(5)).
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / 100.0
}
