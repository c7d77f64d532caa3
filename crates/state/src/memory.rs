//! What this node remembers of the cluster, on its own disk: what to use until the store answers, and what to put back
//! if the store has lost it.

use crate::{
    cluster::{Cluster, Networks},
    data_dir,
    journal::{JournalError, file},
};
use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio::sync::watch;
use weft_model::{Key, Keyspace, NetworkId, NodeName};
use weft_store::{Entry, Listing, Revision};

/// How many removed networks are remembered.
const REMOVED: usize = 1000;

/// The memory of one cluster in one store.
pub struct Memory {
    path: PathBuf,
    /// The store that it is written from.
    store: String,
    /// The one that it was read from.
    origin: Option<String>,
    keyspace: Keyspace,
    /// The last rebuild of the store that this node has done its part of; absent before the store was first seen.
    dealt_with: watch::Sender<Option<u64>>,
    part_done: AtomicU64,
    gave_up: AtomicBool,
    /// The networks that were seen to be removed, the latest last.
    removed: Mutex<VecDeque<NetworkId>>,
}

#[derive(Deserialize)]
struct Saved {
    store: String,
    dealt_with: Option<u64>,
    #[serde(default)]
    removed: VecDeque<NetworkId>,
    /// When each node took an address last.
    #[serde(default)]
    latest: BTreeMap<NodeName, Revision>,
    cluster: BTreeMap<String, Box<RawValue>>,
}

#[derive(Serialize)]
struct Saving<'m> {
    store: &'m str,
    dealt_with: Option<u64>,
    removed: &'m VecDeque<NetworkId>,
    latest: BTreeMap<&'m NodeName, Revision>,
    #[serde(serialize_with = "records")]
    cluster: (&'m Keyspace, &'m Cluster),
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
        let saved = file::read_or_set_aside(&path).map_err(JournalError::new("cannot read", &path))?;
        let store = format!("{store} {}", keyspace.root());
        let cluster = saved.as_ref().map(|saved: &Saved| read(&keyspace_of(saved, keyspace), saved));
        let origin = saved.as_ref().map(|saved| saved.store.clone());
        let (dealt_with, removed) = saved.map_or_else(Default::default, |s| (s.dealt_with, s.removed));
        let memory = Self {
            path,
            store,
            origin,
            keyspace: keyspace.clone(),
            dealt_with: watch::Sender::new(dealt_with),
            part_done: AtomicU64::new(0),
            gave_up: AtomicBool::new(false),
            removed: Mutex::new(removed),
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
    }

    /// Writes down how the cluster is. Not flushed, like the journal: a disk may be slow, and changes come often.
    ///
    /// # Errors
    /// If it cannot be written: what was remembered before still is.
    pub fn save(&self, cluster: &Cluster) -> Result<(), JournalError> {
        let removed = self.lock().clone();
        let saving = Saving {
            store: &self.store,
            dealt_with: self.dealt_with(),
            removed: &removed,
            latest: cluster.latest.iter().map(|(name, latest)| (name, latest.modified)).collect(),
            cluster: (&self.keyspace, cluster),
        };
        file::write_json(&self.path, &saving).map_err(JournalError::new("cannot write", &self.path))
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
    pub fn notice(&self, before: &Networks, now: &Cluster) {
        let mut removed = self.lock();
        removed.retain(|id| !now.networks.contains_key(id));
        removed.extend(before.diff(&now.networks).filter_map(|change| match change {
            DiffItem::Remove(id, _) => Some(*id),
            DiffItem::Add(..) | DiffItem::Update { .. } => None,
        }));
        let surplus = removed.len().saturating_sub(REMOVED);
        removed.drain(..surplus);
    }

    /// Whether a network was seen to be removed.
    pub fn was_removed(&self, network: &NetworkId) -> bool {
        self.lock().contains(network)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<NetworkId>> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the keys of a memory are: the prefix may have been another.
fn keyspace_of(saved: &Saved, now: &Keyspace) -> Keyspace {
    let root = saved.store.rsplit_once(' ').and_then(|(_, root)| root.strip_suffix("/v1/"));
    root.map_or_else(|| now.clone(), Keyspace::new)
}

fn read(keyspace: &Keyspace, saved: &Saved) -> Cluster {
    // Of all the rest it is not needed.
    let modified = |key: &str| match keyspace.parse(key) {
        Ok(Key::Latest(name)) => saved.latest.get(&name).copied().unwrap_or_default(),
        _ => Revision::default(),
    };
    let entry = |key: &String, value: &RawValue| Entry {
        key: key.clone(),
        value: value.get().as_bytes().to_vec(),
        modified: modified(key),
        session: None,
    };
    let entries = saved.cluster.iter().map(|(key, value)| entry(key, value)).collect();
    Cluster::read(keyspace, &Listing { entries, revision: Revision::default() })
}

fn records<S: Serializer>(
    (keyspace, cluster): &(&Keyspace, &Cluster),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let raw = |json: Vec<u8>| String::from_utf8(json).ok().and_then(|json| RawValue::from_string(json).ok());
    serializer
        .collect_map(cluster.records().filter_map(|(key, json)| Some((keyspace.path(&key), raw(json)?))))
}

#[cfg(test)]
mod tests;
