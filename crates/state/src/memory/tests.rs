mod crashes;
mod damage;
mod random;
mod work;

use super::*;
use crate::golden::{KINDS, key, record};
use std::{collections::BTreeMap, fs};
use tempfile::TempDir;
use weft_model::{Key, NodeName};
use weft_store::{Event, Listing, Revision, StoreEntry, Update};

fn keyspace() -> Keyspace {
    Keyspace::new("weft")
}

/// One record of every kind.
fn cluster() -> Cluster {
    let keys = (0..KINDS).map(|kind| key(kind, 1));
    let entry = |key: Key| StoreEntry {
        key: keyspace().path(&key),
        value: record(&key, 1),
        modified: Revision(7),
        session: None,
    };
    Cluster::read(&keyspace(), &Listing { entries: keys.map(entry).collect(), revision: Revision(7) })
}

fn written(cluster: &Cluster) -> BTreeMap<String, String> {
    let text = |json: Vec<u8>| String::from_utf8(json).unwrap();
    cluster.records().map(|(key, json)| (keyspace().path(&key), text(json))).collect()
}

fn open(directory: &TempDir, store: &str) -> (Memory, Option<Cluster>) {
    Memory::open(directory.path(), store, &keyspace()).unwrap()
}

/// What a memory says, to compare.
#[derive(Debug, Clone, Default, PartialEq)]
struct Said {
    records: BTreeMap<String, String>,
    latest: BTreeMap<NodeName, Revision>,
    dealt_with: Option<u64>,
    removed: Vec<NetworkId>,
}

fn said(memory: &Memory, cluster: &Cluster) -> Said {
    Said {
        records: written(cluster),
        latest: cluster.latest.iter().map(|(name, latest)| (name.clone(), latest.modified)).collect(),
        dealt_with: memory.dealt_with(),
        removed: memory.lock().iter().copied().collect(),
    }
}

/// What is remembered in a directory.
#[track_caller]
fn remembered(directory: &TempDir) -> Said {
    let (memory, cluster) = open(directory, "consul://one");
    said(&memory, &cluster.unwrap_or_default())
}

fn put(cluster: &mut Cluster, key: &Key, value: Vec<u8>, revision: u64) {
    let entry = StoreEntry { key: keyspace().path(key), value, modified: Revision(revision), session: None };
    let events = vec![Event::Put(entry)];
    cluster.advance(&keyspace(), Update::Events { events, revision: Revision(revision) });
}

fn delete(cluster: &mut Cluster, key: &Key) {
    let events = vec![Event::Delete(keyspace().path(key))];
    cluster.advance(&keyspace(), Update::Events { events, revision: cluster.revision });
}

/// The log, which is the only one.
#[track_caller]
fn log(directory: &TempDir) -> PathBuf {
    let logs = data_dir::cluster_logs(directory.path()).unwrap();
    assert_eq!(logs.len(), 1, "{logs:?}");
    logs.into_iter().next().unwrap()
}

fn base(directory: &TempDir) -> PathBuf {
    directory.path().join("cluster.json")
}

/// Networks with these ids.
fn networks(ids: &[NetworkId]) -> NetworkMap {
    let some = cluster().networks.values().next().unwrap().clone();
    ids.iter().map(|id| (*id, some.clone())).collect()
}

#[test]
fn what_is_saved_is_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, nothing) = open(&directory, "consul://one");
    assert!(nothing.is_none() && memory.dealt_with().is_none());
    let (cluster, gone) = (cluster(), NetworkId::random(&mut rand::rng()));
    // What an agent asks of another is no record of the cluster.
    assert_eq!(written(&cluster).len(), KINDS - 1, "{:?}", cluster.unreadable);
    memory.has_dealt_with(3);
    memory.notice(&networks(&[gone]), &cluster);
    memory.save(&cluster).unwrap();

    let (memory, remembered) = open(&directory, "consul://one");
    let remembered = remembered.unwrap();
    assert_eq!(written(&remembered), written(&cluster));
    assert!(remembered.latest.values().all(|latest| latest.modified == Revision(7)));
    assert_eq!(memory.dealt_with(), Some(3));
    assert!(memory.was_removed(&gone));
}

#[test]
fn what_was_in_another_store_is_remembered_with_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    memory.has_dealt_with(3);
    memory.save(&cluster()).unwrap();
    let other = Memory::open(directory.path(), "consul://two", &Keyspace::new("other"));
    let (memory, remembered) = other.unwrap();
    assert_eq!(memory.origin(), Some("consul://one weft/v1/"));
    assert_eq!(remembered.unwrap().networks.len(), 2);
    memory.forget();
    assert!(memory.dealt_with().is_none());
}

#[test]
fn what_makes_no_sense_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    for nonsense in ["", "{", "[]", "{\"store\":\"s\",\"cluster\":{\"weft/v1/epoch\":", "\0\0"] {
        fs::write(directory.path().join("cluster.json"), nonsense).unwrap();
        assert!(open(&directory, "consul://one").1.is_none(), "{nonsense}");
    }
    // A key or a record of another version is left out, like one in the store.
    let odd = r#"{"store":"s weft/v1/","dealt_with":null,"cluster":{"weft/v1/x":1,"weft/v1/epoch":"?"}}"#;
    fs::write(directory.path().join("cluster.json"), odd).unwrap();
    let remembered = open(&directory, "s").1.unwrap();
    assert_eq!((remembered.unreadable.len(), remembered.unknown.len()), (1, 1));
}

#[test]
fn only_so_many_removed_networks_are_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let ids: Vec<NetworkId> = (0..REMOVED + 5).map(|_| NetworkId::random(&mut rand::rng())).collect();
    for id in &ids {
        memory.notice(&networks(&[*id]), &Cluster::default());
    }
    assert!(!memory.was_removed(&ids[4]) && memory.was_removed(&ids[5]));
}

#[test]
fn what_is_there_again_was_not_removed() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let cluster = cluster();
    let removed = |id| memory.was_removed(id);
    memory.notice(&cluster.networks, &Cluster::default());
    assert!(cluster.networks.keys().all(removed));
    memory.notice(&cluster.networks, &cluster);
    assert!(!cluster.networks.keys().any(removed));
}

#[test]
fn the_numbers_of_statements_are_remembered_beyond_their_records() {
    let directory = tempfile::tempdir().unwrap();
    let serials = |all: &[(&str, u64)]| -> imbl::OrdMap<NodeName, u64> {
        all.iter().map(|(name, serial)| (name.parse().unwrap(), *serial)).collect()
    };
    let (memory, _) = open(&directory, "consul://one");
    let mut now = cluster();
    // The first is in the base, the others are in its log, the last without another change.
    for all in [&[("host1", 5)][..], &[("host1", 7), ("host9", 2)], &[("host1", 7), ("host9", 3)]] {
        now.beliefs.serials = serials(all);
        let id = format!("{:064x}", all[0].1).parse().unwrap();
        now.beliefs.barred.insert(
            id,
            weft_model::Revocation {
                name: "host1".parse().unwrap(),
                signature: "x".into(),
                extra: Default::default(),
            },
        );
        memory.save(&now).unwrap();
        let again = open(&directory, "consul://one").1.unwrap();
        assert_eq!((again.beliefs.serials, again.beliefs.barred), (serials(all), now.beliefs.barred.clone()));
    }
}
