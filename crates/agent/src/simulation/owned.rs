//! What container runtimes attach by keys of their own.

use super::{cluster, eventually, network, node::Node};
use weft_verbs::{Attach, Attached, Error, Kind};

async fn attach(node: &Node, key: &str, name: &str, netns: &str) -> Result<Attached, Error> {
    let netns = format!("/run/netns/{netns}");
    node.kernel.add_container(netns.clone());
    let request = Attach::new("overlay", name.parse().unwrap(), netns.into());
    node.core().endpoints.attach_netns(Attach { owner: Some(key.parse().unwrap()), ..request }).await
}

#[tokio::test(start_paused = true)]
async fn a_key_is_one_endpoint_wherever_its_container_is() {
    let (_store, nodes) = cluster(2).await;
    let [one, two] = [&nodes[0], &nodes[1]];
    one.core().networks.create(network("overlay")).await.unwrap();
    let first = attach(one, "podman:a/n", "web", "c").await.unwrap();
    assert_eq!(attach(one, "podman:a/n", "web", "c").await.unwrap(), first);
    // It came back in another namespace, under another name, and nobody said that it had gone.
    let again = attach(one, "podman:a/n", "shop", "d").await.unwrap();
    assert_eq!((again.endpoint.id, &again.addresses), (first.endpoint.id, &first.addresses));
    let is_renamed = || {
        let known = two.core().known();
        known.endpoint(&first.endpoint.id).is_some_and(|(_, endpoint)| endpoint.name.as_str() == "shop")
    };
    eventually("the other node knows its new name", is_renamed).await;
    let here = one.core().endpoints.here();
    assert_eq!(
        here.values().map(|local| local.netns.to_str().unwrap()).collect::<Vec<_>>(),
        ["/run/netns/d"]
    );
    // Another of the same name is another.
    let twin = attach(one, "podman:b/n", "shop", "e").await.unwrap();
    assert_ne!(twin.endpoint.id, first.endpoint.id);

    let key = "podman:a/n".parse().unwrap();
    for _ in 0..2 {
        one.core().endpoints.detach_owned(&key).await.unwrap();
    }
    assert_eq!(one.core().endpoints.here().keys().copied().collect::<Vec<_>>(), [twin.endpoint.id]);
}

#[tokio::test(start_paused = true)]
async fn what_a_key_cannot_have_is_refused() {
    let (_store, nodes) = cluster(1).await;
    let one = &nodes[0];
    for name in ["overlay", "other"] {
        one.core().networks.create(network(name)).await.unwrap();
    }
    attach(one, "a", "web", "c").await.unwrap();
    let request = |key: &str| {
        let request = Attach::new("other", "web".parse().unwrap(), "/run/netns/c".into());
        Attach { owner: Some(key.parse().unwrap()), ..request }
    };
    let error = one.core().endpoints.attach_netns(request("a")).await.unwrap_err();
    assert!(
        error.kind == Kind::Conflict && error.to_string().contains("on network overlay already"),
        "{error}"
    );
    let port = || vec!["8080:80".parse().unwrap()];
    one.core().endpoints.attach_netns(Attach { ports: port(), ..request("b") }).await.unwrap();
    one.kernel.add_container("/run/netns/d");
    let other = Attach { ports: port(), netns: "/run/netns/d".into(), ..request("d") };
    let error = one.core().endpoints.attach_netns(other).await.unwrap_err();
    assert_eq!(error.to_string(), "port 8080/tcp of this host leads to web already: publish on another");
    let taken = Attach { interface: Some("eth0".parse().unwrap()), ..request("e") };
    let error =
        one.core().endpoints.attach_netns(Attach { network: "overlay".into(), ..taken }).await.unwrap_err();
    assert!(error.kind == Kind::Conflict, "{error}");
}
