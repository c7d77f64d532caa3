//! The truth of the cluster.
//!
//! [`Store`] is what weft asks of a key-value store, and no more: read a prefix, watch it, change several
//! keys at once under conditions, and hold a session that keys are bound to. Keys are paths
//! (`weft/v1/nodes/host1`), values are bytes; what they mean is `weft-model`'s business.
//!
//! Decisions are made by [`Store::commit`] alone. What [`Store::watch`] yields may be stale and is for the
//! view.
//!
//! | where it is kept | by |
//! |---|---|
//! | in memory, for tests and simulations | [`memory`] |
//! | in a file of this machine | [`embedded`]; [`serve`] lets other machines use it |
//! | in Consul, or in what `serve` serves | [`consul`] |
//! | in etcd | [`etcd`] |
//!
//! All of them pass one suite, `tests/stores/suite`. [`connect`](connect()) makes one of a [`StoreUrl`].

mod asker;
mod connect;
pub mod consul;
mod copy;
pub mod embedded;
mod error;
pub mod etcd;
mod http;
mod limits;
pub mod memory;
mod options;
pub mod serve;
mod state;
mod txn;
mod types;
mod url;
mod watchdog;

pub use asker::Asker;
pub(crate) use asker::NOT_YOURS;
pub use connect::{ConnectError, Opened, connect};
pub use consul::{ConsulConfig, ConsulStore};
pub use copy::{CopyError, CopyReport, copy};
pub use embedded::EmbeddedStore;
pub use error::{CommitError, StoreError};
pub use etcd::{EtcdConfig, EtcdStore, EtcdUser};
pub use http::{Connections, HttpError, MemberFiles, Secret, SecretError, TlsError, TlsFiles};
pub use limits::{MAX_KEY, MAX_VALUE};
pub use memory::MemoryStore;
pub use options::{InvalidOption, STORE_OPTIONS, StoreOptions};
pub use txn::{Condition, MAX_OPS, Op, Txn};
pub use types::{Event, Listing, Mark, Revision, SessionId, StoreEntry, Update};
pub use url::{InvalidUrl, RemoteStore, StoreUrl};

use async_trait::async_trait;
use futures::stream::BoxStream;
use std::time::Duration;

/// A key-value store that several nodes share.
///
/// Every method has a deadline of its own and returns [`StoreError::Unavailable`] or
/// [`StoreError::Unknown`] when it passes; none waits for ever. All are safe to cancel, but a cancelled
/// [`commit`](Store::commit) counts as possibly carried out.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// How a person would write this store: `consul://192.0.2.1:8500`. Never contains a secret.
    fn describe(&self) -> String;

    /// Every entry whose key starts with `prefix`, in order of their keys, as of one moment no earlier than
    /// the call.
    async fn list(&self, prefix: &str) -> Result<Listing, StoreError>;

    /// The same for the view: as of a moment that may be before the call, but not before `seen`, which this store
    /// gave earlier. `None` allows for nothing old.
    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        let _ = seen;
        self.list(prefix).await
    }

    /// The entry under `key`, no older than the call.
    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError>;

    /// How far the keys under `prefix` have come, no earlier than the call. A watch of `prefix` that has come as far
    /// has reported every change that was acknowledged before. Cheaper than a list: no keys are returned.
    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError>;

    /// What happens under `prefix` after `revision`, which a [`Listing`] or an earlier [`Update`] gave.
    ///
    /// Yields events or, where the store cannot tell them apart any more, a whole snapshot; waking up does
    /// not prove that anything changed. After an error the stream ends: list, and watch again.
    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>>;

    /// Carries out all of `txn`, or nothing.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] names the keys whose conditions did not hold; nothing was changed.
    async fn commit(&self, txn: Txn) -> Result<(), CommitError>;

    /// Opens a session that ends when it is not renewed for `ttl` (the store may take up to twice as long to
    /// notice); keys bound to it are deleted when it ends.
    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError>;

    /// Keeps a session open for another `ttl`. `false`: it has ended, and so have the keys bound to it.
    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError>;

    /// Ends a session at once. One that has ended already is no error.
    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError>;
}
