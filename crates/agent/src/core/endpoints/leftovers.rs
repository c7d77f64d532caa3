//! What the store has of this node that the node itself does not know.

use super::Endpoints;
use std::{collections::BTreeSet, sync::PoisonError};
use weft_model::EndpointId;
use weft_state::{cluster::Cluster, journal::LocalEndpoint};

impl Endpoints {
    /// What the store has under this node's name and the journal does not know: left by a crash, or while the
    /// store was away. The kernel has let go of it: it does only what the journal says.
    pub(in crate::core) fn leftovers_here(&self, known: &Cluster) -> BTreeSet<EndpointId> {
        let me = self.access.node();
        let Some(report) = self.rounds.last() else { return BTreeSet::new() };
        let mut own = self.own_keys.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints = self.journal.endpoints();
        // Those whose address another endpoint here has by now: that one takes the address over, so that it is free at
        // no time. An endpoint that is cut off, because it was taken off its network or has none any more, takes
        // nothing.
        let claiming = |local: &&LocalEndpoint| {
            local.fenced.is_none() || !local.removed && known.networks.contains_key(&local.network_id)
        };
        let addresses = endpoints.values().filter(claiming).flat_map(LocalEndpoint::subnets);
        let superseded = addresses.filter_map(|(address, subnet)| known.claim(subnet.pool, address));
        let superseded: BTreeSet<EndpointId> = superseded.map(|claim| claim.endpoint).collect();
        let unwanted = |id: &EndpointId| {
            !(self.allocator.expects(id) || endpoints.contains_key(id) || superseded.contains(id))
        };
        let let_go = |_: &EndpointId| report.has_let_go(self.journal.removals(), None);
        own.follow(me, known).filter(unwanted).filter(let_go).collect()
    }
}
