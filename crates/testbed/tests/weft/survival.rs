//! What goes on when agents and stores do not.

use crate::cluster::{Cluster, SOON, exec, has_network, ping, sleeper};
use weft_testbed::{World, until};

#[test]
fn killed_agents_lose_no_packet_and_take_over_what_ran() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    let [one, two] = [cluster.host(1).clone(), cluster.host(2).clone()];
    sleeper(&one, "overlay", "one", &[]);
    two.run(&["weft", "run", "-d", "--net", "overlay", "--name", "two", "--", "iperf3", "-s"]);
    until("the server listens", SOON, || {
        two.output(&["weft", "exec", "two", "--", "sh", "-c", "ss -lnt | grep -q 5201"]).status.success()
    });
    let mut pings = one.spawn(&["weft", "exec", "one", "--", "ping", "-i", "0.01", "-c", "600", "-q", "two"]);
    let mut transfer = one.spawn(&["weft", "exec", "one", "--", "iperf3", "-c", "two", "-t", "6"]);
    pings.logs("PING", SOON);
    transfer.logs("sec", SOON);

    cluster.agents.iter_mut().for_each(|agent| agent.kill9());
    cluster.agents.iter_mut().for_each(|agent| agent.restart());

    assert!(pings.wait(SOON).success() && pings.log().contains(" 0% packet loss"), "{}", pings.log());
    assert!(transfer.wait(SOON).success(), "{}", transfer.log());
    assert!(one.run(&["weft", "ps"]).contains("one"));
    // Names are answered by the agent: they are back with it.
    until("names are back", SOON, || {
        one.output(&["weft", "exec", "one", "--", "ping", "-c1", "-W1", "two"]).status.success()
    });
    one.run(&["weft", "rm", "-f", "one"]);
}

#[test]
fn a_dead_store_stops_changes_and_nothing_else() {
    let Some(mut cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    let [one, two] = [cluster.host(1).clone(), cluster.host(2).clone()];
    sleeper(&one, "overlay", "one", &[]);
    sleeper(&two, "overlay", "two", &[]);
    cluster.store.kill9();

    ping(&one, "one", "two");
    assert!(has_network(&two, "overlay"));
    let refusal = two.refused(&["weft", "network", "create", "other"]);
    assert!(refusal.contains("8500"), "it should say what it waited for: {refusal}");

    cluster.store = one.consul();
    until("changes are possible again", SOON, || {
        two.output(&["weft", "network", "create", "other"]).status.success()
    });
    ping(&one, "one", "two");
}

#[test]
fn an_agent_starts_without_its_store_and_joins_when_it_comes() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let _early = two.agent(&["--cluster-store=consul://192.168.77.11:8500", "--cluster-advertise=eth0"]);
    let refusal = two.refused(&["weft", "network", "create", "overlay"]);
    assert!(refusal.contains("192.168.77.11:8500"), "{refusal}");
    let _store = one.consul();
    until("it has joined", SOON, || two.output(&["weft", "network", "create", "overlay"]).status.success());
}

#[test]
fn the_endpoint_of_a_process_that_ends_goes_with_it() {
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    let [one, two] = [cluster.host(1), cluster.host(2)];
    one.run(&["weft", "run", "-d", "--net", "overlay", "--name", "brief", "--", "sh", "-c", "exit 3"]);
    until("its endpoint is gone, on the other host too", SOON, || {
        !two.run(&["weft", "endpoint", "ls"]).contains("brief")
    });
    sleeper(one, "overlay", "lasting", &[]);
    assert_eq!(exec(one, "lasting", &["hostname"]).trim(), "lasting");
    let code =
        one.output(&["weft", "run", "--net", "overlay", "--rm", "--", "sh", "-c", "exit 3"]).status.code();
    assert_eq!(code, Some(3));
}
