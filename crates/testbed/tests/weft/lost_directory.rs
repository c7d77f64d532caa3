//! A host that lost its data directory and was not rebooted: the agent that starts there is another node.

use crate::cluster::{Cluster, SOON, addresses, sleeper};
use std::time::Duration;
use weft_testbed::{Host, until};

/// A session's time, and what else it takes to be in.
const REPLACED: Duration = Duration::from_secs(40);

/// Everything of weft's in this host's kernel that is not marked as another agent's.
#[track_caller]
fn has(host: &Host) -> String {
    let look = "ls /run/netns | grep '^weft-'; ip -o link | grep -o 'weft-[^:@]*'; nft list tables; true";
    host.run(&["sh", "-c", look])
}

#[test]
fn what_was_left_is_cleaned_up_and_it_is_said() {
    let Some(mut cluster) = Cluster::up(2) else { return };
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
    let pid = host.run(&["sh", "-c", "pgrep -f '[w]eft shim.*/var/lib/weft/' | head -1"]);
    assert_ne!(pid, "");
    cluster.agents[1].kill9();
    host.run(&["sh", "-c", "rm -rf /var/lib/weft/*"]);
    cluster.agents[1].restart();
    let agent = &cluster.agents[1];

    agent.logs("of `weft run` that nothing is known of any more", SOON);
    agent.logs("this host's own name and address", SOON);
    let said = String::from_utf8_lossy(&host.output(&["weft", "status"]).stdout).into_owned();
    assert!(said.contains("what this host was before it lost that directory"), "{said}");
    until("what was left is gone", SOON, || has(&host) == theirs);
    until("its shim, too", SOON, || {
        host.run(&["sh", "-c", "pgrep -f '[w]eft shim.*/var/lib/weft/'; true"]).is_empty()
    });

    agent.logs("joined the cluster", REPLACED);
    until("what it had is given back", SOON, || addresses(cluster.host(1), "overlay").is_empty());
    sleeper(&host, "overlay", "mine", &["-p", "8080:80"]);
    assert_eq!(addresses(cluster.host(1), "overlay").len(), 1);
    let listed = String::from_utf8_lossy(&ask(&["ps"]).stdout).into_owned();
    assert!(listed.contains("theirs") && has(&host).contains("weft-999"), "the other's goes on: {listed}");
    assert!(!agent.log().contains("it stays"), "{}", agent.log());
}
