//! What a container is told that asks for a name: the same tables and the same search as its name server has, made anew
//! from what is known of the cluster, so that a container of another node can be asked about, too.

use crate::shared_names::named;
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};
use weft_dns::{DnsClient, Links, Names, NetworkNames, Upstream, addresses};
use weft_model::{Endpoint, EndpointId, NetworkId, NodeName, starts_id};
use weft_state::{cluster::Cluster, journal::LocalEndpoints};
use weft_verbs::{Error, Resolution, ResolvedAddress};

/// An endpoint with the network it is on.
type Found<'c> = (NetworkId, EndpointId, &'c Endpoint);

/// What `container` is told that asks for `name`; `locals` are the endpoints of this node, which is `me`.
pub(super) fn resolve(
    cluster: &Cluster,
    (locals, me): (&LocalEndpoints, &NodeName),
    name: &str,
    container: &str,
) -> Result<Resolution, Error> {
    let all = live(cluster, locals, me);
    let mut asker: Vec<Found<'_>> = all.iter().copied().filter(|(_, id, e)| is(*id, e, container)).collect();
    let nodes: BTreeSet<&NodeName> = asker.iter().map(|(_, _, endpoint)| &endpoint.node).collect();
    if nodes.contains(me) {
        asker.retain(|(_, _, endpoint)| endpoint.node == *me);
    } else if nodes.len() > 1 {
        let nodes: Vec<&str> = nodes.into_iter().map(NodeName::as_str).collect();
        return Err(Error::conflict(format!(
            "several hosts have a container {container}: {}; give the id of one, of `weft whois {container}`",
            nodes.join(", ")
        )));
    }
    // As its name server does: the network that it was put on first answers first.
    asker.sort_by_key(|(_, id, endpoint)| (endpoint.created, *id));
    let Some((_, _, first)) = asker.first() else { return Err(Error::not_found("container", container)) };
    let networks: Vec<NetworkId> = asker.iter().map(|(network, _, _)| *network).collect();
    let names = Names::new(networks.iter().map(|id| (*id, Arc::new(table(cluster, *id, &all)))));
    let links = asker.iter().filter_map(|(network, id, _)| Some((*network, locals.get(id)?)));
    let links = links.flat_map(|(network, local)| local.links.iter().map(move |link| (network, link)));
    let client =
        DnsClient { links: Links::new(links), networks: networks.clone(), upstream: Upstream::default() };
    let told = addresses(name, &names, &client);
    let network_name = |id: &NetworkId| cluster.networks.get(id).map(|network| network.name.clone());
    let resolved = |(network, address): (NetworkId, IpAddr)| {
        let owner = all.iter().find(|(on, _, e)| *on == network && e.addresses().any(|a| a == address));
        Some(ResolvedAddress {
            address,
            network: network_name(&network)?,
            endpoint: owner.map(|(_, _, endpoint)| (endpoint.name.clone(), endpoint.node.clone())),
        })
    };
    Ok(Resolution {
        container: first.name.clone(),
        node: first.node.clone(),
        networks: networks.iter().filter_map(network_name).collect(),
        addresses: told.map(|told| told.into_iter().filter_map(resolved).collect()),
    })
}

/// The endpoints that are answered for: this node's by its journal, the others' where their node is up.
fn live<'c>(cluster: &'c Cluster, locals: &'c LocalEndpoints, me: &NodeName) -> Vec<Found<'c>> {
    let remote = cluster.all_endpoints().filter(|(_, _, endpoint)| endpoint.node != *me);
    let remote = remote.filter(|(_, _, endpoint)| cluster.is_up(&endpoint.node));
    let remote = remote.map(|(network, id, endpoint)| (*network, *id, &**endpoint));
    let own = locals.iter().filter(|(_, local)| local.fenced.is_none());
    remote.chain(own.map(|(id, local)| (local.network_id, *id, &local.endpoint))).collect()
}

/// Whether it is the endpoint of the container that is meant.
pub(super) fn is(id: EndpointId, endpoint: &Endpoint, container: &str) -> bool {
    endpoint.name.as_str() == container
        || endpoint.container.as_deref().is_some_and(|id| starts_id(container, id))
        || starts_id(container, &id.to_string())
}

/// The names of a network.
fn table(cluster: &Cluster, id: NetworkId, all: &[Found<'_>]) -> NetworkNames {
    let on_it = all.iter().filter(|(network, _, _)| *network == id).map(|(_, _, endpoint)| named(endpoint));
    let Some(network) = cluster.networks.get(&id) else { return NetworkNames::default() };
    NetworkNames::new(&network.name, network.subnets.iter().map(|subnet| subnet.pool), on_it)
}
