//! The names of the cluster, as containers ask for them.

use crate::shared_names::{named, shared_names};
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use weft_dns::NetworkNames;
use weft_model::{Endpoint, EndpointId, Network, NetworkId, NodeName};
use weft_state::{
    changes::{KeyChange, changes},
    cluster::{Cluster, EndpointMap},
    journal::{LocalEndpoint, LocalEndpoints},
};

/// The names of the networks this node is on, kept up to date.
#[derive(Default)]
pub(super) struct NameTables {
    snapshot: Arc<ArcSwap<weft_dns::Names>>,
    tables: BTreeMap<NetworkId, Table>,
    live: BTreeSet<NodeName>,
    /// What was said of names that several hosts have.
    shared: BTreeSet<String>,
}

/// The names of one network, and what they were made from.
struct Table {
    basis: Basis,
    names: NetworkNames,
    /// Whether each address was one endpoint's alone. Otherwise the table is made anew when something changes.
    alone: bool,
}

#[derive(Clone)]
struct Basis {
    endpoints: EndpointMap,
    /// This node's own are what its journal says, store or no store.
    own: BTreeMap<EndpointId, Endpoint>,
    /// What this node is called, in the endpoints that it has there.
    me: BTreeSet<NodeName>,
}

impl NameTables {
    /// What the resolvers answer from.
    pub(super) fn snapshot(&self) -> Arc<ArcSwap<weft_dns::Names>> {
        Arc::clone(&self.snapshot)
    }

    /// Follows the cluster. Where nodes are up as they were, the work is as much as has changed.
    pub(super) fn update(&mut self, cluster: &Cluster, locals: &LocalEndpoints) {
        if !cluster.live.keys().eq(&self.live) {
            self.live = cluster.live.keys().cloned().collect();
            self.tables.clear();
        }
        let mut by_network: BTreeMap<NetworkId, Vec<(&EndpointId, &LocalEndpoint)>> = BTreeMap::new();
        for (id, local) in locals.iter() {
            by_network.entry(local.network_id).or_default().push((id, local));
        }
        let mut changed = by_network.len() != self.tables.len();
        self.tables.retain(|id, _| by_network.contains_key(id));
        for (id, locals) in by_network {
            let now = Basis::of(cluster, id, &locals);
            let before = self.tables.remove(&id);
            let table = match before {
                Some(table) if table.basis.is(&now) => table,
                before => {
                    changed = true;
                    let Some(network) = locals.first().map(|(_, local)| &local.network) else { continue };
                    let followed = before.and_then(|table| table.follow(now.clone(), &self.live));
                    followed.unwrap_or_else(|| Table::new(network, now, &self.live))
                }
            };
            self.tables.insert(id, table);
        }
        if changed {
            let tables = self.tables.iter().map(|(id, table)| (*id, Arc::new(table.names.clone())));
            self.snapshot.store(Arc::new(weft_dns::Names::new(tables)));
            self.warn_of_shared(cluster, locals);
        }
    }

    /// Says once of each name of this node's that another node has, too.
    fn warn_of_shared(&mut self, cluster: &Cluster, locals: &LocalEndpoints) {
        let any = self.tables.values().any(Table::may_share);
        let shared = if any { shared_names(cluster, locals) } else { Vec::new() };
        let shared: BTreeSet<_> = shared.into_iter().collect();
        let news = shared.difference(&self.shared);
        news.for_each(|problem| tracing::warn!(problem, "a name is used twice"));
        self.shared = shared;
    }
}

impl Basis {
    fn of(cluster: &Cluster, network: NetworkId, locals: &[(&EndpointId, &LocalEndpoint)]) -> Self {
        let whole = locals.iter().filter(|(_, local)| local.fenced.is_none());
        Self {
            endpoints: cluster.endpoints.get(&network).cloned().unwrap_or_default(),
            own: whole.map(|(id, local)| (**id, local.endpoint.clone())).collect(),
            me: locals.iter().map(|(_, local)| local.endpoint.node.clone()).collect(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.endpoints.ptr_eq(&other.endpoints) && self.own == other.own && self.me == other.me
    }

    /// Whether an endpoint of the store's is answered for: it is on another node, which is up.
    fn counts(&self, endpoint: &Endpoint, live: &BTreeSet<NodeName>) -> bool {
        live.contains(&endpoint.node) && !self.me.contains(&endpoint.node)
    }
}

impl Table {
    fn new(network: &Network, basis: Basis, live: &BTreeSet<NodeName>) -> Self {
        let pools = network.subnets.iter().map(|subnet| subnet.pool);
        let mut table =
            Self { names: NetworkNames::new(&network.name, pools, []), alone: true, basis: basis.clone() };
        let remote = basis.endpoints.values().map(|stored| &**stored);
        for endpoint in remote.filter(|endpoint| basis.counts(endpoint, live)).chain(basis.own.values()) {
            table.insert(endpoint);
        }
        table
    }

    fn insert(&mut self, endpoint: &Endpoint) {
        self.alone &= self.names.insert(&named(endpoint));
    }

    /// The table for what is so `now`, while the same nodes are up, if that follows from what has changed.
    fn follow(mut self, now: Basis, live: &BTreeSet<NodeName>) -> Option<Self> {
        let before = self.basis.clone();
        if !self.alone || before.me != now.me {
            return None;
        }
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for KeyChange { old, new: next, .. } in changes(&before.endpoints, &now.endpoints) {
            gone.extend(old.map(|old| &**old).filter(|old| before.counts(old, live)));
            new.extend(next.map(|next| &**next).filter(|next| now.counts(next, live)));
        }
        let gone_of_own = before.own.iter().filter(|(id, own)| now.own.get(id) != Some(own));
        gone.extend(gone_of_own.map(|(_, own)| own));
        let new_of_own = now.own.iter().filter(|(id, own)| before.own.get(id) != Some(own));
        new.extend(new_of_own.map(|(_, own)| own));
        gone.into_iter().for_each(|endpoint| self.names.remove(&named(endpoint)));
        new.into_iter().for_each(|endpoint| self.insert(endpoint));
        self.basis = now;
        self.alone.then_some(self)
    }

    /// Whether a name of this node's leads to addresses that are not that endpoint's alone.
    fn may_share(&self) -> bool {
        self.basis.own.values().any(|own| self.names.count(&own.name) > own.addresses().count())
    }
}

#[cfg(test)]
mod tests;
