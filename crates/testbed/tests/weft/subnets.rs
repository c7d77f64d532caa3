//! Pools: what is asked for is kept, and all of a network reach each other wherever in it they are.

use crate::cluster::{Cluster, SOON, addresses, exec, ping, sleeper};
use weft_testbed::{Host, World, eventually, until};

/// The addresses that a network's endpoints should have, by name, as a host sees them.
#[track_caller]
fn expect(host: &Host, network: &str, expected: &[(&str, &str)]) {
    eventually(SOON, || {
        let mut seen = addresses(host, network);
        seen.sort();
        let same = seen.iter().map(|(name, address)| (name.as_str(), address.as_str())).eq(expected.to_vec());
        if same { Ok(()) } else { Err(format!("the addresses are {seen:?}")) }
    });
}

#[test]
fn subnets_of_one_network_reach_each_other_across_hosts() {
    let Some(cluster) = Cluster::up(3) else { return };
    cluster.create_network(&["--subnet", "10.50.0.0/24", "--subnet", "10.51.0.0/24", "wide"]);
    // Each subnet on hosts of its own: no host has endpoints on both.
    sleeper(cluster.host(1), "wide", "one", &[]);
    sleeper(cluster.host(2), "wide", "two", &["--ip", "10.51.0.2"]);
    sleeper(cluster.host(3), "wide", "three", &["--ip", "10.51.0.3"]);
    expect(
        cluster.host(1),
        "wide",
        &[("one", "10.50.0.2/24"), ("three", "10.51.0.3/24"), ("two", "10.51.0.2/24")],
    );
    for (host, from, to) in [(1, "one", "two"), (1, "one", "three"), (2, "two", "one"), (3, "three", "two")] {
        ping(cluster.host(host), from, to);
    }
    // The address is the sender's own, as within one subnet.
    let two = cluster.host(2).spawn(&["weft", "exec", "two", "--", "iperf3", "-s", "-1", "--forceflush"]);
    two.logs("listening", SOON);
    exec(cluster.host(1), "one", &["iperf3", "-c", "two", "-n", "1M"]);
    two.logs("Accepted connection from 10.50.0.2", SOON);
}

#[test]
fn ranges_gateways_and_auxiliary_addresses_are_kept() {
    let Some(cluster) = Cluster::up(2) else { return };
    let pool = ["--subnet", "10.60.0.0/24", "--gateway", "10.60.0.254", "--ip-range", "10.60.0.16/30"];
    let taken = ["--aux-address", "printer=10.60.0.17", "--aux-address", "router=10.60.0.1"];
    cluster.create_network(&[&pool[..], &taken, &["kept"]].concat());
    let inspected = cluster.host(2).json(&["weft", "network", "inspect", "kept"]);
    assert_eq!(
        inspected[0]["IPAM"]["Config"],
        serde_json::json!([{
            "Subnet": "10.60.0.0/24", "IPRange": "10.60.0.16/30", "Gateway": "10.60.0.254",
            "AuxiliaryAddresses": {"printer": "10.60.0.17", "router": "10.60.0.1"},
        }])
    );
    // Three of the range's four are free, and what is asked for may lie outside of it.
    for (number, name) in ["a", "b", "c"].into_iter().enumerate() {
        sleeper(cluster.host(1 + number % 2), "kept", name, &[]);
    }
    sleeper(cluster.host(2), "kept", "d", &["--ip", "10.60.0.99"]);
    expect(
        cluster.host(1),
        "kept",
        &[("a", "10.60.0.16/24"), ("b", "10.60.0.18/24"), ("c", "10.60.0.19/24"), ("d", "10.60.0.99/24")],
    );
    let run = |options: &[&str]| {
        let run = ["weft", "run", "-d", "--net", "kept", "--name", "e"];
        cluster.host(1).refused(&[&run, options, &["--", "sleep", "infinity"]].concat())
    };
    for (options, reason) in [
        (&[][..], "10.60.0.16/30"),
        (&["--ip", "10.60.0.17"], "printer"),
        (&["--ip", "10.60.0.254"], "gateway"),
        (&["--ip", "10.60.0.255"], "broadcast"),
        (&["--ip", "10.60.0.99"], "by d on node host2"),
        (&["--ip6", "fd00::1"], "in no subnet"),
        (&["--ip", "10.60.0.7", "--mac-address", "02:42:0a:3c:00:10"], "by a on node host1"),
    ] {
        let refusal = run(options);
        assert!(refusal.contains(reason), "{options:?}: {refusal}");
    }
    assert_eq!(exec(cluster.host(1), "a", &["ip", "route", "show", "default"]).trim(), {
        "default via 10.60.0.254 dev eth0 proto 119"
    });
}

#[test]
fn what_makes_no_sense_is_refused_and_what_may_not_is_said() {
    let Some(cluster) = Cluster::up(1) else { return };
    let host = cluster.host(1);
    for (options, reason) in [
        ("--subnet 10.0.0.0/33", "the prefix is too long: 33 bits, where IPv4 has 32"),
        ("--subnet fd00::/129", "the prefix is too long: 129 bits, where IPv6 has 128"),
        (
            "--subnet 10.0.0.0/24 --ip-range 10.0.0.1/32",
            "ip-range 10.0.0.1/32 has no address for a container",
        ),
        ("--subnet 10.0.0.0/24 --gateway 10.0.0.9 --ip-range 10.0.0.9/32", "has no address for a container"),
        ("-o mut=1400", "no option \"mut\""),
    ] {
        let command: Vec<_> =
            "weft network create".split(' ').chain(options.split(' ')).chain(["odd"]).collect();
        let refused = host.refused(&command);
        assert!(refused.contains(reason), "{options}: {refused}");
    }
    let said = host.output(&["weft", "network", "create", "--subnet", "8.8.8.0/24", "public"]).stderr;
    assert!(String::from_utf8_lossy(&said).contains("8.8.8.0/24 is a public one"), "{said:?}");
}

#[test]
fn ipv6_alone() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [one, two] = [cluster.host(1), cluster.host(2)];
    cluster.create_network(&["--ipv4=false", "--subnet", "fd60::/64", "six"]);
    sleeper(one, "six", "one", &[]);
    sleeper(two, "six", "two", &[]);
    // The last half of these is the same, and so would be an Ethernet address made of it.
    sleeper(one, "six", "three", &["--ip6", "fd60::1:0:0:9"]);
    sleeper(two, "six", "four", &["--ip6", "fd60::2:0:0:9"]);
    for (host, from, to) in [(one, "one", "two"), (one, "three", "four"), (two, "four", "one")] {
        ping(host, from, to);
    }
    assert_eq!(exec(one, "one", &["dig", "+short", "AAAA", "two"]).trim(), "fd60::3");
    assert_eq!(exec(one, "one", &["dig", "+short", "-x", "fd60::3"]).trim(), "two.six.");
    assert_eq!(exec(one, "one", &["dig", "+short", "A", "two"]).trim(), "");
    // Out, masqueraded: the other host knows no way back to fd60::.
    ping(one, "one", &two.address6().to_string());
}

/// What another host uses is nobody's to give away: it would be cut off where the network has its way out.
#[test]
fn what_another_host_uses_is_passed_over_and_refused_by_name() {
    let Some(cluster) = Cluster::up(2) else { return };
    let [first, second] = [1, 2].map(|number| cluster.host(number).clone());
    second.run(&[
        "sh",
        "-ec",
        "ip route add 10.0.0.0/24 dev eth0; ip route add 10.8.0.0/16 via 192.168.77.11",
    ]);
    until("the other host knows", SOON, || {
        first.output(&["weft", "network", "create", "--subnet", "10.8.3.0/24", "lan"]).status.code()
            == Some(1)
            || !first.output(&["weft", "network", "rm", "lan"]).status.success()
    });
    let refused = first.refused(&["weft", "network", "create", "--subnet", "10.8.3.0/24", "lan"]);
    assert!(refused.contains("10.8.0.0/16, which node host2 uses: a route through eth0"), "{refused}");
    let refused = first.refused(&["weft", "network", "create", "--subnet", "192.168.77.0/25", "lan"]);
    assert!(refused.contains("192.168.77.0/24"), "{refused}");
    cluster.create_network(&["overlay"]);
    let inspected = first.json(&["weft", "network", "inspect", "overlay"]);
    assert_eq!(inspected[0]["IPAM"]["Config"][0]["Subnet"], "10.0.1.0/24");
    // A network exists, and then the host gets an address in its range: the hosts still reach each other.
    sleeper(&first, "overlay", "one", &[]);
    second.run(&[
        "sh",
        "-ec",
        "ip address del 192.168.77.12/24 dev eth0; ip address add 10.0.1.12/24 dev eth0",
    ]);
    second.run(&["ip", "route", "add", "192.168.77.0/24", "dev", "eth0"]);
    first.run(&["sh", "-ec", "ip route add 10.0.1.12/32 dev eth0"]);
    until("it is told", SOON, || {
        let output = first.output(&["weft", "status"]);
        String::from_utf8_lossy(&output.stdout).contains("network overlay has 10.0.1.0/24, and on this host")
    });
    first.run(&["ping", "-c1", "-W2", "10.0.1.12"]);
}

/// A server of the store that is given by its name, and the name servers behind systemd's own.
#[test]
fn what_a_host_uses_by_other_names_is_passed_over() {
    let Some(world) = World::up(2) else { return };
    let [first, second] = [1, 2].map(|number| world.host(number));
    let store = first.consul();
    second.write("/etc/hosts", "127.0.0.1 localhost\n10.0.0.7 store.test\n");
    second.write("/etc/resolv.conf", "nameserver 127.0.0.53\n");
    // In Latin-1, as an old tool wrote it.
    let behind = r"printf '# caf\351\nnameserver 10.0.1.53\n' >/run/systemd/resolve/resolv.conf";
    second.run(&["sh", "-ec", &format!("mkdir -p /run/systemd/resolve; {behind}")]);
    let url = store.url();
    let urls = [url.to_owned(), format!("{url},store.test:8500")];
    let _agents = [1, 2].map(|number| {
        let store = format!("--cluster-store={}", urls[number - 1]);
        world.host(number).agent(&[&store, "--cluster-advertise=eth0"])
    });
    until("the other host knows", SOON, || {
        let nodes = first.run(&["weft", "node", "ls"]);
        nodes.contains("host2")
    });
    for (subnet, what) in [("10.0.0.0/24", "a server of its store"), ("10.0.1.0/26", "its name server")] {
        let refused = first.refused(&["weft", "network", "create", "--subnet", subnet, "lan"]);
        assert!(refused.contains(&format!("which node host2 uses: {what}")), "{refused}");
    }
    first.run(&["weft", "network", "create", "overlay"]);
    let inspected = first.json(&["weft", "network", "inspect", "overlay"]);
    assert_eq!(inspected[0]["IPAM"]["Config"][0]["Subnet"], "10.0.2.0/24");
}
