//! The way of the core to the cluster: the view to decide by, and the store to commit to.

mod decisions;
mod patience;

use crate::membership::{Outside, Ownership};
use std::sync::Arc;
use tokio::sync::watch;
use weft_model::{Key, Keyspace, NetworkId, Node, NodeName};
use weft_state::{
    cluster::{Cluster, Stored},
    journal::Identity,
    view::View,
};
use weft_store::{CommitError, Condition, Listing, Store, StoreEntry, StoreError, Txn};

/// Kept by a caller that asks for one cluster several times.
pub(super) type KnownCluster = Arc<Cluster>;

/// Reads the cluster, and changes it, as one node. What the types of the core share.
pub(crate) struct ClusterAccess {
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    view: watch::Receiver<View>,
    node: NodeName,
    identity: Arc<Identity>,
    /// What keeps this node out of the cluster.
    membership: watch::Receiver<Option<Outside>>,
    /// Whether this agent may act as its node.
    ownership: watch::Receiver<Ownership>,
}

/// What [`ClusterAccess`] is made of.
pub(crate) struct AccessParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keyspace: Keyspace,
    pub(crate) view: watch::Receiver<View>,
    pub(crate) node: NodeName,
    pub(crate) identity: Arc<Identity>,
    pub(crate) membership: watch::Receiver<Option<Outside>>,
    pub(crate) ownership: watch::Receiver<Ownership>,
}

impl ClusterAccess {
    pub(crate) fn new(parts: AccessParts) -> Self {
        let AccessParts { store, keyspace, view, node, identity, membership, ownership } = parts;
        Self { store, keyspace, view, node, identity, membership, ownership }
    }

    /// The name of this node.
    pub(super) fn node(&self) -> &NodeName {
        &self.node
    }

    /// Which node this is.
    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// There as long as anything of this agent is, and its data directory is locked.
    #[cfg(test)]
    pub(crate) fn in_use(&self) -> std::sync::Weak<Identity> {
        Arc::downgrade(&self.identity)
    }

    pub(super) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    pub(super) fn path(&self, key: &Key) -> String {
        self.keyspace.path(key)
    }

    /// The view, to read it or to wait for a change of it.
    pub(crate) fn view(&self) -> &watch::Receiver<View> {
        &self.view
    }

    /// The cluster as far as it is known, for looking only.
    pub(crate) fn known(&self) -> KnownCluster {
        self.view.borrow().cluster.clone().unwrap_or_else(|| Arc::new(Cluster::default()))
    }

    /// The store's address, for people.
    pub(super) fn describe_store(&self) -> String {
        self.store.describe()
    }

    /// What the store has at this moment at `path`.
    pub(super) async fn get(&self, path: &str) -> Result<Option<StoreEntry>, StoreError> {
        self.store.get(path).await
    }

    /// Everything that the store has at this moment.
    pub(super) async fn list_all(&self) -> Result<Listing, StoreError> {
        self.store.list(self.keyspace.root()).await
    }

    /// The cluster that the store has at this moment.
    pub(super) async fn read_all(&self) -> Result<Cluster, StoreError> {
        Ok(Cluster::read_after(&self.keyspace, &self.list_all().await?, &self.known()))
    }

    /// The endpoints of `network` that the store has at this moment.
    pub(super) async fn list_endpoints(&self, network: NetworkId) -> Result<Listing, StoreError> {
        self.store.list(&self.keyspace.endpoints_of(network)).await
    }

    /// Commits, all of `txn` or nothing.
    pub(super) async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        self.store.commit(txn).await
    }

    /// Commits. Returns whether that was done: not where another transaction was faster.
    pub(super) async fn committed(&self, txn: Txn) -> Result<bool, StoreError> {
        committed(&*self.store, txn).await
    }

    /// This node in the cluster, if it is up there.
    pub(super) fn registration<'c>(&self, cluster: &'c Cluster) -> Option<&'c Stored<Node>> {
        let node = &self.node;
        cluster.nodes.get(node).filter(|me| me.id == self.identity.id() && cluster.is_up(node))
    }

    /// The start of a transaction on what a node has: it may have come back meanwhile, and keeps it then.
    pub(super) fn while_down(&self, name: &NodeName) -> Txn {
        Txn::new().check(self.path(&Key::Live(name.clone())), Condition::Absent)
    }

    /// What keeps this node out of the cluster, if anything does.
    pub(crate) fn membership(&self) -> &watch::Receiver<Option<Outside>> {
        &self.membership
    }

    /// Whether this agent may act as its node.
    pub(crate) fn ownership(&self) -> &watch::Receiver<Ownership> {
        &self.ownership
    }

    /// Why nothing can be given back in the cluster; `None` if it can.
    pub(crate) fn absence(&self) -> Option<String> {
        let contested = self.ownership.borrow().contested().map(str::to_owned);
        let problem = || self.membership.borrow().as_ref().map(ToString::to_string);
        let store =
            || self.view.borrow().error.clone().map(|why| format!("the store is out of reach: {why}"));
        contested.or_else(problem).or_else(store)
    }
}

/// Commits. Returns whether that was done: not where another transaction was faster.
///
/// # Errors
/// If the store does not do it for another reason.
pub(super) async fn committed(store: &dyn Store, txn: Txn) -> Result<bool, StoreError> {
    match store.commit(txn).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict { .. }) => Ok(false),
        Err(CommitError::Store(error)) => Err(error),
    }
}
