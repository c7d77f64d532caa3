//! One create, every engine; and what engines have besides.

use crate::cluster::{CREATE, Cluster, SOON, has_network, ping, start_agent, waiter};
use serde_json::Value;
use weft_testbed::{Engine, Release, World, until};

#[test]
fn a_network_is_in_every_engine_as_it_was_created_in_one() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest, Release::Newest]) else { return };
    for engine in &cluster.engines {
        let addresses =
            "--subnet 10.6.0.0/16 --gateway 10.6.0.254 --ip-range 10.6.5.0/24 --aux-address printer=10.6.5.1";
        let rest = "--internal -o mtu=1300 --label owner=ops --label empty= all-of-it";
        engine.docker(&format!("{CREATE} {addresses} {rest}"));
        for engine in &cluster.engines {
            until("it is in every engine", SOON, || has_network(engine, "all-of-it"));
        }
        let described: Vec<_> =
            cluster.engines.iter().map(|engine| description(engine, "all-of-it")).collect();
        assert_eq!(described[0], described[1]);
        assert_eq!(described[0], described[2]);
        let shown = described[0].to_string();
        for expected in ["10.6.0.254", "10.6.5.0/24", "printer", "1300", "owner", "\"empty\":\"\""] {
            assert!(shown.contains(expected), "{expected} in {shown}");
        }
        // From the range; the first of it is taken by the printer.
        waiter(engine, "all-of-it", "one", "");
        let address = engine.docker("inspect -f {{range.NetworkSettings.Networks}}{{.IPAddress}}{{end}} one");
        assert!(address.starts_with("10.6.5.") && address != "10.6.5.1", "{address}");
        assert!(engine.docker("exec one ip link show eth0").contains("mtu 1300"));
        engine.docker("rm -f one");
        engine.docker("network rm all-of-it");
        for engine in &cluster.engines {
            until("it is gone from every engine", SOON, || !has_network(engine, "all-of-it"));
        }
    }
    cluster.is_empty_soon();
}

/// What an engine shows of a network, without what is its own business.
#[track_caller]
fn description(engine: &Engine, name: &str) -> Value {
    let inspected = engine.json(&format!("network inspect {name}"));
    let mut network = inspected[0].as_object().cloned().unwrap_or_default();
    for own in ["Id", "Created", "Containers", "ConfigFrom", "EnableIPv4", "Status"] {
        network.remove(own);
    }
    network.into()
}

#[test]
fn an_engine_catches_up() {
    let Some(mut cluster) = Cluster::up(&[Release::Newest, Release::Newest]) else { return };
    cluster.create_network("old");
    cluster.engines[1].stop();
    cluster.engines[0].docker(&format!("{CREATE} new"));
    cluster.engines[0].docker("network rm old");
    cluster.engines[1].restart(&[]);
    let late = &cluster.engines[1];
    until("what is new", SOON, || has_network(late, "new"));
    until("what is gone", SOON, || !has_network(late, "old"));
    // Likewise after the agent was away.
    cluster.agents[1].kill9();
    cluster.engines[0].docker("network rm new");
    cluster.engines[0].docker(&format!("{CREATE} newer"));
    cluster.agents[1].restart();
    let late = &cluster.engines[1];
    until("what is new", SOON, || has_network(late, "newer"));
    until("what is gone", SOON, || !has_network(late, "new"));
}

#[test]
fn an_engine_is_installed_later() {
    let Some(world) = World::up(2) else { return };
    let store = world.host(1).consul();
    let _agents: Vec<_> = world.hosts().iter().map(|host| start_agent(host, &store)).collect();
    let [one, two] = [1, 2].map(|number| world.host(number));
    one.run(&["weft", "network", "create", "overlay"]);
    let run = ["weft", "run", "-d", "--net", "overlay", "--name", "process", "--", "sleep", "infinity"];
    one.run(&run);
    let engine = two.engine(Release::Newest);
    until("it has the networks there were", SOON, || has_network(&engine, "overlay"));
    // A container of an engine and a process without one.
    waiter(&engine, "overlay", "container", "");
    ping(&engine, "container", "process");
    one.run(&["weft", "exec", "process", "--", "ping", "-c3", "-i0.3", "-W2", "container"]);
    let refusal = one.refused(&["weft", "network", "rm", "overlay"]);
    assert!(refusal.contains("container"), "{refusal}");
    engine.docker("rm -f container");
    one.run(&["weft", "rm", "-f", "process"]);
    one.run(&["weft", "network", "rm", "overlay"]);
    until("it is gone from the engine", SOON, || !has_network(&engine, "overlay"));
}

#[test]
fn what_others_made_is_left_alone() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    let [one, two] = [0, 1].map(|index| &cluster.engines[index]);
    two.docker("network create overlay");
    one.docker(&format!("{CREATE} overlay"));
    until("the clash is reported", SOON, || {
        let status = two.host().output(&["weft", "status"]);
        let said = String::from_utf8_lossy(&status.stdout).into_owned();
        !status.status.success() && said.contains("overlay") && said.contains("bridge")
    });
    assert_eq!(two.docker("network inspect -f {{.Driver}} overlay"), "bridge");
    two.docker("network rm overlay");
    until("its place is taken", SOON, || has_network(two, "overlay"));
    one.docker("network rm overlay");
    cluster.is_empty_soon();
}

/// Neither host has a route to what Swarm and macvlan have: their engines alone know.
#[test]
fn what_engines_have_besides_is_passed_over() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    let [first, second] = [&cluster.engines[0], &cluster.engines[1]];
    // Its ingress network takes 10.0.0.0/24.
    first.docker("swarm init --advertise-addr 192.168.77.11 --listen-addr 192.168.77.11");
    first.docker("network create -d macvlan -o parent=eth0 --subnet 10.0.1.0/24 lan");
    until("the other host knows", SOON, || {
        !second.succeeds(&format!("{CREATE} --subnet 10.0.1.0/25 there"))
            || !second.succeeds("network rm there")
    });
    let refusal = second.refused(&format!("{CREATE} --subnet 10.0.1.0/25 there"));
    assert!(refusal.contains("10.0.1.0/24, which node host1 uses: Docker's network lan"), "{refusal}");
    for engine in [first, second] {
        engine.refused(&format!("{CREATE} --subnet 10.0.0.0/24 there"));
    }
    cluster.create_network("overlay");
    let inspected = second.docker("network inspect -f {{range.IPAM.Config}}{{.Subnet}}{{end}} overlay");
    assert_eq!(inspected.trim(), "10.0.2.0/24");
    first.docker("swarm leave --force");
}
