//! A host that leaves its cluster: its engine has none of the networks any more, and the others have all.

use crate::cluster::{Cluster, SOON, has_network, ping, waiter};
use std::{thread, time::Duration};
use weft_testbed::{Release, until};

/// What weft has in a host's kernel.
const IN_THE_KERNEL: &str =
    "ls /run/netns | grep '^weft-'; ip -o link | grep -o ' weft-[^:@]*'; nft list tables | grep weft; true";

#[test]
fn the_networks_go_from_the_engine_of_a_host_that_leaves_and_from_no_other() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    cluster.create_network("-o keep=true kept");
    let (one, other) = (&cluster.engines[0], &cluster.engines[1]);
    waiter(one, "overlay", "box-1", "");
    waiter(other, "overlay", "box-2", "");
    ping(one, "box-1", "box-2");

    let refused = other.host().refused(&["weft", "leave"]);
    assert!(refused.contains("box-2 on network overlay"), "{refused}");
    ping(one, "box-1", "box-2");
    other.host().run(&["weft", "leave", "--force"]);
    assert_eq!(cluster.agents[1].wait(SOON).code(), Some(80));
    let (one, other) = (&cluster.engines[0], &cluster.engines[1]);
    for network in ["overlay", "kept"] {
        assert!(!has_network(other, network) && has_network(one, network), "{network}");
        until("it stays in the cluster", SOON, || {
            one.host().output(&["weft", "network", "inspect", network]).status.success()
        });
    }
    assert_eq!(other.docker("ps -q --filter name=box-2").lines().count(), 1, "it runs, without the network");
    let members = one.host().run(&["weft", "endpoint", "ls"]);
    assert!(members.contains("box-1") && !members.contains("box-2"), "{members}");
    assert!(!cluster.keys().iter().any(|key| key.contains("/holds/")), "{:?}", cluster.keys());

    // Back as a new node, with all of them; and without an agent, it leaves as well.
    cluster.agents[1].restart();
    let other = &cluster.engines[1];
    for network in ["overlay", "kept"] {
        until("it is in the engine again", SOON, || has_network(other, network));
    }
    other.docker("rm -f box-2");
    waiter(other, "overlay", "box-3", "");
    ping(&cluster.engines[0], "box-1", "box-3");
    let file = format!("cluster-store = {:?}\ncluster-advertise = \"eth0\"\n", cluster.store.url());
    other.host().run(&["mkdir", "-p", "/etc/weft"]);
    other.host().write("/etc/weft/weft.toml", &file);
    cluster.agents[1].kill9();
    let other = &cluster.engines[1];
    other.host().run(&["weft", "leave", "--force", "--purge"]);
    assert!(!has_network(other, "overlay") && has_network(&cluster.engines[0], "overlay"));
    assert!(!cluster.engines[0].host().run(&["weft", "endpoint", "ls"]).contains("box-3"));
    assert!(!other.host().output(&["test", "-e", "/var/lib/weft"]).status.success());
}

#[test]
fn killed_at_any_moment_it_leaves_in_the_end() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest]) else { return };
    let networks = ["one", "two"];
    networks.iter().for_each(|network| cluster.create_network(network));
    let host = cluster.engines[0].host().clone();
    let file = format!("cluster-store = {:?}\ncluster-advertise = \"eth0\"\n", cluster.store.url());
    host.run(&["mkdir", "-p", "/etc/weft"]);
    host.write("/etc/weft/weft.toml", &file);
    cluster.engines[0].docker("run -itd --name box busybox");
    for moment in [0, 50, 200] {
        for network in networks {
            until("it is in the engine", SOON, || has_network(&cluster.engines[0], network));
            cluster.engines[0].docker(&format!("network connect {network} box"));
        }
        let mut leaving = host.spawn(&["weft", "leave", "--force"]);
        thread::sleep(Duration::from_millis(moment));
        // `weft leave` would do the rest itself.
        leaving.kill9();
        cluster.agents[0].kill9();
        let left = host.output(&["weft", "leave", "--force"]);
        for network in networks {
            let said = String::from_utf8_lossy(&left.stderr);
            assert!(!has_network(&cluster.engines[0], network), "after {moment} ms: {network}: {said}");
        }
        assert_eq!(host.run(&["sh", "-c", IN_THE_KERNEL]), "", "after {moment} ms");
        let keys = cluster.keys();
        let of_the_host = ["/nodes/", "/live/", "/latest/", "/endpoints/", "/ipam/"];
        assert!(!keys.iter().any(|key| of_the_host.iter().any(|kind| key.contains(kind))), "{keys:?}");
        cluster.agents[0].restart();
        until("it is in again", SOON, || host.output(&["weft", "status"]).status.success());
    }
}
