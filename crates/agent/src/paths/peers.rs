//! Whom paths are measured to.

use super::between::Carried;
use crate::config::AgentConfig;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
};
use weft_model::{MacAddr, Node, NodeId, NodeName, TunnelKey, Vni, is_for_check, overlay_mtu, underlay_mtu};
use weft_path::{MANY, Path, Peer, Reach};
use weft_plan::{Fdb, Probe};
use weft_state::{
    cluster::{Cluster, Stored},
    tunnel::OwnEnd,
};
use weft_trust::PairKey;

/// The nodes that a path is measured to: those of versions that answer, of which each has the key that its records name. Of
/// two with one id, the first.
pub(crate) fn measured<'c>(
    cluster: &'c Cluster,
    me: &NodeName,
    own: &NodeId,
) -> BTreeMap<NodeId, (&'c NodeName, &'c Node, TunnelKey)> {
    let mut found = BTreeMap::new();
    let others = cluster.nodes.iter().filter(|(name, node)| *name != me && node.id != *own);
    for (name, node) in others {
        if let Some(end) = node.encrypts() {
            found.entry(node.id).or_insert((name, &**node, end.key));
        }
    }
    found
}

/// Whether a network of another version's has the VNI that paths are measured on.
fn is_taken(cluster: &Cluster) -> bool {
    cluster.vnis.contains_key(&Vni::PROBES)
}

/// The device to measure through, if there is somebody to measure to.
pub(crate) fn device(
    config: &AgentConfig,
    cluster: &Cluster,
    own: &NodeId,
    (vtep, underlay_mtu): (std::net::IpAddr, u32),
) -> Option<Probe> {
    if !config.measures_paths || is_taken(cluster) {
        return None;
    }
    let mut peers = Fdb::default();
    for (id, (_, node, _)) in measured(cluster, &config.node_name, own) {
        peers.set(MacAddr::for_node(&id), node.vtep);
    }
    let (mac, port, mtu) = (MacAddr::for_node(own), config.vxlan_port, overlay_mtu(underlay_mtu, vtep));
    (!peers.is_empty()).then_some(Probe { mac, vtep, port, mtu, peers })
}

/// What this node has in common with others: worked out once.
#[derive(Default)]
pub(super) struct Acquaintances(HashMap<(NodeId, NodeId), (TunnelKey, PairKey)>);

impl Acquaintances {
    /// Those to measure to now: who is down does not answer, whatever the path is like.
    pub(super) fn peers(
        &mut self,
        config: &AgentConfig,
        cluster: &Cluster,
        own: &OwnEnd,
        mtu: Option<u32>,
    ) -> Vec<Peer> {
        if !config.measures_paths || is_taken(cluster) {
            return Vec::new();
        }
        let me = &config.node_name;
        let up = measured(cluster, me, &own.node).into_iter().filter(|(_, (name, ..))| cluster.is_up(name));
        let up: Vec<_> = up.collect();
        // It takes a look at all endpoints, on each change of the cluster.
        let close = if up.len() > MANY { close(cluster, me) } else { BTreeSet::new() };
        let mut before = std::mem::take(&mut self.0);
        let mut peers = Vec::with_capacity(up.len());
        for (id, (name, node, public)) in up {
            let known = before.remove(&(own.node, id)).filter(|(key, _)| *key == public);
            let ends = || ((&own.node, &own.secret), (&id, &public));
            let key = known.map(|(_, key)| key).or_else(|| PairKey::new(ends().0, ends().1));
            let Some(key) = key else { continue };
            self.0.insert((own.node, id), (public, key.clone()));
            let carried = [mtu, node.device_mtu()].into_iter().flatten().min().unwrap_or(1500);
            peers.push(Peer {
                id,
                public,
                key,
                place: SocketAddr::new(node.vtep, node.vxlan_port),
                full: u16::try_from(overlay_mtu(carried, node.vtep)).unwrap_or(u16::MAX).min(u16::MAX - 1),
                close: close.contains(name),
            });
        }
        peers
    }
}

/// What the paths carry to the hosts that this one shares networks with.
pub(super) fn carried(
    cluster: &Cluster,
    me: &NodeName,
    paths: &BTreeMap<NodeId, Path>,
) -> BTreeMap<NodeId, Carried> {
    let nodes = close(cluster, me).into_iter().filter_map(|name| cluster.nodes.get(name));
    let carried = |node: &Stored<Node>| {
        let path = paths.get(&node.id)?;
        let below = |size: u16| underlay_mtu(size.into(), node.vtep);
        let passes = path.passes().filter(|_| path.reach == Reach::Both).map(below);
        Some((node.id, Carried { passes, full: below(path.full) }))
    };
    nodes.filter_map(carried).collect()
}

/// The nodes that this one shares a network with.
pub(crate) fn close<'c>(cluster: &'c Cluster, me: &NodeName) -> BTreeSet<&'c NodeName> {
    let on = cluster.endpoints.values().filter_map(|endpoints| {
        // What is there for a check goes again in a moment.
        let lasting = endpoints.values().filter(|endpoint| !is_for_check(&endpoint.name));
        let nodes: BTreeSet<&NodeName> = lasting.map(|endpoint| &endpoint.node).collect();
        nodes.contains(me).then_some(nodes)
    });
    on.flatten().collect()
}
