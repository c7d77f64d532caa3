//! The store in a file.

use crate::suite;
use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use weft_store::{CommitError, Condition, EmbeddedStore, Store, Txn, embedded::OpenError};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded_keeps_the_promises() {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(&directory.path().join("store")).unwrap();
    suite::run(Arc::new(store), Duration::from_secs(1)).await;
}

#[tokio::test]
async fn what_was_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deeper").join("store");
    let store = EmbeddedStore::open(&path).unwrap();
    let session = store.open_session(Duration::from_millis(500)).await.unwrap();
    let txn = Txn::new().put("stays", "1", Condition::Absent).put_bound(
        "goes",
        "1",
        Condition::Absent,
        session.clone(),
    );
    store.commit(txn).await.unwrap();
    let before = store.list("").await.unwrap();
    drop(store);

    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.list("").await.unwrap(), before);
    assert!(store.renew_session(&session).await.unwrap());
    while store.get("goes").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!store.renew_session(&session).await.unwrap());
    assert!(store.get("stays").await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_in_use_says_by_whom() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let _store = EmbeddedStore::open(&path).unwrap();
    let error = EmbeddedStore::open(&path).unwrap_err();
    assert!(matches!(&error, OpenError::InUse { holder: Some(_), .. }), "{error}");
    assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
}

#[tokio::test]
async fn a_damaged_file_is_not_opened() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    fs::write(&path, b"this is no store, whatever it was called by whoever put it here").unwrap();
    let error = EmbeddedStore::open(&path).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");

    fs::remove_file(&path).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    for n in 0..50 {
        let txn = Txn::new().put(format!("key{n}"), vec![n; 3000], Condition::Absent);
        store.commit(txn).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    // Some parts of the file are in use and some are not: each time it is either whole, or an error.
    let mut refused = 0;
    for offset in (4096..whole.len()).step_by(whole.len() / 40) {
        let mut damaged = whole.clone();
        let end = (offset + 2048).min(whole.len());
        damaged[offset..end].fill(0x5a);
        fs::write(&path, &damaged).unwrap();
        match EmbeddedStore::open(&path) {
            Ok(store) => assert_eq!(store.list("").await.unwrap().entries.len(), 50),
            Err(OpenError::Damaged { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0, "no damage was noticed");
}

#[test]
fn a_place_that_cannot_be_written_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = EmbeddedStore::open(&file.join("store")).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let error = EmbeddedStore::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
}

/// This test binary once more, to run just the ignored test `name` on the store in `path`, in a process that
/// can be killed. `wrapper` is a command that starts it.
fn again(name: &str, path: &Path, wrapper: &[&str]) -> Child {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).args(wrapper).arg(env::current_exe().unwrap());
    command.args(["--exact", "--ignored", "--nocapture", name]).env("WEFT_TEST_STORE", path);
    command.stdout(Stdio::piped()).spawn().expect("setpriv, of util-linux, is needed")
}

/// The path that [`again`] gave. `None`: somebody runs all ignored tests; these are parts of others.
fn path_given() -> Option<PathBuf> {
    env::var_os("WEFT_TEST_STORE").map(PathBuf::from)
}

#[tokio::test]
#[ignore = "a part of a_killed_writer_loses_nothing_it_acknowledged"]
async fn write_until_killed() {
    let Some(path) = path_given() else { return };
    let store = EmbeddedStore::open(&path).unwrap();
    for n in store.list("a/").await.unwrap().entries.len().. {
        // Large and small, so that the kill hits different parts of a commit.
        let value = vec![b'x'; 100 + n % 7 * 5000];
        let pair = Txn::new().put(format!("a/{n:06}"), value.clone(), Condition::Absent);
        store.commit(pair.put(format!("b/{n:06}"), value, Condition::Absent)).await.unwrap();
        println!("wrote {n}");
    }
}

#[tokio::test]
async fn a_killed_writer_loses_nothing_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    for round in 1..=8 {
        let mut child = again("embedded::write_until_killed", &path, &[]);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut wrote = lines.filter_map(|line| line.split_once("wrote ")?.1.parse::<usize>().ok());
        let first = wrote.nth(round * 3).expect("the child wrote nothing");
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died counts too.
        let last = wrote.last().unwrap_or(first);

        let store = EmbeddedStore::open(&path).unwrap();
        let (a, b) = (store.list("a/").await.unwrap().entries, store.list("b/").await.unwrap().entries);
        assert!(a.len() > last, "{} were acknowledged, {} are there", last + 1, a.len());
        assert_eq!(a.len(), b.len(), "half of a transaction is there");
        for (n, (a, b)) in a.iter().zip(&b).enumerate() {
            assert_eq!(a.key, format!("a/{n:06}"));
            assert!(a.value.len() == 100 + n % 7 * 5000 && a.value == b.value);
        }
    }
}

#[tokio::test]
#[ignore = "a part of a_full_disk_is_survived"]
async fn write_until_full() {
    let Some(path) = path_given() else { return };
    let ballast = path.with_file_name("ballast");
    fs::write(&ballast, vec![0; 1 << 20]).unwrap();
    let store = EmbeddedStore::open(&path).unwrap();
    let put =
        |n: usize| store.commit(Txn::new().put(format!("{n:06}"), vec![b'x'; 50_000], Condition::Absent));
    let mut count = 0;
    let error = loop {
        match put(count).await {
            Ok(()) => count += 1,
            Err(CommitError::Store(error)) => break error,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(error.is_transient() && count > 0, "{error} after {count} writes");
    assert_eq!(store.list("").await.unwrap().entries.len(), count, "what is there can still be read");
    fs::remove_file(ballast).unwrap();
    // Nobody knows whether the failed write is there, but it must go now.
    assert!(matches!(put(count).await, Ok(()) | Err(CommitError::Conflict { .. })));
    put(count + 1).await.unwrap();
    drop(store);
    let store = EmbeddedStore::open(&path).unwrap();
    assert_eq!(store.list("").await.unwrap().entries.len(), count + 2);
    println!("survived");
}

#[test]
fn a_full_disk_is_survived() {
    let directory = tempfile::tempdir().unwrap();
    let script =
        format!("mount -t tmpfs -o size=4m none {} && exec \"$0\" \"$@\"", directory.path().display());
    let disk = ["unshare", "--map-root-user", "--mount", "sh", "-c", &script];
    let child = again("embedded::write_until_full", &directory.path().join("store"), &disk);
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("survived"), "{text}");
}
