//! What somebody did in the store by hand, and what nobody can read.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_network_in_the_place_of_another_is_no_sign_of_a_loss() {
    let (_store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    let core = nodes[0].core();
    core.endpoints.detach_endpoint("overlay", "a").await.unwrap();
    sleep(Duration::from_secs(60)).await;
    core.nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap();
    let pool = core.networks.network_view("overlay").unwrap().network.subnets[0].pool;
    core.networks.remove("overlay").await.unwrap();
    let options = CreateNetwork {
        pools: vec![PoolRequest { subnet: Some(pool), ..PoolRequest::default() }],
        ..network("new")
    };
    core.networks.create(options).await.unwrap();
    nodes[1].start();
    nodes[1].joined(2).await;
    sleep(Duration::from_secs(10)).await;
    assert_eq!(core.known().times_rebuilt(), 0);
    assert!(nodes[1].core().access.view().borrow().error.is_none());
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
async fn endpoints_that_somebody_deletes_by_hand_are_put_back_for_a_dead_agent_too() {
    let (store, mut nodes) = three_with_a_network().await;
    attach_one_each(&nodes).await;
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    let before = content(&store).await;
    let mut txn = Txn::new();
    for (key, _) in before.iter().filter(|(key, _)| key.contains("/endpoints/") || key.contains("/ipam/")) {
        txn = txn.delete(key, Condition::Always);
    }
    store.commit(txn).await.unwrap();
    is_back(&store, &nodes[..2], &before).await;
    // The address of the container whose agent is down is not given out again.
    let next = nodes[0].attach("overlay", "next").await.unwrap();
    nodes[2].start();
    nodes[2].joined(3).await;
    sleep(Duration::from_secs(30)).await;
    let core = nodes[2].core();
    assert!(core.endpoints.here().values().all(|local| local.fenced.is_none()));
    assert!(core.endpoints.here().values().all(|local| local.endpoint.ipv4 != next.endpoint.ipv4));
    assert_eq!(core.known().all_endpoints().count(), 4);
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
            eventually(key, || {
                core.access.view().borrow().error.is_none() && core.known().times_rebuilt() > 0
            })
            .await;
        }
        let marks = |core: &crate::core::Core| core.known().times_rebuilt();
        let (core, before) = (nodes[0].core(), marks(&nodes[0].core()));
        sleep(Duration::from_secs(120)).await;
        assert_eq!(marks(&core), before, "it does not go on for ever");
        assert_eq!(core.known().networks.len(), 2);
        core.networks.create(network("another")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_record_in_the_way_is_gone_around() {
    let (store, nodes) = two_with_endpoints().await;
    let id = nodes[0].core().networks.network_view("overlay").unwrap().id;
    store.wipe();
    let txn = Txn::new().put(format!("weft/v1/networks/{id}"), "?", Condition::Always);
    store.commit(txn).await.unwrap();
    let core = nodes[0].core();
    eventually("it is gone around", || {
        core.access.view().borrow().error.is_none() && core.known().times_rebuilt() > 0
    })
    .await;
    assert!(core.networks.network_view("empty").is_ok());
    let marks = core.known().times_rebuilt();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(core.known().times_rebuilt(), marks);
    core.networks.create(network("another")).await.unwrap();
}
