//! Networks whose addresses something else has on this host: a route to their pools would cut it off.

use crate::underlay::Underlay;
use weft_model::{InUse, IpNet, Network, NodeName};
use weft_state::cluster::Cluster;

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

/// What a network and this host both have addresses for means here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Overlap {
    /// Something does not work.
    Problem(String),
    /// All that has an address of the network works, and this host still reaches all that it reached.
    Note(String),
}

/// What it means here that something else has a network's addresses, too; `None` if nothing has.
pub(crate) fn overlap(
    (network, has_way_out): (&Network, bool),
    me: &NodeName,
    cluster: &Cluster,
    underlay: &Underlay,
) -> Option<Overlap> {
    let pools = || network.subnets.iter().map(|subnet| subnet.pool);
    let fatal = pools().find_map(|pool| Some((pool, in_the_way(pool, me, cluster, underlay)?)));
    let shadowed = |pool: IpNet| underlay.uses.iter().find(|used| used.overlaps(&pool)).cloned();
    let is_problem = has_way_out || fatal.is_some();
    let (said, (pool, used)) = match fatal {
        Some(clash) => (
            "its containers here have no way out and no published ports, and reach nothing of that range outside the network",
            clash,
        ),
        None => (
            if has_way_out {
                "what is there under addresses of the network is not reached from its containers, nor from this host while \
                 the network has a way out here"
            } else {
                "what is there under addresses of the network is not reached from its containers"
            },
            pools().find_map(|pool| Some((pool, shadowed(pool)?)))?,
        ),
    };
    let text = format!(
        "network {} has {pool}, and on this host {} is {}: {said}",
        network.name, used.net, used.what
    );
    Some(if is_problem {
        Overlap::Problem(format!("{text}; make a network with another --subnet for them"))
    } else {
        Overlap::Note(text)
    })
}
