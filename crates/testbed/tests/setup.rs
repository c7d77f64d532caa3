//! `weft setup docker`: finds what a host lacks, changes nothing unasked, and mends it when asked.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

use serde_json::Value;
use std::time::Duration;
use weft_testbed::{Host, Release, World, until};

const SOON: Duration = Duration::from_secs(20);
const SETUP: [&str; 5] = ["weft", "setup", "docker", "--format", "json"];

/// A host that lets nothing in but what it asked for, as many do.
const CLOSED: &str = "\
    add table inet closed; \
    add chain inet closed input { type filter hook input priority 0; policy drop; }; \
    add rule inet closed input iifname lo accept; \
    add rule inet closed input ct state established,related accept; \
    add rule inet closed input tcp dport 22 accept; \
    add rule inet closed input icmp type echo-request accept";

/// What the checks came to, whether the command then succeeded or not.
#[track_caller]
fn setup(host: &Host, more: &[&str]) -> (Value, bool) {
    let output = host.output(&[&SETUP, more].concat());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let report = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in:\n{printed}"));
    (report, output.status.success())
}

#[track_caller]
fn finding<'r>(report: &'r Value, check: &str) -> &'r Value {
    let findings = report["findings"].as_array().expect("there is a list of findings");
    findings.iter().find(|finding| finding["check"] == check).expect("each check has a finding")
}

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

#[test]
fn an_engine_drops_what_is_not_its_own() {
    let Some(world) = World::up(2) else { return };
    let [one, two] = [world.host(1), world.host(2)];
    let (report, well) = setup(one, &[]);
    assert!(!well && finding(&report, "engine")["state"] == "missing", "{report:#}");

    let _engine = one.engine(Release::Newest);
    let _agent = one.agent(&["--cluster-advertise=eth0"]);
    let (report, well) = setup(one, &[]);
    assert!(well, "nothing is missing: {report:#}");
    for check in ["engine", "agent", "plugin", "kernel", "forwarding", "vxlan", "subnets"] {
        assert_eq!(finding(&report, check)["state"], "ok", "{report:#}");
    }
    assert_eq!(finding(&report, "forward")["state"], "warning", "{report:#}");

    // Docker's have a way out that the engine keeps.
    let (well, said) = status(one);
    assert!(well, "{said}");

    // Containers of weft's own leave through the host, where the engine's policy meets them.
    one.run(&["weft", "network", "create", "overlay"]);
    one.run(&["weft", "run", "-d", "--net", "overlay", "--name", "a", "sleep", "600"]);
    let outside = two.address().to_string();
    let leaves = || one.output(&["weft", "exec", "a", "--", "ping", "-c1", "-W1", &outside]).status.success();
    assert!(!leaves(), "the engine drops it");
    let (well, said) = status(one);
    assert!(!well && said.contains("FORWARD of iptables drops") && said.contains("DOCKER-USER"), "{said}");
    let (report, well) = setup(one, &["--apply"]);
    assert!(well && finding(&report, "forward")["state"] == "ok", "{report:#}");
    until("it leaves", SOON, leaves);
    let (well, said) = status(one);
    assert!(well, "{said}");
}

/// Whether `weft status` says that all is well, and all it says.
fn status(host: &Host) -> (bool, String) {
    let output = host.output(&["weft", "status"]);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn status_says_what_drops_what_is_forwarded() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let _agent = host.agent(&["--cluster-advertise=eth0"]);
    host.run(&["weft", "network", "create", "overlay"]);
    let well = || status(host).0;
    let drops = ["iptables", "-P", "FORWARD", "DROP"];
    host.run(&drops);
    until("no container has a way out that could be dropped", SOON, well);
    host.run(&["weft", "run", "-d", "--net", "overlay", "--name", "a", "sleep", "600"]);

    let told = |chain: &str, mend: &str| {
        until("it is said what drops it", SOON, || {
            let (well, said) = status(host);
            !well && said.contains(chain) && said.contains(mend) && said.contains("send out or publish")
        });
    };
    told("the chain FORWARD of iptables drops", "iptables -I FORWARD -i weft-+ -j ACCEPT");
    host.run(&["iptables", "-P", "FORWARD", "ACCEPT"]);
    until("all is well again", SOON, well);

    let chain = "add chain inet closed forward { type filter hook forward priority 0; policy drop; }";
    host.run(&["nft", &format!("add table inet closed; {chain}")]);
    told("the chain forward of nftables' table inet closed drops", "insert rule inet closed forward iifname");
    host.run(&["nft", "delete table inet closed"]);
    until("all is well again", SOON, well);

    // Packets of a family that no container here has.
    host.run(&["ip6tables", "-P", "FORWARD", "DROP"]);
    until("nobody's packets are dropped", SOON, well);
}
