//! Names that containers of several hosts have: each is answered with all of them, which is seldom what the user meant.
//! Aliases are there to be shared.

use std::collections::{BTreeMap, BTreeSet};
use weft_dns::NamedEndpoint;
use weft_model::{Endpoint, EndpointName, NetworkId, NodeName};
use weft_state::{cluster::Cluster, journal::LocalEndpoints};

/// What an endpoint is asked for by.
pub(crate) fn named(endpoint: &Endpoint) -> NamedEndpoint {
    let short = |id: &String| id.get(..12).map(ToOwned::to_owned);
    NamedEndpoint {
        name: endpoint.name.clone(),
        aliases: endpoint.aliases.clone(),
        short_id: endpoint.container.as_ref().and_then(short),
        addresses: endpoint.addresses().collect(),
    }
}

/// A sentence for each name that an endpoint of this node shares with one of another node that is up.
pub(crate) fn shared_names(cluster: &Cluster, locals: &LocalEndpoints) -> Vec<String> {
    let mut own: BTreeMap<NetworkId, Vec<&Endpoint>> = BTreeMap::new();
    for local in locals.values().filter(|local| local.fenced.is_none()) {
        own.entry(local.network_id).or_default().push(&local.endpoint);
    }
    let mut said = BTreeSet::new();
    for (network, own) in own {
        let Some(known) = cluster.networks.get(&network) else { continue };
        let others = others(cluster, network);
        for endpoint in own {
            let Some(nodes) = others.get(&endpoint.name) else { continue };
            let nodes: Vec<&str> =
                nodes.iter().filter(|node| ***node != endpoint.node).map(|node| node.as_str()).collect();
            if !nodes.is_empty() {
                said.insert(format!(
                    "{0} on network {1} is the name of a container on this host and on {2}: who asks for it is told the \
                     addresses of all; rename one, or give them an alias if they are one service",
                    endpoint.name,
                    known.name,
                    nodes.join(", ")
                ));
            }
        }
    }
    said.into_iter().collect()
}

/// Which nodes, of those that are up, have endpoints of which name on a network.
fn others(cluster: &Cluster, network: NetworkId) -> BTreeMap<&EndpointName, BTreeSet<&NodeName>> {
    let mut others: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for (_, endpoint) in cluster.endpoints_of(&network).filter(|(_, e)| cluster.live.contains_key(&e.node)) {
        others.entry(&endpoint.name).or_default().insert(&endpoint.node);
    }
    others
}
