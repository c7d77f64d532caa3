//! The order in which a container joined its networks: this decides its default route, and which network it asks first for a
//! name.

use super::{cluster, network};
use jiff::SignedDuration;
use weft_plan::Netns;

#[tokio::test(start_paused = true)]
async fn it_is_kept_whatever_the_clock_says() {
    let (_store, nodes) = cluster(1).await;
    let node = &nodes[0];
    // In no time, and back by ever more: the ids, which are drawn, would have it so by chance only now and then.
    let names: Vec<String> = (0..6).map(|n| format!("net{n}")).collect();
    for (hours, name) in names.iter().enumerate() {
        node.core().networks.create(network(name)).await.unwrap();
        node.attach(name, "a").await.unwrap();
        node.clock.jump(SignedDuration::from_hours(-i64::try_from(hours).unwrap()));
    }
    let gateways = || {
        let place = Netns::Container("/run/netns/a".into());
        let routes = node.kernel.kernel(|kernel| kernel.namespaces[&place].routes.clone());
        routes.iter().map(|route| route.via.to_string()).collect::<Vec<_>>()
    };
    for (n, name) in names.iter().enumerate() {
        assert_eq!(gateways(), [format!("10.0.{n}.1")]);
        node.core().endpoints.detach_endpoint(name, "a").await.unwrap();
    }
}
