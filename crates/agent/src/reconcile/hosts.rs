//! Which nodes have endpoints on a network: counted once, then kept up by what changes.

use std::collections::BTreeMap;
use weft_model::{NetworkId, NodeName};
use weft_state::{
    changes::{KeyChange, changes},
    cluster::{Cluster, EndpointMap},
};

/// Those of the networks that were asked for.
#[derive(Default)]
pub(super) struct HostsByNetwork(BTreeMap<NetworkId, Hosts>);

#[derive(Default)]
struct Hosts {
    endpoints: EndpointMap,
    /// How many endpoints each node has.
    nodes: BTreeMap<NodeName, usize>,
}

impl HostsByNetwork {
    /// Follows the cluster for a network.
    pub(super) fn follow(&mut self, cluster: &Cluster, network: NetworkId) {
        let hosts = self.0.entry(network).or_default();
        let now = cluster.endpoints.get(&network).cloned().unwrap_or_default();
        for KeyChange { old, new, .. } in changes(&hosts.endpoints, &now) {
            if let Some(new) = new {
                *hosts.nodes.entry(new.node.clone()).or_default() += 1;
            }
            if let Some(count) = old.and_then(|old| hosts.nodes.get_mut(&old.node)) {
                *count -= 1;
            }
        }
        hosts.nodes.retain(|_, count| *count > 0);
        hosts.endpoints = now;
    }

    /// The nodes of a network that was followed.
    pub(super) fn of(&self, network: &NetworkId) -> impl Iterator<Item = &NodeName> {
        self.0.get(network).into_iter().flat_map(|hosts| hosts.nodes.keys())
    }

    /// Forgets networks that are none of `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&NetworkId) -> bool) {
        self.0.retain(|network, _| wanted(network));
    }
}
