//! A way to the store that watches what its node asks of it.

use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use weft_datapath::Fake;
use weft_model::{Key, Keyspace};
use weft_plan::{Link, Place};
use weft_store::{
    CommitError, Entry, Listing, MemoryStore, Op, Revision, SessionId, Store, StoreError, Txn, Update,
};

/// A node's way to the store. It notes every address that the node gives back while its kernel still has it.
pub(super) struct Witness {
    pub(super) store: MemoryStore,
    pub(super) kernel: Arc<Fake>,
    pub(super) seen: Arc<Mutex<Vec<String>>>,
}

impl Witness {
    fn look_at(&self, txn: &Txn) {
        for op in &txn.ops {
            if let Op::Delete { key, .. } = op
                && let Ok(Key::Claim(_, address)) = Keyspace::new("weft").parse(key)
                && holds(&self.kernel, address)
            {
                self.seen.lock().unwrap().push(format!("{address} is given back while the kernel has it"));
            }
        }
    }
}

/// Whether a container can use an address.
pub(super) fn holds(kernel: &Fake, address: IpAddr) -> bool {
    let has = |link: &Link| {
        link.up && Link::is_ours(link.alias.as_deref()) && link.addresses.iter().any(|a| a.addr() == address)
    };
    kernel.kernel(|kernel| {
        let containers = kernel.places.iter().filter(|(place, _)| matches!(place, Place::Container(_)));
        containers.flat_map(|(_, namespace)| namespace.links.values()).any(has)
    })
}

#[async_trait]
impl Store for Witness {
    fn describe(&self) -> String {
        self.store.describe()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.store.list(prefix).await
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.store.get(key).await
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        self.store.watch(prefix, revision)
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        self.look_at(&txn);
        self.store.commit(txn).await
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.store.open_session(ttl).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        self.store.renew_session(session).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        self.store.close_session(session).await
    }
}
