//! Watching.

use super::Bench;
use futures::{StreamExt, stream::BoxStream};
use rand::{RngExt, SeedableRng};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;
use weft_store::{Condition, Event, Listing, Revision, StoreError, Txn, Update};

/// What a client that follows a watch knows.
struct View {
    root: String,
    values: BTreeMap<String, Vec<u8>>,
    revision: Revision,
    updates: BoxStream<'static, Result<Update, StoreError>>,
}

impl View {
    fn of(bench: &Bench, listing: Listing) -> Self {
        let updates = bench.store.watch(&bench.root, listing.revision);
        let revision = listing.revision;
        let mut view = Self { root: bench.root.clone(), values: BTreeMap::new(), revision, updates };
        view.replace(listing);
        view
    }

    fn replace(&mut self, listing: Listing) {
        self.values = listing.entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    }

    async fn next(&mut self) -> Revision {
        let revision = self.take_in().await;
        self.revision = revision;
        let foreign = self.values.keys().find(|key| !key.starts_with(&self.root));
        assert_eq!(foreign, None, "the watch was of {}", self.root);
        revision
    }

    async fn take_in(&mut self) -> Revision {
        match self.updates.next().await.expect("the watch ended").unwrap() {
            Update::Snapshot(listing) => {
                let revision = listing.revision;
                self.replace(listing);
                revision
            }
            Update::Events { events, revision } => {
                for event in events {
                    match event {
                        Event::Put(entry) => self.values.insert(entry.key, entry.value),
                        Event::Delete(key) => self.values.remove(&key),
                    };
                }
                revision
            }
        }
    }

    /// Follows the watch until it has come as far as the keys have now.
    async fn catch_up(&mut self, bench: &Bench) {
        let mark = bench.store.mark(&bench.root).await.unwrap();
        let caught_up = timeout(Duration::from_secs(10), async {
            while !mark.is_met(self.revision, || self.values.len() as u64) {
                self.next().await;
            }
        });
        caught_up.await.unwrap_or_else(|_| panic!("{mark:?} is not met at {:?}", self.revision));
    }

    /// Follows the watch until it shows just these, by name.
    async fn until(&mut self, bench: &Bench, wanted: &[(&str, &str)]) {
        let wanted: BTreeMap<_, _> =
            wanted.iter().map(|(name, value)| (bench.key(name), value.as_bytes().to_vec())).collect();
        while self.values != wanted {
            self.next().await;
        }
    }
}

pub async fn a_watch_tells_what_happened_since(bench: Bench) {
    bench.put("a", "1").await;
    bench.put("b", "1").await;
    let listing = bench.list().await;
    // Between the list and the first poll of the watch: nothing may get lost.
    bench.put("a", "2").await;
    bench.delete("b").await;
    let mut view = View::of(&bench, listing);
    view.until(&bench, &[("a", "2")]).await;
    bench.put("c", "1").await;
    view.until(&bench, &[("a", "2"), ("c", "1")]).await;
    bench.delete("a").await;
    view.until(&bench, &[("c", "1")]).await;
    bench.delete("c").await;
    view.until(&bench, &[]).await;
}

pub async fn a_watch_that_has_caught_up_has_missed_nothing(bench: Bench) {
    bench.put("a", "0").await;
    let mut view = View::of(&bench, bench.list().await);
    view.catch_up(&bench).await;
    for round in 1..20 {
        let (name, value) = (["a", "b", "c"][round % 3], round.to_string());
        // What is last may be a deletion, of which no key is left to tell.
        let wanted = if round % 2 == 0 { None } else { Some(value.as_bytes()) };
        match wanted {
            Some(_) => bench.put(name, &value).await,
            None => bench.delete(name).await,
        }
        view.catch_up(&bench).await;
        assert_eq!(view.values.get(&bench.key(name)).map(Vec::as_slice), wanted, "round {round}");
    }
}

pub async fn a_watch_catches_up_while_only_others_write(bench: Bench) {
    bench.put("in/a", "1").await;
    bench.put("in/b", "1").await;
    let inside = Bench { root: bench.key("in/"), ..bench.clone() };
    let mut view = View::of(&inside, inside.list().await);
    bench.delete("in/b").await;
    for round in 0..5 {
        bench.put("out/a", &round.to_string()).await;
        view.catch_up(&inside).await;
    }
    view.until(&inside, &[("a", "1")]).await;
}

pub async fn a_watch_tells_nothing_of_other_prefixes(bench: Bench) {
    bench.put("in/a", "1").await;
    let inside = Bench { root: bench.key("in/"), ..bench.clone() };
    let mut view = View::of(&inside, inside.list().await);
    bench.put("out/a", "1").await;
    bench.put("in", "1").await;
    bench.put("in/b", "1").await;
    view.until(&inside, &[("a", "1"), ("b", "1")]).await;
}

pub async fn a_watch_sees_keys_go_with_their_session(bench: Bench) {
    let session = bench.session().await;
    bench.put("stays", "1").await;
    let txn = Txn::new().put_bound(bench.key("goes"), "1", Condition::Always, session.clone());
    bench.store.commit(txn).await.unwrap();
    let mut view = View::of(&bench, bench.list().await);
    assert_eq!(view.values.len(), 2);
    // Not closed: it has to end by itself.
    view.until(&bench, &[("stays", "1")]).await;
}

pub async fn a_watch_of_nothing_sees_the_first_key(bench: Bench) {
    let mut view = View::of(&bench, bench.list().await);
    let (_, ()) = futures::join!(view.until(&bench, &[("first", "1")]), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bench.put("first", "1").await;
    });
}

/// Random changes, watched from random moments on: in the end every watch knows what a list says, and revisions never
/// go back.
pub async fn a_replayed_watch_equals_a_list(bench: Bench) {
    let seed: u64 = rand::random();
    eprintln!("a_replayed_watch_equals_a_list: seed {seed}");
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let mut views = Vec::new();
    for round in 0..60 {
        if round % 20 == 0 {
            views.push(View::of(&bench, bench.list().await));
        }
        let mut txn = Txn::new();
        for n in 0..8 {
            let key = bench.key(&format!("{n}"));
            txn = match rng.random_range(0..4) {
                0 => txn.put(key, format!("{round}"), Condition::Always),
                1 => txn.delete(key, Condition::Always),
                _ => txn,
            };
        }
        bench.store.commit(txn).await.unwrap();
    }
    bench.put("end", "1").await;
    let wanted = bench.list().await;
    let end = bench.key("end");
    for mut view in views {
        let mut revision = Revision(0);
        while !view.values.contains_key(&end) {
            let next = view.next().await;
            assert!(next >= revision, "{next:?} after {revision:?}");
            revision = next;
        }
        let listed: BTreeMap<_, _> =
            wanted.entries.iter().map(|entry| (entry.key.clone(), entry.value.clone())).collect();
        assert_eq!(view.values, listed, "seed {seed}");
    }
}
