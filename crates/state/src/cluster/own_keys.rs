//! What one node has in the store: looked for once, then kept up by what changes.

use super::{Claims, Cluster, EndpointMap, Stored};
use crate::changes::{KeyChange, nested_changes};
use imbl::OrdMap;
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_model::{Claim, Endpoint, EndpointId, NetworkId, NodeName};

/// The endpoints that a node has in the store, or has claimed addresses for.
#[derive(Debug, Default)]
pub struct OwnKeys {
    claims: OrdMap<IpNet, Claims>,
    endpoints: OrdMap<NetworkId, EndpointMap>,
    /// By how many keys each is there.
    ids: BTreeMap<EndpointId, usize>,
}

impl OwnKeys {
    /// Follows `cluster`, and gives those of `node`: always the same one.
    pub fn follow(&mut self, node: &NodeName, cluster: &Cluster) -> impl Iterator<Item = EndpointId> {
        let claims = std::mem::replace(&mut self.claims, cluster.claims.clone());
        for (_, KeyChange { old, new, .. }) in nested_changes(&claims, &cluster.claims) {
            let of_node = |claim: &&Stored<Claim>| claim.node == *node;
            self.count(
                old.filter(of_node).map(|claim| claim.endpoint),
                new.filter(of_node).map(|claim| claim.endpoint),
            );
        }
        let endpoints = std::mem::replace(&mut self.endpoints, cluster.endpoints.clone());
        for (_, KeyChange { key, old, new }) in nested_changes(&endpoints, &cluster.endpoints) {
            let of_node = |endpoint: &&Stored<Endpoint>| endpoint.node == *node;
            self.count(old.filter(of_node).map(|_| *key), new.filter(of_node).map(|_| *key));
        }
        self.ids.retain(|_, keys| *keys > 0);
        self.ids.keys().copied()
    }

    /// One key less for the one, one more for the other.
    fn count(&mut self, gone: Option<EndpointId>, new: Option<EndpointId>) {
        if let Some(keys) = gone.and_then(|id| self.ids.get_mut(&id)) {
            *keys = keys.saturating_sub(1);
        }
        if let Some(id) = new {
            *self.ids.entry(id).or_default() += 1;
        }
    }
}
