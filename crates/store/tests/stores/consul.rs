//! The store in a real Consul.

use crate::{servers::Server, suite};
use futures::{Stream, StreamExt};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};
use weft_store::{Condition, ConsulConfig, ConsulStore, Event, Revision, Store, StoreError, Txn, Update};

fn store(port: u16) -> ConsulStore {
    let config = ConsulConfig { servers: vec![format!("127.0.0.1:{port}")], tls: None, token: None };
    ConsulStore::new(&config).unwrap()
}

/// Waits until sessions can be opened: the last thing a server that starts becomes able to do.
pub async fn ready(store: &dyn Store) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match store.open_session(Duration::from_secs(10)).await {
            Ok(session) => return store.close_session(&session).await.unwrap(),
            Err(error) if error.is_transient() && Instant::now() < deadline => {}
            Err(error) => panic!("it does not become ready: {error:?}"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn consul_keeps_the_promises() {
    let Some(server) = Server::consul(&[]) else { return };
    let store = store(server.port);
    ready(&store).await;
    suite::run(Arc::new(store), Duration::from_secs(2)).await;
}

/// Follows a watch until what it tells of is `expected`.
async fn follow(
    updates: &mut (impl Stream<Item = Result<Update, StoreError>> + Unpin),
    keys: &mut BTreeSet<String>,
    expected: &[&str],
) {
    let follow = async {
        while !keys.iter().eq(expected) {
            match updates.next().await.unwrap().unwrap() {
                Update::Snapshot(listing) => {
                    *keys = listing.entries.into_iter().map(|entry| entry.key).collect();
                }
                Update::Events { events, .. } => events.into_iter().for_each(|event| match event {
                    Event::Put(entry) => drop(keys.insert(entry.key)),
                    Event::Delete(key) => drop(keys.remove(&key)),
                }),
            }
        }
    };
    timeout(Duration::from_secs(10), follow).await.expect("it is told");
}

#[tokio::test]
async fn who_watches_hears_at_once_that_more_than_that_was_deleted() {
    let Some(server) = Server::consul(&[]) else { return };
    let store = store(server.port);
    ready(&store).await;
    let put = async |key| store.commit(Txn::new().put(key, "", Condition::Always)).await.unwrap();
    for prefix in ["weft/", "weft"] {
        put("weft/v1/a").await;
        put("weftless").await;
        // A mark below what is watched.
        put("weft/v1/b").await;
        store.commit(Txn::new().delete("weft/v1/b", Condition::Always)).await.unwrap();
        let mut updates = store.watch("weft/v1/", Revision(0));
        let mut keys = BTreeSet::new();
        follow(&mut updates, &mut keys, &["weft/v1/a"]).await;
        let url = format!("http://127.0.0.1:{}/v1/kv/{prefix}?recurse", server.port);
        assert!(reqwest::Client::new().delete(url).send().await.unwrap().status().is_success());
        follow(&mut updates, &mut keys, &[]).await;
    }
}
