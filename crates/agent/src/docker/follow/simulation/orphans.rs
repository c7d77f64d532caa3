//! What the engine has forgotten goes; what it has not, stays, whatever else is wrong.

use super::{Host, hosts, users::of_weft};
use crate::simulation::eventually;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use weft_model::ContainerId;
use weft_store::MemoryStore;

/// A host with a container.
async fn with_container() -> (MemoryStore, Host, ContainerId) {
    let (store, mut hosts) = hosts(1).await;
    let host = hosts.remove(0);
    host.engine.create_network(&of_weft("overlay", None)).await.unwrap();
    eventually("it is in the cluster", || host.in_cluster().len() == 1).await;
    let container = host.engine.create_container("nginx_01", "overlay", "web");
    host.engine.start_container(container).await.unwrap();
    (store, host, container)
}

fn endpoints(host: &Host) -> usize {
    host.core().known().all_endpoints().count()
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_engine_dropped_is_gone_within_seconds() {
    let (_store, mut host, container) = with_container().await;
    host.engine.kill();
    sleep(Duration::from_secs(300)).await;
    assert_eq!(endpoints(&host), 1, "its containers go on without it");
    // It starts while the agent is away, and tells nobody what it drops.
    host.kill().await;
    host.engine.start(false).await;
    host.start();
    host.node.joined(1).await;
    assert_eq!(endpoints(&host), 1, "one look proves nothing");
    let began = Instant::now();
    eventually("it is gone", || endpoints(&host) == 0).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(host.core().known().claims.is_empty());
    host.engine.start_container(container).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(endpoints(&host), 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_with_live_restore_loses_nothing() {
    let (_store, mut host, _) = with_container().await;
    for agent_dies in [false, true] {
        host.engine.kill();
        if agent_dies {
            host.kill().await;
        }
        sleep(Duration::from_secs(60)).await;
        host.engine.start(true).await;
        if agent_dies {
            host.start();
            host.node.joined(1).await;
        }
        sleep(Duration::from_secs(60)).await;
        assert_eq!(endpoints(&host), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_container_that_was_half_disconnected_is_disconnected() {
    let (_store, mut host, container) = with_container().await;
    host.kill().await;
    let engine = Arc::clone(&host.engine);
    let disconnecting = tokio::spawn(async move { engine.disconnect(container).await });
    eventually("the engine has deleted it", || host.engine.state().endpoints.is_empty()).await;
    host.engine.kill();
    host.engine.start(true).await;
    host.start();
    assert!(disconnecting.await.unwrap().is_err(), "and is killed before the container knows");
    host.node.joined(1).await;
    assert_eq!(endpoints(&host), 1);
    let began = Instant::now();
    eventually("it is gone", || endpoints(&host) == 0).await;
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(host.core().known().claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn one_of_two_lists_is_enough() {
    let (_store, host, container) = with_container().await;
    // The engine cannot read its networks' endpoints, and says that there are none.
    host.engine.state().blind = true;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(endpoints(&host), 1, "its container runs");
    host.engine.state().blind = false;
    // A container that is on its way up: it does not run yet, but its endpoint is there.
    host.engine.state().containers.get_mut(&container).unwrap().state =
        weft_docker::engine::ContainerState::Created;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(endpoints(&host), 1, "its network has it");
    // For a moment it is in neither, just when somebody looks.
    host.engine.state().blind = true;
    host.engine.break_events();
    sleep(Duration::from_secs(2)).await;
    host.engine.state().blind = false;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(endpoints(&host), 1, "one look proves nothing");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_proves_nothing() {
    let (_store, host, _) = with_container().await;
    for _ in 0..30 {
        host.engine.state().refusals = 3;
        host.engine.break_events();
        sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(endpoints(&host), 1);
    eventually("it is followed again", || host.follows()).await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_without_its_files_has_no_containers() {
    let (_store, host, _) = with_container().await;
    host.engine.kill();
    host.engine.wipe();
    host.engine.start(false).await;
    eventually("it is gone", || endpoints(&host) == 0).await;
    eventually("the network is back", || host.agrees() && host.in_engine().len() == 1).await;
}
