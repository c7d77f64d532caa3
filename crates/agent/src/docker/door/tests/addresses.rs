//! Pools and addresses.

use super::{Engine, create_network, pool_id, request_address, request_gateway, request_pool};
use crate::simulation::eventually;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn each_request_for_any_pool_has_another() {
    let engine = Engine::new().await;
    let any = async |v6: bool| {
        let body = json!({"AddressSpace": "weft", "Pool": "", "SubPool": "", "Options": {}, "V6": v6});
        engine.ok("IpamDriver.RequestPool", body).await["Pool"].as_str().unwrap().to_owned()
    };
    assert_eq!(any(false).await, "10.0.0.0/24");
    assert_eq!(any(false).await, "10.0.1.0/24");
    assert!(any(true).await.starts_with("fd"));
    engine.ok("IpamDriver.ReleasePool", json!({"PoolID": "weft/10.0.0.0/24"})).await;
    assert_eq!(any(false).await, "10.0.0.0/24");
    let unspecified = engine.ok("IpamDriver.RequestPool", request_pool("0.0.0.0/0")).await;
    assert_eq!(unspecified["Pool"], "10.0.2.0/24");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_makes_no_sense_is_refused() {
    let engine = Engine::new().await;
    let refused = async |changes: Value| {
        let mut body = request_pool("10.0.0.0/24");
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        engine.refused("IpamDriver.RequestPool", body).await
    };
    let why = refused(json!({"SubPool": "10.0.1.0/25"})).await;
    assert_eq!(why, "ip-range 10.0.1.0/25 is not in subnet 10.0.0.0/24");
    assert!(refused(json!({"Pool": "", "SubPool": "10.0.1.0/25"})).await.contains("add --subnet"));
    assert_eq!(refused(json!({"V6": true})).await, "subnet 10.0.0.0/24 is not one of IPv6");
    assert!(refused(json!({"Pool": "10.0.0.1/24"})).await.contains("did you mean 10.0.0.0/24?"));
    assert!(refused(json!({"Pool": "224.0.0.0/24"})).await.contains("multicast"));
    assert!(refused(json!({"AddressSpace": "LocalDefault"})).await.contains("only \"weft\""));
    assert!(engine.node.core().known().reserved_pools.is_empty());
    let range =
        json!({"AddressSpace": "weft", "Pool": "10.0.0.0/24", "SubPool": "10.0.0.128/25", "V6": false});
    engine.ok("IpamDriver.RequestPool", range).await;
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_this_hosts_routes_is_not_given_away() {
    let engine = Engine::new().await;
    engine.node.route("10.0.0.0/24");
    let pool = engine.ok("IpamDriver.RequestPool", request_pool("")).await;
    assert_eq!(pool["Pool"], "10.0.1.0/24");
}

#[tokio::test(start_paused = true)]
async fn gateways_are_as_asked_for() {
    let engine = Engine::new().await;
    let gateway = async |pool: &str, address: &str| {
        engine.call("IpamDriver.RequestAddress", request_gateway(pool, address)).await
    };
    assert_eq!(gateway("10.0.0.0/24", "").await.unwrap()["Address"], "10.0.0.1/24");
    assert_eq!(gateway("10.0.0.0/24", "10.0.0.254").await.unwrap()["Address"], "10.0.0.254/24");
    assert_eq!(gateway("fd00::/64", "").await.unwrap()["Address"], "fd00::1/64");
    let why = gateway("10.0.0.0/24", "10.0.1.1").await.unwrap_err();
    assert_eq!(why, "address 10.0.1.1 is not in subnet 10.0.0.0/24");
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_address_is_claimed_until_it_is_given_back() {
    let engine = Engine::with_network().await;
    let core = engine.node.core();
    let ask = async |address: &str| {
        engine.call("IpamDriver.RequestAddress", request_address("10.0.0.0/24", address)).await
    };
    assert_eq!(ask("").await.unwrap()["Address"], "10.0.0.2/24");
    assert_eq!(ask("10.0.0.9").await.unwrap()["Address"], "10.0.0.9/24");
    assert_eq!(ask("10.0.0.9").await.unwrap_err(), "address 10.0.0.9 is in use on node host1");
    assert!(ask("10.0.0.1").await.unwrap_err().contains("is the gateway"));
    assert_eq!(core.known().claims.values().flatten().count(), 2);
    for _ in 0..2 {
        for address in ["10.0.0.2", "10.0.0.9", "10.0.0.77"] {
            let body = json!({"PoolID": pool_id("10.0.0.0/24"), "Address": address});
            engine.ok("IpamDriver.ReleaseAddress", body).await;
        }
    }
    assert!(core.known().claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_a_pool_is_full_the_networks_next_has_room() {
    let engine = Engine::new().await;
    let pools = ["10.0.0.0/29", "10.0.1.0/29"];
    for pool in pools {
        engine.ok("IpamDriver.RequestPool", request_pool(pool)).await;
    }
    let mut body = create_network(1, pools[0]);
    body["IPv4Data"] = json!(pools.map(|pool| json!({"AddressSpace": "weft", "Pool": pool})));
    engine.ok("NetworkDriver.CreateNetwork", body).await;
    engine.adopt(1, "overlay").await.unwrap();
    let ask = async || engine.call("IpamDriver.RequestAddress", request_address(pools[0], "")).await;
    let mut addresses = Vec::new();
    for _ in 0..10 {
        addresses.push(ask().await.unwrap()["Address"].as_str().unwrap().to_owned());
    }
    assert_eq!((addresses[4].as_str(), addresses[5].as_str()), ("10.0.0.6/29", "10.0.1.2/29"));
    assert!(ask().await.unwrap_err().contains("no free address left in 10.0.0.0/29"));
    for address in &addresses {
        let body = json!({"PoolID": pool_id(pools[0]), "Address": address.split_once('/').unwrap().0});
        engine.ok("IpamDriver.ReleaseAddress", body).await;
    }
    assert!(engine.node.core().known().claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_container_may_be_started_before_the_networks_name_is_known() {
    let engine = Engine::new().await;
    engine.create(1, "10.0.0.0/24").await.unwrap();
    let asked = request_address("10.0.0.0/24", "10.0.0.7");
    let (address, adopted) =
        tokio::join!(engine.ok("IpamDriver.RequestAddress", asked), engine.adopt(1, "overlay"));
    assert_eq!(address["Address"], "10.0.0.7/24");
    adopted.unwrap();
    assert_eq!(engine.node.core().known().claims.values().flatten().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_nothing_has_no_addresses() {
    let engine = Engine::new().await;
    let why = engine.refused("IpamDriver.RequestAddress", request_address("10.0.0.0/24", "")).await;
    assert!(why.contains("no network of the cluster has the subnet 10.0.0.0/24"), "{why}");
    engine.create(1, "10.0.0.0/24").await.unwrap();
    let why = engine.refused("IpamDriver.RequestAddress", request_address("10.0.0.0/24", "")).await;
    assert!(why.contains("still being created"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn addresses_are_unique_in_the_cluster() {
    let (_store, nodes) = crate::simulation::cluster(2).await;
    let engines: Vec<Engine> = nodes.into_iter().map(Engine::of).collect();
    engines[0].create(1, "10.0.0.0/24").await.unwrap();
    let id = engines[0].adopt(1, "overlay").await.unwrap();
    let creating = engines[1].shared.creating(id, ["10.0.0.0/24".parse().unwrap()].into());
    engines[1].ok("NetworkDriver.CreateNetwork", create_network(2, "10.0.0.0/24")).await;
    drop(creating);
    let ask =
        |engine: usize| engines[engine].ok("IpamDriver.RequestAddress", request_address("10.0.0.0/24", ""));
    let answers = futures::future::join_all((0..20).map(|n| ask(n % 2))).await;
    let addresses: std::collections::BTreeSet<String> =
        answers.into_iter().map(|answer| answer["Address"].as_str().unwrap().to_owned()).collect();
    assert_eq!(addresses.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_an_engine_took_and_died_is_free_for_the_next() {
    let engine = Engine::with_network().await;
    let asked = request_address("10.0.0.0/24", "10.0.0.77");
    engine.ok("IpamDriver.RequestAddress", asked.clone()).await;
    let why = engine.refused("IpamDriver.RequestAddress", asked.clone()).await;
    assert!(why.starts_with("address 10.0.0.77 is in use"), "{why}");
    // The engine was killed, and is back.
    engine.ok("Plugin.Activate", json!({})).await;
    assert_eq!(engine.ok("IpamDriver.RequestAddress", asked).await["Address"], "10.0.0.77/24");
}

/// An engine that is refused here does without the driver as long as it runs.
#[tokio::test(start_paused = true)]
async fn an_engine_that_starts_is_told_so_however_the_store_is() {
    for slow in [false, true] {
        let engine = Engine::with_network().await;
        for last in 10..40 {
            let asked = request_address("10.0.0.0/24", &format!("10.0.0.{last}"));
            engine.ok("IpamDriver.RequestAddress", asked).await;
        }
        let (core, faults) = (engine.node.core(), engine.node.store.faults());
        match slow {
            true => faults.set_delay(Duration::from_secs(2)),
            false => faults.set_unavailable(true),
        }
        let began = Instant::now();
        let answer = engine.ok("Plugin.Activate", json!({})).await;
        assert_eq!(answer["Implements"], json!(["NetworkDriver", "IpamDriver"]));
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        faults.heal();
        eventually("they are given back", || core.known().claims.is_empty()).await;
        assert!(began.elapsed() < Duration::from_secs(30), "before they would be for their age");
    }
}
