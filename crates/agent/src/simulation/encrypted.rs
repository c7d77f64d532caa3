//! Encrypted networks, with what others do to their records.

use super::{Node, cluster, eventually, network_in};
use std::time::Duration;
use tokio::time::sleep;
use weft_model::{Key, Keyspace, Network, NetworkId, Record};
use weft_plan::{Carrier, Kind, Netns};
use weft_store::{Condition, MemoryStore, Store, Txn};

fn path(key: &Key) -> String {
    Keyspace::new("weft").path(key)
}

/// Two nodes with an endpoint each on an encrypted network.
async fn two() -> (MemoryStore, Vec<Node>, NetworkId) {
    let (store, nodes) = cluster(2).await;
    let mut request = network_in("secret", "10.0.7.0/24");
    request.options.insert("encrypted".to_owned(), String::new());
    let id = nodes[0].core().networks.create(request).await.unwrap();
    eventually("it is seen", || nodes[1].core().known().networks.contains_key(&id)).await;
    for node in &nodes {
        node.attach("secret", node.config.node_name.as_str()).await.unwrap();
    }
    for node in &nodes {
        eventually("each is the other's peer", || peers(node) == Some(1)).await;
    }
    (store, nodes, id)
}

/// How many hosts the tunnels of a node lead to.
fn peers(node: &Node) -> Option<usize> {
    node.kernel.kernel(|kernel| {
        let tunnel = kernel.namespaces.get(&Netns::Tunnel)?.links.values().next()?;
        Some(tunnel.peers.len())
    })
}

/// What carries the packets of each segment of a node.
fn carriers(node: &Node) -> Vec<Carrier> {
    let carrier = |kind: &Kind| match kind {
        Kind::Vxlan { carrier, .. } => Some(*carrier),
        _ => None,
    };
    node.kernel.kernel(|kernel| {
        let links = kernel.namespaces.values().flat_map(|namespace| namespace.links.values());
        links.filter_map(|link| carrier(&link.kind)).collect()
    })
}

fn nobody_is_cut_off(nodes: &[Node]) {
    for node in nodes {
        let here = node.core().endpoints.here();
        assert!(here.values().all(|local| local.fenced.is_none()), "{here:?}");
        assert_eq!((carriers(node), peers(node)), (vec![Carrier::Tunnel], Some(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_lost_alone_is_put_back() {
    let (store, nodes, id) = two().await;
    let key = path(&Key::EncryptedNetwork(id));
    store.commit(Txn::new().delete(&key, Condition::Always)).await.unwrap();
    sleep(Duration::from_secs(90)).await;
    assert!(store.get(&key).await.unwrap().is_some());
    nobody_is_cut_off(&nodes);
}

#[tokio::test(start_paused = true)]
async fn a_record_in_clear_in_its_place_changes_nothing() {
    let (store, mut nodes, id) = two().await;
    let (key, clear) = (path(&Key::EncryptedNetwork(id)), path(&Key::Network(id)));
    let entry = store.get(&key).await.unwrap().unwrap();
    let mut network = Network::from_json(&entry.value).unwrap();
    network.options.clear();
    let lie = Txn::new().delete(&key, Condition::Always).put(&clear, network.to_json(), Condition::Always);
    store.commit(lie).await.unwrap();
    // Also for an agent that remembers it alone.
    nodes[1].kill().await;
    nodes[1].start();
    sleep(Duration::from_secs(90)).await;
    assert!(store.get(&key).await.unwrap().is_some(), "it is put back");
    nobody_is_cut_off(&nodes);
    for node in &nodes {
        assert!(node.core().known().networks[&id].is_encrypted());
        let problems = node.core().reporter.describe().problems;
        assert!(problems.iter().any(|problem| problem.contains("not served in clear")), "{problems:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn segments_that_would_meet_in_the_host_are_refused() {
    let (_store, nodes) = cluster(1).await;
    let mut request = network_in("secret", "10.0.7.0/24");
    request.options.insert("encrypted".to_owned(), "true".to_owned());
    let another = network_in("another", "10.0.8.0/24").pools.remove(0);
    request.pools.push(another);
    let refused = nodes[0].core().networks.create(request).await.unwrap_err().to_string();
    assert!(refused.contains("has one segment"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_anothers_key_is_named_and_takes_no_turns() {
    let (store, nodes, _) = two().await;
    let key = path(&Key::Node(nodes[1].config.node_name.clone()));
    let entry = store.get(&key).await.unwrap().unwrap();
    let liar = path(&Key::Node("liar".parse().unwrap()));
    store.commit(Txn::new().put(liar, entry.value, Condition::Always)).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    let problems = nodes[0].core().reporter.describe().problems;
    assert!(problems.iter().any(|problem| problem.contains("host2 and liar have one key")), "{problems:?}");
    assert_eq!(peers(&nodes[0]), Some(1));
}
