//! Addresses that an endpoint takes over from a reservation, or takes back after the store has lost them.

use super::{Allocator, Error, Kind, choosing::owner, pending::ClaimKey, refusal::AddressError};
use crate::core::{macs, refusal::Taken};
use ipnet::IpNet;
use std::net::IpAddr;
use weft_model::{Claim, Endpoint, EndpointId, Key, Network, NetworkId, Record, Subnet};
use weft_state::{
    cluster::{Cluster, Stored},
    journal::LocalEndpoint,
};
use weft_store::{CommitError, Condition, Txn};
use weft_verbs::Join;

impl Allocator {
    /// Writes the endpoint, in one transaction with the claims on its addresses.
    pub(in crate::core) async fn claim_reserved(
        &self,
        request: &Join,
        endpoint: impl Fn() -> Endpoint + Sync,
    ) -> Result<(NetworkId, Network, Endpoint), Error> {
        let mut attempts = self.access.attempts();
        loop {
            self.access.cluster_with_me().await?;
            let endpoint = endpoint();
            let claiming = |cluster: &Cluster| {
                let (network_id, network) = network_of(cluster, &request.addresses)?;
                macs::refuse_taken(cluster, network_id, network, endpoint.mac)?;
                let txn = self.joining_reserved(cluster, network_id, network, request, &endpoint)?;
                Ok::<_, Error>((network_id, network.clone(), txn))
            };
            let (cluster, (network_id, network, txn)) = self.access.decide(claiming).await?;
            match self.access.commit(txn).await {
                Ok(()) => {
                    for address in &request.addresses {
                        self.reserved.take((address.trunc(), address.addr()));
                    }
                    return Ok((network_id, (*network).clone(), endpoint));
                }
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    fn joining_reserved(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        network: &Stored<Network>,
        request: &Join,
        endpoint: &Endpoint,
    ) -> Result<Txn, Error> {
        let id = request.endpoint;
        let key = self.access.path(&Key::Endpoint(network_id, id));
        let mut txn = self.while_member(cluster, network_id, network, id)?.put(
            key,
            endpoint.to_json(),
            Condition::Absent,
        );
        let claim = self.own_claim(id);
        for address in &request.addresses {
            let key = (address.trunc(), address.addr());
            let condition = self.taking(cluster, id, key)?;
            txn = self.ledger().claim(txn, key, &claim, condition);
        }
        Ok(txn)
    }

    /// What an endpoint that is about to be written must do to the claim of one of its addresses: take over the
    /// reservation, or claim it anew.
    fn taking(&self, cluster: &Cluster, id: EndpointId, key: ClaimKey) -> Result<Condition, Error> {
        let (pool, address) = key;
        let Some(claim) = cluster.claim(pool, address) else {
            return Ok(Condition::Absent);
        };
        let reserved = self.reserved.get(&key) == Some(claim.endpoint);
        let leftover = || {
            let known = cluster.endpoint(&claim.endpoint).is_some()
                || self.journal.endpoints().contains_key(&claim.endpoint);
            claim.node == *self.access.node() && !known && !self.expects(&claim.endpoint)
        };
        if claim.endpoint == id || reserved || leftover() {
            return Ok(Condition::Unchanged(claim.modified));
        }
        let owner = owner(cluster, pool, address);
        Err(AddressError::InUse { address, owner }.into())
    }

    /// An address of an endpoint of this node that another one has, as far as is known.
    pub(in crate::core) fn lost_to_another(
        &self,
        known: &Cluster,
        id: EndpointId,
        local: &LocalEndpoint,
    ) -> Option<ClaimKey> {
        let taken = |(address, subnet): &(IpAddr, &Subnet)| {
            let claim = known.claim(subnet.pool, *address).filter(|claim| claim.endpoint != id);
            claim.is_some_and(|claim| !self.is_left_over(claim))
        };
        local.subnets().find(taken).map(|(address, subnet)| (subnet.pool, address))
    }

    /// The claim of another endpoint on an address of `id`, as the store has it now.
    pub(in crate::core) async fn claim_of_another(
        &self,
        key: ClaimKey,
        id: EndpointId,
    ) -> Result<Option<Claim>, Error> {
        let entry = self.access.get(&self.ledger().path(key)).await?;
        let owner = entry.and_then(|entry| Claim::from_json(&entry.value).ok()).filter(|o| o.endpoint != id);
        Ok(owner.filter(|owner| !self.is_left_over(owner)))
    }

    /// The transaction that puts an endpoint of this node into the store again, with its addresses.
    pub(in crate::core) fn putting_back(
        &self,
        known: &Cluster,
        network: &Stored<Network>,
        id: EndpointId,
        local: &LocalEndpoint,
    ) -> Result<Txn, Error> {
        let claim = self.own_claim(id);
        let stored = known.endpoint_on(&local.network_id, &id);
        let condition = Condition::as_seen(stored.map(|stored| stored.modified));
        let mut txn = self.while_member(known, local.network_id, network, id)?.put(
            self.access.path(&Key::Endpoint(local.network_id, id)),
            local.endpoint.to_json(),
            condition,
        );
        for (address, subnet) in local.subnets() {
            let claimed = known.claim(subnet.pool, address);
            let condition = Condition::as_seen(claimed.map(|claim| claim.modified));
            txn = self.ledger().claim(txn, (subnet.pool, address), &claim, condition);
        }
        Ok(txn)
    }
}

/// The network that all of the addresses are on.
fn network_of<'c>(
    cluster: &'c Cluster,
    addresses: &[IpNet],
) -> Result<(NetworkId, &'c Stored<Network>), Error> {
    let Some(first) = addresses.first() else {
        return Err(Error::invalid("the endpoint has no address"));
    };
    let (id, network) = of_pool(cluster, first.trunc())?;
    let elsewhere =
        addresses.iter().find(|a| network.subnet_of(a.addr()).is_none_or(|s| s.pool != a.trunc()));
    match elsewhere {
        Some(address) => Err(Error::invalid(format!("address {address} is not of network {}", network.name))),
        None => Ok((id, network)),
    }
}

/// The network of `pool`.
pub(super) fn of_pool(cluster: &Cluster, pool: IpNet) -> Result<(NetworkId, &Stored<Network>), Error> {
    let (id, network) =
        cluster.network_with(pool).ok_or_else(|| match cluster.reserved_pools.get(&pool) {
            Some(_) => Error::new(
                Kind::Unavailable,
                format!("the network of subnet {pool} is still being created; try again in a moment"),
            ),
            None => Error::new(
                Kind::NotFound,
                format!("no network of the cluster has the subnet {pool}: its network was removed"),
            ),
        })?;
    if network.removing {
        return Err(Taken::Removing(network.name.clone()).into());
    }
    Ok((id, network))
}
