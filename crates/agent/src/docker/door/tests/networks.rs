//! Networks of the engine.

use super::{
    Engine, create_network, endpoint_ref, network, network_ref, pool_id, request_address, request_gateway,
    request_pool,
};
use crate::{docker::Mapped, simulation};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn whoever_asks_is_told_what_the_driver_is() {
    let engine = Engine::new().await;
    let ask = async |method| engine.post(method, "").await.1;
    assert_eq!(ask("Plugin.Activate").await, json!({"Implements": ["NetworkDriver", "IpamDriver"]}));
    let capabilities = json!({"Scope": "local", "ConnectivityScope": "global"});
    assert_eq!(ask("NetworkDriver.GetCapabilities").await, capabilities);
    let capabilities = json!({"RequiresMACAddress": false, "RequiresRequestReplay": false});
    assert_eq!(ask("IpamDriver.GetCapabilities").await, capabilities);
    let spaces = json!({"LocalDefaultAddressSpace": "weft", "GlobalDefaultAddressSpace": "weft"});
    assert_eq!(ask("IpamDriver.GetDefaultAddressSpaces").await, spaces);
}

#[tokio::test(start_paused = true)]
async fn a_network_is_created_and_removed_as_engines_do_it() {
    let engine = Engine::new().await;
    let pool = engine.ok("IpamDriver.RequestPool", request_pool("")).await;
    assert_eq!(pool, json!({"PoolID": "weft/10.0.0.0/24", "Pool": "10.0.0.0/24"}));
    let gateway = engine.ok("IpamDriver.RequestAddress", request_gateway("10.0.0.0/24", "")).await;
    assert_eq!(gateway, json!({"Address": "10.0.0.1/24"}));
    let aux = engine.ok("IpamDriver.RequestAddress", request_address("10.0.0.0/24", "10.0.0.9")).await;
    assert_eq!(aux, json!({"Address": "10.0.0.9/24"}));
    for _ in 0..2 {
        let created = engine.ok("NetworkDriver.CreateNetwork", create_network(1, "10.0.0.0/24")).await;
        assert_eq!(created, json!({}));
    }
    assert_eq!(engine.shared.mapped()[&network(1)].network, None, "its name is not known yet");
    engine.adopt(1, "overlay").await.unwrap();
    let core = engine.node.core();
    assert!(core.known().claims.is_empty() && core.known().reserved_pools.is_empty());
    give_back(&engine, "10.0.0.0/24").await;
    assert!(core.networks.network_view("overlay").is_ok(), "giving its pool back does not remove it");
    for _ in 0..2 {
        engine.ok("NetworkDriver.DeleteNetwork", network_ref(1)).await;
    }
    assert!(core.networks.network_view("overlay").is_err());
    assert!(engine.shared.mapped().is_empty());
}

/// What engines give back before they delete a network.
async fn give_back(engine: &Engine, pool: &str) {
    for address in ["10.0.0.1", "10.0.0.9"] {
        let body = json!({"PoolID": pool_id(pool), "Address": address});
        engine.ok("IpamDriver.ReleaseAddress", body).await;
    }
    engine.ok("IpamDriver.ReleasePool", json!({"PoolID": pool_id(pool)})).await;
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_deleted_before_its_name_was_known_leaves_nothing() {
    let engine = Engine::new().await;
    engine.create(1, "10.0.0.0/24").await.unwrap();
    give_back(&engine, "10.0.0.0/24").await;
    assert_eq!(
        engine.node.core().known().reserved_pools.len(),
        1,
        "another's of the same subnet is not let go"
    );
    engine.ok("NetworkDriver.DeleteNetwork", network_ref(1)).await;
    assert!(engine.node.core().known().reserved_pools.is_empty());
    assert!(engine.shared.mapped().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_refused_leaves_nothing() {
    let engine = Engine::new().await;
    engine.ok("IpamDriver.RequestPool", request_pool("10.0.0.0/24")).await;
    let bad = |options: Value| {
        let mut body = create_network(1, "10.0.0.0/24");
        body["Options"]["com.docker.network.generic"] = options;
        body
    };
    let refused = async |options| engine.refused("NetworkDriver.CreateNetwork", bad(options)).await;
    assert!(refused(json!({"encrypted": "yes"})).await.contains("it is true or false"));
    assert!(refused(json!({"mtu": "1"})).await.contains("invalid MTU"));
    assert!(refused(json!({"vni": "0"})).await.contains("invalid VNI"));
    let mut gateway = create_network(1, "10.0.0.0/24");
    gateway["IPv4Data"][0]["Gateway"] = json!("10.0.0.255/24");
    assert!(engine.refused("NetworkDriver.CreateNetwork", gateway).await.contains("broadcast"));
    let mut aux = create_network(1, "10.0.0.0/24");
    aux["IPv4Data"][0]["AuxAddresses"] = json!({"router": "10.0.0.1/24"});
    aux["IPv4Data"][0]["Gateway"] = json!("10.0.0.1/24");
    assert!(engine.refused("NetworkDriver.CreateNetwork", aux).await.contains("is the gateway's"));
    assert!(engine.shared.mapped().is_empty());
    give_back(&engine, "10.0.0.0/24").await;
    assert!(engine.node.core().known().reserved_pools.is_empty());
}

#[tokio::test(start_paused = true)]
async fn addresses_of_another_driver_are_refused_with_the_command_to_type() {
    let engine = Engine::new().await;
    for space in ["LocalDefault", "null", ""] {
        let mut body = create_network(1, "172.18.0.0/16");
        body["IPv4Data"][0]["AddressSpace"] = json!(space);
        let why = engine.refused("NetworkDriver.CreateNetwork", body).await;
        assert!(why.contains("docker network create -d weft --ipam-driver weft"), "{why}");
    }
    let none = json!({"NetworkID": network(1), "Options": null, "IPv4Data": null, "IPv6Data": null});
    assert!(engine.refused("NetworkDriver.CreateNetwork", none).await.contains("--ipam-driver weft"));
    assert!(engine.shared.mapped().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_networks_of_one_subnet_are_one_too_many() {
    let engine = Engine::new().await;
    engine.create(1, "10.0.0.0/24").await.unwrap();
    // Both asked for the pool before either was created.
    let why = engine.create(2, "10.0.0.0/24").await.unwrap_err();
    assert!(why.contains("10.0.0.0/24 is that of network"), "{why}");
    give_back(&engine, "10.0.0.0/24").await;
    engine.adopt(1, "overlay").await.unwrap();
    let why = engine.refused("IpamDriver.RequestPool", request_pool("10.0.0.0/16")).await;
    assert_eq!(why, "subnet 10.0.0.0/16 overlaps 10.0.0.0/24 of network overlay; choose another");
    let why = engine.refused("NetworkDriver.CreateNetwork", create_network(1, "10.9.0.0/24")).await;
    assert!(why.contains("with other subnets"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn a_network_of_the_cluster_is_made_in_the_engine() {
    let engine = Engine::new().await;
    let id =
        engine.node.core().networks.create(simulation::network_in("overlay", "10.3.0.0/24")).await.unwrap();
    let creating = engine.shared.creating(id, ["10.3.0.0/24".parse().unwrap()].into());
    let pool = engine.ok("IpamDriver.RequestPool", request_pool("10.3.0.0/24")).await;
    assert_eq!(pool["PoolID"], "weft/10.3.0.0/24");
    let aux = engine.ok("IpamDriver.RequestAddress", request_address("10.3.0.0/24", "10.3.0.7")).await;
    assert_eq!(aux["Address"], "10.3.0.7/24");
    engine.ok("NetworkDriver.CreateNetwork", create_network(5, "10.3.0.0/24")).await;
    assert_eq!(engine.shared.mapped()[&network(5)].network, Some(id));
    drop(creating);
    assert!(
        engine.node.core().known().reserved_pools.is_empty() && engine.node.core().known().claims.is_empty()
    );
    let why = engine.refused("IpamDriver.RequestPool", request_pool("10.3.0.0/24")).await;
    assert!(why.contains("of network overlay"), "{why}");
    // Removed elsewhere; the task removes it from the engine.
    engine.node.core().networks.remove("overlay").await.unwrap();
    engine.ok("NetworkDriver.DeleteNetwork", network_ref(5)).await;
    assert!(engine.shared.mapped().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_network_in_use_is_kept() {
    let engine = Engine::with_network().await;
    engine.start(1).await.unwrap();
    let why = engine.refused("NetworkDriver.DeleteNetwork", network_ref(1)).await;
    assert!(why.contains("has active endpoints"), "{why}");
    assert!(engine.shared.mapped().contains_key(&network(1)));
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await;
    engine.ok("NetworkDriver.DeleteNetwork", network_ref(1)).await;
}

#[tokio::test(start_paused = true)]
async fn networks_outlive_the_agent() {
    let mut engine = Engine::with_network().await;
    engine.create(2, "10.1.0.0/24").await.unwrap();
    engine.restart_agent().await;
    engine.adopt(2, "other").await.unwrap();
    engine.ok("NetworkDriver.DeleteNetwork", network_ref(1)).await;
    let core = engine.node.core();
    assert!(core.networks.network_view("overlay").is_err() && core.networks.network_view("other").is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dead_store_is_said_within_three_seconds() {
    let engine = Engine::with_network().await;
    engine.node.store.faults().set_unavailable(true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let address = request_address("10.0.0.0/24", "");
    for (method, body) in [
        ("IpamDriver.RequestPool", request_pool("")),
        ("IpamDriver.RequestAddress", address),
        ("NetworkDriver.CreateNetwork", create_network(2, "10.7.0.0/24")),
        ("NetworkDriver.DeleteNetwork", network_ref(1)),
    ] {
        let asked = Instant::now();
        let why = engine.refused(method, body).await;
        assert!(asked.elapsed() <= Duration::from_secs(3), "{method}: {:?}", asked.elapsed());
        assert!(why.contains("store is out of reach"), "{method}: {why}");
    }
    // What needs no decision answers.
    engine.ok("IpamDriver.RequestAddress", request_gateway("10.0.0.0/24", "")).await;
    engine.ok("IpamDriver.ReleasePool", json!({"PoolID": pool_id("10.0.0.0/24")})).await;
    engine.ok("NetworkDriver.Leave", endpoint_ref(1)).await;
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await;
    engine.ok("NetworkDriver.DeleteNetwork", network_ref(9)).await;
    assert!(engine.shared.mapped().contains_key(&network(1)), "what was refused is as it was");
}

#[tokio::test(start_paused = true)]
async fn a_slow_store_is_waited_for_three_seconds() {
    let engine = Engine::new().await;
    engine.node.store.faults().set_delay(Duration::from_millis(3500));
    let asked = Instant::now();
    let why = engine.refused("IpamDriver.RequestPool", request_pool("")).await;
    assert_eq!(asked.elapsed(), Duration::from_secs(3));
    assert!(why.contains("waiting for the store, memory"), "{why}");
    engine.node.store.faults().set_delay(Duration::ZERO);
    let core = engine.node.core();
    simulation::eventually("what was asked for goes on, and is given back", || {
        core.known().reserved_pools.is_empty()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_network_that_stands_for_another_has_its_addresses() {
    let engine = Engine::new().await;
    let core = engine.node.core();
    engine.create(1, "10.0.0.0/24").await.unwrap();
    let other = core.networks.create(simulation::network_in("overlay", "10.5.0.0/24")).await.unwrap();
    let pools = ["10.0.0.0/24", "10.5.0.0/24"].map(|pool| pool.parse().unwrap()).into();
    let stand = async {
        // Asked for before it turned out.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mapped = Mapped { network: Some(other), pools };
        engine.shared.update(|all| drop(all.insert(network(1), mapped))).unwrap();
    };
    let ask = engine.ok("IpamDriver.RequestAddress", request_address("10.0.0.0/24", ""));
    let (given, ()) = tokio::join!(ask, stand);
    assert_eq!(given, json!({"Address": "10.5.0.2/24"}));
    let body = json!({"PoolID": pool_id("10.0.0.0/24"), "Address": "10.5.0.2"});
    engine.ok("IpamDriver.ReleaseAddress", body).await;
    simulation::eventually("it is given back", || core.known().claims.values().flatten().count() == 0).await;
    give_back(&engine, "10.0.0.0/24").await;
    assert_eq!(core.known().reserved_pools.len(), 1, "nobody else may have its pool");
    engine.ok("NetworkDriver.DeleteNetwork", network_ref(1)).await;
    assert!(core.known().reserved_pools.is_empty() && core.known().networks.is_empty());
}
