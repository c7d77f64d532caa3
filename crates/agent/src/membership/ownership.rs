//! Whether this agent may act as its node: where another agent runs with the same identity, one of the two must not.

use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;
use weft_state::fingerprint::DirectoryMove;
use weft_store::{
    CommitError, Listing, Mark, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
};

/// This agent's right to act as its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ownership {
    /// Nobody else is known to have it.
    Held,
    /// Another agent may have it, or has it: why nothing is changed here.
    Contested(String),
}

impl Ownership {
    /// What is known before the store was asked: a data directory where it was last is no copy.
    pub(crate) fn at_start(moved: &DirectoryMove) -> Self {
        match moved {
            DirectoryMove::No => Self::Held,
            DirectoryMove::Rebooted | DirectoryMove::Elsewhere(_) => Self::Contested(
                "the store has not said yet whether another host is up as this node".to_owned(),
            ),
        }
    }

    /// Why nothing may be changed; `None` if it may.
    pub(crate) fn contested(&self) -> Option<&str> {
        match self {
            Self::Held => None,
            Self::Contested(why) => Some(why),
        }
    }
}

/// A store in which nothing is changed unless this agent owns its node. It reads what it likes.
pub(crate) struct OwnStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) ownership: watch::Receiver<Ownership>,
}

#[async_trait]
impl Store for OwnStore {
    fn describe(&self) -> String {
        self.store.describe()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.store.list(prefix).await
    }

    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        self.store.view(prefix, seen).await
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        self.store.get(key).await
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        self.store.mark(prefix).await
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        self.store.watch(prefix, revision)
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        let contested = self.ownership.borrow().contested().map(str::to_owned);
        match contested {
            None => self.store.commit(txn).await,
            Some(why) => Err(CommitError::Store(StoreError::Unavailable {
                store: self.store.describe(),
                doing: "commit",
                source: why.into(),
            })),
        }
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
