//! Another version put in the place of the one that runs.

use crate::cluster::{SOON, exec, has_network, sleeper};
use weft_testbed::{Container, Host, Pings, Service, World, last_release, until};

#[test]
fn an_agent_whose_binary_was_replaced_still_starts_processes() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    host.run(&["sh", "-c", "cp $(command -v weft) /run/weft-of-before"]);
    let _agent = host.spawn(&["/run/weft-of-before", "agent", "--cluster-advertise=eth0"]);
    until("the agent has joined", SOON, || host.output(&["weft", "status"]).status.success());
    host.run(&["rm", "/run/weft-of-before"]);

    host.run(&["weft", "network", "create", "overlay"]);
    sleeper(host, "overlay", "one", &[]);
    exec(host, "one", &["true"]);
}

#[test]
fn an_agent_is_upgraded_while_traffic_runs() {
    let Some(earlier) = last_release() else { return };
    let earlier = earlier.to_str().expect("a path that can be typed");
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let store = one.consul();
    let store = format!("--cluster-store={}", store.url());
    let start = |host: &Host| {
        let agent = host.spawn(&[earlier, "agent", &store, "--cluster-advertise=eth0"]);
        until("the earlier agent has joined", SOON, || joined(host, earlier));
        agent
    };
    let before = [start(one), start(two)];
    one.run(&[earlier, "network", "create", "overlay"]);
    until("it is everywhere", SOON, || has_network(two, "overlay"));
    let (a, b) = (Container::attach(one, "overlay", "a"), Container::attach(two, "overlay", "b"));
    let pings = Pings::start(&a, &b);
    let mut agents = Vec::new();
    for (host, mut agent) in [one, two].into_iter().zip(before) {
        // As it ends when its package is replaced, or when it is killed.
        if agents.is_empty() {
            agent.stop();
        } else {
            agent.kill9();
        }
        agents.push(host.agent(&[&store, "--cluster-advertise=eth0"]));
        until("the new one is well", SOON, || host.output(&["weft", "status"]).status.success());
    }
    for host in [one, two] {
        until("nothing is left to be done", SOON, || host.run(&["weft", "plan"]).trim().is_empty());
    }
    let counted = pings.count();
    assert!(counted.sent > 0 && counted.lost.is_empty(), "{counted:?}");
}

/// 0.1.0 knows nothing of a cluster's id.
#[test]
fn the_last_release_and_this_one_are_in_one_cluster() {
    let Some(earlier) = last_release() else { return };
    let earlier = earlier.to_str().expect("a path that can be typed");
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let consul = one.consul();
    let store = format!("--cluster-store={}", consul.url());
    let start = |host: &Host| {
        let agent = host.spawn(&[earlier, "agent", &store, "--cluster-advertise=eth0"]);
        until("the earlier agent has joined", SOON, || joined(host, earlier));
        agent
    };
    let (mut first, mut second) = (start(one), start(two));
    one.run(&[earlier, "network", "create", "overlay"]);
    until("it is everywhere", SOON, || has_network(two, "overlay"));
    let (a, b) = (Container::attach(one, "overlay", "a"), Container::attach(two, "overlay", "b"));
    let id = || one.output(&["consul", "kv", "get", "weft/v1/cluster"]).stdout;
    let mut count = 0;
    let mut go_on = |what: &str| {
        let reaches = || {
            let (netns, target) = (a.name(), b.address().to_string());
            one.output(&["ip", "netns", "exec", netns, "ping", "-c1", "-W1", &target]).status.success()
        };
        until(what, SOON, reaches);
        for host in [one, two] {
            count += 1;
            let name = format!("c{count}");
            let _attached = Container::attach(host, "overlay", &name);
            let listed = |host: &Host| host.run(&["weft", "endpoint", "ls"]).contains(&name);
            until("both know of it", SOON, || listed(one) && listed(two));
        }
    };
    go_on("the earlier ones");
    assert_eq!(id(), b"");

    second.stop();
    let mut second = two.agent(&[&store, "--cluster-advertise=eth0"]);
    until("the new one is well", SOON, || two.output(&["weft", "status"]).status.success());
    let written = id();
    assert!(String::from_utf8_lossy(&written).contains("\"id\""), "the cluster has an id");
    go_on("beside a new one");
    let key = || one.json(&["consul", "kv", "get", "weft/v1/nodes/host2"])["fingerprint"].clone();
    let known_by = key();
    assert!(known_by.is_string(), "it says by which key it is known");
    first.stop();
    first = start(one);
    go_on("the earlier one, restarted");
    // And back, and forth again.
    second.upgrade(earlier);
    until("it has joined", SOON, || joined(two, earlier));
    assert_eq!(key(), known_by, "the earlier one carries it along");
    go_on("after a downgrade");
    second.upgrade("weft");
    until("it is well again", SOON, || two.output(&["weft", "status"]).status.success());
    assert_eq!(key(), known_by);
    go_on("after an upgrade");
    first.stop();
    let _first = one.agent(&[&store, "--cluster-advertise=eth0"]);
    for host in [one, two] {
        until("both are well", SOON, || host.output(&["weft", "status"]).status.success());
    }
    go_on("the new ones");
    assert_eq!(id(), written, "it stays what it was");
}

/// Whether a host's agent of an earlier version is in the cluster. Its status may not be: keys of later versions are
/// problems to 0.1.0.
fn joined(host: &Host, weft: &str) -> bool {
    let nodes = String::from_utf8_lossy(&host.output(&[weft, "node", "ls"]).stdout).into_owned();
    nodes.lines().any(|line| line.contains(host.name()) && line.split_whitespace().any(|word| word == "up"))
}

const SERVED: &str = "192.168.77.11:8500";
const TOKEN: &str = "--cluster-store-opt=token-file=/etc/weft/token";

/// Three hosts of 0.1.0, of which the first serves the store with a token, are upgraded in this order.
fn upgraded_one_by_one(order: [usize; 3]) {
    let Some(earlier) = last_release() else { return };
    let earlier = earlier.to_str().expect("a path that can be typed");
    let Some(world) = World::up(3) else { return };
    let (serve, store) = (format!("--store-serve={SERVED}"), format!("--cluster-store=consul://{SERVED}"));
    let arguments =
        |number: usize| ["--cluster-advertise=eth0", TOKEN, if number == 1 { &serve } else { &store }];
    let mut agents: Vec<Option<Service>> = Vec::new();
    for number in 1..=3 {
        let host = world.host(number);
        host.write("/etc/weft/token", "a secret of some length\n");
        agents.push(Some(host.spawn(&[&[earlier, "agent"], &arguments(number)[..]].concat())));
        until("the earlier agent has joined", SOON, || joined(host, earlier));
    }
    world.host(1).run(&[earlier, "network", "create", "overlay"]);
    until("it is everywhere", SOON, || world.hosts().iter().all(|host| has_network(host, "overlay")));
    let attach = |number: usize, name: &str| Container::attach(world.host(number), "overlay", name);
    let [a, b, c] = [(1, "a"), (2, "b"), (3, "c")].map(|(number, name)| attach(number, name));
    let pings = [Pings::start(&a, &b), Pings::start(&b, &c), Pings::start(&c, &a)];
    let mut new = Vec::new();
    for number in order {
        let host = world.host(number);
        agents[number - 1].take().expect("it is upgraded once").stop();
        new.push(host.agent(&arguments(number)));
        until("the new one is well", SOON, || host.output(&["weft", "status"]).status.success());
        // New containers come to all hosts, whichever version is there.
        for number in 1..=3 {
            let name = format!("of{number}-after{}", new.len());
            let _attached = attach(number, &name);
            let listed = |host: &Host| host.run(&["weft", "endpoint", "ls"]).contains(&name);
            until("all know of it", SOON, || world.hosts().iter().all(listed));
        }
    }
    for host in world.hosts() {
        until("all are well", SOON, || host.output(&["weft", "status"]).status.success());
    }
    for pings in pings {
        let counted = pings.count();
        assert!(counted.lost.is_empty(), "{counted:?}");
    }
    let refused = world.host(2).output(&["curl", "--silent", &format!("http://{SERVED}/v1/kv/weft/?keys")]);
    assert!(String::from_utf8_lossy(&refused.stdout).contains("token"), "{refused:?}");
}

#[test]
fn a_served_cluster_of_the_last_release_is_upgraded_with_the_server_first() {
    upgraded_one_by_one([1, 2, 3]);
}

#[test]
fn a_served_cluster_of_the_last_release_is_upgraded_with_the_server_last() {
    upgraded_one_by_one([3, 2, 1]);
}
