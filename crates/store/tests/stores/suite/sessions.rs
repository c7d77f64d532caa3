//! Sessions and the keys that are bound to them.

use super::Bench;
use weft_store::{Condition, Txn};

use Condition::{Absent, Always, Unchanged};

pub async fn a_closed_session_takes_its_keys_along(bench: Bench) {
    let session = bench.session().await;
    let txn = Txn::new()
        .put_bound(bench.key("a"), "1", Absent, session.clone())
        .put_bound(bench.key("b"), "2", Always, session.clone())
        .put(bench.key("c"), "3", Absent);
    bench.store.commit(txn).await.unwrap();
    assert_eq!(bench.get("a").await.unwrap().session.as_ref(), Some(&session));
    assert_eq!(bench.get("c").await.unwrap().session, None);

    bench.store.close_session(&session).await.unwrap();
    bench.gone("a").await;
    bench.gone("b").await;
    assert_eq!(bench.value("c").await.as_deref(), Some("3"));
    assert!(!bench.store.renew_session(&session).await.unwrap());
    bench.store.close_session(&session).await.unwrap();
}

pub async fn a_session_not_renewed_ends_with_its_keys(bench: Bench) {
    let session = bench.session().await;
    let txn = Txn::new().put_bound(bench.key("a"), "1", Always, session.clone());
    bench.store.commit(txn).await.unwrap();
    let started = tokio::time::Instant::now();
    bench.gone("a").await;
    assert!(started.elapsed() >= bench.ttl / 2, "it ended after {:?}", started.elapsed());
    assert!(!bench.store.renew_session(&session).await.unwrap());
}

pub async fn a_renewed_session_lives_on(bench: Bench) {
    let session = bench.session().await;
    let txn = Txn::new().put_bound(bench.key("a"), "1", Always, session.clone());
    bench.store.commit(txn).await.unwrap();
    let started = tokio::time::Instant::now();
    // Twice the TTL, after which any store would have noticed.
    while started.elapsed() < bench.ttl * 5 / 2 {
        assert!(bench.store.renew_session(&session).await.unwrap());
        tokio::time::sleep(bench.ttl / 4).await;
    }
    assert_eq!(bench.value("a").await.as_deref(), Some("1"));
    bench.store.close_session(&session).await.unwrap();
    bench.gone("a").await;
}

pub async fn a_write_without_session_keeps_the_binding(bench: Bench) {
    let session = bench.session().await;
    for (name, condition) in [("a", Always), ("b", Absent)] {
        let txn = Txn::new().put_bound(bench.key(name), "1", condition, session.clone());
        bench.store.commit(txn).await.unwrap();
    }
    bench.put("a", "2").await;
    let modified = bench.get("b").await.unwrap().modified;
    bench.store.commit(Txn::new().put(bench.key("b"), "2", Unchanged(modified))).await.unwrap();
    for name in ["a", "b"] {
        let entry = bench.get(name).await.unwrap();
        assert_eq!(entry.value, b"2");
        assert_eq!(entry.session.as_ref(), Some(&session), "{name}");
    }
    bench.store.close_session(&session).await.unwrap();
    bench.gone("a").await;
    bench.gone("b").await;
}

pub async fn a_key_of_another_session_is_a_conflict(bench: Bench) {
    let (ours, theirs) = (bench.session().await, bench.session().await);
    let txn = Txn::new().put_bound(bench.key("a"), "theirs", Absent, theirs.clone());
    bench.store.commit(txn).await.unwrap();
    let modified = bench.get("a").await.unwrap().modified;
    for condition in [Always, Unchanged(modified)] {
        let txn = Txn::new().put(bench.key("beside"), "", Always).put_bound(
            bench.key("a"),
            "ours",
            condition,
            ours.clone(),
        );
        assert_eq!(bench.conflict(txn).await, ["a"]);
    }
    assert_eq!(bench.value("a").await.as_deref(), Some("theirs"));
    assert_eq!(bench.get("beside").await, None);

    bench.store.close_session(&theirs).await.unwrap();
    bench.gone("a").await;
    let txn = Txn::new().put_bound(bench.key("a"), "ours", Absent, ours.clone());
    bench.store.commit(txn).await.unwrap();
    bench.store.close_session(&ours).await.unwrap();
}

pub async fn a_write_under_an_ended_session_is_a_conflict(bench: Bench) {
    let session = bench.session().await;
    bench.store.close_session(&session).await.unwrap();
    let txn = Txn::new().put(bench.key("beside"), "", Always).put_bound(bench.key("a"), "", Always, session);
    assert_eq!(bench.conflict(txn).await, ["a"]);
    assert!(bench.list().await.entries.is_empty());
}

pub async fn a_bound_write_keeps_its_conditions(bench: Bench) {
    let session = bench.session().await;
    bench.put("a", "1").await;
    let first = bench.get("a").await.unwrap().modified;
    let bound =
        |value: &str, condition| Txn::new().put_bound(bench.key("a"), value, condition, session.clone());

    assert_eq!(bench.conflict(bound("x", Absent)).await, ["a"]);
    // An unbound key may be taken ...
    bench.store.commit(bound("2", Unchanged(first))).await.unwrap();
    assert_eq!(bench.conflict(bound("x", Unchanged(first))).await, ["a"]);
    // ... and written again by the session that has it.
    let second = bench.get("a").await.unwrap();
    assert_eq!((second.value, second.session), (b"2".to_vec(), Some(session.clone())));
    bench.store.commit(bound("3", Unchanged(second.modified))).await.unwrap();
    bench.store.commit(bound("4", Always)).await.unwrap();
    assert_eq!(bench.value("a").await.as_deref(), Some("4"));
    bench.store.close_session(&session).await.unwrap();
    bench.gone("a").await;
}
