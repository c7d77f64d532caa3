//! One create, every host.

use super::{hosts, users::of_weft};
use crate::simulation::{eventually, network, network_in};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use weft_docker::engine::NewNetwork;

#[tokio::test(start_paused = true)]
async fn created_in_one_engine_it_is_in_all_at_once() {
    let (_store, hosts) = hosts(3).await;
    let id = hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    let began = Instant::now();
    for host in &hosts {
        eventually("it is there", || host.agrees() && !host.in_engine().is_empty()).await;
    }
    assert!(began.elapsed() <= Duration::from_millis(50), "{:?}", began.elapsed());
    let known = hosts[2].core().known();
    let network = &known.networks[&id];
    assert_eq!(network.labels["made by"], "a user");
    assert!(known.reserved_pools.is_empty(), "the pool is the network's");
    // Each engine has its own id of it.
    let copy = hosts[2].engine.state().named("overlay").cloned().unwrap();
    assert!(copy.id != id && copy.labels == network.labels);
    hosts[2].engine.remove_network(copy.id).await.unwrap();
    for host in &hosts {
        eventually("it is gone", || host.agrees() && host.in_engine().is_empty()).await;
        assert!(host.shared.as_ref().unwrap().mapped().is_empty());
    }
    assert!(hosts[0].core().known().networks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_an_encrypted_network_is_not_given_another() {
    let (_store, hosts) = hosts(2).await;
    let encrypted = NewNetwork {
        options: [("encrypted".to_owned(), String::new())].into(),
        ..of_weft("overlay", Some("10.7.0.0/24"))
    };
    hosts[0].core().networks.create(network_in("overlay", "10.7.0.0/24")).await.unwrap();
    // While the agent there is about to create it, too.
    let asked = hosts[1].engine.create_network(&encrypted).await;
    sleep(Duration::from_secs(30)).await;
    hosts[1].has_none_in_clear(asked.ok());
}

/// Both orders: which of two at once comes first is not to be said.
#[tokio::test(start_paused = true)]
async fn of_two_at_once_the_encrypted_one_is_encrypted_or_none() {
    for first in [0, 1] {
        let (_store, hosts) = hosts(2).await;
        let encrypted = NewNetwork {
            options: [("encrypted".to_owned(), String::new())].into(),
            ..of_weft("overlay", None)
        };
        let clear = of_weft("overlay", None);
        let at_once = |n: usize| hosts[n].engine.create_network(if n == first { &clear } else { &encrypted });
        let created = tokio::join!(at_once(0), at_once(1));
        sleep(Duration::from_secs(30)).await;
        hosts[1 - first].has_none_in_clear(if first == 0 { created.1.ok() } else { created.0.ok() });
    }
}

impl super::Host {
    /// Whether the network that an encrypted one was asked for as is served, it is encrypted.
    fn has_none_in_clear(&self, asked: Option<weft_model::NetworkId>) {
        let mapped = self.shared.as_ref().unwrap().mapped();
        let served = asked.and_then(|asked| mapped.get(&asked)?.network);
        let known = self.core().known();
        let served = served.and_then(|id| known.networks.get(&id));
        assert!(served.is_none_or(|network| network.is_encrypted()), "{served:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn created_in_the_cluster_it_is_in_all_engines() {
    let (_store, hosts) = hosts(2).await;
    let mut dual = network_in("overlay", "10.7.0.0/16");
    dual.ipv6 = true;
    dual.pools[0].gateway = Some("10.7.9.9".parse().unwrap());
    dual.options = [("mtu".to_owned(), "1400".to_owned())].into();
    hosts[0].core().networks.create(dual).await.unwrap();
    for host in &hosts {
        eventually("it is there", || host.agrees() && !host.in_engine().is_empty()).await;
        let state = host.engine.state();
        let copy = state.named("overlay").unwrap();
        assert!(copy.ipv6 && copy.ipam.pools.len() == 2 && copy.options["mtu"] == "1400");
        assert_eq!(copy.ipam.pools[0].gateway, Some("10.7.9.9".parse().unwrap()));
    }
    hosts[1].core().networks.remove("overlay").await.unwrap();
    for host in &hosts {
        eventually("it is gone", || host.in_engine().is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_was_down_or_lost_its_files_catches_up() {
    let (_store, hosts) = hosts(2).await;
    let kept = hosts[0].core().networks.create(network("kept")).await.unwrap();
    hosts[0].core().networks.create(network("removed")).await.unwrap();
    eventually("both are there", || hosts[1].in_engine().len() == 2).await;
    let before = hosts[1].engine.state().named("kept").unwrap().id;
    hosts[1].engine.kill();
    eventually("it is noticed", || !hosts[1].follows()).await;
    hosts[0].core().networks.remove("removed").await.unwrap();
    hosts[0].core().networks.create(network("new")).await.unwrap();
    // As it was before, so it is the same for the containers that know it.
    let again = hosts[0].core().known().networks[&kept].subnets[0].pool.to_string();
    hosts[0].core().networks.remove("kept").await.unwrap();
    hosts[0].core().networks.create(network_in("kept", &again)).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    hosts[1].engine.start(false).await;
    eventually("it has caught up", || hosts[1].agrees()).await;
    assert_eq!(hosts[1].in_engine().len(), 2);
    assert_eq!(hosts[1].engine.state().named("kept").unwrap().id, before);
    hosts[1].engine.kill();
    hosts[1].engine.wipe();
    hosts[1].engine.start(false).await;
    eventually("it has all of them again", || hosts[1].in_engine().len() == 2).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(hosts[1].shared.as_ref().unwrap().mapped().len(), 2, "what is gone is forgotten");
}

#[tokio::test(start_paused = true)]
async fn of_two_with_one_name_created_at_once_one_is_everywhere() {
    let (_store, hosts) = hosts(2).await;
    let create = |host: usize| async move { of_weft("overlay", Some(&format!("10.{host}.0.0/24"))) };
    let (a, b) = (create(1).await, create(2).await);
    let (a, b) = tokio::join!(hosts[0].engine.create_network(&a), hosts[1].engine.create_network(&b));
    assert!(a.is_ok() && b.is_ok(), "neither engine can know");
    for host in &hosts {
        eventually("they agree", || host.agrees() && host.in_engine().len() == 1).await;
    }
    assert_eq!(hosts[0].in_engine(), hosts[1].in_engine());
    let core = hosts[0].core();
    eventually("the other's pool is free again", || core.known().reserved_pools.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_network_of_another_driver_keeps_its_name() {
    let (_store, hosts) = hosts(2).await;
    let bridge = NewNetwork {
        driver: "bridge".to_owned(),
        ipam_driver: "default".to_owned(),
        ..of_weft("overlay", Some("172.18.0.0/16"))
    };
    let id = hosts[1].engine.create_network(&bridge).await.unwrap();
    hosts[0].core().networks.create(network("overlay")).await.unwrap();
    eventually("it is said", || !hosts[1].problems().is_empty()).await;
    assert!(hosts[1].problems()[0].contains("which has a network overlay of driver bridge"));
    sleep(Duration::from_secs(60)).await;
    assert!(hosts[1].engine.state().networks.contains_key(&id) && hosts[1].in_engine().is_empty());
    hosts[1].engine.remove_network(id).await.unwrap();
    eventually("it has room now", || hosts[1].agrees() && hosts[1].problems().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_uses_stays_or_comes_back() {
    let (_store, hosts) = hosts(2).await;
    hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    eventually("it is there", || hosts[1].in_engine().len() == 1).await;
    let container = hosts[1].engine.create_container("nginx_01", "overlay", "web");
    hosts[1].engine.start_container(container).await.unwrap();
    // An engine cannot be told to keep a network: it is made again.
    let id = hosts[0].engine.state().named("overlay").unwrap().id;
    hosts[0].engine.remove_network(id).await.unwrap();
    eventually("it is back", || hosts[0].agrees() && hosts[0].in_engine().len() == 1).await;
    assert!(hosts[0].engine.state().named("overlay").unwrap().id != id);
    // Somebody gives the container's node up: the network can be removed, but not from its engine.
    hosts[1].node.store.faults().set_unavailable(true);
    sleep(Duration::from_secs(60)).await;
    hosts[0].core().nodes.give_up_node(&"host2".parse().unwrap()).await.unwrap();
    hosts[0].core().networks.remove("overlay").await.unwrap();
    hosts[1].node.store.faults().set_unavailable(false);
    let stays = "network overlay was removed from the cluster, but Docker keeps it";
    eventually("it is said", || hosts[1].problems().iter().any(|problem| problem.starts_with(stays))).await;
    hosts[1].engine.remove_container(container).await;
    eventually("it is gone", || hosts[1].in_engine().is_empty() && hosts[1].problems().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn lost_events_cost_a_delay() {
    let (_store, hosts) = hosts(2).await;
    hosts[0].engine.state().lost_events = 1;
    hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    eventually("it is there", || hosts[1].in_engine().len() == 1).await;
    hosts[0].engine.state().lost_events = 1;
    hosts[1].engine.state().lost_events = 1;
    let id = hosts[1].engine.state().named("overlay").unwrap().id;
    hosts[1].engine.remove_network(id).await.unwrap();
    for host in &hosts {
        eventually("it is gone", || host.in_engine().is_empty() && host.in_cluster().is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_that_is_behind_removes_nothing() {
    let (_store, hosts) = hosts(1).await;
    hosts[0].node.store.faults().set_watch_delay(Duration::from_secs(5));
    let id = hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(hosts[0].engine.state().named("overlay").map(|network| network.id), Some(id));
    assert!(hosts[0].agrees() && hosts[0].problems().is_empty());
}

#[tokio::test(start_paused = true)]
async fn removed_at_once_it_does_not_come_back() {
    for delay in 0..12 {
        let (_store, hosts) = hosts(2).await;
        hosts[0].node.store.faults().set_delay(Duration::from_millis(3));
        let id = hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
        sleep(Duration::from_millis(delay)).await;
        hosts[0].engine.remove_network(id).await.unwrap();
        sleep(Duration::from_secs(30)).await;
        for host in &hosts {
            assert!(host.in_engine().is_empty() && host.in_cluster().is_empty(), "after {delay} ms");
            assert!(host.core().known().reserved_pools.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_killed_goes_on_where_it_was() {
    for delay in [0, 1, 2, 3, 5, 8, 13, 21] {
        let (_store, mut hosts) = hosts(2).await;
        hosts[0].node.store.faults().set_delay(Duration::from_millis(2));
        let engine = std::sync::Arc::clone(&hosts[0].engine);
        let create = tokio::spawn(async move { engine.create_network(&of_weft("overlay", None)).await });
        sleep(Duration::from_millis(delay)).await;
        hosts[0].kill().await;
        let created = create.await.unwrap().is_ok();
        hosts[0].start();
        for host in &hosts {
            eventually("they agree", || host.agrees() && host.follows()).await;
        }
        sleep(Duration::from_secs(90)).await;
        for host in &hosts {
            assert_eq!(host.in_engine().len(), usize::from(created), "after {delay} ms");
            assert!(host.agrees() && host.core().known().reserved_pools.is_empty());
        }
    }
}
