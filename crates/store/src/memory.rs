//! A store in memory, for tests and simulations: it forgets everything with its last handle, lives on the
//! runtime's clock (a paused one too), and fails on demand.

mod backup;
mod faults;

pub use backup::Backup;
pub use faults::{Silence, StoreFaults};

use crate::{
    Asker, CommitError, Listing, Mark, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
    limits,
    state::{self, Overlay, State},
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use weft_trust::session_name;

/// What the store is called.
const NAME: &str = "memory";

/// A handle on a store in memory. Clones are the same handle.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
    faults: Arc<StoreFaults>,
    /// Who asks by this handle; nobody is held to anything if absent.
    asker: Option<Asker>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The revision, for callers that wait for a later one.
    revision: watch::Sender<u64>,
    /// How often the state was replaced by another. A watch that began before a replacement has lost its connection.
    replaced: AtomicU64,
    sessions_opened: AtomicU64,
    /// How many transactions arrived, carried out or not.
    commits: AtomicU64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        let state = State::new(BTreeMap::new(), BTreeMap::new(), 1);
        let shared = Shared {
            revision: watch::Sender::new(state.revision),
            state: Mutex::new(state),
            replaced: AtomicU64::new(0),
            sessions_opened: AtomicU64::new(0),
            commits: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared), faults: Arc::default(), asker: None }
    }

    /// Another way to the same store, with faults of its own: one for each node, to cut off just that one.
    pub fn another_way(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), faults: Arc::default(), asker: None }
    }

    /// The same way for a member, who changes what is its to change alone.
    #[must_use]
    pub fn asked_by(&self, asker: Asker) -> Self {
        Self { asker: Some(asker), ..self.clone() }
    }

    fn change<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Overlay<'_>) -> T,
    ) -> Result<T, StoreError> {
        let permitted = self.shared.change(|overlay| overlay.asked_by(self.asker.as_ref(), work));
        permitted.map_err(|not_yours| limits::refused(NAME, doing, not_yours.to_string()))
    }

    /// What goes wrong on this way to the store.
    pub fn faults(&self) -> &StoreFaults {
        &self.faults
    }

    /// Ends a session early, as if it had not been renewed.
    pub fn expire_session(&self, session: &SessionId) {
        self.shared.change(|overlay| end(overlay, session));
    }

    /// Ends all sessions early.
    pub fn expire_all_sessions(&self) {
        let sessions: Vec<_> = self.shared.state().sessions.keys().cloned().collect();
        for session in sessions {
            self.expire_session(&session);
        }
    }

    /// How many transactions arrived so far, carried out or not.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// A copy of all it has.
    pub fn backup(&self) -> Backup {
        Backup::of(&self.shared.state())
    }

    /// Goes back to what it had when `backup` was made, as if it had been stopped, and another one started with that
    /// in its place.
    pub fn restore(&self, backup: &Backup) {
        self.replace(backup.restored(Instant::now().into_std(), 0));
    }

    /// The same, as Consul does it: the keys changed when they did then, and the store's revision goes on.
    pub fn restore_later(&self, backup: &Backup) {
        let revision = self.shared.state().revision;
        self.replace(backup.restored(Instant::now().into_std(), revision + 1));
    }

    /// Loses all it has.
    pub fn wipe(&self) {
        self.restore(&Backup::empty());
    }

    /// Forgets what happened, as if history had been compacted: every watch yields a snapshot.
    pub fn compact(&self) {
        let mut state = self.shared.state();
        state.forget_history();
        self.shared.revision.send_replace(state.revision);
    }

    fn replace(&self, by: State) {
        let mut state = self.shared.state();
        *state = by;
        self.shared.replaced.fetch_add(1, Ordering::Relaxed);
        self.shared.revision.send_replace(state.revision);
    }
}

impl Shared {
    /// The state, after expired sessions have been ended.
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed already. The state is consistent between two changes.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now().into_std();
        if state.next_deadline().is_some_and(|deadline| deadline <= now) {
            let mut overlay = Overlay::new(&state, now);
            overlay.end_overdue_sessions();
            let changes = overlay.finish();
            state.absorb(changes);
            self.revision.send_replace(state.revision);
        }
        state
    }

    fn since(&self, prefix: &str, revision: Revision) -> Seen {
        let state = self.state();
        (state.since(prefix, revision), Revision(state.revision), state.next_deadline())
    }

    fn change<T>(&self, work: impl FnOnce(&mut Overlay<'_>) -> T) -> T {
        let mut state = self.state();
        let mut overlay = Overlay::new(&state, Instant::now().into_std());
        let result = work(&mut overlay);
        let changes = overlay.finish();
        state.absorb(changes);
        self.revision.send_replace(state.revision);
        result
    }
}

/// What a watch is told, up to when, and when it has to look again.
type Seen = (Option<Update>, Revision, Option<std::time::Instant>);

fn end(overlay: &mut Overlay<'_>, session: &SessionId) {
    let _: Result<(), ()> = overlay.attempt(|overlay| {
        overlay.close_session(session);
        Ok(())
    });
}

#[async_trait]
impl Store for MemoryStore {
    fn describe(&self) -> String {
        NAME.to_owned()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| limits::refused(NAME, "list", reason))?;
        self.faults.read("list", || self.shared.state().list(prefix)).await
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        limits::check_key(key).map_err(|reason| limits::refused(NAME, "get", reason))?;
        self.faults.read("get", || self.shared.state().get(key)).await
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| limits::refused(NAME, "mark", reason))?;
        self.faults.read("mark", || self.shared.state().mark(prefix)).await
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        let (shared, faults) = (Arc::clone(&self.shared), Arc::clone(&self.faults));
        let (prefix, mut revision) = (prefix.to_owned(), revision);
        let connected_to = shared.replaced.load(Ordering::Relaxed);
        Box::pin(async_stream::try_stream! {
            limits::check_prefix(&prefix).map_err(|reason| limits::refused(NAME, "watch", reason))?;
            let mut changed = shared.revision.subscribe();
            let mut ears = faults.listen();
            loop {
                faults.watch(&mut ears).await?;
                if shared.replaced.load(Ordering::Relaxed) != connected_to {
                    Err(faults::unavailable("watch"))?;
                }
                changed.mark_unchanged();
                let (update, seen, deadline) = match faults.behind() {
                    Some(behind) => behind.since(&prefix, revision),
                    None => shared.since(&prefix, revision),
                };
                revision = seen;
                if let Some(update) = update {
                    yield update;
                    continue;
                }
                let next_end = async {
                    match deadline {
                        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                        None => std::future::pending().await,
                    }
                };
                // Each of these only waits; nothing is lost when another one is first.
                tokio::select! {
                    _ = changed.changed() => {}
                    () = next_end => {}
                    () = ears.changed() => {}
                }
            }
        })
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        limits::check_txn(&txn).map_err(|reason| limits::refused(NAME, "commit", reason))?;
        let commit = || {
            self.shared.commits.fetch_add(1, Ordering::Relaxed);
            self.change("commit", |overlay| state::commit(overlay, &txn))
        };
        let done = self.faults.write("commit", commit).await??;
        done.map_err(|keys| CommitError::Conflict { keys })
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        let open = || {
            let number = self.shared.sessions_opened.fetch_add(1, Ordering::Relaxed);
            // Of two stores in memory, each counts for itself: a host's session of one is no other host's of the other.
            let of = self.asker.as_ref().map_or_else(String::new, |a| format!("-{}", a.subject().name));
            let id = SessionId(format!("memory-{number}{of}"));
            let name = self.asker.as_ref().map_or_else(String::new, |asker| session_name(asker.subject()));
            let opened = self.change("open a session", |overlay| {
                overlay.attempt(|overlay| {
                    overlay.open_session(id.clone(), name, ttl);
                    Ok::<_, ()>(())
                })
            });
            opened.map(|_| id)
        };
        self.faults.write("open a session", open).await?
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        let renew = || {
            self.change("renew a session", |overlay| {
                overlay
                    .attempt(|overlay| if overlay.renew_session(session) { Ok(()) } else { Err(()) })
                    .is_ok()
            })
        };
        self.faults.write("renew a session", renew).await?
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        let close = || self.change("close a session", |overlay| end(overlay, session));
        self.faults.write("close a session", close).await?
    }
}
