//! Requests that meet: the same one twice, two for one thing, one that could mean several.

use super::{cluster, eventually, network};
use std::time::Duration;
use tokio::time::sleep;
use weft_store::{Condition, Store, Txn};
use weft_verbs::{Attach, Kind};

fn attach(netns: &str, name: &str) -> Attach {
    Attach::new("overlay", name.parse().unwrap(), format!("/run/netns/{netns}").into())
}

#[tokio::test(start_paused = true)]
async fn the_same_request_twice_is_one() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    nodes[0].kernel.add_container("/run/netns/c");
    let (one, two) = tokio::join!(
        core.endpoints.attach_netns(attach("c", "a")),
        core.endpoints.attach_netns(attach("c", "a"))
    );
    assert_eq!(one.unwrap().endpoint.id, two.unwrap().endpoint.id);
    let mut other = attach("c", "a");
    other.options.ipv4 = Some("10.0.0.77".parse().unwrap());
    let error = core.endpoints.attach_netns(other).await.unwrap_err();
    assert_eq!((error.kind, error.to_string().as_str()), (Kind::Conflict, "a is on network overlay already"));
}

#[tokio::test(start_paused = true)]
async fn of_two_with_one_name_exactly_one_joins() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    for netns in ["c", "d"] {
        nodes[0].kernel.add_container(format!("/run/netns/{netns}"));
    }
    let (one, two) = tokio::join!(
        core.endpoints.attach_netns(attach("c", "a")),
        core.endpoints.attach_netns(attach("d", "a"))
    );
    assert!(one.is_ok() != two.is_ok(), "both or neither: {one:?} {two:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_comes_before_the_start_of_an_id() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    let first = nodes[0].attach("overlay", "first").await.unwrap().id.to_string();
    // Named as the other's id begins.
    let second = nodes[0].attach("overlay", &first[..1]).await.unwrap().id;
    core.endpoints.detach_endpoint("overlay", &first[..1]).await.unwrap();
    assert!(!core.endpoints.here().contains_key(&second), "the one of that name is gone");
    nodes[0].attach("overlay", &first[..1]).await.unwrap();
    core.endpoints.disconnect_container("overlay", &first[..1], false).await.unwrap();
    assert_eq!(core.endpoints.here().len(), 1);
    core.endpoints.detach_endpoint("overlay", &first[..20]).await.unwrap();
    let error = core.endpoints.detach_endpoint("overlay", "").await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn the_start_of_several_ids_is_nobody() {
    let (_store, nodes) = cluster(1).await;
    let core = nodes[0].core();
    core.networks.create(network("overlay")).await.unwrap();
    // Of seventeen, two begin alike.
    let mut starts: Vec<String> = Vec::new();
    for number in 0..17 {
        let view = nodes[0].attach("overlay", &format!("some-{number}")).await.unwrap();
        starts.push(view.id.to_string()[..1].to_owned());
    }
    let twice = starts.iter().find(|start| starts.iter().filter(|other| other == start).count() > 1).unwrap();
    let error = core.endpoints.detach_endpoint("overlay", twice).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert_eq!(core.endpoints.here().len(), 17);
}

#[tokio::test(start_paused = true)]
async fn a_refused_removal_leaves_no_mark() {
    let (_store, nodes) = cluster(2).await;
    let (one, two) = (nodes[0].core(), nodes[1].core());
    one.networks.create(network("overlay")).await.unwrap();
    eventually("it is seen", || two.networks.network_view("overlay").is_ok()).await;
    // The node that removes it has not heard yet of the endpoint that joined, and loses sight of the store while it
    // takes back what it began.
    let faults = nodes[0].store.faults();
    faults.set_watch_delay(Duration::from_secs(5));
    nodes[1].attach("overlay", "a").await.unwrap();
    faults.set_delay(Duration::from_millis(100));
    let (removed, ()) = tokio::join!(one.networks.remove("overlay"), async {
        // It has marked the network by now, and looks whether anybody is on it.
        sleep(Duration::from_millis(150)).await;
        faults.lose_changes(1);
    });
    let error = removed.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "it is not known what became of it: {error}");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_key_in_the_way_is_named() {
    let (store, nodes) = cluster(1).await;
    let garbage = Txn::new().put("weft/v1/vnis/256", "garbage", Condition::Always);
    store.commit(garbage).await.unwrap();
    eventually("it is seen", || !nodes[0].core().known().unreadable.is_empty()).await;
    let error = nodes[0].core().networks.create(network("overlay")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert!(error.to_string().starts_with("key weft/v1/vnis/256 in the store is in the way"), "{error}");
}
