//! A watch that notices when its store has fallen silent.
//!
//! A watch has nothing to say while nothing changes. If its server takes connections and answers nothing, or has
//! lost the other servers, only the end of a long wait would tell. Whatever else is asked of the store tells sooner,
//! and something always is: sessions are renewed. So when that fails, a watch asks for everything: it ends if there is
//! no answer, and otherwise goes on from there, at a server that answers.

use crate::{CommitError, Entry, Listing, Revision, SessionId, Store, StoreError, Txn, Update};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A store whose watches heed what becomes of other calls.
pub(crate) struct Vigilant<S> {
    store: Arc<S>,
    /// How many calls have failed.
    failures: watch::Sender<u64>,
}

impl<S: Store> Vigilant<S> {
    pub(crate) fn new(store: S) -> Self {
        Self { store: Arc::new(store), failures: watch::Sender::new(0) }
    }

    fn heed<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_transient) {
            self.failures.send_modify(|count| *count += 1);
        }
        result
    }
}

#[async_trait]
impl<S: Store> Store for Vigilant<S> {
    fn describe(&self) -> String {
        self.store.describe()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.heed(self.store.list(prefix).await)
    }

    async fn get(&self, key: &str) -> Result<Option<Entry>, StoreError> {
        self.heed(self.store.get(key).await)
    }

    fn watch(&self, prefix: &str, mut revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        let (store, prefix) = (Arc::clone(&self.store), prefix.to_owned());
        let mut failures = self.failures.subscribe();
        Box::pin(async_stream::try_stream! {
            loop {
                let mut updates = store.watch(&prefix, revision);
                loop {
                    // Both are cancel-safe; what an update that is not taken would have said is in the listing.
                    let update = tokio::select! {
                        update = updates.next() => update,
                        Ok(()) = failures.changed() => break,
                    };
                    match update.transpose()? {
                        Some(update) => yield update,
                        None => return,
                    }
                }
                // Not only what came since: the store may have been brought back from a backup meanwhile, and be
                // further back than the watch was.
                let listing = store.list(&prefix).await?;
                revision = listing.revision;
                yield Update::Snapshot(listing);
            }
        })
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        match self.store.commit(txn).await {
            Err(CommitError::Store(error)) => Ok(self.heed(Err(error))?),
            done => done,
        }
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.heed(self.store.open_session(ttl).await)
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        self.heed(self.store.renew_session(session).await)
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        self.heed(self.store.close_session(session).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    /// Says one thing to whoever watches, and then nothing; fails otherwise while it is `broken`.
    #[derive(Default)]
    struct Silent {
        broken: AtomicBool,
        watched: Mutex<Vec<Revision>>,
    }

    impl Silent {
        fn answer<T>(&self, answer: T) -> Result<T, StoreError> {
            if self.broken.load(Ordering::Relaxed) {
                let source = "it says nothing".into();
                return Err(StoreError::Unavailable { store: self.describe(), doing: "answering", source });
            }
            Ok(answer)
        }
    }

    #[async_trait]
    impl Store for Silent {
        fn describe(&self) -> String {
            "silent".to_owned()
        }
        async fn list(&self, _: &str) -> Result<Listing, StoreError> {
            self.answer(Listing { revision: Revision(5), ..Listing::default() })
        }
        async fn get(&self, _: &str) -> Result<Option<Entry>, StoreError> {
            self.answer(None)
        }
        fn watch(&self, _: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
            self.watched.lock().unwrap().push(revision);
            let update = Update::Events { events: Vec::new(), revision: Revision(revision.0 + 1) };
            futures::stream::once(async { Ok(update) }).chain(futures::stream::pending()).boxed()
        }
        async fn commit(&self, _: Txn) -> Result<(), CommitError> {
            Ok(self.answer(())?)
        }
        async fn open_session(&self, _: Duration) -> Result<SessionId, StoreError> {
            self.answer(SessionId("s".to_owned()))
        }
        async fn renew_session(&self, _: &SessionId) -> Result<bool, StoreError> {
            self.answer(true)
        }
        async fn close_session(&self, _: &SessionId) -> Result<(), StoreError> {
            self.answer(())
        }
    }

    #[tokio::test]
    async fn a_watch_ends_when_something_else_fails_and_the_store_does_not_answer() {
        let store = Vigilant::new(Silent::default());
        let mut updates = store.watch("weft/", Revision(7));
        assert!(updates.next().await.is_some_and(|update| update.is_ok()));
        store.store.broken.store(true, Ordering::Relaxed);
        assert!(futures::poll!(updates.next()).is_pending(), "a watch alone knows nothing");
        store.renew_session(&SessionId("s".to_owned())).await.unwrap_err();
        assert!(updates.next().await.is_some_and(|update| update.is_err()));
        assert!(updates.next().await.is_none());
    }

    #[tokio::test]
    async fn a_watch_goes_on_from_a_listing_when_the_store_answers_after_all() {
        let store = Vigilant::new(Silent::default());
        let mut updates = store.watch("weft/", Revision(7));
        updates.next().await.unwrap().unwrap();
        store.store.broken.store(true, Ordering::Relaxed);
        store.commit(Txn::new()).await.unwrap_err();
        store.store.broken.store(false, Ordering::Relaxed);
        assert!(matches!(updates.next().await, Some(Ok(Update::Snapshot(_)))));
        assert!(matches!(updates.next().await, Some(Ok(Update::Events { revision: Revision(6), .. }))));
        assert_eq!(*store.store.watched.lock().unwrap(), [Revision(7), Revision(5)]);
    }
}
