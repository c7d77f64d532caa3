//! What one node has in the store: looked for once, then kept up by what changes.

use super::{Claims, Cluster, Endpoints, Stored};
use imbl::{OrdMap, ordmap::DiffItem};
use ipnet::IpNet;
use std::{collections::BTreeMap, fmt::Debug};
use weft_model::{Claim, Endpoint, EndpointId, NetworkId, NodeName};

/// The endpoints that a node has in the store, or has claimed addresses for.
#[derive(Debug, Default)]
pub struct OwnKeys {
    claims: OrdMap<IpNet, Claims>,
    endpoints: OrdMap<NetworkId, Endpoints>,
    /// By how many keys each is there.
    ids: BTreeMap<EndpointId, usize>,
}

impl OwnKeys {
    /// Follows `cluster`, and gives those of `node`: always the same one.
    pub fn follow(&mut self, node: &NodeName, cluster: &Cluster) -> impl Iterator<Item = EndpointId> {
        let claims = std::mem::replace(&mut self.claims, cluster.claims.clone());
        changes(&claims, &cluster.claims, |_, claim: &Stored<Claim>, there| {
            if claim.node == *node {
                self.count(claim.endpoint, there);
            }
        });
        let endpoints = std::mem::replace(&mut self.endpoints, cluster.endpoints.clone());
        changes(&endpoints, &cluster.endpoints, |id, endpoint: &Stored<Endpoint>, there| {
            if endpoint.node == *node {
                self.count(*id, there);
            }
        });
        self.ids.retain(|_, keys| *keys > 0);
        self.ids.keys().copied()
    }

    fn count(&mut self, id: EndpointId, there: bool) {
        let keys = self.ids.entry(id).or_default();
        // What is gone was counted before.
        *keys = if there { *keys + 1 } else { keys.saturating_sub(1) };
    }
}

/// Tells of each record that is gone since `before`, and of each that is new; of one that changed, both.
fn changes<A, K, V>(
    before: &OrdMap<A, OrdMap<K, V>>,
    now: &OrdMap<A, OrdMap<K, V>>,
    mut tell: impl FnMut(&K, &V, bool),
) where
    A: Ord + Clone + Debug,
    K: Ord + Clone,
    V: Clone + PartialEq,
{
    let nothing = OrdMap::new();
    for part in before.diff(now) {
        let (old, new) = match part {
            DiffItem::Add(_, new) => (&nothing, new),
            DiffItem::Remove(_, old) => (old, &nothing),
            DiffItem::Update { old: (_, old), new: (_, new) } => (old, new),
        };
        for change in old.diff(new) {
            match change {
                DiffItem::Add(key, value) => tell(key, value, true),
                DiffItem::Remove(key, value) => tell(key, value, false),
                DiffItem::Update { old, new } => {
                    tell(old.0, old.1, false);
                    tell(new.0, new.1, true);
                }
            }
        }
    }
}
