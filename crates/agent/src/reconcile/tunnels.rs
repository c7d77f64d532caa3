//! The tunnels that carry the segments of encrypted networks: this host's end, and those of the hosts that share one.

use super::{desired::Below, hosts::HostsByNetwork};
use crate::config::AgentConfig;
use std::{collections::BTreeMap, net::SocketAddr};
use weft_model::{NodeName, TunnelKey, tunnel_mtu};
use weft_plan::{Carrier, Desired, Tunnel, TunnelPeer, TunnelSettings};
use weft_state::{cluster::Cluster, journal::LocalEndpoints, tunnel::OwnEnd};
use weft_trust::tunnel_address;

/// How often, in seconds, a host behind NAT sends something, so that the way back stays open: less than routers forget after
/// (RFC 4787 section 4.3 has them wait for two minutes; WireGuard's manual advises this).
const KEEPALIVE: u16 = 25;

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
    let others = encrypted.flat_map(|local| hosts.of(&local.network_id));
    let others = others.filter(|name| **name != config.node_name);
    desired.tunnel = Some(Tunnel {
        address: own.address,
        settings: TunnelSettings { key: own.key, port: config.tunnel_port },
        mtu: tunnel_mtu(below.underlay_mtu, below.vtep),
        peers: peers(config, cluster, own, others),
    });
}

fn peers<'n>(
    config: &AgentConfig,
    cluster: &Cluster,
    own: &OwnEnd,
    others: impl Iterator<Item = &'n NodeName>,
) -> BTreeMap<TunnelKey, TunnelPeer> {
    let peer = |name: &NodeName| {
        let node = cluster.nodes.get(name)?;
        // Nobody else has this host's key: a record that names it is a copy's, or a liar's.
        let end = node.tunnel.as_ref().filter(|end| end.key != own.key)?;
        let endpoint = (!end.behind_nat).then(|| SocketAddr::new(node.vtep, end.port));
        let keepalive = if config.behind_nat { KEEPALIVE } else { 0 };
        let peer = TunnelPeer { key: end.key, address: tunnel_address(&node.id), endpoint, keepalive };
        Some((end.key, peer))
    };
    others.filter_map(peer).collect()
}
