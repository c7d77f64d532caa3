//! Who may send into a segment: the hosts of the cluster. VXLAN itself asks nobody who he is.
//!
//! It keeps out those that cannot send under the address of such a host, and is gone when somebody flushes the rules: a
//! guard, not a promise.

use super::set;
use crate::{Carrier, Desired};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use weft_model::Vni;

/// Packets to the VXLAN port for a segment of ours, from an address that no other host of the cluster has, are dropped.
/// Those for other VNIs pass: Swarm uses the same port. The bits 96 to 119 after the UDP header's begin are the VNI
/// (RFC 7348, section 5).
pub(super) fn rules(desired: &Desired) -> Vec<String> {
    let Some(peers) = &desired.peers else { return Vec::new() };
    let strangers = [from_others("ip", peers, IpAddr::is_ipv4), from_others("ip6", peers, IpAddr::is_ipv6)];
    let of_port = |(port, vnis)| {
        let vnis = set(vnis);
        // Whether it is for this host, which takes longest to find out, is asked of strangers alone.
        let rule =
            |from: &String| format!("udp dport {port} @th,96,24 {vnis} {from} fib daddr type local drop");
        strangers.iter().map(rule).collect::<Vec<_>>()
    };
    in_clear(desired).into_iter().flat_map(of_port).collect()
}

/// The VNIs of this host that are not encrypted, by the port that they are on.
pub(super) fn in_clear(desired: &Desired) -> BTreeMap<u16, Vec<&Vni>> {
    let mut vnis: BTreeMap<u16, Vec<_>> = BTreeMap::new();
    // To an encrypted one nothing leads but the tunnels.
    let in_clear = desired.segments.iter().filter(|(_, segment)| segment.carrier == Carrier::Host);
    for (vni, segment) in in_clear {
        vnis.entry(segment.port).or_default().push(vni);
    }
    // Who does not get through to containers does not get through to what measures that, either.
    if let Some(probe) = &desired.probe {
        vnis.entry(probe.port).or_default().push(&Vni::PROBES);
    }
    vnis
}

/// What is true of packets of one family that come from none of `peers`.
fn from_others(family: &str, peers: &BTreeSet<IpAddr>, of_family: impl Fn(&IpAddr) -> bool) -> String {
    let mut peers = peers.iter().filter(|ip| of_family(ip)).peekable();
    if peers.peek().is_none() {
        return format!("meta nfproto {}", if family == "ip" { "ipv4" } else { "ipv6" });
    }
    format!("{family} saddr != {}", set(peers))
}
