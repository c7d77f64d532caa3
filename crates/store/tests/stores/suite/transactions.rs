//! Changes under conditions.

use super::Bench;
use weft_store::{CommitError, Condition, MAX_OPS, Revision, StoreError, Txn};

use Condition::{Absent, Always, Unchanged};

pub async fn each_condition_holds_when_it_should(bench: Bench) {
    bench.put("there", "1").await;
    let there = bench.get("there").await.unwrap().modified;
    let stale = Revision(there.0.wrapping_sub(1));
    let key = |name: &str| bench.key(name);

    let holding = Txn::new().check(key("there"), Always).check(key("gone"), Absent);
    bench.store.commit(holding).await.unwrap();
    bench.store.commit(Txn::new().check(key("there"), Unchanged(there))).await.unwrap();
    bench.store.commit(Txn::new().delete(key("gone"), Always)).await.unwrap();
    bench.store.commit(Txn::new().delete(key("gone"), Absent)).await.unwrap();
    bench.store.commit(Txn::new()).await.unwrap();

    for (name, condition) in [
        ("there", Absent),
        ("there", Unchanged(stale)),
        ("there", Unchanged(Revision(0))),
        ("gone", Unchanged(there)),
        ("gone", Unchanged(Revision(0))),
    ] {
        for txn in [
            Txn::new().check(key(name), condition),
            Txn::new().put(key(name), "2", condition),
            Txn::new().delete(key(name), condition),
        ] {
            assert_eq!(bench.conflict(txn.clone()).await, [name], "{txn:?}");
        }
    }
    assert_eq!(bench.value("there").await.as_deref(), Some("1"));
    assert_eq!(bench.get("gone").await, None);

    bench.store.commit(Txn::new().put(key("there"), "2", Unchanged(there))).await.unwrap();
    assert_eq!(bench.conflict(Txn::new().delete(key("there"), Unchanged(there))).await, ["there"]);
    let now = bench.get("there").await.unwrap().modified;
    bench.store.commit(Txn::new().delete(key("there"), Unchanged(now))).await.unwrap();
    assert_eq!(bench.get("there").await, None);
}

pub async fn a_conflict_changes_nothing_and_names_the_keys(bench: Bench) {
    bench.put("taken", "old").await;
    bench.put("doomed", "old").await;
    let before = bench.list().await.entries;
    let txn = Txn::new()
        .put(bench.key("new"), "new", Absent)
        .put(bench.key("taken"), "new", Absent)
        .delete(bench.key("doomed"), Always)
        .check(bench.key("missing"), Unchanged(Revision(1)));
    let keys = bench.conflict(txn).await;
    // A store may stop at the first, but names no key that is innocent.
    assert!(keys == ["taken", "missing"] || keys == ["taken"] || keys == ["missing"], "{keys:?}");
    assert_eq!(bench.list().await.entries, before);
}

pub async fn sixty_four_operations_go_and_one_more_does_not(bench: Bench) {
    let txn = |count: usize, condition| {
        (0..count).fold(Txn::new(), |txn, n| txn.put(bench.key(&format!("{n:02}")), "v", condition))
    };
    let too_many = bench.store.commit(txn(MAX_OPS + 1, Always)).await;
    assert!(matches!(too_many, Err(CommitError::Store(StoreError::Refused { .. }))), "{too_many:?}");
    assert!(bench.list().await.entries.is_empty());

    bench.store.commit(txn(MAX_OPS, Absent)).await.unwrap();
    let entries = bench.list().await.entries;
    assert_eq!(entries.len(), MAX_OPS);
    assert!(entries.iter().all(|entry| entry.modified == entries[0].modified), "one change, one revision");
    let keys = bench.conflict(txn(MAX_OPS, Absent)).await;
    assert_eq!(keys[0], "00");
}

pub async fn what_counts_twice_fits_half_as_often(bench: Bench) {
    const HALF: usize = MAX_OPS / 2;
    let session = bench.session().await;
    let keys: Vec<_> = (0..=HALF).map(|n| bench.key(&format!("{n:02}"))).collect();
    let bound = |keys: &[String]| {
        keys.iter().fold(Txn::new(), |txn, key| txn.put_bound(key, "v", Absent, session.clone()))
    };
    let too_many = bench.store.commit(bound(&keys)).await;
    assert!(matches!(too_many, Err(CommitError::Store(StoreError::Refused { .. }))), "{too_many:?}");
    bench.store.commit(bound(&keys[..HALF])).await.unwrap();

    let delete = bench.list().await.entries.into_iter();
    let delete = delete.fold(Txn::new(), |txn, entry| txn.delete(entry.key, Unchanged(entry.modified)));
    let too_many = delete.clone().delete(&keys[HALF], Unchanged(Revision(1)));
    let too_many = bench.store.commit(too_many).await;
    assert!(matches!(too_many, Err(CommitError::Store(StoreError::Refused { .. }))), "{too_many:?}");
    bench.store.commit(delete).await.unwrap();
    assert!(bench.list().await.entries.is_empty());
    bench.store.close_session(&session).await.unwrap();
}

pub async fn a_key_twice_is_refused(bench: Bench) {
    let txn = Txn::new().put(bench.key("a"), "1", Always).delete(bench.key("a"), Always);
    let result = bench.store.commit(txn).await;
    assert!(matches!(result, Err(CommitError::Store(StoreError::Refused { .. }))), "{result:?}");
}

pub async fn racing_creates_have_one_winner(bench: Bench) {
    let races = (0..16).map(|n| {
        let txn = Txn::new().put(bench.key("name"), format!("{n}"), Absent);
        let txn = txn.put(bench.key(&format!("owner/{n}")), "", Absent);
        bench.store.commit(txn)
    });
    let results = futures::future::join_all(races).await;
    let winners: Vec<_> = (0..16).filter(|n| results[*n].is_ok()).collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    assert_eq!(bench.value("name").await, Some(winners[0].to_string()));
    assert_eq!(bench.list().await.entries.len(), 2, "the losers left something behind");
}

pub async fn racing_increments_all_count(bench: Bench) {
    const WORKERS: usize = 8;
    const EACH: usize = 10;
    bench.put("count", "0").await;
    let workers = (0..WORKERS).map(|_| async {
        for _ in 0..EACH {
            increment(&bench).await;
        }
    });
    futures::future::join_all(workers).await;
    assert_eq!(bench.value("count").await, Some((WORKERS * EACH).to_string()));
}

async fn increment(bench: &Bench) {
    loop {
        let entry = bench.get("count").await.unwrap();
        let count: usize = String::from_utf8(entry.value).unwrap().parse().unwrap();
        let txn = Txn::new().put(bench.key("count"), (count + 1).to_string(), Unchanged(entry.modified));
        match bench.store.commit(txn).await {
            Ok(()) => return,
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => panic!("{error}"),
        }
    }
}

pub async fn revisions_tell_changes_apart(bench: Bench) {
    let mut seen = Vec::new();
    for n in 0..5 {
        bench.put("key", &n.to_string()).await;
        let listing = bench.list().await;
        assert!(listing.entries[0].modified <= listing.revision);
        seen.push(listing.entries[0].modified);
    }
    bench.delete("key").await;
    bench.put("key", "again").await;
    seen.push(bench.get("key").await.unwrap().modified);
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}
