//! A store in one file of this machine, for one machine, trying out, and labs.
//!
//! All entries are in memory, too, and are read from there. A thread of its own writes: it takes all changes that are
//! waiting, drafts them one after the other, writes them with one commit that is on the disk when it returns, and only
//! then shows and acknowledges them.

mod error;
mod file;
mod writer;

pub use error::OpenError;

use crate::{
    Asker, CommitError, Listing, Mark, Revision, SessionId, Store, StoreEntry, StoreError, Txn, Update,
    limits,
    state::{self, Overlay, State},
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};
use tokio::sync::watch;
use weft_trust::session_name;
use writer::{WriteFailure, Writer};

/// How long a change may take before its caller is told that nobody knows. Generous: the slowest disk that is
/// still worth waiting for.
const DEADLINE: Duration = Duration::from_secs(10);

/// A handle on a store in one file. Clones are the same handle; the last one closes the file.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    name: Arc<str>,
    shared: Arc<Shared>,
    writer: Arc<Writer>,
    /// Who asks by this handle; nobody is held to anything if absent.
    asker: Option<Arc<Asker>>,
}

/// What readers and the writer share.
#[derive(Debug)]
struct Shared {
    /// What is on the disk. The writer's thread alone changes it.
    state: RwLock<State>,
    /// The revision, for callers that wait for a later one.
    revision: watch::Sender<u64>,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, update: impl FnOnce(&mut State)) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        update(&mut state);
        self.revision.send_replace(state.revision);
    }
}

impl EmbeddedStore {
    /// Opens the store in `path`, and makes it with its directory if there is none. Sessions that were open
    /// when it was last closed, or when its process was killed, have their whole TTL again from now.
    ///
    /// Blocks while it reads the file: milliseconds for a cluster of ordinary size.
    ///
    /// # Errors
    /// [`OpenError`] if the file cannot be read or written, is in use, or is not such a store.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let (writer, shared) = Writer::start(path)?;
        let name = format!("embedded:{}", path.display()).into();
        Ok(Self { name, shared, writer: Arc::new(writer), asker: None })
    }

    /// The handle of a member, who changes what is its to change alone: other changes are
    /// [refused](StoreError::Refused).
    #[must_use]
    pub fn asked_by(&self, asker: Asker) -> Self {
        Self { asker: Some(Arc::new(asker)), ..self.clone() }
    }

    /// Overlays changes with `work` and returns its result when they are on the disk.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&mut Overlay<'_>) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let unknown = || StoreError::Unknown { store: self.describe(), doing, waited: DEADLINE };
        let unavailable = |source| StoreError::Unavailable { store: self.describe(), doing, source };
        let asker = self.asker.clone();
        let answered = match self.writer.submit(move |overlay| overlay.asked_by(asker.as_deref(), work)) {
            // The writer's thread may end before it answers, or take too long.
            Ok(answer) => match tokio::time::timeout(DEADLINE, answer).await {
                Ok(Ok(answered)) => answered,
                Ok(Err(_)) | Err(_) => return Err(unknown()),
            },
            Err(failure) => Err(failure),
        };
        let permitted = answered.map_err(|failure| match failure {
            WriteFailure::NotWritten(source) => unavailable(source.into()),
            WriteFailure::Busy => unavailable("too many changes wait for its disk".into()),
            WriteFailure::Unsure => unknown(),
        })?;
        permitted.map_err(|not_yours| limits::refused(&self.name, doing, not_yours.to_string()))
    }

    /// Reads what is on the disk.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&State) -> T) -> T {
        work(&self.shared.read())
    }

    /// Tells when the revision changes.
    pub(crate) fn revisions(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    fn describe(&self) -> String {
        self.name.to_string()
    }

    async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| limits::refused(&self.name, "list", reason))?;
        Ok(self.read(|state| state.list(prefix)))
    }

    async fn get(&self, key: &str) -> Result<Option<StoreEntry>, StoreError> {
        limits::check_key(key).map_err(|reason| limits::refused(&self.name, "get", reason))?;
        Ok(self.read(|state| state.get(key)))
    }

    async fn mark(&self, prefix: &str) -> Result<Mark, StoreError> {
        limits::check_prefix(prefix).map_err(|reason| limits::refused(&self.name, "mark", reason))?;
        Ok(self.read(|state| state.mark(prefix)))
    }

    fn watch(&self, prefix: &str, revision: Revision) -> BoxStream<'static, Result<Update, StoreError>> {
        // The stream holds no handle on the writer, so that a forgotten watch does not keep the file open.
        let (name, shared) = (Arc::clone(&self.name), Arc::downgrade(&self.shared));
        let mut changed = self.revisions();
        let (prefix, mut revision) = (prefix.to_owned(), revision);
        Box::pin(async_stream::try_stream! {
            limits::check_prefix(&prefix).map_err(|reason| limits::refused(&name, "watch", reason))?;
            loop {
                changed.mark_unchanged();
                let Some(shared) = shared.upgrade() else { break };
                let (update, seen) = {
                    let state = shared.read();
                    (state.since(&prefix, revision), state.revision)
                };
                drop(shared);
                revision = Revision(seen);
                if let Some(update) = update {
                    yield update;
                } else if changed.changed().await.is_err() {
                    break;
                }
            }
            Err(closed(&name))?;
        })
    }

    async fn commit(&self, txn: Txn) -> Result<(), CommitError> {
        limits::check_txn(&txn).map_err(|reason| limits::refused(&self.name, "commit", reason))?;
        let done = self.change("commit", move |overlay| state::commit(overlay, &txn)).await?;
        done.map_err(|keys| CommitError::Conflict { keys })
    }

    async fn open_session(&self, ttl: Duration) -> Result<SessionId, StoreError> {
        self.open_named_session(String::new(), ttl).await
    }

    async fn renew_session(&self, session: &SessionId) -> Result<bool, StoreError> {
        let session = session.clone();
        let renew = move |overlay: &mut Overlay<'_>| {
            overlay.attempt(|overlay| if overlay.renew_session(&session) { Ok(()) } else { Err(()) }).is_ok()
        };
        self.change("renew a session", renew).await
    }

    async fn close_session(&self, session: &SessionId) -> Result<(), StoreError> {
        let session = session.clone();
        let close = move |overlay: &mut Overlay<'_>| {
            let _: Result<(), ()> = overlay.attempt(|overlay| {
                overlay.close_session(&session);
                Ok(())
            });
        };
        self.change("close a session", close).await
    }
}

impl EmbeddedStore {
    /// Opens a session with a name, which is for people to read.
    pub(crate) async fn open_named_session(
        &self,
        name: String,
        ttl: Duration,
    ) -> Result<SessionId, StoreError> {
        let id = random_id();
        let opened = id.clone();
        // Who opened it is known as long as it is, across restarts, too.
        let name = self.asker.as_ref().map_or(name, |asker| session_name(asker.subject()));
        let open = move |overlay: &mut Overlay<'_>| {
            let _: Result<(), ()> = overlay.attempt(|overlay| {
                overlay.open_session(opened, name, ttl);
                Ok(())
            });
        };
        self.change("open a session", open).await?;
        Ok(id)
    }
}

/// A random UUID (RFC 9562, section 5.4), as Consul names its sessions.
fn random_id() -> SessionId {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    SessionId(format!("{a}-{b}-{c}-{d}-{e}"))
}

fn closed(name: &str) -> StoreError {
    StoreError::Unavailable { store: name.to_owned(), doing: "watch", source: "it was closed".into() }
}
