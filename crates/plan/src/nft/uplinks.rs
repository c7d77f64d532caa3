//! What may come out of a network into its host: what has an address of that network. And what may not go on from there.

use super::{family, guard, names, set};
use crate::{Desired, Outer, target};
use ipnet::IpNet;
use std::collections::BTreeSet;
use weft_model::IfName;

/// Packets from `uplinks` under an address that is not of a pool behind it are dropped: that of another host would get them
/// past the guard of a segment, and a loopback one past what trusts those. So are packets to loopback addresses, which a
/// host takes from uplinks for the answers of published ports.
pub(super) fn sources(uplinks: &BTreeSet<IfName>, pools: &[(IpNet, IfName)]) -> Vec<String> {
    if uplinks.is_empty() {
        return Vec::new();
    }
    let mut rules = vec![format!("iifname {} ip daddr 127.0.0.0/8 drop", names(uplinks))];
    for uplink in uplinks {
        // From the segment's own end come errors: that a container is not there, or a packet too large. Nothing is passed
        // on under a link-local address of IPv6.
        for (family, end) in [("ip", target::SEGMENT_V4.to_string()), ("ip6", "fe80::/10".to_owned())] {
            let of_family = |pool: &&IpNet| super::family(pool.addr()) == family;
            let behind = pools.iter().filter(|(_, of)| of == uplink).map(|(pool, _)| pool).filter(of_family);
            let from = set(behind.map(ToString::to_string).chain([end]));
            rules.push(format!("iifname \"{uplink}\" {family} saddr != {from} drop"));
        }
    }
    rules
}

/// Packets to the VXLAN port of another host that would go under this one's address, though they are not this host's: what
/// a container sends, and any program. They would get past the guard of that host, into whichever segment they say. The
/// kernel's own are not translated, but those of a device in the host's namespace belong to the program whose packet is in
/// them: so programs are kept from the segments that are here, and not from VXLAN of their own.
pub(super) struct Disguised {
    /// Of programs that are not root's.
    pub(super) sent: Vec<String>,
    /// Of containers, after translation.
    pub(super) translated: Vec<String>,
}

impl Disguised {
    pub(super) fn of(desired: &Desired, ports: &BTreeSet<u16>, has_uplinks: bool) -> Self {
        let peers = |of| desired.peers.iter().flatten().filter(|ip| family(**ip) == of).collect::<Vec<_>>();
        let to = ["ip", "ip6"].map(|of| (of, peers(of))).into_iter().filter(|(_, peers)| !peers.is_empty());
        let to: Vec<_> = to.map(|(of, peers)| format!("{of} daddr {} drop", set(&peers))).collect();
        let rules = |which: Vec<String>| {
            to.iter().flat_map(|to| which.iter().map(move |which| format!("{which} {to}"))).collect()
        };
        let by_programs = |(port, vnis)| format!("meta skuid != 0 udp dport {port} @th,96,24 {}", set(vnis));
        let by_containers = |port| format!("ct status snat udp dport {port}");
        // Such a rule has the kernel follow all connections of the host. Where nothing is translated that would be for
        // nothing.
        let of_engine = |attachment: &crate::Attachment| matches!(attachment.outer, Outer::Engine { .. });
        let translates = has_uplinks || desired.attachments.values().any(of_engine);
        Self {
            sent: rules(guard::in_clear(desired).into_iter().map(by_programs).collect()),
            translated: if translates {
                rules(ports.iter().map(by_containers).collect())
            } else {
                Vec::new()
            },
        }
    }
}
