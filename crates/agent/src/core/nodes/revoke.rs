//! A node is believed no more, because somebody with the authority's key says so.

use super::{Nodes, authority::believed};
use weft_model::{Key, NodeId, NodeName, Record, UserName, chain};
use weft_state::cluster::Cluster;
use weft_store::{Condition, Txn};
use weft_trust::{Authority, Subject};
use weft_verbs::{Error, Kind};

impl Nodes {
    /// Says in the store that nobody is to believe a node any more, up or down, and waits until it is so here.
    pub(crate) async fn revoke(&self, name: &NodeName) -> Result<(), Error> {
        if name == self.access.node() {
            return Err(Error::conflict("this is the host itself: `weft leave` takes it out of the cluster"));
        }
        let authority = self.held()?;
        let which = |cluster: &Cluster| {
            believed(cluster)?;
            let found = cluster.nodes.get(name).map(|node| node.id);
            found.ok_or_else(|| Error::not_found("node", name.as_str()))
        };
        let (_, id) = self.access.decide(which).await?;
        self.bar(&authority, &Subject { name: name.clone(), id }).await?;
        tracing::warn!(node = %name, id = id.short(), "node revoked: it is believed no more");
        Ok(())
    }

    /// Says in the store that nobody is to answer who shows a user's certificate any more. It has an id as nodes have one.
    pub(crate) async fn revoke_user(&self, user: &UserName, id: NodeId) -> Result<(), Error> {
        let authority = self.held()?;
        let is_a_node = |cluster: &Cluster| {
            believed(cluster)?;
            let node = cluster.nodes.iter().find(|(_, node)| node.id == id);
            node.map_or(Ok(()), |(name, _)| {
                Err(Error::conflict(format!("that is the id of the host {name}")))
            })
        };
        self.access.decide(is_a_node).await?;
        let name = user.as_str().parse().map_err(Error::invalid)?;
        self.bar(&authority, &Subject { name, id }).await?;
        tracing::warn!(%user, id = id.short(), "a user's certificate was revoked");
        Ok(())
    }

    async fn bar(&self, authority: &Authority, subject: &Subject) -> Result<(), Error> {
        let revocation = authority.revoke(subject);
        let revocation = revocation.map_err(|error| Error::new(Kind::Internal, chain(&error)))?;
        let key = self.access.path(&Key::Revoked(subject.id));
        self.access.committed(Txn::new().put(key, revocation.to_json(), Condition::Always)).await?;
        // The store may show it later, or, where it lies, never.
        self.memory.revoke(subject.id, revocation);
        self.access.until(|cluster| cluster.beliefs.barred.contains_key(&subject.id)).await;
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
