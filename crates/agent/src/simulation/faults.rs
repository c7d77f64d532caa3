//! Agents that die, stores that go away, nodes that vanish and return.

use super::{cluster, eventually, network, witness::holds};
use jiff::SignedDuration;
use std::time::Duration;
use tokio::time::Instant;
use weft_plan::Netns;
use weft_store::{Condition, Store, Txn};
use weft_verbs::Kind;

#[tokio::test(start_paused = true)]
async fn a_restarted_agent_takes_over_what_it_had() {
    let (_store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    let before = nodes[0].attach("overlay", "a").await.unwrap();
    let kernel = nodes[0].kernel.kernel(|kernel| kernel.clone());
    nodes[0].kill().await;
    assert_eq!(nodes[0].kernel.kernel(|kernel| kernel.clone()), kernel, "a dead agent changes nothing");
    nodes[0].start();
    nodes[0].joined(2).await;
    let core = nodes[0].core();
    eventually("a first round", || {
        core.reporter.last_round().is_some_and(|r| r.endpoints.contains_key(&before.id))
    })
    .await;
    assert_eq!(nodes[0].kernel.kernel(|kernel| kernel.clone()), kernel);
    assert_eq!(core.reporter.plan().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_an_agent_did_not_live_to_acknowledge_is_taken_back() {
    for delay in [1u64, 5, 10, 15, 20, 30, 50] {
        let (_store, mut nodes) = cluster(2).await;
        nodes[0].core().networks.create(network("overlay")).await.unwrap();
        nodes[0].store.faults().set_delay(Duration::from_millis(7));
        // Killed in the middle of joining.
        let cut = tokio::time::timeout(Duration::from_millis(delay), nodes[0].attach("overlay", "a")).await;
        let acknowledged = cut.is_ok_and(|result| result.is_ok());
        nodes[0].kill().await;
        nodes[0].store.faults().set_delay(Duration::ZERO);
        nodes[0].start();
        nodes[0].joined(2).await;
        let core = nodes[0].core();
        // Journal, store and kernel agree in the end, whether it is there or not.
        eventually("they agree", || {
            let known = core.known();
            let endpoints = known.all_endpoints().count();
            let claims: usize = known.claims.values().map(|claims| claims.len()).sum();
            let segments = nodes[0]
                .kernel
                .kernel(|kernel| kernel.namespaces.keys().filter(|p| matches!(p, Netns::Segment(_))).count());
            let journal = core.endpoints.here().len();
            journal == endpoints
                && endpoints == claims
                && endpoints == segments
                && (!acknowledged || journal == 1)
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_store_is_said_soon_and_nothing_is_half_done() {
    let (_store, nodes) = cluster(1).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    nodes[0].attach("overlay", "a").await.unwrap();
    let kernel = nodes[0].kernel.kernel(|kernel| kernel.clone());
    nodes[0].store.faults().set_unavailable(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = Instant::now();
    let error = nodes[0].attach("overlay", "b").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert!(asked.elapsed() <= Duration::from_secs(3), "{:?}", asked.elapsed());
    assert!(error.to_string().contains("memory"), "it names the store: {error}");
    // An hour later, what ran still does.
    tokio::time::sleep(Duration::from_secs(3600)).await;
    nodes[0].kernel.remove_container("/run/netns/b");
    assert_eq!(nodes[0].kernel.kernel(|kernel| kernel.clone()), kernel);
    // Leaving needs no store; the store is told when it is back.
    nodes[0].core().endpoints.detach_endpoint("overlay", "a").await.unwrap();
    nodes[0].store.faults().set_unavailable(false);
    let core = nodes[0].core();
    eventually("it is back", || core.access.membership().borrow().is_none()).await;
    eventually("the address is free", || core.known().claims.is_empty()).await;
    nodes[0].attach("overlay", "b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_gone_is_down_then_given_up() {
    let (_store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    nodes[1].attach("overlay", "b").await.unwrap();
    let up = nodes[0].core().nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap_err();
    assert_eq!(up.kind, Kind::Conflict);
    nodes[1].kill().await;
    let core = nodes[0].core();
    eventually("it is seen down", || {
        core.known()
            .nodes
            .get(&"host2".parse::<weft_model::NodeName>().unwrap())
            .is_some_and(|node| node.down_since.is_some())
    })
    .await;
    let stays = core.networks.remove("overlay").await.unwrap_err();
    assert!(stays.to_string().contains("b on host2"), "{stays}");
    core.nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap();
    let known = core.known();
    assert!(known.claims.is_empty() && known.endpoints.is_empty());
    // It comes back, its container still there: it claims what nobody took.
    nodes[1].start();
    nodes[1].joined(2).await;
    eventually("its endpoint is back", || core.known().all_endpoints().count() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_node_had_is_given_up_though_somebody_took_its_record_away() {
    let (store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    nodes[1].attach("overlay", "b").await.unwrap();
    nodes[1].kill().await;
    let core = nodes[0].core();
    eventually("it is down", || core.known().live.len() == 1).await;
    store.commit(Txn::new().delete("weft/v1/nodes/host2".to_owned(), Condition::Always)).await.unwrap();
    eventually("it is gone", || core.known().nodes.len() == 1).await;
    core.nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap();
    let known = core.known();
    assert!(known.claims.is_empty() && known.endpoints.is_empty());
    let again = core.nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap_err();
    assert_eq!(again.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn who_lost_an_address_while_away_is_cut_off() {
    let (_store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    let lost = nodes[1].attach("overlay", "b").await.unwrap().endpoint.ipv4;
    nodes[1].kill().await;
    let core = nodes[0].core();
    eventually("it is down", || core.known().live.len() == 1).await;
    core.nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap();
    let options = weft_verbs::JoinOptions { ipv4: lost, ..Default::default() };
    nodes[0].attach_with("overlay", "a", options).await.unwrap();
    nodes[1].start();
    nodes[1].joined(2).await;
    let back = nodes[1].core();
    eventually("it is cut off", || back.endpoints.here().values().all(|local| local.fenced.is_some())).await;
    let problems = back.reporter.describe().problems;
    assert!(problems.iter().any(|p| p.contains("went to an endpoint of node host1")), "{problems:?}");
    // To ask again does not help, and is not said to have.
    let refused = nodes[1].attach("overlay", "b").await.unwrap_err();
    assert!(refused.kind == Kind::Conflict && refused.to_string().contains("is cut off"), "{refused}");
    // The winner leaves: the loser has its place back.
    core.endpoints.detach_endpoint("overlay", "a").await.unwrap();
    eventually("it is back", || back.endpoints.here().values().all(|local| local.fenced.is_none())).await;
}

/// An endpoint that a user took off a network stays off, on whichever host it is: its host can tell that from a loss.
#[tokio::test(start_paused = true)]
async fn what_was_taken_off_a_network_stays_so_when_its_host_is_back() {
    let (store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    let removed = nodes[1].attach("overlay", "removed").await.unwrap();
    let address = removed.endpoint.addresses().next().unwrap();
    nodes[1].attach("overlay", "kept").await.unwrap();
    let core = nodes[0].core();
    let refused = core.endpoints.disconnect_container("overlay", "removed", true).await.unwrap_err();
    assert!(refused.to_string().contains("is on node host2: disconnect it there"), "{refused}");
    nodes[1].kill().await;
    eventually("it is down", || core.known().live.len() == 1).await;
    core.endpoints.disconnect_container("overlay", "removed", true).await.unwrap();
    // It is cut off also where that cannot be written down, and written down when it can be.
    nodes[1].disk.set_full(true);
    nodes[1].start();
    nodes[1].joined(2).await;
    let has = || holds(&nodes[1].kernel, address);
    eventually("its address is not used", || !has()).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(
        !has() && core.known().nodes[&"host2".parse::<weft_model::NodeName>().unwrap()].removed.len() == 1,
        "remembered"
    );
    nodes[1].disk.set_full(false);
    for restart in [false, true] {
        if restart {
            nodes[1].kill().await;
            nodes[1].start();
            nodes[1].joined(2).await;
        }
        let back = nodes[1].core();
        let fenced = || back.reporter.describe().fenced.len() == 1;
        eventually("it is cut off", fenced).await;
        eventually("the trace is gone", || {
            back.known().nodes[&"host2".parse::<weft_model::NodeName>().unwrap()].removed.is_empty()
        })
        .await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(fenced());
        let problems = back.reporter.describe().problems;
        let why =
            "removed on network overlay is cut off: it was taken off the network while this node was away";
        assert!(problems.iter().any(|problem| problem.contains(why)), "{problems:?}");
        let names: Vec<String> = core.known().all_endpoints().map(|(_, _, e)| e.name.to_string()).collect();
        assert_eq!(names, ["kept"]);
    }
    // Nor does it hold on to its address: what is left over of another that had it is taken out of the store.
    nodes[1].core().allocator.reserve_address("10.0.0.0/24".parse().unwrap(), Some(address)).await.unwrap();
    nodes[1].kill().await;
    nodes[1].start();
    nodes[1].joined(2).await;
    let claims = || core.known().claims.values().map(|claims| claims.len()).sum::<usize>();
    eventually("only what is kept has an address", || claims() == 1).await;
    // Also where the store loses everything: what was removed is not put back.
    store.wipe();
    eventually("the rest is put back", || core.known().all_endpoints().count() == 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(core.known().all_endpoints().count(), 1);
    // Off and on again it is as any other.
    nodes[1].core().endpoints.detach_endpoint("overlay", "removed").await.unwrap();
    nodes[1].attach("overlay", "removed").await.unwrap();
    eventually("both are there", || core.known().all_endpoints().count() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_is_opened_again() {
    let (store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    let session = nodes[0].core().access.identity().session().unwrap();
    store.expire_session(&session);
    let core = nodes[0].core();
    eventually("another session", || core.access.identity().session().is_some_and(|now| now != session))
        .await;
    for node in &nodes {
        eventually("both are up again", || {
            node.core().known().live.len() == 2 && node.core().access.membership().borrow().is_none()
        })
        .await;
    }
    assert!(store.get("weft/v1/live/host1").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_ends_the_agent() {
    let (store, _nodes) = cluster(1).await;
    let mut other = super::Node::new(7, &store);
    other.config = std::sync::Arc::new(crate::config::AgentConfig {
        node_name: "host1".parse().unwrap(),
        ..(*other.config).clone()
    });
    let error = other.failure().await.to_string();
    assert!(error.starts_with("another live node at 192.168.77.11 has the name host1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_node_may_get_another_name() {
    let (_store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    let before = nodes[0].attach("overlay", "a").await.unwrap();
    nodes[0].kill().await;
    let renamed =
        crate::config::AgentConfig { node_name: "renamed".parse().unwrap(), ..(*nodes[0].config).clone() };
    nodes[0].config = std::sync::Arc::new(renamed);
    nodes[0].start();
    let core = nodes[1].core();
    eventually("its endpoint goes by its new name", || {
        let known = core.known();
        let claims = known.claims.values().flat_map(|claims| claims.values());
        known.endpoint(&before.id).is_some_and(|(_, endpoint)| endpoint.node.as_str() == "renamed")
            && claims.map(|claim| claim.node.as_str()).eq(["renamed"])
    })
    .await;
    // Nobody goes on saying that there is a node of the old name.
    eventually("the old name is down", || core.known().live.len() == 2).await;
    core.nodes.give_up_node(&"host1".parse().unwrap()).await.unwrap();
    eventually("both are known", || nodes[0].core().known().nodes.len() == 2).await;
    assert!(core.known().endpoint(&before.id).is_some());
    assert_eq!(nodes[0].core().reporter.plan().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_gives_nobody_up() {
    let (_store, mut nodes) = cluster(3).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[2].core().networks.network_view("overlay").is_ok()).await;
    nodes[2].attach("overlay", "c").await.unwrap();
    nodes[2].kill().await;
    let core = nodes[0].core();
    eventually("it is seen down", || {
        core.known()
            .nodes
            .get(&"host3".parse::<weft_model::NodeName>().unwrap())
            .is_some_and(|node| node.down_since.is_some())
    })
    .await;
    nodes[0].clock.jump(SignedDuration::from_hours(24));
    nodes[1].clock.jump(SignedDuration::from_hours(-24));
    let expiry = nodes[0].config.node_expiry;
    tokio::time::sleep(expiry - Duration::from_secs(60)).await;
    assert_eq!(core.known().all_endpoints().count(), 1);
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(core.known().all_endpoints().count(), 0, "it has been down for long enough");
}

/// Everybody sees that a node is down, and one writes it down.
#[tokio::test(start_paused = true)]
async fn one_of_ten_nodes_writes_down_since_when_another_is_down() {
    let (store, mut nodes) = cluster(10).await;
    for node in &nodes {
        node.store.faults().set_delay(Duration::from_millis(5));
    }
    for number in [9, 8] {
        nodes[number].kill().await;
    }
    let before = store.commits();
    let core = nodes[0].core();
    let written = || {
        let known = core.known();
        ["host10", "host9"]
            .iter()
            .all(|name| known.nodes[&name.parse::<weft_model::NodeName>().unwrap()].down_since.is_some())
    };
    eventually("it is written down", written).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(store.commits() - before, 2, "one transaction for each of two nodes");
}

/// A node has joined once it has written its record; it takes a moment until the others, and the node itself, hear of
/// it.
#[tokio::test(start_paused = true)]
async fn who_has_just_joined_is_not_refused_for_it() {
    let (_store, mut nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    let pool = nodes[0].core().networks.network_view("overlay").unwrap().network.subnets[0].pool;
    nodes[1].store.faults().set_watch_delay(Duration::from_secs(4));
    for engine in [false, true] {
        nodes[1].kill().await;
        eventually("it is down", || !nodes[0].core().known().is_up(&"host2".parse().unwrap())).await;
        nodes[1].start();
        let core = nodes[1].core();
        eventually("it has joined", || core.access.membership().borrow().is_none()).await;
        // An engine asks for an address first.
        if engine {
            core.allocator.reserve_address(pool, None).await.unwrap();
        } else {
            nodes[1].attach("overlay", "a").await.unwrap();
        }
    }
}
