//! One join at a time for each network namespace, since two at once would choose the same interface name; and
//! one for each name on a network, since two at once would both find it free.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use weft_model::{EndpointName, NetworkId, OwnerKey};

/// What only one request at a time may deal with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Matter {
    Namespace(PathBuf),
    Name(NetworkId, EndpointName),
    Owner(OwnerKey),
    Ports,
}

/// The locks of what is being joined to something.
#[derive(Default)]
pub(super) struct JoinLocks {
    locks: Mutex<HashMap<Matter, Arc<AsyncMutex<()>>>>,
}

impl JoinLocks {
    /// Waits until nobody else joins `netns` to a network, or an endpoint called `name` to `network`.
    pub(super) async fn lock(
        &self,
        netns: &Path,
        network: NetworkId,
        name: &EndpointName,
    ) -> [OwnedMutexGuard<()>; 2] {
        // All tasks take the locks in this order, so no two wait for each other.
        let namespace = self.lock_namespace(netns).await;
        [namespace, self.take(Matter::Name(network, name.clone())).await]
    }

    /// Waits until nobody joins `netns` to a network.
    pub(super) async fn lock_namespace(&self, netns: &Path) -> OwnedMutexGuard<()> {
        self.take(Matter::Namespace(netns.to_owned())).await
    }

    /// Waits until nobody attaches or detaches what its owner calls `owner`. Taken before all others.
    pub(super) async fn lock_owner(&self, owner: &OwnerKey) -> OwnedMutexGuard<()> {
        self.take(Matter::Owner(owner.clone())).await
    }

    /// Waits until nobody publishes ports for what is attached. Taken after that of an owner, and before all others.
    pub(super) async fn lock_ports(&self) -> OwnedMutexGuard<()> {
        self.take(Matter::Ports).await
    }

    async fn take(&self, matter: Matter) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody holds or waits for has this one reference.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(matter).or_default())
        };
        lock.lock_owned().await
    }
}
