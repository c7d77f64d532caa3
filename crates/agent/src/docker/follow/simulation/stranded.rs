//! Containers that did not run while their network was away.

use super::{Host, hosts, users::of_weft};
use crate::simulation::eventually;
use std::time::Duration;
use tokio::time::Instant;
use weft_docker::engine::{ContainerState, NewNetwork};
use weft_model::ContainerId;

/// A container on each of two hosts, which ran once, and runs on the second.
async fn on_two(network: &NewNetwork) -> (Vec<Host>, ContainerId) {
    let (_store, hosts) = hosts(2).await;
    hosts[0].engine.create_network(network).await.unwrap();
    eventually("it is everywhere", || hosts.iter().all(|host| host.in_engine().len() == 1)).await;
    let [stopped, running] =
        [0, 1].map(|index| hosts[index].engine.create_container("web", "overlay", "alias"));
    hosts[0].engine.start_container(stopped).await.unwrap();
    hosts[1].engine.start_container(running).await.unwrap();
    hosts[0].engine.stop_container(stopped).await;
    (hosts, stopped)
}

/// Removes the network from the first engine, and waits until it is back there.
async fn prune(host: &Host) {
    let id = host.engine.state().named("overlay").unwrap().id;
    host.engine.remove_network(id).await.unwrap();
    eventually("it is put back", || host.engine.state().named("overlay").is_some_and(|n| n.id != id)).await;
}

#[tokio::test(start_paused = true)]
async fn it_starts_on_the_network_that_was_put_back() {
    let (hosts, stopped) = on_two(&of_weft("overlay", None)).await;
    prune(&hosts[0]).await;
    let began = Instant::now();
    let knows_none = || hosts[0].engine.state().containers[&stopped].attachments["overlay"].network.is_none();
    eventually("it is mended", knows_none).await;
    assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
    hosts[0].engine.start_container(stopped).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_gave_up_to_start_is_started() {
    let (hosts, stopped) = on_two(&of_weft("overlay", None)).await;
    {
        // Its restart comes while the network is away.
        let mut state = hosts[0].engine.state();
        let lacked = state.named("overlay").unwrap().id;
        state.containers.get_mut(&stopped).unwrap().gave_up = Some(lacked);
    }
    prune(&hosts[0]).await;
    let runs = || hosts[0].engine.state().containers[&stopped].state == ContainerState::Running;
    eventually("it runs", runs).await;
}

#[tokio::test(start_paused = true)]
async fn a_network_that_is_kept_is_back_though_nobody_is_on_it() {
    let kept =
        NewNetwork { options: [("keep".to_owned(), "true".to_owned())].into(), ..of_weft("overlay", None) };
    let (hosts, stopped) = on_two(&kept).await;
    let running = *hosts[1].engine.state().containers.keys().next().unwrap();
    hosts[1].engine.stop_container(running).await;
    prune(&hosts[0]).await;
    eventually("both have it", || hosts.iter().all(|host| host.agrees() && host.in_engine().len() == 1))
        .await;
    hosts[1].engine.start_container(running).await.unwrap();
    let knows_none = || hosts[0].engine.state().containers[&stopped].attachments["overlay"].network.is_none();
    eventually("it is mended", knows_none).await;
    hosts[1].engine.stop_container(running).await;
    hosts[0].core().networks.remove("overlay").await.unwrap();
    eventually("it is gone", || hosts.iter().all(|host| host.agrees() && host.in_engine().is_empty())).await;
}
