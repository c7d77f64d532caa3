//! Stores that lose what they had: wiped, or brought back from a backup.

mod absent;
mod by_hand;
mod lacking;

use super::{Node, cluster, eventually, network};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use weft_model::Keyspace;
use weft_store::{Condition, MemoryStore, Store, Txn, memory::Backup};
use weft_verbs::{CreateNetwork, JoinOptions, Kind, PoolRequest};

const CLUSTER: &str = "weft/v1/cluster";

/// What is in the store, without the `live` records and without keys that only count or mark.
async fn content(store: &MemoryStore) -> Vec<(String, String)> {
    let listing = store.list("weft").await.unwrap();
    let shown = |key: &str| {
        !["/live/", "/latest/", "/cursors/", "/rebuilt", "/epoch"].iter().any(|part| key.contains(part))
    };
    let entries = listing.entries.into_iter().filter(|entry| shown(&entry.key));
    entries
        .map(|entry| {
            let mut value: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
            if let Some(fields) = value.as_object_mut() {
                fields.remove("rebuilt");
            }
            (entry.key, value.to_string())
        })
        .collect()
}

/// Waits until the store has all of `before` again, and every node goes by it.
async fn is_back(store: &MemoryStore, nodes: &[Node], before: &[(String, String)]) {
    let began = Instant::now();
    while content(store).await != before {
        let now = content(store).await;
        assert!(began.elapsed() < Duration::from_secs(60), "not back: {now:#?}, should be {before:#?}");
        sleep(Duration::from_millis(50)).await;
    }
    for node in nodes {
        let core = node.core();
        eventually("the store is gone by again", || core.access.view().borrow().error.is_none()).await;
    }
}

/// Two nodes, each with an endpoint on one network, and a network that nobody is on.
async fn two_with_endpoints() -> (MemoryStore, Vec<Node>) {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    nodes[1].core().networks.create(network("empty")).await.unwrap();
    for node in &nodes {
        eventually("both are seen", || node.core().networks.network_views().len() == 2).await;
    }
    nodes[0].attach("overlay", "a").await.unwrap();
    nodes[1].attach("overlay", "b").await.unwrap();
    for node in &nodes {
        eventually("both are seen", || node.core().known().all_endpoints().count() == 2).await;
    }
    (store, nodes)
}

/// Three nodes, and a network that all of them have seen.
async fn three_with_a_network() -> (MemoryStore, Vec<Node>) {
    let (store, nodes) = cluster(3).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("it is seen", || node.core().networks.network_view("overlay").is_ok()).await;
    }
    (store, nodes)
}

/// Puts an endpoint of each node on the network, under the node's name.
async fn attach_one_each(nodes: &[Node]) {
    for node in nodes {
        node.attach("overlay", node.config.node_name.as_str()).await.unwrap();
    }
    for node in nodes {
        eventually("all are seen", || node.core().known().all_endpoints().count() == nodes.len()).await;
    }
}

/// All that time, no kernel loses an entry.
async fn kernels_stay(nodes: &[Node], running: &[weft_plan::Observed], for_as_long: Duration) {
    let began = Instant::now();
    while began.elapsed() < for_as_long {
        assert_eq!(kernels(nodes), running);
        sleep(Duration::from_millis(5)).await;
    }
}

/// The store loses everything, and is given back no more than which cluster it is.
async fn wipe_all_but_the_id(store: &MemoryStore) {
    let id = store.get(CLUSTER).await.unwrap().unwrap().value;
    store.wipe();
    store.commit(Txn::new().put(CLUSTER, id, Condition::Absent)).await.unwrap();
}

/// A network that is in nobody's way.
fn elsewhere(number: u8) -> CreateNetwork {
    let subnet = Some(format!("192.168.{number}.0/24").parse().unwrap());
    CreateNetwork {
        pools: vec![PoolRequest { subnet, ..PoolRequest::default() }],
        options: [("vni".to_owned(), format!("{}", 9000 + u32::from(number)))].into(),
        ..network(&format!("elsewhere{number}"))
    }
}

/// How the kernels of the nodes are.
fn kernels(nodes: &[Node]) -> Vec<weft_plan::Observed> {
    nodes.iter().map(|node| node.kernel.kernel(|kernel| kernel.clone())).collect()
}

async fn settled(nodes: &[Node]) {
    for node in nodes {
        let core = node.core();
        let began = Instant::now();
        while !core.reporter.plan().await.unwrap().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(10));
            sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_wiped_store_had_is_put_back_as_it_was() {
    let (store, nodes) = two_with_endpoints().await;
    settled(&nodes).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.wipe();
    kernels_stay(&nodes, &running, Duration::from_secs(5)).await;
    is_back(&store, &nodes, &before).await;
    assert_eq!(kernels(&nodes), running);
    // And twice.
    store.wipe();
    is_back(&store, &nodes, &before).await;
    assert_eq!(kernels(&nodes), running);
    nodes[0].attach("overlay", "c").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_agents_are_away_too() {
    let (store, mut nodes) = two_with_endpoints().await;
    settled(&nodes).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    // Time to write down what they know.
    sleep(Duration::from_secs(3)).await;
    for node in &mut nodes {
        node.kill().await;
    }
    store.wipe();
    // One after the other: the first puts back what it knows of the second.
    nodes[0].start();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(nodes[0].core().known().all_endpoints().count(), 2);
    nodes[1].start();
    is_back(&store, &nodes, &before).await;
    settled(&nodes).await;
    assert_eq!(kernels(&nodes), running);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_back_is_brought_forward() {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("old")).await.unwrap();
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    let options = |last| JoinOptions { ipv4: Some(Ipv4Addr::new(10, 0, 1, last)), ..JoinOptions::default() };
    let moves = nodes[0].attach_with("overlay", "moves", options(9)).await.unwrap();
    nodes[0].attach("overlay", "leaves").await.unwrap();
    let backup = store.backup();

    // The address goes to the other node, a network goes, another comes.
    nodes[0].core().endpoints.detach_endpoint("overlay", "moves").await.unwrap();
    nodes[0].core().endpoints.detach_endpoint("overlay", "leaves").await.unwrap();
    eventually("it is free", || nodes[1].core().known().endpoint(&moves.id).is_none()).await;
    nodes[1].attach_with("overlay", "moved", options(9)).await.unwrap();
    nodes[1].core().networks.remove("old").await.unwrap();
    nodes[1].core().networks.create(network("new")).await.unwrap();
    nodes[0].attach("overlay", "comes").await.unwrap();
    for node in &nodes {
        eventually("all is seen", || {
            let known = node.core().known();
            known.all_endpoints().count() == 2
                && node.core().networks.network_view("new").is_ok()
                && known.networks.len() == 2
        })
        .await;
    }
    settled(&nodes).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.restore(&backup);
    let lost = Instant::now();
    while lost.elapsed() < Duration::from_secs(5) {
        assert_eq!(kernels(&nodes), running);
        sleep(Duration::from_millis(5)).await;
    }
    is_back(&store, &nodes, &before).await;
    let fenced = |node: &Node| node.core().endpoints.here().values().any(|local| local.fenced.is_some());
    assert!(!nodes.iter().any(fenced));
}

#[tokio::test(start_paused = true)]
async fn of_what_only_endpoints_say_too() {
    let (store, mut nodes) = two_with_endpoints().await;
    let options = JoinOptions { ipv4: Some(Ipv4Addr::new(10, 0, 0, 77)), ..JoinOptions::default() };
    nodes[1].attach_with("overlay", "first", options.clone()).await.unwrap();
    let backup = store.backup();
    nodes[1].core().endpoints.detach_endpoint("overlay", "first").await.unwrap();
    eventually("it is free", || nodes[0].core().known().all_endpoints().count() == 2).await;
    let second = nodes[0].attach_with("overlay", "second", options).await.unwrap();
    settled(&nodes).await;
    // The node that had the address before is down, and cannot say that it gave it back.
    nodes[1].kill().await;
    sleep(Duration::from_secs(60)).await;
    let running = kernels(&nodes[..1]);
    store.restore(&backup);
    let core = nodes[0].core();
    eventually("it is the second's again", || {
        let known = core.known();
        let pool: ipnet::IpNet = "10.0.0.0/24".parse().unwrap();
        let claim = known
            .claims
            .get(&pool)
            .and_then(|claims| claims.get(&"10.0.0.77".parse::<std::net::IpAddr>().unwrap()));
        core.access.view().borrow().error.is_none() && claim.is_some_and(|claim| claim.endpoint == second.id)
    })
    .await;
    assert_eq!(kernels(&nodes[..1]), running);
    nodes[1].start();
    nodes[1].joined(2).await;
    let other = nodes[1].core();
    eventually("the first is forgotten", || other.known().all_endpoints().count() == 3).await;
    assert!(core.endpoints.here().values().all(|local| local.fenced.is_none()));
}

#[tokio::test(start_paused = true)]
async fn who_finds_another_in_its_place_is_cut_off() {
    let (store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    for node in &mut nodes {
        node.kill().await;
    }
    wipe_all_but_the_id(&store).await;
    // A node that never knew of them takes the name and the pool.
    let mut third = Node::new(3, &store);
    third.start();
    third.joined(1).await;
    third.core().networks.create(network("overlay")).await.unwrap();
    nodes[0].start();
    let core = nodes[0].core();
    eventually("its endpoint is cut off", || {
        core.endpoints.here().values().all(|local| local.fenced.is_some())
    })
    .await;
    let problems = core.reporter.describe().problems;
    assert!(problems.iter().any(|p| p.contains("and another has its name by now")), "{problems:?}");
    eventually("the rest is back", || core.networks.network_view("empty").is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_while_it_is_put_back() {
    let (store, nodes) = two_with_endpoints().await;
    // The other node does not come back: it is waited for.
    nodes[1].store.faults().set_unavailable(true);
    nodes[0].store.faults().set_delay(Duration::from_millis(900));
    store.wipe();
    let core = nodes[0].core();
    eventually("the loss is seen", || core.access.view().borrow().stored.is_some()).await;
    let error = core.networks.create(network("another")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.to_string().contains("lost what it had"), "{error}");
    nodes[0].store.faults().set_delay(Duration::ZERO);
    eventually("it is back", || core.access.view().borrow().error.is_none()).await;
    assert_eq!(core.known().all_endpoints().count(), 2);
    core.networks.create(network("another")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn unless_that_is_not_wanted() {
    let (store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    for node in &mut nodes {
        node.kill().await;
        let config = crate::config::AgentConfig { store_rebuild: false, ..(*node.config).clone() };
        node.config = Arc::new(config);
    }
    store.wipe();
    for node in &mut nodes {
        node.start();
    }
    for node in &nodes {
        node.joined(2).await;
        let core = node.core();
        eventually("what it had is cut off", || {
            core.endpoints.here().values().all(|local| local.fenced.is_some())
        })
        .await;
        assert!(core.known().networks.is_empty());
    }
    assert!(store.get(&format!("{}rebuilt", Keyspace::new("weft").root())).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_restarted_agent_goes_by_what_it_remembers_until_the_store_answers() {
    let (_store, mut nodes) = two_with_endpoints().await;
    settled(&nodes).await;
    sleep(Duration::from_secs(3)).await;
    let running = kernels(&nodes);
    for node in &mut nodes {
        node.kill().await;
        node.store.faults().set_unavailable(true);
        node.start();
    }
    for node in &nodes {
        let core = node.core();
        eventually("a first round", || core.reporter.last_round().is_some()).await;
        assert_eq!(core.known().all_endpoints().count(), 2);
        assert_eq!(core.known().live.len(), 2, "both are answered for");
    }
    sleep(Duration::from_secs(600)).await;
    assert_eq!(kernels(&nodes), running);
    let error = nodes[0].attach("overlay", "c").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    for node in &nodes {
        node.store.faults().set_unavailable(false);
    }
    for node in &nodes {
        node.joined(2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wiped_store_is_noticed_however_much_was_created_in_it_since() {
    let (store, mut nodes) = two_with_endpoints().await;
    settled(&nodes).await;
    sleep(Duration::from_secs(3)).await;
    for node in &mut nodes {
        node.kill().await;
    }
    wipe_all_but_the_id(&store).await;
    // A node that never knew of them creates more than there was.
    let mut third = Node::new(3, &store);
    third.start();
    third.joined(1).await;
    for number in 0..5 {
        third.core().networks.create(elsewhere(number)).await.unwrap();
    }
    for node in &mut nodes {
        node.start();
    }
    nodes.push(third);
    for node in &nodes {
        node.joined(3).await;
        let core = node.core();
        eventually("all of both is there", || {
            core.known().networks.len() == 7 && core.known().all_endpoints().count() == 2
        })
        .await;
        assert!(core.endpoints.here().values().all(|local| local.fenced.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_backup_is_noticed_however_much_was_created_in_the_store_since() {
    let (store, mut nodes) = three_with_a_network().await;
    sleep(Duration::from_secs(3)).await;
    nodes[2].kill().await;
    let backup = store.backup();
    // Neither the backup nor the third node has this.
    nodes[0].core().networks.create(network("later")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("later").is_ok()).await;
    nodes[0].attach("later", "a").await.unwrap();
    sleep(Duration::from_secs(60)).await;
    for node in &mut nodes[..2] {
        node.kill().await;
    }
    store.restore(&backup);
    nodes[2].start();
    nodes[2].joined(1).await;
    for number in 0..5 {
        nodes[2].core().networks.create(elsewhere(number)).await.unwrap();
    }
    for node in &mut nodes[..2] {
        node.start();
    }
    for node in &nodes {
        node.joined(3).await;
        let core = node.core();
        eventually("all of it is there", || {
            core.known().networks.len() == 7 && core.known().all_endpoints().count() == 1
        })
        .await;
        assert!(core.endpoints.here().values().all(|local| local.fenced.is_none()));
    }
}
