//! Nodes that come and go: what they ask of the store, and callers that are faster than the store.

use crate::cluster::{Cluster, SOON};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};
use weft_testbed::{Container, Host, World, until};

/// The sessions of agents that were killed end before their time, so that nobody has to wait for that.
#[test]
fn of_all_who_see_that_a_node_is_down_one_writes_it_down() {
    let Some(mut cluster) = Cluster::up(6) else { return };
    let before: Vec<_> = (1..=4).map(|number| commits(cluster.host(number))).collect();
    for number in [5, 6] {
        cluster.agents[number - 1].kill9();
        end_session(&cluster, &format!("host{number}"));
    }
    until("it is written down of both", SOON, || {
        let nodes = cluster.host(1).json(&["weft", "node", "ls", "--format", "json"]);
        let nodes = nodes.as_array().cloned().unwrap_or_default();
        nodes.iter().filter(|node| node["up"] == false && !node["since"].is_null()).count() == 2
    });
    // All requests have been made once the counts no longer change.
    let asked =
        || -> usize { (1..=4).map(|number| commits(cluster.host(number)) - before[number - 1]).sum() };
    let mut last = usize::MAX;
    until("nobody asks any more", SOON, || {
        thread::sleep(Duration::from_secs(3));
        std::mem::replace(&mut last, asked()) == asked()
    });
    assert_eq!(asked(), 2, "transactions for two nodes that are down");
}

#[test]
fn who_has_just_joined_attaches_though_the_store_has_not_told_it_yet() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let store = one.consul();
    let _first = one.agent(&["--cluster-store", store.url(), "--cluster-advertise=eth0"]);
    one.run(&["weft", "network", "create", "overlay"]);
    let address = store.url().rsplit('/').next().and_then(|address| address.parse().ok());
    slow_watches(two, address.expect("the URL has an address"));
    let agent = two.agent(&["--cluster-store=consul://127.0.0.1:8599", "--cluster-advertise=eth0"]);
    agent.logs("joined the cluster", SOON);
    Container::attach(two, "overlay", "box");
}

/// How many transactions an agent has asked its store for.
fn commits(host: &Host) -> usize {
    let answer = host.ask("GET", "/metrics", None, SOON).expect("the agent answers");
    let counts = answer.body.lines().filter(|line| line.starts_with("weft_store_calls_total"));
    let counts = counts.filter(|line| line.contains("call=\"commit\""));
    counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
}

pub(crate) fn end_session(cluster: &Cluster, node: &str) {
    let (host, url) = (cluster.store.host(), cluster.store.url().replace("consul://", "http://"));
    let kept = host.json(&["curl", "-sf", &format!("{url}/v1/kv/weft/v1/live/{node}")]);
    let session = kept[0]["Session"].as_str().expect("it is bound to a session").to_owned();
    let ended: Value =
        host.json(&["curl", "-sf", "-X", "PUT", &format!("{url}/v1/session/destroy/{session}")]);
    assert_eq!(ended, Value::Bool(true));
}

/// Has port 8599 of `host` lead to `store`, which tells of changes three seconds later.
fn slow_watches(host: &Host, store: SocketAddr) {
    let listener = host.inside(None, || {
        // What is opened on a thread that this one starts is opened there, too.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 8599)).expect("the port is free");
        let accepting = listener.try_clone().expect("a socket can be shared");
        thread::spawn(move || {
            for client in accepting.incoming().flatten() {
                thread::spawn(move || TcpStream::connect(store).map(|server| pass_on(&client, &server)));
            }
        });
        listener
    });
    drop(listener);
}

fn pass_on(client: &TcpStream, server: &TcpStream) {
    thread::scope(|scope| {
        scope.spawn(|| copy(client, server, b"index="));
        copy(server, client, b"");
    });
}

/// Passes on what comes, a request with `slow` in it after three seconds.
fn copy(mut from: &TcpStream, mut to: &TcpStream, slow: &[u8]) {
    let mut buffer = [0; 65536];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !slow.is_empty() && buffer[..length].windows(slow.len()).any(|part| part == slow) {
            thread::sleep(Duration::from_secs(3));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // The thread that reads on the other side ends, too.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
