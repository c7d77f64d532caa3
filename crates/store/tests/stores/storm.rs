//! What makes a client list all there is again, and what does not.

use crate::{
    consul::ready,
    proxy::{Line, Proxy},
    servers::Server,
};
use futures::{StreamExt, stream::BoxStream};
use std::{path::PathBuf, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use weft_store::{
    Condition, Event, Listing, Revision, Store, StoreError, StoreOptions, Txn, Update, connect,
};

const ROOT: &str = "weft/v1/";

fn store(scheme: &str, proxy: &Proxy) -> Arc<dyn Store> {
    let url = format!("{scheme}://{}", proxy.address).parse().unwrap();
    connect(&url, &StoreOptions::default(), None, &PathBuf::new()).unwrap().store
}

async fn put(store: &dyn Store, key: &str) {
    store.commit(Txn::new().put(format!("{ROOT}{key}"), "value", Condition::Always)).await.unwrap();
}

/// The next thing that a watch tells.
async fn told(updates: &mut BoxStream<'static, Result<Update, StoreError>>) -> Update {
    let next = timeout(Duration::from_secs(10), updates.next()).await.expect("it is told");
    next.expect("it goes on").expect("it does not fail")
}

fn keys(update: &Update) -> Vec<String> {
    let key = |event: &Event| match event {
        Event::Put(entry) => entry.key.clone(),
        Event::Delete(key) => key.clone(),
    };
    match update {
        Update::Events { events, .. } => events.iter().map(key).collect(),
        Update::Snapshot(Listing { entries, .. }) => entries.iter().map(|entry| entry.key.clone()).collect(),
    }
}

/// A store behind a load balancer that cuts connections after three seconds. A watch does not notice, and hears of
/// every change.
async fn a_watch_outlives_its_connections(scheme: &str, port: u16) {
    let line = Line { idle: Duration::from_secs(3), ..Line::FAST };
    let proxy = Proxy::new(port, line).await;
    let (store, other) = (store(scheme, &proxy), store(scheme, &Proxy::new(port, Line::FAST).await));
    ready(&*other).await;
    put(&*other, "first").await;
    let mut updates = store.watch(ROOT, store.view(ROOT, None).await.unwrap().revision);
    for round in 0..3 {
        let quiet = timeout(Duration::from_secs(4), updates.next()).await;
        assert!(quiet.is_err(), "nothing happened, and it is told {quiet:?}");
        let key = format!("round{round}");
        put(&*other, &key).await;
        // That alone, and not all there is.
        assert_eq!(keys(&told(&mut updates).await), [format!("{ROOT}{key}")]);
    }
}

#[tokio::test]
async fn consul_behind_a_balancer() {
    let Some(server) = Server::consul(&[]) else { return };
    a_watch_outlives_its_connections("consul", server.port).await;
}

#[tokio::test]
async fn etcd_behind_a_balancer() {
    let Some(server) = Server::etcd(&[]) else { return };
    a_watch_outlives_its_connections("etcd", server.port).await;
}

#[tokio::test]
async fn a_change_that_is_lost_has_nobody_list_again() {
    let Some(server) = Server::consul(&[]) else { return };
    let proxy = Proxy::new(server.port, Line::FAST).await;
    let store = store("consul", &proxy);
    ready(&*store).await;
    put(&*store, "first").await;
    let mut updates = store.watch(ROOT, store.view(ROOT, None).await.unwrap().revision);
    let lose = async {
        for _ in 0..3 {
            proxy.drop_changes(true);
            let lost = store.open_session(Duration::from_secs(10)).await;
            assert!(lost.is_err_and(|error| error.is_transient()));
            proxy.drop_changes(false);
        }
        put(&*store, "second").await;
    };
    let (update, ()) = futures::join!(told(&mut updates), lose);
    assert_eq!(keys(&update), ["weft/v1/second"]);
    assert_eq!(proxy.asked("recurse&consistent") + proxy.asked("recurse&stale"), 1, "it was listed once");
}

#[tokio::test]
async fn a_tree_that_takes_long_can_be_had() {
    let Some(server) = Server::consul(&[]) else { return };
    let fast = store("consul", &Proxy::new(server.port, Line::FAST).await);
    ready(&*fast).await;
    for n in 0..40 {
        let txn = Txn::new().put(format!("{ROOT}{n}"), vec![b'x'; 8 << 10], Condition::Absent);
        fast.commit(txn).await.unwrap();
    }
    // Half a megabyte, in ten times the time that an ordinary call has.
    let line = Line { tenth: 6 << 10, ..Line::FAST };
    let slow = store("consul", &Proxy::new(server.port, line).await);
    let began = Instant::now();
    assert_eq!(slow.view(ROOT, None).await.unwrap().entries.len(), 40);
    assert!(began.elapsed() > Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_was_seen_is_the_least_that_is_told() {
    for (scheme, server) in [("consul", Server::consul(&[])), ("etcd", Server::etcd(&[]))] {
        let Some(server) = server else { return };
        let store = store(scheme, &Proxy::new(server.port, Line::FAST).await);
        ready(&*store).await;
        put(&*store, "a").await;
        let first = store.view(ROOT, None).await.unwrap();
        put(&*store, "b").await;
        let second = store.view(ROOT, Some(first.revision)).await.unwrap();
        assert_eq!(second.entries.len(), 2, "{scheme}");
        // A store that went back: what it has is what there is.
        let back = store.view(ROOT, Some(Revision(second.revision.0 + 1000))).await.unwrap();
        assert_eq!(back, second, "{scheme}");
    }
}
