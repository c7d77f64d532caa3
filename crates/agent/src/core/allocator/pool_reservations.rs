//! Pools that are kept for networks to come: engines ask for the pool first, and tell of the network later.

use super::{
    Allocator, Error, Kind,
    pools::{self, Surroundings},
};
use ipnet::IpNet;
use std::{collections::BTreeSet, sync::PoisonError};
use weft_model::{Extra, Key, Lineage, NodeName, PoolReservation, Record, Subnet};
use weft_state::cluster::Cluster;
use weft_store::{CommitError, Condition, StoreError, Txn};
use weft_verbs::{CreateNetwork, PoolRequest};

impl Allocator {
    pub(crate) async fn reserve_pool(&self, pool: Option<IpNet>, ipv6: bool) -> Result<IpNet, Error> {
        let routes = self.host.routes().await?;
        let mut attempts = self.access.attempts();
        loop {
            let (cluster, chosen) =
                self.access.decide(|cluster| self.to_reserve(cluster, &routes, pool, ipv6)).await?;
            if self.has_reserved(&cluster, chosen) {
                return Ok(chosen);
            }
            match self.access.commit(self.reserving_pool(&cluster, chosen)).await {
                Ok(()) => {
                    self.access.until(|cluster| cluster.reserved_pools.contains_key(&chosen)).await;
                    return Ok(chosen);
                }
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The subnets of a new network: those that `request` names, and free ones for the rest.
    pub(in crate::core) fn subnets_for(
        &self,
        request: &CreateNetwork,
        cluster: &Cluster,
        routes: &[IpNet],
    ) -> Result<Vec<Subnet>, Error> {
        // An engine's network takes what was reserved for it.
        let holder = request.id.map(|_| self.access.node());
        pools::choose(request, &self.around(cluster, routes, holder))
    }

    fn around<'a>(
        &'a self,
        cluster: &'a Cluster,
        routes: &'a [IpNet],
        holder: Option<&'a NodeName>,
    ) -> Surroundings<'a> {
        let default_pools = &self.config.default_address_pools;
        Surroundings { cluster, routes, default_pools, env: &self.env, holder }
    }

    /// The pool that is asked for, or a free one. It may be held here already: it is asked for again, or the engine did
    /// not get the answer.
    fn to_reserve(
        &self,
        cluster: &Cluster,
        routes: &[IpNet],
        pool: Option<IpNet>,
        ipv6: bool,
    ) -> Result<IpNet, Error> {
        if let Some(pool) = pool.filter(|pool| self.has_reserved(cluster, *pool)) {
            return Ok(pool);
        }
        let around = self.around(cluster, routes, None);
        match pool {
            Some(_) => around.requested(&PoolRequest { subnet: pool, ..PoolRequest::default() }, &[]),
            None if ipv6 => around.free_ipv6(&[]),
            None => around.free_ipv4(&[]),
        }
    }

    fn reserving_pool(&self, cluster: &Cluster, pool: IpNet) -> Txn {
        let node = self.access.node().clone();
        let reservation = PoolReservation { node, created: self.env.now(), extra: Extra::new() };
        self.ledger().reserve_pool(self.next_lineage(cluster), pool, &reservation)
    }

    /// The start of a transaction that takes pools, of two at once, one fails.
    pub(in crate::core) fn next_lineage(&self, cluster: &Cluster) -> Txn {
        let lineage = cluster.state().next(self.env.random(|rng| rng.next_u32()));
        let condition = Condition::as_seen(cluster.lineage.as_ref().map(|lineage| lineage.modified));
        Txn::new().put(self.access.path(&Key::Lineage), lineage.to_json(), condition)
    }

    /// The same, for what the store has at this moment. It is written even where it cannot be read.
    pub(in crate::core) async fn lineage_after_now(&self) -> Result<Txn, StoreError> {
        let key = self.access.path(&Key::Lineage);
        let entry = self.access.get(&key).await?;
        let lineage =
            entry.as_ref().and_then(|entry| Lineage::from_json(&entry.value).ok()).unwrap_or_default();
        let lineage = lineage.next(self.env.random(|rng| rng.next_u32()));
        Ok(Txn::new().put(key, lineage.to_json(), Condition::as_seen(entry.map(|entry| entry.modified))))
    }

    fn has_reserved(&self, cluster: &Cluster, pool: IpNet) -> bool {
        cluster.reserved_pools.get(&pool).is_some_and(|reservation| reservation.node == *self.access.node())
    }

    /// Gives a pool back that is held here. What is not is no error; without the store, housekeeping does it later.
    pub(crate) async fn let_go(&self, pool: IpNet) -> Result<(), Error> {
        let mut attempts = self.access.attempts();
        loop {
            let cluster = match self.access.cluster().await {
                Err(error) if error.kind == Kind::Unavailable => return Ok(()),
                cluster => cluster?,
            };
            let Some(reservation) =
                cluster.reserved_pools.get(&pool).filter(|_| self.has_reserved(&cluster, pool))
            else {
                return Ok(());
            };
            let unchanged = Condition::Unchanged(reservation.modified);
            match self.access.commit(self.ledger().end_reservation(Txn::new(), pool, unchanged)).await {
                Ok(()) => {
                    self.access.until(|cluster| !cluster.reserved_pools.contains_key(&pool)).await;
                    return Ok(());
                }
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(_)) => return Ok(()),
            }
        }
    }

    /// Says which pools of an engine's networks stand for others from now on, and are held as long as it has those.
    pub(crate) fn lend(&self, pools: BTreeSet<IpNet>) {
        *self.lent.lock().unwrap_or_else(PoisonError::into_inner) = pools;
    }

    /// The pools that are held here for networks to come.
    pub(in crate::core) fn pools_to_come(&self, known: &Cluster) -> Vec<IpNet> {
        let lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let own = self.reserved_by(known, self.access.node()).map(|(pool, _)| pool);
        own.filter(|pool| !lent.contains(pool)).collect()
    }

    /// The keys of the reservations of `node`.
    pub(super) fn reserved_by<'c>(
        &'c self,
        cluster: &'c Cluster,
        node: &'c NodeName,
    ) -> impl Iterator<Item = (IpNet, Txn)> + 'c {
        cluster.reserved_pools.iter().filter(move |(_, reservation)| reservation.node == *node).map(
            |(pool, reservation)| {
                let unchanged = Condition::Unchanged(reservation.modified);
                (*pool, self.ledger().end_reservation(Txn::new(), *pool, unchanged))
            },
        )
    }
}
