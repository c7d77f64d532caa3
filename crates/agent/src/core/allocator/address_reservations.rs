//! Addresses that are reserved before the endpoint is known that is to have them: the first step of the engines'
//! protocol. A reservation is a claim in the store for an endpoint that does not exist yet.

use super::{
    Allocator, Error, Kind,
    lost::Lost,
    pending::{ClaimKey, PendingAddresses},
    refusal::{ClaimError, PoolError},
    taking::of_pool,
};
use ipnet::IpNet;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use weft_model::{EndpointId, Network, NetworkId};
use weft_state::cluster::{Cluster, Stored};
use weft_store::{CommitError, Condition, Txn};

/// How long a reservation is kept for an endpoint that does not come.
const ADDRESS_RESERVATION_PATIENCE: Duration = Duration::from_secs(60);

/// The reservations of this node that no endpoint has taken yet. Only in memory: after a crash they are leftovers, and
/// the engine's next step takes them over or claims them anew.
#[derive(Default)]
pub(super) struct AddressReservations {
    reserved: Mutex<HashMap<ClaimKey, AddressReservation>>,
    /// Addresses of endpoints that left: the engine gives each back once more.
    returned: Mutex<HashMap<ClaimKey, Instant>>,
    /// How many engines have started.
    engines: AtomicU64,
}

/// An address for an endpoint to come.
struct AddressReservation {
    /// What the claim in the store says.
    endpoint: EndpointId,
    since: Instant,
    /// Whether the endpoint has it: the claim is the endpoint's own then, but a stale view does not show it.
    taken: bool,
}

impl AddressReservations {
    /// Whether `id` stands for an endpoint to come.
    pub(super) fn is_for(&self, id: &EndpointId) -> bool {
        let mut reserved = lock(&self.reserved);
        reserved.retain(|_, reservation| reservation.since.elapsed() < ADDRESS_RESERVATION_PATIENCE);
        reserved.values().any(|reservation| reservation.endpoint == *id)
    }

    pub(super) fn get(&self, key: &ClaimKey) -> Option<EndpointId> {
        lock(&self.reserved)
            .get(key)
            .filter(|reservation| !reservation.taken)
            .map(|reservation| reservation.endpoint)
    }

    /// Which engine asks.
    fn engine(&self) -> u64 {
        self.engines.load(Ordering::Relaxed)
    }

    /// Notes a reservation, unless another engine has started since it was asked for.
    fn put(&self, key: ClaimKey, endpoint: EndpointId, engine: u64) {
        let mut reserved = lock(&self.reserved);
        if self.engine() == engine {
            reserved.insert(key, AddressReservation { endpoint, since: Instant::now(), taken: false });
        }
    }

    /// Says that an endpoint has the address now.
    pub(super) fn take(&self, key: ClaimKey) {
        lock(&self.reserved).entry(key).and_modify(|reservation| reservation.taken = true);
    }

    fn forget(&self, key: &ClaimKey) {
        lock(&self.reserved).remove(key);
    }

    /// Forgets what no endpoint has taken, and returns what the claims in the store say. Nobody is going to give back
    /// anything, either.
    fn forget_untaken(&self) -> Vec<EndpointId> {
        lock(&self.returned).clear();
        let mut reserved = lock(&self.reserved);
        self.engines.fetch_add(1, Ordering::Relaxed);
        reserved
            .extract_if(|_, reservation| !reservation.taken)
            .map(|(_, reservation)| reservation.endpoint)
            .collect()
    }

    /// Says that an endpoint gave `key` back, which the engine is going to do as well.
    pub(super) fn note_return(&self, key: ClaimKey) {
        let mut returned = lock(&self.returned);
        returned.retain(|_, at| at.elapsed() < ADDRESS_RESERVATION_PATIENCE);
        returned.insert(key, Instant::now());
    }

    fn take_return(&self, key: &ClaimKey) -> bool {
        lock(&self.returned).remove(key).is_some_and(|at| at.elapsed() < ADDRESS_RESERVATION_PATIENCE)
    }
}

impl Allocator {
    pub(crate) async fn reserve_address(&self, pool: IpNet, asked: Option<IpAddr>) -> Result<IpNet, Error> {
        let (id, engine) = (self.env.random(|rng| EndpointId::random(rng)), self.reserved.engine());
        let mut lost = Lost::default();
        let mut attempts = self.access.attempts();
        loop {
            self.until_created(pool).await?;
            let reserving = |cluster: &Cluster| {
                let (network_id, network) = of_pool(cluster, pool)?;
                let (key, held) = self.choose_from(cluster, network, pool, asked, &lost)?;
                let txn = self.reserving(cluster, network_id, network, &held, id)?;
                Ok::<_, ClaimError>((key, held, txn))
            };
            let (cluster, (key @ (_, address), _held, txn)) = match self.access.decide(reserving).await {
                Ok(decided) => decided,
                // Nothing is said to be taken because it was, a moment ago.
                Err(error) if error.is_taken() && lost.forget() => {
                    attempts.at_once()?;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let _in_the_making = self.make(id);
            match self.access.commit(txn).await {
                Ok(()) => {
                    self.reserved.put(key, id, engine);
                    return IpNet::new(address, pool.prefix_len())
                        .map_err(|error| Error::internal("the address has no prefix", error));
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(CommitError::Conflict { keys }) => {
                    let faster = keys.contains(&self.ledger().path((pool, address)));
                    // Another claim was faster: try another address at once. Anything else: look again first.
                    if faster && asked.is_none() && lost.add([address], &self.env) {
                        attempts.at_once()?;
                    } else {
                        attempts.again(&cluster).await?;
                    }
                }
            }
        }
    }

    fn reserving(
        &self,
        cluster: &Cluster,
        network_id: NetworkId,
        network: &Stored<Network>,
        held: &PendingAddresses<'_>,
        id: EndpointId,
    ) -> Result<Txn, Error> {
        let claim = self.own_claim(id);
        let mut txn = self.while_member(cluster, network_id, network, id)?;
        for key @ (pool, address) in &held.addresses {
            txn = self.ledger().claim(txn, *key, &claim, Condition::Absent);
            if held.in_order {
                txn = self.ledger().advance(txn, *pool, *address);
            }
        }
        Ok(txn)
    }

    /// A network that was removed from the cluster may still be in an engine, and its pool be another's by now.
    pub(in crate::core) async fn check_pool(&self, pool: IpNet, network: NetworkId) -> Result<(), Error> {
        let still_its_own = |cluster: &Cluster| match cluster.network_with(pool) {
            Some((owner, other)) if owner != network => {
                Err(PoolError::Passed { pool, network: other.name.clone() }.into())
            }
            _ => Ok(()),
        };
        self.access.look_up(still_its_own).await
    }

    /// Waits a moment for the network of a pool that is held: an engine may ask for an address before it told of the
    /// network.
    async fn until_created(&self, pool: IpNet) -> Result<(), Error> {
        self.access.cluster_with_me().await?;
        self.access
            .until(|cluster| {
                cluster.network_with(pool).is_some() || !cluster.reserved_pools.contains_key(&pool)
            })
            .await;
        Ok(())
    }

    /// Gives back an address that was reserved, and no other. Without the store, housekeeping does it later.
    pub(crate) async fn take_back(&self, pool: IpNet, address: IpAddr) -> Result<(), Error> {
        let key = (pool, address);
        if self.reserved.take_return(&key) {
            return Ok(());
        }
        let Some(id) = self.reserved.get(&key) else { return Ok(()) };
        self.see_reservation(key).await;
        self.reserved.forget(&key);
        match self.release(id).await {
            Err(error) if error.kind == Kind::Unavailable => Ok(()),
            released => released,
        }
    }

    /// Says that an endpoint gives `key` back, which the engine is going to do as well.
    pub(in crate::core) fn note_return(&self, key: ClaimKey) {
        self.reserved.note_return(key);
    }

    /// Forgets what was granted and not taken by an endpoint: the client that asked for it is gone. Returns what stands
    /// for it in the store.
    pub(in crate::core) fn forget_untaken(&self) -> Vec<EndpointId> {
        self.reserved.forget_untaken()
    }

    /// Waits until the view shows a reservation, so that it can be taken over.
    pub(in crate::core) async fn see_reservation(&self, (pool, address): ClaimKey) {
        if self.reserved.get(&(pool, address)).is_some() {
            self.access.until(|cluster| cluster.is_claimed(pool, address)).await;
        }
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
