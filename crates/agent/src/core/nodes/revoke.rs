//! A node is believed no more, because somebody with the authority's key says so.

use super::Nodes;
use weft_model::{Key, NodeName, Record, chain};
use weft_state::{cluster::Cluster, credentials::Credentials};
use weft_store::{Condition, Txn};
use weft_trust::Subject;
use weft_verbs::{Error, Kind};

impl Nodes {
    /// Says in the store that nobody is to believe a node any more, up or down, and waits until it is so here.
    pub(crate) async fn revoke(&self, name: &NodeName) -> Result<(), Error> {
        if name == self.access.node() {
            return Err(Error::conflict("this is the host itself: `weft leave` takes it out of the cluster"));
        }
        let unusable = |error: &dyn std::error::Error| Error::new(Kind::Internal, chain(error));
        let authority = self.held(&Credentials::of(&self.config.data_dir))?;
        let which = |cluster: &Cluster| {
            if !cluster.is_signed() {
                let message = "the store is believed in this cluster (trust: store), so nobody would heed it: see `--trust`";
                return Err(Error::conflict(message));
            }
            let found = cluster.nodes.get(name).map(|node| node.id);
            found.ok_or_else(|| Error::not_found("node", name.as_str()))
        };
        let (_, id) = self.access.decide(which).await?;
        let revocation = authority.revoke(&Subject { name: name.clone(), id });
        let revocation = revocation.map_err(|error| unusable(&error))?;
        let key = self.access.path(&Key::Revoked(id));
        self.access.committed(Txn::new().put(key, revocation.to_json(), Condition::Always)).await?;
        self.access.until(|cluster| cluster.beliefs.barred.contains_key(&id)).await;
        tracing::warn!(node = %name, id = id.short(), "node revoked: it is believed no more");
        Ok(())
    }

    /// Writes what the authority said once, where somebody took it out of the store: hosts that come later have to know.
    pub(in crate::core) async fn revoke_again(&self, known: &Cluster) -> Result<(), Error> {
        let gone = known.beliefs.barred.iter().filter(|(id, _)| !known.revoked.contains_key(*id));
        for (id, revocation) in gone.filter(|_| known.is_signed()) {
            let key = self.access.path(&Key::Revoked(*id));
            // Whatever somebody wrote in its place.
            self.access.committed(Txn::new().put(key, revocation.to_json(), Condition::Always)).await?;
        }
        Ok(())
    }
}
