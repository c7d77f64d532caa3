//! Nodes: looked at, and given up.

mod asked;
mod authority;
mod revoke;

use super::{access::ClusterAccess, allocator::Allocator, parts::CoreParts};
use crate::{config::AgentConfig, paths::KnownPaths};
use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::watch;
use weft_model::{Key, Node, NodeName};
use weft_state::{
    cluster::{Cluster, Stored},
    env::Env,
    memory::Memory,
};
use weft_store::{Condition, Txn};
use weft_verbs::{Down, Error, NodeView};

/// Says how nodes are, and gives up those that are gone.
pub(crate) struct Nodes {
    access: Arc<ClusterAccess>,
    allocator: Arc<Allocator>,
    config: Arc<AgentConfig>,
    env: Arc<Env>,
    memory: Arc<Memory>,
    paths: watch::Receiver<Arc<KnownPaths>>,
}

impl Nodes {
    pub(super) fn new(parts: &CoreParts, allocator: &Arc<Allocator>) -> Self {
        Self {
            access: Arc::clone(&parts.access),
            allocator: Arc::clone(allocator),
            config: Arc::clone(&parts.config),
            env: Arc::clone(&parts.env),
            memory: Arc::clone(&parts.memory),
            paths: parts.paths.clone(),
        }
    }

    /// Changes when something was measured.
    pub(crate) fn measured(&self) -> watch::Receiver<Arc<KnownPaths>> {
        self.paths.clone()
    }

    /// The paths as they were measured last.
    pub(super) fn paths(&self) -> Arc<KnownPaths> {
        Arc::clone(&self.paths.borrow())
    }

    pub(crate) fn node_views(&self) -> Vec<NodeView> {
        self.views_of_nodes(&self.access.known())
    }

    pub(crate) async fn node_view(&self, name: &str) -> Result<NodeView, Error> {
        let view = |cluster: &Cluster| {
            let found = self.views_of_nodes(cluster).into_iter().find(|node| node.name.as_str() == name);
            found.ok_or_else(|| Error::not_found("node", name))
        };
        self.access.look_up(view).await
    }

    fn views_of_nodes(&self, cluster: &Cluster) -> Vec<NodeView> {
        let paths = self.paths();
        let count = |name: &NodeName| cluster.all_endpoints().filter(|(_, _, e)| e.node == *name).count();
        cluster
            .nodes
            .iter()
            .map(|(name, node)| NodeView {
                name: name.clone(),
                node: (**node).clone(),
                up: cluster.is_up(name),
                since: cluster.live.get(name).map(|(live, _)| live.since).or(node.down_since),
                expires: self.expires(cluster, name, node),
                endpoints: count(name),
                this: *name == *self.access.node(),
                // One that is down answers nobody, however the path is; this may be known before that.
                path: paths.paths.get(&node.id).copied().filter(|_| cluster.is_up(name)),
            })
            .collect()
    }

    /// The nodes that are down.
    pub(super) fn down(&self, cluster: &Cluster) -> Vec<Down> {
        let now = self.env.now();
        let down = |(name, node): (&NodeName, &Stored<Node>)| {
            let expires = self.expires(cluster, name, node);
            let expired = expires.is_some_and(|expires| expires <= now);
            Down { node: name.clone(), since: node.down_since, expires, expired }
        };
        cluster.nodes.iter().filter(|(name, _)| !cluster.is_up(name)).map(down).collect()
    }

    /// When a node is given up, if it does not come back before.
    fn expires(&self, cluster: &Cluster, name: &NodeName, node: &Node) -> Option<Timestamp> {
        let since = node.down_since.filter(|_| !cluster.is_up(name))?;
        since.checked_add(self.config.node_expiry).ok()
    }

    /// Gives up a node that is down. Its key goes last: if the node comes back meanwhile, or this stops
    /// half-way, what is left is still a node with endpoints.
    pub(crate) async fn give_up_node(&self, name: &NodeName) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        let key = self.access.path(&Key::Node(name.clone()));
        // Of somebody's nonsense in its place nothing else gets rid, where the node writes no more; nor of what it had, where
        // somebody took its record away.
        let is_doubtful = |cluster: &Cluster| {
            cluster.unbelieved.contains_key(name)
                || cluster.unreadable.contains_key(&key)
                || cluster.all_endpoints().any(|(_, _, endpoint)| endpoint.node == *name)
        };
        loop {
            let down = |cluster: &Cluster| match cluster.nodes.get(name) {
                None if !is_doubtful(cluster) => Err(Error::not_found("node", name.as_str())),
                _ if cluster.is_up(name) => {
                    Err(Error::conflict(format!("node {name} is up: stop its agent first")))
                }
                Some(node) => Ok(Condition::Unchanged(node.modified)),
                // Whatever it says: nobody believes it.
                None => Ok(Condition::Always),
            };
            let (cluster, as_seen) = self.access.decide(down).await?;
            if self
                .all_carried_out(self.allocator.leftovers(&cluster, name, &self.access.while_down(name)))
                .await?
                && self.all_carried_out(vec![self.deletion_of_node(name, as_seen).await?]).await?
            {
                break;
            }
            attempts.again(&cluster).await?;
        }
        let is_gone = |cluster: &Cluster| !cluster.nodes.contains_key(name) && !is_doubtful(cluster);
        self.access.until(is_gone).await;
        tracing::info!(node = %name, "node given up");
        Ok(())
    }

    /// Giving up a node changes the lineage: nodes that remember it can tell that the store did not lose it.
    async fn deletion_of_node(&self, name: &NodeName, as_seen: Condition) -> Result<Txn, Error> {
        let lineage = self.allocator.lineage_after_now().await?;
        Ok(lineage
            .check(self.access.path(&Key::Live(name.clone())), Condition::Absent)
            .delete(self.access.path(&Key::Node(name.clone())), as_seen)
            .delete(self.access.path(&Key::Latest(name.clone())), Condition::Always))
    }

    /// Carries out as many of these as it can. Returns whether those were all: not where another transaction was
    /// faster.
    async fn all_carried_out(&self, txns: Vec<Txn>) -> Result<bool, Error> {
        let mut all = true;
        for txn in txns {
            all &= self.access.committed(txn).await?;
        }
        Ok(all)
    }
}
