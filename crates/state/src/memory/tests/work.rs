//! How much is written.

use super::*;
use std::os::unix::fs::MetadataExt;

/// Which file the base is, and when it was last written.
fn stamp(directory: &TempDir) -> (u64, u64, i64, i64) {
    let base = fs::metadata(base(directory)).unwrap();
    (base.ino(), base.len(), base.mtime(), base.mtime_nsec())
}

fn length(directory: &TempDir) -> u64 {
    fs::metadata(log(directory)).unwrap().len()
}

/// A network with so many endpoints.
fn large(endpoints: u64) -> Cluster {
    let network = key(4, 1);
    let entry = |key: &Key| StoreEntry {
        key: keyspace().path(key),
        value: record(key, 1),
        modified: Revision(7),
        session: None,
    };
    let mut entries = vec![entry(&network)];
    entries.extend((0..endpoints).map(|number| entry(&endpoint(number))));
    Cluster::read(&keyspace(), &Listing { entries, revision: Revision(7) })
}

fn endpoint(number: u64) -> Key {
    let Key::Network(network) = key(4, 1) else { unreachable!() };
    Key::Endpoint(network, format!("{number:064x}").parse().unwrap())
}

#[test]
fn a_save_writes_what_changed() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = large(10_000);
    memory.save(&cluster).unwrap();
    let (stamp_before, base) = (stamp(&directory), stamp(&directory).1);
    assert!(base > 2_000_000, "{base}");
    for round in 0..20 {
        let before = length(&directory);
        put(&mut cluster, &endpoint(20_000 + round), record(&endpoint(0), 2), 8 + round);
        delete(&mut cluster, &endpoint(round));
        memory.save(&cluster).unwrap();
        let written = length(&directory) - before;
        assert!((100..1000).contains(&written), "{written} bytes for one endpoint more and one less");
    }
    // A network that was removed, among many.
    let ids: Vec<NetworkId> = (0..2000).map(|_| NetworkId::random(&mut rand::rng())).collect();
    memory.notice(&networks(&ids[..REMOVED]), &cluster);
    memory.save(&cluster).unwrap();
    for id in &ids[REMOVED..REMOVED + 5] {
        let before = length(&directory);
        memory.notice(&networks(&[*id]), &cluster);
        memory.save(&cluster).unwrap();
        let written = length(&directory) - before;
        assert!((60..400).contains(&written), "{written} bytes for one network that was removed");
    }
    assert_eq!(stamp(&directory), stamp_before);
    assert_eq!(remembered(&directory), said(&memory, &cluster));
}

#[test]
fn nothing_is_written_where_nothing_changed() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let cluster = cluster();
    memory.save(&cluster).unwrap();
    let before = stamp(&directory);
    memory.save(&cluster).unwrap();
    // All of it was read again, and is the same.
    memory.save(&super::cluster()).unwrap();
    assert_eq!((stamp(&directory), length(&directory)), (before, 0));
    memory.has_dealt_with(3);
    memory.save(&cluster).unwrap();
    assert!((1..100).contains(&length(&directory)));
    assert_eq!(remembered(&directory).dealt_with, Some(3));
}

/// Over many changes, no more than about twice what is in the logs is written, and no log outgrows its base by much.
#[test]
fn a_log_that_is_longer_than_its_base_is_begun_anew() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = large(500);
    memory.save(&cluster).unwrap();
    let base = stamp(&directory).1;
    assert!(base > 2 * files::LOG, "{base}");
    let (mut logs, mut longest) = (vec![log(&directory)], 0);
    for revision in 0..1500 {
        put(&mut cluster, &endpoint(revision % 500), record(&endpoint(0), 2), 8 + revision);
        memory.save(&cluster).unwrap();
        longest = longest.max(length(&directory));
        if logs.last() != Some(&log(&directory)) {
            logs.push(log(&directory));
        }
    }
    assert!(longest <= base + 1000 && longest > base / 2, "{longest} bytes, beside a base of {base}");
    assert!((3..=5).contains(&logs.len()), "{} logs", logs.len());
    assert_eq!(remembered(&directory), said(&memory, &cluster));
    // More than there is room for.
    let before = log(&directory);
    memory.save(&large(3000)).unwrap();
    assert_ne!(log(&directory), before);
    assert_eq!(length(&directory), 0);
    assert_eq!(remembered(&directory), said(&memory, &large(3000)));
}

#[test]
fn the_log_of_a_small_base_may_be_longer() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = cluster();
    memory.save(&cluster).unwrap();
    let first = log(&directory);
    let bound = files::LOG - 1000;
    for revision in 8.. {
        if length(&directory) > bound {
            break;
        }
        assert_eq!(log(&directory), first);
        put(&mut cluster, &key(3, 1), record(&key(3, 1), 2), revision);
        memory.save(&cluster).unwrap();
    }
    assert!(stamp(&directory).1 < bound / 4);
    assert_eq!(remembered(&directory), said(&memory, &cluster));
}

#[test]
fn what_was_forgotten_is_not_in_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    memory.has_dealt_with(3);
    memory.save(&cluster()).unwrap();
    let before = log(&directory);
    memory.forget();
    let other = large(1);
    memory.save(&other).unwrap();
    assert_ne!(log(&directory), before);
    assert_eq!(length(&directory), 0);
    assert_eq!(remembered(&directory), Said { records: written(&other), ..Said::default() });
}

#[test]
fn each_run_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let mut logs = Vec::new();
    for _ in 0..3 {
        let (memory, _) = open(&directory, "consul://one");
        memory.save(&cluster()).unwrap();
        memory.save(&cluster()).unwrap();
        logs.push(log(&directory));
    }
    assert!(logs[0] != logs[1] && logs[1] != logs[2]);
}

/// The shape that the base had when there was no log.
#[test]
fn a_version_without_logs_reads_the_base() {
    #[derive(serde::Deserialize)]
    struct Earlier {
        store: String,
        dealt_with: Option<u64>,
        #[serde(default)]
        removed: VecDeque<NetworkId>,
        #[serde(default)]
        latest: BTreeMap<NodeName, Revision>,
        cluster: BTreeMap<String, Box<serde_json::value::RawValue>>,
    }
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    memory.has_dealt_with(3);
    let cluster = cluster();
    memory.save(&cluster).unwrap();
    let earlier: Earlier = serde_json::from_slice(&fs::read(base(&directory)).unwrap()).unwrap();
    assert_eq!((earlier.store.as_str(), earlier.dealt_with), ("consul://one weft/v1/", Some(3)));
    assert_eq!((earlier.removed.len(), earlier.latest.len()), (0, 1));
    assert_eq!(earlier.cluster.len(), written(&cluster).len());
    // It writes a base that names no log: what is left of one is not this base's.
    let mut file: serde_json::Value = serde_json::from_slice(&fs::read(base(&directory)).unwrap()).unwrap();
    put(&mut cluster.clone(), &key(0, 2), record(&key(0, 2), 2), 9);
    memory.has_dealt_with(4);
    memory.save(&cluster).unwrap();
    file.as_object_mut().unwrap().remove("log").unwrap();
    fs::write(base(&directory), file.to_string()).unwrap();
    assert_eq!(remembered(&directory).dealt_with, Some(3));
    assert!(data_dir::cluster_logs(directory.path()).unwrap().is_empty());
}
