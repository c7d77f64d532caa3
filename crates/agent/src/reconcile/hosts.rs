//! Which nodes have endpoints on a network: counted once, then kept up by what changes.

use std::collections::BTreeMap;
use weft_model::{Endpoint, NetworkId, NodeName, is_for_check};
use weft_state::{
    changes::{KeyChange, changes},
    cluster::{Cluster, EndpointMap, Stored},
};

/// Those of the networks that were asked for.
#[derive(Default)]
pub(super) struct HostsByNetwork(BTreeMap<NetworkId, Hosts>);

#[derive(Default)]
struct Hosts {
    endpoints: EndpointMap,
    /// How many endpoints each node has.
    nodes: Counts,
    /// The same without those that are there for a check, and go again in a moment.
    lasting: Counts,
}

type Counts = BTreeMap<NodeName, usize>;

impl HostsByNetwork {
    /// Follows the cluster for a network.
    pub(super) fn follow(&mut self, cluster: &Cluster, network: NetworkId) {
        let hosts = self.0.entry(network).or_default();
        let now = cluster.endpoints.get(&network).cloned().unwrap_or_default();
        for KeyChange { old, new, .. } in changes(&hosts.endpoints, &now) {
            count(&mut hosts.nodes, old, new);
            let lasting = |endpoint: &&Stored<Endpoint>| !is_for_check(&endpoint.name);
            count(&mut hosts.lasting, old.filter(lasting), new.filter(lasting));
        }
        hosts.endpoints = now;
    }

    /// The nodes of a network that was followed.
    pub(super) fn of(&self, network: &NetworkId) -> impl Iterator<Item = &NodeName> {
        self.0.get(network).into_iter().flat_map(|hosts| hosts.nodes.keys())
    }

    /// Those whose endpoints there are not for a check.
    pub(super) fn lasting(&self, network: &NetworkId) -> impl Iterator<Item = &NodeName> {
        self.0.get(network).into_iter().flat_map(|hosts| hosts.lasting.keys())
    }

    /// Forgets networks that are none of `wanted`.
    pub(super) fn retain(&mut self, wanted: impl Fn(&NetworkId) -> bool) {
        self.0.retain(|network, _| wanted(network));
    }
}

/// One endpoint less, and another more.
fn count(counts: &mut Counts, old: Option<&Stored<Endpoint>>, new: Option<&Stored<Endpoint>>) {
    if let Some(new) = new {
        *counts.entry(new.node.clone()).or_default() += 1;
    }
    let Some((old, count)) = old.and_then(|old| Some((old, counts.get_mut(&old.node)?))) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(&old.node);
    }
}
