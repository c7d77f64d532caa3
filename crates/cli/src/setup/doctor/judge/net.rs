//! The network of this host, as packets between hosts meet it.

use crate::setup::{
    doctor::facts::{More, Port, Way},
    facts::Facts,
    finding::{Finding, Mend},
    judge::{as_root, host},
};
use weft_api::v1;
use weft_http::{Holder, Protocol};
use weft_model::MIN_IPV6_MTU;

const MTU: &str = "mtu";
const WAY: &str = "way";
/// The program that may have weft's ports.
const OURS: &str = "weft";

/// WireGuard matters where a network asks for it.
pub(super) fn encryption(facts: &Facts, more: &More) -> Finding {
    const CHECK: &str = "encryption";
    let needed = facts.agent.here().is_some_and(|agent| agent.encrypts);
    match &more.wireguard {
        None => {
            Finding::warning(CHECK, "whether the kernel has WireGuard is for root to try", as_root(facts))
        }
        Some(Ok(())) => Finding::ok(CHECK, "the kernel makes WireGuard devices"),
        Some(Err(why)) if needed => Finding::missing(
            CHECK,
            format!("networks are encrypted, and the kernel makes no WireGuard device: {why}"),
            vec![host::modules(facts, "wireguard")],
        ),
        Some(Err(_)) => {
            Finding::ok(CHECK, "the kernel has no WireGuard, which no network needs: none is encrypted")
        }
    }
}

pub(super) fn forwarding(facts: &Facts) -> Finding {
    let leaving = facts.agent.here().is_some_and(|agent| agent.status.leaving > 0);
    if leaving && !facts.forwards_ipv4 {
        return Finding::missing(
            "forwarding",
            "net.ipv4.ip_forward is 0: containers have no way out, and no published ports",
            vec![Mend::command("sysctl -w net.ipv4.ip_forward=1")],
        );
    }
    host::forwarding(facts)
}

/// Strict filtering is no trouble by itself.
pub(super) fn reverse_path(more: &More) -> Finding {
    let how = if more.strict { "strict: packets have to come in where answers leave" } else { "not strict" };
    Finding::ok("rp_filter", format!("for the interface of VXLAN it is {how}"))
}

/// All network namespaces of a host share one table of neighbours.
pub(super) fn neighbours(facts: &Facts, more: &More) -> Finding {
    const CHECK: &str = "neighbours";
    let known =
        facts.agent.here().and_then(|agent| agent.status.counts.get("endpoints").copied()).unwrap_or(0);
    match more.neighbours {
        Some(most) if known * 5 > most * 4 => Finding::warning(
            CHECK,
            format!("the kernel keeps {most} neighbours at most, and there are {known} endpoints"),
            vec![Mend::command(&format!(
                "sysctl -w net.ipv4.neigh.default.gc_thresh3={}",
                (known * 4).next_power_of_two()
            ))],
        ),
        Some(most) => Finding::ok(CHECK, format!("the kernel keeps {most} at most, for {known} endpoints")),
        None => Finding::ok(CHECK, "how many the kernel keeps is not to be seen from here"),
    }
}

/// A line for each port.
pub(super) fn ports(more: &More) -> impl Iterator<Item = Finding> {
    more.ports.iter().map(port)
}

fn port(port: &Port) -> Finding {
    const CHECK: &str = "port";
    let Port { number, purpose, setting, .. } = port;
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    let what = format!("{number}/{protocol}, for {purpose},");
    match &port.holder {
        Holder::Nobody => Finding::ok(CHECK, format!("{what} is free")),
        Holder::Program { name, .. } if name == OURS => Finding::ok(CHECK, format!("{what} is weft's")),
        // The socket of a VXLAN or WireGuard device is the kernel's.
        Holder::Unseen if port.protocol == Protocol::Udp => {
            Finding::ok(CHECK, format!("{what} is the kernel's, as it is while there are networks"))
        }
        Holder::Unseen => {
            Finding::ok(CHECK, format!("{what} is in use; by which program is for root to see"))
        }
        Holder::Program { name, pid } => {
            let what = format!("{what} is held by {name} (pid {pid})");
            let mend = vec![Mend::by_hand(format!(
                "stop it: kill {pid}, or its unit; or give weft another port, on all hosts, with {setting}"
            ))];
            if port.needed {
                Finding::missing(CHECK, what, mend)
            } else {
                Finding::warning(CHECK, format!("{what}: weft cannot have it when it needs it"), mend)
            }
        }
    }
}

/// Whether packets to the others leave where those from them come in.
pub(super) fn ways(facts: &Facts, more: &More) -> Vec<Finding> {
    let mut findings: Vec<Finding> = more.ways.iter().filter_map(|way| astray(facts, more, way)).collect();
    if let Some(agent) = facts.agent.here() {
        if facts.underlay.is_none() {
            let vtep = agent.status.vtep;
            findings.push(Finding::missing(
                WAY,
                format!("no interface of this host has {vtep}, where the others send packets to"),
                vec![Mend::by_hand(format!(
                    "ip address add {vtep} dev … as it was; or give weft agent another --cluster-advertise"
                ))],
            ));
        } else if findings.is_empty() {
            findings
                .push(Finding::ok(WAY, format!("there is a route to each of {} others", more.ways.len())));
        }
    }
    findings
}

fn astray(facts: &Facts, more: &More, Way { node, to, from }: &Way) -> Option<Finding> {
    let own = facts.underlay.as_ref()?;
    match from {
        Err(why) => Some(Finding::missing(
            WAY,
            format!("there is no way to {node} at {to}: {why}"),
            vec![Mend::by_hand(format!("ip route get {to}; ip route add {to} via … dev {}", own.interface))],
        )),
        Ok((_, interface)) if *interface == own.interface => None,
        Ok((from, interface)) => {
            let what = format!(
                "packets to {node} at {to} leave by {interface} ({from}), those from it come to {} on {}",
                own.address, own.interface
            );
            let mend = vec![Mend::by_hand(format!(
                "ip route replace {to} dev {} src {}",
                own.interface, own.address
            ))];
            Some(if more.strict {
                Finding::missing(WAY, format!("{what}, where rp_filter drops them"), mend)
            } else {
                Finding::warning(WAY, what, mend)
            })
        }
    }
}

/// What fits here, and through the others' interfaces.
pub(super) fn mtu(facts: &Facts) -> Vec<Finding> {
    let Some(agent) = facts.agent.here() else {
        return vec![Finding::ok(MTU, "which interface VXLAN takes is known when the agent runs")];
    };
    if facts.underlay.is_none() {
        return Vec::new();
    }
    let mut findings = vec![host::mtu(facts)];
    let devices = |node: &v1::Node| node.device_mtu.or(node.underlay_mtu);
    let own = agent.nodes.iter().find(|node| node.this).and_then(devices);
    let fits = |node: &&v1::Node| !node.this && devices(node).is_some_and(|mtu| Some(mtu) != own);
    findings.extend(agent.nodes.iter().filter(fits).filter_map(|node| {
        let (theirs, own) = (devices(node)?, own?);
        let smaller = if theirs < own { node.name.as_str() } else { "this host" };
        Some(Finding::warning(
            MTU,
            format!(
                "the interface of {} carries {theirs} bytes, this host's {own}: networks on both carry what fits on {smaller}",
                node.name
            ),
            vec![Mend::by_hand(format!(
                "ip link set … mtu {} on {smaller}, if the network in between can do it",
                theirs.max(own).max(MIN_IPV6_MTU)
            ))],
        ))
    }));
    findings
}
