//! Stores that lose what they had: wiped, or brought back from a backup.

use super::{Node, cluster, eventually, network};
use crate::core::{CreateNetwork, JoinOptions, Kind, PoolRequest};
use std::{net::Ipv4Addr, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use weft_model::Keyspace;
use weft_store::{Condition, MemoryStore, Store, Txn, memory::Backup};

const CLUSTER: &str = "weft/v1/cluster";

/// What is in the store, but for who is up since when, and what counts or marks.
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
        eventually("the store is gone by again", || core.picture.borrow().error.is_none()).await;
    }
}

/// Two nodes, each with an endpoint on one network, and a network that nobody is on.
async fn two_with_endpoints() -> (MemoryStore, Vec<Node>) {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    nodes[1].core().create(network("empty")).await.unwrap();
    for node in &nodes {
        eventually("both are seen", || node.core().network_views().len() == 2).await;
    }
    nodes[0].attach("overlay", "a").await.unwrap();
    nodes[1].attach("overlay", "b").await.unwrap();
    for node in &nodes {
        eventually("both are seen", || node.core().known().all_endpoints().count() == 2).await;
    }
    (store, nodes)
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
        while !core.rounds.plan().await.unwrap().is_empty() {
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
    let lost = Instant::now();
    // Not for a moment does a kernel forget anybody.
    while lost.elapsed() < Duration::from_secs(5) {
        assert_eq!(kernels(&nodes), running);
        sleep(Duration::from_millis(5)).await;
    }
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
    nodes[0].core().create(network("old")).await.unwrap();
    nodes[0].core().create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().network_view("overlay").is_ok()).await;
    let options = |last| JoinOptions { ipv4: Some(Ipv4Addr::new(10, 0, 1, last)), ..JoinOptions::default() };
    let moves = nodes[0].attach_with("overlay", "moves", options(9)).await.unwrap();
    nodes[0].attach("overlay", "leaves").await.unwrap();
    let backup = store.backup();

    // The address goes to the other node, a network goes, another comes.
    nodes[0].core().detach_endpoint("overlay", "moves").await.unwrap();
    nodes[0].core().detach_endpoint("overlay", "leaves").await.unwrap();
    eventually("it is free", || nodes[1].core().known().endpoint(&moves.id).is_none()).await;
    nodes[1].attach_with("overlay", "moved", options(9)).await.unwrap();
    nodes[1].core().remove("old").await.unwrap();
    nodes[1].core().create(network("new")).await.unwrap();
    nodes[0].attach("overlay", "comes").await.unwrap();
    for node in &nodes {
        eventually("all is seen", || {
            let known = node.core().known();
            known.all_endpoints().count() == 2
                && node.core().network_view("new").is_ok()
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
    let fenced = |node: &Node| node.core().journal.endpoints().values().any(|local| local.fenced.is_some());
    assert!(!nodes.iter().any(fenced));
}

#[tokio::test(start_paused = true)]
async fn of_what_only_endpoints_say_too() {
    let (store, mut nodes) = two_with_endpoints().await;
    let options = JoinOptions { ipv4: Some(Ipv4Addr::new(10, 0, 0, 77)), ..JoinOptions::default() };
    nodes[1].attach_with("overlay", "first", options.clone()).await.unwrap();
    let backup = store.backup();
    nodes[1].core().detach_endpoint("overlay", "first").await.unwrap();
    eventually("it is free", || nodes[0].core().known().all_endpoints().count() == 2).await;
    let second = nodes[0].attach_with("overlay", "second", options).await.unwrap();
    settled(&nodes).await;
    // Whose address it was cannot say that it is not any more.
    nodes[1].kill().await;
    sleep(Duration::from_secs(60)).await;
    let running = kernels(&nodes[..1]);
    store.restore(&backup);
    let core = nodes[0].core();
    eventually("it is the second's again", || {
        let known = core.known();
        let pool = "10.0.0.0/24".parse().unwrap();
        let claim = known.claims.get(&pool).and_then(|claims| claims.get(&"10.0.0.77".parse().unwrap()));
        core.picture.borrow().error.is_none() && claim.is_some_and(|claim| claim.endpoint == second.id)
    })
    .await;
    assert_eq!(kernels(&nodes[..1]), running);
    nodes[1].start();
    nodes[1].joined(2).await;
    let other = nodes[1].core();
    eventually("the first is forgotten", || other.known().all_endpoints().count() == 3).await;
    assert!(core.journal.endpoints().values().all(|local| local.fenced.is_none()));
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
    third.core().create(network("overlay")).await.unwrap();
    nodes[0].start();
    let core = nodes[0].core();
    eventually("its endpoint is cut off", || {
        core.journal.endpoints().values().all(|local| local.fenced.is_some())
    })
    .await;
    let problems = core.describe().problems;
    assert!(problems.iter().any(|p| p.contains("and another has its name by now")), "{problems:?}");
    eventually("the rest is back", || core.network_view("empty").is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_while_it_is_put_back() {
    let (store, nodes) = two_with_endpoints().await;
    // The other node does not come back: it is waited for.
    nodes[1].store.faults().set_unavailable(true);
    nodes[0].store.faults().set_delay(Duration::from_millis(900));
    store.wipe();
    let core = nodes[0].core();
    eventually("the loss is seen", || core.picture.borrow().remains.is_some()).await;
    let error = core.create(network("another")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(error.to_string().contains("lost what it had"), "{error}");
    nodes[0].store.faults().set_delay(Duration::ZERO);
    eventually("it is back", || core.picture.borrow().error.is_none()).await;
    assert_eq!(core.known().all_endpoints().count(), 2);
    core.create(network("another")).await.unwrap();
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
            core.journal.endpoints().values().all(|local| local.fenced.is_some())
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
        eventually("a first round", || core.rounds.last().is_some()).await;
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
    // Somebody who never knew of them creates more than there was.
    let mut third = Node::new(3, &store);
    third.start();
    third.joined(1).await;
    for number in 0..5 {
        third.core().create(elsewhere(number)).await.unwrap();
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
        assert!(core.journal.endpoints().values().all(|local| local.fenced.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_after_a_loss_does_not_come_back_with_who_missed_both() {
    let (store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    sleep(Duration::from_secs(60)).await;
    let before = content(&store).await;
    store.wipe();
    is_back(&store, &nodes[..1], &before).await;
    nodes[0].core().remove("empty").await.unwrap();
    nodes[1].start();
    nodes[1].joined(2).await;
    sleep(Duration::from_secs(60)).await;
    for node in &nodes {
        assert!(node.core().network_view("empty").is_err());
        assert_eq!(node.core().known().all_endpoints().count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_does_not_come_back_with_an_old_copy() {
    let (store, nodes) = two_with_endpoints().await;
    let backup = store.backup();
    nodes[0].core().remove("empty").await.unwrap();
    eventually("both know", || nodes[1].core().network_view("empty").is_err()).await;
    settled(&nodes).await;
    let before = content(&store).await;
    store.restore(&backup);
    is_back(&store, &nodes, &before).await;
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_with_many_removed_networks_does_not_hold_up_what_came_since() {
    let (store, nodes) = cluster(2).await;
    let core = nodes[0].core();
    for number in 0..100 {
        core.create(network(&format!("old{number}"))).await.unwrap();
    }
    let backup = store.backup();
    for number in 0..100 {
        core.remove(&format!("old{number}")).await.unwrap();
    }
    // In the place of the first ones.
    for (node, name) in nodes.iter().zip(["new1", "new2"]) {
        core.create(network(name)).await.unwrap();
        eventually("it is seen", || node.core().network_view(name).is_ok()).await;
        node.attach(name, name).await.unwrap();
    }
    let seen = |core: &crate::core::Core| {
        core.known().networks.len() == 2 && core.known().all_endpoints().count() == 2
    };
    for node in &nodes {
        eventually("all is seen", || seen(&node.core())).await;
        node.store.faults().set_delay(Duration::from_millis(5));
    }
    settled(&nodes).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.restore(&backup);
    is_back(&store, &nodes, &before).await;
    assert_eq!(kernels(&nodes), running);
}

#[tokio::test(start_paused = true)]
async fn who_saw_a_loss_and_was_away_then_does_not_bring_back_what_was_removed_meanwhile() {
    let (store, nodes) = two_with_endpoints().await;
    settled(&nodes).await;
    let before = content(&store).await;
    // It hears of the loss, and can do nothing about it.
    nodes[1].store.faults().lose_changes(1000);
    store.wipe();
    let other = nodes[1].core();
    eventually("both know", || other.picture.borrow().lack.networks).await;
    nodes[1].store.faults().set_unavailable(true);
    let core = nodes[0].core();
    eventually("it is put back", || core.picture.borrow().error.is_none()).await;
    assert_eq!(core.known().networks.len(), 2, "{before:?}");
    core.remove("empty").await.unwrap();
    nodes[1].store.faults().heal();
    eventually("it is there again", || other.picture.borrow().error.is_none()).await;
    sleep(Duration::from_secs(20)).await;
    for core in [core, other] {
        assert_eq!(core.known().networks.len(), 1);
        assert_eq!(core.known().all_endpoints().count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_somebody_overwrites_is_put_back() {
    let (store, nodes) = two_with_endpoints().await;
    let txn = Txn::new().put("weft/v1/epoch", "?", Condition::Always);
    store.commit(txn).await.unwrap();
    let core = nodes[0].core();
    eventually("it is noticed", || core.picture.borrow().error.is_some()).await;
    eventually("it is back", || core.picture.borrow().error.is_none()).await;
    assert!(core.known().epoch.is_some() && core.known().networks.len() == 2);
    core.remove("empty").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_remembers_less_does_not_hold_the_others_up() {
    let (store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    nodes[0].core().remove("empty").await.unwrap();
    // It has not heard of the removal, and remembers more than there should be.
    store.wipe();
    nodes[1].start();
    sleep(Duration::from_secs(20)).await;
    for node in &nodes {
        let core = node.core();
        assert_eq!(core.picture.borrow().error, None);
        assert_eq!(core.known().networks.len(), 1);
        assert_eq!(core.known().all_endpoints().count(), 2);
        assert!(core.journal.endpoints().values().all(|local| local.fenced.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_down_meanwhile_keeps_what_it_had() {
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("it is seen", || node.core().network_view("overlay").is_ok()).await;
        node.attach("overlay", node.config.node_name.as_str()).await.unwrap();
    }
    for node in &nodes {
        eventually("all are seen", || node.core().known().all_endpoints().count() == 3).await;
    }
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    settled(&nodes[..2]).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.wipe();
    let lost = Instant::now();
    while lost.elapsed() < Duration::from_secs(20) {
        assert_eq!(kernels(&nodes), running);
        sleep(Duration::from_millis(5)).await;
    }
    is_back(&store, &nodes[..2], &before).await;
    // Its address is not handed out.
    for number in 0..3 {
        nodes[0].attach("overlay", &format!("more{number}")).await.unwrap();
    }
    nodes[2].start();
    nodes[2].joined(3).await;
    let core = nodes[2].core();
    eventually("all are seen", || core.known().all_endpoints().count() == 6).await;
    assert!(core.journal.endpoints().values().all(|local| local.fenced.is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_lacks_endpoints_alone_is_noticed() {
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("it is seen", || node.core().network_view("overlay").is_ok()).await;
    }
    let backup = store.backup();
    for node in &nodes {
        node.attach("overlay", node.config.node_name.as_str()).await.unwrap();
    }
    for node in &nodes {
        eventually("all are seen", || node.core().known().all_endpoints().count() == 3).await;
    }
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    settled(&nodes[..2]).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.restore(&backup);
    let lost = Instant::now();
    while lost.elapsed() < Duration::from_secs(20) {
        assert_eq!(kernels(&nodes), running);
        sleep(Duration::from_millis(5)).await;
    }
    // Since when the third is down is new.
    let names = |content: &[(String, String)]| content.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(names(&content(&store).await), names(&before));
}

/// Three nodes on one network. The third has an endpoint that a copy of the store lacks, and its agent dies.
async fn one_that_the_copy_lacks(address: Option<Ipv4Addr>) -> (MemoryStore, Vec<Node>, Backup, Ipv4Addr) {
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("it is seen", || node.core().network_view("overlay").is_ok()).await;
    }
    nodes[2].attach("overlay", "before").await.unwrap();
    let backup = store.backup();
    let asked = JoinOptions { ipv4: address, ..JoinOptions::default() };
    let late = nodes[2].attach_with("overlay", "late", asked).await.unwrap();
    for node in &nodes {
        eventually("both are seen", || node.core().known().all_endpoints().count() == 2).await;
    }
    nodes[2].kill().await;
    (store, nodes, backup, late.endpoint.ipv4.unwrap())
}

/// Nobody is given `address`, and the third node finds it its own when it comes back.
async fn is_kept(nodes: &mut [Node], address: Ipv4Addr) {
    // Time to hear what the store says now.
    sleep(Duration::from_millis(500)).await;
    let asked = JoinOptions { ipv4: Some(address), ..JoinOptions::default() };
    let refused = nodes[0].attach_with("overlay", "same", asked).await.unwrap_err();
    assert!(refused.kind != Kind::Internal, "{refused}");
    let began = Instant::now();
    let next = loop {
        match nodes[1].attach("overlay", "next").await {
            Ok(next) => break next,
            Err(error) => assert!(began.elapsed() < Duration::from_secs(30), "{error}"),
        }
        sleep(Duration::from_millis(100)).await;
    };
    assert_ne!(next.endpoint.ipv4, Some(address));
    nodes[2].start();
    nodes[2].joined(3).await;
    sleep(Duration::from_secs(30)).await;
    let core = nodes[2].core();
    let endpoints = core.journal.endpoints();
    let is_well = |id, fenced: &Option<String>| fenced.is_none() && core.known().endpoint(id).is_some();
    assert!(!endpoints.is_empty() && endpoints.iter().all(|(id, local)| is_well(id, &local.fenced)));
    assert_eq!(core.known().all_endpoints().count(), endpoints.len() + 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_agent_has_is_put_back_where_a_backup_lacks_that_alone() {
    for asked in [None, Some(Ipv4Addr::new(10, 0, 0, 77))] {
        let (store, mut nodes, backup, address) = one_that_the_copy_lacks(asked).await;
        store.restore(&backup);
        is_kept(&mut nodes, address).await;

        // While it passes for alive, and as Consul does it.
        let (store, mut nodes, backup, address) = one_that_the_copy_lacks(asked).await;
        store.restore_later(&backup);
        is_kept(&mut nodes, address).await;
    }
}

#[tokio::test(start_paused = true)]
async fn also_by_those_that_were_away_when_it_was_brought_back() {
    let (store, mut nodes, backup, address) = one_that_the_copy_lacks(None).await;
    // Time to write down what they know, and to find out that the third is down.
    sleep(Duration::from_secs(60)).await;
    nodes[0].kill().await;
    nodes[1].kill().await;
    store.restore(&backup);
    sleep(Duration::from_secs(60)).await;
    nodes[0].start();
    nodes[0].joined(1).await;
    nodes[1].start();
    nodes[1].joined(2).await;
    is_kept(&mut nodes, address).await;
}

#[tokio::test(start_paused = true)]
async fn also_where_the_same_copy_is_brought_back_twice() {
    for restore in [MemoryStore::restore, MemoryStore::restore_later] {
        let (store, mut nodes, backup, address) = one_that_the_copy_lacks(None).await;
        restore(&store, &backup);
        sleep(Duration::from_secs(60)).await;
        nodes[2].start();
        nodes[2].joined(3).await;
        let core = nodes[0].core();
        eventually("it is put back", || core.known().times_rebuilt() == 1).await;
        assert_eq!(core.known().all_endpoints().count(), 2);
        sleep(Duration::from_secs(30)).await;
        nodes[2].kill().await;
        sleep(Duration::from_secs(60)).await;
        restore(&store, &backup);
        is_kept(&mut nodes, address).await;
    }
}

#[tokio::test(start_paused = true)]
async fn also_where_somebody_who_knew_less_was_faster() {
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[2].core().network_view("overlay").is_ok()).await;
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    nodes[0].core().give_up_node(&"host3".parse().unwrap()).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    // The copy lacks the node.
    let backup = store.backup();
    nodes[2].start();
    nodes[2].joined(3).await;
    nodes[2].attach("overlay", "first").await.unwrap();
    eventually("it is seen", || nodes[1].core().known().all_endpoints().count() == 1).await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    let late = nodes[2].attach("overlay", "late").await.unwrap().endpoint.ipv4.unwrap();
    eventually("it is seen", || nodes[0].core().known().all_endpoints().count() == 2).await;
    sleep(Duration::from_secs(3)).await;
    nodes[2].kill().await;
    nodes[0].kill().await;
    store.restore(&backup);
    nodes[1].start();
    nodes[1].joined(1).await;
    let core = nodes[1].core();
    eventually("what it knew is put back", || core.known().all_endpoints().count() == 1).await;
    nodes[0].start();
    nodes[0].joined(2).await;
    is_kept(&mut nodes, late).await;
}

#[tokio::test(start_paused = true)]
async fn also_a_node_that_a_backup_lacks() {
    for known_before in [false, true] {
        let (store, mut nodes) = cluster(3).await;
        nodes[0].core().create(network("overlay")).await.unwrap();
        for node in &nodes {
            eventually("it is seen", || node.core().network_view("overlay").is_ok()).await;
        }
        nodes[2].attach("overlay", "before").await.unwrap();
        // It is given up and comes back: as one that is new, or with what it had.
        if !known_before {
            nodes[2].core().detach_endpoint("overlay", "before").await.unwrap();
        }
        nodes[2].kill().await;
        sleep(Duration::from_secs(60)).await;
        nodes[0].core().give_up_node(&"host3".parse().unwrap()).await.unwrap();
        sleep(Duration::from_secs(3)).await;
        let backup = store.backup();
        nodes[2].start();
        nodes[2].joined(3).await;
        if !known_before {
            nodes[2].attach("overlay", "late").await.unwrap();
        }
        let known = || nodes[0].core().known();
        eventually("it is back", || known().all_endpoints().count() == 1).await;
        let address = known().all_endpoints().next().and_then(|(_, _, e)| e.ipv4).unwrap();
        assert_eq!(known().times_rebuilt(), 0);
        nodes[2].kill().await;
        store.restore(&backup);
        is_kept(&mut nodes, address).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_remembers_of_a_node_does_not_take_an_address_from_it() {
    let address = Ipv4Addr::new(10, 0, 0, 77);
    let asked = || JoinOptions { ipv4: Some(address), ..JoinOptions::default() };
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[2].core().network_view("overlay").is_ok()).await;
    nodes[2].attach_with("overlay", "old", asked()).await.unwrap();
    eventually("it is seen", || nodes[1].core().known().all_endpoints().count() == 1).await;
    sleep(Duration::from_secs(3)).await;
    nodes[0].kill().await;
    nodes[1].kill().await;
    // Nobody else hears of this.
    nodes[2].core().detach_endpoint("overlay", "old").await.unwrap();
    let new = nodes[2].attach_with("overlay", "new", asked()).await.unwrap();
    nodes[2].kill().await;
    store.wipe();
    nodes[1].start();
    nodes[1].joined(1).await;
    let core = nodes[1].core();
    eventually("what it knew is put back", || core.known().all_endpoints().count() == 1).await;
    nodes[2].start();
    nodes[2].joined(2).await;
    sleep(Duration::from_secs(60)).await;
    let known = core.known();
    let there: Vec<_> = known.all_endpoints().map(|(_, id, endpoint)| (*id, endpoint.ipv4)).collect();
    assert_eq!(there, [(new.id, Some(address))]);
    assert!(nodes[2].core().journal.endpoints()[&new.id].fenced.is_none());
    // It was free at no time.
    assert_eq!(*nodes[2].seen.lock().unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_missed_a_loss_does_not_bring_back_a_node_that_was_given_up_since() {
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("it is seen", || node.core().network_view("overlay").is_ok()).await;
        node.attach("overlay", node.config.node_name.as_str()).await.unwrap();
    }
    eventually("all are seen", || nodes[0].core().known().all_endpoints().count() == 3).await;
    sleep(Duration::from_secs(3)).await;
    nodes[0].kill().await;
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    store.wipe();
    let core = nodes[1].core();
    eventually("it is put back", || {
        core.picture.borrow().error.is_none() && core.known().times_rebuilt() == 1
    })
    .await;
    assert_eq!(core.known().all_endpoints().count(), 3);
    core.give_up_node(&"host3".parse().unwrap()).await.unwrap();
    nodes[0].start();
    nodes[0].joined(2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(core.known().nodes.len(), 2);
    assert_eq!(core.known().all_endpoints().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_network_in_the_place_of_another_is_no_sign_of_a_loss() {
    let (_store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    let core = nodes[0].core();
    core.detach_endpoint("overlay", "a").await.unwrap();
    sleep(Duration::from_secs(60)).await;
    core.give_up_node(&"host2".parse().unwrap()).await.unwrap();
    let pool = core.network_view("overlay").unwrap().network.subnets[0].pool;
    core.remove("overlay").await.unwrap();
    let options = CreateNetwork {
        pools: vec![PoolRequest { subnet: Some(pool), ..PoolRequest::default() }],
        ..network("new")
    };
    core.create(options).await.unwrap();
    nodes[1].start();
    nodes[1].joined(2).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(core.known().times_rebuilt(), 0);
    assert!(nodes[1].core().picture.borrow().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn networks_that_somebody_deletes_by_hand_are_put_back() {
    let (store, nodes) = two_with_endpoints().await;
    settled(&nodes).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    let mut txn = Txn::new();
    for (key, _) in before.iter().filter(|(key, _)| key.contains("/networks/")) {
        txn = txn.delete(key, Condition::Always);
    }
    store.commit(txn).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    is_back(&store, &nodes, &before).await;
    assert_eq!(kernels(&nodes), running);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_not_waited_for_for_ever() {
    for key in ["rebuilt", "epoch"] {
        let (store, nodes) = two_with_endpoints().await;
        store.wipe();
        let txn = Txn::new().put(format!("weft/v1/{key}"), "?", Condition::Always);
        store.commit(txn).await.unwrap();
        for node in &nodes {
            let core = node.core();
            eventually(key, || core.picture.borrow().error.is_none() && core.known().times_rebuilt() > 0)
                .await;
        }
        let marks = |core: &crate::core::Core| core.known().times_rebuilt();
        let (core, before) = (nodes[0].core(), marks(&nodes[0].core()));
        sleep(Duration::from_secs(120)).await;
        assert_eq!(marks(&core), before, "it does not go on for ever");
        assert_eq!(core.known().networks.len(), 2);
        core.create(network("another")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_record_in_the_way_is_gone_around() {
    let (store, nodes) = two_with_endpoints().await;
    let id = nodes[0].core().network_view("overlay").unwrap().id;
    store.wipe();
    let txn = Txn::new().put(format!("weft/v1/networks/{id}"), "?", Condition::Always);
    store.commit(txn).await.unwrap();
    let core = nodes[0].core();
    eventually("it is gone around", || {
        core.picture.borrow().error.is_none() && core.known().times_rebuilt() > 0
    })
    .await;
    assert!(core.network_view("empty").is_ok());
    let marks = core.known().times_rebuilt();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(core.known().times_rebuilt(), marks);
    core.create(network("another")).await.unwrap();
}
