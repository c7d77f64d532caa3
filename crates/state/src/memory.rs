//! What this node remembers of the cluster, on its own disk: what to use until the store answers, and what to put back
//! if the store has lost it.
//!
//! It is in two files: a base with all of it (`cluster.json`), and a log of what changed since. So a save costs as much
//! as has changed. When the log has become longer than the base, both are begun anew.

mod base;
mod content;
mod files;
mod log;

use crate::{
    changes::changes,
    cluster::{Cluster, NetworkMap},
    data_dir,
    journal::JournalError,
};
use base::Base;
use content::{Content, Source};
use files::Files;
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::watch;
use weft_model::{Keyspace, NetworkId, NodeId, Revocation};

/// How many removed networks are remembered.
const REMOVED: usize = 1000;

/// The memory of one cluster in one store.
pub struct Memory {
    files: Mutex<Files>,
    /// The files are to say nothing of what they said before.
    anew: AtomicBool,
    /// What it is written from.
    source: Source,
    /// The store that it was read from.
    origin: Option<String>,
    /// The last rebuild of the store that this node has done its part of; absent before the store was first seen.
    dealt_with: watch::Sender<Option<u64>>,
    part_done: AtomicU64,
    gave_up: AtomicBool,
    /// The networks that were seen to be removed, the latest last.
    removed: Mutex<VecDeque<NetworkId>>,
    /// The nodes that this one itself has said, in this run, that nobody is to believe.
    revoked: watch::Sender<BTreeMap<NodeId, Revocation>>,
}

impl Memory {
    /// Opens the memory in `data_dir`, for use with `store`, and returns what it remembers, from any store: whether
    /// that is still of use is decided at the gate (`admission`). A file that is not valid is set aside.
    ///
    /// # Errors
    /// If it cannot be read: what cannot be read now may be read later.
    pub fn open(
        data_dir: &Path,
        store: &str,
        keyspace: &Keyspace,
    ) -> Result<(Self, Option<Cluster>), JournalError> {
        let path = data_dir.join(data_dir::CLUSTER);
        let base = base::read(&path, keyspace).map_err(JournalError::new("cannot read", &path))?;
        let origin = base.as_ref().map(|base| base.source.store.clone());
        let named = base.as_ref().and_then(|base| log_of(base, data_dir));
        let content = base.map(|base| with_log(base, named.as_deref())).transpose()?;
        files::remove_logs(&path, named.as_deref());
        let (cluster, dealt_with, removed) = content.map_or_else(Default::default, |content| {
            (Some(content.cluster), content.dealt_with, content.removed)
        });
        let store = format!("{store} {}", keyspace.root());
        let memory = Self {
            files: Mutex::new(Files::new(path)),
            anew: AtomicBool::new(false),
            source: Source { store, keyspace: keyspace.clone() },
            origin,
            dealt_with: watch::Sender::new(dealt_with),
            part_done: AtomicU64::new(0),
            gave_up: AtomicBool::new(false),
            removed: Mutex::new(removed),
            revoked: watch::Sender::default(),
        };
        Ok((memory, cluster))
    }

    /// The store that it was read from, and the start of its keys, with a space between them; absent if there was none.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    /// Begins anew: what was remembered is of another cluster.
    pub fn forget(&self) {
        self.lock().clear();
        self.part_done.store(0, Ordering::Relaxed);
        self.gave_up.store(false, Ordering::Relaxed);
        self.dealt_with.send_replace(None);
        self.anew.store(true, Ordering::Relaxed);
    }

    /// Writes down how the cluster is: what changed since the last time. Not flushed, like the journal: a disk may be
    /// slow, and changes come often.
    ///
    /// # Errors
    /// If it cannot be written: what was remembered before still is.
    pub fn save(&self, cluster: &Cluster) -> Result<(), JournalError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let anew = self.anew.swap(false, Ordering::Relaxed);
        let removed = self.lock().clone();
        let content = Content { cluster: cluster.clone(), dealt_with: self.dealt_with(), removed };
        let saved = files.save(&self.source, content, anew);
        if saved.is_err() && anew {
            self.anew.store(true, Ordering::Relaxed);
        }
        saved
    }

    /// The last rebuild of the store that this node has dealt with; absent before the store was first seen.
    pub fn dealt_with(&self) -> Option<u64> {
        *self.dealt_with.borrow()
    }

    /// The same, where there being none is as good as its number.
    pub fn times_dealt_with(&self) -> u64 {
        self.dealt_with().unwrap_or_default()
    }

    /// A receiver that wakes whenever that changes.
    pub fn dealings(&self) -> watch::Receiver<Option<u64>> {
        self.dealt_with.subscribe()
    }

    /// This node says that a node is not to be believed: so it is here, whatever the store shows of it.
    pub fn revoke(&self, id: NodeId, revocation: Revocation) {
        self.revoked.send_modify(|revoked| drop(revoked.insert(id, revocation)));
    }

    /// What it has said of that so far.
    pub fn revoked(&self) -> watch::Receiver<BTreeMap<NodeId, Revocation>> {
        self.revoked.subscribe()
    }

    /// This node has done all it can about a rebuild.
    pub fn has_dealt_with(&self, times: u64) {
        self.dealt_with.send_replace(Some(times));
    }

    /// What is still missing cannot be put back: this node goes on with what the store has.
    pub fn give_up(&self, times: u64) {
        self.gave_up.store(true, Ordering::Relaxed);
        self.has_dealt_with(times);
    }

    /// Whether it has given up, since this was asked last: it holds for one loss.
    pub fn take_given_up(&self) -> bool {
        self.gave_up.swap(false, Ordering::Relaxed)
    }

    /// This node has written what is its own again, in a rebuild.
    pub fn has_done_its_part(&self, times: u64) {
        self.part_done.store(times, Ordering::Relaxed);
    }

    /// The last rebuild in which this node wrote what is its own.
    pub fn part_done(&self) -> u64 {
        self.part_done.load(Ordering::Relaxed).max(self.times_dealt_with())
    }

    /// Of what there was `before`, what there is not `now` was removed. What there is was not, or is there again.
    pub fn notice(&self, before: &NetworkMap, now: &Cluster) {
        let mut removed = self.lock();
        removed.retain(|id| !now.networks.contains_key(id));
        let gone = changes(before, &now.networks).filter(|change| change.new.is_none());
        removed.extend(gone.map(|change| *change.key));
        content::shorten(&mut removed);
    }

    /// Whether a network was seen to be removed.
    pub fn was_removed(&self, network: &NetworkId) -> bool {
        self.lock().contains(network)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<NetworkId>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the log is that a base names. A name that is none of a log is not followed.
fn log_of(base: &Base, data_dir: &Path) -> Option<PathBuf> {
    let name = base.log.as_deref()?;
    if !data_dir::is_cluster_log(name) {
        tracing::warn!(name, "the memory names a log that cannot be its own; what was before is used");
        return None;
    }
    Some(data_dir.join(name))
}

/// What a base and its log say together.
fn with_log(base: Base, log: Option<&Path>) -> Result<Content, JournalError> {
    let mut content = base.content;
    if let Some(path) = log {
        let read = log::read(path, &base.source.keyspace, &mut content);
        read.map_err(JournalError::new("cannot read", path))?;
    }
    Ok(content)
}

#[cfg(test)]
mod tests;
