//! Those that were away at a loss, or remember less than others.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_was_removed_after_a_loss_does_not_come_back_with_who_missed_both() {
    let (store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    sleep(Duration::from_secs(60)).await;
    let before = content(&store).await;
    store.wipe();
    is_back(&store, &nodes[..1], &before).await;
    nodes[0].core().networks.remove("empty").await.unwrap();
    nodes[1].start();
    nodes[1].joined(2).await;
    sleep(Duration::from_secs(60)).await;
    for node in &nodes {
        assert!(node.core().networks.network_view("empty").is_err());
        assert_eq!(node.core().known().all_endpoints().count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_does_not_come_back_with_an_old_copy() {
    let (store, nodes) = two_with_endpoints().await;
    let backup = store.backup();
    nodes[0].core().networks.remove("empty").await.unwrap();
    eventually("both know", || nodes[1].core().networks.network_view("empty").is_err()).await;
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
        core.networks.create(network(&format!("old{number}"))).await.unwrap();
    }
    let backup = store.backup();
    for number in 0..100 {
        core.networks.remove(&format!("old{number}")).await.unwrap();
    }
    // In the place of the first ones.
    for (node, name) in nodes.iter().zip(["new1", "new2"]) {
        core.networks.create(network(name)).await.unwrap();
        eventually("it is seen", || node.core().networks.network_view(name).is_ok()).await;
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
    eventually("both know", || other.access.view().borrow().loss.networks).await;
    nodes[1].store.faults().set_unavailable(true);
    let core = nodes[0].core();
    eventually("it is put back", || core.access.view().borrow().error.is_none()).await;
    assert_eq!(core.known().networks.len(), 2, "{before:?}");
    core.networks.remove("empty").await.unwrap();
    nodes[1].store.faults().heal();
    eventually("it is there again", || other.access.view().borrow().error.is_none()).await;
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
    eventually("it is noticed", || core.access.view().borrow().error.is_some()).await;
    eventually("it is back", || core.access.view().borrow().error.is_none()).await;
    assert!(core.known().lineage.is_some() && core.known().networks.len() == 2);
    core.networks.remove("empty").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_remembers_less_does_not_hold_the_others_up() {
    let (store, mut nodes) = two_with_endpoints().await;
    sleep(Duration::from_secs(3)).await;
    nodes[1].kill().await;
    nodes[0].core().networks.remove("empty").await.unwrap();
    // It has not heard of the removal, and remembers more than there should be.
    store.wipe();
    nodes[1].start();
    sleep(Duration::from_secs(20)).await;
    for node in &nodes {
        let core = node.core();
        assert_eq!(core.access.view().borrow().error, None);
        assert_eq!(core.known().networks.len(), 1);
        assert_eq!(core.known().all_endpoints().count(), 2);
        assert!(core.endpoints.here().values().all(|local| local.fenced.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_down_meanwhile_keeps_what_it_had() {
    let (store, mut nodes) = three_with_a_network().await;
    attach_one_each(&nodes).await;
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    settled(&nodes[..2]).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.wipe();
    kernels_stay(&nodes, &running, Duration::from_secs(20)).await;
    is_back(&store, &nodes[..2], &before).await;
    // Its address is not handed out.
    for number in 0..3 {
        nodes[0].attach("overlay", &format!("more{number}")).await.unwrap();
    }
    nodes[2].start();
    nodes[2].joined(3).await;
    let core = nodes[2].core();
    eventually("all are seen", || core.known().all_endpoints().count() == 6).await;
    assert!(core.endpoints.here().values().all(|local| local.fenced.is_none()));
}
