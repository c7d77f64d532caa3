//! Hosts that cannot reach the store, or each other, for a while.

use crate::cluster::{Cluster, SOON, exec, has_network, ping, sleeper};
use weft_testbed::until;

#[test]
fn a_host_cut_off_from_the_store_keeps_its_traffic_and_catches_up() {
    let Some(cluster) = Cluster::up(3) else { return };
    cluster.create_network(&["overlay"]);
    // The store is on the first host.
    let [first, second, third] = [1, 2, 3].map(|number| cluster.host(number).clone());
    sleeper(&second, "overlay", "two", &[]);
    sleeper(&third, "overlay", "three", &[]);
    ping(&third, "three", "two");

    third.run(&["weft", "status"]);
    cluster.world.partition(&[&first], &[&third]);
    first.run(&["weft", "network", "create", "meanwhile"]);
    let refusal = third.refused(&["weft", "network", "create", "other"]);
    let address = cluster.store.url().trim_start_matches("consul://");
    assert!(refusal.contains(address), "it should name the store: {refusal}");
    ping(&third, "three", "two");
    until("the cut is noticed, though nobody says so", SOON, || {
        !third.output(&["weft", "status"]).status.success()
    });
    assert!(!has_network(&third, "meanwhile"));

    cluster.world.heal();
    until("what happened meanwhile is seen", SOON, || has_network(&third, "meanwhile"));
    until("it can decide again", SOON, || {
        third.output(&["weft", "network", "create", "other"]).status.success()
    });
    exec(&third, "three", &["ping", "-c1", "-W2", "two"]);
}
