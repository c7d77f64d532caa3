//! Hosts on networks of their own, with a router in between: none is on the other's, and each needs more of the address space
//! than the one that creates a network has routes to.

use crate::cluster::{SOON, exec, has_network, ping, sh, sleeper};
use weft_testbed::{Agent, Host, Service, World, until};

/// Host 1 is 10.0.0.11/24 and host 2 is 10.0.1.12/24, behind host 3, which has the store at 10.0.5.5, `consul.lab`.
const UNDERLAY: [&str; 3] = [
    "ip address add 10.0.0.11/24 dev eth0; ip route add default via 10.0.0.1",
    "ip address add 10.0.1.12/24 dev eth0; ip route add default via 10.0.1.1",
    "for address in 10.0.0.1 10.0.1.1 10.0.5.5; do ip address add $address/24 dev eth0; done
     echo 1 >/proc/sys/net/ipv4/ip_forward
     for one in all eth0; do echo 0 >/proc/sys/net/ipv4/conf/$one/send_redirects; done",
];

/// What host 2 has besides: a LAN, a resolver that asks 10.0.2.53, a VPN that has replaced the default route and has a table
/// of its own, an address that is on no link.
const BESIDES: &str = "
    ip link add tun0 type veth peer name tun1; ip link set tun0 up; ip link set tun1 up
    ip route add 10.8.0.0/16 dev tun0
    mkdir -p /run/systemd/resolve
    echo 'nameserver 127.0.0.53' >/etc/resolv.conf
    echo 'nameserver 10.0.2.53' >/run/systemd/resolve/resolv.conf
    ip rule add pref 5270 lookup 52; ip route add 10.0.3.0/24 dev tun0 table 52
    ip route add 0.0.0.0/1 via 10.0.1.1; ip route add 128.0.0.0/1 via 10.0.1.1
    ip address add 10.0.4.4/32 dev lo; ip route add unreachable 10.0.6.0/24";

/// The hosts, which reach each other through the third alone, and their store.
#[track_caller]
fn up() -> Option<(World, Service)> {
    let world = World::up(3)?;
    for (host, script) in world.hosts().iter().zip(UNDERLAY) {
        sh(host, &format!("ip address flush dev eth0; {script}; echo 10.0.5.5 consul.lab >>/etc/hosts"));
    }
    world.partition(&[world.host(1)], &[world.host(2)]);
    let consul = ["consul", "agent", "-server", "-bootstrap", "-client=0.0.0.0", "-bind=10.0.5.5"];
    let quickly = ["-data-dir=/var/lib/consul", "-hcl=performance { raft_multiplier = 1 }"];
    let consul = world.host(3).spawn(&[&consul[..], &quickly].concat());
    until("Consul leads", SOON, || {
        let leader = ["curl", "-s", "-m2", "http://10.0.5.5:8500/v1/status/leader"];
        String::from_utf8_lossy(&world.host(3).output(&leader).stdout).contains(':')
    });
    Some((world, consul))
}

#[track_caller]
fn agent(host: &Host) -> Agent {
    host.agent(&["--cluster-store=consul://consul.lab:8500"])
}

/// What `weft status` says is to be looked at.
fn problems(host: &Host) -> String {
    let output = host.output(&["weft", "status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    status["problems"].to_string()
}

#[test]
fn what_a_host_elsewhere_needs_is_passed_over_and_refused_by_name() {
    let Some((world, _consul)) = up() else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    sh(two, BESIDES);
    let _agents = [agent(one), agent(two)];
    until("both are there", SOON, || one.run(&["weft", "node", "ls"]).contains("10.0.1.12"));
    for (subnet, why) in [
        ("10.0.1.0/25", "10.0.1.0/24, which node host2 uses: the hosts' network"),
        ("10.8.3.0/24", "10.8.0.0/16, which node host2 uses: a route through tun0"),
        ("10.0.5.0/24", "10.0.5.5/32, which node host1 uses: a server of its store"),
        ("10.0.2.0/24", "10.0.2.53/32, which node host2 uses: its name server"),
        ("10.0.3.0/24", "10.0.3.0/24, which node host2 uses: a route through tun0"),
        ("10.0.4.0/24", "10.0.4.4/32, which node host2 uses: an address of lo"),
        ("10.0.6.0/24", "10.0.6.0/24, which node host2 uses: a route;"),
    ] {
        let refused = one.refused(&["weft", "network", "create", "--subnet", subnet, "taken"]);
        assert!(refused.contains(why), "{subnet}: {refused}");
    }
    one.run(&["weft", "network", "create", "overlay"]);
    until("it is on both", SOON, || has_network(two, "overlay"));
    let inspected = two.json(&["weft", "network", "inspect", "overlay"]);
    assert_eq!(inspected[0]["IPAM"]["Config"][0]["Subnet"], "10.0.7.0/24");
    sleeper(one, "overlay", "a", &[]);
    sleeper(two, "overlay", "b", &[]);
    ping(one, "a", "b");
    ping(two, "b", "a");
    // Out of the network, through the router, and to the store.
    exec(two, "b", &["ping", "-c1", "-W5", "10.0.5.5"]);
    exec(one, "a", &["ping", "-c1", "-W5", "10.0.1.12"]);
    assert_eq!([problems(one), problems(two)], ["[]", "[]"]);

    // A route that appears later is reported on the host that has it.
    two.run(&["ip", "route", "add", "10.0.6.0/23", "dev", "tun0"]);
    until("it is told", SOON, || {
        problems(two)
            .contains("network overlay has 10.0.7.0/24, and on this host 10.0.6.0/23 is a route through tun0")
    });
    assert_eq!(problems(one), "[]");
    ping(one, "a", "b");

    // Where the network has no way out, all that works goes on to work.
    one.run(&["weft", "network", "create", "--internal", "--subnet", "10.0.9.0/24", "inner"]);
    until("it is on both", SOON, || has_network(two, "inner"));
    sleeper(two, "inner", "c", &[]);
    two.run(&["sh", "-ec", "ip route del 10.0.6.0/23 dev tun0; ip route add 10.0.8.0/22 dev tun0"]);
    until("it is told", SOON, || {
        let status = two.output(&["weft", "status"]);
        let text = String::from_utf8_lossy(&status.stdout).into_owned();
        let note = "- network inner has 10.0.9.0/24, and on this host 10.0.8.0/22 is a route through tun0";
        status.status.success() && text.contains(note)
    });
}
