//! A watch that notices when its store stops answering, and that survives short interruptions.
//!
//! A watch reports nothing while nothing changes. If its server accepts connections but does not answer, or has lost
//! the other servers, the watch alone would notice only at the end of a long wait. Other calls notice sooner, and there
//! are always some: sessions are renewed. So when another call fails, or a watch breaks off that had lasted for a while
//! (a load balancer cuts idle connections), the store is asked for one key: the one that changed last. If there is no
//! answer, the watch ends. If the key is unchanged, all older keys are, too, and the watch goes on, at a server that
//! answers. Otherwise all keys are listed: the store may have been restored from a backup.
//!
//! A listing may take as long as it needs while the store answers other calls.

use crate::{
    CommitError, Event, Listing, Mark, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

/// How long a watch must have gone on so that its end is no failure.
const STEADY: Duration = Duration::from_secs(2);
/// How long a listing may take before the store is asked whether it is there.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long until it is asked again.
const PERIOD: Duration = Duration::from_secs(2);
/// The time per key over which nodes spread when they list again after a failure: what a key costs a store (2 to 3
/// microseconds, measured on Consul 1.8), for some ten nodes at once.
const COST: Duration = Duration::from_micros(30);
/// The longest time that they spread over.
const LONGEST_SPREAD: Duration = Duration::from_secs(5);

/// A store whose watches take note of the failures of other calls.
pub(crate) struct Watchdog<S> {
    inner: Arc<Inner<S>>,
    /// How many calls have failed.
    failures: watch::Sender<u64>,
}

struct Inner<S> {
    store: S,
    known: Mutex<LastViewed>,
}

/// What is known of the keys that were viewed last.
#[derive(Default)]
struct LastViewed {
    /// How many there were.
    keys: usize,
    /// The one that changed last, unless it is bound to a session.
    newest: Option<StoreEntry>,
}

impl LastViewed {
    fn begin(&mut self, listing: &Listing) {
        let lasting = listing.entries.iter().filter(|entry| entry.session.is_none());
        self.keys = listing.entries.len();
        self.newest = lasting.max_by_key(|entry| entry.modified).cloned();
    }

    fn go_on(&mut self, update: &Update) {
        let events = match update {
            Update::Events { events, .. } => events,
            Update::Snapshot(listing) => return self.begin(listing),
        };
        for event in events {
            match (event, &self.newest) {
                (Event::Put(entry), known)
                    if entry.session.is_none()
                        && known.as_ref().is_none_or(|known| known.modified <= entry.modified) =>
                {
                    self.newest = Some(entry.clone());
                }
                (Event::Delete(key), Some(known)) if known.key == *key => self.newest = None,
                _ => {}
            }
        }
    }
}

impl<S: Store> Inner<S> {
    fn known(&self) -> MutexGuard<'_, LastViewed> {
        // Each change of it is whole.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the store has what it had last. It answers, then.
    async fn is_as_it_was(&self) -> Result<bool, StoreError> {
        let Some(newest) = self.known().newest.clone() else { return Ok(false) };
        let now = self.store.get(&newest.key).await?;
        Ok(now.is_some_and(|now| now.modified == newest.modified && now.value == newest.value))
    }

    /// What `listing` comes to, unless the store stops answering meanwhile.
    async fn patiently(
        &self,
        prefix: &str,
        listing: impl Future<Output = Result<Listing, StoreError>>,
    ) -> Result<Listing, StoreError> {
        // No key of this name is needed.
        let key = format!("{prefix}0");
        let silent = async {
            sleep(PATIENCE).await;
            loop {
                match self.store.get(&key).await {
                    Err(error) if error.is_transient() => return error,
                    _ => sleep(PERIOD).await,
                }
            }
        };
        tokio::select! {
            listing = listing => listing,
            error = silent => Err(error),
        }
    }

    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        if seen.is_some() {
            // What may be old could come from a server that has lost the others.
            self.store.get(&format!("{prefix}0")).await?;
            let spread = COST.saturating_mul(self.known().keys.try_into().unwrap_or(u32::MAX));
            sleep(spread.min(LONGEST_SPREAD).mul_f64(rand::random_range(0.0..=1.0))).await;
        }
        let listing = self.patiently(prefix, self.store.view(prefix, seen)).await?;
        self.known().begin(&listing);
        Ok(listing)
    }
}

impl<S: Store> Watchdog<S> {
    pub(crate) fn new(store: S) -> Self {
        let inner = Arc::new(Inner { store, known: Mutex::default() });
        Self { inner, failures: watch::Sender::new(0) }
    }

    fn heed<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.as_ref().is_err_and(StoreError::is_transient) {
            self.failures.send_modify(|count| *count += 1);
        }
        result
    }
}

#[async_trait]
impl<S: Store> Store for Watchdog<S> {
    fn describe(&self) -> String {
        self.inner.store.describe()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.heed(self.inner.patiently(prefix, self.inner.store.list(prefix)).await)
    }

    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        self.heed(self.inner.view(prefix, seen).await)
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        self.heed(self.inner.store.get(key).await)
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        self.heed(self.inner.store.mark(prefix).await)
    }

    fn watch(&self, prefix: &str, mut revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        let (inner, prefix) = (Arc::clone(&self.inner), prefix.to_owned());
        let mut failures = self.failures.subscribe();
        Box::pin(async_stream::try_stream! {
            loop {
                let (mut updates, began) = (inner.store.watch(&prefix, revision), Instant::now());
                loop {
                    // Both are cancel-safe; what an update that is not taken would have said is said again.
                    let update = tokio::select! {
                        update = updates.next() => update,
                        Ok(()) = failures.changed() => break,
                    };
                    match update {
                        Some(Ok(update)) => {
                            revision = update.revision();
                            inner.known().go_on(&update);
                            yield update;
                        }
                        Some(Err(error)) if error.is_transient() && began.elapsed() >= STEADY => {
                            tracing::debug!(%error, "a watch broke off");
                            break;
                        }
                        Some(Err(error)) => Err(error)?,
                        None => return,
                    }
                }
                drop(updates);
                if !inner.is_as_it_was().await? {
                    let listing = inner.view(&prefix, Some(revision)).await?;
                    revision = listing.revision;
                    yield Update::Snapshot(listing);
                }
            }
        })
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        match self.inner.store.commit(txn).await {
            Err(CommitError::Store(error)) => Ok(self.heed(Err(error))?),
            done => done,
        }
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.heed(self.inner.store.open_session(ttl).await)
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        self.heed(self.inner.store.renew_session(session).await)
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        self.heed(self.inner.store.close_session(session).await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Condition, MemoryStore};
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    };

    /// Reports one update to every watch, and then nothing; other calls fail while it is `broken`.
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
        async fn get(&self, _: &str) -> Result<Option<StoreEntry>, StoreError> {
            self.answer(None)
        }
        async fn mark(&self, _: &str) -> Result<Mark, StoreError> {
            self.answer(Mark { now: Revision(5), written: Revision(5), keys: 0 })
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
        let store = Watchdog::new(Silent::default());
        let mut updates = store.watch("weft/", Revision(7));
        assert!(updates.next().await.is_some_and(|update| update.is_ok()));
        store.inner.store.broken.store(true, Ordering::Relaxed);
        assert!(futures::poll!(updates.next()).is_pending(), "a watch alone knows nothing");
        store.renew_session(&SessionId("s".to_owned())).await.unwrap_err();
        assert!(updates.next().await.is_some_and(|update| update.is_err()));
        assert!(updates.next().await.is_none());
    }

    #[tokio::test]
    async fn a_watch_goes_on_from_a_listing_when_the_store_answers_after_all() {
        let store = Watchdog::new(Silent::default());
        let mut updates = store.watch("weft/", Revision(7));
        updates.next().await.unwrap().unwrap();
        store.inner.store.broken.store(true, Ordering::Relaxed);
        store.commit(Txn::new()).await.unwrap_err();
        store.inner.store.broken.store(false, Ordering::Relaxed);
        assert!(matches!(updates.next().await, Some(Ok(Update::Snapshot(_)))));
        assert!(matches!(updates.next().await, Some(Ok(Update::Events { revision: Revision(6), .. }))));
        assert_eq!(*store.inner.store.watched.lock().unwrap(), [Revision(7), Revision(5)]);
    }

    #[tokio::test]
    async fn a_watch_goes_on_where_it_was_when_its_last_key_is_as_it_was() {
        let store = MemoryStore::new();
        store.commit(Txn::new().put("weft/a", "1", Condition::Always)).await.unwrap();
        let faults = store.faults();
        let watchdog = Watchdog::new(store.clone());
        let revision = watchdog.view("weft/", None).await.unwrap().revision;
        let mut updates = watchdog.watch("weft/", revision);
        assert!(futures::poll!(updates.next()).is_pending());
        for key in ["weft/b", "weft/c"] {
            faults.lose_changes(1);
            watchdog.commit(Txn::new().put("weft/lost", "1", Condition::Always)).await.unwrap_err();
            assert!(futures::poll!(updates.next()).is_pending(), "it is asked, and says nothing new");
            store.commit(Txn::new().put(key, "1", Condition::Always)).await.unwrap();
            let Some(Ok(Update::Events { events, .. })) = updates.next().await else { panic!("no events") };
            assert!(matches!(&events[..], [Event::Put(entry)] if entry.key == key), "{events:?}");
        }
        // What it had last is otherwise now, and it did not hear of that: anything may be.
        watchdog.inner.known().newest.as_mut().unwrap().value = b"2".to_vec();
        faults.lose_changes(1);
        watchdog.commit(Txn::new().put("weft/lost", "1", Condition::Always)).await.unwrap_err();
        assert!(matches!(updates.next().await, Some(Ok(Update::Snapshot(_)))));
    }
}
