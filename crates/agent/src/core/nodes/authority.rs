//! The cluster's authority is replaced by another, while everything runs.

use super::Nodes;
use std::sync::Arc;
use weft_model::{Key, NodeName, Record, chain};
use weft_state::{cluster::Cluster, credentials::Credentials};
use weft_store::{Condition, Txn};
use weft_trust::{Authorities, Authority, Subject};
use weft_verbs::{AuthorityView, Error, Kind};

/// How often to wait for this host's own record, each time as long as for any change.
const OWN_RECORD: usize = 8;

impl Nodes {
    /// Which authorities are believed, and how far hosts are.
    pub(crate) fn authority_view(&self) -> Result<AuthorityView, Error> {
        let cluster = self.access.known();
        let believed = believed(&cluster)?;
        let behind = cluster.behind();
        // One that is away may not have heard of the newest.
        let knows = |name: &NodeName| cluster.is_up(name) || !behind.contains(&name);
        let holders = cluster.nodes.iter().filter(|(name, node)| node.authority && knows(name));
        Ok(AuthorityView {
            believed: believed.ids().collect(),
            holders: holders.map(|(name, _)| name.clone()).collect(),
            behind: behind.into_iter().cloned().collect(),
        })
    }

    /// Makes another authority, which the one before says is to be believed: hosts renew their certificates by themselves, and
    /// then believe the one before no more. Returns when this host believes it.
    pub(crate) async fn rotate_authority(&self) -> Result<(), Error> {
        let credentials = Credentials::of(&self.config.data_dir);
        let authority = self.held()?;
        let is_free = |cluster: &Cluster| {
            if believed(cluster)?.newest() != Some(authority.id()) {
                return Err(Error::conflict(
                    "another authority was made just now: see `weft ca show`, and try again",
                ));
            }
            if cluster.is_torn() {
                return Err(Error::conflict(
                    "somebody else has the authority's key, and has named another to follow it: run `weft ca new --force` on one \
                     host, and let all others join again with tokens from there",
                ));
            }
            if !cluster.has_several_authorities() {
                return Ok(());
            }
            let behind: Vec<_> = cluster.behind().into_iter().map(NodeName::as_str).collect();
            Err(Error::conflict(format!(
                "it is being replaced already: {} have no certificate by the new one yet. A host gets one by itself when its agent \
                 runs; `weft node rm` for those that are gone for good, or `weft ca rotate --finish` to go on without them: they \
                 have to join again then",
                behind.join(", ")
            )))
        };
        self.access.decide(is_free).await?;
        let unusable = |error: &dyn std::error::Error| Error::new(Kind::Internal, chain(error));
        // One that is believed is left over: it is what is to be replaced.
        let is_new = |next: &Authority| next.id() != authority.id();
        let next = match credentials.next_authority().map_err(|error| unusable(&error))?.filter(is_new) {
            Some(next) => next,
            None => {
                let next = Authority::found(self.env.now()).map_err(|error| unusable(&error))?;
                credentials.keep_next_authority(&next).map_err(|error| unusable(&error))?;
                next
            }
        };
        let record = next.record(Some(&authority)).map_err(|error| unusable(&error))?;
        let key = self.access.path(&Key::Authority(next.id()));
        self.access.committed(Txn::new().put(key, record.to_json(), Condition::Always)).await?;
        let is_next = |cluster: &Cluster| cluster.believed().and_then(|all| all.newest()) == Some(next.id());
        self.access.until(is_next).await;
        let known = self.access.known();
        let believed = known.believed().filter(|_| is_next(&known));
        let believed = believed.ok_or_else(|| {
            Error::new(Kind::Unavailable, "the store does not show the new authority yet: see `weft ca show`")
        })?;
        credentials.believe(believed).map_err(|error| unusable(&error))?;
        tracing::warn!(authority = next.id().short(), "the cluster has a new authority");
        Ok(())
    }

    /// Has nobody believe an authority but the newest, though there are hosts without a certificate by that.
    pub(crate) async fn finish_rotation(&self) -> Result<(), Error> {
        let authority = self.held()?;
        let known = self.access.cluster().await?;
        if !known.has_several_authorities() {
            return Err(Error::conflict("no authority is being replaced: `weft ca rotate` begins"));
        }
        let is_done = |cluster: &Cluster| !cluster.behind().contains(&self.access.node());
        if !is_done(&known) {
            self.certify(&authority)?;
            for _ in 0..OWN_RECORD {
                self.access.until(is_done).await;
                if is_done(&self.access.known()) {
                    break;
                }
            }
        }
        let known = self.access.cluster().await?;
        if !is_done(&known) {
            let why = "this host's own record is not by the new authority yet: try again";
            return Err(Error::new(Kind::Unavailable, why));
        }
        self.finish(&known, &authority).await
    }

    /// Says again what led to the authorities that are believed, where the store does not say it any more; and ends what is
    /// done. Called on each change.
    pub(in crate::core) async fn keep_authorities(&self, known: &Cluster) -> Result<(), Error> {
        for (id, record) in &known.beliefs.followed {
            if known.authorities.get(id).is_none_or(|said| **said != *record) {
                let key = self.access.path(&Key::Authority(*id));
                self.access.committed(Txn::new().put(key, record.to_json(), Condition::Always)).await?;
            }
        }
        if !known.has_several_authorities() {
            return Ok(());
        }
        let Ok(authority) = self.held() else { return Ok(()) };
        let is_newest = known.believed().and_then(|all| all.newest()) == Some(authority.id());
        if is_newest && !known.authorities.contains_key(&authority.id()) {
            // Made here for hosts that join again (`weft ca new`).
            let unusable = |error| Error::internal("cannot say which authority this host has", error);
            let record = authority.record(None).map_err(unusable)?;
            let key = self.access.path(&Key::Authority(authority.id()));
            self.access.committed(Txn::new().put(key, record.to_json(), Condition::Absent)).await?;
            return Ok(());
        }
        // This host's own record may be gone for a moment, because somebody took it away.
        if is_newest && known.behind().is_empty() && known.nodes.contains_key(self.access.node()) {
            return self.finish(known, &authority).await;
        }
        Ok(())
    }

    /// Has this host go on with a certificate by the authority, if it does not yet.
    fn certify(&self, authority: &Authority) -> Result<(), Error> {
        let unusable = |error| Error::new(Kind::Internal, chain(&error));
        let credentials = Credentials::of(&self.config.data_dir);
        if credentials.member().map_err(unusable)?.is_some_and(|member| member.is_up_to_date()) {
            return Ok(());
        }
        let subject = Subject { name: self.access.node().clone(), id: self.access.identity().id() };
        credentials.certify(authority, &subject, self.env.now()).map_err(unusable)
    }

    async fn finish(&self, known: &Cluster, authority: &Authority) -> Result<(), Error> {
        let unusable = |error| Error::internal("cannot say which authority is alone", error);
        // What the one before said of nodes is said by this one.
        for (id, revocation) in &known.beliefs.barred {
            let subject = Subject { name: revocation.name.clone(), id: *id };
            let revocation = authority.revoke(&subject).map_err(unusable)?;
            let key = self.access.path(&Key::Revoked(*id));
            self.access.committed(Txn::new().put(key, revocation.to_json(), Condition::Always)).await?;
        }
        let id = authority.id();
        let record = known.beliefs.followed.get(&id).cloned();
        let mut record = record.map_or_else(|| authority.record(None).map_err(unusable), Ok)?;
        record.alone = Some(authority.alone().map_err(unusable)?);
        let mut txn = Txn::new();
        for before in known.authorities.keys().filter(|before| **before != id) {
            txn = txn.delete(self.access.path(&Key::Authority(*before)), Condition::Always);
        }
        let key = self.access.path(&Key::Authority(id));
        self.access.committed(txn.put(key, record.to_json(), Condition::Always)).await?;
        tracing::info!(
            authority = id.short(),
            "every host has a certificate by the new authority: it is the only one"
        );
        Ok(())
    }

    /// The authority, on a host that has its key.
    pub(super) fn held(&self) -> Result<Authority, Error> {
        let authority = Credentials::of(&self.config.data_dir).authority();
        let authority = authority.map_err(|error| Error::new(Kind::Internal, chain(&error)))?;
        authority.ok_or_else(|| {
            Error::conflict(
                "this host does not have the key of the cluster's authority: do it on one that has (where `weft init` was run, \
                 or that `weft node promote` named; `weft ca show` lists them)",
            )
        })
    }
}

/// Who is believed who the nodes are.
///
/// # Errors
/// Where that is the store.
pub(super) fn believed(cluster: &Cluster) -> Result<&Arc<Authorities>, Error> {
    cluster.believed().ok_or_else(|| {
        Error::conflict(
            "the store is believed in this cluster (trust: store), so nobody would heed an authority: see `--trust`",
        )
    })
}
