//! One join at a time for each network namespace: two at once would choose the same interface name.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// The locks of the namespaces that are being joined to something.
#[derive(Default)]
pub(crate) struct Joining {
    locks: Mutex<HashMap<PathBuf, Arc<AsyncMutex<()>>>>,
}

impl Joining {
    /// Waits until nobody else joins `netns` to a network.
    pub(super) async fn lock(&self, netns: &Path) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // What nobody holds or waits for has this one reference.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(netns.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
