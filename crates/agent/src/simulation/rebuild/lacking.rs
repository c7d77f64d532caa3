//! Backups that lack what was made after them: endpoints, nodes, what they have.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_backup_that_lacks_endpoints_alone_is_noticed() {
    let (store, mut nodes) = three_with_a_network().await;
    let backup = store.backup();
    attach_one_each(&nodes).await;
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    settled(&nodes[..2]).await;
    let (before, running) = (content(&store).await, kernels(&nodes));
    store.restore(&backup);
    kernels_stay(&nodes, &running, Duration::from_secs(20)).await;
    // Since when the third is down is new.
    let names = |content: &[(String, String)]| content.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    assert_eq!(names(&content(&store).await), names(&before));
}

/// Three nodes on one network. The third has an endpoint that a copy of the store lacks, and its agent dies.
async fn one_that_the_copy_lacks(address: Option<Ipv4Addr>) -> (MemoryStore, Vec<Node>, Backup, Ipv4Addr) {
    let (store, mut nodes) = three_with_a_network().await;
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
    let endpoints = core.endpoints.here();
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

        // While its session has not ended yet; the revision goes on, as Consul's does.
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
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[2].core().networks.network_view("overlay").is_ok()).await;
    nodes[2].kill().await;
    sleep(Duration::from_secs(60)).await;
    nodes[0].core().nodes.give_up_node(&"host3".parse().unwrap()).await.unwrap();
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
        let (store, mut nodes) = three_with_a_network().await;
        nodes[2].attach("overlay", "before").await.unwrap();
        // It is given up and comes back: as one that is new, or with what it had.
        if !known_before {
            nodes[2].core().endpoints.detach_endpoint("overlay", "before").await.unwrap();
        }
        nodes[2].kill().await;
        sleep(Duration::from_secs(60)).await;
        nodes[0].core().nodes.give_up_node(&"host3".parse().unwrap()).await.unwrap();
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
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[2].core().networks.network_view("overlay").is_ok()).await;
    nodes[2].attach_with("overlay", "old", asked()).await.unwrap();
    eventually("it is seen", || nodes[1].core().known().all_endpoints().count() == 1).await;
    sleep(Duration::from_secs(3)).await;
    nodes[0].kill().await;
    nodes[1].kill().await;
    // Nobody else hears of this.
    nodes[2].core().endpoints.detach_endpoint("overlay", "old").await.unwrap();
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
    assert!(nodes[2].core().endpoints.here()[&new.id].fenced.is_none());
    // It was free at no time.
    assert_eq!(*nodes[2].seen.lock().unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn who_missed_a_loss_does_not_bring_back_a_node_that_was_given_up_since() {
    let (store, mut nodes) = cluster(3).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("it is seen", || node.core().networks.network_view("overlay").is_ok()).await;
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
        core.access.view().borrow().error.is_none() && core.known().times_rebuilt() == 1
    })
    .await;
    assert_eq!(core.known().all_endpoints().count(), 3);
    core.nodes.give_up_node(&"host3".parse().unwrap()).await.unwrap();
    nodes[0].start();
    nodes[0].joined(2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(core.known().nodes.len(), 2);
    assert_eq!(core.known().all_endpoints().count(), 2);
}
