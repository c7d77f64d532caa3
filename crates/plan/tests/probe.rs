//! The device that paths are measured through, in plans.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "other tests need more of it")]
mod fixture;

use fixture::{empty, ip, reached};
use weft_model::MacAddr;
use weft_plan::{Desired, Fdb, Observed, Plan, Probe, plan};

fn lines(desired: &Desired, observed: &Observed) -> Vec<String> {
    plan(desired, observed).steps.iter().map(ToString::to_string).collect()
}

fn probe() -> Probe {
    let mac = |last| MacAddr::new([2, 0, 0, 0, 0, last]).unwrap();
    let mut peers = Fdb::default();
    peers.set(mac(2), ip("192.0.2.2"));
    Probe { mac: mac(1), vtep: ip("192.0.2.1"), port: 4789, mtu: 1450, peers }
}

#[test]
fn the_probe_device_is_there_without_any_network_and_needs_no_rules() {
    let desired = Desired { probe: Some(probe()), ..Desired::default() };
    let made = [
        "weft-16777215: create the namespace",
        "weft-16777215: create vxlan id 16777215 local 192.0.2.1 port 4789 vxlan0 address 02:00:00:00:00:01 mtu 1450",
        "weft-16777215: set fdb 02:00:00:00:00:02 dst 192.0.2.2 on vxlan0",
        "weft-16777215: set vxlan0 up",
    ];
    assert_eq!(lines(&desired, &empty()), made);
    let there = reached(&desired);
    assert_eq!(plan(&desired, &there), Plan::default());
    assert_eq!(
        lines(&Desired::default(), &there),
        ["weft-16777215: delete link vxlan0", "weft-16777215: delete the namespace"]
    );
    // Another address of this host's: the device is made anew.
    let moved = Desired { probe: Some(Probe { vtep: ip("192.0.2.9"), ..probe() }), ..Desired::default() };
    assert_eq!(lines(&moved, &there).len(), 4);
}
