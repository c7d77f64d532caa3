//! A host behind a router that puts another address in place of its own, one to one.

use crate::{
    cluster::{SOON, has_network, sh},
    wire::{listen, sent},
};
use std::time::Duration;
use weft_testbed::{Agent, Container, Host, StoreServer, World, until};

/// What the others know host 2 by, an address of the router: host 3.
const OUTSIDE: &str = "192.168.77.50";
/// The address that host 2 has.
const INSIDE: &str = "10.200.0.2";
/// How long nothing has to arrive.
const WHILE: Duration = Duration::from_secs(1);

/// Two hosts that do not see each other, and a router in between.
#[track_caller]
fn up() -> Option<World> {
    let world = World::up(3)?;
    let [one, two, router] = [1, 2, 3].map(|number| world.host(number));
    sh(
        two,
        &format!(
            "ip address flush dev eth0; ip address add {INSIDE}/24 dev eth0; ip route add default via 10.200.0.1"
        ),
    );
    sh(
        router,
        &format!(
            "ip address add 10.200.0.1/24 dev eth0; ip address add {OUTSIDE}/32 dev eth0
             echo 1 >/proc/sys/net/ipv4/ip_forward
             for one in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$one/send_redirects; done
             nft add table ip nat
             nft 'add chain ip nat in {{ type nat hook prerouting priority -100; }}'
             nft 'add chain ip nat out {{ type nat hook postrouting priority 100; }}'
             nft 'add rule ip nat in ip daddr {OUTSIDE} dnat to {INSIDE}'
             nft 'add rule ip nat out ip saddr {INSIDE} snat to {OUTSIDE}'"
        ),
    );
    world.partition(&[one], &[two]);
    Some(world)
}

/// Agents on both, which know each other.
#[track_caller]
fn agents(world: &World, options: &[&str]) -> ([Agent; 2], StoreServer) {
    let [one, two] = [1, 2].map(|number| world.host(number));
    let store = one.consul();
    let url = format!("--cluster-store={}", store.url());
    let start =
        |host: &Host, options: &[&str]| host.agent(&[&[&url, "--cluster-advertise=eth0"], options].concat());
    let agents = [start(one, &[]), start(two, options)];
    for host in [one, two] {
        until("each knows both", SOON, || {
            let nodes = host.run(&["weft", "node", "ls"]);
            nodes.contains("host1") && nodes.contains("host2")
        });
    }
    (agents, store)
}

/// Whether a container on each host reaches the other, on a network with these options.
#[track_caller]
fn reach_each_other(world: &World, name: &str, options: &[&str]) {
    let [one, two] = [1, 2].map(|number| world.host(number));
    one.run(&[&["weft", "network", "create"], options, &[name]].concat());
    until("the network is on both", SOON, || has_network(two, name));
    let attach = |host, side: &str| Container::attach(host, name, &format!("{name}-{side}"));
    let (a, b) = (attach(one, "a"), attach(two, "b"));
    for (from, to) in [(&a, &b), (&b, &a)] {
        let receiver = to.inside(listen);
        until(&format!("{} hears {}", to.name(), from.name()), SOON, || sent(from, to, &receiver, "marker"));
    }
}

/// The guard lets in what comes from the address that the record says.
#[test]
fn a_host_that_is_seen_under_another_address_says_so_and_is_reached() {
    let Some(world) = up() else { return };
    let (_agents, _store) = agents(&world, &[&format!("--outside-address={OUTSIDE}")]);
    let nodes = world.host(1).run(&["weft", "node", "ls"]);
    assert!(nodes.contains(OUTSIDE) && !nodes.contains(INSIDE), "{nodes}");
    reach_each_other(&world, "overlay", &[]);
    let rules = world.host(1).run(&["nft", "list", "chain", "inet", "weft", "raw_prerouting"]);
    assert!(rules.contains(OUTSIDE), "{rules}");
    let status = world.host(2).run(&["weft", "status"]);
    assert!(status.contains(OUTSIDE) && status.contains("as it should be"), "{status}");
}

#[test]
#[ignore = "needs the kernel's WireGuard: runs in a virtual machine (--test vm)"]
fn an_encrypted_network_goes_through_a_router_that_translates() {
    let Some(world) = up() else { return };
    let (_agents, _store) = agents(&world, &[&format!("--outside-address={OUTSIDE}")]);
    reach_each_other(&world, "secret", &["-o", "encrypted"]);
}

/// Without that, each is reached at an address that the other does not know.
#[test]
fn a_host_that_does_not_say_so_is_not_reached() {
    let Some(world) = up() else { return };
    let (_agents, _store) = agents(&world, &[]);
    let [one, two] = [1, 2].map(|number| world.host(number));
    one.run(&["weft", "network", "create", "overlay"]);
    until("the network is on both", SOON, || has_network(two, "overlay"));
    let (a, b) = (Container::attach(one, "overlay", "a"), Container::attach(two, "overlay", "b"));
    until("each knows of the other's", SOON, || {
        [one, two].iter().all(|host| host.run(&["weft", "endpoint", "ls"]).lines().count() > 2)
    });
    for (from, to) in [(&a, &b), (&b, &a)] {
        let receiver = to.inside(listen);
        receiver.set_read_timeout(Some(WHILE)).expect("a timeout that is not zero");
        assert!(!sent(from, to, &receiver, "marker"), "{} hears {}", to.name(), from.name());
    }
}
