//! Endpoints, from the engine's first word of them to its last.

use super::{Engine, create_endpoint, endpoint, endpoint_ref, join, network, pool_id, request_address};
use crate::{
    core::DriverAccess,
    docker::{NamedContainer, OnNetwork},
    simulation::{eventually, network_in},
};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use weft_model::EndpointName;
use weft_verbs::{ContainerNames, EngineStatus};

#[tokio::test(start_paused = true)]
async fn a_container_starts_and_stops_as_engines_do_it() {
    let engine = Engine::with_network().await;
    let core = engine.node.core();
    for _ in 0..2 {
        let address =
            engine.ok("IpamDriver.RequestAddress", request_address("10.0.0.0/24", "10.0.0.2")).await;
        let interface = json!({"Address": address["Address"], "AddressIPv6": "", "MacAddress": ""});
        for _ in 0..2 {
            let made = engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, interface.clone())).await;
            assert_eq!(made, json!({"Interface": {"MacAddress": "02:42:0a:00:00:02"}}));
        }
        for _ in 0..2 {
            let joined = engine.ok("NetworkDriver.Join", join(1)).await;
            let name = json!({"SrcName": format!("v{}", endpoint(1).short()), "DstPrefix": "eth"});
            assert_eq!(joined, json!({"InterfaceName": name}), "no gateway: the engine adds its own");
        }
        assert_eq!(engine.ok("NetworkDriver.EndpointOperInfo", endpoint_ref(1)).await, json!({"Value": {}}));
        assert_eq!(core.known().all_endpoints().count(), 1);
        for _ in 0..2 {
            engine.ok("NetworkDriver.Leave", endpoint_ref(1)).await;
            engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await;
            let given_back = json!({"PoolID": pool_id("10.0.0.0/24"), "Address": "10.0.0.2"});
            engine.ok("IpamDriver.ReleaseAddress", given_back).await;
        }
        assert!(core.known().claims.is_empty() && core.endpoints.here().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_into_another_network_that_has_the_pool_now() {
    let engine = Engine::with_network().await;
    let core = engine.node.core();
    core.networks.remove("overlay").await.unwrap();
    core.networks.create(network_in("other", "10.0.0.0/24")).await.unwrap();
    let why = engine.start(1).await.unwrap_err();
    assert_eq!(
        why,
        "the network was removed from the cluster, and its subnet 10.0.0.0/24 is that of network other now: \
         remove the network, and create another"
    );
    assert_eq!(core.known().all_endpoints().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_container_whose_process_is_there_has_its_name_at_once() {
    let engine = Engine::with_network().await;
    let (id, sandbox) = ("c".repeat(64), "/var/run/docker/netns/1");
    engine.node.run_container(sandbox, &id);
    engine.start(1).await.unwrap();
    let core = engine.node.core();
    let name = |number| core.endpoints.here()[&endpoint(number)].endpoint.clone();
    assert_eq!(name(1).name, EndpointName::provisional(&endpoint(1)), "the engine has not told of it yet");
    let on = OnNetwork { aliases: vec!["www".parse().unwrap()], links: vec!["db:database".parse().unwrap()] };
    let aliases = |network: &str| (network.parse().unwrap(), on.clone());
    let container = NamedContainer {
        name: "nginx_01".parse().unwrap(),
        on: [aliases("overlay"), aliases("other")].into(),
    };
    engine.shared.set_containers([(id.clone(), container)].into());
    engine.node.run_container("/var/run/docker/netns/2", &id);
    engine.start(2).await.unwrap();
    assert_eq!((name(2).name.as_str(), &name(2).container), ("nginx_01", &Some(id)));
    assert_eq!(name(2).aliases, ["www".parse().unwrap()]);
    assert_eq!(core.endpoints.here()[&endpoint(2)].links, on.links);
}

#[tokio::test(start_paused = true)]
async fn before_a_container_runs_its_name_is_waited_for() {
    let engine = Engine::with_network().await;
    engine.start(1).await.unwrap();
    let core = engine.node.core();
    let info = async || {
        let asked = Instant::now();
        engine.ok("NetworkDriver.EndpointOperInfo", endpoint_ref(1)).await;
        asked.elapsed()
    };
    assert_eq!(info().await, Duration::ZERO, "nobody follows the engine");
    let access = DriverAccess::new(&core);
    access.engines().note_status(EngineStatus {
        address: "/run/docker.sock".to_owned(),
        version: Ok("28.5.2".to_owned()),
        since: access.env().now(),
        problems: Vec::new(),
    });
    assert_eq!(info().await, Duration::from_secs(2), "it may have no name that can be resolved");
    let name = "nginx_01".parse().unwrap();
    let names = ContainerNames { container: "c".repeat(64), name, aliases: Vec::new(), links: Vec::new() };
    let rename = async {
        sleep(Duration::from_millis(20)).await;
        core.endpoints.rename_for_engine(endpoint(1), names).await.unwrap();
    };
    let (took, ()) = tokio::join!(info(), rename);
    assert!((20..100).contains(&took.as_millis()), "{took:?}");
    assert_eq!(info().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_address_of_its_own_is_taken_and_not_repeated() {
    let engine = Engine::with_network().await;
    let mac = json!({"Address": "10.0.0.2/24", "MacAddress": "02:42:c0:00:02:09"});
    let made = engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, mac)).await;
    assert_eq!(made, json!({"Interface": {}}), "an engine refuses what it gave");
    engine.ok("NetworkDriver.Join", join(1)).await;
    let core = engine.node.core();
    let known = core.known();
    let (_, _, endpoint) = known.all_endpoints().next().unwrap();
    assert_eq!(endpoint.mac.to_string(), "02:42:c0:00:02:09");
}

#[tokio::test(start_paused = true)]
async fn both_families_are_one_endpoint() {
    let engine = Engine::new().await;
    let request = weft_verbs::CreateNetwork {
        ipv6: true,
        pools: [("10.0.0.0/24"), ("fd00::/64")]
            .map(|pool| weft_verbs::PoolRequest { subnet: Some(pool.parse().unwrap()), ..Default::default() })
            .into(),
        ..crate::simulation::network("overlay")
    };
    engine.node.core().networks.create(request).await.unwrap();
    let interface = json!({"Address": "10.0.0.2/24", "AddressIPv6": "fd00::2/64"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, interface)).await;
    engine.ok("NetworkDriver.Join", join(1)).await;
    assert_eq!(engine.node.core().known().claims.values().flatten().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_makes_no_sense_is_refused() {
    let engine = Engine::with_network().await;
    let refused =
        async |interface| engine.refused("NetworkDriver.CreateEndpoint", create_endpoint(1, interface)).await;
    assert!(refused(json!({})).await.contains("has no address"));
    assert!(refused(json!(null)).await.contains("has no address"));
    let elsewhere = format!("address 10.9.0.2/24 is not of network {}", network(1).short());
    assert_eq!(refused(json!({"Address": "10.9.0.2/24"})).await, elsewhere);
    assert!(refused(json!({"Address": "10.0.0.2/25"})).await.contains("is not of network"));
    assert!(
        refused(json!({"Address": "10.0.0.2/24", "MacAddress": "ff:ff:ff:ff:ff:ff"}))
            .await
            .contains("unicast")
    );
    let interface = json!({"Address": "10.0.0.2/24"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, interface)).await;
    assert!(refused(json!({"Address": "10.0.0.3/24"})).await.contains("with another interface"));
    let mut nowhere = join(1);
    nowhere["SandboxKey"] = json!("netns/1");
    assert!(engine.refused("NetworkDriver.Join", nowhere).await.contains("not an absolute path"));
    assert_eq!(engine.node.core().known().all_endpoints().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_anothers_by_now_is_refused() {
    let engine = Engine::with_network().await;
    engine.start(1).await.unwrap();
    let interface = json!({"Address": "10.0.0.2/24"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(2, interface)).await;
    let why = engine.refused("NetworkDriver.Join", join(2)).await;
    assert!(why.contains("in use"), "{why}");
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(2)).await;
    assert_eq!(engine.node.core().known().all_endpoints().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_known_cannot_join_and_can_go() {
    let engine = Engine::with_network().await;
    let why = engine.refused("NetworkDriver.Join", join(1)).await;
    assert!(why.contains("start the container again"), "{why}");
    for method in ["Leave", "DeleteEndpoint", "EndpointOperInfo", "RevokeExternalConnectivity"] {
        engine.ok(&format!("NetworkDriver.{method}"), endpoint_ref(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn endpoints_outlive_the_agent_but_not_those_that_did_not_join() {
    let mut engine = Engine::with_network().await;
    engine.start(1).await.unwrap();
    let interface = json!({"Address": "10.0.0.3/24"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(2, interface)).await;
    engine.restart_agent().await;
    assert!(engine.refused("NetworkDriver.Join", join(2)).await.contains("was restarted"));
    engine.ok("NetworkDriver.EndpointOperInfo", endpoint_ref(1)).await;
    engine.ok("NetworkDriver.Leave", endpoint_ref(1)).await;
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await;
    assert!(engine.node.core().known().claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn whoever_is_deleted_while_it_joins_is_gone_in_the_end() {
    let engine = Engine::with_network().await;
    let interface = json!({"Address": "10.0.0.2/24"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, interface)).await;
    // Before the answer to Join is there, as if the engine had been killed and started again.
    engine.node.store.faults().set_delay(Duration::from_millis(200));
    let (joined, deleted) = tokio::join!(engine.call("NetworkDriver.Join", join(1)), async {
        sleep(Duration::from_millis(50)).await;
        engine.call("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await
    });
    joined.unwrap();
    deleted.unwrap();
    engine.node.store.faults().set_delay(Duration::ZERO);
    let core = engine.node.core();
    assert!(core.endpoints.here().is_empty());
    eventually("it is gone", || core.known().claims.is_empty()).await;
    assert!(engine.refused("NetworkDriver.Join", join(1)).await.contains("does not know"));
}

#[tokio::test(start_paused = true)]
async fn a_join_that_takes_too_long_is_said_in_time_and_undone_by_what_follows() {
    let engine = Engine::with_network().await;
    let interface = json!({"Address": "10.0.0.2/24"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, interface)).await;
    engine.node.store.faults().set_delay(Duration::from_millis(2900));
    engine.node.kernel.fail(weft_datapath::Faults { observe: 1000, ..Default::default() });
    let asked = Instant::now();
    let why = engine.refused("NetworkDriver.Join", join(1)).await;
    assert!(asked.elapsed() <= Duration::from_secs(15), "{:?}", asked.elapsed());
    assert!(why.contains("kernel") || why.contains("store"), "{why}");
    engine.node.store.faults().set_delay(Duration::ZERO);
    engine.node.kernel.fail(weft_datapath::Faults::default());
    let _too_late_too = engine.call("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await;
    let core = engine.node.core();
    eventually("it is gone", || core.endpoints.here().is_empty() && core.known().claims.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn who_never_joins_is_forgotten() {
    let engine = Engine::with_network().await;
    let interface = json!({"Address": "10.0.0.2/24"});
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, interface)).await;
    sleep(Duration::from_secs(700)).await;
    engine.start(2).await.unwrap();
    assert!(engine.refused("NetworkDriver.Join", join(1)).await.contains("does not know"));
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(2)).await;
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(3)).await;
    assert_eq!(engine.driver().endpoints.len(), 1, "only the last one asked about");
}

#[tokio::test(start_paused = true)]
async fn the_task_that_follows_the_engine_is_woken() {
    let engine = Engine::with_network().await;
    let woken = async || {
        let looked = tokio::time::timeout(Duration::from_millis(1), engine.shared.look.notified()).await;
        looked.is_ok()
    };
    woken().await;
    engine.ok("NetworkDriver.Leave", endpoint_ref(1)).await;
    assert!(!woken().await);
    engine.ok("NetworkDriver.CreateEndpoint", create_endpoint(1, json!({"Address": "10.0.0.2/24"}))).await;
    assert!(woken().await);
    engine.ok("NetworkDriver.DeleteEndpoint", endpoint_ref(1)).await;
    assert!(woken().await);
}
