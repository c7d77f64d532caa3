//! The store in memory.

use crate::suite;
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use weft_store::{CommitError, Condition, MemoryStore, Revision, Store, StoreError, Txn, Update};

fn put(value: &str) -> Txn {
    Txn::new().put("key", value, Condition::Always)
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_promises() {
    suite::run(Arc::new(MemoryStore::new()), Duration::from_secs(10)).await;
}

#[tokio::test(start_paused = true)]
async fn one_way_can_be_cut_off_while_another_works() {
    let here = MemoryStore::new();
    let there = here.another_way();
    here.faults().set_unavailable(true);
    let cut = here.commit(put("1")).await;
    assert!(matches!(cut, Err(CommitError::Store(StoreError::Unavailable { .. }))), "{cut:?}");
    there.commit(put("2")).await.unwrap();
    here.faults().set_unavailable(false);
    assert_eq!(here.get("key").await.unwrap().unwrap().value, b"2");
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_get_lost_after_or_before_the_change() {
    let store = MemoryStore::new();
    store.faults().lose_answers(1);
    let lost = store.commit(put("1")).await;
    assert!(matches!(lost, Err(CommitError::Store(StoreError::Unknown { .. }))), "{lost:?}");
    assert_eq!(store.get("key").await.unwrap().unwrap().value, b"1");
    store.faults().lose_changes(1);
    let lost = store.commit(put("2")).await;
    assert!(matches!(lost, Err(CommitError::Store(StoreError::Unknown { .. }))), "{lost:?}");
    assert_eq!(store.get("key").await.unwrap().unwrap().value, b"1");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_ends_in_the_deadline() {
    let store = MemoryStore::new();
    store.faults().set_delay(Duration::from_secs(60));
    let started = Instant::now();
    assert!(matches!(store.get("key").await, Err(StoreError::Unavailable { .. })));
    let slow = store.commit(put("1")).await;
    assert!(matches!(slow, Err(CommitError::Store(StoreError::Unknown { .. }))), "{slow:?}");
    assert_eq!(started.elapsed(), Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn watches_can_be_late_and_break() {
    let store = MemoryStore::new();
    store.faults().set_watch_delay(Duration::from_secs(5));
    let mut watch = store.watch("", Revision(1));
    store.commit(put("1")).await.unwrap();
    let started = Instant::now();
    assert!(matches!(watch.next().await, Some(Ok(Update::Events { .. }))));
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    store.faults().break_watches();
    assert!(matches!(watch.next().await, Some(Err(StoreError::Unavailable { .. }))));
    assert!(watch.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_session_can_end_early() {
    let store = MemoryStore::new();
    let session = store.open_session(Duration::from_secs(20)).await.unwrap();
    let txn = Txn::new().put_bound("key", "1", Condition::Absent, session.clone());
    store.commit(txn).await.unwrap();
    store.expire_session(&session);
    assert_eq!(store.get("key").await.unwrap(), None);
    assert!(!store.renew_session(&session).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_compacted_watch_gets_a_snapshot() {
    let store = MemoryStore::new();
    store.commit(put("1")).await.unwrap();
    let mut watch = store.watch("", Revision(1));
    store.compact();
    let Some(Ok(Update::Snapshot(listing))) = watch.next().await else { panic!("no snapshot") };
    assert_eq!(listing.entries.len(), 1);
}
