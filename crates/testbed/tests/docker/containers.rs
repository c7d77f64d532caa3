//! What can be asked for a container, and done with it, on both releases at once.

use crate::cluster::{Cluster, SOON, address, ping, resolves, waiter};
use weft_testbed::{Release, until};

/// A host of each release; they see the same cluster.
const BOTH: [Release; 2] = [Release::Newest, Release::Oldest];

#[test]
fn addresses_and_aliases_that_were_asked_for() {
    let Some(cluster) = Cluster::up(&BOTH) else { return };
    let [one, two] = [0, 1].map(|index| &cluster.engines[index]);
    cluster.create_network("--ipv6 --subnet 10.9.0.0/24 --subnet fd09::/64 overlay");
    for (engine, other, name) in [(one, two, "on-newest"), (two, one, "on-oldest")] {
        let number = if engine.host().name() == "host1" { 51 } else { 52 };
        waiter(other, "overlay", "observer", "");
        let fixed = format!(
            "--ip 10.9.0.{number} --ip6 fd09::{number} --network-alias db --network-alias {name}-too"
        );
        waiter(engine, "overlay", name, &fixed);
        assert_eq!(address(engine, "overlay", name), format!("10.9.0.{number}"));
        for known in [name, &format!("{name}-too"), &format!("fd09::{number}")] {
            ping(other, "observer", known);
        }
        assert_eq!(resolves(other, "observer", name), [format!("10.9.0.{number}")]);
        let six = other.docker(&format!("exec observer nslookup -type=aaaa {name}"));
        assert!(six.contains(&format!("fd09::{number}")), "{six}");
        other.docker("rm -f observer");
    }
    // An alias that containers of two hosts share.
    for engine in [one, two] {
        waiter(engine, "overlay", "observer", "");
        assert_eq!(resolves(engine, "observer", "db"), ["10.9.0.51", "10.9.0.52"]);
        engine.docker("rm -f observer");
    }
    two.docker("rm -f on-oldest");
    until("only who lives is answered", SOON, || resolves(one, "on-newest", "db") == ["10.9.0.51"]);
    one.docker("rm -f on-newest");
    one.docker("network rm overlay");
    cluster.is_empty_soon();
}

#[test]
fn containers_move_between_networks() {
    let Some(cluster) = Cluster::up(&BOTH) else { return };
    cluster.create_network("first");
    // An engine gives out certain addresses only where the subnet was asked for.
    cluster.create_network("--subnet 10.0.1.0/24 second");
    for (engine, other) in [(0, 1), (1, 0)].map(|(a, b)| (&cluster.engines[a], &cluster.engines[b])) {
        for network in ["first", "second"] {
            waiter(other, network, &format!("on-{network}"), "");
        }
        waiter(engine, "first", "mover", "");
        engine.docker("network connect --ip 10.0.1.77 --alias also second mover");
        assert_eq!(address(engine, "second", "mover"), "10.0.1.77");
        ping(engine, "mover", "on-first");
        ping(engine, "mover", "on-second");
        ping(other, "on-second", "mover");
        ping(other, "on-second", "also");
        // Networks do not reach each other, not even through a container that is on both.
        assert!(!other.succeeds("exec on-first ping -c1 -W1 10.0.1.77"));

        engine.docker("network disconnect second mover");
        until("its name goes with it", SOON, || resolves(other, "on-second", "mover").is_empty());
        ping(engine, "mover", "on-first");

        // Of a stopped container it is noted, and done at its start.
        engine.docker("stop mover");
        until("who is stopped has no name", SOON, || resolves(other, "on-first", "mover").is_empty());
        engine.docker("network connect --alias later second mover");
        engine.docker("network disconnect first mover");
        engine.docker("start mover");
        ping(other, "on-second", "later");
        assert!(resolves(other, "on-first", "mover").is_empty());

        engine.docker("rm -f mover");
        other.docker("rm -f on-first on-second");
    }
    for network in ["first", "second"] {
        cluster.engines[1].docker(&format!("network rm {network}"));
    }
    cluster.is_empty_soon();
}

#[test]
fn from_its_start_to_its_end() {
    let Some(cluster) = Cluster::up(&BOTH) else { return };
    cluster.create_network("overlay");
    for (engine, other) in [(0, 1), (1, 0)].map(|(a, b)| (&cluster.engines[a], &cluster.engines[b])) {
        waiter(other, "overlay", "observer", "");
        waiter(engine, "overlay", "before", "--network-alias role");
        ping(other, "observer", "before");

        engine.docker("rename before after");
        until("it is known by its new name", SOON, || !resolves(other, "observer", "after").is_empty());
        until("and no longer by the old one", SOON, || resolves(other, "observer", "before").is_empty());
        ping(other, "observer", "role");

        engine.docker("pause after");
        engine.docker("unpause after");
        ping(other, "observer", "after");

        engine.docker("restart after");
        // Known again before the command returned.
        ping(other, "observer", "after");
        ping(engine, "after", "observer");

        engine.docker("kill after");
        until("the dead have no name", SOON, || resolves(other, "observer", "after").is_empty());
        engine.docker("start after");
        ping(engine, "after", "observer");
        engine.docker("rm -f after");
        other.docker("rm -f observer");
    }
    cluster.engines[0].docker("network rm overlay");
    cluster.is_empty_soon();
}

/// The name of another host's container is the first thing that a container asks for.
#[test]
fn names_resolve_from_the_first_instruction() {
    let Some(cluster) = Cluster::up(&BOTH) else { return };
    cluster.create_network("overlay");
    for (engine, other) in [(0, 1), (1, 0)].map(|(a, b)| (&cluster.engines[a], &cluster.engines[b])) {
        waiter(other, "overlay", "target", "");
        for _ in 0..5 {
            engine.docker("run --rm --net overlay busybox ping -c1 -W2 target");
        }
        // Through libc, too.
        engine.docker("run --rm --net overlay nginx getent hosts target");
        other.docker("rm -f target");
    }
}
