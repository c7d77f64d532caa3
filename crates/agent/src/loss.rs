//! Whether a store has lost something: it was wiped, or brought back from a backup, or somebody deleted keys.

use crate::{cluster::Cluster, journal::LocalEndpoints};
use weft_model::{EndpointId, NetworkId, NodeName};

/// What a store lacks that it had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lack {
    /// Networks.
    pub(crate) networks: bool,
    /// Endpoints, and the addresses they have.
    pub(crate) endpoints: bool,
}

impl Lack {
    /// What `remains` lacks of what was `known` on `node`, which has what `journal` says. Whether the store was
    /// `marked` as one that lost something, or nobody is known to have noticed yet.
    pub(crate) fn of(
        known: &Cluster,
        remains: &Cluster,
        (node, journal): (&NodeName, &LocalEndpoints),
        marked: bool,
    ) -> Self {
        let networks = remains.pools_taken() < known.pools_taken() || has_torn_networks(known, remains);
        let own = || lacks_own_endpoints(known, remains, journal) && (marked || was_up(node, known, remains));
        Self { networks, endpoints: networks || own() }
    }

    /// Whether it lacks anything.
    pub(crate) fn is_any(self) -> bool {
        self.networks || self.endpoints
    }

    /// What either of them lacks.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { networks: self.networks || other.networks, endpoints: self.endpoints || other.endpoints }
    }
}

/// Whether networks are gone whose names or VNIs are still there. Who removes one removes all of it at once.
fn has_torn_networks(known: &Cluster, remains: &Cluster) -> bool {
    let pointed_at = |id: &NetworkId| {
        remains.names.values().any(|other| other == id) || remains.vnis.values().any(|other| other == id)
    };
    let unreadable =
        |id: &NetworkId| remains.unreadable.keys().any(|key| key.ends_with(&format!("/networks/{id}")));
    let gone = known.networks.keys().filter(|id| !remains.networks.contains_key(id));
    gone.into_iter().any(|id| pointed_at(id) && !unreadable(id))
}

fn lacks_own_endpoints(known: &Cluster, remains: &Cluster, journal: &LocalEndpoints) -> bool {
    let written = |cluster: &Cluster, network: &NetworkId, id: &EndpointId| {
        cluster.endpoints.get(network).is_some_and(|all| all.contains_key(id))
    };
    journal
        .iter()
        .filter(|(_, local)| local.fenced.is_none())
        .any(|(id, local)| written(known, &local.network_id, id) && !written(remains, &local.network_id, id))
}

/// Whether the node was up all the time: nobody takes anything from it then.
fn was_up(node: &NodeName, known: &Cluster, remains: &Cluster) -> bool {
    let since = |cluster: &Cluster| cluster.live.get(node).map(|(live, _)| (live.id, live.since));
    since(known).is_some() && since(known) == since(remains)
}
