//! The address that a host advertises: which one it is, and what is said when it is gone.

use crate::cluster::{SOON, has_network};
use serde_json::Value;
use weft_testbed::{Host, World, until};

fn status(host: &Host) -> Value {
    let output = host.output(&["weft", "status", "--format", "json"]);
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[test]
fn an_address_that_stays_is_chosen_and_kept() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    // A virtual address that some host of a pair has, and one that is not to be used any more.
    host.run(&[
        "sh",
        "-ec",
        "ip -4 address flush dev eth0
        ip address add 192.168.77.200/32 dev eth0
        ip address add 192.168.77.11/24 dev eth0 preferred_lft 0
        ip address add 192.168.77.21/24 dev eth0",
    ]);
    let _agent = host.agent(&["--cluster-advertise=eth0"]);
    assert_eq!(status(host)["advertise"], "192.168.77.21");
    // What comes and goes beside it changes nothing; when it goes, the next best is taken.
    host.run(&[
        "sh",
        "-ec",
        "ip address del 192.168.77.200/32 dev eth0; ip address add 192.168.78.5/24 dev eth0",
    ]);
    host.run(&["sh", "-ec", "ip address del 192.168.77.21/24 dev eth0"]);
    until("another is taken", SOON, || status(host)["advertise"] == "192.168.78.5");
    host.run(&["weft", "status"]);
    // Between two leases it has its IPv6 address alone, where the other hosts would not be reached.
    host.run(&["ip", "address", "del", "192.168.78.5/24", "dev", "eth0"]);
    until("it is told", SOON, || !host.output(&["weft", "status"]).status.success());
    assert_eq!(status(host)["advertise"], "192.168.78.5");
    host.run(&["ip", "address", "add", "192.168.77.31/24", "dev", "eth0"]);
    until("the next is taken", SOON, || status(host)["advertise"] == "192.168.77.31");
    host.run(&["weft", "status"]);
}

/// The kernel sends from temporary addresses where there are any, and makes new ones every day.
#[test]
fn a_temporary_address_is_not_chosen() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    host.run(&[
        "sh",
        "-ec",
        "ip -4 address flush dev eth0
        echo 2 >/proc/sys/net/ipv6/conf/eth0/use_tempaddr
        ip address add 2001:db8:77::5/64 dev eth0 mngtmpaddr
        ip -6 route replace default dev eth0",
    ]);
    until("the kernel sends from a temporary one", SOON, || {
        let route = host.run(&["ip", "-6", "route", "get", "2001:db8::1"]);
        let checked = host.run(&["ip", "-6", "address", "show", "dev", "eth0", "tentative"]).is_empty();
        checked && route.contains("src 2001:db8:77:") && !route.contains("src 2001:db8:77::5 ")
    });
    let _agent = host.agent(&[]);
    assert_eq!(status(host)["advertise"], "2001:db8:77::5");
}

#[test]
fn an_address_that_was_given_and_is_gone_is_told() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let mut agent = host.agent(&["--cluster-advertise=192.168.77.11"]);
    until("all is well", SOON, || host.output(&["weft", "status"]).status.success());
    host.run(&["ip", "address", "del", "192.168.77.11/24", "dev", "eth0"]);
    until("it is told", SOON, || {
        let output = host.output(&["weft", "status"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        !output.status.success() && said.contains("192.168.77.11: this host does not have it")
    });
    host.run(&["ip", "address", "add", "192.168.77.11/24", "dev", "eth0"]);
    until("all is well again", SOON, || host.output(&["weft", "status"]).status.success());
    agent.stop();
    // What no host could use is refused by name.
    for (given, word) in [
        ("fe80::1%eth0", "one link"),
        ("203.0.113.9", "NAT"),
        ("127.0.0.1", "cannot reach"),
        ("255.255.255.255", "cannot reach"),
        ("192.168.77.255", "does not have it"),
    ] {
        let refused = host.refused(&["weft", "agent", &format!("--cluster-advertise={given}")]);
        assert!(refused.contains(word), "{given}: {refused}");
    }
}

/// With every store: an agent does not wait for connections from the address that is gone.
#[test]
fn the_store_is_asked_from_the_address_that_is_left() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let (consul, etcd) = (one.consul(), one.etcd());
    one.run(&["sh", "-c", "echo 0123456789abcdef >/run/token; chmod 600 /run/token"]);
    two.run(&["sh", "-c", "echo 0123456789abcdef >/run/token; chmod 600 /run/token"]);
    let served = "consul://192.168.77.11:8700";
    let serve = ["weft", "store", "serve", "--listen=192.168.77.11:8700", "--token-file=/run/token"];
    let _served = one.spawn(&[&serve[..], &["--path=/run/store"]].concat());
    let token = "--cluster-store-opt=token-file=/run/token";
    for (url, more) in [(consul.url(), None), (etcd.url(), None), (served, Some(token))] {
        let store = format!("--cluster-store={url}");
        let mut options = vec![store.as_str(), "--cluster-advertise=eth0"];
        options.extend(more);
        let mut agent = two.agent(&options);
        until("all is well", SOON, || two.output(&["weft", "status"]).status.success());
        two.run(&[
            "sh",
            "-c",
            "ip address del 192.168.77.12/24 dev eth0; ip address add 192.168.77.112/24 dev eth0",
        ]);
        agent.logs("addresses are gone that the store was asked from", SOON);
        until("the store is asked", SOON, || {
            two.output(&["weft", "network", "create", "overlay"]).status.success()
        });
        until("what it says is heard", SOON, || has_network(two, "overlay"));
        until("all is well again", SOON, || two.output(&["weft", "status"]).status.success());
        assert!(!agent.log().contains("no answer within"), "{url}: {}", agent.log());
        agent.stop();
        two.run(&[
            "sh",
            "-c",
            "ip address del 192.168.77.112/24 dev eth0; ip address add 192.168.77.12/24 dev eth0",
        ]);
        two.run(&["sh", "-c", "rm -rf /var/lib/weft"]);
    }
}

/// A local route makes a whole range this host's, and no interface has an address of it.
#[test]
fn an_address_that_no_interface_has_can_be_asked_from() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [1, 2].map(|number| world.host(number));
    let consul = one.consul();
    two.run(&[
        "sh",
        "-ec",
        "ip route add local 192.0.2.0/24 dev lo
        ip route add 192.168.77.11/32 dev eth0 src 192.0.2.5",
    ]);
    one.run(&["ip", "route", "add", "192.0.2.0/24", "via", "192.168.77.12"]);
    let agent = two.agent(&[&format!("--cluster-store={}", consul.url()), "--cluster-advertise=eth0"]);
    until("it asks from there", SOON, || {
        two.run(&["ss", "-Htn", "state", "established"]).contains("192.0.2.5:")
    });
    // An address that goes has the agent look at once, and give up what it thinks is lost.
    for turn in 0..5 {
        let address = format!("192.168.78.{turn}/24");
        two.run(&["ip", "address", "add", &address, "dev", "eth0"]);
        two.run(&["ip", "address", "del", &address, "dev", "eth0"]);
        let name = format!("net{turn}");
        two.run(&["weft", "network", "create", &name]);
        until("it was looked at", SOON, || two.output(&["weft", "status"]).status.success());
    }
    let began = std::time::Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(4) {
        assert!(!agent.log().contains("addresses are gone"), "{}", agent.log());
    }
}
