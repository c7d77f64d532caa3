//! Two hosts, two containers, one overlay, on the real kernel.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod lab;

use lab::{Host, Wanted, isolated};
use std::net::IpAddr;

/// A host with one container on segment 256, which knows of the other host's.
fn host_with_container(host: &Host, own: [&str; 2], vteps: [IpAddr; 2], other: [&str; 2]) {
    host.container("box");
    let mut wanted = Wanted::default();
    wanted.segment(256, vteps[0], &["10.0.0.1/24", "fd00::1/64"]).remote(256, vteps[1], &other);
    let addresses = [format!("{}/24", own[0]), format!("{}/64", own[1])];
    wanted.local(256, "box", &addresses.each_ref().map(String::as_str));
    host.reach(&wanted);
}

/// Two hosts with a container each, which reach each other and the gateway at the first packet.
fn two_hosts(vtep: fn(&Host) -> IpAddr) -> [Host; 2] {
    let hosts = [Host::new(1), Host::new(2)];
    let [one, two] = [vtep(&hosts[0]), vtep(&hosts[1])];
    host_with_container(&hosts[0], ["10.0.0.2", "fd00::2"], [one, two], ["10.0.0.3", "fd00::3"]);
    host_with_container(&hosts[1], ["10.0.0.3", "fd00::3"], [two, one], ["10.0.0.2", "fd00::2"]);
    for to in ["10.0.0.3", "fd00::3", "10.0.0.1", "fd00::1"] {
        assert!(hosts[0].ping("box", to), "the first ping to {to} is not answered");
    }
    hosts
}

#[test]
fn containers_on_two_hosts_reach_each_other() {
    isolated(|| {
        let [one, _two] = two_hosts(|host| host.ip);
        assert!(one.sh("ip netns list").contains("weft-256"), "`ip netns` does not see the segment");
    });
}

#[test]
fn the_underlay_can_be_ipv6() {
    isolated(|| {
        two_hosts(|host| host.ip6);
    });
}

#[test]
fn a_segment_that_fails_stops_no_other() {
    isolated(|| {
        let host = Host::new(1);
        host.container("one");
        host.container("two");
        host.sh("ip link add other type vxlan id 256 local 192.168.77.11 dstport 4789");
        let mut wanted = Wanted::default();
        wanted.segment(256, host.ip, &["10.0.0.1/24"]).segment(257, host.ip, &["10.0.1.1/24"]);
        wanted.local(256, "one", &["10.0.0.2/24"]);
        wanted.local(257, "two", &["10.0.1.2/24"]);
        let report = host.apply(&host.plan(&wanted.0));
        assert_eq!(report.failures.len(), 1, "{:?}", report.failures);
        assert!(report.skipped > 0, "what needs the device is not tried");
        let error = report.failures[0].to_string();
        assert!(error.contains("VNI 256 on UDP port 4789"), "{error}");
        assert!(host.ping("two", "10.0.1.1"));
        host.sh("ip link delete other");
        host.reach(&wanted);
    });
}

#[test]
fn the_name_of_a_device_of_the_host_does_not_matter() {
    isolated(|| {
        let host = Host::new(1);
        host.container("box");
        host.sh("for name in br0 vxlan0 uplink0; do ip link add $name type bridge; done");
        let mut wanted = Wanted::default();
        wanted.segment(256, host.ip, &["10.0.0.1/24"]).leaving(256, "box", &["10.0.0.2/24"]);
        host.reach(&wanted);
    });
}
