//! `weft setup docker` finds the firewall that a host is behind, changes nothing unasked, and opens it when asked.

use crate::{
    cluster::SOON,
    findings::{finding, setup},
};
use weft_testbed::{Host, World, until};

/// A host that lets nothing in but what it asked for, as many do.
const CLOSED: &str = "\
    add table inet closed; \
    add chain inet closed input { type filter hook input priority 0; policy drop; }; \
    add rule inet closed input iifname lo accept; \
    add rule inet closed input ct state established,related accept; \
    add rule inet closed input tcp dport 22 accept; \
    add rule inet closed input icmp type echo-request accept";

/// All of a host's network that the checks could change.
fn network(host: &Host) -> String {
    let rules = host.run(&["nft", "list", "ruleset"]);
    let links = host.run(&["ip", "-oneline", "link"]);
    let names = host.run(&["sh", "-c", "ls /run/netns 2>/dev/null || true"]);
    let forwarding = host.run(&["cat", "/proc/sys/net/ipv4/ip_forward"]);
    [rules, links, names, forwarding].concat()
}

#[test]
fn a_firewall_is_found_and_opened() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    one.write("/etc/weft/token", "of the test, and long");
    two.write("/etc/weft/token", "of the test, and long");
    let token = "--cluster-store-opt=token-file=/etc/weft/token";
    let _first = one.agent(&["--cluster-advertise=eth0", "--store-serve=192.168.77.11:8500", token]);
    let _second =
        two.agent(&["--cluster-advertise=eth0", "--cluster-store=consul://192.168.77.11:8500", token]);
    one.run(&["weft", "network", "create", "overlay"]);
    for (host, name) in [(one, "a"), (two, "b")] {
        until("the network is known", SOON, || {
            host.output(&["weft", "run", "-d", "--net", "overlay", "--name", name, "sleep", "600"])
                .status
                .success()
        });
    }
    let reaches = || one.output(&["weft", "exec", "a", "--", "ping", "-c1", "-W1", "b"]).status.success();
    until("they reach each other", SOON, reaches);

    two.run(&["nft", CLOSED]);
    assert!(!reaches(), "the firewall is closed");
    let before = network(two);
    let (report, well) = setup(two, &[]);
    assert_eq!(finding(&report, "kernel")["state"], "ok", "{report:#}");
    assert!(!well, "something is missing");
    let vxlan = finding(&report, "vxlan");
    assert_eq!(vxlan["state"], "missing", "{report:#}");
    let command = r#"nft 'insert rule inet closed input iifname "eth0" udp dport 4789 accept'"#;
    assert_eq!(vxlan["mend"][0]["command"], command);
    assert_eq!(network(two), before, "it only looks");

    let (report, _) = setup(two, &["--apply"]);
    assert_eq!(report["applied"][0]["command"], command, "{report:#}");
    assert_eq!(finding(&report, "vxlan")["state"], "ok", "{report:#}");
    until("they reach each other again", SOON, reaches);
    let (report, _) = setup(two, &["--apply"]);
    assert_eq!(report["applied"].as_array().map(Vec::len), Some(0), "mended once: {report:#}");
}
