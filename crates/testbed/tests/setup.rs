//! `weft setup docker`: finds what a host lacks, changes nothing unasked, and mends it when asked.

#![allow(clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "setup/doctor.rs"]
mod doctor;
#[path = "weft/findings.rs"]
mod findings;

use findings::{finding, setup};
use std::time::Duration;
use weft_testbed::{Host, Release, World, until};

const SOON: Duration = Duration::from_secs(20);

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
