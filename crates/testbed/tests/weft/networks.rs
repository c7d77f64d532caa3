//! Networks are everywhere as soon as they are made, and gone as soon as they are removed.

use crate::cluster::{Cluster, SOON, addresses, exec, has_network, ping, sleeper};
use std::time::{Duration, Instant};
use weft_testbed::{eventually, until};

#[test]
fn what_any_host_makes_all_hosts_list_within_100_ms() {
    let Some(cluster) = Cluster::up(3) else { return };
    for (number, name) in [(1, "first"), (2, "second"), (3, "third")] {
        cluster.host(number).run(&["weft", "network", "create", name]);
        let created = Instant::now();
        let path = format!("/networks/{name}");
        for agent in &cluster.agents {
            until("all list it", SOON, || agent.request("GET", &path, None).status == 200);
        }
        let took = created.elapsed();
        assert!(took < Duration::from_millis(100), "{name} was seen on all only after {took:?}");
    }
    cluster.host(2).run(&["weft", "network", "rm", "first", "second", "third"]);
    for host in cluster.world.hosts() {
        until("it is gone everywhere", SOON, || !has_network(host, "first") && !has_network(host, "third"));
    }
}

#[test]
fn of_creates_of_one_name_at_once_one_wins() {
    let Some(cluster) = Cluster::up(3) else { return };
    let create = ["weft", "network", "create", "--label", "a=b", "contested"];
    let won: usize = std::thread::scope(|scope| {
        let start = |host| scope.spawn(move || weft_testbed::Host::output(host, &create).status.success());
        let tries: Vec<_> = cluster.world.hosts().iter().map(start).collect();
        tries.into_iter().map(|one| usize::from(one.join().expect("no panic"))).sum()
    });
    assert_eq!(won, 1);
}

#[test]
fn a_network_in_use_anywhere_stays_and_the_refusal_names_who_uses_it() {
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["overlay"]);
    sleeper(cluster.host(2), "overlay", "user", &[]);
    let refusal = cluster.host(1).refused(&["weft", "network", "rm", "overlay"]);
    assert!(refusal.contains("user"), "{refusal}");
    cluster.host(2).run(&["weft", "rm", "-f", "user"]);
    cluster.host(1).run(&["weft", "network", "rm", "overlay"]);
}

#[test]
fn names_aliases_and_addresses_resolve_on_their_network_only() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["front"]);
    cluster.create_network(&["back"]);
    sleeper(one, "front", "asker", &[]);
    sleeper(two, "front", "server", &["--network-alias", "www"]);
    sleeper(two, "back", "hidden", &[]);
    for name in ["server", "www", "server.front"] {
        ping(one, "asker", name);
    }
    let address = exec(one, "asker", &["getent", "ahostsv4", "server"]);
    let address = address.split_whitespace().next().expect("an address");
    let back = exec(one, "asker", &["dig", "+short", "-x", address]);
    assert!(back.starts_with("server"), "{back:?}");
    assert!(!one.output(&["weft", "exec", "asker", "--", "getent", "hosts", "hidden"]).status.success());

    two.run(&["weft", "rm", "-f", "server"]);
    until("the name goes with its process", SOON, || {
        !one.output(&["weft", "exec", "asker", "--", "getent", "hosts", "server"]).status.success()
    });
}

#[test]
fn both_families_across_hosts() {
    let Some(cluster) = Cluster::up(2) else { return };
    cluster.create_network(&["--ipv6", "--subnet", "10.9.0.0/24", "--subnet", "fd09::/64", "both"]);
    sleeper(cluster.host(1), "both", "one", &["--ip", "10.9.0.21"]);
    sleeper(cluster.host(2), "both", "two", &["--ip6", "fd09::22"]);
    let (one, two) = (cluster.host(1), cluster.host(2));
    ping(two, "two", "10.9.0.21");
    exec(one, "one", &["ping", "-6", "-c3", "-i0.3", "-W2", "two"]);
    ping(one, "one", "fd09::22");
}

#[test]
fn docker_and_weft_see_the_same_networks() {
    let Some(cluster) = Cluster::up(2) else { return };
    let docker = ["docker", "-H", "unix:///run/weft/weft.sock", "network"];
    let create = ["create", "-d", "overlay", "--subnet", "10.5.0.0/16", "--gateway", "10.5.0.254"];
    let rest = ["--ip-range", "10.5.1.0/24", "--label", "tier=web", "-o", "mtu=1300", "web"];
    cluster.host(1).run(&[&docker[..], &create, &rest].concat());
    until("weft has it on the other host", SOON, || has_network(cluster.host(2), "web"));
    sleeper(cluster.host(2), "web", "here", &[]);
    eventually(SOON, || match addresses(cluster.host(1), "web").as_slice() {
        [(name, address)] if name == "here" && address.starts_with("10.5.1.") => Ok(()),
        other => Err(format!("the endpoints are {other:?}")),
    });
    let format =
        ["inspect", "--format", "{{.Driver}} {{(index .IPAM.Config 0).Gateway}} {{.Labels.tier}}", "web"];
    let inspected = cluster.host(2).run(&[&docker[..], &format].concat());
    assert_eq!(inspected.trim(), "weft 10.5.0.254 web");
    cluster.host(2).run(&["weft", "rm", "-f", "here"]);
    cluster.host(2).run(&[&docker[..], &["rm", "web"]].concat());
    until("it is gone", SOON, || !has_network(cluster.host(1), "web"));
}
