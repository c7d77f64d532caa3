//! The store of one's own: served by an agent, read with Consul's own command.

use crate::cluster::{SOON, has_network, ping, sleeper};
use weft_testbed::{World, until};

const ADDRESS: &str = "192.168.77.11:8500";
const TOKEN: &str = "--cluster-store-opt=token-file=/etc/weft/token";

#[test]
fn one_agent_serves_the_store_to_the_other() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    for host in [one, two] {
        host.write("/etc/weft/token", "a secret of some length\n");
    }
    let serve = format!("--store-serve={ADDRESS}");
    let store = format!("--cluster-store=consul://{ADDRESS}");
    let mut first = one.agent(&["--cluster-advertise=eth0", &serve, TOKEN]);
    let _second = two.agent(&["--cluster-advertise=eth0", &store, TOKEN]);
    until("they know each other", SOON, || two.run(&["weft", "node", "ls"]).contains("host1"));

    one.run(&["weft", "network", "create", "overlay"]);
    until("the network is there", SOON, || has_network(two, "overlay"));
    sleeper(one, "overlay", "one", &[]);
    sleeper(two, "overlay", "two", &[]);
    ping(two, "two", "one");

    let consul = |arguments: &[&str]| {
        let connect = ["-http-addr", ADDRESS, "-token-file=/etc/weft/token"];
        let (verb, rest) = arguments.split_at(1);
        two.run(&[&["consul", "kv"], verb, &connect, rest].concat())
    };
    assert!(consul(&["get", "-keys", "weft/v1/nodes/"]).contains("weft/v1/nodes/host2"));
    consul(&["put", "mine/a", "b"]);
    assert_eq!(consul(&["get", "mine/a"]).trim(), "b");
    let exported = consul(&["export", "mine/"]);
    consul(&["delete", "mine/a"]);
    two.write("/var/lib/exported", &exported);
    consul(&["import", "@/var/lib/exported"]);
    assert_eq!(consul(&["get", "mine/a"]).trim(), "b");
    let without = two.refused(&["consul", "kv", "get", "-http-addr", ADDRESS, "-keys", "weft/"]);
    assert!(without.contains("403"), "{without}");

    first.kill9();
    ping(two, "two", "one");
    first.restart();
    until("changes are possible again", SOON, || {
        two.output(&["weft", "network", "create", "after"]).status.success()
    });
}

#[test]
fn without_a_token_it_is_served_to_this_host_alone() {
    let Some(world) = World::up(1) else { return };
    let refusal =
        world.host(1).refused(&["weft", "agent", "--cluster-advertise=eth0", "--store-serve", ADDRESS]);
    assert!(refusal.contains("token"), "{refusal}");
    let _agent = world.host(1).agent(&["--cluster-advertise=eth0", "--store-serve=127.0.0.1:8500"]);
    world.host(1).run(&["consul", "kv", "get", "-keys", "weft/"]);
    let status = world.host(1).output(&["weft", "status"]).stdout;
    let status = String::from_utf8_lossy(&status);
    assert!(status.contains("without a token") && status.contains("unix://"), "{status}");
}
