//! Networks whose addresses are something else's on this host: a route to their pools would cut it off.

use crate::{cluster::Cluster, underlay::Underlay};
use weft_model::{InUse, IpNet, Network, NodeName};

/// What this host would lose if the pool had a route here: its own network, its store, a name server, another node.
pub(crate) fn in_the_way(
    pool: IpNet,
    me: &NodeName,
    cluster: &Cluster,
    underlay: &Underlay,
) -> Option<InUse> {
    let own = underlay.uses.iter().filter(|used| used.vital).cloned();
    let others = cluster.nodes.iter().filter(|(name, _)| *name != me);
    let others = others.map(|(name, node)| InUse::vital(node.vtep.into(), &format!("node {name}")));
    own.chain(others).find(|used| used.overlaps(&pool))
}

/// What does not work here of a network, because of its addresses; `None` if all does.
pub(crate) fn problem(
    network: &Network,
    me: &NodeName,
    cluster: &Cluster,
    underlay: &Underlay,
) -> Option<String> {
    let clash = |pool: IpNet| Some((pool, in_the_way(pool, me, cluster, underlay)?));
    let (pool, used) = network.subnets.iter().find_map(|subnet| clash(subnet.pool))?;
    Some(format!(
        "network {} has {pool}, and on this host {} is {}: its containers here have no way out and no published ports, and \
         reach nothing of that range outside the network; make a network with another --subnet for them",
        network.name, used.net, used.what
    ))
}
