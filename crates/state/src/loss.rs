//! Whether a store has lost something: it was wiped, or brought back from a backup, or somebody deleted keys.

use crate::{
    cluster::{Cluster, Stored},
    journal::LocalEndpoints,
};
use weft_model::{Latest, NetworkId, NodeName};

/// What a store lacks that it had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Loss {
    /// Networks.
    pub networks: bool,
    /// Endpoints, and the addresses they have.
    pub endpoints: bool,
    /// What some nodes took last: see [`behind`].
    pub latest: bool,
}

impl Loss {
    /// What `stored` lacks of what was `known` on `node`, which has what `journal` says. Whether the store was
    /// `announced` as one that lost something, or nobody is known to have noticed yet.
    pub fn of(
        known: &Cluster,
        stored: &Cluster,
        (node, journal): (&NodeName, &LocalEndpoints),
        announced: bool,
    ) -> Self {
        let networks = !stored.state().includes(&known.state()) || has_torn_networks(known, stored);
        let own =
            || lacks_own_endpoints(known, stored, journal) && (announced || was_up(node, known, stored));
        // What was put back meanwhile does not say so.
        let unseen = announced || known.times_rebuilt() == stored.times_rebuilt();
        let latest = unseen && behind(known, stored).next().is_some();
        // Then it lacks whatever it lacks, also what it went without the last time.
        let went_back = stored.times_rebuilt() < known.times_rebuilt();
        Self { networks, endpoints: networks || went_back || own(), latest }
    }

    /// Whether it lacks anything.
    pub fn is_any(self) -> bool {
        self.networks || self.endpoints || self.latest
    }

    /// What either of them lacks.
    pub fn or(self, other: Self) -> Self {
        Self {
            networks: self.networks || other.networks,
            endpoints: self.endpoints || other.endpoints,
            latest: self.latest || other.latest,
        }
    }
}

/// Whether networks are gone whose names or VNIs are still there. The removal of a network deletes them all at once.
fn has_torn_networks(known: &Cluster, stored: &Cluster) -> bool {
    let pointed_at = |id: &NetworkId| {
        stored.names.values().any(|other| other == id) || stored.vnis.values().any(|other| other == id)
    };
    let mut gone = known.networks.keys().filter(|id| !stored.networks.contains_key(*id));
    gone.any(|id| pointed_at(id) && !stored.has_unreadable_network(id))
}

/// The nodes of which `known` has a later endpoint than the store.
pub fn behind<'c>(known: &'c Cluster, stored: &'c Cluster) -> impl Iterator<Item = &'c NodeName> {
    let is_behind = |(name, then): &(&NodeName, &Stored<Latest>)| {
        match (stored.latest.get(*name), stored.nodes.get(*name)) {
            _ if stored.has_unreadable_latest(name) => false,
            (Some(now), _) => now.modified < then.modified,
            // To give up a node changes the lineage, and if it comes back, it has another record.
            (None, node) => {
                node.is_some_and(|node| node.modified < then.modified)
                    || known.nodes.contains_key(*name) && known.state() == stored.state()
            }
        }
    };
    known.latest.iter().filter(is_behind).map(|(name, _)| name)
}

fn lacks_own_endpoints(known: &Cluster, stored: &Cluster, journal: &LocalEndpoints) -> bool {
    journal.iter().filter(|(_, local)| local.fenced.is_none()).any(|(id, local)| {
        let is_in = |cluster: &Cluster| cluster.endpoint_on(&local.network_id, id).is_some();
        is_in(known) && !is_in(stored)
    })
}

/// Whether the node was up all the time: nobody takes anything from it then.
fn was_up(node: &NodeName, known: &Cluster, stored: &Cluster) -> bool {
    let since = |cluster: &Cluster| cluster.live.get(node).map(|(live, _)| (live.id, live.since));
    since(known).is_some() && since(known) == since(stored)
}
