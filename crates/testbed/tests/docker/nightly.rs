//! Networks that a nightly job removes from one engine, while others use them.

use crate::cluster::{Cluster, SOON, address, has_network, ping, waiter};
use weft_testbed::{Engine, Release, until};

#[test]
fn containers_that_did_not_run_are_on_it_again() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    cluster.create_network("--subnet 10.9.0.0/24 overlay");
    cluster.create_network("-o keep=true kept");
    for (engine, other) in [(0, 1), (1, 0)].map(|(a, b)| (&cluster.engines[a], &cluster.engines[b])) {
        let oldest = engine.version().starts_with("20.10.");
        waiter(other, "overlay", "user", "");
        let certain = "--ip 10.9.0.50 --network-alias db --mac-address 02:42:aa:bb:cc:dd";
        waiter(engine, "overlay", "stopped", certain);
        engine.docker("network connect --alias db-too kept stopped");
        engine.docker("stop -t0 stopped");
        prune(engine, "overlay");
        prune(engine, "kept");

        until("it can be started", SOON, || engine.succeeds("start stopped"));
        assert_eq!(address(engine, "overlay", "stopped"), "10.9.0.50");
        for name in ["db", "stopped"] {
            ping(other, "user", name);
        }
        waiter(other, "kept", "keeper", "");
        ping(other, "keeper", "db-too");
        // No request tells an engine of 28.5 the Ethernet address of a container that does not run.
        if oldest {
            assert!(engine.docker("exec stopped ip link").contains("02:42:aa:bb:cc:dd"));
        }
        engine.docker("rm -f stopped");
        other.docker("rm -f user keeper");
    }
    cluster.engines[1].docker("network rm overlay");
    // From the cluster it can be removed, by its name.
    let host = cluster.world.host(1);
    assert_eq!(host.run(&["weft", "network", "prune", "-f"]), "");
    host.run(&["weft", "network", "rm", "kept"]);
    cluster.is_empty_soon();
}

/// `docker network prune`, which takes a network that is put back at once.
#[track_caller]
fn prune(engine: &Engine, network: &str) {
    let id = || engine.docker(&format!("network ls --no-trunc -q -f name={network}"));
    let before = id();
    until("it is pruned, and put back", SOON, || {
        engine.docker("network prune -f");
        has_network(engine, network) && id() != before
    });
}
