//! Addresses, taken and given back by several nodes at once.

use super::{cluster, eventually, network, network_in};
use std::{collections::BTreeSet, time::Duration};
use weft_verbs::{JoinOptions, Kind};

async fn everywhere(nodes: &[super::Node], name: &str) {
    for node in nodes {
        eventually("the network is seen", || node.core().networks.network_view(name).is_ok()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn next_free_in_order_and_not_the_one_just_released() {
    let (_store, nodes) = cluster(1).await;
    nodes[0].core().networks.create(network_in("overlay", "10.5.0.0/29")).await.unwrap();
    let mut got = Vec::new();
    for name in ["a", "b"] {
        got.push(nodes[0].attach("overlay", name).await.unwrap().endpoint.ipv4.unwrap().octets()[3]);
    }
    nodes[0].core().endpoints.detach_endpoint("overlay", "b").await.unwrap();
    for name in ["c", "d", "e", "f"] {
        got.push(nodes[0].attach("overlay", name).await.unwrap().endpoint.ipv4.unwrap().octets()[3]);
    }
    // .3 was b's: it comes last, after the range has ended.
    assert_eq!(got, [2, 3, 4, 5, 6, 3]);
    let full = nodes[0].attach("overlay", "g").await.unwrap_err();
    assert_eq!(full.kind, Kind::Conflict);
    assert!(full.to_string().starts_with("no free address left in 10.5.0.0/29: 5 are in use"), "{full}");
}

#[tokio::test(start_paused = true)]
async fn the_mac_follows_from_the_address() {
    let (_store, nodes) = cluster(1).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    let view = nodes[0].attach("overlay", "nginx_01").await.unwrap();
    assert_eq!(view.endpoint.mac.to_string(), "02:42:0a:00:00:02");
}

#[tokio::test(start_paused = true)]
async fn a_certain_address_is_honoured_or_refused_with_its_owner() {
    let (_store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    everywhere(&nodes, "overlay").await;
    let at = |ip: &str| JoinOptions { ipv4: Some(ip.parse().unwrap()), ..JoinOptions::default() };
    nodes[0].attach_with("overlay", "a", at("10.0.0.9")).await.unwrap();
    let core = nodes[1].core();
    eventually("its claim is seen", || core.known().all_endpoints().count() == 1).await;
    for (ip, why) in [
        ("10.0.0.9", "address 10.0.0.9 is in use by a on node host1"),
        ("10.0.0.1", "address 10.0.0.1 is the gateway of subnet 10.0.0.0/24"),
        ("10.0.1.9", "address 10.0.1.9 is in no subnet of network overlay (10.0.0.0/24)"),
        ("10.0.0.255", "address 10.0.0.255 is the network or broadcast address of subnet 10.0.0.0/24"),
    ] {
        let error = nodes[1].attach_with("overlay", "b", at(ip)).await.unwrap_err();
        assert_eq!(error.to_string(), why);
    }
}

#[tokio::test(start_paused = true)]
async fn a_certain_address_does_not_change_the_order_of_the_others() {
    let (_store, nodes) = cluster(1).await;
    nodes[0].core().networks.create(network("overlay")).await.unwrap();
    nodes[0].attach("overlay", "a").await.unwrap();
    let at = JoinOptions { ipv4: Some("10.0.0.9".parse().unwrap()), ..JoinOptions::default() };
    nodes[0].attach_with("overlay", "b", at).await.unwrap();
    let next = nodes[0].attach("overlay", "c").await.unwrap();
    assert_eq!(next.endpoint.ipv4, Some("10.0.0.3".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_ethernet_address_is_had_once_on_a_network() {
    let (_store, nodes) = cluster(2).await;
    for name in ["overlay", "other"] {
        nodes[0].core().networks.create(network(name)).await.unwrap();
        everywhere(&nodes, name).await;
    }
    let mac = JoinOptions { mac: Some("02:00:00:00:00:07".parse().unwrap()), ..JoinOptions::default() };
    nodes[0].attach_with("overlay", "a", mac.clone()).await.unwrap();
    let core = nodes[1].core();
    eventually("it is seen", || core.known().all_endpoints().count() == 1).await;
    let error = nodes[1].attach_with("overlay", "b", mac.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "the Ethernet address 02:00:00:00:00:07 is in use by a on node host1");
    nodes[1].attach_with("other", "b", mac).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn exactly_as_many_as_there_are_and_each_can_be_had_again() {
    let (_store, nodes) = cluster(3).await;
    nodes[0].core().networks.create(network_in("small", "10.5.0.0/28")).await.unwrap();
    everywhere(&nodes, "small").await;
    for round in 0..3 {
        let names: Vec<String> = (0..40).map(|n| format!("c{round}-{n}")).collect();
        let attach = names.iter().enumerate().map(|(n, name)| nodes[n % 3].attach("small", name));
        let results = futures::future::join_all(attach).await;
        let got: BTreeSet<_> = results.iter().flatten().filter_map(|view| view.endpoint.ipv4).collect();
        assert_eq!(got.len(), 13);
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 13);
        for error in results.iter().filter_map(|result| result.as_ref().err()) {
            assert!(error.to_string().starts_with("no free address left in 10.5.0.0/28"), "{error}");
        }
        let detach = names.iter().enumerate().zip(&results).filter(|(_, result)| result.is_ok()).map(
            |((n, name), _)| {
                let core = nodes[n % 3].core();
                async move { core.endpoints.detach_endpoint("small", name).await }
            },
        );
        for result in futures::future::join_all(detach).await {
            result.unwrap();
        }
        for node in &nodes {
            eventually("all are released", || node.core().known().claims.is_empty()).await;
        }
    }
}

/// Fifty hosts that boot together, ten containers each: nobody is refused, and the store is asked for two or three
/// transactions a container. All in order, it would be twenty-five.
#[tokio::test(start_paused = true)]
async fn fifty_nodes_that_start_at_once_are_in_each_others_way_a_little() {
    let (store, nodes) = cluster(50).await;
    nodes[0].core().networks.create(network_in("overlay", "10.5.0.0/16")).await.unwrap();
    everywhere(&nodes, "overlay").await;
    for node in &nodes {
        node.store.faults().set_delay(Duration::from_millis(2));
        node.store.faults().set_watch_delay(Duration::from_millis(300));
    }
    let before = store.commits();
    let starts = nodes.iter().enumerate().map(|(n, node)| async move {
        let mut got = BTreeSet::new();
        for number in 0..10 {
            let view = node.attach("overlay", &format!("c{n}-{number}")).await.unwrap();
            got.extend(view.endpoint.ipv4);
        }
        got
    });
    let got = futures::future::join_all(starts).await;
    let commits = store.commits() - before;
    let distinct: BTreeSet<_> = got.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), 500);
    assert!(commits <= 1500, "{commits} transactions for 500 containers");
    // The first of them is the next in order.
    assert!(distinct.contains(&"10.5.0.2".parse().unwrap()));
}

/// A node that did not get the next address tries others elsewhere; the order of the pool stays as it was.
#[tokio::test(start_paused = true)]
async fn a_jump_does_not_change_the_order_of_the_others() {
    let (_store, nodes) = cluster(2).await;
    nodes[0].core().networks.create(network_in("overlay", "10.5.0.0/16")).await.unwrap();
    everywhere(&nodes, "overlay").await;
    nodes[1].store.faults().set_watch_delay(Duration::from_secs(1));
    let last = |view: weft_verbs::EndpointView| view.endpoint.ipv4.unwrap().octets();
    assert_eq!(last(nodes[0].attach("overlay", "a").await.unwrap()), [10, 5, 0, 2]);
    let [_, _, c, d] = last(nodes[1].attach("overlay", "b").await.unwrap());
    assert!((c, d) > (0, 3), "it went elsewhere: {c}.{d}");
    assert_eq!(last(nodes[0].attach("overlay", "c").await.unwrap()), [10, 5, 0, 3]);
}

#[tokio::test(start_paused = true)]
async fn both_families_side_by_side() {
    let (_store, nodes) = cluster(1).await;
    let mut request = network("dual");
    request.ipv6 = true;
    nodes[0].core().networks.create(request).await.unwrap();
    let view = nodes[0].attach("dual", "a").await.unwrap();
    assert!(view.endpoint.ipv4.is_some() && view.endpoint.ipv6.is_some());
    let network = nodes[0].core().networks.network_view("dual").unwrap().network;
    assert_eq!(network.segments().len(), 1);
    assert!(network.subnet_of(view.endpoint.ipv6.unwrap().into()).is_some());
}

#[tokio::test(start_paused = true)]
async fn ipv6_alone() {
    let (_store, nodes) = cluster(1).await;
    let mut request = network("six");
    (request.ipv4, request.ipv6) = (false, true);
    nodes[0].core().networks.create(request.clone()).await.unwrap();
    let endpoint = nodes[0].attach("six", "a").await.unwrap().endpoint;
    assert!(endpoint.ipv4.is_none() && endpoint.ipv6.is_some());
    (request.name, request.ipv6) = ("none".parse().unwrap(), false);
    let error = nodes[0].core().networks.create(request).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
}
