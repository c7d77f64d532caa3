//! How large a packet fits: what the way to the others carries, and the least of those on a network.

use crate::cluster::{Cluster, SOON, exec, ping, sleeper};
use std::time::{Duration, Instant};
use weft_testbed::{Agent, Host, World, until};

/// Within this, a running process has what fits.
const FOLLOWED: Duration = Duration::from_secs(5);

/// The MTU of a link, as `ip` says it.
fn mtu(host: &Host, command: &[&str]) -> u64 {
    host.json(&[command, &["ip", "-json", "link", "show"]].concat())
        .as_array()
        .and_then(|links| {
            links.iter().filter(|link| link["ifname"] != "lo").filter_map(|link| link["mtu"].as_u64()).max()
        })
        .unwrap_or_default()
}

fn mtu_of(host: &Host, name: &str) -> u64 {
    mtu(host, &["weft", "exec", name, "--"])
}

fn devices(host: &Host) -> u64 {
    mtu(host, &["ip", "netns", "exec", "weft-256"])
}

/// Datagrams of any size, in both directions: those that do not fit come in fragments.
fn all_sizes_pass(hosts: [&Host; 2], names: [&str; 2]) {
    for (host, from, to) in [(hosts[0], names[0], names[1]), (hosts[1], names[1], names[0])] {
        for size in ["1372", "1422", "1450", "4000", "9000"] {
            exec(host, from, &["ping", "-c3", "-i0.2", "-W1", "-s", size, to]);
        }
    }
}

#[test]
fn the_least_of_the_hosts_on_a_network_holds_and_is_followed() {
    let Some(world) = World::up(3) else { return };
    world.host(1).run(&["ip", "link", "set", "eth0", "mtu", "9000"]);
    world.host(3).run(&["ip", "link", "set", "eth0", "mtu", "1400"]);
    let mut cluster = Cluster::up_on(world);
    let [one, two, three] = [1, 2, 3].map(|number| cluster.host(number).clone());
    let [one, two, three] = [&one, &two, &three];
    cluster.create_network(&["overlay"]);
    sleeper(one, "overlay", "one", &[]);
    until("what fits the first alone", SOON, || mtu_of(one, "one") == 8950);
    sleeper(two, "overlay", "two", &[]);
    let began = Instant::now();
    until("what fits both", SOON, || [mtu_of(one, "one"), mtu_of(two, "two")] == [1450, 1450]);
    assert!(began.elapsed() < FOLLOWED, "{:?}", began.elapsed());
    assert_eq!([devices(one), devices(two)], [1450, 1450]);
    all_sizes_pass([one, two], ["one", "two"]);

    sleeper(three, "overlay", "three", &[]);
    let began = Instant::now();
    until("what fits all", SOON, || mtu_of(one, "one") == 1350 && mtu_of(two, "two") == 1350);
    assert!(began.elapsed() < FOLLOWED, "{:?}", began.elapsed());
    assert_eq!(mtu_of(three, "three"), 1350);
    all_sizes_pass([one, three], ["one", "three"]);
    for host in cluster.world.hosts() {
        assert_eq!(host.run(&["weft", "plan"]).trim(), "");
    }
    // What is more than the way to the others carries is refused, and makes nothing.
    for (asked, word) in [("1351", "1350"), ("575", "576"), ("9000", "hosts' network")] {
        let refused = three.refused(&["weft", "network", "create", "-o", &format!("mtu={asked}"), "large"]);
        assert!(refused.contains(word), "{refused}");
    }
    three.run(&["weft", "network", "create", "-o", "mtu=1350", "large"]);

    // That more fits may last for a moment only. Nobody makes use of it at once.
    cluster.host(3).run(&["ip", "link", "set", "eth0", "mtu", "1500"]);
    for host in cluster.world.hosts() {
        until("it says so", SOON, || {
            host.json(&["weft", "node", "inspect", "host3"])[0]["underlay_mtu"] == 1500
        });
    }
    sleeper(cluster.host(1), "overlay", "four", &[]);
    for host in cluster.world.hosts() {
        assert_eq!(host.run(&["weft", "plan"]).trim(), "");
        assert_eq!(devices(host), 1350);
    }
    assert_eq!(["one", "four"].map(|name| mtu_of(cluster.host(1), name)), [1350, 1350]);

    // What another host says while an agent is dead: that less fits holds from its start on, that more fits not yet.
    for (says, holds) in [(1300, 1250), (1500, 1250)] {
        cluster.agents[0].kill9();
        three.run(&["ip", "link", "set", "eth0", "mtu", &says.to_string()]);
        let heard = |host: &Host| {
            let node = host.json(&["weft", "node", "inspect", "host3"]);
            node[0]["underlay_mtu"] == says
        };
        until("the other one hears it", SOON, || heard(two));
        cluster.agents[0].restart();
        until("it hears it", SOON, || heard(one));
        until("all have what holds", SOON, || {
            [mtu_of(one, "one"), mtu_of(one, "four"), mtu_of(two, "two"), mtu_of(three, "three")]
                == [holds; 4]
        });
        for host in [one, two, three] {
            assert_eq!(host.run(&["weft", "plan"]).trim(), "");
            assert_eq!(devices(host), holds);
        }
    }
}

#[test]
fn an_address_of_the_loopback_device_has_the_mtu_of_the_way_to_the_others() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let store = one.consul();
    let _agents: Vec<Agent> = [(one, "1", two, "2"), (two, "2", one, "1")]
        .map(|(host, own, other, others)| {
            host.run(&["ip", "address", "add", &format!("10.99.0.{own}/32"), "dev", "lo"]);
            let (to, via) = (format!("10.99.0.{others}/32"), other.address().to_string());
            host.run(&["ip", "route", "add", &to, "via", &via]);
            let store = format!("--cluster-store={}", store.url());
            host.agent(&[&store, &format!("--cluster-advertise=10.99.0.{own}")])
        })
        .into();
    for host in world.hosts() {
        until("both are there", SOON, || {
            host.json(&["weft", "node", "ls", "--format", "json"]).as_array().map_or(0, Vec::len) == 2
        });
    }
    one.run(&["weft", "network", "create", "overlay"]);
    until("it is there", SOON, || crate::cluster::has_network(two, "overlay"));
    sleeper(one, "overlay", "one", &[]);
    sleeper(two, "overlay", "two", &[]);
    ping(one, "one", "two");
    assert_eq!([mtu_of(one, "one"), mtu_of(two, "two")], [1450, 1450]);
    all_sizes_pass([one, two], ["one", "two"]);
}
