//! What is asked of the store, and how long its answers take.

use super::{Labels, Metrics, seconds};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use prometheus_client::{
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use weft_state::env::Env;
use weft_store::{
    CommitError, Event, Listing, Mark, Op, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
};
use weft_verbs::Answered;

/// Counts of the store's calls and watches.
#[derive(Debug)]
pub(crate) struct StoreCalls {
    calls: Family<Labels<2>, Counter>,
    took: Family<Labels<1>, Histogram, fn() -> Histogram>,
    updates: Family<Labels<1>, Counter>,
    lag: Histogram,
    answered: Mutex<Option<Answered>>,
    /// Why it refused what it was asked last for `weft status`: a watch that it let in before goes on.
    refused: Mutex<Option<String>>,
    awaited: Mutex<Option<Change>>,
}

/// A change of ours that the watch has yet to show.
#[derive(Debug)]
struct Change {
    key: String,
    value: Vec<u8>,
    asked: Instant,
}

/// How long a change is waited for. One that was overwritten at once may never be shown.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

impl Change {
    /// What to look for, if the transaction writes anything.
    fn of(txn: &Txn) -> Option<Self> {
        txn.ops.iter().find_map(|op| match op {
            Op::Put { key, value, .. } => {
                Some(Self { key: key.clone(), value: value.clone(), asked: Instant::now() })
            }
            _ => None,
        })
    }

    fn is_in(&self, update: &Update) -> bool {
        let is_it = |entry: &StoreEntry| entry.key == self.key && entry.value == self.value;
        match update {
            Update::Events { events, .. } => {
                events.iter().any(|event| matches!(event, Event::Put(entry) if is_it(entry)))
            }
            Update::Snapshot(listing) => listing.entries.iter().any(is_it),
        }
    }
}

impl StoreCalls {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let counts = Self {
            calls: Family::default(),
            took: Family::new_with_constructor(seconds),
            updates: Family::default(),
            lag: seconds(),
            answered: Mutex::default(),
            refused: Mutex::default(),
            awaited: Mutex::default(),
        };
        registry.register("store_calls", "Calls of the store", counts.calls.clone());
        let help = "How long calls of the store took";
        registry.register_with_unit("store_call_duration", help, Unit::Seconds, counts.took.clone());
        let help = "What the watch of the store yielded";
        registry.register("store_watch_updates", help, counts.updates.clone());
        let help = "From asking for a change until the watch shows it: one change of this node at a time";
        registry.register_with_unit("store_watch_lag", help, Unit::Seconds, counts.lag.clone());
        counts
    }

    /// The store's last answer.
    pub(crate) fn answered(&self) -> Option<Answered> {
        *lock(&self.answered)
    }

    /// Why the store does not let this host in any more, as far as it was asked.
    pub(crate) fn refused(&self) -> Option<String> {
        lock(&self.refused).clone()
    }

    pub(crate) fn set_refused(&self, why: Option<String>) {
        *lock(&self.refused) = why;
    }

    fn done(&self, call: &'static str, result: &'static str, answered: Answered) {
        self.calls.get_or_create(&[("call", call), ("result", result)]).inc();
        self.took.get_or_create(&[("call", call)]).observe(answered.took.as_secs_f64());
        // What has no answer says nothing about how long answers take.
        if !matches!(result, "unavailable" | "unknown") {
            *lock(&self.answered) = Some(answered);
        }
    }

    /// A change is asked for. Returns what tells it from others, if it is waited for.
    fn asked(&self, txn: &Txn) -> Option<Instant> {
        let mut awaited = lock(&self.awaited);
        if awaited.as_ref().is_some_and(|change| change.asked.elapsed() < SHOWN_WITHIN) {
            return None;
        }
        *awaited = Change::of(txn);
        awaited.as_ref().map(|change| change.asked)
    }

    /// It was not made, or not for certain.
    fn not_made(&self, asked: Instant) {
        lock(&self.awaited).take_if(|change| change.asked == asked);
    }

    fn yielded(&self, update: &Result<Update, StoreError>) {
        let kind = match update {
            Ok(Update::Events { .. }) => "events",
            Ok(Update::Snapshot(_)) => "snapshot",
            Err(_) => "error",
        };
        self.updates.get_or_create(&[("kind", kind)]).inc();
        let Ok(update) = update else { return };
        let shown = lock(&self.awaited).take_if(|change| change.is_in(update));
        if let Some(change) = shown {
            self.lag.observe(change.asked.elapsed().as_secs_f64());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // There is no half-way in what is done under it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A store whose calls are counted.
pub(crate) struct Measured {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    env: Arc<Env>,
}

impl Measured {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>, env: Arc<Env>) -> Self {
        Self { store, metrics, env }
    }

    async fn measure<T, E: Outcome>(
        &self,
        call: &'static str,
        asking: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let began = Instant::now();
        let result = asking.await;
        let answered = Answered { at: self.env.now(), took: began.elapsed() };
        let name = result.as_ref().map_or_else(Outcome::name, |_| "ok");
        self.metrics.store.done(call, name, answered);
        result
    }
}

/// What a call came to that did not succeed.
trait Outcome {
    fn name(&self) -> &'static str;
}

impl Outcome for StoreError {
    fn name(&self) -> &'static str {
        match self {
            StoreError::Unavailable { .. } => "unavailable",
            StoreError::Unknown { .. } => "unknown",
            StoreError::Refused { .. } => "refused",
            StoreError::Malformed { .. } => "malformed",
        }
    }
}

impl Outcome for CommitError {
    fn name(&self) -> &'static str {
        match self {
            CommitError::Conflict { .. } => "conflict",
            CommitError::Store(error) => error.name(),
        }
    }
}

#[async_trait]
impl Store for Measured {
    fn describe(&self) -> String {
        self.store.describe()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        self.measure("list", self.store.list(prefix)).await
    }

    async fn view(&self, prefix: &str, seen: Option<Revision>) -> Result<Listing, StoreError> {
        self.measure("list", self.store.view(prefix, seen)).await
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        self.measure("get", self.store.get(key)).await
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        self.measure("mark", self.store.mark(prefix)).await
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        let metrics = Arc::clone(&self.metrics);
        let updates = self.store.watch(prefix, revision);
        updates.inspect(move |update| metrics.store.yielded(update)).boxed()
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        let store = &self.metrics.store;
        let asked = store.asked(&txn);
        let result = self.measure("commit", self.store.commit(txn)).await;
        if let (Err(_), Some(asked)) = (&result, asked) {
            store.not_made(asked);
        }
        result
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.measure("open_session", self.store.open_session(ttl)).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        self.measure("renew_session", self.store.renew_session(session)).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        self.measure("close_session", self.store.close_session(session)).await
    }
}
