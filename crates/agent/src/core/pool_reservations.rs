//! Pools that are kept for networks to come: engines ask for the pool first, and tell of the network later.

use super::{Core, Error, Kind, PoolRequest, pools::Surroundings};
use ipnet::IpNet;
use weft_model::{Extra, Key, Lineage, NodeName, PoolReservation, Record};
use weft_state::cluster::Cluster;
use weft_store::{CommitError, Condition, StoreError, Txn};

impl Core {
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
        let around = Surroundings {
            cluster,
            routes,
            default_pools: &self.config.default_address_pools,
            env: &self.env,
            holder: None,
        };
        match pool {
            Some(_) => around.requested(&PoolRequest { subnet: pool, ..PoolRequest::default() }, &[]),
            None if ipv6 => around.free_ipv6(&[]),
            None => around.free_ipv4(&[]),
        }
    }

    fn reserving_pool(&self, cluster: &Cluster, pool: IpNet) -> Txn {
        let node = self.config.node_name.clone();
        let reservation = PoolReservation { node, created: self.env.now(), extra: Extra::new() };
        self.next_lineage(cluster).put(
            self.access.path(&Key::PoolReservation(pool)),
            reservation.to_json(),
            Condition::Absent,
        )
    }

    /// The start of a transaction that takes pools, of two at once, one fails.
    pub(super) fn next_lineage(&self, cluster: &Cluster) -> Txn {
        let lineage = cluster.state().next(self.env.random(|rng| rng.next_u32()));
        let condition = Condition::as_seen(cluster.lineage.as_ref().map(|lineage| lineage.modified));
        Txn::new().put(self.access.path(&Key::Lineage), lineage.to_json(), condition)
    }

    /// The same, for what the store has at this moment. It is written even where it cannot be read.
    pub(super) async fn lineage_after_now(&self) -> Result<Txn, StoreError> {
        let key = self.access.path(&Key::Lineage);
        let entry = self.access.get(&key).await?;
        let lineage =
            entry.as_ref().and_then(|entry| Lineage::from_json(&entry.value).ok()).unwrap_or_default();
        let lineage = lineage.next(self.env.random(|rng| rng.next_u32()));
        Ok(Txn::new().put(key, lineage.to_json(), Condition::as_seen(entry.map(|entry| entry.modified))))
    }

    fn has_reserved(&self, cluster: &Cluster, pool: IpNet) -> bool {
        cluster.reserved_pools.get(&pool).is_some_and(|reservation| reservation.node == self.config.node_name)
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
            let key = self.access.path(&Key::PoolReservation(pool));
            match self.access.commit(Txn::new().delete(key, Condition::Unchanged(reservation.modified))).await
            {
                Ok(()) => {
                    self.access.until(|cluster| !cluster.reserved_pools.contains_key(&pool)).await;
                    return Ok(());
                }
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(_)) => return Ok(()),
            }
        }
    }

    /// The keys of the reservations of `node`.
    pub(super) fn reserved_by<'c>(
        &'c self,
        cluster: &'c Cluster,
        node: &'c NodeName,
    ) -> impl Iterator<Item = (IpNet, Txn)> + 'c {
        cluster.reserved_pools.iter().filter(move |(_, reservation)| reservation.node == *node).map(
            |(pool, reservation)| {
                let key = self.access.path(&Key::PoolReservation(*pool));
                (*pool, Txn::new().delete(key, Condition::Unchanged(reservation.modified)))
            },
        )
    }
}
