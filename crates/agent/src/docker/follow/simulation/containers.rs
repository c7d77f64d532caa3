//! Names of containers.

use super::{Host, hosts, users::of_weft};
use crate::simulation::eventually;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

/// What the cluster calls the endpoints, as `host` knows it.
fn called(host: &Host) -> Vec<(String, Vec<String>)> {
    let known = host.core().known();
    let names = known.all_endpoints().map(|(_, _, endpoint)| {
        (endpoint.name.to_string(), endpoint.aliases.iter().map(ToString::to_string).collect())
    });
    names.collect()
}

fn nginx(name: &str) -> Vec<(String, Vec<String>)> {
    vec![(name.to_owned(), vec!["web".to_owned()])]
}

#[tokio::test(start_paused = true)]
async fn a_container_is_known_by_its_name_everywhere() {
    let (_store, hosts) = hosts(2).await;
    hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    eventually("it is in the cluster", || hosts[0].in_cluster().len() == 1).await;
    let container = hosts[0].engine.create_container("nginx_01", "overlay", "web");
    hosts[0].engine.start_container(container).await.unwrap();
    eventually("it has its name", || called(&hosts[1]) == nginx("nginx_01")).await;
    hosts[0].engine.rename_container(container, "renamed");
    eventually("it has another", || called(&hosts[1]) == nginx("renamed")).await;
    hosts[0].engine.stop_container(container).await;
    eventually("it is gone", || called(&hosts[1]).is_empty()).await;
    hosts[0].engine.start_container(container).await.unwrap();
    eventually("it is back", || called(&hosts[1]) == nginx("renamed")).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_away_learns_what_was_renamed() {
    let (_store, mut hosts) = hosts(2).await;
    hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    eventually("it is in the cluster", || hosts[0].in_cluster().len() == 1).await;
    let container = hosts[0].engine.create_container("nginx_01", "overlay", "web");
    hosts[0].engine.start_container(container).await.unwrap();
    eventually("it has its name", || called(&hosts[1]) == nginx("nginx_01")).await;
    hosts[0].kill().await;
    hosts[0].engine.rename_container(container, "renamed");
    hosts[0].start();
    eventually("it has another", || called(&hosts[1]) == nginx("renamed")).await;
}

#[tokio::test(start_paused = true)]
async fn without_events_names_come_all_the_same() {
    let (_store, hosts) = hosts(1).await;
    hosts[0].engine.create_network(&of_weft("overlay", None)).await.unwrap();
    eventually("it is in the cluster", || hosts[0].in_cluster().len() == 1).await;
    hosts[0].engine.state().lost_events = 1000;
    let container = hosts[0].engine.create_container("nginx_01", "overlay", "web");
    let engine = Arc::clone(&hosts[0].engine);
    engine.start_container(container).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert_eq!(called(&hosts[0])[0].0, "nginx_01", "the engine was asked about its network");
    eventually("its alias", || called(&hosts[0]) == nginx("nginx_01")).await;
}
