//! The whole of a memory in one file, `cluster.json`.

use super::content::{Content, Source};
use crate::{cluster::Cluster, journal::file};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
};
use weft_model::{Key, Keyspace, NetworkId, NodeId, NodeName, Revocation};
use weft_store::{Listing, Revision, StoreEntry};

/// A base, as it is read.
pub(super) struct Base {
    /// The store that it was written from, and the start of its keys.
    pub(super) source: Source,
    /// The name of the log of what changed since; absent if a version wrote it that has none.
    pub(super) log: Option<String>,
    pub(super) content: Content,
}

#[derive(Deserialize)]
struct Saved {
    store: String,
    #[serde(default)]
    log: Option<String>,
    dealt_with: Option<u64>,
    #[serde(default)]
    removed: VecDeque<NetworkId>,
    /// When each node took an address last.
    #[serde(default)]
    latest: BTreeMap<NodeName, Revision>,
    /// The highest number of a statement of each node.
    #[serde(default)]
    serials: BTreeMap<NodeName, u64>,
    /// The nodes that are believed no more.
    #[serde(default)]
    barred: BTreeMap<NodeId, Revocation>,
    cluster: BTreeMap<String, Box<RawValue>>,
}

#[derive(Serialize)]
struct Saving<'m> {
    store: &'m str,
    log: &'m str,
    dealt_with: Option<u64>,
    removed: &'m VecDeque<NetworkId>,
    latest: BTreeMap<&'m NodeName, Revision>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    serials: BTreeMap<&'m NodeName, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    barred: BTreeMap<&'m NodeId, &'m Revocation>,
    #[serde(serialize_with = "records")]
    cluster: (&'m Keyspace, &'m Cluster),
}

/// Reads a base, if there is one. One that is not valid is set aside. Where it does not say where its keys are, they
/// are where they are `now`.
pub(super) fn read(path: &Path, now: &Keyspace) -> io::Result<Option<Base>> {
    let Some(saved) = file::read_or_set_aside::<Saved>(path)? else { return Ok(None) };
    let keyspace = keyspace_of(&saved, now);
    let cluster = cluster_of(&saved, &keyspace);
    let content = Content { cluster, dealt_with: saved.dealt_with, removed: saved.removed };
    Ok(Some(Base { source: Source { store: saved.store, keyspace }, log: saved.log, content }))
}

/// Writes a base that names `log`: a reader finds the one before, or this one.
pub(super) fn write(path: &Path, log: &str, source: &Source, content: &Content) -> io::Result<()> {
    let latest = content.cluster.latest.iter().map(|(name, latest)| (name, latest.modified)).collect();
    let saving = Saving {
        store: &source.store,
        log,
        dealt_with: content.dealt_with,
        removed: &content.removed,
        latest,
        serials: content.cluster.beliefs.serials.iter().map(|(name, serial)| (name, *serial)).collect(),
        barred: content.cluster.beliefs.barred.iter().collect(),
        cluster: (&source.keyspace, &content.cluster),
    };
    file::write_json(path, &saving)
}

/// Where the keys of a memory are: the prefix may have been another.
fn keyspace_of(saved: &Saved, now: &Keyspace) -> Keyspace {
    let root = saved.store.rsplit_once(' ').and_then(|(_, root)| root.strip_suffix("/v1/"));
    root.map_or_else(|| now.clone(), Keyspace::new)
}

fn cluster_of(saved: &Saved, keyspace: &Keyspace) -> Cluster {
    let records = saved.cluster.iter();
    let entries = records.map(|(key, value)| entry(keyspace, &saved.latest, key, value)).collect();
    let mut cluster = Cluster::read(keyspace, &Listing { entries, revision: Revision::default() });
    cluster.beliefs.barred = saved.barred.iter().map(|(id, revocation)| (*id, revocation.clone())).collect();
    cluster.beliefs.serials = saved.serials.iter().map(|(name, serial)| (name.clone(), *serial)).collect();
    cluster
}

/// A record, as the store has it.
pub(super) fn entry(
    keyspace: &Keyspace,
    latest: &BTreeMap<NodeName, Revision>,
    key: &str,
    value: &RawValue,
) -> StoreEntry {
    // Of all the rest it is not needed.
    let modified = match keyspace.parse(key) {
        Ok(Key::Latest(name)) => latest.get(&name).copied().unwrap_or_default(),
        _ => Revision::default(),
    };
    StoreEntry { key: key.to_owned(), value: value.get().as_bytes().to_vec(), modified, session: None }
}

/// JSON, to be written as it is.
pub(super) fn raw(json: Vec<u8>) -> Option<Box<RawValue>> {
    String::from_utf8(json).ok().and_then(|json| RawValue::from_string(json).ok())
}

fn records<S: Serializer>(
    (keyspace, cluster): &(&Keyspace, &Cluster),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer
        .collect_map(cluster.records().filter_map(|(key, json)| Some((keyspace.path(&key), raw(json)?))))
}
