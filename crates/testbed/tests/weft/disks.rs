//! Disks that are full, or cannot be written.

use crate::cluster::{SOON, sleeper};
use weft_testbed::{Agent, Host, StoreServer, World, until};

/// An agent with its files on a small disk of their own, and a process on a network.
fn on_a_small_disk(host: &Host) -> (StoreServer, Agent) {
    host.run(&["mkdir", "-p", "/var/lib/weft"]);
    host.run(&["mount", "-t", "tmpfs", "-o", "size=2m", "disk", "/var/lib/weft"]);
    let store = host.consul();
    let agent = host.agent(&[&format!("--cluster-store={}", store.url()), "--cluster-advertise=eth0"]);
    until("it has joined", SOON, || host.output(&["weft", "network", "create", "overlay"]).status.success());
    sleeper(host, "overlay", "one", &[]);
    host.run(&["ip", "netns", "add", "spare"]);
    (store, agent)
}

const RUN: [&str; 10] = ["weft", "run", "-d", "--net", "overlay", "--name", "two", "--", "sleep", "9"];
const ATTACH: [&str; 8] =
    ["weft", "attach", "--netns", "/run/netns/spare", "--net", "overlay", "--name", "spare"];

/// Refuses what needs the disk, says why, and keeps nothing of it.
fn refuses(host: &Host, why: &str) {
    for command in [&RUN[..], &ATTACH[..]] {
        let refusal = host.refused(command);
        assert!(refusal.contains("/var/lib/weft") && refusal.contains(why), "{refusal}");
    }
    assert!(!host.run(&["weft", "ps", "-a"]).contains("two"));
    until("nothing is left of what was refused", SOON, || {
        let there = host.run(&["weft", "endpoint", "ls"]) + &host.run(&["ip", "netns"]);
        !there.contains("two") && !there.contains("spare ") && there.matches("weft-run-").count() == 1
    });
}

/// The disk is as it should be: everything works, and all of it goes.
fn works(host: &Host) {
    host.run(&RUN);
    host.run(&ATTACH);
    host.run(&["weft", "rm", "-f", "two"]);
    host.run(&["weft", "detach", "--net", "overlay", "--name", "spare"]);
    until("all is gone", SOON, || host.output(&["weft", "network", "rm", "overlay"]).status.success());
    until("also from the kernel", SOON, || !host.run(&["ip", "netns"]).contains("weft"));
}

#[test]
fn a_full_disk_refuses_what_is_new_and_lets_go_of_the_rest() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let (_store, _agent) = on_a_small_disk(host);
    host.output(&["dd", "if=/dev/zero", "of=/var/lib/weft/fill", "bs=1k"]);
    refuses(host, "No space left");
    host.run(&["weft", "rm", "-f", "one"]);
    assert_eq!(host.run(&["weft", "endpoint", "ls", "-q"]), "");
    host.run(&["rm", "/var/lib/weft/fill"]);
    works(host);
}

#[test]
fn a_disk_that_cannot_be_written_keeps_nothing_from_running() {
    let Some(world) = World::up(1) else { return };
    let host = world.host(1);
    let (_store, mut agent) = on_a_small_disk(host);
    // Over itself, since it is in use.
    host.run(&["mount", "--bind", "/var/lib/weft", "/var/lib/weft"]);
    host.run(&["mount", "-o", "remount,bind,ro", "/var/lib/weft"]);
    refuses(host, "Read-only");
    assert!(host.run(&["weft", "exec", "one", "--", "hostname"]).contains("one"));
    let refusal = host.refused(&["weft", "rm", "-f", "one"]);
    assert!(refusal.contains("Read-only"), "{refusal}");
    host.run(&["umount", "/var/lib/weft"]);
    until("its endpoint is gone", SOON, || !host.run(&["weft", "endpoint", "ls"]).contains("one"));
    host.run(&["weft", "rm", "one"]);
    works(host);
    assert!(agent.ended().is_none());
}
