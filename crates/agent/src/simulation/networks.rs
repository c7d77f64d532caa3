//! Networks, created and removed by several nodes at once.

use super::{cluster, eventually, network, network_in};
use std::{collections::BTreeSet, time::Duration};
use weft_plan::Netns;
use weft_store::Store;
use weft_verbs::{CreateNetwork, Kind, PoolRequest, PruneFilter};

#[tokio::test(start_paused = true)]
async fn a_network_made_anywhere_is_everywhere() {
    let (_store, nodes) = cluster(3).await;
    let id = nodes[0].core().networks.create(network("overlay")).await.unwrap();
    for node in &nodes {
        eventually("the network is seen", || node.core().networks.network_view("overlay").is_ok()).await;
        let view = node.core().networks.network_view(&id.short()).unwrap();
        assert_eq!(view.network.subnets[0].pool.to_string(), "10.0.0.0/24");
        assert_eq!(view.network.subnets[0].vni.get(), 256);
    }
    nodes[2].core().networks.remove("overlay").await.unwrap();
    for node in &nodes {
        eventually("the network is gone", || node.core().networks.network_view("overlay").is_err()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_has_this_hosts_defaults_where_it_does_not_say_otherwise() {
    let (_store, mut nodes) = cluster(1).await;
    let node = &mut nodes[0];
    node.kill().await;
    let default_network_options = [("encrypted".to_owned(), String::new())].into();
    let config = crate::config::AgentConfig { default_network_options, ..(*node.config).clone() };
    node.config = std::sync::Arc::new(config);
    node.start();
    node.joined(1).await;
    let clear = CreateNetwork {
        options: [("encrypted".to_owned(), "false".to_owned())].into(),
        ..network_in("b", "10.0.2.0/24")
    };
    for (request, encrypted) in [(network_in("a", "10.0.1.0/24"), true), (clear, false)] {
        let id = node.core().networks.create(request).await.unwrap();
        assert_eq!(node.core().known().networks[&id].is_encrypted(), encrypted);
    }
}

#[tokio::test(start_paused = true)]
async fn of_racing_creates_of_one_name_exactly_one_wins() {
    let (_store, nodes) = cluster(3).await;
    let cores: Vec<_> = nodes.iter().map(|node| node.core()).collect();
    let creates = (0..12).map(|n| cores[n % 3].networks.create(network("overlay")));
    let results = futures::future::join_all(creates).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.to_string(), "network with name overlay already exists");
        assert_eq!(error.kind, Kind::Conflict);
    }
}

#[tokio::test(start_paused = true)]
async fn racing_creates_never_share_a_pool_or_a_vni() {
    let (_store, nodes) = cluster(3).await;
    let cores: Vec<_> = nodes.iter().map(|node| node.core()).collect();
    let creates = (0..24).map(|n| cores[n % 3].networks.create(network(&format!("net{n}"))));
    for result in futures::future::join_all(creates).await {
        result.unwrap();
    }
    let known = nodes[0].core().known();
    assert_eq!(known.pools().len(), 24);
    assert_eq!(known.vnis.len(), 24);
    let vnis: BTreeSet<u32> = known.vnis.keys().map(|vni| vni.get()).collect();
    assert_eq!(vnis, (256..280).collect());
}

#[tokio::test(start_paused = true)]
async fn racing_creates_of_overlapping_pools_of_different_sizes() {
    let (_store, nodes) = cluster(2).await;
    let (a, b) = (nodes[0].core(), nodes[1].core());
    let (a, b) = tokio::join!(
        a.networks.create(network_in("large", "10.1.0.0/16")),
        b.networks.create(network_in("small", "10.1.2.0/24"))
    );
    let error = a.and(b).unwrap_err().to_string();
    assert!(error.contains("overlaps 10.1."), "{error}");
    assert_eq!(nodes[0].core().known().networks.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn default_pools_keep_clear_of_this_hosts_routes() {
    let (_store, nodes) = cluster(1).await;
    nodes[0].route("10.0.0.0/23");
    nodes[0].core().networks.create(network("a")).await.unwrap();
    let view = nodes[0].core().networks.network_view("a").unwrap();
    assert_eq!(view.network.subnets[0].pool.to_string(), "10.0.2.0/24");
    let error =
        nodes[0].core().networks.create(network_in("b", "10.0.1.0/24")).await.unwrap_err().to_string();
    assert!(error.contains("overlaps 10.0.0.0/23, which this host has a route to"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pools_keep_clear_of_what_any_node_uses() {
    let (_store, nodes) = cluster(2).await;
    nodes[1].route("10.0.0.0/23");
    nodes[1].move_to([10, 0, 2, 12].into());
    let (first, second) = (nodes[0].core(), "host2".parse::<weft_model::NodeName>().unwrap());
    eventually("it is known", || {
        let known = first.known();
        known.nodes.get(&second).is_some_and(|node| node.vtep == std::net::IpAddr::from([10, 0, 2, 12]))
    })
    .await;
    nodes[1].route("10.8.0.0/16");
    eventually("that too", || first.known().nodes.get(&second).is_some_and(|node| node.uses.len() == 2))
        .await;
    first.networks.create(network("a")).await.unwrap();
    let pool = first.networks.network_view("a").unwrap().network.subnets[0].pool.to_string();
    assert_eq!(pool, "10.0.3.0/24");
    let refused = first.networks.create(network_in("b", "10.8.3.0/24")).await.unwrap_err().to_string();
    assert!(
        refused.contains("overlaps 10.8.0.0/16, which node host2 uses: a route through eth1"),
        "{refused}"
    );
    let refused = first.networks.create(network_in("b", "10.0.2.0/24")).await.unwrap_err().to_string();
    assert!(refused.contains("overlaps 10.0.2.12/32, which node host2 uses: its own address"), "{refused}");
}

/// A network that was there before: nobody is cut off for it.
#[tokio::test(start_paused = true)]
async fn no_way_out_leads_over_what_a_host_cannot_do_without() {
    let (_store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network_in("overlay", "10.7.0.0/24")).await.unwrap();
    nodes[0].attach("overlay", "a").await.unwrap();
    let uplinks = || {
        nodes[0].kernel.kernel(|kernel| {
            kernel.namespaces[&Netns::Host]
                .links
                .keys()
                .filter(|link| link.as_str().starts_with("weft-"))
                .count()
        })
    };
    eventually("it has a way out", || uplinks() == 1).await;
    nodes[1].move_to([10, 7, 0, 12].into());
    eventually("it has none any more", || uplinks() == 0).await;
    let problems = nodes[0].core().reporter.describe().problems;
    let told = |p: &String| {
        p.contains("network overlay has 10.7.0.0/24, and on this host 10.7.0.12/32 is node host2")
    };
    assert!(problems.iter().any(told), "{problems:?}");
    nodes[1].move_to([192, 168, 77, 12].into());
    eventually("it is back", || uplinks() == 1).await;
    assert!(nodes[0].core().reporter.describe().problems.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_network_in_use_anywhere_stays() {
    let (_store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
    nodes[1].attach("overlay", "nginx_02").await.unwrap();
    let error = nodes[0].core().networks.remove("overlay").await.unwrap_err();
    assert_eq!(error.kind, Kind::Forbidden);
    assert!(error.to_string().contains("has active endpoints: nginx_02 on host2"), "{error}");
    assert!(nodes[0].core().networks.prune(PruneFilter::default()).await.unwrap().is_empty());
    nodes[1].core().endpoints.detach_endpoint("overlay", "nginx_02").await.unwrap();
    nodes[1].core().networks.remove("overlay").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_network_that_goes() {
    for delay in 0..20 {
        let (store, nodes) = cluster(2).await;
        nodes[0].core().networks.create(network("overlay")).await.unwrap();
        eventually("it is seen", || nodes[1].core().networks.network_view("overlay").is_ok()).await;
        nodes[0].store.faults().set_delay(std::time::Duration::from_millis(delay));
        nodes[1].store.faults().set_delay(std::time::Duration::from_millis(7));
        let core = nodes[0].core();
        let (removed, joined) =
            tokio::join!(core.networks.remove("overlay"), nodes[1].attach("overlay", "a"));
        assert!(removed.is_ok() != joined.is_ok(), "both or neither: {removed:?} {joined:?}");
        drop(store);
    }
}

#[tokio::test(start_paused = true)]
async fn the_way_out_leads_through_the_network_joined_first_and_then_the_next() {
    let (_store, nodes) = cluster(1).await;
    let node = &nodes[0];
    let mut inside = network("inside");
    inside.internal = true;
    node.core().networks.create(inside).await.unwrap();
    for name in ["first", "second"] {
        node.core().networks.create(network(name)).await.unwrap();
    }
    for name in ["inside", "first", "second"] {
        node.attach(name, "a").await.unwrap();
        tokio::time::advance(std::time::Duration::from_millis(10)).await;
    }
    let gateways = || {
        let place = Netns::Container("/run/netns/a".into());
        let routes = node.kernel.kernel(|kernel| kernel.namespaces[&place].routes.clone());
        routes.iter().map(|route| route.via.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(gateways(), ["10.0.1.1"]);
    node.core().endpoints.detach_endpoint("first", "a").await.unwrap();
    assert_eq!(gateways(), ["10.0.2.1"]);
}

#[tokio::test(start_paused = true)]
async fn however_many_subnets_it_has_it_can_be_removed() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    let of = |count: u8| {
        let subnet = |number| Some(format!("172.20.{number}.0/24").parse().unwrap());
        let pools = (0..count).map(|number| PoolRequest { subnet: subnet(number), ..PoolRequest::default() });
        CreateNetwork { pools: pools.collect(), ..network("wide") }
    };
    let error = core.networks.create(of(61)).await.unwrap_err();
    assert_eq!(error.to_string(), "a network has at most 60 segments; this has 61");
    core.networks.create(of(60)).await.unwrap();
    core.networks.remove("wide").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_are_removed_at_once() {
    let (store, nodes) = cluster(3).await;
    for number in 0..30 {
        nodes[0].core().networks.create(network(&format!("net{number}"))).await.unwrap();
    }
    for node in &nodes {
        eventually("they are seen", || node.core().known().networks.len() == 30).await;
        node.store.faults().set_delay(Duration::from_millis(2));
        node.store.faults().set_watch_delay(Duration::from_millis(400));
    }
    let all = (0..30).map(|number| {
        let core = nodes[number % 3].core();
        async move { core.networks.remove(&format!("net{number}")).await }
    });
    for removed in futures::future::join_all(all).await {
        removed.unwrap();
    }
    assert!(store.list("weft/v1/networks/").await.unwrap().entries.is_empty());
}
