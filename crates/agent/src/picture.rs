//! Keeps the picture of the cluster: reads all of it once, then follows the store's watch.

use crate::{cluster::Cluster, env::Env, error::chain};
use futures::StreamExt;
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use weft_model::Keyspace;
use weft_store::{Store, StoreError};

/// The first pause after a failure, doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between attempts to reach the store.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is known of the cluster, and whether the store still stands behind it.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    /// The cluster; `None` until the store was reached for the first time.
    pub(crate) cluster: Option<Arc<Cluster>>,
    /// Why the store is out of reach; `None` while all is well.
    pub(crate) error: Option<String>,
    /// Since when it is as it is.
    pub(crate) since: Timestamp,
}

/// The sending half: the task that keeps the picture.
pub(crate) struct PictureKeeper {
    store: Arc<dyn Store>,
    keyspace: Keyspace,
    env: Arc<Env>,
    picture: watch::Sender<Picture>,
}

impl PictureKeeper {
    /// A keeper that has not looked yet, and where its picture can be seen.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        keyspace: Keyspace,
        env: Arc<Env>,
    ) -> (Self, watch::Receiver<Picture>) {
        let error = Some(format!("store {} has not answered yet", store.describe()));
        let (picture, seen) = watch::channel(Picture { cluster: None, error, since: env.now() });
        (Self { store, keyspace, env, picture }, seen)
    }

    /// Keeps the picture for ever. Safe to cancel at any time.
    pub(crate) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let seen = self.picture.borrow().cluster.as_ref().map(|cluster| cluster.revision);
            let error = self.follow().await;
            self.failed(&error);
            if self.picture.borrow().cluster.as_ref().map(|cluster| cluster.revision) != seen {
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(self.env.jitter(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads everything and follows the watch until it breaks.
    async fn follow(&self) -> StoreError {
        let root = self.keyspace.root();
        let listing = match self.store.list(root).await {
            Ok(listing) => listing,
            Err(error) => return error,
        };
        let mut updates = self.store.watch(root, listing.revision);
        self.publish(Cluster::read(&self.keyspace, &listing));
        drop(listing);
        while let Some(update) = updates.next().await {
            match update {
                Ok(update) => self.picture.send_modify(|picture| {
                    if let Some(cluster) = &mut picture.cluster {
                        let known = cluster.unreadable.len();
                        Arc::make_mut(cluster).advance(&self.keyspace, update);
                        warn_of_unreadable(cluster, known);
                    }
                }),
                Err(error) => return error,
            }
        }
        StoreError::Unavailable {
            store: self.store.describe(),
            doing: "watching",
            source: "the watch ended".into(),
        }
    }

    fn publish(&self, cluster: Cluster) {
        warn_of_unreadable(&cluster, 0);
        self.picture.send_modify(|picture| {
            if picture.error.take().is_some() {
                tracing::info!(store = self.store.describe(), "store reached");
                picture.since = self.env.now();
            }
            picture.cluster = Some(Arc::new(cluster));
        });
    }

    fn failed(&self, error: &StoreError) {
        let error = chain(error);
        self.picture.send_modify(|picture| {
            if picture.error.is_none() || picture.cluster.is_none() && picture.error.as_ref() != Some(&error)
            {
                tracing::warn!(%error, "store out of reach, retrying");
                picture.since = if picture.error.is_none() { self.env.now() } else { picture.since };
            }
            picture.error = Some(error);
        });
    }
}

/// Says once of each key that it cannot be read: `known` of them were said before.
fn warn_of_unreadable(cluster: &Cluster, known: usize) {
    if cluster.unreadable.len() > known {
        for (key, error) in &cluster.unreadable {
            tracing::warn!(key, error, "a key in the store cannot be read; it is left alone");
        }
    }
}
