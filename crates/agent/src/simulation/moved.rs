//! Hosts whose addresses change, and records of theirs that others write.

use super::{Node, cluster, eventually, network};
use std::{collections::BTreeSet, net::IpAddr};
use weft_model::{IfName, KeyFingerprint, Node as NodeRecord, Record};
use weft_plan::{Kind, Netns};
use weft_store::{Condition, Store, Txn};

/// Where a node's VXLAN devices are, and where they send to.
pub(super) fn vteps(node: &Node) -> (BTreeSet<IpAddr>, BTreeSet<IpAddr>) {
    node.kernel.kernel(|kernel| {
        let segments = kernel.namespaces.iter().filter(|(place, _)| matches!(place, Netns::Segment(_)));
        let devices: Vec<_> = segments.filter_map(|(_, all)| all.links.get(&IfName::vxlan())).collect();
        let own = devices.iter().filter_map(|link| match link.kind {
            Kind::Vxlan { vtep, .. } => Some(vtep),
            _ => None,
        });
        let others = devices.iter().flat_map(|link| link.fdb.iter().map(|(_, vtep)| vtep));
        (own.collect(), others.collect())
    })
}

pub(super) async fn two_nodes() -> (weft_store::MemoryStore, Vec<Node>) {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    nodes[0].attach("overlay", "a").await.unwrap();
    nodes[1].attach("overlay", "b").await.unwrap();
    (store, nodes)
}

async fn agree(nodes: &[Node], first: IpAddr, second: IpAddr) {
    eventually("both send to where the other is", || {
        vteps(&nodes[0]) == (BTreeSet::from([first]), BTreeSet::from([second]))
            && vteps(&nodes[1]) == (BTreeSet::from([second]), BTreeSet::from([first]))
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_host_that_moves_is_followed() {
    let (_store, nodes) = two_nodes().await;
    let [first, second, third]: [IpAddr; 3] =
        [[192, 168, 77, 11].into(), [192, 168, 77, 12].into(), [192, 168, 77, 99].into()];
    agree(&nodes, first, second).await;
    let session = nodes[1].core().access.identity().session();
    nodes[1].move_to(third);
    agree(&nodes, first, third).await;
    assert_eq!(nodes[1].core().access.identity().session(), session, "it was up all the time");
    assert_eq!(nodes[1].core().reporter.describe().vtep, third);
    // Also while the store is away: when it is back.
    nodes.iter().for_each(|node| node.store.faults().set_unavailable(true));
    nodes[1].move_to(second);
    eventually("its own devices follow at once", || vteps(&nodes[1]).0 == BTreeSet::from([second])).await;
    nodes.iter().for_each(|node| node.store.faults().set_unavailable(false));
    agree(&nodes, first, second).await;
}

/// An engine makes and removes networks all day.
#[tokio::test(start_paused = true)]
async fn what_a_host_uses_says_nothing_of_since_when_it_is_up() {
    let (_store, nodes) = two_nodes().await;
    let seen =
        || nodes[0].core().nodes.node_views().into_iter().find(|view| view.name.as_str() == "host2").unwrap();
    let before = seen();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    nodes[1].route("10.8.0.0/16");
    eventually("it is known", || seen().node.uses.len() == 1).await;
    assert!(before.since.is_some() && seen().since == before.since, "it was up all the time");
}

/// The MTU of everything that a node has of its segments and containers.
fn mtus(node: &Node) -> BTreeSet<u32> {
    node.kernel.kernel(|kernel| {
        let places = kernel.namespaces.iter().filter(|(place, _)| **place != Netns::Host);
        let links = places.flat_map(|(_, all)| all.links.values().filter(|link| link.kind != Kind::Loopback));
        links.map(|link| link.mtu).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn the_least_of_the_hosts_on_a_network_holds() {
    let (_store, mut nodes) = cluster(3).await;
    nodes[0].carries(9000);
    nodes[1].carries(9000);
    nodes[2].carries(1400);
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || {
        nodes.iter().all(|node| node.core().networks.network_view("overlay").is_ok())
    })
    .await;
    let says = |of: &Node| -> Vec<_> {
        of.core().nodes.node_views().into_iter().map(|view| view.node.underlay_mtu.unwrap()).collect()
    };
    eventually("they say so", || nodes.iter().all(|node| says(node) == [9000, 9000, 1400])).await;
    nodes[0].attach("overlay", "a").await.unwrap();
    nodes[1].attach("overlay", "b").await.unwrap();
    let are = |nodes: &[Node], mtu| nodes.iter().all(|node| mtus(node) == BTreeSet::from([mtu]));
    eventually("they take what fits", || are(&nodes[..2], 8950)).await;
    let began = tokio::time::Instant::now();
    nodes[2].attach("overlay", "c").await.unwrap();
    eventually("all take what fits through the third, too", || are(&nodes, 1350)).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(nodes[0].core().reporter.plan().await.unwrap(), Vec::<String>::new());
    nodes[2].carries(1300);
    eventually("it goes down with it", || are(&nodes, 1250)).await;
    // It may swing: an agent that was started a moment ago does not take more at once either.
    nodes[0].kill().await;
    nodes[2].carries(9000);
    nodes[0].start();
    eventually("all say so", || says(&nodes[1]) == [9000; 3] && says(&nodes[0]) == [9000; 3]).await;
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(are(&nodes, 1250));
    nodes[2].carries(1300);
    eventually("all say so", || says(&nodes[0]) == [9000, 9000, 1300]).await;
    let left = tokio::time::Instant::now();
    nodes[2].core().endpoints.detach_endpoint("overlay", "c").await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(560)).await;
    assert!(are(&nodes[..2], 1250));
    eventually("it goes up in the end", || are(&nodes[..2], 8950)).await;
    assert!(left.elapsed() > std::time::Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_else_wrote_is_put_right() {
    let (store, nodes) = two_nodes().await;
    let [first, second]: [IpAddr; 2] = [[192, 168, 77, 11].into(), [192, 168, 77, 12].into()];
    let key = "weft/v1/nodes/host2".to_owned();
    let entry = store.get(&key).await.unwrap().unwrap();
    let record = NodeRecord::from_json(&entry.value).unwrap();
    let liar = NodeRecord { vtep: [192, 168, 77, 66].into(), ..record };
    store.commit(Txn::new().put(key.clone(), liar.to_json(), Condition::Always)).await.unwrap();
    eventually("it is heard of", || vteps(&nodes[0]).1.contains(&liar.vtep)).await;
    agree(&nodes, first, second).await;
}

/// By which key the first host knows the second, once that is in.
fn key_of_second(nodes: &[Node]) -> Option<Option<KeyFingerprint>> {
    nodes[0].core().known().nodes.get(&nodes[1].config.node_name).map(|node| node.fingerprint)
}

#[tokio::test(start_paused = true)]
async fn the_key_that_a_record_says_is_put_right() {
    let (store, mut nodes) = cluster(2).await;
    nodes[1].kill().await;
    nodes[1].has_key = true;
    nodes[1].start();
    eventually("it says its key", || key_of_second(&nodes).flatten().is_some()).await;
    let good = key_of_second(&nodes);
    let key = "weft/v1/nodes/host2".to_owned();
    for lie in [None, Some([7; 32].into())] {
        let record = NodeRecord::from_json(&store.get(&key).await.unwrap().unwrap().value).unwrap();
        let lie = NodeRecord { fingerprint: lie, ..record };
        store.commit(Txn::new().put(key.clone(), lie.to_json(), Condition::Always)).await.unwrap();
        eventually("it is heard of", || key_of_second(&nodes) == Some(lie.fingerprint)).await;
        eventually("it is put right", || key_of_second(&nodes) == good).await;
    }
    // One that was stopped keeps its own.
    nodes[1].kill().await;
    nodes[1].start();
    nodes[1].joined(2).await;
    assert_eq!(key_of_second(&nodes), good);
}
