//! One compose project, brought up on two hosts.

use crate::cluster::{Cluster, SOON, has_network, ping, resolves, until_known};
use weft_testbed::{Engine, Release, until};

const FILE: &str = "
name: shop
services:
  web:
    image: nginx
    networks: [back]
  worker:
    image: busybox
    command: sleep infinity
    networks:
      back:
        aliases: [hands]
networks:
  back:
    driver: weft
    ipam:
      driver: weft
";

#[test]
fn services_on_two_hosts_find_each_other() {
    let Some(cluster) = Cluster::up(&[Release::Newest, Release::Oldest]) else { return };
    for engine in &cluster.engines {
        engine.host().write("/etc/compose.yaml", FILE);
    }
    let [one, two] = [0, 1].map(|index| &cluster.engines[index]);
    compose(one, "up -d --pull never web");
    until("the project's network is in the other engine", SOON, || has_network(two, "shop_back"));
    // Compose takes the network for its own, by its labels.
    compose(two, "up -d --pull never worker");
    let page = compose(two, "exec -T worker wget -qO- http://web/");
    assert_eq!(page, "Welcome to nginx!");
    until_known(one.host(), "shop-worker-1");
    ping(one, "shop-web-1", "worker");
    ping(one, "shop-web-1", "hands");
    ping(one, "shop-web-1", "shop-worker-1");

    // The same service on both hosts is one name with two answers.
    compose(two, "up -d --pull never web");
    until("both answer, on both hosts", SOON, || {
        [(one, "shop-web-1"), (two, "shop-worker-1")]
            .map(|(engine, asks)| resolves(engine, asks, "web").len())
            == [2, 2]
    });

    // The network stays as long as the other host uses it.
    two.host().output(&["docker", "compose", "-f", "/etc/compose.yaml", "down", "-t", "1"]);
    assert_eq!(two.docker("ps -aq"), "");
    until("the one that is left answers", SOON, || resolves(one, "shop-web-1", "web").len() == 1);
    compose(one, "down -t 1");
    cluster.is_empty_soon();
}

#[track_caller]
fn compose(engine: &Engine, line: &str) -> String {
    engine.docker(&format!("compose -f /etc/compose.yaml {line}"))
}
