//! What is refused says why, and leaves nothing behind.

use crate::cluster::{CREATE, Cluster, SOON, has_network, waiter};
use std::time::Instant;
use weft_testbed::{Release, eventually, until};

#[test]
fn networks_that_cannot_be() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("--subnet 10.7.0.0/24 there");
    let before = cluster.keys();
    for engine in &cluster.engines {
        let refusal = engine.refused("network create -d weft overlay");
        // With the command to type.
        assert!(refusal.contains("--ipam-driver weft"), "{refusal}");
        let refusal = engine.refused("network create -d weft --subnet 10.8.0.0/24 overlay");
        assert!(refusal.contains("--ipam-driver weft"), "{refusal}");
        for (options, reason) in [
            ("--subnet 10.7.0.0/24", "10.7.0.0/24"),
            ("--subnet 10.7.0.128/25", "10.7.0.0/24"),
            ("--subnet 10.0.0.0/7", "10.7.0.0/24"),
            ("--subnet 192.168.77.0/24", "192.168.77.0/24"),
            ("--subnet 10.8.0.0/24 --gateway 10.9.0.1", "10.9.0.1"),
            ("-o mtu=12", "MTU"),
            ("-o mtu=many", "MTU"),
            ("-o mut=1400", "no option \"mut\""),
            ("--subnet 10.8.0.0/24 --ip-range 10.8.0.1/32", "10.8.0.1/32 has no address"),
            // Where the engine makes its docker_gwbridge with the first container.
            ("--subnet 172.18.0.0/16", "docker_gwbridge"),
            ("-o vni=0", "VNI"),
            ("-o vni=16777216", "VNI"),
        ] {
            let refusal = engine.refused(&format!("{CREATE} {options} overlay"));
            assert!(refusal.contains(reason), "{options}: {refusal}");
        }
        assert!(!has_network(engine, "overlay"));
        // The engine's own check: it has the name already.
        engine.refused(&format!("{CREATE} there"));
    }
    assert_eq!(cluster.keys(), before, "a refused request changes nothing");
    cluster.engines[1].docker("network rm there");
    cluster.is_empty_soon();
}

/// The engine's containers are refused as others are, where the kernel cannot encrypt.
#[test]
fn a_container_on_an_encrypted_network_is_encrypted_or_does_not_start() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("-o encrypted --subnet 10.7.0.0/24 secret");
    for engine in &cluster.engines {
        let options = engine.docker("network inspect -f {{.Options}} secret");
        assert!(options.contains("encrypted"), "{options}");
        let ran = engine.host().output(&["docker", "run", "--rm", "--net", "secret", "busybox", "true"]);
        let namespaces = engine.host().run(&["ip", "netns", "list"]);
        let said = String::from_utf8_lossy(&ran.stderr);
        match ran.status.success() {
            true => assert!(namespaces.contains("weft-tunnel"), "{namespaces}"),
            false => assert!(said.contains("no WireGuard") && !namespaces.contains("weft-tunnel"), "{said}"),
        }
    }
    cluster.engines[1].docker("network rm secret");
    cluster.is_empty_soon();
}

#[test]
fn containers_that_cannot_start() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("--subnet 10.7.0.0/24 overlay");
    waiter(&cluster.engines[0], "overlay", "holder", "--ip 10.7.0.50");
    waiter(&cluster.engines[0], "overlay", "other", "");
    let before = cluster.keys();
    for engine in &cluster.engines {
        for (options, reason) in [
            ("--ip 10.7.0.50 busybox", "10.7.0.50"),
            ("--ip 10.7.0.1 busybox", "10.7.0.1"),
            ("--ip 10.8.0.2 busybox", "10.8.0.2"),
            ("busybox no-such-command", "no-such-command"),
            ("-v /srv:/etc/passwd busybox", "/etc/passwd"),
        ] {
            let refusal = engine.refused(&format!("run --net overlay --name broken {options}"));
            assert!(refusal.contains(reason), "{options}: {refusal}");
            engine.docker("rm -f broken");
        }
    }
    eventually(SOON, || match cluster.keys() {
        keys if keys == before => Ok(()),
        keys => Err(format!("{before:?} became {keys:?}")),
    });
    cluster.engines[0].docker("rm -f holder other");
    cluster.engines[1].docker("network rm overlay");
    cluster.is_empty_soon();
}

/// What needs no decision goes on without the store; what does fails soon and says why.
#[test]
fn a_dead_store() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("overlay");
    for (index, engine) in cluster.engines.iter().enumerate() {
        waiter(engine, "overlay", &format!("c{index}"), "");
    }
    cluster.store.kill9();
    let [one, two] = [0, 1].map(|index| &cluster.engines[index]);
    one.docker("exec c0 ping -c1 -W2 c1");
    two.docker("exec c1 ping -c1 -W2 c0");
    for (engine, container) in [(one, "c0"), (two, "c1")] {
        let start = Instant::now();
        let refusal = engine.refused("run --rm --net overlay busybox true");
        assert!(refusal.contains("store") || refusal.contains("8500"), "{refusal}");
        let refusal = engine.refused(&format!("{CREATE} another"));
        assert!(refusal.contains("store") || refusal.contains("8500"), "{refusal}");
        // Two refusals, of three seconds each at most.
        assert!(start.elapsed().as_secs() < 10, "took {:?}", start.elapsed());
        // Endings need nobody's consent.
        engine.docker(&format!("rm -f {container}"));
    }
}

#[test]
fn a_network_that_only_the_engine_can_have_is_in_nobodys_way() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    for engine in &cluster.engines {
        let host = engine.host();
        // Of any driver; the cluster has no names with spaces.
        host.run(&["docker", "network", "create", "a plain one"]);
        host.run(&["docker", "network", "create", "-d", "weft", "--ipam-driver", "weft", "my net"]);
        let status = || String::from_utf8_lossy(&host.output(&["weft", "status"]).stdout).into_owned();
        let said = "Docker's network my net is not in the cluster: invalid network name";
        until("it is said", SOON, || status().contains(said));
        // A container that wants to be on the network is told why it cannot, at once and later.
        let refused = host.refused(&["docker", "run", "--rm", "--net", "my net", "busybox", "true"]);
        assert!(refused.contains("Docker's network my net is not in the cluster"), "{refused}");
        // The engine is followed all the same.
        engine.docker(&format!("{CREATE} overlay"));
        for engine in &cluster.engines {
            until("it is everywhere", SOON, || has_network(engine, "overlay"));
        }
        assert!(!status().contains("not there"), "{}", status());
        engine.docker("network rm overlay");
        host.run(&["docker", "network", "rm", "my net", "a plain one"]);
        until("all is well", SOON, || host.output(&["weft", "status"]).status.success());
    }
    cluster.is_empty_soon();
}
