//! What is remembered after a crash, or where the disk is full.

use super::*;
use std::os::unix::fs::symlink;

type Files = BTreeMap<String, Vec<u8>>;

fn files(directory: &TempDir) -> Files {
    let item = |item: Result<fs::DirEntry, _>| {
        let item = item.unwrap();
        (item.file_name().into_string().unwrap(), fs::read(item.path()).unwrap())
    };
    fs::read_dir(directory.path()).unwrap().map(item).collect()
}

fn directory_with(files: &Files) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, bytes)| fs::write(directory.path().join(name), bytes).unwrap());
    directory
}

/// What is remembered then; and a run that begins there goes on.
#[track_caller]
fn remembered_from(files: &Files) -> Said {
    let directory = directory_with(files);
    let found = remembered(&directory);
    assert!(data_dir::cluster_logs(directory.path()).unwrap().len() <= 1, "those of no base are gone");
    let (memory, cluster) = open(&directory, "consul://one");
    let mut cluster = cluster.unwrap_or_default();
    for number in [1, 2] {
        put(&mut cluster, &key(0, 9), record(&key(0, 9), number), number.into());
        memory.save(&cluster).unwrap();
        assert_eq!(remembered(&directory), said(&memory, &cluster));
    }
    let names: Vec<String> = super::crashes::files(&directory).into_keys().collect();
    assert_eq!(names.len(), 2, "{names:?}");
    found
}

#[test]
fn a_crash_leaves_the_old_pair_or_the_new_one() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = cluster();
    memory.save(&cluster).unwrap();
    let first = (files(&directory), said(&memory, &cluster));
    for (kind, number) in [(10, 2), (4, 3), (3, 1)] {
        put(&mut cluster, &key(kind, number), record(&key(kind, number), 2), 8);
    }
    memory.has_dealt_with(3);
    memory.save(&cluster).unwrap();
    let second = (files(&directory), said(&memory, &cluster));
    delete(&mut cluster, &key(4, 1));
    memory.forget();
    memory.save(&cluster).unwrap();
    let third = (files(&directory), said(&memory, &cluster));

    // In the middle of a line.
    let name = log_in(&first.0);
    for cut in 0..second.0[&name].len() {
        let mut torn = second.0.clone();
        torn.get_mut(&name).unwrap().truncate(cut);
        assert_eq!(remembered(&directory_with(&torn)), first.1);
    }
    assert_eq!(remembered_from(&second.0), second.1);

    // Between the steps to a new pair.
    let (mut crash, new) = (second.0.clone(), log_in(&third.0));
    crash.insert(new, Vec::new());
    assert_eq!(remembered_from(&crash), second.1, "there is a new log");
    let base = third.0["cluster.json"].clone();
    crash.insert("cluster.tmp".to_owned(), base[..base.len() / 2].to_vec());
    let found = remembered(&directory_with(&crash));
    assert_eq!(found, second.1, "and half of a new base");
    crash.insert("cluster.tmp".to_owned(), base.clone());
    assert_eq!(remembered(&directory_with(&crash)), second.1, "and all of it");
    crash.remove("cluster.tmp");
    crash.insert("cluster.json".to_owned(), base);
    assert_eq!(remembered_from(&crash), third.1, "it took the place of the old one");
    crash.remove(&name);
    assert_eq!(crash, third.0);
    assert_eq!(remembered_from(&crash), third.1, "the old log is gone");
}

fn log_in(files: &Files) -> String {
    files.keys().find(|name| data_dir::is_cluster_log(name)).unwrap().clone()
}

#[test]
fn where_no_base_can_be_written_the_old_pair_stays() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = cluster();
    memory.save(&cluster).unwrap();
    let before = (files(&directory), said(&memory, &cluster));
    let in_the_way = directory.path().join("cluster.tmp");
    fs::create_dir(&in_the_way).unwrap();
    memory.forget();
    delete(&mut cluster, &key(4, 1));
    for _ in 0..2 {
        let refused = memory.save(&cluster).unwrap_err().to_string();
        assert!(refused.contains("cannot write") && refused.contains("cluster.json"), "{refused}");
    }
    fs::remove_dir(&in_the_way).unwrap();
    assert_eq!(files(&directory), before.0);
    memory.save(&cluster).unwrap();
    assert_eq!(remembered(&directory), said(&memory, &cluster));
    assert_ne!(remembered(&directory), before.1);
    assert_eq!(fs::metadata(log(&directory)).unwrap().len(), 0, "it was begun anew, as it should be");
}

#[test]
fn what_could_not_be_written_is_written_later() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = cluster();
    memory.save(&cluster).unwrap();
    // A disk that is full.
    let log = log(&directory);
    fs::remove_file(&log).unwrap();
    symlink("/dev/full", &log).unwrap();
    put(&mut cluster, &key(0, 2), record(&key(0, 2), 2), 8);
    let refused = memory.save(&cluster).unwrap_err().to_string();
    assert!(refused.contains("cannot write") && refused.contains(".log"), "{refused}");
    fs::remove_file(&log).unwrap();
    fs::write(&log, "").unwrap();
    memory.save(&cluster).unwrap();
    assert_eq!(remembered(&directory), said(&memory, &cluster));
}

#[test]
fn files_that_were_taken_away_are_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let (memory, _) = open(&directory, "consul://one");
    let mut cluster = cluster();
    for (number, name) in [(2, "cluster.json"), (3, "cluster-"), (4, "both")] {
        memory.save(&cluster).unwrap();
        let log = log(&directory);
        if name != "cluster-" {
            fs::remove_file(base(&directory)).unwrap();
        }
        if name != "cluster.json" {
            fs::remove_file(&log).unwrap();
        }
        put(&mut cluster, &key(0, number), record(&key(0, number), 2), 8);
        memory.save(&cluster).unwrap();
        assert_eq!(remembered(&directory), said(&memory, &cluster), "{name}");
    }
}
