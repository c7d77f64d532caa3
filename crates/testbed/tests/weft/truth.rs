//! What one host has acknowledged, another does not deny in the next moment.

use crate::cluster::SOON;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weft_testbed::{Agent, Answer, World, until};

/// How often each of the five questions is asked.
const ROUNDS: usize = 28;
const TOKEN: &str = "--cluster-store-opt=token-file=/etc/weft/token";

#[test]
fn nothing_is_refused_for_what_is_over_on_consul() {
    let Some(world) = World::up(2) else { return };
    let consul = world.host(1).consul();
    let agents = agents(&world, [&[], &[]], [consul.url(); 2]);
    ask_what_is_over(&agents);
    world.host(1).run(&["consul", "kv", "put", "mine/a", "b"]);
    what_is_not_there_is_denied_at_once(&agents);
}

#[test]
fn nothing_is_refused_for_what_is_over_on_etcd() {
    let Some(world) = World::up(2) else { return };
    let etcd = world.host(1).etcd();
    let agents = agents(&world, [&[], &[]], [etcd.url(); 2]);
    ask_what_is_over(&agents);
    // What others write moves the revision of all that etcd has.
    world.host(1).run(&["env", "ETCDCTL_API=3", "etcdctl", "put", "mine/a", "b"]);
    what_is_not_there_is_denied_at_once(&agents);
}

#[test]
fn nothing_is_refused_for_what_is_over_on_a_store_of_ones_own() {
    let Some(world) = World::up(2) else { return };
    for host in world.hosts() {
        host.write("/etc/weft/token", "a secret of some length\n");
    }
    let serve = ["--store-serve=192.168.77.11:8500", TOKEN];
    let agents = agents(&world, [&serve, &[TOKEN]], ["embedded", "consul://192.168.77.11:8500"]);
    ask_what_is_over(&agents);
    let connect = ["-http-addr=192.168.77.11:8500", "-token-file=/etc/weft/token", "mine/a", "b"];
    world.host(2).run(&[&["consul", "kv", "put"], &connect[..]].concat());
    what_is_not_there_is_denied_at_once(&agents);
}

/// An agent on each of two hosts, with a namespace to put on networks.
fn agents(world: &World, options: [&[&str]; 2], stores: [&str; 2]) -> [Agent; 2] {
    let agents = [0, 1].map(|at| {
        let host = world.host(at + 1);
        host.run(&["ip", "netns", "add", "spare"]);
        let store = format!("--cluster-store={}", stores[at]);
        let agent = host.agent(&[&["--cluster-advertise=eth0", &store], options[at]].concat());
        // The store is there before the other asks for it.
        until("it has joined", SOON, || agent.request("GET", "/weft/v1/nodes", None).body.contains("host"));
        agent
    });
    for agent in &agents {
        until("they know each other", SOON, || {
            agent.request("GET", "/weft/v1/nodes", None).json().as_array().map_or(0, Vec::len) == 2
        });
    }
    agents
}

/// One host acknowledges, the other is asked at once: by turns.
fn ask_what_is_over(agents: &[Agent; 2]) {
    let began = Instant::now();
    let mut refused = Vec::new();
    for round in 0..ROUNDS {
        let (one, other) = (&agents[round % 2], &agents[(round + 1) % 2]);
        let mut ask = |answer: Answer| {
            if !(200..300).contains(&answer.status) {
                refused.push(answer.body);
            }
        };
        must(create(one));
        ask(attach(other, json!({})));
        must_or_gone(detach(other));
        ask(attach(one, json!({"ipv4": "10.7.0.2"})));
        must_or_gone(detach(one));
        // The one address that the pool has.
        ask(attach(other, json!({})));
        must_or_gone(detach(other));
        ask(one.request("DELETE", "/networks/overlay", None));
        ask(create(other));
        must_or_gone(other.request("DELETE", "/networks/overlay", None));
        until("all know that it is gone", SOON, || {
            agents.iter().all(|agent| agent.request("GET", "/networks/overlay", None).status == 404)
        });
    }
    eprintln!("{} requests in {:?}, {} refused", 5 * ROUNDS, began.elapsed(), refused.len());
    assert!(refused.is_empty(), "{refused:#?}");
}

fn create(agent: &Agent) -> Answer {
    let body = json!({"Name": "overlay", "IPAM": {"Config": [{"Subnet": "10.7.0.0/30"}]}});
    agent.request("POST", "/networks/create", Some(&body))
}

fn attach(agent: &Agent, options: Value) -> Answer {
    let mut body = json!({"network": "overlay", "name": "a", "netns": "/run/netns/spare"});
    if let (Value::Object(body), Value::Object(options)) = (&mut body, options) {
        body.extend(options);
    }
    agent.request("POST", "/weft/v1/endpoints", Some(&body))
}

fn detach(agent: &Agent) -> Answer {
    agent.request("DELETE", "/weft/v1/endpoints/overlay/a", None)
}

#[track_caller]
fn must(answer: Answer) {
    assert!((200..300).contains(&answer.status), "{answer:?}");
}

/// What was refused before is not there to be taken away.
#[track_caller]
fn must_or_gone(answer: Answer) {
    assert!(answer.status == 404 || (200..300).contains(&answer.status), "{answer:?}");
}

/// Nobody waits for something that the watch has no reason to tell.
fn what_is_not_there_is_denied_at_once(agents: &[Agent; 2]) {
    for agent in agents {
        let began = Instant::now();
        let answer = agent.request("GET", "/networks/nothing", None);
        assert_eq!(answer.status, 404, "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
