//! The store in a file.

use crate::suite;
use std::{fs, sync::Arc, time::Duration};
use weft_store::{Condition, EmbeddedStore, Store, Txn, embedded::OpenError};

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
