//! Agents that are pointed at another store, or whose store turns out to be another cluster's.

use super::{Node, Transcript, cluster, eventually, network};
use std::time::Duration;
use tokio::time::sleep;
use weft_model::{Key, Keyspace};
use weft_state::view::Gate;
use weft_store::{Condition, MemoryStore, Store, Txn};
use weft_verbs::Kind;

/// Everything in a store, without the keys that are bound to sessions.
async fn content(store: &MemoryStore) -> Vec<(String, String)> {
    let entries = store.list("").await.unwrap().entries.into_iter().filter(|entry| entry.session.is_none());
    entries.map(|entry| (entry.key, String::from_utf8(entry.value).unwrap())).collect()
}

fn cluster_key() -> String {
    Keyspace::new("weft").path(&Key::Cluster)
}

/// Two nodes, the first with an endpoint, and what is known of it written down.
async fn two_with_an_endpoint() -> (MemoryStore, Vec<Node>) {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    nodes[0].attach("overlay", "a").await.unwrap();
    sleep(Duration::from_secs(3)).await;
    (store, nodes)
}

async fn refused(node: &Node) -> String {
    let core = node.core();
    eventually("it is refused", || {
        core.access.view().borrow().gate == Gate::Refused && !core.reporter.describe().problems.is_empty()
    })
    .await;
    core.reporter.describe().problems.concat()
}

/// The first node is started with `other`, is refused there, and nothing changes; then it goes back.
async fn tries(other: &MemoryStore, said: &str) {
    let (store, mut nodes) = two_with_an_endpoint().await;
    let (running, there, before) =
        (nodes[0].kernel.kernel(|kernel| kernel.clone()), content(other).await, content(&store).await);
    nodes[0].kill().await;
    let (own, name) = nodes[0].turn_to(other, "elsewhere");
    nodes[0].start();
    let why = refused(&nodes[0]).await;
    for part in [said, "elsewhere", "memory", "weft store copy", "weft leave"] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let error = nodes[0].attach("overlay", "b").await.unwrap_err();
    assert!(error.kind == Kind::Unavailable && error.to_string().contains(said), "{error}");
    nodes[0].kernel.remove_container("/run/netns/b");
    sleep(Duration::from_secs(60)).await;
    assert_eq!(nodes[0].kernel.kernel(|kernel| kernel.clone()), running);
    assert_eq!(content(other).await, there, "nothing is written there");
    nodes[0].kill().await;
    nodes[0].turn_to(&own, &name);
    nodes[0].start();
    nodes[0].joined(2).await;
    assert_eq!(nodes[0].kernel.kernel(|kernel| kernel.clone()), running);
    let without_marks = |all: Vec<(String, String)>| {
        all.into_iter().filter(|(key, _)| !key.contains("/nodes/")).collect::<Vec<_>>()
    };
    assert_eq!(without_marks(content(&store).await), without_marks(before), "nothing was lost");
    nodes[0].attach("overlay", "c").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_empty_store_elsewhere_is_refused() {
    tries(&MemoryStore::new(), "is empty").await;
}

#[tokio::test(start_paused = true)]
async fn another_cluster_is_refused() {
    let other = MemoryStore::new();
    let mut theirs = Node::seeded(4, &other, 7, &Transcript::new(false));
    theirs.start();
    theirs.joined(1).await;
    theirs.core().networks.create(network("overlay")).await.unwrap();
    theirs.kill().await;
    other.expire_all_sessions();
    tries(&other, "has another cluster").await;
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_was_copied_is_the_same_wherever_it_is() {
    let (store, mut nodes) = two_with_an_endpoint().await;
    let running = nodes[0].kernel.kernel(|kernel| kernel.clone());
    for node in &mut nodes {
        node.kill().await;
    }
    store.expire_all_sessions();
    let other = MemoryStore::new();
    weft_store::copy(&store, &other, "weft/", false).await.unwrap();
    for node in &mut nodes {
        node.turn_to(&other, "elsewhere");
        node.start();
    }
    for node in &nodes {
        node.joined(2).await;
        assert!(node.core().access.view().borrow().error.is_none());
    }
    assert!(other.get("weft/v1/rebuilt").await.unwrap().is_none(), "nothing was lost on the way");
    assert_eq!(nodes[0].kernel.kernel(|kernel| kernel.clone()), running);
    // And from now on that is where it is: wiped, it is rebuilt.
    sleep(Duration::from_secs(3)).await;
    let id = other.get(&cluster_key()).await.unwrap().unwrap().value;
    other.wipe();
    let core = nodes[0].core();
    eventually("it is rebuilt", || {
        core.known().times_rebuilt() == 1 && core.access.view().borrow().error.is_none()
    })
    .await;
    assert_eq!(other.get(&cluster_key()).await.unwrap().unwrap().value, id);
}

#[tokio::test(start_paused = true)]
async fn who_has_nothing_goes_where_it_is_told() {
    let (other, theirs) = cluster(1).await;
    let mut node = Node::seeded(2, &MemoryStore::new(), 7, &Transcript::new(false));
    node.store_name = "its own".to_owned();
    node.start();
    node.joined(1).await;
    node.kill().await;
    node.turn_to(&other, "memory");
    node.start();
    node.joined(2).await;
    assert_eq!(node.core().reporter.cluster(), theirs[0].core().reporter.cluster());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_becomes_anothers_while_the_agent_runs_is_refused() {
    let (store, nodes) = two_with_an_endpoint().await;
    let id = store.get(&cluster_key()).await.unwrap().unwrap().value;
    let other = id.iter().map(|byte| if *byte == b'a' { b'b' } else { *byte }).collect::<Vec<_>>();
    let other =
        if other == id { id.iter().map(|b| if *b == b'0' { b'1' } else { *b }).collect() } else { other };
    store.commit(Txn::new().put(cluster_key(), other, Condition::Always)).await.unwrap();
    for node in &nodes {
        refused(node).await;
        assert_eq!(node.core().known().all_endpoints().count(), 1);
    }
    store.commit(Txn::new().put(cluster_key(), id.clone(), Condition::Always)).await.unwrap();
    for node in &nodes {
        node.joined(2).await;
        let core = node.core();
        eventually("all is well", || core.access.view().borrow().error.is_none()).await;
    }
    // One that is deleted is written again.
    store.commit(Txn::new().delete(cluster_key(), Condition::Always)).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(store.get(&cluster_key()).await.unwrap().unwrap().value, id);
    assert!(nodes[0].core().access.view().borrow().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_finds_its_cluster_and_names_it() {
    let (store, mut nodes) = two_with_an_endpoint().await;
    for node in &mut nodes {
        node.kill().await;
        std::fs::remove_file(node.config.data_dir.join("home.json")).unwrap();
    }
    store.commit(Txn::new().delete(cluster_key(), Condition::Always)).await.unwrap();
    // Elsewhere is not where it was.
    let (own, name) = nodes[0].turn_to(&MemoryStore::new(), "elsewhere");
    nodes[0].start();
    assert!(refused(&nodes[0]).await.contains("is empty"));
    nodes[0].kill().await;
    nodes[0].turn_to(&own, &name);
    for node in &mut nodes {
        node.start();
    }
    for node in &nodes {
        node.joined(2).await;
    }
    let ids: Vec<_> = nodes.iter().map(|node| node.core().reporter.cluster()).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1]);
    assert_eq!(nodes[0].core().endpoints.here().values().filter(|local| local.fenced.is_some()).count(), 0);
}
