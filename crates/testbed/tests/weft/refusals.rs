//! What is refused, and whether it is said what to do.

use crate::cluster::{Cluster, sleeper};
use weft_testbed::World;

#[test]
fn an_agent_that_cannot_work_says_so_and_ends() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    for (arguments, reason) in [
        (&["--cluster-store=zookeeper://a"][..], "zookeeper"),
        (&["--cluster-advertise=eth7"], "eth7"),
        (&["--cluster-advertise=192.0.2.1"], "192.0.2.1"),
        (&["--vxlan-port=70000"], "70000"),
        (&["--node-name=-"], "node"),
        (&["--cluster-store-opt=token=secret"], "token-file"),
    ] {
        let refusal = host.refused(&[&["weft", "agent"], arguments].concat());
        assert!(refusal.contains(reason), "{arguments:?}: {refusal}");
        assert!(!refusal.contains("panicked"), "{refusal}");
    }
    let _agent = host.agent(&["--cluster-advertise=eth0"]);
    let refusal = host.refused(&["weft", "agent", "--cluster-advertise=eth0"]);
    assert!(refusal.contains("/run/weft/weft.sock"), "{refusal}");
    // A whole other agent would take this one's devices away.
    let other = ["--host=unix:///run/second.sock", "--data-dir=/var/lib/second", "--node-name=second"];
    let refusal = host.refused(&[&["weft", "agent", "--cluster-advertise=eth0"], &other[..]].concat());
    assert!(refusal.contains("another agent runs on this host"), "{refusal}");
}

#[test]
fn two_live_nodes_do_not_share_a_name() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    cluster.agents[1].stop();
    let store = format!("--cluster-store={}", cluster.store.url());
    let agent = ["weft", "agent", "--cluster-advertise=eth0", "--data-dir=/var/lib/second"];
    let refusal = cluster.host(2).refused(&[&agent[..], &[&store, "--node-name=host1"]].concat());
    assert!(refusal.contains("host1"), "{refusal}");
}

#[test]
fn a_refused_request_changes_nothing() {
    let Some(cluster) = Cluster::up(2) else { return };
    let host = cluster.host(1);
    cluster.create_network(&["--subnet", "10.7.0.0/29", "small"]);
    sleeper(host, "small", "owner", &["--ip", "10.7.0.3"]);
    for (command, reason) in [
        (&["network", "create", "small"][..], "small"),
        (&["network", "create", "--subnet", "10.7.0.0/30", "inside"], "10.7.0.0/29"),
        (&["network", "create", "--subnet", "10.8.0.1/24", "bits"], "10.8.0.0/24"),
        (&["network", "create", "bad/name"], "bad/name"),
        (&["network", "inspect", "nothing"], "nothing"),
        (&["run", "-d", "--net", "small", "--name", "b", "--ip", "10.7.0.3", "--", "true"], "owner"),
        (&["run", "-d", "--net", "small", "--name", "b", "--ip", "10.6.0.3", "--", "true"], "10.7.0.0/29"),
        (&["run", "-d", "--net", "nothing", "--name", "b", "--", "true"], "nothing"),
        (&["run", "-d", "--net", "small", "--name", "b", "--", "no-such-program"], "no-such-program"),
    ] {
        let refusal = host.refused(&[&["weft"], command].concat());
        assert!(refusal.contains(reason), "{command:?}: {refusal}");
    }
    assert_eq!(host.run(&["weft", "network", "ls", "-q"]).lines().count(), 1);
    assert_eq!(host.run(&["weft", "endpoint", "ls", "-q"]).lines().count(), 1);
    assert_eq!(host.run(&["weft", "ps", "-a", "-q"]).lines().count(), 1);
}

#[test]
fn a_full_pool_says_so_and_gives_back_what_is_released() {
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["--subnet", "10.7.0.0/29", "small"]);
    // Eight addresses, less network, broadcast and gateway.
    for number in 0..5 {
        sleeper(cluster.host(1 + number % 2), "small", &format!("s{number}"), &[]);
    }
    let sixth = ["weft", "run", "-d", "--net", "small", "--name", "s5", "--", "sleep", "infinity"];
    let refusal = cluster.host(1).refused(&sixth);
    assert!(refusal.contains("10.7.0.0/29"), "{refusal}");
    cluster.host(2).run(&["weft", "rm", "-f", "s3"]);
    cluster.host(1).run(&sixth);
}
