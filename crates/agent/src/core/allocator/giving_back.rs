//! Addresses that are given back, with the endpoints that had them.

use super::{Allocator, Error};
use ipnet::IpNet;
use std::{collections::BTreeSet, net::IpAddr};
use weft_model::{Claim, EndpointId, Key, NodeName};
use weft_state::cluster::{Cluster, Stored};
use weft_store::{CommitError, Condition, Txn};

impl Allocator {
    /// Takes an endpoint of this node out of the store, with its addresses. One that is not there is no error; an
    /// address that another endpoint holds by now is left alone.
    pub(in crate::core) async fn release(&self, id: EndpointId) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        loop {
            let cluster = self.access.cluster().await?;
            let Some(txn) = self.releasing(&cluster, id) else { return Ok(()) };
            match self.access.commit(txn).await {
                Ok(()) => return Ok(()),
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The transaction that removes an endpoint and every address claimed for it; `None` if nothing is there.
    pub(in crate::core) fn releasing(&self, cluster: &Cluster, id: EndpointId) -> Option<Txn> {
        let mut txn = Txn::new();
        let endpoint = cluster.endpoint(&id);
        if let Some((network, endpoint)) = endpoint {
            let key = self.access.path(&Key::Endpoint(*network, id));
            txn = txn.delete(key, Condition::Unchanged(endpoint.modified));
        }
        let own = |pool: &IpNet, address: &IpAddr, claim: &Stored<Claim>| {
            (claim.endpoint == id).then_some(((*pool, *address), claim.modified))
        };
        let claims: Vec<_> = match endpoint.map(|(network, e)| (cluster.networks.get(network), e)) {
            // The usual case looks up the endpoint's own addresses only.
            Some((Some(network), endpoint)) => endpoint
                .addresses()
                .filter_map(|a| {
                    let pool = network.subnet_of(a)?.pool;
                    own(&pool, &a, cluster.claim(pool, a)?)
                })
                .collect(),
            _ => cluster
                .claims
                .iter()
                .flat_map(|(pool, claims)| claims.iter().filter_map(|(a, claim)| own(pool, a, claim)))
                .collect(),
        };
        for (key, modified) in claims {
            txn = self.ledger().unclaim(txn, key, modified);
        }
        (!txn.ops.is_empty()).then_some(txn)
    }

    /// Releases each of `untaken`.
    pub(in crate::core) async fn release_all(&self, untaken: Vec<EndpointId>) -> Result<(), Error> {
        for id in untaken {
            self.release(id).await?;
        }
        Ok(())
    }

    /// Transactions that take away everything a node has, as few as possible, each with `start` before it.
    pub(in crate::core) fn leftovers(&self, cluster: &Cluster, name: &NodeName, start: &Txn) -> Vec<Txn> {
        let endpoints = cluster.all_endpoints().filter(|(_, _, e)| e.node == *name).map(|(_, id, _)| *id);
        let claims = cluster.claims.values().flat_map(|claims| claims.values());
        let claims = claims.filter(|claim| claim.node == *name).map(|claim| claim.endpoint);
        let all: BTreeSet<EndpointId> = endpoints.chain(claims).collect();
        let endpoints = all.into_iter().filter_map(|id| self.releasing(cluster, id));
        let reservations = self.reserved_by(cluster, name).map(|(_, txn)| txn);
        Txn::bundles(start, endpoints.chain(reservations))
    }
}
