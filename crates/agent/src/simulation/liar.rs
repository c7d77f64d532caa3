//! A member that writes what is another's, to a store that checks who writes what.

use super::{eventually, signed::signed};
use weft_model::{Key, Keyspace, Liveness, Node as NodeRecord, Record};
use weft_store::{CommitError, Condition, MemoryStore, Op, Store, StoreError, Txn};

fn path(key: &Key) -> String {
    Keyspace::new("weft").path(key)
}

/// What the store has of host2: its record, that it is up, its endpoint with its address.
async fn of_host2(store: &MemoryStore) -> Vec<(String, Vec<u8>)> {
    let all = store.list("weft/v1/").await.unwrap().entries;
    let has = |key: &str, value: &[u8]| {
        let of_an_endpoint = key.contains("/endpoints/") || key.contains("/ipam/");
        key.ends_with("/host2") || of_an_endpoint && String::from_utf8_lossy(value).contains("host2")
    };
    all.into_iter().map(|entry| (entry.key, entry.value)).filter(|(key, value)| has(key, value)).collect()
}

async fn refused(way: &MemoryStore, txn: Txn) -> String {
    match way.commit(txn).await {
        Err(CommitError::Store(StoreError::Refused { reason, .. })) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_changes_nothing_of_a_host_that_is_up() {
    let (store, nodes) = signed().await;
    let liar = nodes[0].way();
    let before = of_host2(&store).await;
    assert_eq!(before.len(), 5, "{before:?}");
    for (key, value) in &before {
        let why = refused(&liar, Txn::new().delete(key, Condition::Always)).await;
        assert!(why.starts_with("host1 may not delete") && why.contains("host2"), "{why}");
        let lie = String::from_utf8(value.clone()).unwrap().replace("192.168.77.12", "192.168.77.66");
        let lie = lie.replace("host2", "host1").into_bytes();
        let lie = if lie == *value { b"?".to_vec() } else { lie };
        refused(&liar, Txn::new().put(key, lie, Condition::Always)).await;
    }
    // Hidden among what is allowed.
    let hidden =
        Txn::new().put("weft/v1/rebuilt", "?", Condition::Always).delete(&before[0].0, Condition::Always);
    refused(&liar, hidden).await;
    let key = path(&Key::Live("host2".parse().unwrap()));
    let session = store.get(&key).await.unwrap().unwrap().session.unwrap();
    for error in [liar.close_session(&session).await.err(), liar.renew_session(&session).await.err()] {
        assert!(matches!(error, Some(StoreError::Refused { .. })), "{error:?}");
    }
    assert_eq!(of_host2(&store).await, before);
    assert_eq!(store.get("weft/v1/rebuilt").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_host_has_that_is_down_is_everybodys_to_clear_up_and_nobodys_to_change() {
    let (store, mut nodes) = signed().await;
    nodes[1].kill().await;
    let host2 = path(&Key::Node("host2".parse().unwrap()));
    eventually("it is down", || !nodes[0].core().known().is_up(&"host2".parse().unwrap())).await;
    let liar = nodes[0].way();
    let good = NodeRecord::from_json(&store.get(&host2).await.unwrap().unwrap().value).unwrap();
    let lie = NodeRecord { vtep: [192, 168, 77, 66].into(), ..good.clone() };
    refused(&liar, Txn::new().put(&host2, lie.to_json(), Condition::Always)).await;
    let live = Liveness { id: good.id, ..live(&store).await };
    refused(&liar, Txn::new().put("weft/v1/live/host2", live.to_json(), Condition::Always)).await;
    // Taken away, and put back as it was.
    let gone = Txn { ops: vec![Op::Delete { key: host2.clone(), condition: Condition::Always }] };
    liar.commit(gone).await.unwrap();
    refused(&liar, Txn::new().put(&host2, lie.to_json(), Condition::Always)).await;
    liar.commit(Txn::new().put(&host2, good.to_json(), Condition::Always)).await.unwrap();
    nodes[1].start();
    nodes[1].joined(2).await;
}

async fn live(store: &MemoryStore) -> Liveness {
    Liveness::from_json(&store.get("weft/v1/live/host1").await.unwrap().unwrap().value).unwrap()
}
