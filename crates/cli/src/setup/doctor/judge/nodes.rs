//! The cluster as the agent knows it: its nodes, their versions, and what time it is.

use crate::setup::{
    doctor::facts::{More, Skew},
    facts::Facts,
    finding::{Finding, Mend},
};
use std::time::Duration;
use weft_api::v1;

const NODES: &str = "nodes";
const VERSIONS: &str = "versions";
const CLOCK: &str = "clock";
/// Clocks that differ by more make certificates begin in the future, and histories tell lies.
const MUCH: Duration = Duration::from_secs(60);
/// Logs that differ by more cannot be read beside each other.
const LITTLE: Duration = Duration::from_secs(5);

pub(super) fn nodes(facts: &Facts) -> Vec<Finding> {
    let Some(agent) = facts.agent.here() else { return Vec::new() };
    let down = agent.nodes.iter().filter(|node| !node.up);
    let mut findings: Vec<Finding> = down.map(is_down).collect();
    let others = agent.nodes.iter().filter(|node| !node.this);
    let port = agent.status.vxlan_port;
    let differs = others.filter(|node| node.vxlan_port != port);
    findings.extend(differs.map(|node| {
        Finding::missing(
            NODES,
            format!(
                "{} receives VXLAN on port {}/udp, this host on {port}/udp: they do not hear each other",
                node.name, node.vxlan_port
            ),
            vec![Mend::by_hand(format!(
                "vxlan-port = {port} in /etc/weft/weft.toml of {}, then systemctl restart weft.service there",
                node.name
            ))],
        )
    }));
    findings.extend(same_place(&agent.nodes));
    if findings.is_empty() {
        findings.push(Finding::ok(NODES, format!("{} up, none down", agent.nodes.len())));
    }
    findings
}

fn is_down(node: &v1::Node) -> Finding {
    let name = &node.name;
    Finding::warning(
        NODES,
        format!(
            "{name} ({}) is down: if only its agent is away, what runs there goes on, and hears of no change",
            node.advertise
        ),
        vec![
            Mend::by_hand(format!("on {name}: weft doctor; systemctl start weft.service")),
            Mend::by_hand(format!("if it is gone for good: weft node rm {name}")),
        ],
    )
}

/// Two nodes that say they are at the same address.
fn same_place(nodes: &[v1::Node]) -> impl Iterator<Item = Finding> {
    let pairs = nodes.iter().enumerate().flat_map(|(at, one)| {
        nodes.iter().skip(at + 1).filter(|other| other.vtep == one.vtep).map(move |other| (one, other))
    });
    pairs.map(|(one, other)| {
        Finding::missing(
            NODES,
            format!("{} and {} both say that they are at {}", one.name, other.name, one.vtep),
            vec![Mend::by_hand(
                "give each --cluster-advertise of its own; weft node rm the one that is gone",
            )],
        )
    })
}

pub(super) fn versions(facts: &Facts) -> Finding {
    let own = env!("CARGO_PKG_VERSION");
    let Some(agent) = facts.agent.here() else {
        return Finding::ok(VERSIONS, format!("this command is weft {own}; no agent says more"));
    };
    let running = &agent.status.version;
    if running != own {
        return Finding::warning(
            VERSIONS,
            format!("this command is weft {own}, the agent that runs is {running}"),
            vec![Mend::by_hand("systemctl restart weft.service: nothing that runs on networks notices")],
        );
    }
    let others = agent.nodes.iter().filter(|node| !node.this && node.version != *running);
    let others: Vec<String> = others.map(|node| format!("{} ({})", node.name, node.version)).collect();
    if others.is_empty() {
        return Finding::ok(VERSIONS, format!("weft {running} everywhere"));
    }
    Finding::warning(
        VERSIONS,
        format!(
            "this host has weft {running}, and others not: {}; what is new waits until all have it",
            others.join(", ")
        ),
        vec![Mend::by_hand(
            "install the same package on all hosts, one after the other; nothing stops meanwhile",
        )],
    )
}

pub(super) fn clock(facts: &Facts, more: &More) -> Finding {
    let mend = || match &facts.boot {
        Some(_) => vec![Mend::command("timedatectl set-ntp true")],
        None => vec![Mend::by_hand("have the clocks set by NTP, here and there: chrony, systemd-timesyncd")],
    };
    if let Some(Skew { server, by, ahead }) = more.clock.store.as_ref().filter(|skew| skew.by > LITTLE) {
        let way = if *ahead { "ahead of" } else { "behind" };
        let what =
            format!("the clock of the store's server {server} is {} s {way} this host's", by.as_secs());
        return if *by > MUCH {
            let what = format!("{what}: certificates are not valid yet, or not any more");
            Finding::missing(CLOCK, what, mend())
        } else {
            Finding::warning(CLOCK, what, mend())
        };
    }
    if more.clock.synchronised == Some(false) {
        return Finding::warning(CLOCK, "nothing sets this host's clock", mend());
    }
    let with = match (&more.clock.store, more.clock.synchronised) {
        (Some(skew), _) => format!("agrees with that of {}", skew.server),
        (None, Some(true)) => "is set by the network".to_owned(),
        (None, _) => "could not be compared with another".to_owned(),
    };
    Finding::ok(CLOCK, format!("this host's clock {with}"))
}
