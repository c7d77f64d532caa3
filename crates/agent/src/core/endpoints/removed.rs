//! Endpoints of other nodes that are taken off their networks, while those nodes are down. Their nodes have them still,
//! and put back what the store lost: a trace in the node's record tells the one from the other. It is there until the
//! node has dealt with it, or is given up.

use super::{Endpoints, Error, refusal::EndpointRefusal};
use weft_model::{EndpointId, Key, Node, Record};
use weft_state::cluster::Cluster;
use weft_store::{CommitError, Condition, Txn};

/// What is said of such an endpoint where it is.
pub(in crate::core) const WHY: &str = "it was taken off the network while this node was away";

impl Endpoints {
    /// Takes an endpoint of a node that is down out of the store, and leaves the trace, both or neither.
    pub(super) async fn remove_elsewhere(&self, id: EndpointId) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        loop {
            let cluster = self.access.cluster().await?;
            let Some((_, endpoint)) = cluster.endpoint(&id) else { return Ok(()) };
            let name = &endpoint.node;
            if cluster.is_up(name) {
                return Err(EndpointRefusal::NodeBack(name.clone()).into());
            }
            let mut txn = self.access.while_down(name);
            if let Some(node) = cluster.nodes.get(name) {
                let too_many = || EndpointRefusal::TooManyRemoved(name.clone());
                let trace = Node::clone(node).without(id).ok_or_else(too_many)?;
                let key = self.access.path(&Key::Node(name.clone()));
                txn = txn.put(key, trace.to_json(), Condition::Unchanged(node.modified));
            }
            txn.ops
                .extend(self.allocator.releasing(&cluster, id).into_iter().flat_map(|released| released.ops));
            match self.access.commit(txn).await {
                Ok(()) => break,
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        self.access.until(|cluster| cluster.endpoint(&id).is_none()).await;
        tracing::info!(endpoint = id.short(), "taken off its network, while its node is down");
        Ok(())
    }

    /// Whether somebody took an endpoint of this node off its network.
    pub(in crate::core) fn was_removed(&self, known: &Cluster, id: &EndpointId) -> bool {
        self.access.registration(known).is_some_and(|me| me.removed.contains(id))
    }

    /// Takes away the traces of removals that this node has dealt with: each such endpoint is cut off, has left, or is
    /// in the store again.
    pub(in crate::core) async fn forget_removals(&self, known: &Cluster) -> Result<(), Error> {
        let Some(me) = self.access.registration(known).filter(|me| !me.removed.is_empty()) else {
            return Ok(());
        };
        let endpoints = self.journal.endpoints();
        let dealt_with = |id: &EndpointId| endpoints[id].removed && self.journal.is_written(id);
        let is_due =
            |id: &EndpointId| endpoints.contains_key(id) && !dealt_with(id) && known.endpoint(id).is_none();
        let removed: Vec<EndpointId> = me.removed.iter().copied().filter(is_due).collect();
        if removed == me.removed {
            return Ok(());
        }
        let now = Node { removed, ..Node::clone(me) };
        let key = self.access.path(&Key::Node(self.access.node().clone()));
        let txn = Txn::new().put(key, now.to_json(), Condition::Unchanged(me.modified));
        match self.access.commit(txn).await {
            // It is looked at again.
            Ok(()) | Err(CommitError::Conflict { .. }) => Ok(()),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}
