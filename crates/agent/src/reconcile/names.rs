//! The names of the cluster, as containers ask for them.

use crate::shared_names::shared_names;
use arc_swap::ArcSwap;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use weft_dns::{Host, NetworkNames};
use weft_model::{Endpoint, NetworkId, NodeName};
use weft_state::{
    cluster::{Cluster, Endpoints},
    journal::LocalEndpoints,
};

/// The names of the networks this node is on, kept up to date.
#[derive(Default)]
pub(super) struct Names {
    snapshot: Arc<ArcSwap<weft_dns::Names>>,
    tables: BTreeMap<NetworkId, Table>,
    live: BTreeSet<NodeName>,
    /// What was said of names that several hosts have.
    shared: BTreeSet<String>,
}

/// The names of one network, and what they were made from.
struct Table {
    endpoints: Option<Endpoints>,
    local: Vec<Endpoint>,
    names: Arc<NetworkNames>,
}

impl Names {
    /// What the resolvers answer from.
    pub(super) fn snapshot(&self) -> Arc<ArcSwap<weft_dns::Names>> {
        Arc::clone(&self.snapshot)
    }

    /// Follows the cluster. Only the networks that changed are made anew.
    pub(super) fn update(&mut self, cluster: &Cluster, locals: &LocalEndpoints) {
        let live: BTreeSet<NodeName> = cluster.live.keys().cloned().collect();
        if live != self.live {
            self.live = live;
            self.tables.clear();
        }
        let mut by_network: BTreeMap<NetworkId, Vec<&weft_state::journal::LocalEndpoint>> = BTreeMap::new();
        for local in locals.values() {
            by_network.entry(local.network_id).or_default().push(local);
        }
        let mut changed = by_network.len() != self.tables.len();
        self.tables.retain(|id, _| by_network.contains_key(id));
        for (id, locals) in by_network {
            let endpoints = cluster.endpoints.get(&id);
            let local: Vec<Endpoint> =
                locals.iter().filter(|l| l.fenced.is_none()).map(|l| l.endpoint.clone()).collect();
            if self.tables.get(&id).is_some_and(|table| table.is_of(endpoints, &local)) {
                continue;
            }
            changed = true;
            let Some(network) = locals.first().map(|l| &l.network) else { continue };
            let remote = endpoints.into_iter().flat_map(|all| all.values()).map(|stored| &**stored);
            // This node's own are what its journal says, store or no store.
            let remote = remote
                .filter(|e| self.live.contains(&e.node) && !locals.iter().any(|l| l.endpoint.node == e.node));
            let hosts = remote.chain(&local).map(host);
            let pools = network.subnets.iter().map(|subnet| subnet.pool);
            let names = Arc::new(NetworkNames::new(&network.name, pools, hosts));
            self.tables.insert(id, Table { endpoints: endpoints.cloned(), local, names });
        }
        if changed {
            let tables = self.tables.iter().map(|(id, table)| (*id, Arc::clone(&table.names)));
            self.snapshot.store(Arc::new(weft_dns::Names::new(tables)));
            let shared: BTreeSet<_> = shared_names(cluster, locals).into_iter().collect();
            shared
                .difference(&self.shared)
                .for_each(|problem| tracing::warn!(problem, "a name is used twice"));
            self.shared = shared;
        }
    }
}

impl Table {
    fn is_of(&self, endpoints: Option<&Endpoints>, local: &[Endpoint]) -> bool {
        let same = match (&self.endpoints, endpoints) {
            (Some(a), Some(b)) => a.ptr_eq(b),
            (None, None) => true,
            _ => false,
        };
        same && self.local == local
    }
}

fn host(endpoint: &Endpoint) -> Host {
    let short = |id: &String| id.get(..12).map(ToOwned::to_owned);
    Host {
        name: endpoint.name.clone(),
        aliases: endpoint.aliases.clone(),
        short_id: endpoint.container.as_ref().and_then(short),
        addresses: endpoint.addresses().collect(),
    }
}
