//! The store in memory.

use crate::suite;
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use weft_store::{
    CommitError, Condition, MemoryStore, Revision, Store, StoreError, Txn, Update, memory::Silence,
};

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

#[tokio::test(start_paused = true)]
async fn a_way_can_be_cut_off_in_one_direction() {
    let store = MemoryStore::new();
    for (silence, carried_out) in [(Silence::Requests, false), (Silence::Answers, true)] {
        let way = store.another_way();
        way.faults().set_silence(Some(silence));
        let started = Instant::now();
        let key = format!("{silence:?}");
        let lost = way.commit(Txn::new().put(&key, "1", Condition::Absent)).await;
        assert!(matches!(lost, Err(CommitError::Store(StoreError::Unknown { .. }))), "{lost:?}");
        assert!(matches!(way.get(&key).await, Err(StoreError::Unavailable { .. })));
        assert_eq!(started.elapsed(), Duration::from_secs(6));
        assert_eq!(store.get(&key).await.unwrap().is_some(), carried_out);
        let mut watch = way.watch("", Revision(1));
        assert!(watch.next().await.unwrap().is_err());
        assert_eq!(started.elapsed(), Duration::from_secs(6 + 63));
        let mut watch = way.watch("", Revision(1));
        let heal = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            way.faults().heal();
            store.commit(put(&key)).await.unwrap();
        };
        let (heard, ()) = tokio::join!(watch.next(), heal);
        assert!(heard.is_some_and(|update| update.is_ok()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_breaks_while_it_waits() {
    let store = MemoryStore::new();
    let mut watch = store.watch("", Revision(1));
    let (heard, ()) = tokio::join!(watch.next(), async { store.faults().break_watches() });
    assert!(heard.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn what_it_had_can_be_lost_and_brought_back() {
    let store = MemoryStore::new();
    let session = store.open_session(Duration::from_secs(10)).await.unwrap();
    store.commit(put("1")).await.unwrap();
    let backup = store.backup();
    let then = store.list("").await.unwrap();
    store.commit(put("2")).await.unwrap();
    let now = store.list("").await.unwrap().revision;
    let mut watch = store.watch("", now);
    let (heard, ()) = tokio::join!(watch.next(), async { store.wipe() });
    assert!(heard.unwrap().is_err(), "whoever watched has to begin anew");
    assert!(store.list("").await.unwrap().entries.is_empty());
    assert!(store.list("").await.unwrap().revision < then.revision);
    assert!(!store.renew_session(&session).await.unwrap());
    store.restore(&backup);
    assert_eq!(store.list("").await.unwrap(), then);
    assert!(store.renew_session(&session).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_watch_can_be_answered_by_somebody_who_is_behind() {
    let store = MemoryStore::new();
    store.commit(put("1")).await.unwrap();
    let then = store.list("").await.unwrap();
    let backup = store.backup();
    store.commit(put("2")).await.unwrap();
    let now = store.list("").await.unwrap();
    let mut watch = store.watch("", now.revision);
    let (heard, ()) = tokio::join!(watch.next(), async { store.faults().set_behind(Some(backup)) });
    assert_eq!(heard.unwrap().unwrap(), Update::Snapshot(then));
    assert_eq!(store.list("").await.unwrap(), now, "who asks gets an answer as of now");
    let (heard, ()) = tokio::join!(watch.next(), async { store.faults().set_behind(None) });
    let Update::Events { revision, .. } = heard.unwrap().unwrap() else { panic!("no events") };
    assert_eq!(revision, now.revision);
}
