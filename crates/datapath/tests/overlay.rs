//! Two hosts, two containers, one overlay, on the real kernel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, isolated};

/// A host with one container on segment 256, which knows of the other host's.
fn host_with_container(host: &Host, own: [&str; 2], peer: &Host, other: [&str; 2]) -> Wanted {
    host.container("box");
    let mut wanted = Wanted::default();
    wanted.segment(256, host.ip, &["10.0.0.1/24", "fd00::1/64"]).remote(256, peer.ip, &other);
    let addresses = [format!("{}/24", own[0]), format!("{}/64", own[1])];
    wanted.local(256, "box", &addresses.each_ref().map(String::as_str));
    host.reach(&wanted);
    wanted
}

#[test]
fn containers_on_two_hosts_reach_each_other() {
    isolated(|| {
        let (one, two) = (Host::new(1), Host::new(2));
        host_with_container(&one, ["10.0.0.2", "fd00::2"], &two, ["10.0.0.3", "fd00::3"]);
        host_with_container(&two, ["10.0.0.3", "fd00::3"], &one, ["10.0.0.2", "fd00::2"]);
        for to in ["10.0.0.3", "fd00::3", "10.0.0.1", "fd00::1"] {
            assert!(one.ping("box", to), "the first ping to {to} is not answered");
        }
        assert!(one.sh("ip netns list").contains("weft-256"));
    });
}
