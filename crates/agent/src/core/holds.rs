//! Pools that are kept for networks to come: engines ask for the pool first, and tell of the network later.

use super::{Core, Error, Kind, PoolRequest, pools::Surroundings};
use ipnet::IpNet;
use weft_model::{Epoch, Extra, Hold, Key, NodeName, Record};
use weft_state::cluster::Cluster;
use weft_store::{CommitError, Condition, StoreError, Txn};

impl Core {
    pub(crate) async fn hold(&self, pool: Option<IpNet>, ipv6: bool) -> Result<IpNet, Error> {
        let routes = self.host.routes().await?;
        let mut attempts = self.attempts();
        loop {
            let (cluster, chosen) = self.decide(|cluster| self.to_hold(cluster, &routes, pool, ipv6)).await?;
            if self.holds(&cluster, chosen) {
                return Ok(chosen);
            }
            match self.store.commit(self.holding(&cluster, chosen)).await {
                Ok(()) => {
                    self.until(|cluster| cluster.holds.contains_key(&chosen)).await;
                    return Ok(chosen);
                }
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }

    /// The pool that is asked for, or a free one. It may be held here already: it is asked for again, or the engine did
    /// not get the answer.
    fn to_hold(
        &self,
        cluster: &Cluster,
        routes: &[IpNet],
        pool: Option<IpNet>,
        ipv6: bool,
    ) -> Result<IpNet, Error> {
        if let Some(pool) = pool.filter(|pool| self.holds(cluster, *pool)) {
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

    fn holding(&self, cluster: &Cluster, pool: IpNet) -> Txn {
        let node = self.config.node_name.clone();
        let hold = Hold { node, created: self.env.now(), extra: Extra::new() };
        self.next_epoch(cluster).put(self.path(&Key::Hold(pool)), hold.to_json(), Condition::Absent)
    }

    /// The start of a transaction that takes pools, of two at once, one fails.
    pub(super) fn next_epoch(&self, cluster: &Cluster) -> Txn {
        let epoch = cluster.state().next(self.env.random(|rng| rng.next_u32()));
        let condition = Condition::as_seen(cluster.epoch.as_ref().map(|epoch| epoch.modified));
        Txn::new().put(self.path(&Key::Epoch), epoch.to_json(), condition)
    }

    /// The same, for what the store has at this moment. It is written even where it cannot be read.
    pub(super) async fn epoch_after_now(&self) -> Result<Txn, StoreError> {
        let key = self.path(&Key::Epoch);
        let entry = self.store.get(&key).await?;
        let epoch = entry.as_ref().and_then(|entry| Epoch::from_json(&entry.value).ok()).unwrap_or_default();
        let epoch = epoch.next(self.env.random(|rng| rng.next_u32()));
        Ok(Txn::new().put(key, epoch.to_json(), Condition::as_seen(entry.map(|entry| entry.modified))))
    }

    fn holds(&self, cluster: &Cluster, pool: IpNet) -> bool {
        cluster.holds.get(&pool).is_some_and(|hold| hold.node == self.config.node_name)
    }

    /// Gives a pool back that is held here. What is not is no error; without the store, upkeep does it later.
    pub(crate) async fn let_go(&self, pool: IpNet) -> Result<(), Error> {
        let mut attempts = self.attempts();
        loop {
            let cluster = match self.cluster().await {
                Err(error) if error.kind == Kind::Unavailable => return Ok(()),
                cluster => cluster?,
            };
            let Some(hold) = cluster.holds.get(&pool).filter(|_| self.holds(&cluster, pool)) else {
                return Ok(());
            };
            let key = self.path(&Key::Hold(pool));
            match self.store.commit(Txn::new().delete(key, Condition::Unchanged(hold.modified))).await {
                Ok(()) => {
                    self.until(|cluster| !cluster.holds.contains_key(&pool)).await;
                    return Ok(());
                }
                Err(CommitError::Conflict { .. }) => attempts.again(&cluster).await?,
                Err(CommitError::Store(_)) => return Ok(()),
            }
        }
    }

    /// The keys of the holds of `node`.
    pub(super) fn holds_of<'c>(
        &'c self,
        cluster: &'c Cluster,
        node: &'c NodeName,
    ) -> impl Iterator<Item = (IpNet, Txn)> + 'c {
        cluster.holds.iter().filter(move |(_, hold)| hold.node == *node).map(|(pool, hold)| {
            let key = self.path(&Key::Hold(*pool));
            (*pool, Txn::new().delete(key, Condition::Unchanged(hold.modified)))
        })
    }
}
