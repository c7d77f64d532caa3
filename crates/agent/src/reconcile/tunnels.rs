//! The tunnels that carry the segments of encrypted networks: this host's end, and those of the hosts that share one.

use super::{desired::Below, hosts::HostsByNetwork};
use crate::config::AgentConfig;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};
use weft_model::{NodeId, NodeName, TunnelKey, tunnel_mtu};
use weft_plan::{Carrier, Desired, Tunnel, TunnelPeer, TunnelSettings};
use weft_state::{cluster::Cluster, journal::LocalEndpoints, tunnel::OwnEnd};
use weft_trust::tunnel_address;

/// How often, in seconds, a host behind NAT sends something, so that the way back stays open: less than routers forget after
/// (RFC 4787 section 4.3 has them wait for two minutes; WireGuard's manual advises this).
const KEEPALIVE: u16 = 25;

/// What VXLAN adds to a packet, over IPv6, in bytes (RFC 7348 section 5).
const VXLAN_OVERHEAD: u32 = 70;

/// Gives the encrypted segments of `desired` what carries them. Without an end of its own, this host has none.
pub(super) fn add(
    desired: &mut Desired,
    config: &AgentConfig,
    cluster: &Cluster,
    (endpoints, hosts): (&LocalEndpoints, &HostsByNetwork),
    below: &Below<'_>,
) {
    let is_encrypted = desired.segments.values().any(|segment| segment.carrier == Carrier::Tunnel);
    let Some(own) = below.own_end.as_ref().filter(|_| is_encrypted) else { return };
    let encrypted = endpoints.values().filter(|local| local.network.is_encrypted());
    let others: BTreeSet<&NodeName> = encrypted.flat_map(|local| hosts.of(&local.network_id)).collect();
    let others = others.into_iter().filter(|name| **name != config.node_name);
    // In here nothing is fragmented; outside it is, where a network asks for more than fits.
    let segments = desired.segments.values().filter(|segment| segment.carrier == Carrier::Tunnel);
    let carried = segments.map(|segment| segment.mtu + VXLAN_OVERHEAD).max().unwrap_or(0);
    desired.tunnel = Some(Tunnel {
        address: own.address,
        settings: TunnelSettings { key: own.key, port: config.tunnel_port },
        mtu: tunnel_mtu(below.underlay_mtu, below.vtep).max(carried),
        peers: peers(config, cluster, own, others),
    });
}

fn peers<'n>(
    config: &AgentConfig,
    cluster: &Cluster,
    own: &OwnEnd,
    others: impl DoubleEndedIterator<Item = &'n NodeName>,
) -> BTreeMap<TunnelKey, TunnelPeer> {
    let peer = |name: &NodeName| {
        let node = cluster.nodes.get(name)?;
        // Nobody else has this host's key: a record that names it is a copy's, or a liar's.
        let end = node.encrypts().filter(|end| end.key != own.key)?;
        let endpoint = (!end.behind_nat).then(|| SocketAddr::new(node.vtep, end.port));
        let keepalive = if config.behind_nat { KEEPALIVE } else { 0 };
        let peer = TunnelPeer { key: end.key, address: tunnel_address(&node.id), endpoint, keepalive };
        Some((node.id, peer))
    };
    // Of two with one key, or one id, the first in order: none of them takes turns with the other. `contested` says it.
    let mut peers = BTreeMap::new();
    let by_id: BTreeMap<NodeId, TunnelPeer> = others.filter_map(peer).rev().collect();
    for (_, peer) in by_id {
        peers.entry(peer.key).or_insert(peer);
    }
    peers
}

/// The nodes of which others have the key for encrypted packets, or the id, in their records, a sentence each: of these one
/// alone is reached on encrypted networks.
pub(crate) fn contested(cluster: &Cluster) -> Vec<String> {
    let mut of: BTreeMap<(&str, String), Vec<&NodeName>> = BTreeMap::new();
    for (name, node) in &cluster.nodes {
        let Some(end) = node.encrypts() else { continue };
        of.entry(("key for encrypted packets", end.key.to_string())).or_default().push(name);
        of.entry(("id", node.id.to_string())).or_default().push(name);
    }
    let shared = of.into_iter().filter(|(_, names)| names.len() > 1);
    let say = |((what, _), names): ((&str, String), Vec<&NodeName>)| {
        let names: Vec<&str> = names.into_iter().map(NodeName::as_str).collect();
        format!(
            "the records of {} have one {what}, so that one alone of them is reached on encrypted networks: one is a copy, or \
             somebody wrote it",
            names.join(" and ")
        )
    };
    shared.map(say).collect()
}
