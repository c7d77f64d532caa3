//! A host that lost its data directory and was not rebooted: the agent that starts there is another node. And one whose agent
//! is only started with another directory.

use crate::cluster::{Cluster, SOON, addresses, ping, sleeper};
use std::time::Duration;
use weft_testbed::{Host, World, until};

/// A session's time, the shortest that there is in Consul.
const TTL: &str = "--cluster-store-opt=discovery.ttl=10s";
/// That, and what else it takes to be in.
const REPLACED: Duration = Duration::from_secs(40);

/// Everything of weft's in this host's kernel that is not marked as another agent's.
#[track_caller]
fn has(host: &Host) -> String {
    let look = "ls /run/netns | grep '^weft-'; ip -o link | grep -o 'weft-[^:@]*'; nft list tables; true";
    host.run(&["sh", "-c", look])
}

/// The processes that keep those of `weft run`, which the agent of this host has started.
#[track_caller]
fn shim(host: &Host) -> String {
    host.run(&["sh", "-c", "pgrep -f '[w]eft shim.*/var/lib/weft/'; true"])
}

#[test]
fn what_was_left_is_cleaned_up_and_it_is_said() {
    let Some(world) = World::up(2) else { return };
    let mut cluster = Cluster::up_with(world, &[TTL]);
    let host = cluster.host(2).clone();
    // Another agent on the same machine, in a network namespace of its own.
    host.run(&["ip", "netns", "add", "other"]);
    host.run(&["sh", "-c", "ip -n other link set lo up; ip -n other address add 192.0.2.9/32 dev lo"]);
    // Not with `ip netns exec`, which has mounts of its own: the host would not see its namespaces.
    let other = ["nsenter", "--net=/run/netns/other", "weft"];
    let agent = [
        "agent",
        "--data-dir=/var/lib/other",
        "--host=unix:///run/other.sock",
        "--node-name=other",
        "--cluster-store=embedded",
        "--cluster-advertise=192.0.2.9",
        "--docker-socket=none",
    ];
    let _other = host.spawn(&[&other[..], &agent].concat());
    let ask =
        |command: &[&str]| host.output(&[&other[..], &["--host=unix:///run/other.sock"], command].concat());
    until("the other agent is there", SOON, || ask(&["status"]).status.success());
    assert!(ask(&["network", "create", "-o", "vni=999", "elsewhere"]).status.success());
    assert!(
        ask(&["run", "-d", "--net", "elsewhere", "--name", "theirs", "--", "sleep", "infinity"])
            .status
            .success()
    );
    until("it has what it needs", SOON, || {
        let has = has(&host);
        has.contains("weft-999") && has.contains("weft-run-")
    });
    let theirs = has(&host);

    cluster.create_network(&["overlay"]);
    sleeper(&host, "overlay", "mine", &["-p", "8080:80"]);
    assert_ne!(shim(&host), "");
    cluster.agents[1].kill9();
    host.run(&["sh", "-c", "rm -rf /var/lib/weft/*"]);
    cluster.agents[1].restart();
    let agent = &cluster.agents[1];

    agent.logs("this host's own name and address", SOON);
    let said = String::from_utf8_lossy(&host.output(&["weft", "status"]).stdout).into_owned();
    assert!(said.contains("what this host was before it lost that directory"), "{said}");
    assert!(host.refused(&["weft", "leave"]).contains("End them first"));
    assert!(!shim(&host).is_empty(), "not before this is the node");
    agent.logs("joined the cluster", REPLACED);
    agent.logs("a process of `weft run` that nothing is known of", SOON);
    until("what was left is gone", SOON, || has(&host) == theirs);
    until("its shim, too", SOON, || shim(&host).is_empty());

    until("what it had is given back", SOON, || addresses(cluster.host(1), "overlay").is_empty());
    sleeper(&host, "overlay", "mine", &["-p", "8080:80"]);
    assert_eq!(addresses(cluster.host(1), "overlay").len(), 1);
    let listed = String::from_utf8_lossy(&ask(&["ps"]).stdout).into_owned();
    assert!(listed.contains("theirs") && has(&host).contains("weft-999"), "the other's goes on: {listed}");
    assert!(!agent.log().contains("it stays"), "{}", agent.log());
}

#[test]
fn with_another_directory_by_mistake_nothing_is_ended() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    let host = cluster.host(2).clone();
    cluster.create_network(&["overlay"]);
    sleeper(cluster.host(1), "overlay", "there", &[]);
    sleeper(&host, "overlay", "mine", &[]);
    ping(cluster.host(1), "there", "mine");
    let before = (shim(&host), has(&host));
    cluster.agents[1].stop();
    let store = format!("--cluster-store={}", cluster.store.url());
    host.run(&["sh", "-c", "echo 'data-dir = \"/var/lib/wetf\"' >/tmp/typo.toml"]);

    let agent = ["weft", "agent", "--config=/tmp/typo.toml", "--cluster-advertise=eth0", &store];
    for command in [
        &agent[..],
        &["weft", "leave", "--config=/tmp/typo.toml"],
        &["weft", "leave", "--forget", "--config=/tmp/typo.toml"],
    ] {
        let said = host.refused(command);
        for part in
            ["/var/lib/weft, and not /var/lib/wetf", "mine on network overlay", "Put --data-dir right"]
        {
            assert!(said.contains(part), "{command:?}: {said}");
        }
        assert_eq!((shim(&host), has(&host)), before, "{command:?}");
        ping(cluster.host(1), "there", "mine");
    }

    cluster.agents[1].restart();
    until("the agent is well", SOON, || host.output(&["weft", "status"]).status.success());
    assert!(host.run(&["weft", "ps"]).contains("mine"));
    ping(&host, "mine", "there");
    assert_eq!((shim(&host), has(&host)), before);
}

#[test]
fn what_the_cluster_knows_goes_on() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    let host = cluster.host(2).clone();
    cluster.create_network(&["overlay"]);
    sleeper(&host, "overlay", "mine", &[]);
    let before = shim(&host);
    cluster.agents[1].stop();
    // No agent is told where the one before it was, as after one of an earlier version; and this is another node.
    host.run(&["sh", "-c", "rm /run/weft/net-*.lock"]);
    let store = format!("--cluster-store={}", cluster.store.url());
    let other = ["--cluster-advertise=eth0", "--data-dir=/var/lib/wetf", "--node-name=wetf"];
    let mut agent = host.agent(&[&[store.as_str()], &other[..]].concat());
    agent.logs("that the cluster knows, and this data directory does not: they go on", SOON);
    assert_eq!(shim(&host), before);
    agent.stop();
    cluster.agents[1].restart();
    until("it is as it was", SOON, || host.run(&["weft", "ps"]).contains("mine"));
    sleeper(cluster.host(1), "overlay", "there", &[]);
    until("and is reached", SOON, || {
        cluster
            .host(1)
            .output(&["weft", "exec", "there", "--", "ping", "-c1", "-W1", "mine"])
            .status
            .success()
    });
}
