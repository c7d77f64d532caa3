//! The address that a host advertises: which one it is, and what is said when it is gone.

use crate::cluster::SOON;
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
